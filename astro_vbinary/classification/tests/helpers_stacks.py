"""Aligned stacks of drawn stars, and the simplest ones of files."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.psf import MoffatPSF
from astro_vbinary.stamps import AlignedStack, SkyGrid, StampStack, SurveyStamp
from astro_vbinary.surveys import get_survey

TARGET = SkyCoord(83.8, -5.4, unit="deg")
GRID = SkyGrid(TARGET, 0.1 * u.arcsec, (64, 64))


def star_image(*, flux=3000.0, fwhm=0.8, second=0.0, noise=1.0, seed=1, grid=GRID):
    """One star, or two 1.5 arcsec apart, in white noise."""
    psf, rng = MoffatPSF(fwhm * u.arcsec), np.random.default_rng(seed)
    ny, nx = grid.shape
    where = ((nx - 1) / 2 + 15, (ny - 1) / 2)
    image = flux * psf.image(grid.shape, grid.pixel_scale)
    image += second * psf.image(grid.shape, grid.pixel_scale, position=where)
    return image + noise * rng.normal(size=grid.shape)


def make_cube(*images, survey="Pan-STARRS", grid=GRID, **changes):
    """An aligned stack of the images."""
    images = images or (star_image(), star_image(seed=2))
    arguments = {
        "bands": "grizyuvw"[: len(images)],
        "survey": get_survey(survey),
        "source": "5",
    }
    return AlignedStack(np.array(images), grid, **(arguments | changes))


def make_stack(source="5", survey="Pan-STARRS", bands="gr", *, target=TARGET, seed=1):
    """A stack of stamps of one star, on pixels of 0.25 arcsec."""
    grid = SkyGrid(TARGET, 0.25 * u.arcsec, (32, 32))
    return StampStack(
        [
            SurveyStamp(
                star_image(grid=grid, fwhm=1.2, seed=seed + number), grid.wcs,
                survey=survey, band=band, source=source, target=target,
            )
            for number, band in enumerate(bands)
        ]
    )  # fmt: skip
