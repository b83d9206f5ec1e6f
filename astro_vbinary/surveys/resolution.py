"""Angular resolution: Rayleigh's law, and what an image really delivers."""

import astropy.units as u
import numpy as np

__all__ = [
    "REFERENCE_WAVELENGTH",
    "VISUAL_BINARY_LIMIT",
    "effective_resolution",
    "rayleigh_resolution",
]

#: Largest separation of two stars that are called a visual binary here, as in the
#: reference work (Gezer et al., NEMESIS); 1000 au at the distance of Orion.
VISUAL_BINARY_LIMIT = 2.5 * u.arcsec

#: The one wavelength at which the published policy compares all telescopes.
REFERENCE_WAVELENGTH = 550 * u.nm

# First dark ring of the Airy pattern, first zero of J1 over pi, rounded as usual.
_RAYLEIGH_FACTOR = 1.22
# Full width at half maximum of (2 J1(v) / v)^2: v = 1.61634 there, twice over pi.
_AIRY_FWHM_FACTOR = 1.029
# FWHM of a Gaussian over its standard deviation.
_FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def _finite(value, unit, name):
    """``value`` in ``unit``, refused unless all of it is finite."""
    if not isinstance(value, u.Quantity):
        raise TypeError(f"{name} must be a Quantity in {unit} or alike, not {value!r}")
    if not value.unit.is_equivalent(unit):
        raise ValueError(f"{name} must be convertible to {unit}, not {value.unit}")
    if not np.all(np.isfinite(value.value)):
        raise ValueError(f"{name} must be finite, not {value}")
    return value.to(unit)


def _positive(value, unit, name):
    """``value`` in ``unit``, refused unless all of it is positive and finite."""
    converted = _finite(value, unit, name)
    if not np.all(converted.value > 0):
        raise ValueError(f"{name} must be positive, not {value}")
    return converted


def _over_aperture(factor, wavelength, aperture):
    ratio = _positive(wavelength, u.m, "wavelength") / _positive(
        aperture, u.m, "aperture"
    )
    return (factor * ratio.to_value(u.dimensionless_unscaled) * u.rad).to(u.arcsec)


def rayleigh_resolution(wavelength, aperture):
    r"""Separation at which Rayleigh's criterion calls two point sources resolved.

    .. math:: \theta = 1.22 \, \lambda / D

    is the radius of the first dark ring of the diffraction pattern of a circular
    aperture without obstruction. The atmosphere and the detector are not in it.

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity`
        Wavelength of the light, a length; any shape.
    aperture : `~astropy.units.Quantity`
        Diameter of the telescope, a length; any shape that broadcasts.

    Returns
    -------
    `~astropy.units.Quantity`
        The angle in arcsec.

    Raises
    ------
    TypeError
        If an argument is no Quantity.
    ValueError
        If an argument is not a length, or not positive and finite.

    References
    ----------
    Rayleigh 1879, Phil. Mag. Ser. 5, 8, 261, doi:10.1080/14786447908639684; Born &
    Wolf 1999, Principles of Optics, 7th ed., section 8.6.2 (factor 1.22).

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.surveys import rayleigh_resolution
    >>> print(f"{rayleigh_resolution(550 * u.nm, 2.4 * u.m):.4f}")
    0.0577 arcsec
    """
    return _over_aperture(_RAYLEIGH_FACTOR, wavelength, aperture)


def effective_resolution(wavelength, aperture, *, seeing=None, pixel_scale=None):
    r"""Estimate the full width at half maximum (FWHM) of a star's image.

    Diffraction, seeing and pixel are independent blurs, one convolved with the
    other. Variances add under convolution, so the widths add in quadrature,

    .. math::

        \mathrm{FWHM}^2 = (1.029 \, \lambda / D)^2 + \mathrm{seeing}^2
            + \left( 2 \sqrt{2 \ln 2} \; p / \sqrt{12} \right)^2 ,

    exactly for Gaussian blurs and within some ten per cent for real ones. The
    first term is the core of the Airy pattern. A square pixel of side :math:`p`
    averages over a box, whose variance is :math:`p^2/12` along each axis: it acts
    as a Gaussian of FWHM :math:`0.680 \, p`.

    The ``fwhm`` of a `Band`, where it is given, was measured on images: it has all
    of this in it and takes precedence (see `Survey.effective_fwhm`).

    Parameters
    ----------
    wavelength : `~astropy.units.Quantity`
        Wavelength of the light, a length; any shape.
    aperture : `~astropy.units.Quantity`
        Diameter of the telescope, a length.
    seeing : `~astropy.units.Quantity`, optional
        FWHM of the atmosphere's blur, an angle; none in space.
    pixel_scale : `~astropy.units.Quantity`, optional
        Side of a pixel on the sky, an angle.

    Returns
    -------
    `~astropy.units.Quantity`
        The angle in arcsec.

    Raises
    ------
    TypeError
        If an argument is no Quantity.
    ValueError
        If an argument has the wrong unit, or is not positive and finite.

    References
    ----------
    Born & Wolf 1999, Principles of Optics, 7th ed., section 8.5.2 (Airy pattern);
    Anderson & King 2000, PASP 112, 1360, doi:10.1086/316632 (the pixel as part of
    the effective PSF).

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.surveys import effective_resolution
    >>> fwhm = effective_resolution(
    ...     814 * u.nm, 2.4 * u.m, pixel_scale=0.05 * u.arcsec
    ... )
    >>> print(f"{fwhm:.3f}")
    0.080 arcsec
    """
    square = _over_aperture(_AIRY_FWHM_FACTOR, wavelength, aperture) ** 2
    if seeing is not None:
        square = square + _positive(seeing, u.arcsec, "seeing") ** 2
    if pixel_scale is not None:
        sigma = _positive(pixel_scale, u.arcsec, "pixel_scale") / np.sqrt(12)
        square = square + (_FWHM_PER_SIGMA * sigma) ** 2
    return np.sqrt(square)
