"""What is drawn is what the scene and the plan say."""

from dataclasses import replace

import numpy as np
import pytest

from astro_vbinary.simulation.nebulae import FORMS, draw_nebula
from astro_vbinary.simulation.rendering import render_frames
from astro_vbinary.simulation.sky import Galaxy, Scene, Star
from astro_vbinary.simulation.tests.helpers_sky import (
    NOTHING,
    make_exposure,
    make_plan,
    windowed_centroid,
)

SIDE, MANY = 32, 600
MIDDLE = (SIDE - 1) / 2


def render(scene, *, count=1, seed=1, angle=0.0, psf=None, **plan):
    """The same picture some times over, each with noise of its own."""
    exposures = [make_exposure(angle=angle, **(psf or {})) for _ in range(count)]
    rng = np.random.default_rng(seed)
    shares = np.ones((len(scene.stars) + 1, 1))
    plans = [make_plan(**{"shares": shares} | plan)]
    return render_frames("Pan-STARRS", exposures, SIDE, [scene], plans, rng)


def mean_image(scene, **options):
    """Without its noise, which is small where there is no sky's or many images."""
    return render(scene, count=200, **options).images.double().numpy().mean(axis=0)


def star(signal, east=0.0, north=0.0):
    return Scene("single", 0, (Star(east, north, signal),))


# ------------------------------------------------------------------------ noise
@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_scatter_is_the_variance_that_frames_hold(correlation):
    defects = replace(NOTHING, gain=40.0, pedestal=-7.0)
    frames = render(
        star(3000.0), count=MANY, sky=30.0, defects=defects, correlation=correlation
    )
    found = frames.images.double().numpy().var(axis=0, ddof=1)
    wanted = frames.variance[0].double().numpy()
    ratio = found / wanted
    # A variance from 600 images scatters by 6 %; of 1024 pixels the mean by far less.
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    core = wanted > 0.3 * wanted.max()
    assert ratio[core].mean() == pytest.approx(1, abs=0.15)
    # Photons: far above the sky's in the core, which has 40^2 far out.
    assert wanted.max() > 20 * wanted.min()
    assert wanted.min() == pytest.approx(40.0**2, rel=0.05)


def test_photon_noise_is_that_of_the_electrons():
    frames = render(star(3000.0), sky=100.0)
    exposure = frames.exposures[0]
    light = frames.variance[0].double().numpy() - 1
    # Ten electrons are one of the sky's noise: 10 per unit of light, on 100.
    flux = exposure.extra["fluxes"][0]
    assert light.sum() * 100 == pytest.approx(flux * 10, rel=0.02)


def test_the_signal_to_noise_ratio_is_the_one_asked_for():
    frames = render(star(40.0), count=MANY)
    images = frames.images.double().numpy()
    profile = mean_image(star(1e5)) / 1e5
    outputs = (profile * images).sum(axis=(1, 2)) / np.sqrt((profile**2).sum())
    assert outputs.std() == pytest.approx(1, abs=0.12)
    assert outputs.mean() == pytest.approx(40, rel=0.02)


