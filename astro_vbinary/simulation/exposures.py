"""One band's picture of one source, before anything is on it."""

from dataclasses import dataclass, field

import numpy as np

from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation.instruments import (
    INSTRUMENTS,
    SIMULATED_SURVEYS,
    band_facts,
)

__all__ = ["Exposure", "draw_exposures"]

#: Different PSFs kept for each band of a space telescope.
PSF_BANK_SIZE = 12

#: Bands of a space telescope that one stack has at most.
MOST_SPACE_BANDS = 3


@dataclass(slots=True)
class Exposure:
    """One band's picture before anything is on it.

    Attributes
    ----------
    stack : int
        Number of the stack in its batch.
    band : str
        Name of the band.
    pixel_scale : float
        Side of a pixel in arcsec.
    side : int
        Pixels along each axis of the stamp.
    angle : float
        Rotation in rad: 0 is north up, east left.
    target : tuple of float
        Offset in pixels of the target from the middle of the image, (x, y).
    shift : tuple of float
        (east, north) in arcsec by which this band shows the sky displaced.
    fwhm : float
        Nominal width of the PSF in arcsec.
    psf_seed : int
        Which PSF of the bank, for a space telescope.
    extra : dict
        What the renderer keeps beside it.
    """

    stack: int
    band: str
    pixel_scale: float
    side: int
    angle: float
    target: tuple[float, float]
    shift: tuple[float, float]
    fwhm: float
    psf_seed: int = 0
    extra: dict = field(default_factory=dict)

    def pixel_offset(self, east, north):
        """Position relative to the middle of the image.

        Parameters
        ----------
        east, north : float
            Offset from the target in arcsec.

        Returns
        -------
        tuple of float
            (x, y) in pixels.
        """
        east, north = east + self.shift[0], north + self.shift[1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x = (-cos * east - sin * north) / self.pixel_scale
        y = (-sin * east + cos * north) / self.pixel_scale
        return self.target[0] + float(x), self.target[1] + float(y)

    @property
    def cd(self):
        """(east, north) in arcsec from (x, y) in pixels, a (2, 2) array."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return self.pixel_scale * np.array([[-cos, -sin], [-sin, cos]])


def draw_exposures(
    survey, rng, *, stack=0, bands=None, psf_seed=0, misregistered=False
):
    """Draw the bands and pixels of one stack.

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    stack : int, optional
        Number of the stack in its batch.
    bands : int or sequence of str, optional
        How many bands, or which; any of the survey's by default.
    psf_seed : int, optional
        Which bank of PSFs a space telescope has; a test set takes another than
        the training set.
    misregistered : bool, optional
        Whether bands are off by a tenth to half of the FWHM.

    Returns
    -------
    list of Exposure
        At least one.

    Raises
    ------
    ValueError
        If the survey or a band cannot be simulated.
    """
    if survey not in INSTRUMENTS:
        known = ", ".join(SIMULATED_SURVEYS)
        raise ValueError(f"cannot simulate {survey!r}; known: {known}")
    instrument = INSTRUMENTS[survey]
    chosen = _draw_bands(survey, instrument.bands, bands, rng)
    width = rng.uniform(*instrument.width)
    angle = 2 * np.pi * rng.random() if instrument.rotated else 0.0
    angle += 0.002 * rng.standard_normal()
    centring = instrument.centring * rng.standard_normal(2)
    bank = int(rng.integers(PSF_BANK_SIZE))
    off = rng.uniform(0.1, 0.5) if misregistered else 0.0
    exposures = []
    for number, band in enumerate(chosen):
        scales, fwhm = band_facts(survey, band)
        # The bank's PSF brings its pixel scale, so that few PSFs serve many stacks.
        scale = scales[bank % len(scales)]
        side = max(round(width / scale), 8)
        middle = rng.random(2) - 0.5
        spread = instrument.registration + off * fwhm
        shift = centring + spread * rng.standard_normal(2)
        exposures.append(
            Exposure(
                stack=stack,
                band=band,
                pixel_scale=scale,
                side=side,
                angle=float(angle),
                target=(float(middle[0]), float(middle[1])),
                shift=(float(shift[0]), float(shift[1])),
                fwhm=fwhm,
                psf_seed=psf_seed * 1000 + bank,
                extra={"number": number},
            )
        )
    return exposures


def _draw_bands(survey, known, bands, rng):
    """Names of a stack's bands, in the survey's order."""
    total = len(known)
    most = min(total, MOST_SPACE_BANDS) if survey in SPACE_SURVEYS else total
    count = int(rng.integers(1, most + 1))
    order = rng.permutation(total)
    if bands is None or isinstance(bands, int):
        count = count if bands is None else bands
        if not 1 <= count <= total:
            raise ValueError(f"{survey} has 1 to {total} bands, not {bands}")
        return [known[index] for index in np.sort(order[:count])]
    bands = [bands] if isinstance(bands, str) else list(bands)
    unknown = [band for band in bands if band not in known]
    if unknown or not bands:
        raise ValueError(
            f"cannot simulate bands {unknown} of {survey}; known: {', '.join(known)}"
        )
    return [band for band in known if band in bands]
