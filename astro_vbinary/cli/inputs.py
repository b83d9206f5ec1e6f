"""What commands take: stamps, how they are named, and positions of sources."""

import warnings
from contextlib import contextmanager
from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.options import manifest_option, template_option

__all__ = [
    "find_stamps",
    "header_warnings",
    "stamp_options",
]


def stamp_options(function):
    """Give a command PATH..., ``--template`` and ``--manifest``.

    Parameters
    ----------
    function : callable
        The command's function; takes ``paths``, ``templates`` and ``manifest``.

    Returns
    -------
    callable
        The same function.
    """
    for decorate in (
        manifest_option("PATH"),
        template_option,
        click.argument(
            "paths",
            nargs=-1,
            metavar="[PATH]...",
            type=click.Path(exists=True, path_type=Path),
        ),
    ):
        function = decorate(function)
    return function


def find_stamps(paths, templates, manifest):
    """An index of the stamps that a command was given.

    Parameters
    ----------
    paths : sequence of `~pathlib.Path`
        Files and folders.
    templates : sequence of str
        How files are named; the usual ways where there is none.
    manifest : `~pathlib.Path` or None
        A table instead.

    Returns
    -------
    `~astro_vbinary.stamps.StampIndex`
        The index.

    Raises
    ------
    click.UsageError
        If there are both paths and a manifest, or neither.
    Failure
        If a template or the manifest cannot be understood, or there is no stamp.
    """
    if bool(paths) == bool(manifest):
        raise click.UsageError("give either PATH or --manifest")
    if manifest and templates:
        raise click.UsageError("a manifest needs no --template")
    from astro_vbinary.stamps import StampIndex

    try:
        if manifest:
            index = StampIndex.from_manifest(manifest)
        else:
            named = {"templates": templates} if templates else {}
            index = StampIndex.from_paths(paths, **named)
    except ValueError as error:
        raise Failure(str(error)) from error
    if not index and not index.rejected:
        where = ", ".join(str(path) for path in (paths or [manifest]))
        raise Failure(
            f"no stamps in {where}: files are expected to be named "
            "{source}_{band}_{survey}.fits (see --template and --manifest)"
        )
    return index


@contextmanager
def header_warnings(*, shown=False):
    """Keep the many warnings about odd FITS headers off the terminal.

    Warnings of this package are shown, once each.

    Parameters
    ----------
    shown : bool, optional
        Whether to show all of them after all.

    Yields
    ------
    None
        For the length of a ``with`` block.
    """
    from astropy.utils.exceptions import AstropyWarning

    from astro_vbinary.exceptions import VBinaryWarning

    with warnings.catch_warnings():
        if not shown:
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.filterwarnings("default", category=VBinaryWarning)
        yield
