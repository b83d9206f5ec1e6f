"""``astro-vbinary catalog``: one verdict a source, measured, with what is around."""

from pathlib import Path

import click

from astro_vbinary.cli.console import count
from astro_vbinary.cli.exits import DONE, INTERRUPTED, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings
from astro_vbinary.cli.options import (
    given_prior_option,
    manifest_option,
    quiet_option,
    seed_option,
    stamps_option,
    template_option,
    workers_option,
)
from astro_vbinary.cli.outputs import check_folder, folder_option

__all__ = ["catalog_options", "command", "make_folder"]

#: Services that tables can be had from.
SERVICES = ("gaia", "2mass")


def catalog_options(function):
    """Give a command the options of what a catalogue holds.

    Parameters
    ----------
    function : callable
        The command's function; takes ``neighbours``, ``gaia``, ``wds``, ``prevalence``,
        ``min_probability``, ``psf`` and ``formats``.

    Returns
    -------
    callable
        The same function.
    """
    for decorate in reversed(
        (
            click.option(
                "--neighbours",
                metavar="TABLE|gaia|2mass",
                help="Stars around the sources (ra, dec, magnitude), for the expected "
                "number of chance neighbours; or a catalogue to fetch them from.",
            ),
            click.option(
                "--gaia",
                metavar="TABLE|gaia",
                help="Gaia's sources, with the columns of its archive or of VizieR; or "
                "fetched, with the word gaia.",
            ),
            click.option(
                "--wds",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="TABLE",
                help="The Washington Double Star catalogue: WDS, ra, dec, sep2, pa2.",
            ),
            click.option(
                "--prevalence",
                type=click.FloatRange(0, 1, min_open=True, max_open=True),
                metavar="SHARE",
                help="Share of pairs that you expect among the sources before anything "
                "is seen of them; by default that of --prior, and 0.02 without one.",
            ),
            click.option(
                "--min-probability",
                type=click.FloatRange(0, 1),
                metavar="P",
                help="Measure the sources to which a survey gives at least this "
                "probability, instead of those that one calls binary; 0 for all.",
            ),
            click.option(
                "--psf",
                default="model",
                show_default=True,
                metavar="model|stars|FOLDER",
                help='The PSF; see "astro-vbinary measure".',
            ),
            click.option(
                "--format",
                "formats",
                multiple=True,
                type=click.Choice(["csv", "vot", "fits", "parquet"]),
                help="Write catalog.FORMAT too; can be repeated.",
            ),
            click.option(
                "--report/--no-report",
                default=True,
                help="Whether report.html is written, the catalogue as a page.",
            ),
        )
    ):
        function = decorate(function)
    return function


@click.command("catalog", short_help="One verdict a source, measured, with context.")
@click.argument("verdicts", type=click.Path(exists=True, path_type=Path))
@stamps_option()
@manifest_option("--stamps")
@template_option
@folder_option("catalogue")
@catalog_options
@given_prior_option
@click.option(
    "--positions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TABLE",
    help="Table of positions: source, ra, dec, and perhaps pmra, pmdec, ref_epoch.",
)
@workers_option()
@seed_option
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace a catalogue, and start anew what was begun otherwise.",
)
@quiet_option
@click.pass_context
def command(
    ctx,
    verdicts,
    stamps,
    manifest,
    templates,
    output,
    positions,
    overwrite,
    quiet,
    **options,
):
    """Make the catalogue of what "classify" or "run" gave verdicts on.

    VERDICTS is their table. Candidates are measured in their stamps, in all surveys;
    what the surveys say of a source becomes one probability, by what each of them could
    have seen; and chance neighbours, Gaia and the Washington catalogue are looked up
    where they are given. The folder gets catalog.ecsv, one row a source; verdicts.ecsv
    and pairs.ecsv, one row a source and survey; and report.html, a page that shows it.

    What is measured is kept in the folder. After Ctrl-C, a crash or a full disk, the
    same command goes on where it was.

    \b
    Examples:
      astro-vbinary catalog verdicts.ecsv --stamps stamps/ -o catalog/
      astro-vbinary catalog verdicts.ecsv --stamps stamps/ -o catalog/ --format vot
      astro-vbinary catalog v.ecsv --stamps stamps/ -o out/ --neighbours 2mass.fits
      astro-vbinary catalog v.ecsv --stamps stamps/ -o out/ --gaia gaia --wds wds.vot
      astro-vbinary catalog v.ecsv --stamps stamps/ -o out/ --min-probability 0.2

    \b
    Exit codes:
      0    the catalogue is written
      3    the catalogue is written, but some files could not be measured
      1    nothing was written, or what was done is kept
      2    the command line could not be understood
      130  stopped by Ctrl-C; the same command goes on
    """
    if bool(stamps) == bool(manifest):
        raise click.UsageError("give either --stamps or --manifest")
    with header_warnings():
        index = find_stamps(stamps, templates, manifest)
        summary = make_folder(
            ctx,
            verdicts,
            index,
            output,
            positions=positions,
            overwrite=overwrite,
            quiet=quiet,
            **options,
        )
    ctx.exit(PARTLY if summary.failed else DONE)


