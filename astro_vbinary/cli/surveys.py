"""`"astro-vbinary surveys"`: telescopes, resolutions and groups."""

from pathlib import Path

import click

from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import overwrite_option

__all__ = ["command"]


@click.command("surveys", short_help="Apertures, resolutions, groups.")
@click.option(
    "--policy",
    type=LazyChoice("astro_vbinary.surveys.groups:POLICIES", "policy"),
    help="Show the groups of one policy; by default of both.",
)
@click.option(
    "--apertures",
    type=LazyChoice("astro_vbinary.surveys.groups:APERTURES", "apertures"),
    default="true",
    show_default=True,
    help="Of the telescopes, or as printed in Table 1 of the reference work, which "
    "lists eleven surveys.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Also write the table: .ecsv, .csv, .vot, .fits or .parquet.",
)
@overwrite_option
def command(policy, apertures, output, overwrite):
    """Show all known surveys: apertures, resolutions and resolution groups.

    The published policy groups surveys by the Rayleigh limit of the telescope at
    550 nm. The effective policy groups them by the width (FWHM) of a star in the
    sharpest band: what the images can really resolve. A survey whose stars are wider
    than 2.5 arcsec never gets a verdict.

    \b
    Examples:
      astro-vbinary surveys
      astro-vbinary surveys --policy published --apertures paper
      astro-vbinary surveys -o surveys.ecsv
    """
    from astro_vbinary.cli.outputs import check_table, write_table

    if apertures == "paper" and policy == "effective":
        raise click.UsageError("the effective policy asks for no apertures")
    if output:
        check_table(output, overwrite=overwrite)
    table = _table(policy, apertures)
    _show(table, apertures)
    if output:
        write_table(table, output)
        click.echo(f"\nTable: {output}")


def _table(policy, apertures):
    import numpy as np

    from astro_vbinary.surveys import (
        REFERENCE_WAVELENGTH,
        rayleigh_resolution,
        surveys_table,
    )

    table = surveys_table(policy=policy)
    if apertures == "true":
        if "group_paper" in table.colnames:
            table.remove_column("group_paper")
        table.remove_column("paper_aperture")
        return table
    table = table[np.isfinite(table["paper_aperture"].value)]
    table["aperture"] = table["paper_aperture"]
    limits = rayleigh_resolution(REFERENCE_WAVELENGTH, table["aperture"])
    table["rayleigh"][:] = limits
    table["group_published"] = np.asarray(table["group_paper"], dtype=int)
    table.remove_columns(["paper_aperture", "group_paper"])
    return table


def _show(table, apertures):
    from astro_vbinary.cli.console import print_table

    groups = [name for name in table.colnames if name.startswith("group_")]
    heads = [name.removeprefix("group_") for name in groups]
    wide = ["D (m)", "Rayleigh", "FWHM", "pixel", *heads]
    click.echo(
        "Angles in arcsec: Rayleigh limit at 550 nm, FWHM of a star and pixel in the "
        "sharpest band.\n"
        + (
            "Apertures as the reference work prints them.\n"
            if apertures == "paper"
            else ""
        )
    )
    print_table(
        ["survey", *wide, "2.5 arcsec", "bands"],
        [
            [
                row["name"],
                f"{row['aperture'].value:.2f}",
                f"{row['rayleigh'].value:.3f}",
                f"{row['fwhm'].value:.2f}",
                f"{row['pixel_scale'].value:.3f}",
                *(str(row[name]) for name in groups),
                click.style("resolved", fg="green")
                if row["resolves_binaries"]
                else click.style("unresolved", fg="yellow"),
                _short(row["bands"]),
            ]
            for row in table
        ],
        right=wide,
    )


def _short(bands, most=6):
    names = bands.split()
    if len(names) <= most:
        return " ".join(names)
    return f"{' '.join(names[: most - 1])} ... ({len(names)})"
