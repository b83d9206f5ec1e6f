"""How each survey takes a picture: bands, pixels, orientation, registration."""

from dataclasses import dataclass
from functools import cache

import astropy.units as u

from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation.noise import kernel_width
from astro_vbinary.surveys import get_survey

__all__ = [
    "INSTRUMENTS",
    "SIMULATED_SURVEYS",
    "Instrument",
    "band_facts",
    "draw_correlation",
]


@dataclass(frozen=True)
class Instrument:
    """The ranges that one survey's pictures are drawn from.

    Attributes
    ----------
    bands : tuple of str
        Bands to draw from.
    width : tuple of float
        Range of a stamp's side in arcsec.
    rotated : bool
        Whether stamps come at any angle, or north up.
    registration : float
        Standard deviation in arcsec of a band's position against the others.
    centring : float
        Standard deviation in arcsec of the catalogue's position.
    correlation : tuple of float
        Range of the noise's correlation between neighbouring pixels, for the stacks
        whose noise is correlated.
    white : float
        Share of stacks with white noise.
    """

    bands: tuple[str, ...]
    width: tuple[float, float]
    rotated: bool = False
    registration: float = 0.02
    centring: float = 0.12
    correlation: tuple[float, float] = (0.05, 0.3)
    white: float = 0.5


#: What each survey's pictures are like.
# Correlation and centring as measured on real stamps by
# ``benchmarks/star_realism.py``; Pan-STARRS and SkyMapper, of which there are no
# stars to measure, are taken to lie between the others.
INSTRUMENTS = {
    "2MASS": Instrument(
        ("J", "H", "Ks"),
        (9.0, 21.0),
        registration=0.03,
        centring=0.3,
        correlation=(0.5, 0.8),
        white=0.0,
    ),
    "ZTF": Instrument(
        ("g", "r", "i"),
        (9.0, 21.0),
        registration=0.05,
        centring=0.3,
        correlation=(0.1, 0.5),
        white=0.1,
    ),
    "SkyMapper": Instrument(
        ("u", "v", "g", "r", "i", "z"),
        (8.0, 16.0),
        rotated=True,
        registration=0.05,
    ),
    "Pan-STARRS": Instrument(("g", "r", "i", "z", "y"), (6.0, 13.0)),
    "SDSS9": Instrument(
        ("u", "g", "r", "i", "z"),
        (7.0, 21.0),
        rotated=True,
        registration=0.025,
        centring=0.08,
        correlation=(0.05, 0.25),
        white=0.2,
    ),
    "DECaLS": Instrument(("g", "r", "i", "z"), (6.0, 13.0), rotated=True),
    "HSCLA": Instrument(("g", "r", "i", "z", "y"), (3.5, 11.0), centring=0.15),
    "HST": Instrument(
        ("F435W", "F606W", "F814W", "F110W", "F160W"),
        (5.0, 11.0),
        rotated=True,
        registration=0.008,
        centring=0.07,
        correlation=(0.3, 0.72),
        white=0.3,
    ),
    "JWST": Instrument(
        ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W"),
        (2.6, 11.0),
        rotated=True,
        registration=0.005,
        centring=0.05,
        correlation=(0.3, 0.72),
        white=0.3,
    ),
}

#: Names of the surveys that can be simulated.
SIMULATED_SURVEYS = tuple(INSTRUMENTS)

#: Pixel sides (arcsec) that archives serve: HST drizzled from the optical and
#: the infrared detectors, JWST NIRCam's short and long channel.
_SPACE_PIXELS = {
    ("HST", True): (0.03, 0.04, 0.05, 0.05),
    ("HST", False): (0.06, 0.0659, 0.0759, 0.08, 0.128),
    ("JWST", True): (0.03, 0.031, 0.0312),
    ("JWST", False): (0.04, 0.06, 0.063),
}

#: Wavelength in micrometres where the channels of HST and JWST part.
_CHANNEL_EDGE = {"HST": 1.0, "JWST": 2.4}


@cache
def band_facts(survey, band):
    """What a band's images are simulated with.

    Parameters
    ----------
    survey : str
        One of `SIMULATED_SURVEYS`.
    band : str
        Name of the band.

    Returns
    -------
    scales : tuple of float
        Pixel sides in arcsec, each as often as its share.
    fwhm : float
        Nominal width of the PSF in arcsec.
    """
    entry = get_survey(survey).band(band)
    fwhm = entry.fwhm.to_value(u.arcsec)
    if survey not in SPACE_SURVEYS:
        return (entry.pixel_scale.to_value(u.arcsec),), fwhm
    short = entry.wavelength.to_value(u.um) < _CHANNEL_EDGE[survey]
    return _SPACE_PIXELS[survey, short], fwhm


def draw_correlation(survey, rng):
    """Draw the noise's correlation between neighbouring pixels.

    Parameters
    ----------
    survey : str
        One of `SIMULATED_SURVEYS`.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    float
        Standard deviation in pixels of the Gaussian kernel that white noise is
        smoothed with, 0 for none.
    """
    instrument = INSTRUMENTS[survey]
    white, value = rng.random(), rng.uniform(*instrument.correlation)
    return 0.0 if white < instrument.white else kernel_width(value)
