"""Zero points: the magnitude of a source whose pixels add up to one unit.

Whatever the unit of an archive's pixels, one number turns their sum into a magnitude,
and every stamp that is fetched carries it where it is known.
"""

import astropy.units as u
import numpy as np

__all__ = [
    "exposure_zero_point",
    "hst_zero_point",
    "surface_zero_point",
    "undo_asinh",
]

#: Flux of AB magnitude zero in Jy (Oke & Gunn 1983, ApJ 266, 713), as astropy has it.
AB_FLUX = (0 * u.ABmag).to_value(u.Jy)

#: Slope of the asinh magnitudes in which Pan-STARRS keeps 16-bit images, from the
#: headers' BSOFTEN and BOFFSET (Waters et al. 2020, ApJS 251, 4, section 3.6).
ASINH_SLOPE = 0.4 * np.log(10)


def surface_zero_point(pixel_scale):
    """AB zero point of an image in MJy/sr.

    Parameters
    ----------
    pixel_scale : `~astropy.units.Quantity`
        Side of a pixel, an angle; or its area, a solid angle.

    Returns
    -------
    float
        AB magnitude of one MJy/sr in one pixel.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.archives.calibration import surface_zero_point
    >>> round(surface_zero_point(0.6 * u.arcsec), 3)
    21.581
    """
    area = u.Quantity(pixel_scale)
    if not area.unit.is_equivalent(u.sr):
        area = area**2
    return float(-2.5 * np.log10(1e6 * area.to_value(u.sr) / AB_FLUX))


def exposure_zero_point(zero_point, exposure):
    """Zero point of an image in counts, from that of counts per second.

    Parameters
    ----------
    zero_point : float
        Magnitude of one count per second.
    exposure : float
        Exposure time in seconds.

    Returns
    -------
    float or None
        Magnitude of one count; None where the time is not positive.
    """
    if not (exposure and np.isfinite(exposure) and exposure > 0):
        return None
    return float(zero_point + 2.5 * np.log10(exposure))


def hst_zero_point(photflam, photplam):
    """AB zero point of an image of HST.

    Parameters
    ----------
    photflam : float
        Keyword ``PHOTFLAM``: erg / (s cm2 Angstrom) of one electron per second.
    photplam : float
        Keyword ``PHOTPLAM``: pivot wavelength in Angstrom.

    Returns
    -------
    float or None
        AB magnitude of one electron per second; None where a value is missing.

    References
    ----------
    ACS Data Handbook, section 5.1.1 (STScI).

    Examples
    --------
    >>> from astro_vbinary.archives.calibration import hst_zero_point
    >>> round(hst_zero_point(7.0332e-20, 8045.0), 3)
    25.946
    """
    if not (photflam and photplam and photflam > 0 and photplam > 0):
        return None
    return float(-2.5 * np.log10(photflam) - 5 * np.log10(photplam) - 2.408)


def undo_asinh(values):
    """Flux from the asinh magnitudes that the HiPS of Pan-STARRS holds.

    Parameters
    ----------
    values : array-like
        What the tiles hold.

    Returns
    -------
    `~numpy.ndarray`
        exp(x) - exp(-x) with x = 0.4 ln(10) times the value: linear, float64.

    Examples
    --------
    >>> from astro_vbinary.archives.calibration import undo_asinh
    >>> undo_asinh([0.0, 2.5])
    array([0. , 9.9])
    """
    return 2 * np.sinh(ASINH_SLOPE * np.asarray(values, dtype=float))
