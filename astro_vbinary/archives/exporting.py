"""The manifest as a table of astropy."""

import numpy as np
from astropy.table import MaskedColumn, QTable, Table

from astro_vbinary.archives.manifest import Manifest
from astro_vbinary.archives.records import manifest_path
from astro_vbinary.stamps.tables import save_table

__all__ = ["read_manifest", "write_manifest"]

#: Columns of the table, with their types and units.
COLUMNS = {
    "path": (str, None),
    "source": (str, None),
    "survey": (str, None),
    "band": (str, None),
    "ra": (float, "deg"),
    "dec": (float, "deg"),
    "outcome": (str, None),
    "reason": (str, None),
    "size": (float, "arcsec"),
    "origin": (str, None),
    "archive": (str, None),
    "pixel_scale": (float, "arcsec"),
    "attempts": (int, None),
    "bytes": (int, "byte"),
    "unit": (str, None),
    "zero_point": (float, "mag"),
    "epoch": (float, "d"),
    "url": (str, None),
    "sha256": (str, None),
    "file_sha256": (str, None),
    "key": (str, None),
    "ended": (float, "s"),
}


def read_manifest(output, *, files_only=False):
    """What was asked for, and how it ended, as a table.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The folder of stamps, or its ``manifest.sqlite``.
    files_only : bool, optional
        Only the rows that have a file: a table that `~astro_vbinary.StampIndex` takes
        as a manifest. Of one source, survey and band only one is kept, that of the
        survey's own archive before the others.

    Returns
    -------
    `~astropy.table.Table`
        One row a request; what is not known is masked. ``path`` is relative to the
        folder, ``outcome`` empty for what is still to do, ``epoch`` a Modified Julian
        Date, and ``ended`` Unix time.

    Raises
    ------
    FileNotFoundError
        If there is no manifest.
    """
    path = manifest_path(output)
    if not path.is_file():
        raise FileNotFoundError(f"there is no manifest {path}")
    with Manifest(path) as manifest:
        names, rows = manifest.rows(files_only=files_only)
    if files_only:
        rows = _one_each(names, rows)
    columns = dict(zip(names, zip(*rows, strict=True), strict=False))
    table = Table()
    for name, (kind, unit) in COLUMNS.items():
        values = columns.get(name, ())
        missing = [value is None for value in values]
        filled = [kind() if value is None else value for value in values]
        dtype = np.int64 if kind is int else kind
        column = MaskedColumn(filled, name=name, dtype=None if filled else dtype)
        column.mask = missing
        column.unit = unit
        table[name] = column
    return table


def _one_each(names, rows):
    """One row for each source, survey and band, in the order of the rows."""
    place = [names.index(name) for name in ("source", "survey", "band")]
    origin, best = names.index("origin"), {}
    for row in rows:
        key = tuple(row[n] for n in place)
        known = best.get(key)
        if known is None or _rank(row[origin]) < _rank(known[origin]):
            best[key] = row
    return list(best.values())


def _rank(origin):
    return ("native", "local", "hips").index(origin)


def write_manifest(output, path, *, overwrite=False):
    """Write the manifest as a table.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The folder of stamps, or its ``manifest.sqlite``.
    path : str or `~pathlib.Path`
        The table: ``.ecsv``, ``.parquet``, or any other suffix that astropy knows.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    FileNotFoundError
        If there is no manifest.
    OSError
        If the file exists and may not be replaced.
    """
    table = read_manifest(output)
    if str(path).endswith(".parquet"):
        table = QTable(table)
    save_table(table, path, overwrite=overwrite)
