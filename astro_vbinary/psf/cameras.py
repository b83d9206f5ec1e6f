"""The cameras of the space telescopes: pixels, charge diffusion, pointing, masks."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np

__all__ = ["CAMERAS", "Camera", "bandwidth", "cameras_of"]


@dataclass(frozen=True)
class Camera:
    """What a camera does to the light behind the telescope.

    Attributes
    ----------
    pixel : float
        Side of a pixel in arcsec, the mean of both axes.
    spread : tuple of (float, float)
        Standard deviation in pixels of the charge that leaks into the neighbours,
        by diffusion or between the pixels' capacitances, at wavelengths in um.
    jitter : float
        Standard deviation of the pointing in arcsec, of each axis.
    mask : tuple of (str, float)
        What the camera's own mask changes of `hst_pupil`.
    """

    pixel: float
    spread: tuple[tuple[float, float], ...]
    jitter: float
    mask: tuple[tuple[str, float], ...] = field(default=())

    def diffusion(self, wavelength):
        """Standard deviation of the leaking charge.

        Parameters
        ----------
        wavelength : float
            In um.

        Returns
        -------
        float
            In pixels.
        """
        wavelengths, sigmas = zip(*self.spread, strict=True)
        return float(np.interp(wavelength, wavelengths, sigmas))


#: Cameras by name. Pixels: the instruments' handbooks. HST's jitter: 3 to 7 mas
#: (HST Primer). ACS: the kernels of Krist 2003, ACS ISR 2003-06. WFC3: charge spread
#: and cold mask are set by the real PSFs of the user guide. NIRCam: the charge
#: diffusion, 6.2 and 18 mas, and jitter of STScI's PSF software (Perrin et al. 2014,
#: Proc. SPIE 9143, 91433X), with a capacitance that couples 0.65 % to each neighbour.
#: NICMOS's cold mask: about that of Krist, Hook & Stoehr 2011, Proc. SPIE 8127,
#: 81270J; its charge spread, and MIRI's, are guesses.
CAMERAS = {
    "ACS/WFC": Camera(0.05, ((0.44, 0.61), (0.59, 0.50), (0.80, 0.44)), 0.005),
    "WFC3/UVIS": Camera(0.0396, ((0.4, 0.45), (0.6, 0.39), (0.8, 0.35)), 0.005),
    "WFC3/IR": Camera(
        0.1283,
        ((1.0, 0.20),),
        0.005,
        (("obstruction", 0.37), ("vane", 0.035), ("outer", 0.96)),
    ),
    "NICMOS/NIC2": Camera(
        0.0757,
        ((1.0, 0.25),),
        0.005,
        (("obstruction", 0.372), ("vane", 0.077), ("outer", 0.97)),
    ),
    "NIRCam/SW": Camera(0.0311, ((1.0, 0.23),), 0.001),
    "NIRCam/LW": Camera(0.0629, ((3.0, 0.31),), 0.001),
    "MIRI": Camera(0.11, ((5.0, 0.2),), 0.001),
}

#: Bandwidths over mean wavelength that are unlike others of their kind.
_BANDWIDTHS = {"F110W": 0.40, "F606W": 0.38, "F814W": 0.30, "F475W": 0.30}
_BY_KIND = {"N": 0.012, "M": 0.09, "W": 0.22, "LP": 0.2}


def bandwidth(band):
    """Full width of a filter over its mean wavelength.

    Parameters
    ----------
    band : str
        STScI's name of it, whose letters tell narrow, medium and wide.

    Returns
    -------
    float
        The ratio.

    Examples
    --------
    >>> from astro_vbinary.psf.cameras import bandwidth
    >>> bandwidth("F212N") < bandwidth("F210M") < bandwidth("F200W")
    True
    """
    return _BANDWIDTHS.get(band, _BY_KIND[band.lstrip("F0123456789")])


def cameras_of(survey, band):
    """Cameras whose images show a band.

    Parameters
    ----------
    survey : str
        ``HST`` or ``JWST``.
    band : `~astro_vbinary.surveys.Band`
        The band.

    Returns
    -------
    tuple of str
        Keys of `CAMERAS`; one of them is to be chosen with equal probability.
    """
    if survey == "JWST":
        if band.instrument == "MIRI":
            return ("MIRI",)
        short = band.wavelength < 2.4 * u.um
        return ("NIRCam/SW",) if short else ("NIRCam/LW",)
    if band.name in ("F110W", "F160W"):
        # NICMOS has them, too; most images are WFC3's.
        return ("WFC3/IR", "WFC3/IR", "WFC3/IR", "NICMOS/NIC2")
    if band.name in ("F606W", "F814W"):
        return ("ACS/WFC", "WFC3/UVIS")
    return (band.instrument,)
