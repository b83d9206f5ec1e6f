import dataclasses
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.stamps import GROUP_GRIDS, SkyGrid
from astro_vbinary.stamps.celestial import is_icrs
from astro_vbinary.stamps.grid import is_mirrored, pixel_area, sky_to_pixel
from astro_vbinary.stamps.tests.helpers_sky import make_wcs

ORION = SkyCoord(83.8, -5.4, unit="deg")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"center": SkyCoord([1, 2], [3, 4], unit="deg")}, "one SkyCoord"),
        ({"center": (83.8, -5.4)}, "one SkyCoord"),
        ({"pixel_scale": 0 * u.arcsec}, "positive angle.*0"),
        ({"pixel_scale": -1 * u.arcsec}, "positive angle.*-1"),
        ({"pixel_scale": np.nan * u.arcsec}, "positive angle"),
        ({"pixel_scale": [1, 2] * u.arcsec}, "positive angle"),
        ({"pixel_scale": 1 * u.m}, "convertible"),
        ({"shape": (5,)}, "two positive integers"),
        ({"shape": (5, 0)}, "two positive integers"),
        ({"shape": (1, 2, 3)}, "two positive integers"),
    ],
)
def test_constructor_names_what_is_wrong(change, message):
    arguments = {"center": ORION, "pixel_scale": 1 * u.arcsec, "shape": (5, 5)}
    with pytest.raises(ValueError, match=message):
        SkyGrid(**(arguments | change))


def test_a_grid_is_a_value_with_a_short_repr():
    grid = SkyGrid(ORION, 0.05 * u.arcmin, (4, 6))
    assert grid.pixel_scale.unit == u.arcsec
    assert grid.pixel_area.to_value(u.arcsec**2) == pytest.approx(9)
    assert repr(grid) == "<SkyGrid 4 x 6 px of 3 arcsec at 83.800000 -5.400000>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.shape = (1, 1)
    moved = grid.at(SkyCoord(1, 2, unit="deg"))
    assert (moved.shape, moved.pixel_scale) == (grid.shape, grid.pixel_scale)
    assert moved.center.ra.deg == 1


@pytest.mark.parametrize("group", GROUP_GRIDS)
def test_grids_of_groups_hold_the_circle_and_sample_it(group):
    grid = SkyGrid.for_group(group, ORION)
    width = grid.pixel_scale * grid.shape[0]
    assert grid.shape[0] == grid.shape[1]
    assert width > 5.5 * u.arcsec
    # The circle touches no pixel of the border.
    inner = np.zeros(grid.shape, dtype=bool)
    inner[1:-1, 1:-1] = True
    assert grid.radius()[~inner].min() > 2.5
    assert (grid.radius() <= 2.5).sum() * grid.pixel_area > 19 * u.arcsec**2


def test_there_is_no_fifth_group():
    with pytest.raises(ValueError, match=r"no group 5; known: \[1, 2, 3, 4\]"):
        SkyGrid.for_group(5, ORION)


@given(
    ra=st.one_of(st.floats(0, 360, exclude_max=True), st.sampled_from([0.0, 359.9999])),
    dec=st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 89.99999])),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_centre_scale_and_direction(ra, dec, shape):
    center = SkyCoord(ra, dec, unit="deg")
    grid = SkyGrid(center, 0.2 * u.arcsec, shape)
    ny, nx = shape
    middle = ((nx - 1) / 2, (ny - 1) / 2)
    assert grid.wcs.pixel_to_world(*middle).separation(center) < 1e-7 * u.arcsec
    north = grid.wcs.pixel_to_world(middle[0], middle[1] + 5)
    east = grid.wcs.pixel_to_world(middle[0] - 5, middle[1])
    for point, angle in ((north, 0), (east, 90)):
        separation = center.separation(point).to_value(u.arcsec)
        assert separation == pytest.approx(1, rel=1e-5)
        found = center.position_angle(point).wrap_at(180 * u.deg).to_value(u.deg)
        assert found == pytest.approx(angle, abs=1e-2)


def test_centre_in_another_frame():
    grid = SkyGrid(ORION.galactic, 0.2 * u.arcsec, (11, 11))
    assert grid.wcs.pixel_to_world(5, 5).separation(ORION) < 1e-6 * u.arcsec
    assert "83.800000 -5.400000" in repr(grid)


def test_radius_is_in_arcsec_from_the_centre():
    radius = SkyGrid(ORION, 0.5 * u.arcsec, (3, 5)).radius()
    assert radius.shape == (3, 5)
    assert radius[1, 2] == 0
    assert radius[1, 4] == pytest.approx(1.0)
    assert radius[0, 0] == pytest.approx(0.5 * np.sqrt(5))


@given(
    dec=st.floats(-90, 90),
    scale=st.floats(0.01, 10),
    rotation=st.floats(0, 360),
    mirrored=st.booleans(),
)
def test_pixel_area_and_handedness(dec, scale, rotation, mirrored):
    wcs = make_wcs((10, dec), scale, 20, rotation=rotation, mirrored=mirrored)
    where = wcs.pixel_to_world(3, 15)
    area = pixel_area(wcs, where).to_value(u.arcsec**2)
    assert area == pytest.approx(scale**2, rel=1e-4)
    assert is_mirrored(wcs, where) is mirrored


@pytest.mark.parametrize("distortion", ["SIP", "TPV"])
def test_pixel_area_knows_of_distortions(distortion):
    wcs = make_wcs((10, 20), 0.25, 20, distortion=distortion, detector=(900, 700))
    corners = wcs.pixel_to_world([9, 10, 10], [9.5, 9.5, 10.5])
    sides = corners[1].separation(corners[::2])
    turn = corners[1].position_angle(corners[0]) - corners[1].position_angle(corners[2])
    exact = (sides[0] * sides[1] * np.abs(np.sin(turn))).to_value(u.arcsec**2)
    found = pixel_area(wcs, wcs.pixel_to_world(9.5, 9.8)).to_value(u.arcsec**2)
    assert found == pytest.approx(exact, rel=2e-4)
    assert abs(found / 0.0625 - 1) > 1e-3


def test_positions_without_a_pixel_are_nan_or_far_without_a_warning():
    wcs = make_wcs((10, 20), 0.25, 20, distortion="SIP")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for position in (SkyCoord(190, -20, unit="deg"), SkyCoord(100, 0, unit="deg")):
            x, _ = sky_to_pixel(wcs, position)
            assert not abs(x) < 20
            area = pixel_area(wcs, position).to_value(u.arcsec**2)
            assert area > 0
            assert is_mirrored(wcs, position) in (True, False)


@given(
    ra=st.floats(0, 360),
    dec=st.floats(-90, 90),
    rotation=st.floats(0, 360),
    distortion=st.sampled_from([None, "SIP", "TPV"]),
    frame=st.sampled_from(["RA-DEC", "GALACTIC"]),
)
def test_pixels_are_those_of_astropy_in_any_frame(ra, dec, rotation, distortion, frame):
    wcs = make_wcs(
        (ra, dec), 0.25, 80, rotation=rotation, distortion=distortion, frame=frame
    )
    assert is_icrs(wcs) == (frame == "RA-DEC")
    positions = wcs.pixel_to_world([3.0, 40.0, 70.5], [60.0, 41.5, 2.0])
    for given_in in ("icrs", "galactic"):
        found = sky_to_pixel(wcs, positions.transform_to(given_in))
        wanted = wcs.world_to_pixel(positions)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
