"""Part files: the rows of one chunk each, written whole or not at all."""

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path

from astro_vbinary.classification.result import COLUMNS, KINDS

__all__ = ["hash_file", "read_part", "whole_file", "write_part"]


@contextmanager
def whole_file(path):
    """Write a file whole or not at all, also where the power fails.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where to; what is there is replaced at the end.

    Yields
    ------
    `~pathlib.Path`
        What to write to in the ``with`` block: a hidden file of the same ending in the
        same folder, removed if the block fails.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Make a new name in a folder last; only POSIX systems can, or need to."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hash_file(path):
    """The hash of a file.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Returns
    -------
    str or None
        SHA-256 in hexadecimal; None where it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def write_part(path, columns):
    """Write the rows of a chunk.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where to, a Parquet file.
    columns : dict of str to list
        As `~astro_vbinary.pipeline.work.work` returns them.

    Returns
    -------
    str
        The file's SHA-256.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow_type(pa, name)) for name, _, _ in COLUMNS])
    with whole_file(path) as part:
        pq.write_table(pa.table(columns, schema=schema), part)
        return hash_file(part)


def read_part(path, names=None):
    """Read the rows of a chunk.

    Parameters
    ----------
    path : `~pathlib.Path`
        A part.
    names : list of str, optional
        The columns; all by default.

    Returns
    -------
    `pyarrow.Table`
        The rows.
    """
    import pyarrow.parquet as pq

    # One file, without what a data set of many would bring: threads, and their memory.
    with pq.ParquetFile(path) as file:
        return file.read(columns=names, use_threads=False)


def _arrow_type(pa, name):
    return pa.from_numpy_dtype(KINDS[name]) if name in KINDS else pa.string()
