"""``astro-vbinary export``: a catalogue for other programs."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.options import overwrite_option, quiet_option
from astro_vbinary.cli.outputs import check_file, replacing

__all__ = ["command"]


@click.command("export", short_help="A catalogue for DS9, CASA, TOPCAT or the WDS.")
@click.argument(
    "catalog",
    metavar="CATALOG",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help=".reg (DS9), .crtf (CASA), .wds or .txt (measure lines), or a table: .ecsv, "
    ".csv, .vot, .fits or .parquet.",
)
@click.option(
    "--label",
    metavar="LABEL",
    help="Only rows of this label, such as binary.",
)
@overwrite_option
@quiet_option
def command(catalog, output, label, overwrite, quiet):
    """Write the table CATALOG for other programs.

    CATALOG is a catalogue, a table of verdicts or of measured pairs. Regions are a
    circle of 2.5 arcsec around each source, and a line to its companion where one is
    measured. Measure lines hold epoch, position angle, separation and magnitude
    difference with their errors, in the conventions of the Washington Double Star
    Catalog; the file's first lines say which characters are what.

    \b
    Examples:
      astro-vbinary export catalog.ecsv -o binaries.reg --label binary
      astro-vbinary export pairs.ecsv -o measures.wds
      astro-vbinary export catalog.ecsv -o catalog.vot
    """
    from astro_vbinary.pipeline.formats import CATALOG_FORMATS, write_catalog
    from astro_vbinary.stamps.tables import read_table

    if output.suffix not in CATALOG_FORMATS:
        known = ", ".join(CATALOG_FORMATS)
        raise Failure(f"unknown ending {output.suffix!r} of {output}; known: {known}")
    check_file(output, overwrite=overwrite)
    try:
        table = read_table(catalog, "catalogue", units=True)
        with replacing(output) as part:
            count = write_catalog(table, part, label=label, overwrite=True)
    except ValueError as error:
        raise Failure(str(error)) from error
    if not quiet:
        what = CATALOG_FORMATS[output.suffix]
        left = len(table) - count
        note = f" ({left:,} rows of {catalog.name} are left out)" if left else ""
        click.echo(f"{count:,} rows as {what}: {output}{note}")
