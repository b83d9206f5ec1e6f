import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import proj_plane_pixel_scales
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.psf import MoffatPSF
from astro_vbinary.simulation.hips import (
    CELL_SKY,
    HIPS_SCALE,
    HIPS_SIDE,
    TILE_WIDTH,
    _cells,
    hips_order,
    to_hips,
)
from astro_vbinary.stamps import SkyGrid, StampStack, SurveyStamp

ORION = SkyCoord(83.8, -5.4, unit="deg")


def make_stamp(image, target=ORION, *, scale=0.396, angle=0.0, **options):
    wcs = SkyGrid(target, scale * u.arcsec, image.shape).wcs
    c, s = np.cos(angle), np.sin(angle)
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.wcs.set()
    options = {"survey": "SDSS9", "band": "r", "target": target} | options
    return SurveyStamp(image, wcs, **options)


def make_star(target, offset, *, scale=0.396, angle=0.0, side=41, fwhm=1.3):
    empty = make_stamp(np.zeros((side, side)), target, scale=scale, angle=angle)
    star = target.directional_offset_by(*offset)
    position = tuple(map(float, empty.wcs.world_to_pixel(star)))
    image = MoffatPSF(fwhm * u.arcsec).image(
        (side, side), scale * u.arcsec, position=position
    )
    return make_stamp(image, target, scale=scale, angle=angle), star


@pytest.mark.parametrize(
    ("scale", "order"), [(1.0, 9), (0.5, 10), (0.396, 10), (0.25, 11), (0.262, 11)]
)
def test_the_order_is_that_of_the_surveys_own_trees(scale, order):
    # 2MASS, SkyMapper, SDSS9, Pan-STARRS and DESI Legacy Surveys at the CDS.
    assert hips_order(scale * u.arcsec) == order


def test_the_cells_are_those_of_healpix():
    healpix = pytest.importorskip("astropy_healpix")
    for target in (
        ORION,
        SkyCoord(200, 62, unit="deg"),
        SkyCoord(359.9, 8, unit="deg"),
    ):
        wcs, shape = _cells(target, 10, 3.0)
        tree = healpix.HEALPix(nside=2**19, order="nested", frame="icrs")
        y, x = np.indices(shape)
        found = wcs.pixel_to_world(x.ravel(), y.ravel())
        cells = tree.skycoord_to_healpix(found)
        assert len(set(cells)) == x.size
        apart = tree.healpix_to_skycoord(cells).separation(found).max()
        assert apart < 0.001 * u.arcsec


@settings(max_examples=25)
@given(
    ra=st.floats(0, 359.99),
    dec=st.floats(-85, 85),
    angle=st.floats(0, 2 * np.pi),
    scale=st.floats(0.15, 0.45),
    towards=st.floats(0, 360),
    tiles=st.booleans(),
)
def test_flux_and_place_of_a_star_are_kept(ra, dec, angle, scale, towards, tiles):
    target = SkyCoord(ra, dec, unit="deg")
    offset = (towards * u.deg, 0.8 * u.arcsec)
    stamp, star = make_star(target, offset, scale=scale, angle=angle, fwhm=1.5)
    made = to_hips(stamp, tiles=tiles)
    assert made.shape == (HIPS_SIDE, HIPS_SIDE)
    scales = proj_plane_pixel_scales(made.wcs) * 3600
    np.testing.assert_allclose(scales, HIPS_SCALE.value, rtol=1e-6)
    x0, y0 = made.wcs.world_to_pixel(star)
    y, x = np.indices(made.shape)
    near = np.hypot(x - x0, y - y0) * HIPS_SCALE.value < 1.6
    light = np.where(near, np.nan_to_num(made.data), 0)
    # Moffat's encircled light; values are kept, so that sums go with the pixels' area.
    # The native pixel widens the star by p^2 / 12, each bilinear step by p^2 / 6.
    cell = CELL_SKY / TILE_WIDTH / 2 ** hips_order(scale * u.arcsec) if tiles else 0
    spread = scale**2 / 12 + scale**2 / 6 + cell**2 / 6
    width = np.sqrt(1.5**2 + 8 * np.log(2) * spread)
    core = width / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    expected = 1 - (1 + (1.6 / core) ** 2) ** -2.5
    flux = light.sum() * (HIPS_SCALE.value / scale) ** 2
    assert flux == pytest.approx(expected, rel=0.04)
    centre = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    assert np.hypot(*(centre - [x0, y0])) * HIPS_SCALE.value < 0.03


def test_tiles_blur_an_image_and_correlate_its_noise():
    rng = np.random.default_rng(1)
    stamp = make_stamp(rng.normal(size=(41, 41)))
    once, twice = to_hips(stamp, tiles=False), to_hips(stamp)
    spread = [np.nanstd(m.data) for m in (stamp, once, twice)]
    # The mean of four neighbours' squared weights is 4/9 for one interpolation.
    assert spread[1] / spread[0] == pytest.approx(2 / 3, abs=0.05)
    assert 0.3 < spread[2] / spread[0] < 0.95 * spread[1] / spread[0]


def test_what_is_not_known_stays_unknown():
    image = np.ones((41, 41))
    image[20:23, 20:23] = np.nan
    mask = np.zeros(image.shape, dtype=bool)
    mask[5:, :8] = True
    made = to_hips(make_stamp(image, mask=mask), side=400, pixel_scale=0.03 * u.arcsec)
    lost = ~np.isfinite(made.data)
    assert np.all(made.data[~lost] == pytest.approx(1.0))
    assert lost[200, 200]
    assert lost[:, 0].all()
    assert lost.mean() < 0.25


def test_no_data_spread_with_splines_either():
    image = np.ones((41, 41))
    image[0, 0] = np.nan
    made = to_hips(make_stamp(image), order="bicubic")
    assert np.isfinite(made.data).all()
    assert made.data.max() == pytest.approx(1.0, abs=1e-3)


def test_a_stack_stays_a_stack():
    stamps = [
        make_stamp(np.ones((31, 31)), source="7", band=band) for band in ("g", "r")
    ]
    made = to_hips(StampStack(stamps, target=ORION))
    assert isinstance(made, StampStack)
    assert (made.source, made.bands) == ("7", ("g", "r"))
    assert made.target.separation(ORION) < 1e-6 * u.arcsec
    assert not made.target_assumed
    assert not made.align().mask.all()


def test_where_facets_meet_it_is_interpolated_once():
    target = SkyCoord(90, 60, unit="deg")
    stamp, _ = make_star(target, (0 * u.deg, 0 * u.arcsec))
    np.testing.assert_array_equal(to_hips(stamp).data, to_hips(stamp, tiles=False).data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "cubic"}, "bilinear"),
        ({"side": 0}, "0"),
        ({"pixel_scale": -1 * u.arcsec}, "positive"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        to_hips(make_stamp(np.ones((9, 9))), **options)


def test_an_order_needs_a_scale():
    with pytest.raises(ValueError, match="positive"):
        hips_order(0 * u.arcsec)
