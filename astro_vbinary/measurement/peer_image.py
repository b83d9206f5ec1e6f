"""What every classical detector starts from: coarse pixels and an honest noise."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from scipy import ndimage

from astro_vbinary.exceptions import NoDataError
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["PeerImage"]

#: Finest sampling that is kept, in pixels per FWHM. Beyond twice Nyquist's rate more
#: pixels hold no more sky, and the detectors were made for two to five.
SAMPLING = 5.0

#: Share of the 2.5-arcsec circle that must have data.
LEAST_COVERED = 0.1

#: Standard deviation of a Gaussian over its FWHM.
SIGMA_OF_FWHM = 1 / np.sqrt(8 * np.log(2))


@dataclass(frozen=True)
class PeerImage:
    """An image as the classical detectors look at it.

    Images that are sampled finer than five pixels per FWHM are averaged in blocks.
    Pixels without data are filled from the nearest that have, falling off as a
    Gaussian does with the star's width for standard deviation, so that a masked core
    is no ring of false peaks.

    Attributes
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float64, background-subtracted.
    valid : `~numpy.ndarray` of bool
        Shape (ny, nx), True where there are data.
    pixel_scale : float
        Side of a pixel in arcsec.
    fwhm : float
        A star's full width at half maximum in pixels.
    x, y : `~numpy.ndarray`
        Shapes (nx,) and (ny,), offsets of the pixels from the target in arcsec, to
        the right and up.
    scatter : float
        Standard deviation of the background's pixels.
    """

    data: np.ndarray
    valid: np.ndarray
    pixel_scale: float
    fwhm: float
    x: np.ndarray
    y: np.ndarray
    scatter: float

    @classmethod
    def make(cls, image, valid, pixel_scale, fwhm):
        """Prepare an image.

        Parameters
        ----------
        image : `~numpy.ndarray`
            Shape (ny, nx), any real dtype, the target at its centre; in any unit.
        valid : `~numpy.ndarray` of bool or None
            Shape (ny, nx), True where a pixel can be used. What is not finite is
            never used.
        pixel_scale, fwhm : `~astropy.units.Quantity` or float
            Side of a pixel, and the full width at half maximum of the stars, as
            angles or in arcsec.

        Returns
        -------
        PeerImage
            The image in blocks.

        Raises
        ------
        NoDataError
            If the circle around the target has too few pixels with data, or they
            are all the same.
        ValueError
            If shapes do not fit or an angle is not positive.
        """
        image = np.asarray(image, dtype=float)
        if image.ndim != 2:
            raise ValueError(f"an image has two dimensions, not {image.ndim}")
        good = np.isfinite(image)
        if valid is not None:
            if np.shape(valid) != image.shape:
                raise ValueError(f"mask {np.shape(valid)} for an image {image.shape}")
            good &= np.asarray(valid, dtype=bool)
        scale, width = _arcsec("pixel_scale", pixel_scale), _arcsec("fwhm", fwhm)
        factor = max(1, int(width / scale // SAMPLING))
        data, good, x, y = _block(np.where(good, image, 0.0), good, scale, factor)
        radius = np.hypot(y[:, None], x)
        circle = radius <= VISUAL_BINARY_LIMIT.value
        if good[circle].sum() < LEAST_COVERED * max(circle.sum(), 1):
            raise NoDataError("the 2.5-arcsec circle has no usable data")
        if not np.ptp(data[good]) > 0:
            raise NoDataError("the image is constant")
        level, scatter = background(data, good, radius)
        if not scatter > 0:
            raise NoDataError("the image has no contrast")
        pixels = width / (scale * factor)
        data = _fill(np.where(good, data - level, 0.0), good, pixels)
        return cls(data, good, scale * factor, pixels, x, y, scatter)

    @property
    def radius(self):
        """Distance of the pixels from the target in arcsec; (ny, nx)."""
        return np.hypot(self.y[:, None], self.x)

    @property
    def circle(self):
        """Pixels within 2.5 arcsec of the target; (ny, nx), bool."""
        return self.radius <= VISUAL_BINARY_LIMIT.value

    def filter(self, kernel):
        """Filter the image, and measure what the filter leaves of the noise.

        The noise of resampled images is correlated: a filter averages less of it
        away than the formula for white noise says. So its scatter is measured on
        the filtered image's own background, and the formula is only the least that
        it can be.

        Parameters
        ----------
        kernel : `~numpy.ndarray`
            Odd in both dimensions.

        Returns
        -------
        filtered : `~numpy.ndarray`
            Shape (ny, nx), its background at zero.
        scatter : float
            Standard deviation of its background.
        """
        filtered = ndimage.convolve(self.data, kernel, mode="nearest")
        level, scatter = background(filtered, self.valid, self.radius)
        white = self.scatter * np.sqrt((kernel**2).sum())
        return filtered - level, max(scatter, white)

    def correlation(self):
        """How much more noise than white noise a star's filter leaves; one or more."""
        kernel = gaussian_kernel(self.fwhm)
        scatter = self.filter(kernel)[1]
        return scatter / (self.scatter * np.sqrt((kernel**2).sum()))


