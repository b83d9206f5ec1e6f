r"""How much noisier a star's flux is than uncorrelated pixels would have it.

Drizzled, warped and smoothed images have noise that neighbouring pixels share
(Casertano et al. 2000, AJ 120, 2747, A). A sum over a star of width :math:`\sigma` then
has the variance of white noise times

.. math:: F = \sum_{x,y} c(x, y)\, e^{-(x^2 + y^2) / 4\sigma^2},

c being the noise's autocorrelation and the other factor that of a Gaussian PSF. Of
noise that was smoothed by a Gaussian, :math:`c = \rho^{x^2 + y^2}` with :math:`\rho`
that of neighbours, and F is a theta function squared. Slopes, wings and galaxies below
the noise correlate pixels farther apart, too: what pixels have in common at five and
six pixels is not the noise's, and is taken off.
"""

import numpy as np

__all__ = ["noise_grain"]

#: Radius in arcsec about the target within which stars are, and pixels that are needed
#: to tell a correlation.
INNER, ENOUGH = 2.5, 200

#: Pixels so many deviations off are sources.
CLIP = 3.0

#: Largest correlation of neighbours, and distances at which noise has none.
LARGEST, FAR = 0.8, (5, 6)

#: Correlations of fewer deviations are not taken for real.
SURE = 2.0


def noise_grain(image, weight, pixel, scale, width):
    """The variance of a star's flux over that by white noise of the same scatter.

    Parameters
    ----------
    image, weight : `~numpy.ndarray`
        Shape (ny, nx): the pixels, and one over the variance; 0 for a bad one.
    pixel : array-like of float
        (x, y) of the target.
    scale : float
        Side of a pixel in arcsec.
    width : float
        Full width at half maximum of the PSF with the pixel, in pixels.

    Returns
    -------
    float
        At least 1; 1 where there are too few pixels to tell.
    """
    ny, nx = image.shape
    y, x = np.ogrid[:ny, :nx]
    away = np.hypot(x - pixel[0], y - pixel[1]) * scale
    good = (weight > 0) & (away > INNER)
    if good.sum() < ENOUGH:
        return 1.0
    values = np.where(good, image * np.sqrt(weight), 0.0)
    middle = np.median(values[good])
    scatter = 1.4826 * np.median(np.abs(values[good] - middle))
    good &= np.abs(values - middle) < CLIP * max(scatter, 1e-300)
    count = int(good.sum())
    if count < ENOUGH:
        return 1.0
    values = np.where(good, values - values[good].mean(), 0.0)
    common = np.mean([_lagged(values, good, lag) for lag in FAR])
    variance = np.square(values[good]).mean() - common
    if not variance > 0:
        return 1.0
    rho = (_lagged(values, good, 1) - common) / variance
    if rho < SURE / np.sqrt(count):
        return 1.0
    rho = min(rho, LARGEST)
    sigma = width / 2.3548
    lags = np.arange(1, 9)
    shared = rho * np.exp(-1 / (4 * sigma**2))
    return float((1 + 2 * (shared ** (lags**2)).sum()) ** 2)


def _lagged(values, good, lag):
    """Mean product of pixels so far apart along either axis."""
    total = number = 0.0
    for one, other in (
        (np.s_[:, lag:], np.s_[:, :-lag]),
        (np.s_[lag:], np.s_[:-lag]),
    ):
        both = good[one] & good[other]
        total += float((values[one] * values[other])[both].sum())
        number += int(both.sum())
    return total / max(number, 1)
