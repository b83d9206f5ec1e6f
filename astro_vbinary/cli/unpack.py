"""``astro-vbinary unpack``: the FITS files in shards, as they were."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, FAILED, PARTLY, Failure
from astro_vbinary.cli.options import overwrite_option, quiet_option
from astro_vbinary.cli.outputs import check_folder, folder_option

__all__ = ["command"]


@click.command("unpack", short_help="Restore the FITS files in shards, bit for bit.")
@click.argument(
    "shards",
    nargs=-1,
    required=True,
    metavar="SHARDS...",
    type=click.Path(exists=True, path_type=Path),
)
@folder_option("files")
@overwrite_option
@quiet_option
@click.pass_context
def command(ctx, shards, output, overwrite, quiet):
    """Restore the FITS files that "astro-vbinary pack" has put into shards.

    SHARDS is a folder of shards, or one of them. The files have their names and
    folders again, and every one is checked against its SHA-256. One whose bytes are
    damaged is not written; the others are.

    \b
    Examples:
      astro-vbinary unpack shards/ -o stamps/
      astro-vbinary unpack shards/healpix=1376/001-of-001.hdf5 -o some/

    \b
    Exit codes:
      0    every file was restored
      3    files were restored, but not all: shards or rows are damaged, and listed
      1    nothing was restored
      2    the command line could not be understood
      130  stopped by Ctrl-C; the files written by then are whole
    """
    from astro_vbinary.cli.console import count
    from astro_vbinary.stamps import unpack

    check_folder(output)
    try:
        report = unpack(shards, output, overwrite=overwrite, progress=not quiet)
    except ValueError as error:
        raise Failure(str(error)) from error
    for path, reason in report.lost:
        click.echo(f"not restored: {path}: {reason}", err=True)
    if not quiet:
        click.echo(
            f"{count(report.files, 'file')} ({report.size / 1e6:,.1f} MB) from "
            f"{count(report.shards, 'shard')}: {output}"
        )
    if not report.files:
        ctx.exit(FAILED)
    ctx.exit(PARTLY if report.lost else DONE)
