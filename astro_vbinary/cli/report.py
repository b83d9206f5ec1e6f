"""``astro-vbinary report``: a catalogue as one HTML file."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings
from astro_vbinary.cli.options import (
    overwrite_option,
    quiet_option,
    stamps_option,
    template_option,
)
from astro_vbinary.cli.outputs import check_file, replacing

__all__ = ["command"]


@click.command("report", short_help="One HTML page: the sample and its candidates.")
@click.argument(
    "results", metavar="RESULTS", type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The page: .html.",
)
@stamps_option("File or folder of stamps, for images of the candidates")
@template_option
@click.option(
    "--candidates",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    metavar="N",
    help="How many candidates have images and all columns, the most probable first.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, path_type=Path),
    help="Labels, a table or a folder, to show how reliable the probabilities are.",
)
@click.option(
    "--completeness",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Table of "astro-vbinary completeness" to show below the pairs.',
)
@click.option("--title", default="Visual binaries", show_default=True)
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx,
    results,
    output,
    stamps,
    templates,
    candidates,
    labels,
    completeness,
    title,
    overwrite,
    quiet,
):
    """Write RESULTS as one HTML file that opens anywhere, without a network.

    RESULTS is a folder with catalog.ecsv, verdicts.ecsv and pairs.ecsv (pairs and one
    of the others may be missing), or a table of verdicts or a catalogue. The page
    shows the sample at a glance, then the candidates in a table that can be sorted and
    filtered: with --stamps, each with its images in all surveys at one scale, the
    measured pair, its fit and what the fit leaves.

    \b
    Examples:
      astro-vbinary report verdicts.ecsv -o report.html
      astro-vbinary report results/ -o report.html --stamps stamps/
      astro-vbinary report results/ -o report.html --stamps stamps/ --candidates 5000

    \b
    Exit codes:
      0    the page is written
      3    the page is written, but some images could not be shown
      1    nothing was written; the reason is on standard error
      2    the command line could not be understood
      130  stopped by Ctrl-C; nothing was written
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise Failure(f"unknown ending {output.suffix!r} of {output}; known: .html")
    if templates and not stamps:
        raise click.UsageError("--template needs --stamps")
    check_file(output, overwrite=overwrite)
    with header_warnings():
        index = find_stamps(stamps, templates, None) if stamps else None
        from astro_vbinary.vetting import write_report

        try:
            with replacing(output) as part:
                summary = write_report(
                    results,
                    part,
                    stamps=index,
                    candidates=candidates,
                    labels=labels,
                    completeness=completeness,
                    title=title,
                    progress=not quiet,
                )
        except ValueError as error:
            raise Failure(str(error)) from error
    if not quiet:
        click.echo(
            f"{summary.candidates:,} candidates of {summary.sources:,} sources, "
            f"{summary.pictures:,} pictures, {summary.size / 1e6:.1f} MB"
        )
        if summary.failed:
            click.echo(f"{summary.failed:,} images could not be shown, see the page")
        click.echo(f"Report: {output}")
    ctx.exit(PARTLY if summary.failed else DONE)
