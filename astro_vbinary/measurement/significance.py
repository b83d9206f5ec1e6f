"""How often noise alone makes one star look like two."""

import astropy.units as u
import numpy as np
from scipy import special

__all__ = ["false_alarm_probability"]

#: Area that the close templates add to that of the scan, as a factor; set by the
#: thresholds of simulated single stars, see ``benchmarks/pairs_accuracy.py``.
CLOSE_PAIRS = 1.5


def false_alarm_probability(
    statistic, fwhm, *, bands=1, max_separation=2.5 * u.arcsec, close=CLOSE_PAIRS
):
    r"""Chance that a single star reaches a likelihood ratio by noise alone.

    The scan looks for the maximum of a field: at each place, the sum over bands of
    the squares of those normal deviates that are positive. For high values, the
    chance is the expected Euler characteristic of the field above the level, which
    for j bands that contribute is

    .. math::

        \frac{4 \ln 2}{2\pi}\,\frac{A}{W^2}\,
        \frac{T^{(j-2)/2}\,e^{-T/2}}{2^{(j-2)/2}\,\Gamma(j/2)}\,(T - j + 1)

    with A the area looked at and W the PSF's effective full width at half maximum
    (Worsley 1994). Each of the k bands contributes with probability one half.

    Parameters
    ----------
    statistic : array-like of float
        Square root of T, as in `GLRTResult`; NaN gives NaN.
    fwhm : `~astropy.units.Quantity`
        Effective full width at half maximum, as `PixelBatch.fwhm`, an angle,
        broadcast against ``statistic``.
    bands : int or array-like of int, optional
        Number of bands with a free flux ratio each, broadcast against ``statistic``.
    max_separation : `~astropy.units.Quantity`, optional
        Radius of the circle looked at.
    close : float, optional
        Area to count for the templates of close pairs, relative to the circle.

    Returns
    -------
    `~numpy.ndarray`
        From 0 to 1. It holds where PSF and noise are known; in real images the PSF
        is the limit, see `PSFUncertainty`.

    Raises
    ------
    ValueError
        If ``bands`` is below one.

    References
    ----------
    Worsley, K. J. 1994, Adv. Appl. Probab. 26, 13, doi:10.2307/1427576;
    Chernoff, H. 1954, Ann. Math. Stat. 25, 573 (parameters at their bounds).

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.measurement import false_alarm_probability
    >>> print(f"{false_alarm_probability(4.4, 1.1 * u.arcsec):.0e}")
    1e-03
    """
    bands = np.asarray(bands)
    if bands.min() < 1:
        raise ValueError(f"there is at least one band, not {bands.min()}")
    level = np.square(np.asarray(statistic, dtype=float))
    width = u.Quantity(fwhm).to_value(u.arcsec)
    radius = u.Quantity(max_separation).to_value(u.arcsec)
    area = close * np.pi * (radius / width) ** 2
    total = np.zeros(np.broadcast_shapes(level.shape, np.shape(area), bands.shape))
    for j in range(1, int(bands.max()) + 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            log = (j / 2 - 1) * np.log(level / 2) - level / 2 - special.gammaln(j / 2)
            density = 2 * np.log(2) / np.pi * np.exp(log) * (level - j + 1)
        total = total + special.comb(bands, j) / 2.0**bands * area * density
    # Low levels are reached by every field, and there the expansion is none.
    certain = level <= np.maximum(4.0, 2 * bands)
    chance = np.where(certain, 1.0, np.clip(total, 0, 1))
    return np.where(np.isnan(level), np.nan, chance)[()]
