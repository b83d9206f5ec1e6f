"""What every point-spread function can do."""

from abc import ABC, abstractmethod

import astropy.units as u
import numpy as np

__all__ = ["PSF"]


class PSF(ABC):
    """A point-spread function whose images sum to one over an endless plane.

    Attributes
    ----------
    fwhm : `~astropy.units.Quantity`
        Full width at half maximum, of the geometric mean of the two axes.
    """

    fwhm: u.Quantity

    @abstractmethod
    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel.

        Parameters
        ----------
        shape : tuple of int
            (ny, nx) in pixels.
        pixel_scale : `~astropy.units.Quantity`
            Side of a pixel, an angle.
        position : tuple of float, optional
            (x, y) of the star in pixels, zero at the centre of the first pixel;
            by default the centre of the image.

        Returns
        -------
        `~numpy.ndarray`
            Shape (ny, nx), float64, the share of the star's flux in each pixel.
        """


def pixel_offsets(shape, position):
    """Distance of every pixel's centre from a position.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    position : tuple of float or None
        (x, y) in pixels; None for the centre of the image.

    Returns
    -------
    dx, dy : `~numpy.ndarray`
        Shapes (1, nx) and (ny, 1), in pixels.
    """
    ny, nx = shape
    x0, y0 = ((nx - 1) / 2, (ny - 1) / 2) if position is None else position
    return np.arange(nx)[None, :] - x0, np.arange(ny)[:, None] - y0
