"""``astro-vbinary pack``: many stamps into few files."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import quiet_option

__all__ = ["command"]


@click.command("pack", short_help="Many stamps into few files that read faster.")
@stamp_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the shards; it is there whole or not at all.",
)
@click.option(
    "--compression",
    type=LazyChoice("astro_vbinary.stamps.shards.writing:COMPRESSIONS", "method"),
    default="none",
    show_default=True,
    help="How shards are compressed; those that are not read fastest.",
)
@click.option("--overwrite", is_flag=True, help="Replace a folder of shards.")
@quiet_option
@click.pass_context
def command(ctx, paths, templates, manifest, output, compression, overwrite, quiet):
    """Write stamps into shards: HDF5 files with one row for each FITS file.

    Every command that takes a folder of stamps takes the folder of shards, and gives
    the same results. The files are kept bit for bit, the damaged ones too, and
    "astro-vbinary unpack" restores them. There is one shard for each HEALPix pixel
    (nside 16): some 14 square degrees.

    \b
    Examples:
      astro-vbinary pack stamps/ -o shards/
      astro-vbinary classify shards/ -o verdicts.ecsv
      astro-vbinary pack stamps/ -o shards/ --compression gzip --overwrite
      astro-vbinary pack --manifest files.csv -o shards/
      astro-vbinary unpack shards/ -o stamps-again/

    \b
    Exit codes:
      0    every file was packed
      3    the shards are written, but some files could not be read; they are listed
      1    nothing was written
      2    the command line could not be understood
      130  stopped by Ctrl-C; nothing was written
    """
    from astro_vbinary.cli.console import count
    from astro_vbinary.stamps import pack
    from astro_vbinary.stamps.shards.writing import check_output

    # Before all else, so that nobody waits for a refusal.
    check_output(output, overwrite=overwrite)
    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        try:
            report = pack(
                index,
                output,
                root=paths[0] if len(paths) == 1 and paths[0].is_dir() else None,
                compression=compression,
                overwrite=overwrite,
                progress=not quiet,
            )
        except ValueError as error:
            raise Failure(str(error)) from error
    for path, reason in report.lost:
        click.echo(f"not packed: {path}: {reason}", err=True)
    if not quiet:
        click.echo(
            f"{count(report.files, 'file')} ({report.size / 1e6:,.1f} MB) in "
            f"{count(report.shards, 'shard')}: {output}"
        )
        if index.ignored:
            click.echo(f"{count(index.ignored, 'other file')} left out: no stamps")
    ctx.exit(PARTLY if report.lost else DONE)
