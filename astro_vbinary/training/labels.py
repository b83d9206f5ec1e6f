"""Labels: what people said about stacks, and what that makes of each stack.

A table of labels is in any format that astropy reads, with one row for each thing that
somebody said:

=============  ======================================================================
column         what it holds
=============  ======================================================================
``source``     name of the source, as the stamps have it
``survey``     survey that was judged; empty where the label is of the whole source
``label``      ``binary``, ``not_binary``, ``unsure`` or ``bad_image``
``annotator``  who said so
``time``       when, ISO 8601 in UTC
``note``       free text
``images``     names of the images that were looked at, with commas between
``ra``, ``dec``  optional: position in deg, ICRS
=============  ======================================================================

Only ``source`` and ``label`` are needed. Columns of other names are kept.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary.exceptions import LabelError, UnknownSurveyError
from astro_vbinary.stamps import StampIndex
from astro_vbinary.stamps.tables import cell_text, read_table
from astro_vbinary.surveys import get_survey

__all__ = [
    "COLUMNS",
    "FOLDERS",
    "LABELS",
    "StackLabel",
    "combine_labels",
    "read_labels",
    "soft_label",
]

#: What can be said about a stack.
LABELS = ("binary", "not_binary", "unsure", "bad_image")

#: Columns of every table of labels, all of text.
COLUMNS = ("source", "survey", "label", "annotator", "time", "note", "images")

#: Folders that stand for labels, as in the reference work.
FOLDERS = {"binary": "binary", "else": "not_binary"}

#: Other words for the labels: those of tables of the truth and of the reference work.
WORDS = {name: name for name in LABELS} | {
    "1": "binary",
    "0": "not_binary",
    "not": "not_binary",
    "not binary": "not_binary",
    "else": "not_binary",
    "bad image": "bad_image",
    "bad": "bad_image",
}

#: What a label counts.
VALUES = {"binary": 1.0, "not_binary": 0.0, "unsure": 0.5}


@dataclass(frozen=True)
class StackLabel:
    """What all annotators together said about one source, or it in one survey.

    Attributes
    ----------
    value : float
        Mean over the annotators: 1 where all say ``binary``, 0 where none does.
    annotators : tuple of str
        Who said something, in alphabetical order.
    position : tuple of float or None
        Right ascension and declination in deg, ICRS, where the table has them.
    extra : dict
        Cells of columns of other names, of the last row.
    """

    value: float
    annotators: tuple[str, ...] = ()
    position: tuple[float, float] | None = None
    extra: dict = field(default_factory=dict)


def read_labels(labels):
    """Read and check labels.

    Parameters
    ----------
    labels : str, `~pathlib.Path` or `~astropy.table.Table`
        A table, its file, or a folder that holds the folders ``binary`` and ``else``.
        ``1`` and ``0`` and a few other words stand for labels too; rows whose label is
        empty or negative are passed over.

    Returns
    -------
    `~astropy.table.Table`
        With all columns of the contract, and others that there were. Surveys are spelt
        as the registry does.

    Raises
    ------
    LabelError
        If a column is missing, a label is unknown, or there is none.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astro_vbinary.training import read_labels
    >>> table = Table({"source": ["7", "8"], "label": ["binary", "unsure"]})
    >>> read_labels(table).colnames
    ['source', 'survey', 'label', 'annotator', 'time', 'note', 'images']
    """
    if not isinstance(labels, Table):
        if Path(labels).is_dir():
            return _read_folders(Path(labels))
        try:
            labels = read_table(labels, "table of labels")
        except ValueError as error:
            raise LabelError(str(error)) from error
    missing = {"source", "label"} - set(labels.colnames)
    if missing:
        raise LabelError(
            f"the table of labels has no column {', '.join(sorted(missing))}; "
            f"it has {', '.join(labels.colnames)}"
        )
    words = [_label(value) for value in labels["label"]]
    kept = np.array([word is not None for word in words], dtype=bool)
    table = labels[kept]
    made = Table()
    for name in COLUMNS:
        column = [""] * len(table)
        if name in table.colnames:
            column = [cell_text(value) or "" for value in table[name]]
        made[name] = np.array(column, dtype=str)
    made["label"] = np.array([word for word in words if word is not None], dtype=str)
    made["survey"] = np.array([_survey(name) for name in made["survey"]], dtype=str)
    if not all(made["source"]):
        raise LabelError("the table of labels has a row without a source")
    for name in table.colnames:
        if name not in made.colnames:
            made[name] = table[name]
    if not len(made):
        raise LabelError("the table holds no label")
    return made


def _label(value):
    word = (cell_text(value) or "-").lower()
    if word.startswith("-"):
        return None
    if word not in WORDS:
        raise LabelError(f"label {word!r} is none of {', '.join(LABELS)}")
    return WORDS[word]


def _survey(name):
    if not name:
        return ""
    try:
        return get_survey(name).name
    except UnknownSurveyError:
        return name


def _read_folders(folder):
    """Labels by the folders that the stamps are in."""
    missing = [name for name in FOLDERS if not (folder / name).is_dir()]
    if missing:
        raise LabelError(
            f"{folder} has no folder {', '.join(missing)}; give a table of labels, or "
            f"a folder that holds {' and '.join(FOLDERS)}"
        )
    said = {}
    for name, label in FOLDERS.items():
        for key in StampIndex.from_paths(folder / name).groups():
            if said.setdefault(key, label) != label:
                raise LabelError(
                    f"{key[0]} in {key[1]} is in both {' and '.join(FOLDERS)}"
                )
    if not said:
        raise LabelError(f"{folder} holds no stamp")
    rows = [(source, survey, label) for (source, survey), label in said.items()]
    return read_labels(Table(rows=rows, names=("source", "survey", "label")))


def soft_label(said, *, unsure="half"):
    """What the labels of several annotators come to.

    Parameters
    ----------
    said : sequence of str
        Their labels.
    unsure : {"half", "drop"}, optional
        Whether ``unsure`` counts one half or is left out.

    Returns
    -------
    float or None
        The mean, 0 to 1; None where anybody says ``bad_image``, or nothing is left.

    Raises
    ------
    ValueError
        If ``unsure`` is neither.

    Examples
    --------
    >>> from astro_vbinary.training import soft_label
    >>> soft_label(["binary", "binary", "not_binary", "unsure"])
    0.625
    >>> soft_label(["binary", "unsure"], unsure="drop")
    1.0
    """
    if unsure not in ("half", "drop"):
        raise ValueError(f"unsure must be half or drop, not {unsure!r}")
    if "bad_image" in said:
        return None
    values = [VALUES[word] for word in said if unsure == "half" or word != "unsure"]
    return float(np.mean(values)) if values else None


def combine_labels(table, *, unsure="half"):
    """One label for each stack: the mean of what its annotators said last.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As of `read_labels`.
    unsure : {"half", "drop"}, optional
        Whether ``unsure`` counts one half or is left out.

    Returns
    -------
    dict
        `StackLabel`, or None where a stack is to be left out, by (source, survey). The
        survey is empty where the label is of the whole source; a label of a survey
        goes before that.
    """
    rows = {}
    for number, row in enumerate(table):
        key = str(row["source"]), str(row["survey"])
        # Who has no name may be anybody.
        who = str(row["annotator"]) or number
        own = rows.setdefault(key, {})
        if who not in own or str(own[who]["time"]) <= str(row["time"]):
            own[who] = row
    made = {}
    others = [name for name in table.colnames if name not in (*COLUMNS, "ra", "dec")]
    for key, own in rows.items():
        said = [str(row["label"]) for row in own.values()]
        value = soft_label(said, unsure=unsure)
        last = list(own.values())[-1]
        made[key] = None
        if value is not None:
            made[key] = StackLabel(
                value,
                tuple(sorted(who for who in own if isinstance(who, str))),
                _position(last),
                {name: _plain(last[name]) for name in others},
            )
    return made


def _position(row):
    if not {"ra", "dec"} <= set(row.colnames):
        return None
    values = [row[name] for name in ("ra", "dec")]
    if any(value is np.ma.masked for value in values):
        return None
    values = [float(getattr(value, "value", value)) for value in values]
    return tuple(values) if np.isfinite(values).all() else None


def _plain(value):
    """A cell as a number or text."""
    value = getattr(value, "value", value)
    if value is np.ma.masked:
        return None
    return value.item() if isinstance(value, np.generic) else value
