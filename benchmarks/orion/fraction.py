"""What the methods find, at equal terms."""

import numpy as np
from scipy import optimize

__all__ = ["pure_count", "recall_at_precision"]


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
    pairs, others = np.sort(pairs), np.sort(others)
    level = np.unique(pairs)
    recall = 1 - np.searchsorted(pairs, level) / len(pairs)
    false = len(others) - np.searchsorted(others, level)
    right = prevalence * recall
    pure = right >= precision * (right + (1 - prevalence) * false / len(others))
    if not pure.any():
        return 0.0, 0
    best = np.flatnonzero(pure)[0]
    return float(recall[best]), int(false[best])


def best_share(scores, is_pair):
    """The share of pairs among what scores as high, in the survey that says most.

    Scores of different surveys cannot be compared: artefacts of one may score higher
    than the stars of another. So each survey's are made shares of pairs, by isotonic
    regression on the truth itself: it favours what is so judged.

    Parameters
    ----------
    scores : sequence of `~numpy.ndarray`
        One a survey, of shape (n,); NaN where it has not looked.
    is_pair : `~numpy.ndarray` of bool
        Shape (n,).

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,); 0 where no survey has looked.
    """
    best = np.zeros(len(is_pair))
    for own in scores:
        looked = np.flatnonzero(np.isfinite(own))
        if len(looked):
            _, place = np.unique(own[looked], return_inverse=True)
            count = np.bincount(place)
            right = np.bincount(place, weights=is_pair[looked])
            share = optimize.isotonic_regression(right / count, weights=count).x
            best[looked] = np.maximum(best[looked], share[place])
    return best


def pure_count(scores, is_pair, *, purity):
    """Pairs found at the lowest threshold with a purity.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Shape (n,); without a verdict not above 0.
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
