"""Which stacks a set of weights has been trained on, by the split beside its card."""

import numpy as np

from astro_vbinary.classification.checking import SPLIT_FILE
from astro_vbinary.exceptions import LabelError
from astro_vbinary.stamps.tables import load_table
from astro_vbinary.training.identity import LinkRules, together
from astro_vbinary.training.splitting import PARTS

__all__ = ["find_seen", "read_split"]


def read_split(path):
    """Read the split of a training.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The ``split.ecsv`` of a training, or another table with the columns ``source``
        and ``part``, and perhaps ``survey``, ``ra``, ``dec``, ``pixels``.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    LabelError
        If it cannot be read or a part is unknown.
    """
    try:
        table = load_table(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise LabelError(f"the split {path} cannot be read: {error}") from error
    missing = {"source", "part"} - set(table.colnames)
    unknown = set() if missing else set(map(str, table["part"])) - set(PARTS)
    if missing or unknown:
        raise LabelError(
            f"the split {path} "
            + (
                f"has no column {', '.join(sorted(missing))}"
                if missing
                else f"has parts {', '.join(sorted(unknown))}, not {', '.join(PARTS)}"
            )
        )
    return table


def parts_of(table, stacks):
    """The part that a split gives each stack.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As of `read_split`.
    stacks : LabelledStacks
        The stacks.

    Returns
    -------
    `~numpy.ndarray` of str
        Shape (n,).

    Raises
    ------
    LabelError
        If a stack is not in it.
    """
    surveys = "survey" in table.colnames
    known = {
        (str(row["source"]), str(row["survey"]) if surveys else ""): str(row["part"])
        for row in table
    }
    made = []
    for source, survey in zip(stacks.sources, stacks.surveys, strict=True):
        part = known.get((source, survey), known.get((source, "")))
        if part is None:
            raise LabelError(f"the split has no part for {source} in {survey}")
        made.append(part)
    return np.array(made)


def find_seen(card, stacks, *, rules=None):
    """Stacks whose source, place or pixels the weights were trained or chosen on.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        The weights; the ``split.ecsv`` beside the card tells.
    stacks : LabelledStacks
        The stacks.
    rules : LinkRules, optional
        What counts as the same; by default what the split kept together.

    Returns
    -------
    `~numpy.ndarray` of bool or None
        Shape (n,); None where there is no split beside the card.
    """
    path = card.path.parent / SPLIT_FILE
    if not path.is_file():
        return None
    if rules is None:
        options = card.entries.get("training", {}).get("options", {})
        rules = LinkRules(**options.get("rules", {}))
    table = read_split(path)
    used = table[np.isin(table["part"].astype(str), ("train", "validation"))]
    n = len(used)
    places = np.full((n, 2), np.nan)
    if {"ra", "dec"} <= set(used.colnames):
        places = np.stack([used["ra"], used["dec"]], axis=1).astype(float)
    pixels = [()] * n
    if "pixels" in used.colnames:
        pixels = [tuple(filter(None, str(text).split(","))) for text in used["pixels"]]
    sets = together(
        [*map(str, used["source"]), *stacks.sources],
        np.concatenate([places, stacks.positions]),
        [*pixels, *stacks.hashes],
        rules=rules,
    )
    return np.isin(sets[n:], sets[:n])
