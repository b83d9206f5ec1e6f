"""What an annotator said about a source, and the tables and folders that hold it."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary.exceptions import StampNameError, UnknownSurveyError
from astro_vbinary.stamps.files import find_files
from astro_vbinary.stamps.naming import has_fits_suffix, parse_name
from astro_vbinary.stamps.tables import cell_text, load_table, read_table, save_table
from astro_vbinary.surveys import get_survey

__all__ = [
    "ANNOTATION_LABELS",
    "Annotation",
    "now",
    "read_annotations",
    "write_annotations",
]

#: What can be said of a source, and how the page words it.
ANNOTATION_LABELS = {
    "binary": "Binary",
    "not_binary": "Not binary",
    "unsure": "Unsure",
    "bad_image": "Bad image",
}

#: Folders whose stamps are labelled by where they lie, whatever the case.
FOLDERS = {"binary": "binary", "else": "not_binary"}

#: Endings of tables, and the formats of astropy that they stand for.
FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}


def now():
    """The time as a label has it.

    Returns
    -------
    str
        UTC, ISO 8601, to the millisecond, such as ``2026-01-31T12:00:00.000Z``.
    """
    text = datetime.now(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True)
class Annotation:
    """One label: what somebody said about one source.

    Parameters
    ----------
    source : str
        Name of the source.
    survey : str
        Name of the survey that the label is about; empty for the whole source.
    label : str
        One of `ANNOTATION_LABELS`.
    annotator : str
        Who said it.
    time : str
        When, UTC in ISO 8601.
    note : str
        What they wrote with it.
    images : tuple of str
        Names of the files that were shown.
    ra, dec : float
        ICRS position of the source in degrees; NaN where it is not known.
    look : int
        1, or 2 where the source was shown again to see whether the annotator agrees
        with themselves.

    Raises
    ------
    ValueError
        If there is no source, or the label is unknown.
    """

    source: str
    survey: str = ""
    label: str = ""
    annotator: str = ""
    time: str = ""
    note: str = ""
    images: tuple = ()
    ra: float = np.nan
    dec: float = np.nan
    look: int = 1

    def __post_init__(self):
        if not self.source:
            raise ValueError("a label needs the name of a source")
        if self.label not in ANNOTATION_LABELS:
            known = ", ".join(ANNOTATION_LABELS)
            raise ValueError(f"unknown label {self.label!r}; known: {known}")


#: Columns of a table of labels, in their order; `look` stays in the data base.
COLUMNS = tuple(f.name for f in fields(Annotation) if f.name != "look")


def write_annotations(annotations, path, *, overwrite=False):
    """Write labels as a table that ``astro-vbinary train`` reads.

    Parameters
    ----------
    annotations : iterable of Annotation
        The labels.
    path : str or `~pathlib.Path`
        Ends in ``.ecsv`` or ``.csv``.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        If the ending is another one.
    OSError
        If the file exists and may not be replaced.
    """
    path = Path(path)
    table_format(path)
    save_table(make_table(annotations), path, overwrite=overwrite)


def make_table(annotations):
    """Labels as a table.

    Parameters
    ----------
    annotations : iterable of Annotation
        The labels.

    Returns
    -------
    `~astropy.table.Table`
        The columns of a table of labels; ``ra`` and ``dec`` in degrees.
    """
    rows = list(annotations)
    table = Table()
    for name in COLUMNS:
        values = [getattr(row, name) for row in rows]
        if name in ("ra", "dec"):
            table[name] = np.array(values, dtype=float)
            table[name].unit = "deg"
            continue
        if name == "images":
            values = [_join(value) for value in values]
        elif name == "note":
            # One line a label, whatever the format.
            values = [" ".join(value.split()) for value in values]
        table[name] = np.array(values, dtype=str)
    return table


def read_annotations(path, *, annotator=""):
    """Read labels from a table, or from the folders ``binary`` and ``else``.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A table (ECSV, CSV) with the columns ``source`` and ``label``, and perhaps
        ``survey``, ``annotator``, ``time``, ``note``, ``images``, ``ra`` and ``dec``
        (ICRS, deg); or a folder in which the stamps of pairs lie in ``binary/`` and
        all others in ``else/``, named after their source, band and survey.
    annotator : str, optional
        Whose labels they are, where nothing says so.

    Returns
    -------
    list of Annotation
        The labels; of folders one for each source and survey.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it cannot be read, a column is missing or a label unknown, or a source
        lies in both folders.

    Examples
    --------
    >>> from astro_vbinary.vetting import read_annotations
    >>> labels = read_annotations("labels.ecsv")  # doctest: +SKIP
    """
    path = Path(path)
    if path.is_dir():
        return _read_folders(path, annotator)
    if path.suffix.lower() == ".csv" and path.is_file():
        # Names made of digits must not be read as numbers: 007 is not 7.
        try:
            table = load_table(path, converters={"*": str})
        except Exception as error:
            raise ValueError(f"the labels {path} cannot be read: {error}") from error
    else:
        table = read_table(path, "table of labels")
    missing = [name for name in ("source", "label") if name not in table.colnames]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has "
            f"{', '.join(table.colnames) or 'none'}"
        )
    found = []
    for number, row in enumerate(table, start=1):
        try:
            found.append(_from_row(row, table.colnames, annotator))
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from error
    return found


def _from_row(row, names, annotator):
    def text(name):
        return (cell_text(row[name]) if name in names else None) or ""

    def angle(name):
        # Not through text, which has fewer digits.
        return float(row[name]) if text(name) else np.nan

    return Annotation(
        source=text("source"),
        survey=_survey(text("survey")),
        label=text("label"),
        annotator=text("annotator") or annotator,
        time=text("time"),
        note=text("note"),
        images=tuple(name for name in text("images").split(",") if name),
        ra=angle("ra"),
        dec=angle("dec"),
    )


def _join(names):
    return ",".join(name.replace(",", "%2C") for name in names)


def _survey(name):
    """A survey's name as the registry spells it; as it is where it is not known."""
    try:
        return get_survey(name).name if name else ""
    except UnknownSurveyError:
        return name


def _read_folders(folder, annotator):
    named = {item.name.casefold(): item for item in folder.iterdir() if item.is_dir()}
    if not FOLDERS.keys() & named.keys():
        raise ValueError(f"{folder} has no folder {' or '.join(FOLDERS)}")
    labels, images, times = {}, {}, {}
    for name, label in FOLDERS.items():
        if name not in named:
            continue
        for path, _, reason in find_files([named[name]]):
            if reason is not None or not has_fits_suffix(path.name):
                continue
            try:
                parts = parse_name(path.name)
            except StampNameError:
                continue
            key = (parts.source, _survey(parts.survey or ""))
            if labels.setdefault(key, label) != label:
                raise ValueError(
                    f"{folder}: source {key[0]!r} in {key[1] or 'no survey'} lies in "
                    "both folders"
                )
            images.setdefault(key, []).append(path.name)
            times[key] = max(times.get(key, 0), path.stat().st_mtime)
    return [
        Annotation(
            *key,
            label,
            annotator=annotator,
            time=datetime.fromtimestamp(times[key], UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z"),
            note=f"from the folder {folder.name}",
            images=tuple(images[key]),
        )
        for key, label in labels.items()
    ]


def table_format(path):
    """The format of a table of labels by its ending.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.

    Returns
    -------
    str
        As astropy names it.

    Raises
    ------
    ValueError
        If the ending is unknown.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"unknown ending {path.suffix!r} of {path}; known: {known}")
    return FORMATS[path.suffix.lower()]
