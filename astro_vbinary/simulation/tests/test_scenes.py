"""Scenes hold what they are called."""

import numpy as np
import pytest

from astro_vbinary.simulation import KINDS, Scene, draw_scene
from astro_vbinary.simulation.companions import WIDEST
from astro_vbinary.simulation.contaminants import NEAREST_NEIGHBOUR
from astro_vbinary.simulation.scenes import draw_kind
from astro_vbinary.simulation.sky import SATURATIONS

FWHM, RADIUS = 1.1, 4.0
PAIRS = [kind for kind, (label, *_) in KINDS.items() if label]
OTHERS = [kind for kind in KINDS if kind not in PAIRS]


def draw_many(kind, *, count=150, fwhm=FWHM, radius=RADIUS, population="training"):
    rng = np.random.default_rng([5, sum(map(ord, kind))])
    return [
        draw_scene(kind, rng, fwhm=fwhm, radius=radius, population=population)
        for _ in range(count)
    ]


def distances(stars):
    return np.array([np.hypot(star.east, star.north) for star in stars])


def test_there_are_at_least_twelve_kinds_that_are_no_pairs():
    assert len(OTHERS) >= 12
    assert len(PAIRS) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_label(kind):
    for scene in draw_many(kind, count=20):
        assert isinstance(scene, Scene)
        assert (scene.kind, scene.label) == (kind, KINDS[kind][0])
        assert np.isfinite(scene.separation) == bool(scene.label)
        assert np.isfinite(scene.magnitude_difference) == bool(scene.label)
        assert all(star.signal > 0 for star in scene.stars)
        assert scene.saturation in (None, *SATURATIONS)


def test_half_of_what_is_drawn_are_pairs_and_every_kind_comes_as_often_as_it_should():
    rng = np.random.default_rng(1)
    count = 20_000
    drawn = [draw_kind(rng) for _ in range(count)]
    shares = {kind: share for kind, (_, share, _) in KINDS.items()}
    total = sum(shares.values())
    for kind, share in shares.items():
        wanted = share / total
        spread = np.sqrt(wanted * (1 - wanted) / count)
        assert abs(drawn.count(kind) / count - wanted) < 4.5 * spread, kind
    assert sum(KINDS[kind][0] for kind in drawn) / count == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("population", ["training", "orion"])
@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("radius", [1.4, RADIUS])
def test_pairs_are_two_stars_as_far_apart_as_they_say(kind, radius, population):
    for scene in draw_many(kind, radius=radius, population=population):
        one, two = scene.stars[:2]
        east, north = two.east - one.east, two.north - one.north
        assert np.hypot(east, north) == pytest.approx(scene.separation)
        angle = np.rad2deg(np.arctan2(east, north))
        turn = (angle - scene.position_angle + 180) % 360 - 180
        assert turn == pytest.approx(0, abs=1e-6)
        difference = 2.5 * np.log10(one.signal / two.signal)
        assert difference == pytest.approx(scene.magnitude_difference, abs=1e-9)
        assert scene.magnitude_difference >= 0
        # Both on the stamp, and the target on the line between them.
        assert scene.separation <= min(WIDEST, radius - 0.25)
        assert distances((one, two)).sum() == pytest.approx(scene.separation)
        assert distances((two,)) >= distances((one,)) - 1e-9


def test_a_triple_has_a_third_star_within_the_circle():
    for scene in draw_many("triple"):
        assert len(scene.stars) == 3
        first, _, third = scene.stars
        away = np.hypot(third.east - first.east, third.north - first.north)
        assert 0 < away <= WIDEST
        assert third.signal <= first.signal


@pytest.mark.parametrize("kind", OTHERS)
def test_others_have_no_second_star_within_the_circle(kind):
    for scene in draw_many(kind):
        near = distances(scene.stars) < NEAREST_NEIGHBOUR
        assert near.sum() <= 1
        if near.any():
            assert distances(scene.stars)[near] == 0


@pytest.mark.parametrize("kind", ["neighbour", "bright_neighbour", "offcentre"])
def test_the_nearest_neighbour_is_as_near_as_the_truth_says(kind):
    for scene in draw_many(kind):
        beyond = distances(scene.stars)
        beyond = beyond[beyond > 0]
        assert scene.nearest == pytest.approx(beyond.min())
        assert scene.nearest >= NEAREST_NEIGHBOUR


def strongest(scene):
    return max(star.signal for star in scene.stars)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("single", lambda s: len(s.stars) == 1 and s.saturation is None),
        ("spikes", lambda s: s.stars[0].signal >= 2000 and "spikes" in s.defects),
        ("bright_neighbour", lambda s: "spikes" in s.defects),
        ("saturated", lambda s: s.saturation is not None and strongest(s) >= 300),
        ("galaxy", lambda s: s.galaxy is not None and not s.label),
        ("galaxy_compact", lambda s: s.galaxy.radius <= FWHM and not s.galaxy.clumps),
        ("galaxy_edge_on", lambda s: s.galaxy.axis_ratio <= 0.3),
        ("star_on_galaxy", lambda s: len(s.stars) == 1 and s.galaxy.index <= 1.2),
        ("nebula", lambda s: s.nebula[0] == "cloud" and s.nebula[1] >= 2),
        ("knots", lambda s: s.nebula[0] == "knots" and len(s.stars) == 1),
        ("filament", lambda s: s.nebula[0] == "filament"),
        ("silhouette", lambda s: s.nebula[0] == "silhouette"),
        ("cosmic_rays", lambda s: {"cosmic_rays", "hot_pixels"} <= s.defects),
        ("edge", lambda s: s.defects & {"gap", "strip"}),
        ("misregistered", lambda s: "misregistered" in s.defects),
        ("trailed", lambda s: "trailed" in s.defects),
        ("ghost", lambda s: "ghost" in s.defects),
        ("stripes", lambda s: "stripes" in s.defects),
        ("empty", lambda s: s.stars == () and s.galaxy is None),
        ("offcentre", lambda s: distances(s.stars).min() >= NEAREST_NEIGHBOUR),
        ("pair_crowded", lambda s: len(s.stars) >= 3),
    ],
)  # fmt: skip
def test_kinds_hold_what_they_are_called(kind, found):
    assert all(found(scene) for scene in draw_many(kind))


def test_slopes_and_faint_clouds_are_anywhere_but_not_everywhere():
    scenes = [s for kind in ("pair", "single") for s in draw_many(kind, count=400)]
    sloping = np.mean([scene.gradient > 0 for scene in scenes])
    clouded = np.mean([scene.nebula is not None for scene in scenes])
    assert sloping == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 800))
    assert clouded == pytest.approx(0.06, abs=4 * np.sqrt(0.06 * 0.94 / 800))


def test_single_stars_are_from_faint_to_saturated():
    signals = [scene.stars[0].signal for scene in draw_many("single", count=400)]
    assert min(signals) < 10
    assert max(signals) > 1e4


def test_unknown_names_are_told_with_the_known_ones():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="unknown kind 'quadruple'; known: pair, "):
        draw_scene("quadruple", rng, fwhm=1, radius=4)
    with pytest.raises(ValueError, match="unknown population 'sky'; known: training"):
        draw_scene("pair", rng, fwhm=1, radius=4, population="sky")
