"""What is not known about the PSFs."""

from dataclasses import dataclass

import astropy.units as u

__all__ = ["PSFUncertainty"]


@dataclass(frozen=True)
class PSFUncertainty:
    """How far the PSFs that are given may be from the true ones.

    Each is one standard deviation of a Gaussian, independent from band to band.
    Both hypotheses, one star and two, may change the PSFs that much, so that a PSF
    that is a little too round is not taken for a pair: it is noise along these
    directions, which is put into the covariance.

    Parameters
    ----------
    ellipticity : float, optional
        Of each of the two components of the ellipticity, 1 - b/a.
    size : float, optional
        Of the width, as a fraction.
    registration : `~astropy.units.Quantity`, optional
        Of the position of a band's star along each axis, relative to the other
        bands, an angle.
    structure : float, optional
        Of what else a PSF may look like, as a share of a star's signal-to-noise ratio
        that any companion's template may see.

    Raises
    ------
    ValueError
        If one is negative.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.measurement import PSFUncertainty
    >>> PSFUncertainty(ellipticity=0.01, registration=20 * u.mas).registration
    <Quantity 0.02 arcsec>
    """

    ellipticity: float = 0.0
    size: float = 0.0
    registration: u.Quantity = 0.0 * u.arcsec
    structure: float = 0.0

    def __post_init__(self):
        shift = u.Quantity(self.registration).to(u.arcsec)
        object.__setattr__(self, "registration", shift)
        for name in ("ellipticity", "size", "registration", "structure"):
            value = getattr(self, name)
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, but is {value}")
