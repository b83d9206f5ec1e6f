"""A classical detector by second moments."""

import numpy as np

from astro_vbinary.measurement.peer_image import SIGMA_OF_FWHM, gaussian_kernel
from astro_vbinary.measurement.peer_result import LOWEST, PeerResult, guard
from astro_vbinary.measurement.shapes import adaptive_moments, weighted_moments

__all__ = ["moment_shape"]

#: A PSF's ellipticity that cannot be told from a pair's without its own moments.
UNKNOWN_ELLIPTICITY = 0.05

#: Score from which on the verdict is a pair: three times the PSF's ellipticity.
SHAPE_THRESHOLD = 3.0

#: Standard deviation in arcsec of the fixed weight of `moment_shape`: by 2.5 arcsec
#: it has fallen to a twentieth.
WEIGHT_SIGMA = 1.0


def moment_shape(image, valid, pixel_scale, fwhm, *, adaptive=False, psf_moments=None):
    """Ask whether the light around the brightest object is longer along one axis.

    Parameters
    ----------
    image, valid, pixel_scale, fwhm : array, float
        As for `count_peaks`.
    adaptive : bool, optional
        Whether the weight takes the object's own shape, as for galaxies in shear
        surveys: that sees blends within about a FWHM, and holds but one star of a
        wider pair. By default the weight is round, with a standard deviation of
        1 arcsec.
    psf_moments : tuple of float, optional
        The PSF's own covariance (xx, xy, yy) in square arcsec, to the right and up
        in the image, under an adaptive weight. By default a round star of the given
        FWHM.

    Returns
    -------
    PeerResult
        The score is the elongation that the PSF does not explain over its error.
        Without ``psf_moments`` an ellipticity of 0.05, which the PSF may have, is
        added to the error in quadrature. No separation is told.

    References
    ----------
    Bernstein & Jarvis 2002, AJ 123, 583, section 3.
    """
    return guard(
        _moments,
        image,
        valid,
        pixel_scale,
        fwhm,
        adaptive=adaptive,
        psf_moments=psf_moments,
    )


def _moments(image, *, adaptive, psf_moments):
    filtered, _ = image.filter(gaussian_kernel(image.fwhm))
    inside = np.where(image.circle, filtered, -np.inf)
    y, x = np.unravel_index(inside.argmax(), filtered.shape)
    star = image.fwhm * SIGMA_OF_FWHM
    measure = adaptive_moments if adaptive else weighted_moments
    width = star if adaptive else WEIGHT_SIGMA / image.pixel_scale
    found = measure(image.data, x=x, y=y, sigma=width)
    noise = image.scatter * image.correlation()
    if not found.signal_to_noise(noise) > LOWEST:
        return PeerResult(
            0.0, reason="no object above the noise", threshold=SHAPE_THRESHOLD
        )
    psf, floor = np.eye(2) * star**2, UNKNOWN_ELLIPTICITY
    if psf_moments is not None:
        xx, xy, yy = np.asarray(psf_moments, dtype=float) / image.pixel_scale**2
        psf, floor = np.array([[xx, xy], [xy, yy]]), 0.0
    if not adaptive:
        # What a Gaussian has left under a Gaussian weight.
        psf = np.linalg.inv(np.linalg.inv(psf) + np.eye(2) / width**2)
    value, error = found.elongation(noise, psf=psf)
    error = float(np.hypot(error, floor * abs(found.trace)))
    return PeerResult(value / error, threshold=SHAPE_THRESHOLD)
