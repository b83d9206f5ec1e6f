"""Widths of stars: what pixel and halo add to the core."""

import numpy as np

__all__ = ["mixture_width", "with_pixel", "without_pixel"]


def with_pixel(fwhm, pixel_scale, beta):
    """The FWHM after the integration over a pixel.

    Squares add, as they do for Gaussians, where a square of side p counts as
    (8 ln 2 / 12) p^2 = 0.46 p^2; for Moffat profiles as (0.50 + 0.85 / beta) p^2, to
    1 % of the width for pixels up to 0.7 of it.

    Parameters
    ----------
    fwhm : `~numpy.ndarray`
        Before, in arcsec.
    pixel_scale : float or `~numpy.ndarray`
        Side of the pixel in arcsec.
    beta : `~numpy.ndarray`
        Slope of the core.

    Returns
    -------
    `~numpy.ndarray`
        In arcsec.
    """
    return np.sqrt(np.square(fwhm) + _pixel(pixel_scale, beta))


def without_pixel(fwhm, pixel_scale, beta):
    """The FWHM before the integration over a pixel; the inverse of `with_pixel`.

    Parameters
    ----------
    fwhm : `~numpy.ndarray`
        As delivered, in arcsec.
    pixel_scale : float or `~numpy.ndarray`
        Side of the pixel in arcsec.
    beta : `~numpy.ndarray`
        Slope of the core.

    Returns
    -------
    `~numpy.ndarray`
        In arcsec, at least half of what was given.
    """
    squared = np.square(fwhm) - _pixel(pixel_scale, beta)
    return np.maximum(np.sqrt(np.maximum(squared, 0)), np.asarray(fwhm) / 2)


def _pixel(pixel_scale, beta):
    return (0.50 + 0.85 / beta) * np.square(pixel_scale)


def mixture_width(beta, halo, halo_fwhm, halo_beta):
    """The FWHM of core and halo together, in units of the core's.

    Parameters
    ----------
    beta : `~numpy.ndarray`
        Shape (n,), slope of the core.
    halo : `~numpy.ndarray`
        Shape (n,), share of the light in the halo.
    halo_fwhm : `~numpy.ndarray`
        Shape (n,), in units of the core's, above one.
    halo_beta : `~numpy.ndarray`
        Shape (n,), slope of the halo.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), one or more.
    """

    def profile(radius, width, slope):
        core = width / (2 * np.sqrt(2 ** (1 / slope) - 1))
        return (slope - 1) / core**2 * (1 + (radius / core) ** 2) ** -slope

    def brightness(radius):
        outer = halo * profile(radius, halo_fwhm, halo_beta)
        return (1 - halo) * profile(radius, 1.0, beta) + outer

    half = brightness(0.0) / 2
    low, high = np.full(np.shape(beta), 0.5), np.asarray(halo_fwhm) / 2
    for _ in range(20):
        middle = (low + high) / 2
        above = brightness(middle) > half
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return low + high
