"""Completeness of any detector by injection and recovery, and its efficiency."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable
from scipy import optimize, special

from astro_vbinary.measurement.bounds import required_d_prime
from astro_vbinary.measurement.thresholds import binomial_interval

__all__ = [
    "CompletenessMap",
    "Efficiency",
    "completeness_map",
    "d_prime_at",
    "efficiency",
    "efficiency_eta",
]


@dataclass(frozen=True)
class CompletenessMap:
    """Share of injected pairs that a detector finds.

    Attributes
    ----------
    separations, magnitude_differences : `~astropy.units.Quantity`
        Shape (s,) and (m,).
    found, trials : `~numpy.ndarray`
        Shape (s, m), counts.
    """

    separations: u.Quantity
    magnitude_differences: u.Quantity
    found: np.ndarray
    trials: np.ndarray

    @property
    def completeness(self):
        """Share found, shape (s, m); NaN without trials."""
        with np.errstate(invalid="ignore"):
            return np.where(self.trials > 0, self.found / self.trials, np.nan)

    def interval(self, *, level=0.95):
        """Bounds of the completeness.

        Parameters
        ----------
        level : float, optional
            Confidence level.

        Returns
        -------
        low, high : `~numpy.ndarray`
            Shape (s, m), see `binomial_interval`.
        """
        return binomial_interval(self.found, self.trials, level=level)

    def to_table(self):
        """One row a cell.

        Returns
        -------
        `~astropy.table.QTable`
            ``separation``, ``magnitude_difference``, ``found``, ``trials``,
            ``completeness`` and its 95 % interval ``low``, ``high``.
        """
        low, high = self.interval()
        shape = self.found.shape
        table = QTable()
        table["separation"] = np.repeat(self.separations, shape[1])
        table["magnitude_difference"] = np.tile(self.magnitude_differences, shape[0])
        for name, values in (
            ("found", self.found),
            ("trials", self.trials),
            ("completeness", self.completeness),
            ("low", low),
            ("high", high),
        ):
            table[name] = values.ravel()
        return table

    def __repr__(self):
        s, m = self.found.shape
        return f"<CompletenessMap of {s} separations and {m} magnitude differences>"


def completeness_map(
    detector, inject, separations, magnitude_differences, *, threshold, rng, trials=100
):
    """Inject pairs on a grid and count those that a detector finds.

    Parameters
    ----------
    detector : callable
        From what ``inject`` returns to one score a pair, shape (trials,); NaN counts
        as not found. For the likelihood ratio, ``lambda b: glrt(b).statistic``.
    inject : callable
        Makes pairs: ``inject(separation, magnitude_difference, count, rng)`` with two
        `~astropy.units.Quantity` and a `~numpy.random.Generator`; an `Injector`, or
        any function that simulates stacks.
    separations, magnitude_differences : `~astropy.units.Quantity`
        Shape (s,) and (m,): the grid.
    threshold : float
        A score above it is a detection.
    rng : `~numpy.random.Generator`
        Source of randomness.
    trials : int, optional
        Pairs in a cell.

    Returns
    -------
    CompletenessMap
        Of s times m cells.

    Raises
    ------
    ValueError
        If the detector returns another number of scores.
    """
    apart, faint = np.atleast_1d(separations), np.atleast_1d(magnitude_differences)
    found = np.zeros((len(apart), len(faint)), dtype=int)
    for row, separation in enumerate(apart):
        for column, difference in enumerate(faint):
            scores = np.asarray(
                detector(inject(separation, difference, trials, rng)), dtype=float
            )
            if scores.shape != (trials,):
                raise ValueError(
                    f"the detector must return {trials} scores, not {scores.shape}"
                )
            found[row, column] = int((scores > threshold).sum())
    return CompletenessMap(apart, faint, found, np.full_like(found, trials))


@dataclass(frozen=True)
class Efficiency:
    """How close a detector is to a limit.

    Attributes
    ----------
    eta : float
        (d' of the limit / d' of the detector)^2 at half completeness.
    low, high : float
        Bootstrap interval.
    d_prime : float
        d' at which the detector finds half.
    limit : float
        That of the limit.
    """

    eta: float
    low: float
    high: float
    d_prime: float
    limit: float


def efficiency(
    d_prime,
    found,
    *,
    false_positive_rate=1e-3,
    limit=None,
    rng,
    resamples=500,
    level=0.95,
):
    """Efficiency of a detector on pairs of known detectability.

    Parameters
    ----------
    d_prime : array-like of float
        Shape (n,), from `detectability`.
    found : array-like of bool
        Shape (n,): whether the detector, at its threshold, found the pair.
    false_positive_rate : float, optional
        The rate that the threshold has.
    limit : float, optional
        Value of d' at which the limit finds half; by default the clairvoyant
        bound's, the normal deviate of the rate. 4.4 compares with the
        likelihood-ratio scan at 1e-3.
    rng : `~numpy.random.Generator`
        Source of randomness, for the interval.
    resamples : int, optional
        Of the bootstrap.
    level : float, optional
        Of the interval.

    Returns
    -------
    Efficiency
        Above 1 against the clairvoyant bound proves a leak of truth into the
        detector.

    References
    ----------
    Efron, B. & Tibshirani, R. 1993, An Introduction to the Bootstrap, 13.
    """
    values, seen = np.asarray(d_prime, dtype=float), np.asarray(found, dtype=bool)
    if limit is None:
        limit = float(required_d_prime(0.5, false_positive_rate))
    own = d_prime_at(values, seen)
    rows = rng.integers(0, len(values), (resamples, len(values)))
    spread = [efficiency_eta(limit, d_prime_at(values[r], seen[r])) for r in rows]
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(spread, [tail, 100 - tail])
    return Efficiency(efficiency_eta(limit, own), float(low), float(high), own, limit)


def efficiency_eta(limit, detector):
    """Share of the signal's information that a detector uses.

    Parameters
    ----------
    limit, detector : float
        Value of d' at which each finds half of the pairs, at one false-positive rate.

    Returns
    -------
    float
        The square of their ratio, as d'^2 grows with exposure time.

    Examples
    --------
    >>> from astro_vbinary.measurement import efficiency_eta
    >>> print(f"{efficiency_eta(4.4, 5.0):.2f}")
    0.77
    """
    return float((limit / detector) ** 2) if detector > 0 else np.nan


def d_prime_at(d_prime, found, *, completeness=0.5):
    """The d' from which a detector finds a share of pairs.

    Parameters
    ----------
    d_prime : array-like of float
        Shape (n,).
    found : array-like of bool
        Shape (n,).
    completeness : float, optional
        The share.

    Returns
    -------
    float
        Where a logistic curve, fitted to the pairs around, crosses the share (local
        likelihood: Loader 1999, Local Regression and Likelihood, 4); NaN where the
        share is never crossed.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are empty.
    """
    values, seen = np.asarray(d_prime, dtype=float), np.asarray(found, dtype=float)
    if values.shape != seen.shape or values.ndim != 1 or not len(values):
        raise ValueError(f"shapes {values.shape} and {seen.shape} do not fit")
    # Where to look: the monotonic regression is rough, but assumes nothing.
    order = np.argsort(values)
    values, seen = values[order], seen[order]
    level = optimize.isotonic_regression(seen).x
    above = int(np.searchsorted(level, completeness))
    if above == len(level) or level[0] > completeness:
        return np.nan
    place = float(values[max(above - 1, 0)] + values[above]) / 2
    for _ in range(3):
        place = _crossing(values, seen, place, completeness)
    return place


def _crossing(values, seen, place, completeness):
    """Fit a logistic curve within some d' of a place, where it crosses a share."""
    reach = max(2.0, 0.5 * place)
    near = np.abs(values - place) < reach
    x, y = values[near] - place, seen[near]
    weight = (1 - (np.abs(x) / reach) ** 3) ** 3
    design = np.stack([np.ones_like(x), x], axis=1)
    value = np.array([0.0, 1.0])
    for _ in range(8):
        share = special.expit(design @ value)
        slope = weight * np.clip(share * (1 - share), 1e-6, None)
        matrix = design.T @ (design * slope[:, None]) + 1e-6 * np.eye(2)
        value = value + np.linalg.solve(matrix, design.T @ (weight * (y - share)))
        value = np.clip(value, -20, 20)
    if value[1] < 0.05:
        return place
    shift = (special.logit(completeness) - value[0]) / value[1]
    return place + float(np.clip(shift, -reach / 2, reach / 2))
