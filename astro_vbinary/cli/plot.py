"""``astro-vbinary plot``: figures of stamps."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import overwrite_option, quiet_option

__all__ = ["KINDS", "command"]

#: Kinds of figure, and what they show.
KINDS = {
    "stack": "the bands of one source in one survey",
    "peaks": "the co-added bands beside their surface",
    "source": "one source in all its surveys, on one scale",
}

#: Endings that make -o a file.
SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp")


@click.command("plot", short_help="Draw stamps, peaks and sources.")
@stamp_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A figure (.png, .pdf, .svg, .jpg), or a folder for one figure each.",
)
@click.option(
    "--kind",
    type=LazyChoice("astro_vbinary.cli.plot:KINDS", "kind"),
    default="stack",
    show_default=True,
    help="What to draw.",
)
@click.option("--source", help="Draw this source only.")
@click.option("--survey", help="Draw this survey only.")
@click.option(
    "--align/--no-align",
    default=False,
    help="Draw aligned bands, north up; else each in its own pixels.",
)
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx,
    paths,
    templates,
    manifest,
    output,
    kind,
    source,
    survey,
    align,
    overwrite,
    quiet,
):
    """Draw stamps with the 2.5-arcsec circle of a visual binary.

    \b
    The kinds of figure are
      stack    the bands of one source in one survey
      peaks    the co-added bands beside their surface: two stars are two peaks
      source   one source in all its surveys, on one scale

    \b
    Examples:
      astro-vbinary plot stamps/ -o figures/
      astro-vbinary plot stamps/ -o 22466.png --kind source --source 22466
      astro-vbinary plot stamps/ -o peaks.pdf --kind peaks --source 22466 --survey HST

    \b
    Exit codes:
      0    every figure is drawn
      3    some figures could not be drawn, the others are
      1    nothing is drawn
      2    the command line could not be understood
      130  stopped by Ctrl-C
    """
    import matplotlib as mpl
    from tqdm import tqdm

    from astro_vbinary.exceptions import VBinaryError

    # A command draws files: no window may open, and none is needed.
    mpl.use("agg")
    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        jobs = _jobs(index, kind, source, survey)
        files = _outputs(output, jobs, kind, overwrite)
        lost = []
        for key, path in tqdm(
            files.items(), unit="figure", disable=True if quiet else None
        ):
            try:
                _draw(jobs[key], path, kind, align)
            except (VBinaryError, ValueError) as error:
                lost.append((key, str(error)))
    for key, reason in lost:
        click.echo(f"not drawn: {' in '.join(key)}: {reason}", err=True)
    if len(lost) == len(files):
        raise Failure("nothing could be drawn")
    if not quiet:
        click.echo(f"{len(files) - len(lost):,} of {len(files):,} figures: {output}")
    ctx.exit(PARTLY if lost else DONE)


def _jobs(index, kind, source, survey):
    """Groups of files by what their figure is of: (source, survey) or (source,)."""
    from astro_vbinary.surveys import get_survey

    wanted = get_survey(survey).name if survey else None
    chosen = {
        key: files
        for key, files in index.groups().items()
        if source in (None, key[0]) and wanted in (None, key[1])
    }
    if not chosen:
        names = sorted({key[0] for key in index.groups()})
        known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        what = " in ".join(filter(None, (source, wanted)))
        raise Failure(
            f"no stamps of {what or 'any source'}; sources: {known or 'none'}"
        )
    jobs = {}
    for key, files in chosen.items():
        jobs.setdefault(key[:1] if kind == "source" else key, []).append(files)
    return jobs


def _outputs(output, jobs, kind, overwrite):
    """The file of each figure."""
    from astro_vbinary.cli.outputs import check_file, check_folder

    if output.suffix.lower() in SUFFIXES:
        if len(jobs) > 1:
            raise Failure(
                f"{len(jobs)} figures do not fit into {output}: give a folder, or "
                "choose with --source and --survey"
            )
        check_file(output, overwrite=overwrite)
        return dict.fromkeys(jobs, output)
    check_folder(output)
    files = {
        key: output / ("_".join([*key, kind]).replace("/", "-") + ".png")
        for key in jobs
    }
    for path in files.values():
        check_file(path, overwrite=overwrite)
    return files


def _draw(groups, path, kind, align):
    import matplotlib.pyplot as plt

    from astro_vbinary.cli.outputs import replacing
    from astro_vbinary.exceptions import StampError
    from astro_vbinary.plotting import plot_peaks, plot_source, plot_stack
    from astro_vbinary.stamps import StampStack

    stacks, error = [], None
    for files in groups:
        try:
            stacks.append(StampStack.read_files(files, on_error="drop"))
        except StampError as failed:
            error = failed
    if not stacks:
        raise error
    if align or kind == "peaks":
        stacks = [stack.align() for stack in stacks]
    if kind == "source":
        fig = plot_source(stacks)
    elif kind == "peaks":
        fig = plot_peaks(stacks[0].coadd())
    else:
        fig = plot_stack(stacks[0])
    try:
        with replacing(path) as part:
            fig.savefig(part, dpi=150)
    finally:
        plt.close(fig)
