import astropy.units as u
import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from astro_vbinary import SkyGrid, StampStack, SurveyStamp

TARGET = SkyCoord(83.82, -5.39, unit="deg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def star_image(grid, stars, *, fwhm=1.0, seed=1, noise=1.0):
    """Gaussian stars (east, north, peak) in arcsec on a grid, with noise."""
    ny, nx = grid.shape
    rows, columns = np.mgrid[:ny, :nx]
    scale = grid.pixel_scale.to_value(u.arcsec)
    east = -(columns - (nx - 1) / 2) * scale
    north = (rows - (ny - 1) / 2) * scale
    image = np.random.default_rng(seed).normal(100.0, noise, grid.shape)
    for x, y, peak in stars:
        distance = np.hypot(east - x, north - y)
        image += peak * np.exp(-4 * np.log(2) * (distance / fwhm) ** 2)
    return image


def rotated(wcs, degrees):
    """The same WCS turned about its reference pixel."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned = wcs.deepcopy()
    turned.wcs.pc = wcs.wcs.get_pc() @ np.array([[c, -s], [s, c]])
    turned.wcs.set()
    return turned


@pytest.fixture
def grid():
    return SkyGrid(TARGET, 0.25 * u.arcsec, (40, 40))


@pytest.fixture
def stamp(grid):
    """Two stars, the second 1.5 arcsec to the east; a corner is masked."""
    image = star_image(grid, [(0, 0, 200.0), (1.5, 0, 120.0)])
    mask = np.zeros(grid.shape, bool)
    mask[:6, :8] = True
    return SurveyStamp(
        image,
        grid.wcs,
        survey="Pan-STARRS",
        band="i",
        source="22466",
        target=TARGET,
        mask=mask,
        unit="adu",
    )


@pytest.fixture
def stack(grid, stamp):
    other = SurveyStamp(
        star_image(grid, [(0, 0, 90.0), (1.5, 0, 80.0)], seed=2),
        rotated(grid.wcs, 40),
        survey="Pan-STARRS",
        band="g",
        source="22466",
        target=TARGET,
    )
    return StampStack([other, stamp])
