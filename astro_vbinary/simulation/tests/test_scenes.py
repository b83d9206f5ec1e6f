import numpy as np
import pytest

from astro_vbinary.simulation import KINDS, Scene, draw_scene
from astro_vbinary.simulation.scenes import FAINTEST_COMPANION, WIDEST_PAIR

FWHM, RADIUS = 1.1, 4.0


def draw_many(kind, *, count=150, fwhm=FWHM, radius=RADIUS):
    rng = np.random.default_rng([5, len(kind)])
    return [draw_scene(kind, rng, fwhm=fwhm, radius=radius) for _ in range(count)]


def distances(stars):
    return np.array([np.hypot(star.east, star.north) for star in stars])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_label(kind):
    for scene in draw_many(kind, count=20):
        assert isinstance(scene, Scene)
        assert (scene.kind, scene.label) == (kind, KINDS[kind][0])
        assert np.isfinite(scene.separation) == bool(scene.label)
        assert all(star.signal > 0 for star in scene.stars)


def test_half_of_a_balanced_set_are_pairs():
    assert sum(weight for _, weight, _ in KINDS.values()) == pytest.approx(1)
    assert sum(w for label, w, _ in KINDS.values() if label) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [k for k, (label, *_) in KINDS.items() if label])
@pytest.mark.parametrize("radius", [1.4, RADIUS])
def test_pairs_are_two_stars_as_far_apart_as_they_say(kind, radius):
    for scene in draw_many(kind, radius=radius):
        one, two = scene.stars[:2]
        east, north = two.east - one.east, two.north - one.north
        assert np.hypot(east, north) == pytest.approx(scene.separation)
        angle = np.rad2deg(np.arctan2(east, north)) % 360
        turn = (angle - scene.position_angle + 180) % 360 - 180
        assert turn == pytest.approx(0, abs=1e-6)
        difference = 2.5 * np.log10(one.signal / two.signal)
        assert difference == pytest.approx(scene.magnitude_difference, abs=1e-9)
        assert scene.magnitude_difference >= 0
        assert scene.separation <= WIDEST_PAIR
        # Of two equal sources the nearest that can be told apart, where there is room.
        assert scene.separation >= min(FWHM, 0.9 * (radius - 0.3)) - 1e-9
        assert two.signal >= FAINTEST_COMPANION
        # Both on the stamp, and the target on their line.
        assert distances(scene.stars[:2]).max() < radius
        assert distances(scene.stars[:2]).sum() == pytest.approx(scene.separation)


def test_others_than_pairs_have_no_second_star_within_the_circle():
    for kind, (label, *_) in KINDS.items():
        if label:
            continue
        for scene in draw_many(kind):
            near = distances(scene.stars) < 2.7
            assert near.sum() <= 1, kind
            if near.any():
                assert distances(scene.stars)[near][0] == 0


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("single", lambda s: len(s.stars) == 1 and s.saturation is None),
        ("neighbour", lambda s: distances(s.stars)[1:].min() >= 2.7),
        ("saturated", lambda s: s.saturation is not None and s.stars[0].signal >= 1000),
        ("galaxy", lambda s: s.galaxy is not None),
        ("nebula", lambda s: s.background["nebula"] >= 2),
        ("empty", lambda s: s.stars == ()),
        ("offcentre", lambda s: distances(s.stars).min() >= 2.7),
        ("smeared", lambda s: len(s.stars) == 1),
    ],
)  # fmt: skip
def test_kinds_hold_what_they_are_called(kind, found):
    assert all(found(scene) for scene in draw_many(kind))


def test_position_angles_and_separations_spread_over_their_ranges():
    scenes = draw_many("pair", count=600)
    angles = np.array([scene.position_angle for scene in scenes])
    # Rayleigh's test of uniformity: n R^2 exceeds 7 once in 1000.
    strength = np.abs(np.exp(1j * np.deg2rad(angles)).mean())
    assert len(angles) * strength**2 < 7
    separations = np.array([scene.separation for scene in scenes])
    assert separations.min() < FWHM + 0.05
    assert separations.max() > WIDEST_PAIR - 0.05


def test_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown kind 'triple'; known: pair, "):
        draw_scene("triple", np.random.default_rng(1), fwhm=1, radius=4)
