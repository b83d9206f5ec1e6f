"""Two sets of weights on the same stacks."""

import numpy as np
from scipy import stats

__all__ = ["compare_verdicts", "mcnemar"]


def mcnemar(only_one, only_two):
    """McNemar's test, exact: whether two classifiers err equally often.

    Parameters
    ----------
    only_one, only_two : int
        Stacks that only the first, and only the second, has right.

    Returns
    -------
    float
        Two-sided probability of a difference so large or larger where both are equally
        good: the binomial one of the stacks on which they differ; 1 where there is
        none (McNemar 1947, Psychometrika 12, 153).

    Examples
    --------
    >>> from astro_vbinary.training import mcnemar
    >>> mcnemar(1, 9)
    0.021484375
    """
    if not only_one + only_two:
        return 1.0
    return float(stats.binomtest(only_one, only_one + only_two, 0.5).pvalue)


def compare_verdicts(one, two):
    """How the verdicts of two sets of weights differ.

    Parameters
    ----------
    one, two : EvaluatedStacks
        Scored stacks; those that both have are compared.

    Returns
    -------
    dict
        ``n`` stacks in common, how many ``both`` have right, ``only_one``,
        ``only_two``, ``neither``, and McNemar's ``p``.
    """
    place = {key: i for i, key in enumerate(_keys(two)) if two.decided[i]}
    pairs = [
        (i, place[key])
        for i, key in enumerate(_keys(one))
        if one.decided[i] and key in place
    ]
    right = []
    for evaluated, own in zip(
        (one, two), np.array(pairs, dtype=int).reshape(-1, 2).T, strict=True
    ):
        truth = evaluated.stacks.labels[own] > 0.5
        right.append(evaluated.called[own] == truth)
    first, second = right
    counts = {
        "n": len(pairs),
        "both": int((first & second).sum()),
        "only_one": int((first & ~second).sum()),
        "only_two": int((~first & second).sum()),
        "neither": int((~first & ~second).sum()),
    }
    return counts | {"p": mcnemar(counts["only_one"], counts["only_two"])}


def _keys(evaluated):
    return list(zip(evaluated.stacks.sources, evaluated.stacks.surveys, strict=True))
