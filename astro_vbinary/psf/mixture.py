"""A core and what surrounds it: the sum of several profiles."""

from functools import cached_property

import astropy.units as u
import numpy as np

from astro_vbinary.psf.base import PSF

__all__ = ["MixturePSF"]


class MixturePSF(PSF):
    """A weighted sum of point-spread functions that share a centre.

    Parameters
    ----------
    components : sequence of `PSF`
        At least one; the first is the core.
    weights : sequence of float
        Share of the light in each, not negative; they are scaled to sum to one.

    Raises
    ------
    ValueError
        If there is no component, or the weights do not fit.

    Notes
    -----
    The attribute ``fwhm`` is measured: the diameter of a circle as large as the
    area above half of the maximum.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.psf import MixturePSF, MoffatPSF
    >>> core, halo = MoffatPSF(1 * u.arcsec), MoffatPSF(4 * u.arcsec, beta=2)
    >>> print(f"{MixturePSF([core, halo], [0.9, 0.1]).fwhm:.2f}")
    1.00 arcsec
    """

    def __init__(self, components, weights):
        components = tuple(components)
        weights = np.asarray(weights, dtype=float)
        if not components or weights.shape != (len(components),):
            raise ValueError(
                f"as many weights as components, not {weights.shape} for "
                f"{len(components)}"
            )
        if not (weights.min() >= 0 and 0 < weights.sum() < np.inf):
            raise ValueError(f"weights must be 0 or more, not {weights.tolist()}")
        self.components = components
        self.weights = weights / weights.sum()

    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel; see `PSF.image`."""
        total = np.zeros(shape)
        for part, weight in zip(self.components, self.weights, strict=True):
            if weight > 0:
                total += weight * part.image(shape, pixel_scale, position=position)
        return total

    @cached_property
    def fwhm(self):
        """Full width at half maximum (`~astropy.units.Quantity`), an angle."""
        core = self.components[0].fwhm.to_value(u.arcsec)
        side, fine = 161, 40
        image = self.image((side, side), core / fine * u.arcsec)
        above = (image > image.max() / 2).sum()
        return 2 * np.sqrt(above / np.pi) / fine * core * u.arcsec
