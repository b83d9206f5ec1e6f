"""Thresholds from single stars, and the intervals of counts."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Threshold", "binomial_interval", "calibrate_threshold"]


@dataclass(frozen=True)
class Threshold:
    """From where on a score means two stars.

    Attributes
    ----------
    value : float
        The threshold: a score above it is a detection.
    low, high : float
        Interval of the threshold that the rate would have in endless calibration.
    false_positive_rate : float
        The rate asked for.
    rate_low, rate_high : float
        Interval of the true rate at ``value``, from the count above it.
    n : int
        Number of single stars.
    """

    value: float
    low: float
    high: float
    false_positive_rate: float
    rate_low: float
    rate_high: float
    n: int


def calibrate_threshold(statistics, false_positive_rate, *, level=0.95):
    """The threshold that a share of single stars exceeds.

    Parameters
    ----------
    statistics : array-like of float
        Scores of single stars, shape (n,), such as `GLRTResult.statistic`; NaN, a
        stack without a score, is left out.
    false_positive_rate : float
        The share, between 0 and 1.
    level : float, optional
        Of the intervals.

    Returns
    -------
    Threshold
        With distribution-free intervals: order statistics for the threshold (David &
        Nagaraja 2003, Order Statistics, 7.1), `binomial_interval` for the rate.

    Raises
    ------
    ValueError
        If there are fewer than one over the rate of single stars.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.measurement import calibrate_threshold
    >>> scores = np.random.default_rng(2).normal(size=100_000)
    >>> found = calibrate_threshold(scores, 1e-3)
    >>> print(f"{found.value:.2f} {found.low < 3.09 < found.high}")
    3.06 True
    """
    if not 0 < false_positive_rate < 1:
        raise ValueError(
            f"a false-positive rate is between 0 and 1, not {false_positive_rate}"
        )
    scores = np.asarray(statistics, dtype=float).ravel()
    scores = np.sort(scores[~np.isnan(scores)])
    n = len(scores)
    if n * false_positive_rate < 1:
        raise ValueError(
            f"{n} single stars cannot show a rate of {false_positive_rate}; need at "
            f"least {int(np.ceil(1 / false_positive_rate))}"
        )
    above = int(np.floor(n * false_positive_rate + 1e-9))
    value = scores[n - above - 1]
    tail = (1 - level) / 2
    many = int(stats.binom.ppf(1 - tail, n, false_positive_rate))
    few = int(stats.binom.ppf(tail, n, false_positive_rate))
    low = scores[max(n - many - 1, 0)]
    high = scores[n - few] if few else np.inf
    rate_low, rate_high = binomial_interval(int((scores > value).sum()), n, level=level)
    return Threshold(
        float(value),
        float(low),
        float(high),
        float(false_positive_rate),
        float(rate_low),
        float(rate_high),
        n,
    )


def binomial_interval(successes, trials, *, level=0.95):
    """The exact interval of a proportion.

    Parameters
    ----------
    successes, trials : array-like of int
        Counts, of one shape.
    level : float, optional
        Confidence level.

    Returns
    -------
    low, high : `~numpy.ndarray`
        Bounds (Clopper & Pearson 1934, Biometrika 26, 404); 0 and 1 without trials.

    Raises
    ------
    ValueError
        If there are more successes than trials, or a count is negative.
    """
    found, total = np.asarray(successes), np.asarray(trials)
    if (found < 0).any() or (found > total).any():
        raise ValueError(f"{successes} successes of {trials} trials")
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = stats.beta.ppf(tail, found, total - found + 1)
        high = stats.beta.ppf(1 - tail, found + 1, total - found)
    return np.where(found == 0, 0.0, low), np.where(found == total, 1.0, high)
