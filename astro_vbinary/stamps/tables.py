"""Tables: read those that users bring, and write results."""

from pathlib import Path

import numpy as np
from astropy.table import QTable, Table

__all__ = [
    "FORMATS",
    "cell_text",
    "check_ending",
    "load_table",
    "read_table",
    "save_table",
    "write_table",
]

#: File endings and the formats of astropy's tables that they stand for.
FORMATS = {
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".vot": "votable",
    ".xml": "votable",
    ".votable": "votable",
    ".fits": "fits",
    ".parquet": "parquet",
}


def read_table(path, what, *, units=False):
    """Read a table of any format that astropy knows.

    Whole numbers of a CSV file that are written with leading zeros, such as the names
    ``007`` and ``042``, stay as they are written.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.
    what : str
        What it is, for the messages.
    units : bool, optional
        Whether columns with units become quantities.

    Returns
    -------
    `~astropy.table.Table`
        The table, a `~astropy.table.QTable` with ``units``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no {what} {path}")
    try:
        table = load_table(path, QTable if units else Table)
        if Path(path).suffix.lower() == ".csv":
            _keep_zeros(table, path)
        return table
    except Exception as error:  # every format of astropy fails in its own way
        raise ValueError(f"the {what} {path} cannot be read: {error}") from error


def _keep_zeros(table, path):
    numbers = [name for name in table.colnames if table[name].dtype.kind in "iu"]
    if not numbers:
        return
    text = load_table(path, include_names=numbers, converters={"*": str})
    for name in text.colnames:
        if any(str(cell).startswith("0") and str(cell) != "0" for cell in text[name]):
            table[name] = text[name]


def load_table(path, kind=Table, **options):
    """Read a table; text is UTF-8, whatever the machine's own encoding.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.
    kind : type, optional
        `~astropy.table.Table` or `~astropy.table.QTable`.
    **options : dict, optional
        Passed to its ``read``.

    Returns
    -------
    `~astropy.table.Table`
        The table.
    """
    name = FORMATS.get(Path(path).suffix.lower(), "")
    if name.startswith("ascii."):
        options |= {"format": name, "encoding": "utf-8"}
    return kind.read(path, **options)


def save_table(table, path, *, overwrite=False):
    """Write a table in the format of the file's ending; text in UTF-8.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    path : str or `~pathlib.Path`
        Any ending that astropy knows.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    OSError
        If the file exists and may not be replaced.
    """
    path = Path(path)
    name = FORMATS.get(path.suffix.lower())
    if name is None or not name.startswith("ascii."):
        table.write(path, format=name, overwrite=overwrite)
        return
    with path.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
        table.write(file, format=name)


def cell_text(value):
    """A cell as text.

    Parameters
    ----------
    value : object
        The cell.

    Returns
    -------
    str or None
        None where it is masked or empty.
    """
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating):
        # A column of numbers with gaps is read as one of floats.
        value = "" if np.isnan(value) else f"{value:.15g}"
    return str(value).strip() or None


def check_ending(path):
    """Raise unless a file's ending tells the format of a table.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.

    Raises
    ------
    ValueError
        If the ending is unknown.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"unknown ending {path.suffix!r} of {path}; known: {known}")


def write_table(table, path, *, overwrite=False):
    """Write a result's table in the format of the file's ending.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The table; what the format cannot hold is taken out of it.
    path : str or `~pathlib.Path`
        One of the endings in `FORMATS`.
    overwrite : bool, optional
        Whether an existing file may be replaced.
    """
    path = Path(path)
    if path.suffix in (".vot", ".xml", ".votable"):
        table.meta.clear()
    if path.suffix == ".fits":
        _make_ascii(table)
    save_table(table, path, overwrite=overwrite)


def _make_ascii(table):
    """Escape what FITS cannot hold, so that one name does not cost the table."""
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind != "U" or all(str(cell).isascii() for cell in column):
            continue
        encoded = np.char.encode(np.asarray(column), "ascii", "backslashreplace")
        made = type(column)(np.char.decode(encoded, "ascii"))
        if hasattr(column, "mask"):
            made.mask = column.mask
        made.info.description = column.info.description
        made.info.meta = column.info.meta
        table[name] = made