def background(data, valid, radius):
    """Level and scatter of the background.

    Measured outside 2.5 arcsec where there is room. The lower half of the
    distribution is the background's own: sources only add light.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx).
    valid : `~numpy.ndarray` of bool
        Shape (ny, nx).
    radius : `~numpy.ndarray`
        Shape (ny, nx), distance from the target in arcsec.

    Returns
    -------
    level, scatter : float
        Median, and 1.4826 times the median deviation of what is below it, which is
        the standard deviation of a normal distribution (Rousseeuw & Croux 1993,
        JASA 88, 1273).
    """
    ring = data[valid & (radius > VISUAL_BINARY_LIMIT.value)]
    sample = ring if ring.size >= 0.1 * data.size else data[valid]
    level = np.median(sample)
    below = sample[sample <= level]
    scatter = 1.4826 * np.median(level - below)
    if not scatter > 0:
        # No noise at all, as in noiseless images: anything is significant.
        scatter = 1e-3 * np.ptp(data[valid])
    return float(level), float(scatter)


def gaussian_kernel(fwhm):
    """A Gaussian that sums to one, out to three standard deviations.

    Parameters
    ----------
    fwhm : float
        Full width at half maximum in pixels.

    Returns
    -------
    `~numpy.ndarray`
        Square, odd.
    """
    sigma = max(fwhm, 0.1) * SIGMA_OF_FWHM
    half = max(1, int(np.ceil(3 * sigma)))
    axis = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel = axis[:, None] * axis
    return kernel / kernel.sum()


def _arcsec(name, value):
    angle = u.Quantity(value, u.arcsec)
    if not (angle.isscalar and np.isfinite(angle.value) and angle.value > 0):
        raise ValueError(f"{name} must be a positive angle, not {value!r}")
    return float(angle.value)


def _block(data, good, scale, factor):
    """Averages of blocks, and their offsets from the image's centre in arcsec."""
    ny, nx = (n // factor * factor for n in data.shape)
    if not ny or not nx:
        raise NoDataError("the image is smaller than a star")
    # What does not fill a block is left out on both sides alike.
    y0, x0 = (data.shape[0] - ny) // 2, (data.shape[1] - nx) // 2
    shape = (ny // factor, factor, nx // factor, factor)
    part = np.s_[y0 : y0 + ny, x0 : x0 + nx]
    count = good[part].reshape(shape).sum(axis=(1, 3))
    total = data[part].reshape(shape).sum(axis=(1, 3))
    y, x = (
        scale * (start + factor * np.arange(n) + (factor - 1) / 2 - (size - 1) / 2)
        for start, n, size in zip((y0, x0), shape[::2], data.shape, strict=True)
    )
    enough = count >= 0.5 * factor**2
    mean = np.where(enough, total / np.maximum(count, 1), 0.0)
    return mean, enough, x, y


def _fill(data, good, width):
    """Fill what has no data from the nearest pixel that has, less the farther it is."""
    if good.all():
        return data
    distance, (y, x) = ndimage.distance_transform_edt(~good, return_indices=True)
    return data[y, x] * np.exp(-0.5 * (distance / width) ** 2)
