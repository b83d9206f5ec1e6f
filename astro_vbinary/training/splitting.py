"""Parts of labelled stacks that share nothing: training, test and validation."""

from itertools import pairwise

import numpy as np

from astro_vbinary.exceptions import LeakError
from astro_vbinary.training.identity import LinkRules, together

__all__ = ["PARTS", "SHARES", "check_split", "split_stacks"]

#: Names of the parts, and the reference work's shares.
PARTS = ("train", "test", "validation")
SHARES = (0.70, 0.15, 0.15)


def split_stacks(
    sources,
    labels,
    *,
    positions=None,
    hashes=None,
    surveys=None,
    shares=SHARES,
    rules=LinkRules(),
    seed=0,
):
    """Split stacks by source and by cell of the sky, classes in balance.

    What belongs together (`~astro_vbinary.training.LinkRules`) is never parted: sets of
    such stacks are given out one by one, large ones first, each to the part that
    lacks its classes and surveys most.

    Parameters
    ----------
    sources : sequence of str
        Name of each stack's source; shape (n,).
    labels : sequence of float
        1 for a pair, 0 for none, or between; shape (n,).
    positions : `~numpy.ndarray`, optional
        Shape (n, 2): right ascension and declination in deg; NaN where unknown.
    hashes : sequence of sequence of str, optional
        For each stack the hashes of its images.
    surveys : sequence of str, optional
        Name of each stack's survey, to be in balance too.
    shares : tuple of float, optional
        Shares of training, test and validation.
    rules : LinkRules, optional
        What keeps stacks together.
    seed : int, optional
        Seed of the draw.

    Returns
    -------
    `~numpy.ndarray` of str
        Shape (n,): ``train``, ``test`` or ``validation``. The order of the stacks does
        not matter.

    Raises
    ------
    ValueError
        If the lengths differ or the shares are not three that add to one.

    Examples
    --------
    >>> from astro_vbinary.training import split_stacks
    >>> names = [str(number // 2) for number in range(80)]
    >>> parts = split_stacks(names, [1] * 40 + [0] * 40)
    >>> {name: int((parts == name).sum()) for name in ("train", "test", "validation")}
    {'train': 56, 'test': 12, 'validation': 12}
    """
    n = len(sources)
    shares = np.array(shares, dtype=float)
    if shares.shape != (3,) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"shares must be three that add to one, not {shares}")
    for name, given in (
        ("labels", labels),
        ("positions", positions),
        ("hashes", hashes),
        ("surveys", surveys),
    ):
        if given is not None and len(given) != n:
            raise ValueError(f"{len(given)} {name} for {n} stacks")
    labels = np.asarray(labels, dtype=float)
    sets = together(sources, positions, hashes or [()] * n, rules=rules)
    strata = _strata(labels, surveys)
    counts = np.zeros((sets.max(initial=-1) + 1, strata.shape[1]))
    np.add.at(counts, sets, strata)
    # By their names and not their places, so that the order does not matter.
    names = {}
    for number, own in enumerate(sets):
        key = (
            str(sources[number]),
            str(surveys[number]) if surveys is not None else "",
        )
        names[own] = min(names.get(own, key), key)
    order = sorted(range(len(counts)), key=names.__getitem__)
    rng = np.random.default_rng(seed)
    order = np.array(order, dtype=int)[rng.permutation(len(order))]
    sizes = counts[:, :3].sum(axis=1)
    order = order[np.argsort(-sizes[order], kind="stable")]
    part_of = _give_out(counts[order], shares)
    made = np.empty(len(counts), dtype=int)
    made[order] = part_of
    return np.array(PARTS)[made[sets]]


def _strata(labels, surveys):
    """What is to be in balance, (n, k): three classes, then surveys, less heavily."""
    classes = np.stack([labels < 0.5, labels == 0.5, labels > 0.5], axis=1).astype(
        float
    )
    if surveys is None:
        return classes
    names = sorted(set(map(str, surveys)))
    pairs = labels > 0.5
    columns = [
        0.5 * ((np.array(surveys, dtype=str) == name) & (pairs == kind))
        for name in names
        for kind in (True, False)
    ]
    return np.concatenate([classes, np.stack(columns, axis=1)], axis=1)


def _give_out(counts, shares):
    """The part of each set, in order: where the sum of squared lacks falls most."""
    wanted = shares[:, None] * counts.sum(axis=0)
    weight = 1 / np.maximum(counts.sum(axis=0), 1)
    have = np.zeros_like(wanted)
    chosen = np.empty(len(counts), dtype=int)
    open_parts = np.flatnonzero(shares > 0)
    for number, own in enumerate(counts):
        lack = wanted - have
        # (lack - own)^2 - lack^2, relative to what the part is to have.
        change = ((own**2 - 2 * own * lack) * weight).sum(axis=1)
        change = change[open_parts] / np.maximum(shares[open_parts], 1e-9)
        part = open_parts[np.argmin(change)]
        have[part] += own
        chosen[number] = part
    return chosen


def check_split(
    parts, sources, *, positions=None, hashes=None, rules=LinkRules(), names=None
):
    """Refuse a split that has the same thing on two sides.

    Parameters
    ----------
    parts : sequence of str
        The part of each stack; shape (n,).
    sources : sequence of str
        Name of each stack's source.
    positions : `~numpy.ndarray`, optional
        As for `split_stacks`.
    hashes : sequence of sequence of str, optional
        As for `split_stacks`.
    rules : LinkRules, optional
        What must be together.
    names : sequence of str, optional
        What each stack is called in the message; by default its source.

    Raises
    ------
    LeakError
        If stacks that belong together are in different parts.
    """
    parts = np.asarray(parts, dtype=str)
    n = len(parts)
    if len(sources) != n:
        raise ValueError(f"{len(sources)} sources for {n} parts")
    names = sources if names is None else names
    sets = together(sources, positions, hashes or [()] * n, rules=rules)
    order = np.argsort(sets, kind="stable")
    for one, two in pairwise(order):
        if sets[one] == sets[two] and parts[one] != parts[two]:
            raise LeakError(
                f"{names[one]} ({parts[one]}) and {names[two]} ({parts[two]}) are in "
                "different parts, and are the same source, in one place of the sky, or "
                "have the same pixels"
            )
