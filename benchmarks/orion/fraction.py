"""From what was found to what is there."""

import numpy as np

from benchmarks.orion.sky import RING

__all__ = [
    "companion_fraction",
    "predicted_chances",
    "pure_count",
    "recall_at_precision",
]

#: Draws of the intervals.
DRAWS = 20_000


def companion_fraction(found, sources, sets, chance, rng, *, level=0.95):
    """The share of sources with a companion.

    A source is found because of its companion, of a chance neighbour, or of neither:
    ``found / sources = 1 - (1 - f e) (1 - c g) (1 - p)``, f being the fraction, e and g
    the completeness for companions and for neighbours, c the share with a neighbour and
    p that of false positives.

    Parameters
    ----------
    found, sources : int
        Of the sample.
    sets : dict of str to tuple of int
        Found and all of the calibrators: ``companion``, ``single``, ``chance``.
    chance : float
        Predicted share of sources with a neighbour.
    rng : `~numpy.random.Generator`
        Source of randomness.
    level : float, optional
        Of the interval.

    Returns
    -------
    tuple of float
        The fraction and both ends of its interval, from the uncertainty of every count
        (Jeffreys's posterior of a binomial share; Brown, Cai & DasGupta 2001, Stat.
        Sci. 16, 101).
    """

    def share(k, n):
        return rng.beta(k + 0.5, n - k + 0.5, DRAWS)

    def solve(seen, complete, false, near):
        return (1 - (1 - seen) / ((1 - chance * near) * (1 - false))) / complete

    counts = [sets[name] for name in ("companion", "single", "chance")]
    best = solve(found / sources, *(k / n for k, n in counts))
    drawn = solve(share(found, sources), *(share(k, n) for k, n in counts))
    tail = 50 * (1 - level)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(best), float(low), float(high)


def predicted_chances(table, radius):
    """Neighbours expected by chance, from the stars around each source.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With ``counted``: stars in the ring around the source.
    radius : float
        Within which, in arcsec.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,): the chance of each source to have one.
    """
    area = RING[1] ** 2 - RING[0] ** 2
    # Linear in the counts, which are few, so that their noise has no bias.
    return np.asarray(table["counted"], dtype=float) * radius**2 / area


def recall_at_precision(pairs, others, *, precision, prevalence):
    """The share of pairs found where so many of those found are pairs.

    Parameters
    ----------
    pairs, others : `~numpy.ndarray`
        Scores of pairs and of what is none, at any shares.
    precision, prevalence : float
        Wanted, and the share of pairs that it is meant at.

    Returns
    -------
    recall : float
        The largest; 0 where the precision is not reached.
    false : int
        False positives behind it: with few the number is rough.
    """
    best, behind = 0.0, 0
    for level in np.unique(pairs):
        recall, false = (pairs >= level).mean(), (others >= level).sum()
        rate = false / len(others)
        right = prevalence * recall
        if right >= precision * (right + (1 - prevalence) * rate) and recall > best:
            best, behind = float(recall), int(false)
    return best, behind


def pure_count(scores, is_pair, *, purity):
    """Pairs found at the lowest threshold with a purity.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Shape (n,).
    is_pair : `~numpy.ndarray` of bool
        Shape (n,).
    purity : float
        Share of those found that have to be pairs.

    Returns
    -------
    int
        How many pairs.
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(is_pair[order])
    pure = right >= purity * np.arange(1, len(scores) + 1)
    # Equal scores are found together.
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    allowed = pure & last & (scores[order] > 0)
    return int(right[allowed].max(initial=0))
