"""How good a classifier is: the report of the paper's Table 2, with intervals."""

import numpy as np
from scipy import stats

from astro_vbinary.simulation.companions import approximate_detectability

__all__ = [
    "best_threshold",
    "binomial_interval",
    "bootstrap_interval",
    "calibration_error",
    "classification_report",
    "fit_temperature",
    "reweighted_calibration_error",
    "roc_area",
    "visual_task",
]


def binomial_interval(successes, trials, *, level=0.95):
    """The exact interval of a proportion.

    Parameters
    ----------
    successes, trials : int
        Counts.
    level : float, optional
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper bound (Clopper & Pearson 1934, Biometrika 26, 404); 0 and
        1 without trials.

    Raises
    ------
    ValueError
        If there are more successes than trials, or a count is negative.

    Examples
    --------
    >>> from astro_vbinary.training import binomial_interval
    >>> low, high = binomial_interval(95, 100)
    >>> print(f"{low:.3f} {high:.3f}")
    0.887 0.984
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if successes > 0:
        low = stats.beta.ppf(tail, successes, trials - successes + 1)
    if successes < trials:
        high = stats.beta.ppf(1 - tail, successes + 1, trials - successes)
    return float(low), float(high)


def classification_report(labels, probability, *, threshold=0.5):
    """Precision, recall, F1 and accuracy.

    Parameters
    ----------
    labels : array-like of int
        1 for a pair, else 0; shape (n,).
    probability : array-like of float
        Probability of a pair; shape (n,).
    threshold : float, optional
        From where on a stack is called a pair.

    Returns
    -------
    dict
        ``n``, ``n_binary``, ``threshold``, ``accuracy`` with its 95 % interval
        ``accuracy_low`` and ``accuracy_high``, ``roc_auc``, and for each class
        ``precision_1``, ``recall_1``, both with such intervals, ``f1_1`` and so on; NaN
        where undefined.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are empty.
    """
    labels, probability = np.asarray(labels), np.asarray(probability, dtype=float)
    if labels.shape != probability.shape or not labels.size:
        raise ValueError(f"shapes {labels.shape} and {probability.shape} do not fit")
    called = (probability >= threshold).astype(int)
    right = int((called == labels).sum())
    low, high = binomial_interval(right, len(labels))
    report = {
        "n": len(labels),
        "n_binary": int((labels == 1).sum()),
        "threshold": float(threshold),
        "accuracy": right / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "roc_auc": roc_area(labels, probability),
    }
    for name in (0, 1):
        hits = int(((called == name) & (labels == name)).sum())
        for key, chosen in (("precision", called), ("recall", labels)):
            trials = int((chosen == name).sum())
            report[f"{key}_{name}"] = _ratio(hits, trials)
            bounds = binomial_interval(hits, trials)
            report[f"{key}_{name}_low"], report[f"{key}_{name}_high"] = bounds
        precision, recall = report[f"precision_{name}"], report[f"recall_{name}"]
        report[f"f1_{name}"] = _ratio(2 * precision * recall, precision + recall)
    return report


def bootstrap_interval(measure, labels, probability, *, draws=200, seed=0):
    """An interval of any figure of a scored set.

    Parameters
    ----------
    measure : callable
        From labels and probabilities to the figure.
    labels, probability : `~numpy.ndarray`
        As for `classification_report`.
    draws : int, optional
        Resamples with replacement.
    seed : int, optional
        Of the random numbers.

    Returns
    -------
    tuple of float
        The 2.5th and 97.5th percentile (Efron 1979, Ann. Stat. 7, 1) between 0 and 1,
        less the bias that resampling adds: distances such as a calibration error grow
        with noise.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        index = rng.integers(0, len(labels), len(labels))
        found.append(measure(labels[index], probability[index]))
    bias = np.nanmean(found) - measure(labels, probability)
    low, high = np.clip(np.nanpercentile(found, [2.5, 97.5]) - bias, 0, 1)
    return float(low), float(high)


def roc_area(labels, probability):
    """Area under the receiver operating characteristic.

    Parameters
    ----------
    labels, probability : `~numpy.ndarray`
        As for `classification_report`.

    Returns
    -------
    float
        From ranks (Mann & Whitney 1947, Ann. Math. Stat. 18, 50); NaN where all
        labels are the same.
    """
    positive = labels == 1
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    ranks = stats.rankdata(probability)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def _ratio(above, below):
    return float(above / below) if below else float("nan")


