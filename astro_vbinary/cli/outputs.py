"""Where results go: checked before the work, written whole or not at all."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure

__all__ = ["check_file", "check_folder", "check_table", "folder_option", "replacing"]


def folder_option(what):
    """The option ``--output`` of commands that write many files.

    Parameters
    ----------
    what : str
        The files.

    Returns
    -------
    callable
        A decorator.
    """
    return click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"Folder for the {what}; made where it is missing.",
    )


def check_table(path, *, overwrite):
    """Raise unless a table can be written to a path.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where to.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    Failure
        If the ending is unknown, the file exists, or its folder is missing or
        cannot be written to.
    """
    from astro_vbinary.classification.result import FORMATS

    if path.suffix not in FORMATS:
        raise Failure(
            f"unknown ending {path.suffix!r} of {path}; known: {', '.join(FORMATS)}"
        )
    check_file(path, overwrite=overwrite)


def check_file(path, *, overwrite):
    """Raise unless a file can be written to a path.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where to.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    Failure
        If the file exists, or its folder is missing or cannot be written to.
    """
    if path.is_dir():
        raise Failure(f"{path} is a folder, not a file")
    if path.exists() and not overwrite:
        raise Failure(f"{path} exists; give --overwrite to replace it")
    _try_to_write(path.parent)


def check_folder(folder):
    """Make a folder where it is missing, and raise unless it can be written to.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder.

    Raises
    ------
    Failure
        If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file of that name exists" if folder.exists() else error.strerror
        raise Failure(f"cannot make the folder {folder}: {reason}") from error
    _try_to_write(folder)


@contextmanager
def replacing(path):
    """Write a file whole or not at all.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where to; what is there is replaced at the end.

    Yields
    ------
    `~pathlib.Path`
        What to write to in the ``with`` block: a file of the same ending in the
        same folder, removed if the block fails.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_table(table, path):
    """Write a table in the format of the file's ending, whole or not at all.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : `~pathlib.Path`
        Where to; what is there is replaced.
    """
    from astro_vbinary.stamps.tables import save_table

    with replacing(path) as part:
        save_table(table, part)


def _try_to_write(folder):
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"cannot write in {folder}: {error.strerror}") from error
