"""The truth is true: what is drawn is measured back through the alignment."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from astro_vbinary.psf import MoffatPSF
from astro_vbinary.simulation import SIMULATED_SURVEYS, Scene
from astro_vbinary.simulation.artefacts import Artefacts, apply_artefacts, saturate
from astro_vbinary.simulation.instruments import Exposure, draw_exposures
from astro_vbinary.simulation.render import (
    add_noise,
    draw_texture,
    render_background,
    render_sources,
)
from astro_vbinary.simulation.scenes import Star
from astro_vbinary.simulation.simulate import _wcs
from astro_vbinary.stamps import SkyGrid, StampStack, SurveyStamp

TARGET = SkyCoord(84.1, -6.3, unit="deg")
QUIET = {"gradient": 0.0, "nebula": 0.0}


def make_exposure(*, fwhm=1.2, scale=0.25, side=41, cd=None, position=(20.0, 20.0)):
    cd = np.diag([-scale, scale]) if cd is None else cd
    psf = MoffatPSF(fwhm * u.arcsec, beta=4.0)
    return Exposure("r", psf, scale, side, cd, position)


def windowed_centroid(image, start, width):
    """The centroid under a Gaussian window that follows it."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    x0, y0 = start
    for _ in range(60):
        weight = image * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 2 / width**2)
        dx = ((x - x0) * weight).sum() / weight.sum()
        dy = ((y - y0) * weight).sum() / weight.sum()
        # A window takes about half of the way.
        x0, y0 = x0 + 2 * dx, y0 + 2 * dy
    return x0, y0


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_separation_and_angle_are_measured_back_through_the_alignment(survey, seed):
    rng = np.random.default_rng([seed, len(survey)])
    separation, angle = rng.uniform(0.5, 0.9), rng.uniform(0, 360)
    offset = (
        separation * np.sin(np.deg2rad(angle)), separation * np.cos(np.deg2rad(angle))
    )  # fmt: skip
    exposure = draw_exposures(survey, rng)[0]
    wcs = _wcs(exposure, TARGET)
    # Fine enough for the sharpest JWST image, which a group's grid is not.
    scale = min(exposure.psf.fwhm.to_value(u.arcsec) / 3, 0.08)
    side = int(max(3, 6 * exposure.psf.fwhm.to_value(u.arcsec)) / scale)
    grid = SkyGrid(TARGET, scale * u.arcsec, (side, side))
    found = []
    for star in (Star(0.0, 0.0, 100.0), Star(*offset, 100.0)):
        scene = Scene("single", 0, (star,), background=QUIET)
        image = render_sources(scene, exposure, [100.0], rng)
        stamp = SurveyStamp(
            image, wcs, survey=survey, band=exposure.band, target=TARGET
        )
        cube = StampStack([stamp]).align(grid)
        shown = np.where(cube.mask[0], 0, cube.data[0])
        width = exposure.psf.fwhm.to_value(u.arcsec) / scale / 2.355
        # The shift is the band's own mis-registration, the same for both.
        start = (
            (grid.shape[1] - 1) / 2 - (star.east + exposure.shift[0]) / scale,
            (grid.shape[0] - 1) / 2 + (star.north + exposure.shift[1]) / scale,
        )
        found.append(windowed_centroid(shown, start, 1.2 * width))
    (x1, y1), (x2, y2) = found
    east, north = -(x2 - x1) * scale, (y2 - y1) * scale
    assert (east, north) == pytest.approx(offset, abs=0.01 * separation + 0.002)
    # And by the sky itself, not by the grid's axes.
    one, two = grid.wcs.pixel_to_world([x1, x2], [y1, y2])
    turn = (one.position_angle(two) - angle * u.deg).wrap_at(180 * u.deg)
    assert abs(turn.to_value(u.deg)) < 1
    assert one.separation(two).to_value(u.arcsec) == pytest.approx(
        separation, rel=0.015
    )


@pytest.mark.parametrize("fwhm", [0.8, 1.2, 2.0])
@pytest.mark.parametrize("signal", [5.0, 300.0])
def test_signal_to_noise_is_that_of_a_matched_filter(fwhm, signal):
    rng = np.random.default_rng(4)
    exposure = make_exposure(fwhm=fwhm)
    scene = Scene("single", 0, (Star(0.0, 0.0, signal),), background=QUIET)
    image = render_sources(scene, exposure, [signal], rng)
    profile = exposure.psf.image(exposure.shape, exposure.pixel_scale * u.arcsec)
    # Filter noisy images with the profile: the mean over the scatter is the ratio.
    outputs = [
        (profile * (image + rng.normal(size=image.shape))).sum() for _ in range(4000)
    ]
    scatter = np.sqrt((profile**2).sum())
    assert np.std(outputs) == pytest.approx(scatter, rel=0.05)
    found = np.mean(outputs) / scatter
    assert found == pytest.approx(signal, abs=0.08)


def test_two_stars_are_the_sum_of_each():
    rng = np.random.default_rng(5)
    exposure = make_exposure()
    stars = (Star(0.0, 0.0, 50.0), Star(1.5, -0.5, 20.0))
    both = render_sources(Scene("pair", 1, stars), exposure, [50, 20], rng)
    each = [
        render_sources(Scene("single", 0, (star,)), exposure, [star.signal], rng)
        for star in stars
    ]
    np.testing.assert_allclose(both, sum(each))