def calibration_error(labels, probability, *, bins=15):
    """Expected calibration error: how far probabilities are from frequencies.

    Parameters
    ----------
    labels, probability : array-like
        As for `classification_report`.
    bins : int, optional
        Number of equal intervals (Guo et al. 2017, arXiv:1706.04599).

    Returns
    -------
    float
        The mean distance, weighted by the number of stacks.
    """
    labels, probability = np.asarray(labels), np.asarray(probability, dtype=float)
    index = np.minimum((probability * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = index == number
        if inside.any():
            gap = abs(labels[inside].mean() - probability[inside].mean())
            error += gap * inside.mean()
    return float(error)


def fit_temperature(logits, labels):
    """The temperature and bias that make probabilities calibrated.

    Parameters
    ----------
    logits : `~numpy.ndarray`
        Difference of the two scores, pair minus not; shape (n,).
    labels : `~numpy.ndarray`
        1 for a pair, else 0; shape (n,).

    Returns
    -------
    temperature, bias : float
        The probability is 1 / (1 + exp(-(logit / temperature + bias))), the
        maximum of the likelihood (Platt 1999; Guo et al. 2017).
    """
    from scipy.optimize import minimize

    logits = np.asarray(logits, dtype=float)
    labels = np.asarray(labels, dtype=float)

    def loss(parameters):
        z = logits * np.exp(parameters[0]) + parameters[1]
        return np.mean(np.logaddexp(0, z) - labels * z)

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead")
    return float(np.exp(-best.x[0])), float(best.x[1])


def visual_task(data):
    """The part of a scored set that an eye could judge, balanced.

    Pairs separated by more than one FWHM of the sharpest band and by less than 2.4
    arcsec, with a detectability above 8 by its closed limits; and as many others,
    those with a star between 2.5 and 2.7 arcsec excepted: the first of each in the
    set's order. ``benchmarks/detection`` repeats it with the exact detectability.

    Parameters
    ----------
    data : `~astro_vbinary.training.ScoredSet`
        The set.

    Returns
    -------
    `~numpy.ndarray` of int
        Positions in the set, sorted.
    """
    labels = data.labels
    separation = data.column("separation").astype(float)
    fwhm = data.column("fwhm").astype(float)
    seen = approximate_detectability(
        separation,
        data.column("magnitude_difference").astype(float),
        data.column("signal").astype(float),
        fwhm,
    )
    pairs = (labels == 1) & (separation > fwhm) & (separation < 2.4) & (seen > 8)
    others = (labels == 0) & ~(data.column("nearest").astype(float) < 2.7)
    pairs, others = np.flatnonzero(pairs), np.flatnonzero(others)
    count = min(len(pairs), len(others))
    return np.sort(np.concatenate([pairs[:count], others[:count]]))


def best_threshold(labels, scores, *, errors=0.0):
    """The threshold of the highest accuracy.

    Accuracy is flat near its top, and the very top is where noise puts it. With
    ``errors`` it is the middle of all thresholds whose accuracy is within so many
    standard errors of the highest.

    Parameters
    ----------
    labels : `~numpy.ndarray` of int
        Shape (n,): 1 for a pair, else 0.
    scores : `~numpy.ndarray`
        Shape (n,): higher for pairs.
    errors : float, optional
        Standard errors of the accuracy.

    Returns
    -------
    float
        Between two scores; from there on it is a pair.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=float)
    order = np.argsort(scores)
    ranked, hits = scores[order], labels[order]
    n = len(ranked)
    # Right when everything from a place on is called a pair.
    right = np.concatenate([[0], np.cumsum(hits == 0)])
    right = right + np.concatenate([np.cumsum((hits == 1)[::-1])[::-1], [0]])
    steps = np.flatnonzero(ranked[1:] > ranked[:-1]) + 1
    steps = np.concatenate([[0], steps, [n]])
    right = right[steps]
    top = right.max()
    if not errors:
        return _between(ranked, steps[right.argmax()])
    good = steps[right >= top - errors * np.sqrt(top * (1 - top / n))]
    return (_between(ranked, good[0]) + _between(ranked, good[-1])) / 2


def _between(ranked, place):
    """What parts sorted scores before a place from those after it."""
    if place == 0:
        return float(ranked[0])
    if place == len(ranked):
        return float(np.nextafter(ranked[-1], np.inf))
    middle = (ranked[place - 1] + ranked[place]) / 2
    return float(middle if np.isfinite(middle) else ranked[place])


def reweighted_calibration_error(labels, probability, prevalence, *, bins=15):
    """Expected calibration error at another prevalence than the set's.

    Parameters
    ----------
    labels, probability : array-like
        As for `classification_report`; the probabilities assume the prevalence.
    prevalence : float
        Share of pairs; each pair and each other stack is weighted accordingly.
    bins : int, optional
        Number of equal intervals.

    Returns
    -------
    float
        The mean distance of probability and frequency.
    """
    labels, probability = np.asarray(labels), np.asarray(probability, dtype=float)
    share = labels.mean()
    weight = np.where(labels == 1, prevalence / share, (1 - prevalence) / (1 - share))
    index = np.minimum((probability * bins).astype(int), bins - 1)
    error = 0.0
    for number in range(bins):
        inside = index == number
        total = weight[inside].sum()
        if total > 0:
            known = np.average(labels[inside], weights=weight[inside])
            said = np.average(probability[inside], weights=weight[inside])
            error += total * abs(known - said)
    return float(error / weight.sum())
