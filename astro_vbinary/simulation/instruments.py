"""How each survey takes a picture: pixels, orientation and PSF, drawn at random."""

from dataclasses import dataclass, field
from functools import lru_cache

import astropy.units as u
import numpy as np
from scipy import ndimage

from astro_vbinary.psf import MoffatPSF, PupilPSF, hst_pupil, jwst_pupil
from astro_vbinary.surveys import get_survey

__all__ = ["SIMULATED_SURVEYS", "Exposure", "draw_exposures"]

#: Different wavefronts kept for each band of a space telescope.
PSF_BANK_SIZE = 3


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
    space : str or None
        ``hst`` or ``jwst``, or None for a survey from the ground.
    """

    bands: tuple[str, ...]
    width: tuple[float, float]
    rotated: bool = False
    space: str | None = None


_INSTRUMENTS = {
    "Pan-STARRS": Instrument(("g", "r", "i", "z", "y"), (6.0, 13.0)),
    "SDSS9": Instrument(("u", "g", "r", "i", "z"), (7.0, 21.0), rotated=True),
    "DECaLS": Instrument(("g", "r", "i", "z"), (6.0, 13.0), rotated=True),
    "HSCLA": Instrument(("g", "r", "i", "z", "y"), (3.5, 11.0)),
    "HST": Instrument(
        ("F435W", "F606W", "F814W", "F110W", "F160W"),
        (5.0, 11.0),
        rotated=True,
        space="hst",
    ),
    "JWST": Instrument(
        ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W"),
        (2.6, 11.0),
        rotated=True,
        space="jwst",
    ),
}

#: Names of the surveys that can be simulated.
SIMULATED_SURVEYS = tuple(_INSTRUMENTS)

#: Pixel sides (arcsec) that archives serve: HST drizzled from the optical and
#: the infrared detectors, JWST NIRCam's short and long channel.
_HST_OPTICAL = (0.03, 0.04, 0.05)
_HST_INFRARED = (0.06, 0.0659, 0.0759, 0.08, 0.128)
_JWST_PIXEL = {"short": (0.02, 0.031, 0.0312), "long": (0.04, 0.063)}


@dataclass(frozen=True)
class Exposure:
    """One band's picture before anything is on it.

    Attributes
    ----------
    band : str
        Name of the band.
    psf : `~astro_vbinary.psf.PSF`
        Its point-spread function, in detector axes.
    pixel_scale : float
        Side of a pixel in arcsec.
    side : int
        Pixels along each axis.
    cd : `~numpy.ndarray`
        Shape (2, 2): (east, north) in arcsec from (x, y) in pixels.
    target_pixel : tuple of float
        (x, y) of the target.
    shift : tuple of float
        (east, north) in arcsec by which this band is mis-registered.
    """

    band: str
    psf: object
    pixel_scale: float
    side: int
    cd: np.ndarray
    target_pixel: tuple[float, float]
    shift: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def shape(self):
        """(ny, nx) in pixels."""
        return (self.side, self.side)

    def pixel(self, east, north):
        """Pixel position of an offset from the target.

        Parameters
        ----------
        east, north : float
            In arcsec.

        Returns
        -------
        tuple of float
            (x, y), zero at the centre of the first pixel.
        """
        offset = np.array([east + self.shift[0], north + self.shift[1]])
        dx, dy = np.linalg.solve(self.cd, offset)
        return self.target_pixel[0] + dx, self.target_pixel[1] + dy


def draw_exposures(survey, rng, *, psf_seed=0, smear=0.0, misregistration=0.0):
    """Draw the bands, pixels and PSFs of one stack.

    Parameters
    ----------
    survey : str
        One of `SIMULATED_SURVEYS`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    psf_seed : int, optional
        Which set of wavefronts a space telescope has; a test set takes another
        than the training set.
    smear : float, optional
        Extra ellipticity of every band's PSF, for trailed images.
    misregistration : float, optional
        Scatter of the bands' positions in units of the FWHM, beyond the usual.

    Returns
    -------
    list of Exposure
        At least one.

    Raises
    ------
    ValueError
        If the survey cannot be simulated.
    """
    if survey not in _INSTRUMENTS:
        known = ", ".join(SIMULATED_SURVEYS)
        raise ValueError(f"cannot simulate {survey!r}; known: {known}")
    instrument = _INSTRUMENTS[survey]
    count = int(rng.integers(1, len(instrument.bands) + 1))
    if instrument.space:
        count = min(count, 3)
    chosen = sorted(rng.choice(len(instrument.bands), count, replace=False))
    width = rng.uniform(*instrument.width)
    angle = rng.uniform(0, 2 * np.pi) if instrument.rotated else 0.0
    angle += rng.normal(0, 0.002)
    seeing = float(np.exp(rng.normal(0, 0.16)))
    beta = rng.uniform(2.2, 4.8)
    ellipticity = min(abs(rng.normal(0, 0.05)) + smear, 0.6)
    axis = rng.uniform(0, 180)
    centring = rng.normal(0, 0.12 if not instrument.space else 0.05, 2)
    scales = {}
    exposures = []
    for index in chosen:
        band = instrument.bands[index]
        if instrument.space:
            key = _channel(instrument.space, band)
            scale = scales.setdefault(key, float(rng.choice(_pixels(*key))))
            psf = _space_psf(
                instrument.space, band, int(rng.integers(PSF_BANK_SIZE)), psf_seed
            )
        else:
            entry = get_survey(survey).band(band)
            scale = entry.pixel_scale.to_value(u.arcsec)
            fwhm = entry.fwhm.to_value(u.arcsec)
            fwhm *= seeing * float(np.exp(rng.normal(0, 0.05)))
            psf = MoffatPSF(
                fwhm * u.arcsec,
                beta=beta + rng.normal(0, 0.15),
                ellipticity=float(np.clip(ellipticity + rng.normal(0, 0.01), 0, 0.6)),
                angle=axis * u.deg,
            )
        side = max(round(width / scale), 8)
        rotation = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        cd = rotation @ np.diag([-scale, scale])
        middle = (side - 1) / 2 + rng.uniform(-0.5, 0.5, 2)
        fwhm = psf.fwhm.to_value(u.arcsec)
        usual = 0.02 if instrument.space is None else 0.003
        shift = centring + rng.normal(0, usual + misregistration * fwhm, 2)
        exposures.append(
            Exposure(
                band, psf, scale, side, cd, tuple(map(float, middle)), tuple(shift)
            )
        )
    return exposures


def _channel(space, band):
    wavelength = get_survey(space.upper()).band(band).wavelength.to_value(u.um)
    if space == "hst":
        return space, "optical" if wavelength < 1.0 else "infrared"
    return space, "short" if wavelength < 2.4 else "long"


def _pixels(space, channel):
    if space == "hst":
        return _HST_OPTICAL if channel == "optical" else _HST_INFRARED
    return _JWST_PIXEL[channel]


@lru_cache(maxsize=96)
def _space_psf(space, band, index, psf_seed):
    """One of a band's wavefronts; the same arguments give the same PSF."""
    entry = get_survey(space.upper()).band(band)
    wavelength = entry.wavelength.to(u.um)
    seed = [psf_seed, index, sum(map(ord, band)), len(space)]
    rng = np.random.default_rng(seed)
    pupil, diameter = hst_pupil() if space == "hst" else jwst_pupil()
    # Wavefront error in micrometres rms, and how smooth it is over the pupil:
    # HST's is its focus breathing and polish; JWST's also the segments' piston.
    rms, smooth = (0.02, 30) if space == "hst" else (0.07, 14)
    rms *= rng.uniform(0.6, 1.6)
    screen = ndimage.gaussian_filter(rng.normal(size=pupil.shape), smooth)
    screen = (screen - screen.mean()) / screen.std() * rms
    channel = _channel(space, band)[1]
    pixel, blur = {
        "optical": (0.045, rng.uniform(0.010, 0.022)),
        "infrared": (float(rng.choice([0.0759, 0.128])), rng.uniform(0.01, 0.03)),
        "short": (0.031, rng.uniform(0.006, 0.014)),
        "long": (0.063, rng.uniform(0.012, 0.025)),
    }[channel]
    return PupilPSF(
        pupil,
        diameter,
        wavelength,
        bandwidth=float(rng.uniform(0.1, 0.28)),
        detector_pixel=pixel * u.arcsec,
        blur=blur * u.arcsec,
        phase=screen / wavelength.value,
    )