def test_a_galaxy_is_broader_than_a_star_of_the_same_light():
    rng = np.random.default_rng(6)
    exposure = make_exposure()
    galaxy = {
        "signal": 100, "radius": 1.0, "axis_ratio": 0.8, "angle": 0.3, "index": 1.0,
        "clumps": 0,
    }  # fmt: skip
    star = render_sources(Scene("single", 0, (Star(0, 0, 100),)), exposure, [100], rng)
    image = render_sources(
        Scene("galaxy", 0, (), galaxy=galaxy), exposure, [], rng, galaxy_signal=100
    )
    assert image.sum() == pytest.approx(star.sum(), rel=0.05)
    assert image.max() < 0.7 * star.max()


def test_noise_has_unit_scatter_and_grows_with_light():
    rng = np.random.default_rng(7)
    dark = np.zeros((200, 200))
    for correlation in (0.0, 0.8):
        noise = add_noise(dark, rng, sky_electrons=100, correlation=correlation)
        assert noise.std() == pytest.approx(1, abs=0.02)
        neighbours = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
        # exp(-1 / (4 sigma^2)) for a Gaussian kernel.
        wanted = np.exp(-1 / (4 * correlation**2)) if correlation else 0.0
        assert neighbours == pytest.approx(wanted, abs=0.06)
    # A pixel of sky^2 = 100 electrons has 10 of noise: 30 of these are 300 more.
    bright = add_noise(dark + 30, rng, sky_electrons=100, correlation=0)
    assert bright.std() == pytest.approx(np.sqrt(1 + 300 / 100), rel=0.02)


def test_background_is_a_plane_and_a_texture_of_the_asked_size():
    rng = np.random.default_rng(8)
    exposure = make_exposure()
    texture = draw_texture(rng)
    assert (texture.mean(), texture.std()) == pytest.approx((0, 1), abs=1e-9)
    plane = render_background({"gradient": 3.0, "nebula": 0}, exposure, texture, rng)
    y, x = np.mgrid[:41, :41]
    design = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    fit, *_ = np.linalg.lstsq(design, plane.ravel(), rcond=None)
    np.testing.assert_allclose(design @ fit, plane.ravel(), atol=1e-9)
    assert np.hypot(fit[0], fit[1]) * 20 == pytest.approx(3)
    nebula = render_background({"gradient": 0, "nebula": 5.0}, exposure, texture, rng)
    assert nebula.std() == pytest.approx(5, rel=0.1)


# -------------------------------------------------------------------- artefacts
NOTHING = {
    "strip": None, "fill": np.nan, "hot_pixels": 0.0, "cosmic_rays": 0.0,
    "pedestal": 0.0, "gain": 1.0,
}  # fmt: skip


def test_pedestal_and_gain():
    image = np.random.default_rng(1).normal(size=(41, 41))
    rng = np.random.default_rng(2)
    made = apply_artefacts(
        image, make_exposure(), Artefacts(**NOTHING | {"pedestal": 10, "gain": 3}), rng
    )
    np.testing.assert_allclose(made, 3 * (image + 10), rtol=1e-5, atol=1e-5)
    assert made.dtype == np.float32


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_a_strip_is_blank_beyond_its_distance(fill):
    image = np.random.default_rng(1).normal(size=(41, 41))
    strip = Artefacts(**NOTHING | {"strip": (0.0, 2.0), "fill": fill})
    made = apply_artefacts(image, make_exposure(), strip, np.random.default_rng(2))
    # 2 arcsec are 8 pixels from the target in the middle.
    assert np.isfinite(made[:, :29]).all()
    assert (made[:, :29] != 0).all()
    assert (np.isnan(made[:, 29:]) if np.isnan(fill) else made[:, 29:] == 0).all()


@pytest.mark.parametrize("name", ["hot_pixels", "cosmic_rays"])
def test_spikes_are_few_and_bright(name):
    image = np.zeros((41, 41))
    hit = apply_artefacts(
        image, make_exposure(), Artefacts(**NOTHING | {name: 5.0}),
        np.random.default_rng(3),
    )  # fmt: skip
    assert 0 < (hit > 0).sum() < 150
    assert hit[hit > 0].min() >= 9.9


@pytest.mark.parametrize("how", ["flat", "masked", "zeroed", "bleeding", "bled_masked"])
def test_saturation_clips_the_core_and_nothing_else(how):
    exposure = make_exposure()
    scene = Scene("single", 0, (Star(0.0, 0.0, 5000.0),))
    image = render_sources(scene, exposure, [5000.0], np.random.default_rng(4))
    for seed in range(10):
        made = saturate(image, exposure, how, np.random.default_rng(seed))
        changed = ~(made == image)
        assert changed[20, 20]
        assert not changed[:, :3].any()
        core = made[20, 20]
        if how in ("masked", "bled_masked"):
            assert np.isnan(core)
        elif how == "zeroed":
            assert core == 0
        else:
            assert 0 < core < image.max()
