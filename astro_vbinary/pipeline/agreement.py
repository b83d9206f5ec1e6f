"""Whether surveys put the fainter star of a pair at one place."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special

__all__ = ["PairAgreement", "check_agreement"]

#: Swaps that are tried one with another; beyond, each is tried by itself.
MOST_SWAPS = 8


@dataclass(frozen=True)
class PairAgreement:
    """How well the offsets of several surveys agree.

    Attributes
    ----------
    p_value : float
        Chance that errors alone scatter the offsets that much; NaN for fewer than two.
    chi2 : float
        Of the offsets about their weighted mean.
    offset, covariance : `~numpy.ndarray`
        Shapes (2,) and (2, 2): the weighted mean, east and north in arcsec.
    offsets : tuple of PairOffset
        Those that went in, swapped where that fits better.
    """

    p_value: float
    chi2: float
    offset: np.ndarray
    covariance: np.ndarray
    offsets: tuple


def check_agreement(offsets):
    r"""Compare offsets with one place for all.

    :math:`\chi^2 = \sum (x_i - \bar x)^T C_i^{-1} (x_i - \bar x)` about the weighted
    mean, with 2 (n - 1) degrees of freedom. Where the stars are nearly equal, which of
    them is the fainter may differ from survey to survey: such offsets are turned by
    180 degrees where that makes the sum smaller. The first that may not be swapped
    keeps its side, or the first of all. Each swap that is free halves what a
    coincidence is worth; the p-value does not count that.

    Parameters
    ----------
    offsets : sequence of PairOffset
        At least one.

    Returns
    -------
    PairAgreement
        What comes out.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.pipeline import PairOffset, check_agreement
    >>> error = np.eye(2) * 0.01**2
    >>> one = PairOffset(survey="HST", offset=np.array([0.5, 0]), covariance=error)
    >>> far = PairOffset(survey="JWST", offset=np.array([0.6, 0]), covariance=error)
    >>> check_agreement([one, far]).p_value < 1e-6
    True
    """
    if not offsets:
        raise ValueError("there is no offset to compare")
    best = None
    for chosen in _choices(list(offsets)):
        mean, covariance, chi2 = weighted_mean(chosen)
        if best is None or chi2 < best.chi2:
            best = PairAgreement(np.nan, chi2, mean, covariance, tuple(chosen))
    if len(best.offsets) < 2:
        return best
    p_value = float(special.chdtrc(2 * (len(best.offsets) - 1), best.chi2))
    return PairAgreement(p_value, best.chi2, best.offset, best.covariance, best.offsets)


def _choices(offsets):
    """The offsets with every choice of swaps that is allowed."""
    fixed = next((i for i, one in enumerate(offsets) if not one.swappable), 0)
    free = [i for i, one in enumerate(offsets) if one.swappable and i != fixed]
    if len(free) > MOST_SWAPS:
        sign = [float(one.offset @ offsets[fixed].offset) < 0 for one in offsets]
        yield [
            one.swapped() if i in free and sign[i] else one
            for i, one in enumerate(offsets)
        ]
        return
    for turned in product((False, True), repeat=len(free)):
        swap = {i for i, yes in zip(free, turned, strict=True) if yes}
        yield [one.swapped() if i in swap else one for i, one in enumerate(offsets)]


def weighted_mean(offsets):
    """Mean of offsets by the inverse of their covariances.

    Parameters
    ----------
    offsets : sequence of PairOffset
        At least one.

    Returns
    -------
    mean, covariance : `~numpy.ndarray`
        Shapes (2,) and (2, 2).
    chi2 : float
        Of the scatter about it.
    """
    weights = [np.linalg.inv(one.covariance) for one in offsets]
    covariance = np.linalg.inv(np.sum(weights, axis=0))
    pairs = list(zip(weights, offsets, strict=True))
    mean = covariance @ np.sum([w @ one.offset for w, one in pairs], axis=0)
    left = [(one.offset - mean, w) for w, one in pairs]
    return mean, covariance, float(sum(d @ w @ d for d, w in left))
