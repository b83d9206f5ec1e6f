"""Width, shape and concentration of the image of a star, real or simulated."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from photutils.aperture import CircularAperture
from scipy import ndimage

__all__ = ["PSFShape", "encircled_energy", "measure_psf"]

#: Points along one pixel at which the half-maximum contour is looked for, at most.
FINEST = 16


@dataclass(frozen=True)
class PSFShape:
    """What `measure_psf` finds.

    Attributes
    ----------
    fwhm : `~astropy.units.Quantity`
        Diameter of the circle as large as the area above half of the maximum.
    ellipticity : float
        1 - b/a of the half-maximum contour.
    angle : `~astropy.units.Quantity`
        Direction of its long axis, from the image's x axis towards y, in deg.
    center : tuple of float
        (x, y) of the centre of light of the core, in pixels.
    encircled : `~numpy.ndarray`
        Share of the light within each of the radii asked for.
    """

    fwhm: u.Quantity
    ellipticity: float
    angle: u.Quantity
    center: tuple[float, float]
    encircled: np.ndarray


def encircled_energy(image, radii, *, center):
    """Light within circles.

    Pixels on a circle count with the share of their area that is inside of it.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx).
    radii : `~numpy.ndarray`
        Any shape, in pixels; zero gives zero.
    center : tuple of float
        (x, y) in pixels.

    Returns
    -------
    `~numpy.ndarray`
        Sums of the image, of the shape of ``radii``.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.psf import encircled_energy
    >>> found = encircled_energy(np.ones((21, 21)), [1, 2], center=(10, 10))
    >>> print((found / np.pi).round(3))
    [1. 4.]
    """
    radii = np.asarray(radii, dtype=float)
    sums = [
        CircularAperture(center, radius).do_photometry(image)[0][0] if radius else 0.0
        for radius in radii.ravel()
    ]
    return np.reshape(sums, radii.shape)


def measure_psf(image, pixel_scale, radii, *, outer=None):
    """Measure the image of one star.

    The contour is found on a cubic spline through the pixels; no profile is
    assumed. There is no background in the image, and little noise.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx), finite.
    pixel_scale : `~astropy.units.Quantity`
        Side of a pixel, an angle.
    radii : `~astropy.units.Quantity`
        Shape (n,), angles, for the encircled energy.
    outer : `~astropy.units.Quantity`, optional
        Radius that holds all of the light, by convention; by default the whole
        image does.

    Returns
    -------
    PSFShape
        The measurements.

    Raises
    ------
    ValueError
        If the image is not finite, or its light not positive.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.psf import MoffatPSF, measure_psf
    >>> psf = MoffatPSF(1 * u.arcsec, ellipticity=0.2, angle=30 * u.deg)
    >>> image = psf.image((81, 81), 0.1 * u.arcsec)
    >>> shape = measure_psf(image, 0.1 * u.arcsec, [1, 2] * u.arcsec)
    >>> print(f"{shape.fwhm:.2f} {shape.ellipticity:.2f} {shape.angle:.0f}")
    1.00 arcsec 0.20 30 deg
    """
    image = np.asarray(image, dtype=float)
    if not np.isfinite(image).all():
        bad = np.size(image) - np.isfinite(image).sum()
        raise ValueError(f"a PSF is finite; {bad} pixels are not")
    scale = u.Quantity(pixel_scale).to_value(u.arcsec)
    width, ellipticity, angle, center = half_maximum(image)
    wanted = u.Quantity(radii).to_value(u.arcsec) / scale
    light = encircled_energy(image, wanted, center=center)
    if outer is None:
        total = image.sum()
    else:
        total = u.Quantity(outer).to_value(u.arcsec) / scale
        total = float(encircled_energy(image, total, center=center))
    if not total > 0:
        raise ValueError(f"a PSF has light, not {total}")
    return PSFShape(
        fwhm=width * scale * u.arcsec,
        ellipticity=ellipticity,
        angle=np.rad2deg(angle) % 180 * u.deg,
        center=center,
        encircled=light / total,
    )


def half_maximum(image):
    """The contour at half of the maximum.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx).

    Returns
    -------
    width : float
        Diameter in pixels of a circle as large as the area inside.
    ellipticity : float
        1 - b/a, from the second moments of that area.
    angle : float
        Direction of the long axis from x towards y, in radians.
    center : tuple of float
        (x, y) of the light inside, in pixels.

    Raises
    ------
    ValueError
        If no pixel is positive.
    """
    y, x = np.unravel_index(np.argmax(image), image.shape)
    if not image[y, x] > 0:
        raise ValueError(f"a PSF has light; the brightest pixel is {image[y, x]}")
    rough = np.sqrt((image > image[y, x] / 2).sum())
    half = int(np.ceil(1.5 * rough)) + 3
    rows = slice(max(y - half, 0), y + half + 1)
    columns = slice(max(x - half, 0), x + half + 1)
    fine = int(np.clip(64 / rough, 4, FINEST))
    spline = ndimage.spline_filter(image[rows, columns], order=3, mode="nearest")
    axes = [np.arange(0, n - 1 + 1e-9, 1 / fine) for n in spline.shape]
    grid = np.meshgrid(*axes, indexing="ij")
    values = ndimage.map_coordinates(
        spline, grid, order=3, prefilter=False, mode="nearest"
    )
    inside = values > values.max() / 2
    # What is brighter elsewhere in the cut-out is not the core.
    labels, count = ndimage.label(inside)
    if count > 1:
        inside = labels == labels[np.unravel_index(values.argmax(), values.shape)]
    width = 2 * np.sqrt(inside.sum() / np.pi) / fine
    yy, xx = grid[0][inside], grid[1][inside]
    weights = values[inside]
    center = (
        float(np.average(xx, weights=weights) + columns.start),
        float(np.average(yy, weights=weights) + rows.start),
    )
    (xx2, xy), (_, yy2) = np.cov(xx, yy)
    angle = np.arctan2(2 * xy, xx2 - yy2) / 2
    mean, spread = (xx2 + yy2) / 2, np.hypot((xx2 - yy2) / 2, xy)
    ellipticity = 1 - np.sqrt((mean - spread) / (mean + spread))
    return float(width), float(ellipticity), float(angle), center
