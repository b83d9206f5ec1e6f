"""Defects do what their names say, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from astro_vbinary.simulation.artefacts import (
    USUAL,
    add_spikes,
    apply_defects,
    draw_defects,
    saturate,
)
from astro_vbinary.simulation.rendering import render_frames
from astro_vbinary.simulation.sky import SATURATIONS, Scene, Star
from astro_vbinary.simulation.tests.helpers_sky import (
    NOTHING,
    make_exposure,
    make_plan,
)

SIDE = 40
MIDDLE = (SIDE - 1) / 2


def damage(name, *, seed=3, side=SIDE, **changes):
    image = np.zeros((side, side), dtype=np.float32)
    defects = replace(NOTHING, names=frozenset({name}), **changes)
    exposure = make_exposure(side=SIDE)
    blank = apply_defects(image, exposure, defects, np.random.default_rng(seed))
    return image, blank


@pytest.mark.parametrize("name", ["hot_pixels", "cosmic_rays"])
def test_hits_are_few_bright_and_on_the_stamp(name):
    counts = []
    for seed in range(30):
        image, blank = damage(name, seed=seed, side=SIDE + 8)
        assert blank is None
        hit = image > 0
        counts.append(hit.sum())
        assert not (image < 0).any()
        assert hit[4:-4, 4:-4].sum() == hit.sum()
        if hit.any():
            assert image[hit].min() >= 10 ** (1 if name == "hot_pixels" else 0.8) * 0.99
    assert 0 < np.mean(counts) < 20


def test_a_cosmic_ray_is_a_connected_line():
    from scipy import ndimage

    image, _ = damage("cosmic_rays", seed=5)
    _, number = ndimage.label(image > 0, structure=np.ones((3, 3)))
    assert 1 <= number <= 5


@pytest.mark.parametrize("name", ["strip", "gap"])
@pytest.mark.parametrize("angle", [0.0, np.pi / 2, 1.0])
def test_there_is_no_data_beyond_an_edge(name, angle):
    distance = 2.0
    image, blank = damage(name, angle=angle, distance=distance)
    assert not image.any()
    y, x = (np.mgrid[:SIDE, :SIDE] - MIDDLE) * 0.25
    along = x * np.cos(angle) + y * np.sin(angle)
    assert not blank[along < distance - 1e-6].any()
    assert blank[(along > distance + 1e-6) & (along < distance + 1.4)].all()
    # A gap ends, a strip does not.
    assert blank[along > distance + 1.6].all() == (name == "strip")


def test_stripes_are_constant_along_one_axis():
    for seed in range(6):
        image, _ = damage("stripes", seed=seed)
        along, across = image.std(axis=0).max(), image.std(axis=1).max()
        assert min(along, across) < 1e-5 < max(along, across)


def test_a_ghost_is_a_soft_ring():
    image, _ = damage("ghost")
    assert image.min() >= 0
    assert 0.4 < image.max() < 25
    # No pixel stands out of its neighbours: it is no source.
    steps = max(np.abs(np.diff(image, axis=k)).max() for k in (0, 1))
    assert steps < 0.7 * image.max()


def test_spikes_are_a_cross():
    image = np.zeros((SIDE + 1, SIDE + 1))
    middle = SIDE / 2
    add_spikes(image, middle, middle, 1e6, 3.0, np.random.default_rng(2))
    assert (image >= 0).all()
    for turn in (np.rot90(image), image[::-1, ::-1]):
        np.testing.assert_allclose(turn, image, atol=1e-6 * image.max())
    # Brighter on the arms than between them.
    y, x = np.mgrid[: SIDE + 1, : SIDE + 1] - middle
    ring = np.abs(np.hypot(x, y) - 12) < 0.7
    assert image[ring].max() > 5 * np.median(image[ring])


# ------------------------------------------------------------------- saturation
def bright_star(signal=5000.0):
    scene = Scene("single", 0, (Star(0.0, 0.0, signal),))
    plans = [make_plan()]
    frames = render_frames(
        "Pan-STARRS", [make_exposure(side=SIDE)], SIDE, [scene], plans,
        np.random.default_rng(1),
    )  # fmt: skip
    return frames.images[0].double().numpy()


@pytest.mark.parametrize("how", SATURATIONS)
def test_saturation_clips_the_core_and_nothing_far_away(how):
    whole = bright_star()
    for seed in range(8):
        image = whole.copy()
        rng = np.random.default_rng(seed)
        hole = saturate(image, MIDDLE, MIDDLE, 4.8, how, rng)
        core = slice(int(MIDDLE), int(MIDDLE) + 2)
        if how in ("flat", "bleeding"):
            assert hole is None
            changed = image != whole
            assert image.max() < whole.max()
        else:
            changed = hole
            np.testing.assert_array_equal(image, whole)
        assert changed[core, core].all()
        # Charge runs along columns, and along these alone.
        assert not changed[:, :6].any()
        assert not changed[:, -6:].any()
        if "ble" not in how:
            assert not changed[:6].any()
        # All that was above the level is gone: nothing as bright is left.
        assert whole[~changed].max() < 0.75 * whole.max()


def test_a_star_that_is_off_the_image_or_below_the_sky_does_not_saturate():
    image = bright_star()
    kept = image.copy()
    rng = np.random.default_rng(1)
    assert saturate(image, -50.0, MIDDLE, 4.8, "masked", rng) is None
    assert saturate(-np.abs(image), MIDDLE, MIDDLE, 4.8, "masked", rng) is None
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("fill", [np.nan, 0.0])
@pytest.mark.parametrize("how", ["masked", "zeroed"])
def test_holes_hold_what_the_archive_puts_there(how, fill):
    scene = Scene("saturated", 0, (Star(0.0, 0.0, 2e4),), saturation=how)
    plan = make_plan(defects=replace(NOTHING, fill=fill, pedestal=50.0))
    frames = render_frames(
        "Pan-STARRS", [make_exposure()], 32, [scene], [plan], np.random.default_rng(1)
    )
    image, blank = frames.images[0].numpy(), frames.blank[0].numpy()
    assert frames.suspect.all()
    assert blank.sum() >= 9
    empty = np.isnan(image) if how == "masked" and np.isnan(fill) else image == 0
    np.testing.assert_array_equal(empty, blank)
    # Nothing is known of the noise there.
    np.testing.assert_array_equal(np.isnan(frames.variance[0].numpy()), blank)


# --------------------------------------------------------------------- how often
def test_defects_come_as_often_as_they_should():
    rng = np.random.default_rng(4)
    drawn = [draw_defects(rng, space=False) for _ in range(4000)]
    for name, share in USUAL.items():
        found = np.mean([name in d.names for d in drawn])
        assert found == pytest.approx(share, abs=4 * np.sqrt(share / 4000))
    fills = np.array([d.fill for d in drawn])
    assert np.isnan(fills).mean() == pytest.approx(0.5, abs=0.04)
    assert set(fills[np.isfinite(fills)]) == {0.0}
    assert all(0.01 <= d.gain <= 1000 for d in drawn)
    assert min(d.distance for d in drawn) >= 0.6


def test_a_scene_s_own_defects_are_certain_and_keep_their_distance():
    rng = np.random.default_rng(5)
    for _ in range(50):
        made = draw_defects(rng, space=True, certain=frozenset({"strip"}), keep=2.9)
        assert "strip" in made.names
        assert made.distance >= 2.9
