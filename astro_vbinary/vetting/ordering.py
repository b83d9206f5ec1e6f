"""Which source comes after which."""

import hashlib

import numpy as np

from astro_vbinary.vetting.store import SKIPPED

__all__ = ["ORDERS", "arrange", "next_item"]

#: Orders of sources, and what each puts first.
ORDERS = {
    "given": "As the stamps come",
    "uncertainty": "Least certain first",
    "probability": "Most probable pairs first",
    "disagreement": "Surveys that disagree most first",
    "random": "Random",
}

#: Sources between the first and the second look at one.
GAP = 25


def arrange(
    project, *, order="given", survey="", group=0, status="", repeats=0.0, seed=0
):
    """The sources that pass the filters, in order.

    A source's probability is the mean over its surveys with a verdict, its
    disagreement the largest less the smallest; sources without come last.

    Parameters
    ----------
    project : `~astro_vbinary.vetting.VettingProject`
        The sources.
    order : str, optional
        One of `ORDERS`.
    survey : str, optional
        Only sources that have this survey.
    group : int, optional
        Only sources with a survey of this resolution group.
    status : str, optional
        Only sources with a row of this status in the results.
    repeats : float, optional
        Share of the sources that are shown twice; which ones depends on their names
        and the seed. Between both looks are 25 others, or what there is.
    seed : int, optional
        Of the random order and the choice of repeats.

    Returns
    -------
    list of tuple of int
        Number of the source and look, 1 or 2.

    Raises
    ------
    ValueError
        If the order is unknown or the share is not between 0 and 1.
    """
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}; known: {', '.join(ORDERS)}")
    if not 0 <= repeats <= 1:
        raise ValueError(f"the share of repeats is between 0 and 1, not {repeats}")
    numbers = [
        number
        for number, source in enumerate(project.sources)
        if (not survey or survey in source.surveys)
        and (not group or group in source.groups)
        and (not status or status in {v.status for v in source.verdicts.values()})
    ]
    if order == "random":
        numbers.sort(key=lambda n: _chance("order", seed, project.sources[n].name))
    elif order != "given":
        # Sorting is stable: equals stay as they came.
        numbers.sort(key=lambda n: _rank(order, project.sources[n].probabilities))
    again = {
        number
        for number in numbers
        if _chance("repeat", seed, project.sources[number].name) < repeats
    }
    return _with_repeats(numbers, again)


def next_item(items, seen, *, after=None):
    """What to show next: what was not seen yet, else what was skipped.

    Parameters
    ----------
    items : list of tuple of int
        As from `arrange`.
    seen : dict of tuple of int to str
        Labels, or ``skip``, by number and look.
    after : tuple of int, optional
        The item that is shown now; the search begins behind it and goes round.

    Returns
    -------
    tuple of int or None
        None where all have labels.
    """
    start = items.index(after) + 1 if after in items else 0
    round_trip = items[start:] + items[:start]
    waiting = [item for item in round_trip if item not in seen]
    skipped = [item for item in round_trip if seen.get(item) == SKIPPED]
    return next(iter(waiting + skipped), None)


def _rank(order, probabilities):
    if not probabilities.size:
        return np.inf
    if order == "uncertainty":
        return abs(probabilities.mean() - 0.5)
    if order == "probability":
        return -probabilities.mean()
    return -np.ptp(probabilities)


def _chance(what, seed, name):
    """A number from 0 to 1 that a name has on every machine."""
    digest = hashlib.sha256(f"{what}\0{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _with_repeats(numbers, again):
    items, due = [], []
    for place, number in enumerate(numbers):
        while due and due[0][0] <= place:
            items.append((due.pop(0)[1], 2))
        items.append((number, 1))
        if number in again:
            due.append((place + GAP + 1, number))
    return items + [(number, 2) for _, number in due]
