"""The Moffat profile: a star seen through an atmosphere."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np

from astro_vbinary.psf.base import PSF, pixel_offsets

__all__ = ["MoffatPSF"]


@dataclass(frozen=True)
class MoffatPSF(PSF):
    r"""An elliptical Moffat profile.

    The surface brightness is :math:`(\beta-1)/(\pi a b)\,(1+\rho^2)^{-\beta}`
    with :math:`\rho` the radius in units of the core's semi-axes a and b
    (Moffat 1969).

    Parameters
    ----------
    fwhm : `~astropy.units.Quantity`
        Full width at half maximum, the geometric mean of both axes, an angle.
    beta : float, optional
        Slope of the wings, above 1. Kolmogorov turbulence gives about 4.765
        (Trujillo et al. 2001); images show 2.5 to 4.5.
    ellipticity : float, optional
        1 - b/a, from 0 to below 1.
    angle : `~astropy.units.Quantity`, optional
        Direction of the long axis, from the image's x axis towards y.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Moffat, A. F. J. 1969, A&A 3, 455.
    Trujillo, I. et al. 2001, MNRAS 328, 977, doi:10.1046/j.1365-8711.2001.04937.x.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.psf import MoffatPSF
    >>> image = MoffatPSF(1.2 * u.arcsec).image((81, 81), 0.25 * u.arcsec)
    >>> print(f"{image.sum():.3f}")
    1.000
    """

    fwhm: u.Quantity
    beta: float = 3.5
    ellipticity: float = 0.0
    angle: u.Quantity = 0.0 * u.deg

    def __post_init__(self):
        width = u.Quantity(self.fwhm).to(u.arcsec)
        if not width > 0:
            raise ValueError(f"fwhm must be positive, not {self.fwhm}")
        if not self.beta > 1:
            raise ValueError(f"beta must be above 1, not {self.beta}")
        if not 0 <= self.ellipticity < 1:
            raise ValueError(f"ellipticity must be in [0, 1), not {self.ellipticity}")
        object.__setattr__(self, "fwhm", width)

    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel; see `PSF.image`."""
        scale = u.Quantity(pixel_scale).to_value(u.arcsec)
        width = self.fwhm.value
        dx, dy = pixel_offsets(shape, position)
        # Gauss-Legendre points: two integrate a pixel of half the FWHM to 1 %.
        points = int(np.clip(np.ceil(3 * scale / width), 2, 8))
        nodes, weights = np.polynomial.legendre.leggauss(points)
        total = np.zeros(shape)
        for step_y, weight_y in zip(nodes / 2, weights / 2, strict=True):
            for step_x, weight_x in zip(nodes / 2, weights / 2, strict=True):
                total += (weight_y * weight_x) * self._brightness(
                    (dx + step_x) * scale, (dy + step_y) * scale
                )
        return total * scale**2

    def _brightness(self, x, y):
        core = self.fwhm.value / (2 * np.sqrt(2 ** (1 / self.beta) - 1))
        stretch = np.sqrt(1 - self.ellipticity)
        angle = u.Quantity(self.angle).to_value(u.rad)
        along = (x * np.cos(angle) + y * np.sin(angle)) * stretch / core
        across = (y * np.cos(angle) - x * np.sin(angle)) / (stretch * core)
        norm = (self.beta - 1) / (np.pi * core**2)
        return norm * (1 + along**2 + across**2) ** -self.beta