def make_folder(
    ctx,
    verdicts,
    index,
    output,
    *,
    positions,
    overwrite,
    quiet,
    neighbours,
    gaia,
    wds,
    prevalence,
    min_probability,
    psf,
    formats,
    report,
    prior,
    workers,
    seed=0,
):
    """Write the folder of a catalogue, and say what it came to.

    Parameters
    ----------
    ctx : `click.Context`
        The command's.
    verdicts : `~pathlib.Path`
        The table of verdicts.
    index : `~astro_vbinary.stamps.StampIndex`
        The stamps.
    output : `~pathlib.Path`
        The folder.
    positions : `~pathlib.Path` or None
        Table of sources.
    overwrite, quiet : bool
        As the options.
    neighbours, gaia : str or None
        As the options.
    wds : `~pathlib.Path` or None
        As the option.
    prevalence, min_probability : float or None
        As the options.
    psf : str
        As the option.
    formats : sequence of str
        Without their dots.
    report : bool
        As the option.
    prior : float or None
        As the option.
    workers, seed : int or None
        As the options.

    Returns
    -------
    `~astro_vbinary.pipeline.CatalogSummary`
        What it came to.

    Raises
    ------
    Failure
        If something is not as it has to be.
    """
    from astro_vbinary.pipeline import FusionSettings, RunInterrupt, build_catalog
    from astro_vbinary.stamps.targets import read_targets

    check_folder(output)
    try:
        context = _context(verdicts, neighbours, gaia, wds)
        summary = build_catalog(
            verdicts,
            index,
            output,
            min_probability=min_probability,
            psf=psf,
            targets=read_targets(positions) if positions else None,
            seed=seed,
            settings=FusionSettings(
                prevalence=prevalence or prior or 0.02, prior=prior
            ),
            formats=[f".{name}" for name in formats],
            workers=workers,
            overwrite=overwrite,
            progress=not quiet,
            **context,
        )
    except RunInterrupt as stop:
        click.echo(
            f"\nStopped after {stop.done:,} of {stop.total:,} sources; run the same "
            "command again to go on.",
            err=True,
        )
        ctx.exit(INTERRUPTED)
    except ValueError as error:
        raise Failure(str(error)) from error
    if not quiet:
        _tell(summary)
    if report:
        from astro_vbinary.vetting import write_report

        path = output / "report.html"
        write_report(output, path, stamps=index, progress=not quiet)
        if not quiet:
            click.echo(f"Report:    {path}")
    return summary


def _context(verdicts, neighbours, gaia, wds):
    """Tables of what is around the sources, read or fetched."""
    from astro_vbinary.context import NeighbourCounts
    from astro_vbinary.stamps.tables import read_table

    found = {}
    if gaia is not None:
        found["gaia"] = _table(gaia, "table of Gaia", verdicts)
    if neighbours is not None:
        same = "gaia" in found and neighbours == gaia
        table = found["gaia"] if same else None
        if table is None:
            table = _table(neighbours, "table of neighbours", verdicts)
        found["neighbours"] = NeighbourCounts.from_table(table)
    if wds is not None:
        found["wds"] = read_table(wds, "Washington catalogue")
    return found


def _table(name, what, verdicts):
    if name not in SERVICES:
        from astro_vbinary.stamps.tables import read_table

        return read_table(name, what)
    import astropy.units as u
    import numpy as np
    from astropy.coordinates import SkyCoord

    from astro_vbinary.context import fetch_2mass, fetch_gaia
    from astro_vbinary.stamps.tables import read_table

    table = read_table(verdicts, "table of verdicts")
    good = np.isfinite(np.asarray(table["ra"], float))
    places = SkyCoord(table["ra"][good], table["dec"][good], unit="deg")
    if not len(places):
        raise Failure(f"{verdicts} has no position to fetch stars around")
    middle = SkyCoord(places.cartesian.mean(), frame="icrs").icrs
    middle = SkyCoord(middle.ra, middle.dec)
    radius = places.separation(middle).max() + 5 * u.arcmin
    if radius > 3 * u.deg:
        raise Failure(
            f"sources are up to {radius.to(u.deg):.1f} apart from their middle, and "
            "stars are fetched to 3 deg: give a table instead"
        )
    fetch = fetch_gaia if name == "gaia" else fetch_2mass
    return fetch(middle, radius)


def _tell(summary):
    labels = ", ".join(f"{n:,} {name}" for name, n in summary.labels.items())
    click.secho(f"{count(summary.sources, 'source')}: {labels}", bold=True)
    click.echo(f"{count(summary.measured, 'stack')} measured", nl=False)
    click.echo(f", {summary.failed:,} could not be" if summary.failed else "")
    for name, number in summary.flags.items():
        click.echo(f"  {number:,} {name}")
    click.echo(f"\nCatalogue: {Path(summary.folder) / 'catalog.ecsv'}")
