"""What every point-spread function can do."""

from abc import ABC, abstractmethod

import astropy.units as u
import numpy as np

from astro_vbinary.psf.measure import encircled_energy

__all__ = ["PSF"]

#: Most pixels along one side of the images that encircled energies are summed on.
LARGEST_SIDE = 801


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

    def effective(self, pixel_scale, oversampling, radius):
        """The effective PSF: what a pixel sees, for a star anywhere near it.

        Parameters
        ----------
        pixel_scale : `~astropy.units.Quantity`
            Side of a native pixel, an angle.
        oversampling : int
            Samples along one side of a native pixel.
        radius : `~astropy.units.Quantity`
            Half side of the array, an angle; rounded up to whole samples.

        Returns
        -------
        `~numpy.ndarray`
            Odd and square, float64: the share of the flux in a native pixel whose
            centre is that far from the star, which is at the array's centre. It
            sums to ``oversampling`` squared.

        Raises
        ------
        ValueError
            If ``oversampling`` is below one.

        References
        ----------
        Anderson, J. & King, I. R. 2000, PASP 112, 1360, doi:10.1086/316632.

        Examples
        --------
        >>> import astropy.units as u
        >>> from astro_vbinary.psf import MoffatPSF
        >>> psf = MoffatPSF(1 * u.arcsec)
        >>> psf.effective(0.25 * u.arcsec, 4, 2 * u.arcsec).shape
        (65, 65)
        """
        if not (oversampling >= 1 and oversampling == int(oversampling)):
            raise ValueError(f"oversampling must be 1, 2, ..., not {oversampling}")
        fine = int(oversampling)
        ratio = u.Quantity(radius / pixel_scale).to_value(u.dimensionless_unscaled)
        half = int(np.ceil(ratio * fine - 1e-9))
        result = np.empty((2 * half + 1, 2 * half + 1))
        # One image for each place of the star within its pixel.
        for row in range(min(fine, len(result))):
            for column in range(min(fine, len(result))):
                part = result[row::fine, column::fine]
                star = ((half - column) / fine, (half - row) / fine)
                part[...] = self.image(part.shape, pixel_scale, position=star)
        return result

    def encircled_energy(self, radii, *, pixel_scale=None):
        """Share of the light within circles around the star.

        Parameters
        ----------
        radii : `~astropy.units.Quantity`
            Any shape, angles.
        pixel_scale : `~astropy.units.Quantity`, optional
            Side of the native pixel to count in, an angle; by default none.

        Returns
        -------
        `~numpy.ndarray`
            Of the shape of ``radii``, from 0 to 1.

        Examples
        --------
        >>> import astropy.units as u
        >>> from astro_vbinary.psf import MoffatPSF
        >>> psf = MoffatPSF(1 * u.arcsec, beta=3)
        >>> print(psf.encircled_energy([0.5, 1, 2] * u.arcsec).round(2))
        [0.37 0.76 0.96]
        """
        radii = u.Quantity(radii).to_value(u.arcsec)
        reach = 1.02 * float(np.max(radii))
        step = max(self.fwhm.to_value(u.arcsec) / 20, 2 * reach / LARGEST_SIDE)
        if pixel_scale is None:
            side = 2 * int(np.ceil(reach / step)) + 1
            image = self.image((side, side), step * u.arcsec)
        else:
            native = u.Quantity(pixel_scale).to_value(u.arcsec)
            fine = max(int(np.ceil(native / step)), 1)
            step = native / fine
            image = self.effective(pixel_scale, fine, reach * u.arcsec) / fine**2
        middle = (len(image) // 2,) * 2
        return encircled_energy(image, radii / step, center=middle)


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
