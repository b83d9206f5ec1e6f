"""Labelled stamps from a folder, aligned and co-added."""

from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from tqdm.auto import tqdm

from astro_vbinary.exceptions import UnknownSurveyError, VBinaryError
from astro_vbinary.stamps import SkyGrid, StampIndex, StampStack
from astro_vbinary.stamps.tables import cell_text, read_table
from astro_vbinary.surveys import get_survey

__all__ = ["LabelledImages", "read_labelled"]

#: Folders that stand for labels, as in the reference work.
FOLDERS = {"binary": 1, "else": 0}

#: What a table may call the two classes.
WORDS = {"1": 1, "binary": 1, "0": 0, "else": 0, "not": 0}


@dataclass(frozen=True)
class LabelledImages:
    """Co-added images with labels.

    Attributes
    ----------
    images : `~numpy.ndarray`
        Shape (n, ny, nx), float32, NaN where there are no data.
    labels : `~numpy.ndarray` of int
        Shape (n,), 1 for a pair, else 0.
    sources, surveys : list of str
        What each image is of.
    pixel_scale : `~astropy.units.Quantity`
        Side of a pixel in arcsec.
    rejected : list of tuple
        What could not be used, and why.
    """

    images: np.ndarray
    labels: np.ndarray
    sources: list
    surveys: list
    pixel_scale: u.Quantity
    rejected: list


def read_labelled(folder, *, labels=None, group=3, progress=True):
    """Read labelled stamps, align the bands of each source and co-add them.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Stamps whose names tell source, band and survey; without ``labels`` in the
        folders ``binary`` and ``else``.
    labels : str, `~pathlib.Path` or `~astropy.table.Table`, optional
        A table with the columns ``source`` and ``label`` (1 or ``binary``, 0 or
        ``else``; what is negative or empty is passed over), and perhaps ``survey``.
    group : int, optional
        The resolution group whose grid the images are brought to.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    LabelledImages
        One image for each source and survey that has a label, in the order of the
        files.

    Raises
    ------
    FileNotFoundError
        If a folder does not exist.
    ValueError
        If a table lacks a column or has a label of another name, or nothing is left.
    """
    folder = Path(folder)
    if labels is None:
        parts = [(folder / name, label) for name, label in FOLDERS.items()]
        missing = [str(path) for path, _ in parts if not path.is_dir()]
        if missing:
            raise FileNotFoundError(
                f"no folder {', '.join(missing)}; give a table of labels instead?"
            )
    else:
        table = _read_table(labels)
        parts = [(folder, None)]
    jobs, rejected = [], []
    for path, label in parts:
        index = StampIndex.from_paths(path)
        rejected += [(file.path, file.reason) for file in index.rejected]
        for key, files in index.groups().items():
            of_key = _lookup(table, key) if label is None else label
            if of_key is not None:
                jobs.append((key, files, of_key))
    images, kept = [], []
    for job in tqdm(
        jobs, unit="stack", desc="align", disable=None if progress else True
    ):
        (source, survey), files, _ = job
        try:
            stack = StampStack.read_files(files, on_error="drop")
            image = stack.align(SkyGrid.for_group(group, stack.target)).coadd()
        except VBinaryError as error:
            rejected.append((f"{source} in {survey}", str(error)))
            continue
        rejected += [(path, str(error)) for path, error in stack.dropped]
        images.append(np.where(image.bad, np.nan, image.data).astype(np.float32))
        kept.append(job)
        scale = image.pixel_scale
    if not images:
        raise ValueError(f"{folder} holds no labelled stamp that can be used")
    return LabelledImages(
        np.array(images),
        np.array([label for _, _, label in kept]),
        [source for (source, _), _, _ in kept],
        [survey for (_, survey), _, _ in kept],
        scale,
        rejected,
    )


def _read_table(labels):
    """Labels by source and survey; None for a survey that the table does not name."""
    table = labels if isinstance(labels, Table) else read_table(labels, "table")
    missing = {"source", "label"} - set(table.colnames)
    if missing:
        raise ValueError(
            f"the table of labels has no column {', '.join(sorted(missing))}; "
            f"it has {', '.join(table.colnames)}"
        )
    surveys = "survey" in table.colnames
    return {
        (cell_text(row["source"]), _survey(row["survey"]) if surveys else None): _label(
            row["label"]
        )
        for row in table
    }


def _survey(value):
    name = cell_text(value)
    if name is None:
        return None
    try:
        return get_survey(name).name
    except UnknownSurveyError:
        return name


def _label(value):
    word = (cell_text(value) or "-").lower()
    if word.startswith("-"):
        return None
    if word not in WORDS:
        raise ValueError(f"label {value!r} is none of {', '.join(WORDS)}")
    return WORDS[word]


def _lookup(table, key):
    """The label of a source in a survey, or of the source where it has one alone."""
    return table.get(key, table.get((key[0], None)))
