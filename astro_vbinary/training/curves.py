"""Curves over all thresholds, the areas below them, and intervals by source."""

import numpy as np

__all__ = ["average_precision", "source_interval", "threshold_curves"]

#: Resamples of a bootstrap.
DRAWS = 200


def average_precision(labels, probability, *, prevalence=None):
    """Area under the precision-recall curve, as a sum of steps.

    Parameters
    ----------
    labels : `~numpy.ndarray` of int
        1 for a pair, else 0; shape (n,).
    probability : `~numpy.ndarray`
        Shape (n,).
    prevalence : float, optional
        Share of pairs at which the precision is meant; by default the set's.

    Returns
    -------
    float
        NaN without both classes.
    """
    recall, _, precision = threshold_curves(labels, probability, prevalence=prevalence)
    if not len(recall):
        return float("nan")
    steps = np.diff(np.concatenate([[0.0], recall]))
    return float(np.sum(steps * precision))


def threshold_curves(labels, probability, *, prevalence=None):
    """Rates at every threshold, from the highest probability down.

    Parameters
    ----------
    labels, probability : `~numpy.ndarray`
        As for `average_precision`.
    prevalence : float, optional
        As for `average_precision`.

    Returns
    -------
    recall, false_positives, precision : `~numpy.ndarray`
        Shape (k,), one entry for each distinct probability; empty without both
        classes.
    """
    labels = np.asarray(labels)
    pairs, others = int((labels == 1).sum()), int((labels == 0).sum())
    if not pairs or not others:
        return (np.zeros(0),) * 3
    share = pairs / len(labels) if prevalence is None else prevalence
    order = np.argsort(-np.asarray(probability, dtype=float), kind="stable")
    ranked = np.asarray(probability, dtype=float)[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    recall = (np.cumsum(labels[order] == 1) / pairs)[last]
    wrong = (np.cumsum(labels[order] == 0) / others)[last]
    found, false = share * recall, (1 - share) * wrong
    return recall, wrong, found / np.maximum(found + false, 1e-300)


def source_interval(measure, sources, *arrays, draws=None, seed=0):
    """A bootstrap interval that draws sources and not stacks.

    Parameters
    ----------
    measure : callable
        From the arrays to a figure.
    sources : sequence of str
        Name of each stack's source: those of one source are drawn together.
    *arrays : `~numpy.ndarray`
        Shape (n,) each.
    draws : int, optional
        Resamples with replacement; 200 by default.
    seed : int, optional
        Of the random numbers.

    Returns
    -------
    tuple of float
        The 2.5th and 97.5th percentile (Efron 1979, Ann. Stat. 7, 1); NaN where
        the figure is not defined.
    """
    _, own = np.unique(np.asarray(sources, dtype=str), return_inverse=True)
    members = [np.flatnonzero(own == number) for number in range(own.max() + 1)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws or DRAWS):
        chosen = rng.integers(0, len(members), len(members))
        index = np.concatenate([members[i] for i in chosen])
        found.append(measure(*(array[index] for array in arrays)))
    found = np.array(found, dtype=float)
    if not np.isfinite(found).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
