"""A point source stays where it is and as bright as it is; bad pixels stay out."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.stamps import ENGINES, SkyGrid
from astro_vbinary.stamps.alignment import align_image, check_engine
from astro_vbinary.stamps.tests.helpers_sky import (
    FORMS,
    make_wcs,
    measure,
    render,
)

#: What the alignment promises: pixels of the grid, and share of the flux.
POSITION, FLUX = 0.02, 0.005

#: The narrowest star, in pixels of both grids, that it promises this for.
NARROWEST = 2.5

DECLINATIONS = st.one_of(
    st.floats(-89, 89), st.sampled_from([90.0, -90.0, 89.9999, -89.9999])
)
ASCENSIONS = st.one_of(
    st.floats(0, 360, exclude_max=True), st.sampled_from([0.0, 359.99999, 1e-5])
)
SCENES = st.fixed_dictionaries(
    {
        "crval": st.tuples(ASCENSIONS, DECLINATIONS),
        "scale": st.floats(np.log(0.03), np.log(2)).map(np.exp),
        "ratio": st.floats(np.log(0.3), np.log(3)).map(np.exp),
        "rotation": st.floats(0, 360),
        "mirrored": st.booleans(),
        "width": st.floats(NARROWEST, 2 * NARROWEST),
        "offset": st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
        "profile": st.sampled_from(["gaussian", "moffat"]),
    }
)


def move_and_measure(
    crval, scale, ratio, rotation, mirrored, width, offset, profile, *,
    form="CD", distortion=None, detector=(0.0, 0.0), engine="auto",
):  # fmt: skip
    """Errors of position (grid pixels) and flux (share) of one source."""
    fwhm = width * scale * max(1, ratio)
    # All but 3e-5 of a Moffat's light lies within 5 FWHM.
    half = (5.0 if profile == "moffat" else 3.0) * fwhm / (scale * ratio)
    shape = (int(2 * half) + 4, int(2 * half) + 5)
    side = int(np.hypot(*shape) * ratio) + 12
    wcs = make_wcs(
        crval, scale, side, rotation=rotation, mirrored=mirrored, form=form,
        distortion=distortion, detector=detector,
    )  # fmt: skip
    center = wcs.pixel_to_world((side - 1) / 2, (side - 1) / 2)
    grid = SkyGrid(center, scale * ratio * u.arcsec, shape)
    x0 = (shape[1] - 1) / 2 + offset[0]
    y0 = (shape[0] - 1) / 2 + offset[1]
    star = grid.wcs.pixel_to_world(x0, y0)
    image = render(wcs, (side, side), star, fwhm / scale, profile=profile)
    data, mask, _, footprint = align_image(image, wcs, grid, engine=engine)
    assert not mask.any()
    assert footprint.min() > 0.99
    flux, x, y = measure(data)
    return np.hypot(x - x0, y - y0), abs(flux / image.sum() - 1)


def check(engine="auto", **scene):
    position, flux = move_and_measure(engine=engine, **scene)
    # Where pixels are nearly alike, reproject (0.21) gets the overlap of one in some
    # thousands wrong: 3 of 1000 sources were up to 0.033 px off, their flux exact.
    assert position < (2 * POSITION if engine == "exact" else POSITION)
    assert flux < FLUX


@given(scene=SCENES, form=st.sampled_from(FORMS))
def test_a_source_keeps_its_place_and_flux(scene, form):
    check(**scene, form=form)


@given(
    scene=SCENES,
    distortion=st.sampled_from(["SIP", "TPV"]),
    detector=st.tuples(st.floats(-700, 700), st.floats(-700, 700)),
)
def test_a_source_keeps_its_place_and_flux_under_distortion(
    scene, distortion, detector
):
    # TPV distorts in degrees: only pixels of a camera give a camera's distortion.
    scene["scale"] = min(scene["scale"], 0.5)
    check(**scene, distortion=distortion, detector=detector)


@pytest.mark.parametrize("engine", ["interp", "adaptive", "exact"])
@settings(max_examples=25)
@given(scene=SCENES, form=st.sampled_from(FORMS))
def test_the_other_engines_do_so_too(engine, scene, form):
    scene["profile"] = "gaussian"
    check(**scene, form=form, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("distortion", [None, "SIP", "TPV"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_engine_with_every_distortion(engine, distortion, mirrored):
    check(
        crval=(359.9999, 47.0), scale=0.4, ratio=2.0, rotation=35.0,
        mirrored=mirrored, width=3.0, offset=(0.7, -1.2), profile="gaussian",
        distortion=distortion, detector=(300.0, -400.0), engine=engine,
    )  # fmt: skip


def test_wcs_in_galactic_coordinates_and_with_latitude_first():
    side = 60
    wcs = make_wcs((209.0, -19.4), 0.3, side, rotation=20.0, frame="galactic")
    star = wcs.pixel_to_world(29.2, 30.4)
    grid = SkyGrid(star, 0.2 * u.arcsec, (61, 61))
    image = render(wcs, (side, side), star, 3.0)
    for data, used in ((image, wcs), (image.T, wcs.sub([2, 1]))):
        out, _, _, _ = align_image(data, used, grid)
        flux, x, y = measure(out)
        assert np.hypot(x - 30, y - 30) < POSITION
        assert flux == pytest.approx(1000, rel=FLUX)


def test_north_is_up_and_east_is_left():
    target = SkyCoord(83.8, -5.4, unit="deg")
    wcs = make_wcs((83.8, -5.4), 0.25, 61, rotation=130.0, mirrored=True)
    grid = SkyGrid(target, 0.25 * u.arcsec, (41, 41))
    for angle, (dx, dy) in ((0, (0, 8)), (90, (-8, 0))):
        star = target.directional_offset_by(angle * u.deg, 2 * u.arcsec)
        out, _, _, _ = align_image(render(wcs, (61, 61), star, 4.0), wcs, grid)
        _, x, y = measure(out)
        assert (x - 20, y - 20) == pytest.approx((dx, dy), abs=0.02)


# ----------------------------------------------------------------- bad pixels
def noisy_star(rng, *, side=60):
    wcs = make_wcs((83.8, -5.4), 0.25, side, rotation=rng.uniform(0, 360))
    center = wcs.pixel_to_world((side - 1) / 2, (side - 1) / 2)
    image = render(wcs, (side, side), center, 4.0) + rng.normal(size=(side, side))
    return image, wcs, center


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scale", [0.08, 0.25, 0.5])
def test_values_of_bad_pixels_reach_nothing(engine, scale):
    rng = np.random.default_rng(3)
    image, wcs, center = noisy_star(rng)
    grid = SkyGrid(center, scale * u.arcsec, (24, 24))
    bad = rng.random(image.shape) < 0.02
    bad[27:33, 28:31] = True
    wanted = align_image(image, wcs, grid, mask=bad, engine=engine)
    assert wanted[1].any()
    assert not wanted[1].all()
    for value in (np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0):
        spoilt = np.where(bad, value, image)
        found = align_image(spoilt, wcs, grid, mask=bad, engine=engine)
        for one, other in zip(wanted, found, strict=True):
            np.testing.assert_array_equal(one, other)
    # What is not finite needs no mask to be known as bad.
    found = align_image(np.where(bad, np.nan, image), wcs, grid, engine=engine)
    np.testing.assert_array_equal(wanted[0], found[0])


@pytest.mark.parametrize("scale", [0.08, 0.25, 0.5])
@pytest.mark.parametrize("engine", ENGINES)
def test_pixels_made_from_bad_ones_are_masked_and_no_others(engine, scale):
    rng = np.random.default_rng(4)
    image, wcs, center = noisy_star(rng)
    image[29:32, 28:33] = np.nan
    side = int(9 / scale)
    grid = SkyGrid(center, scale * u.arcsec, (side, side))
    out, mask, _, footprint = align_image(image, wcs, grid, engine=engine)
    np.testing.assert_array_equal(mask, np.isnan(out))
    gx, gy = np.meshgrid(np.arange(side), np.arange(side))
    x, y = wcs.world_to_pixel(grid.wcs.pixel_to_world(gx, gy))
    # Distance from the rectangle of bad pixels' centres, in input pixels.
    far = np.hypot(
        np.maximum(abs(x - 30) - 2, 0),
        np.maximum(abs(y - 30) - 1, 0),
    )
    assert mask[far < 0.5].all()
    assert not mask[far > 2 + 2 * scale / 0.25].any()
    assert footprint[far < 0.3].max() < 0.8
    assert footprint[far > 2 + 2 * scale / 0.25].min() > 0.99


def test_pixels_beside_a_masked_core_are_nearly_right():
    wcs = make_wcs((83.8, -5.4), 0.25, 50, rotation=20.0)
    center = wcs.pixel_to_world(24.5, 24.5)
    image = render(wcs, (50, 50), center, 4.0)
    grid = SkyGrid(center, 0.08 * u.arcsec, (96, 96))
    whole, _, _, _ = align_image(image, wcs, grid)
    core = image > 0.5 * image.max()
    out, mask, _, _ = align_image(image, wcs, grid, mask=core)
    error = np.abs(np.where(mask, 0, out - whole)) / whole.max()
    # The rim leans on filled pixels by the cubic kernel's outer lobes alone.
    assert error.max() < 0.06
    assert error[grid.radius() > 2.5].max() < 1e-3


def test_the_whole_image_bad_or_elsewhere_is_all_masked():
    rng = np.random.default_rng(5)
    image, wcs, center = noisy_star(rng)
    grid = SkyGrid(center, 0.25 * u.arcsec, (16, 16))
    sigma = np.ones_like(image)
    away = grid.at(center.directional_offset_by(0 * u.deg, 1 * u.deg))
    opposite = grid.at(SkyCoord(center.ra + 180 * u.deg, -center.dec))
    for values, where in ((image * np.nan, grid), (image, away), (image, opposite)):
        out, mask, spread, footprint = align_image(
            values, wcs, where, uncertainty=sigma
        )
        assert np.isnan(out).all()
        assert mask.all()
        assert np.isnan(spread).all()
        assert (footprint == 0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_footprint_ends_with_the_image(engine):
    wcs = make_wcs((83.8, -5.4), 0.25, 21)
    center = wcs.pixel_to_world(10, 10)
    grid = SkyGrid(center, 0.25 * u.arcsec, (41, 41))
    rng = np.random.default_rng(6)
    _, mask, _, footprint = align_image(
        rng.normal(size=(21, 21)), wcs, grid, engine=engine
    )
    assert (footprint[12:29, 12:29] == 1).all()
    inside = np.zeros((41, 41), bool)
    # A kernel of adaptive resampling reaches two pixels beyond the edge.
    inside[8:33, 8:33] = True
    assert (footprint[~inside] == 0).all()
    assert mask[~inside].all()
    assert not mask[12:29, 12:29].any()


def test_large_images_are_cut_down_without_a_trace():
    rng = np.random.default_rng(8)
    wcs = make_wcs((83.8, -5.4), 0.25, 900, distortion="SIP", rotation=70.0)
    image = rng.normal(size=(900, 900))
    grid = SkyGrid(wcs.pixel_to_world(200.3, 610.8), 0.1 * u.arcsec, (64, 64))
    out, mask, _, _ = align_image(image, wcs, grid)
    part = wcs[500:720, 90:310]
    small, _, _, _ = align_image(image[500:720, 90:310], part, grid)
    assert not mask.any()
    # The spline's memory fades by a factor of 0.27 a pixel.
    np.testing.assert_allclose(out, small, atol=1e-3)


# ------------------------------------------------------- units and uncertainty
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scale", [0.1, 0.25, 0.6])
def test_surface_brightness_stays_and_flux_a_pixel_scales(engine, scale):
    wcs = make_wcs((83.8, -5.4), 0.25, 61, rotation=25.0)
    grid = SkyGrid(wcs.pixel_to_world(30, 30), scale * u.arcsec, (12, 12))
    flat, sigma = np.full((61, 61), 7.0), np.full((61, 61), 0.3)
    for unit, factor in (
        (u.Unit("MJy/sr"), 1),
        (u.Unit("mJy/arcsec2"), 1),
        (u.Unit("electron/s"), (scale / 0.25) ** 2),
        (u.nJy, (scale / 0.25) ** 2),
        (None, (scale / 0.25) ** 2),
    ):
        out, _, spread, _ = align_image(
            flat, wcs, grid, uncertainty=sigma, unit=unit, engine=engine
        )
        np.testing.assert_allclose(out, 7 * factor, rtol=2e-3)
        np.testing.assert_allclose(spread, 0.3 * factor, rtol=2e-3)


def test_uncertainty_follows_its_pixels():
    wcs = make_wcs((83.8, -5.4), 0.25, 41)
    grid = SkyGrid(wcs.pixel_to_world(20, 20), 0.25 * u.arcsec, (41, 41))
    sigma = np.ones((41, 41))
    sigma[:, 25:] = 5.0
    image = np.random.default_rng(9).normal(size=(41, 41))
    image[3, 3] = np.nan
    _, mask, spread, _ = align_image(image, wcs, grid, uncertainty=sigma)
    np.testing.assert_allclose(spread[5:36, 3:24], 1.0, rtol=1e-6)
    np.testing.assert_allclose(spread[5:36, 27:38], 5.0, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(spread), mask)


def test_noise_is_what_the_uncertainty_says_where_nothing_is_smoothed():
    wcs = make_wcs((83.8, -5.4), 0.25, 200)
    grid = SkyGrid(wcs.pixel_to_world(99.5, 99.5), 0.25 * u.arcsec, (180, 180))
    image = np.random.default_rng(10).normal(0, 2.0, (200, 200))
    out, _, spread, _ = align_image(
        image, wcs, grid, uncertainty=np.full_like(image, 2.0)
    )
    assert out.std() == pytest.approx(np.median(spread), rel=0.02)


def test_unknown_engine_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'fast'.*auto, interp, adaptive, exact"):
        check_engine("fast")
    wcs = make_wcs((1, 1), 0.25, 21)
    grid = SkyGrid(wcs.pixel_to_world(10, 10), 0.25 * u.arcsec, (5, 5))
    with pytest.raises(ValueError, match="'fast'"):
        align_image(np.ones((21, 21)), wcs, grid, engine="fast")
