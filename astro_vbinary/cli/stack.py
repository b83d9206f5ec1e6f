"""``astro-vbinary stack``: align the bands of each source and add them."""

import click

from astro_vbinary.cli.exits import DONE, FAILED, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import engine_option, overwrite_option, quiet_option
from astro_vbinary.cli.outputs import check_folder, folder_option

__all__ = ["command"]

#: Names of the files that are written.
STACK_NAME, CUBE_NAME = "{source}_stacked_{survey}", "{source}_cube_{survey}"


@click.command("stack", short_help="Align and add the bands of each source.")
@stamp_options
@folder_option("stacks")
@click.option(
    "--coadd",
    type=LazyChoice("astro_vbinary.stamps:COADD_METHODS", "method"),
    default="mean",
    show_default=True,
    help="How the bands are combined.",
)
@engine_option("auto")
@click.option(
    "--cube",
    is_flag=True,
    help="Also write {source}_cube_{survey}.fits: the aligned bands, with their "
    "masks and footprints.",
)
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx, paths, templates, manifest, output, coadd, engine, cube, overwrite, quiet
):
    """Align the bands of each source and survey, and write their stack.

    Each stack is on the grid of the survey's resolution group: north up, the target
    at the centre. It is named {source}_stacked_{survey}.fits, which the other
    commands read as any stamp.

    \b
    Examples:
      astro-vbinary stack stamps/ -o stacks/
      astro-vbinary stack stamps/ -o stacks/ --coadd inverse_variance --cube

    \b
    Exit codes:
      0    every file was used
      3    stacks are written, but some files could not be used
      1    nothing was written
      2    the command line could not be understood
      130  stopped by Ctrl-C; what was written by then is whole
    """
    from tqdm import tqdm

    from astro_vbinary.exceptions import VBinaryError

    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        check_folder(output)
        groups = index.groups()
        names = {key: _file_name(output, STACK_NAME, *key) for key in groups}
        _check_new(names.values(), overwrite)
        lost = [(file.path.name, file.reason) for file in index.rejected]
        written = 0
        for key, files in tqdm(
            groups.items(), unit="stack", disable=True if quiet else None
        ):
            try:
                dropped = _write(key, files, names[key], output, coadd, engine, cube)
            except (VBinaryError, ValueError) as error:
                lost.append((f"{key[0]} in {key[1]}", str(error)))
                continue
            written += 1
            lost += [(path.name, str(error)) for path, error in dropped]
    for name, reason in lost:
        click.echo(f"not used: {name}: {reason}", err=True)
    if not quiet:
        click.echo(f"{written:,} of {len(groups):,} stacks written to {output}")
    if not written:
        ctx.exit(FAILED)
    ctx.exit(PARTLY if lost else DONE)


def _file_name(folder, template, source, survey):
    from astro_vbinary.stamps import NamingTemplate

    try:
        name = NamingTemplate(template).format(source=source, survey=survey)
    except ValueError as error:
        raise Failure(str(error)) from error
    return folder / name


def _check_new(paths, overwrite):
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise Failure(
            f"{existing[0]} exists, and so do {len(existing) - 1} others; give "
            "--overwrite to replace them"
            if len(existing) > 1
            else f"{existing[0]} exists; give --overwrite to replace it"
        )


def _write(key, files, path, folder, coadd, engine, cube):
    """Write one stack; returns the files that were dropped."""
    from astro_vbinary.cli.outputs import replacing
    from astro_vbinary.stamps import StampStack

    stack = StampStack.read_files(files, on_error="drop")
    aligned = stack.align(engine=engine)
    with replacing(path) as part:
        aligned.coadd(coadd).write(part)
    if cube:
        with replacing(_file_name(folder, CUBE_NAME, *key)) as part:
            aligned.write(part)
    return stack.dropped