def test_gain_and_pedestal_are_linear():
    scene = star(200.0, 0.4, -0.3)
    plain = render(scene)
    changed = render(scene, defects=replace(NOTHING, gain=0.02, pedestal=350.0))
    np.testing.assert_allclose(
        changed.images, 0.02 * (plain.images + 350), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(changed.variance, 0.02**2 * plain.variance, rtol=1e-5)
    extra = changed.exposures[0].extra
    assert (extra["gain"], extra["pedestal"], extra["correlation"]) == (
        0.02,
        350.0,
        0.0,
    )


# ---------------------------------------------------------------------- sources
@pytest.mark.parametrize("angle", [0.0, 0.7, 3.0])
def test_stars_stand_where_the_sky_says(angle):
    east, north = 0.9, -0.55
    scene = star(2e4, east, north)
    image = mean_image(scene, angle=angle)
    exposure = make_exposure(angle=angle)
    offset = exposure.pixel_offset(east, north)
    start = MIDDLE + offset[0], MIDDLE + offset[1]
    assert windowed_centroid(image, start, 2.0) == pytest.approx(start, abs=0.01)
    # And back: the matrix of the WCS turns pixels into the sky.
    assert exposure.cd @ offset == pytest.approx((east, north))


def test_a_trailed_star_is_longer_and_has_its_light():
    plain = mean_image(star(3e4))
    trailed = mean_image(star(3e4), trail=(1.5, 0.0))
    assert trailed.sum() == pytest.approx(plain.sum(), rel=0.02)
    assert trailed.max() < 0.8 * plain.max()
    axis = np.arange(SIDE) - MIDDLE

    def widths(image):
        image = np.clip(image, 0, None) * (np.hypot(axis, axis[:, None]) < 10)
        return [(image.sum(axis=k) * axis**2).sum() / image.sum() for k in (0, 1)]

    (x, y), (x0, y0) = widths(trailed), widths(plain)
    # A line of seven points as long as 6 pixels: variance 6^2/12 (7 + 1)/(7 - 1).
    assert x - x0 == pytest.approx(6**2 / 12 * 8 / 6, rel=0.15)
    assert y == pytest.approx(y0, rel=0.1)


def test_spikes_of_bright_stars_add_little_light():
    bright = Scene("spikes", 0, (Star(0, 0, 5e4),), defects=frozenset({"spikes"}))
    with_spikes, plain = mean_image(bright), mean_image(star(2999.0))
    excess = with_spikes - plain * (5e4 / 2999)
    assert 1e-5 < excess.sum() / with_spikes.sum() < 0.05


def galaxy_scene(**changes):
    shape = {
        "east": 0.0, "north": 0.0, "signal": 3e4, "radius": 0.7, "axis_ratio": 0.5,
        "angle": 0.0, "index": 1.0,
    }  # fmt: skip
    return Scene("galaxy", 0, (), galaxy=Galaxy(**shape | changes))


@pytest.mark.parametrize("index", [0.6, 1.0, 4.0])
def test_a_galaxy_has_a_star_s_light_and_is_broader(index):
    galaxy, point = mean_image(galaxy_scene(index=index)), mean_image(star(3e4))
    assert galaxy.sum() == pytest.approx(point.sum(), rel=0.05)
    assert galaxy.max() < 0.8 * point.max()


@pytest.mark.parametrize("angle", [0.0, 0.6, 1.4])
def test_a_galaxy_is_long_along_its_angle(angle):
    image = mean_image(galaxy_scene(angle=angle, axis_ratio=0.3, radius=1.0))
    axis = np.arange(SIDE) - MIDDLE
    window = np.clip(image, 0, None) * (np.hypot(axis, axis[:, None]) < 12)
    x, y = axis[None, :], axis[:, None]
    xx, yy, xy = ((window * m).sum() for m in (x * x, y * y, x * y))
    assert np.arctan2(2 * xy, xx - yy) / 2 == pytest.approx(angle, abs=0.05)


def test_clumps_are_light_on_top_and_the_same_in_every_band():
    smooth = mean_image(galaxy_scene(radius=1.5))
    clumpy = [mean_image(galaxy_scene(radius=1.5, clumps=6), seed=k) for k in (1, 2)]
    difference = np.abs(clumpy[0] - smooth)
    # Two noises of 1/sqrt(200) each.
    assert difference.max() > 20 * np.sqrt(2 / 200)
    assert np.abs(clumpy[0] - clumpy[1]).max() < 8 * np.sqrt(2 / 200)


# ------------------------------------------------------------------- background
def test_a_gradient_is_a_plane_of_its_amplitude():
    scene = replace(star(1e-3), gradient=3.0)
    image = mean_image(scene, gradient_angle=0.4)
    y, x = np.mgrid[:SIDE, :SIDE] - MIDDLE
    design = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    fit, *_ = np.linalg.lstsq(design, image.ravel(), rcond=None)
    assert np.std(design @ fit - image.ravel()) == pytest.approx(
        1 / np.sqrt(200), rel=0.1
    )
    assert fit[:2] * MIDDLE == pytest.approx(
        [3 * np.cos(0.4), 3 * np.sin(0.4)], abs=0.02
    )


@pytest.mark.parametrize("form", FORMS)
def test_nebulae_are_textures_of_about_unit_amplitude(form):
    rng = np.random.default_rng(2)
    made = [draw_nebula(form, rng) for _ in range(20)]
    assert {image.shape for image in made} == {(128, 128)}
    assert 0.2 < np.mean([image.std() for image in made]) < 3
    if form == "silhouette":
        assert np.mean([image.min() for image in made]) < -1.5
    if form in ("knots", "filament"):
        # Light on a dark sky.
        assert all(image.max() > 1.2 * abs(image.min()) for image in made)


def test_a_cloud_has_the_spectrum_of_cirrus():
    rng = np.random.default_rng(3)
    power = np.mean(
        [np.abs(np.fft.rfft2(draw_nebula("cloud", rng)))[:, :] ** 2 for _ in range(20)],
        axis=0,
    )
    k = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None, :])
    band = (k > 0.03) & (k < 0.3)
    slope = np.polyfit(np.log(k[band]), np.log(power[band]), 1)[0]
    assert -3.5 < slope < -2.5


def test_a_nebula_is_in_the_picture_at_its_strength():
    texture = draw_nebula("cloud", np.random.default_rng(4))
    scene = replace(star(1e-3), nebula=("cloud", 25.0))
    image = mean_image(scene, texture=texture)
    # 8 arcsec out of the middle of 14.
    half = round(128 * SIDE * 0.25 / 14 / 2)
    seen = texture[64 - half : 64 + half, 64 - half : 64 + half]
    assert image.std() == pytest.approx(25 * seen.std(), rel=0.1)
    assert image.max() == pytest.approx(25 * seen.max(), rel=0.15)


def test_an_unknown_nebula_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown form 'ring'; known: cloud, knots"):
        draw_nebula("ring", np.random.default_rng(1))
