"""From d' to completeness and back, and d' in closed form."""

import numpy as np
from scipy import stats

__all__ = [
    "GLRT_THRESHOLDS",
    "clairvoyant_bound",
    "required_d_prime",
    "scan_completeness",
    "small_separation_d_prime",
    "wide_d_prime",
]

#: Thresholds on sqrt(T) of the scan over separations to 2.5 arcsec, by false-positive
#: rate, for stars a few full widths at half maximum from the scan's edge: where a scan
#: has 100 to 140 independent trials. `calibrate_threshold` gives a survey's own.
GLRT_THRESHOLDS = {1e-2: 3.8, 1e-3: 4.4, 1e-4: 4.9}


def clairvoyant_bound(d_prime, false_positive_rate):
    r"""Completeness of a detector that knows all but whether there are two stars.

    :math:`P_D = \Phi(d' - z)` with z the normal deviate of the false-positive rate
    (Neyman & Pearson 1933): no detector exceeds it. One that must search over
    separations, angles and flux ratios needs a higher threshold, see
    `required_d_prime`.

    Parameters
    ----------
    d_prime : array-like of float
        Any shape.
    false_positive_rate : float
        From 0 to 1.

    Returns
    -------
    `~numpy.ndarray`
        Of the shape of ``d_prime``.

    Raises
    ------
    ValueError
        If the rate is not between 0 and 1.

    Examples
    --------
    >>> from astro_vbinary.measurement import clairvoyant_bound
    >>> print(f"{clairvoyant_bound(3.09, 1e-3):.2f}")
    0.50
    """
    return stats.norm.cdf(
        np.asarray(d_prime, dtype=float) - _deviate(false_positive_rate)
    )


def required_d_prime(completeness, false_positive_rate, *, threshold=None):
    """The d' from which a share of pairs is found.

    Parameters
    ----------
    completeness : array-like of float
        From 0 to 1, any shape.
    false_positive_rate : float
        From 0 to 1.
    threshold : float, optional
        Of a detector whose statistic is d' plus a normal deviate, such as the
        square root of the likelihood ratio: 4.4 for the scan at 1e-3. By default
        that of the clairvoyant detector, the normal deviate of the rate.

    Returns
    -------
    `~numpy.ndarray`
        Of the shape of ``completeness``.

    Raises
    ------
    ValueError
        If the rate is not between 0 and 1.

    Examples
    --------
    >>> from astro_vbinary.measurement import required_d_prime
    >>> print(f"{required_d_prime(0.5, 1e-3):.2f} {required_d_prime(0.9, 1e-3):.2f}")
    3.09 4.37
    >>> print(f"{required_d_prime(0.9, 1e-3, threshold=4.4):.1f}")
    5.7
    """
    limit = _deviate(false_positive_rate) if threshold is None else threshold
    return limit + stats.norm.ppf(completeness)


def scan_completeness(d_prime, threshold, *, bands=1):
    r"""Completeness of a scan that fits what it does not know.

    .. math::

        P_D = P\left(\chi'^2_{k+2}(d'^2) > t^2\right)

    with t the threshold on the square root of the likelihood ratio. The maximum is
    taken over the companion's place and its flux in each of k bands, so noise adds to
    T what it can in k + 2 dimensions: T is a noncentral :math:`\chi^2` (Wald 1943;
    Kay 1998, 6.5) with a mean of d'^2 + k + 2, and half of the pairs are found from a
    d' about (k + 1) / 2t below t. A detector that knows the pair has one dimension,
    `clairvoyant_bound`.

    Parameters
    ----------
    d_prime : array-like of float
        Any shape.
    threshold : float
        On the square root of T.
    bands : int, optional
        Number of bands with a free flux ratio each.

    Returns
    -------
    `~numpy.ndarray`
        Of the shape of ``d_prime``. It holds where there is one best pair near the
        true one, which is far above what noise makes elsewhere.

    Raises
    ------
    ValueError
        If ``bands`` is below one.

    References
    ----------
    Wald, A. 1943, Trans. Am. Math. Soc. 54, 426, doi:10.2307/1990256;
    Kay, S. M. 1998, Fundamentals of Statistical Signal Processing: Detection Theory.

    Examples
    --------
    >>> from astro_vbinary.measurement import scan_completeness
    >>> print(scan_completeness([0, 4.17, 4.4, 5.7], 4.4).round(2))
    [0.   0.5  0.59 0.93]
    """
    if bands < 1:
        raise ValueError(f"there is at least one band, not {bands}")
    size = np.square(np.asarray(d_prime, dtype=float))
    return stats.ncx2.sf(threshold**2, bands + 2, np.maximum(size, 1e-12))


def _deviate(rate):
    if not 0 < rate < 1:
        raise ValueError(f"a false-positive rate is between 0 and 1, not {rate}")
    return stats.norm.isf(rate)


def small_separation_d_prime(snr, ratio, separation, fwhm, *, photon_limited=False):
    """The d' of a close pair seen with a Gaussian PSF.

    1.96 S r / (1 + r)^2 (s / FWHM)^2 where the sky dominates the noise, and twice as
    much where the pair's own photons do: what a difference in second moments shows
    (Shahram & Milanfar 2006, IEEE Trans. Image Process. 15, 677). Good to a tenth
    below half of the FWHM.

    Parameters
    ----------
    snr : float
        Signal-to-noise ratio S of both stars together.
    ratio : float
        Flux ratio r.
    separation, fwhm : float or `~astropy.units.Quantity`
        In one unit.
    photon_limited : bool, optional
        Whether the noise is the pair's own.

    Returns
    -------
    float
        The detectability.

    Examples
    --------
    >>> from astro_vbinary.measurement import small_separation_d_prime
    >>> print(f"{small_separation_d_prime(300, 1, 0.2, 1.0):.1f}")
    5.9
    """
    # 2 (2 ln 2) / sqrt 2 = 1.96, and a Gaussian's second derivative under its own
    # photon noise has twice the norm.
    factor = 3.92 if photon_limited else 1.96
    return float(factor * snr * ratio / (1 + ratio) ** 2 * (separation / fwhm) ** 2)


def wide_d_prime(snr, ratio):
    """The d' of a wide pair: the signal-to-noise ratio of the secondary.

    Parameters
    ----------
    snr : float
        Signal-to-noise ratio S of both stars together.
    ratio : float
        Flux ratio r, at most 1.

    Returns
    -------
    float
        S r / (1 + r).

    Examples
    --------
    >>> from astro_vbinary.measurement import wide_d_prime
    >>> wide_d_prime(100, 0.25)
    20.0
    """
    return snr * ratio / (1 + ratio)
