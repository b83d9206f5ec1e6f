"""Batches: the same seed the same pixels, every kind, every survey."""

import numpy as np
import pytest
import torch

from astro_vbinary.simulation import (
    KINDS,
    SIMULATED_SURVEYS,
    Scene,
    align_batch,
    simulate_batch,
)
from astro_vbinary.simulation.sky import Star


def rng(seed=1):
    return np.random.default_rng(seed)


def pixels(batch):
    return [frames.images.numpy() for frames in batch.frames]


def same_pixels(one, two):
    pairs = zip(pixels(one), pixels(two), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def few_bands(survey):
    """One band from space, where each needs a PSF."""
    return {"HST": ["F814W"], "JWST": ["F200W"]}.get(survey)


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_the_same_seed_gives_the_same_pixels(survey):
    one, again, other = (
        simulate_batch(survey, 4, rng(seed), bands=few_bands(survey))
        for seed in (7, 7, 8)
    )
    assert str(one.truth) == str(again.truth)
    assert same_pixels(one, again)
    assert str(one.truth) != str(other.truth)
    # Exposures and images belong together, and every image has something on it.
    for frames in one.frames:
        assert len(frames) == len(frames.images) == len(frames.suspect)
        assert frames.images.dtype == frames.variance.dtype == torch.float32
        blank = frames.blank.numpy()
        assert np.isfinite(frames.images.numpy()[~blank]).all()
        assert (frames.variance.numpy()[~blank] > 0).all()
        for number, exposure in enumerate(frames.exposures):
            low, high = frames.box(number)
            assert high - low == exposure.side
            assert 0 <= low < high <= frames.side


def test_a_prefix_of_kinds_does_not_depend_on_how_they_are_given():
    one = simulate_batch("DECaLS", 3, rng(), kinds="pair")
    two = simulate_batch("DECaLS", 3, rng(), kinds=["pair"] * 3)
    assert same_pixels(one, two)
    assert {row["kind"] for row in one.truth} == {"pair"}


@pytest.mark.parametrize("survey", ["Pan-STARRS", "HST"])
def test_every_kind_is_drawn_labelled_and_counted_as_asked(survey):
    kinds = list(KINDS) * (2 if survey == "Pan-STARRS" else 1)
    batch = simulate_batch(
        survey, len(kinds), rng(2), kinds=kinds, bands=few_bands(survey), field=6.0
    )
    assert len(batch) == len(kinds)
    for kind, scene, row in zip(kinds, batch.scenes, batch.truth, strict=True):
        assert (row["kind"], row["label"]) == (kind, KINDS[kind][0])
        assert scene.kind == kind
        assert row["survey"] == survey
        assert row["population"] == ("training" if row["label"] else "")
        assert np.isfinite(row["companion_signal"]) == bool(row["label"])
        assert row["fwhm"] > 0
    owners = [e.stack for frames in batch.frames for e in frames.exposures]
    counts = np.bincount(owners, minlength=len(kinds))
    assert list(counts) == [row["bands"] for row in batch.truth]


def test_kinds_are_drawn_where_none_is_asked_for():
    batch = simulate_batch("2MASS", 300, rng(3), bands=1)
    pairs = sum(row["label"] for row in batch.truth)
    assert abs(pairs - 150) < 4 * np.sqrt(75)
    assert len({row["kind"] for row in batch.truth}) >= 15
    forms = [row["form"] for row in batch.truth]
    assert forms.count("hips") == batch.hips.sum()
    assert forms.count("hips") / 300 == pytest.approx(0.15, abs=0.08)


def test_a_population_is_that_of_the_companions():
    batch = simulate_batch(
        "HSCLA", 300, rng(4), kinds="pair", bands=1, population="orion"
    )
    assert {row["population"] for row in batch.truth} == {"orion"}
    signals = np.array([row["signal"] for row in batch.truth])
    # Number counts: most are faint, which those for training are not.
    assert np.median(signals) < 30
    other = simulate_batch("HSCLA", 1000, rng(4), kinds="pair", bands=1)
    assert np.median([row["signal"] for row in other.truth]) > 100


def test_another_bank_has_other_psfs_on_the_same_sky():
    one, two = (
        simulate_batch("HST", 1, rng(5), kinds="single", bands=["F814W"], psf_seed=seed)
        for seed in (0, 1)
    )
    assert one.truth[0]["signal"] == two.truth[0]["signal"]
    assert not same_pixels(one, two)
    # From the ground PSFs are endless anyhow.
    ground = [simulate_batch("SDSS9", 1, rng(5), psf_seed=seed) for seed in (0, 1)]
    assert same_pixels(*ground)


def test_bands_and_field_are_those_asked_for():
    batch = simulate_batch("SDSS9", 5, rng(6), bands=["z", "g"], field=4.0)
    exposures = [e for frames in batch.frames for e in frames.exposures]
    assert sorted(e.band for e in exposures) == ["g"] * 5 + ["z"] * 5
    assert {e.side for e in exposures} == {round(4.0 / 0.396)}
    assert {row["bands"] for row in batch.truth} == {2}
    one = simulate_batch("SDSS9", 5, rng(6), bands=1)
    assert {row["bands"] for row in one.truth} == {1}


def test_scenes_can_be_given_by_hand():
    scenes = [
        Scene("single", 0, (Star(0.0, 0.0, 500.0),)),
        Scene("pair", 1, (Star(0, 0, 900.0), Star(1.5, 0, 900.0)), separation=1.5),
    ]
    batch = simulate_batch("Pan-STARRS", 2, rng(7), scenes=scenes, bands=1)
    assert [row["label"] for row in batch.truth] == [0, 1]
    assert batch.truth[1]["companion_signal"] == 900.0
    assert batch.scenes == scenes


def test_scenes_can_be_drawn_by_the_caller():
    seen = []

    def draw(generator, *, fwhm, radius):
        seen.append((fwhm, radius))
        return Scene("single", 0, (Star(0.0, 0.0, 10 + generator.random()),))

    batch = simulate_batch("Pan-STARRS", 3, rng(8), scenes=draw)
    assert all(10 <= row["signal"] <= 11 for row in batch.truth)
    assert len(seen) == 3
    for (fwhm, radius), row in zip(seen, batch.truth, strict=True):
        assert fwhm == row["fwhm"]
        assert 2.9 < radius < 6.6


def test_clean_images_have_white_noise_and_no_defects():
    batch = simulate_batch(
        "JWST", 20, rng(9), kinds="single", bands=["F200W"], clean=True
    )
    for frames in batch.frames:
        assert not frames.blank.any()
        assert not frames.suspect.any()
        assert all(e.extra["correlation"] == 0 for e in frames.exposures)
    # What belongs to the scene stays.
    edge = simulate_batch("SDSS9", 20, rng(9), kinds="edge", clean=True)
    assert all(frames.suspect.all() for frames in edge.frames)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["pair"]}, "1 kinds for 2 stacks"),
        ({"scenes": []}, "0 scenes for 2 stacks"),
        ({"kinds": "planet"}, "unknown kind 'planet'; known: pair, pair_crowded"),
        ({"kinds": "pair", "population": "x"}, "unknown population 'x'; known: train"),
        ({"bands": ["J"]}, r"cannot simulate bands \['J'\] of SDSS9; known: u, g, r"),
    ],
)
def test_what_cannot_be_simulated_is_told(options, message):
    with pytest.raises(ValueError, match=message):
        simulate_batch("SDSS9", 2, rng(), **options)


# -------------------------------------------------------------- device, alignment
def test_aligned_bands_are_in_the_order_of_their_stacks():
    batch = simulate_batch("HSCLA", 6, rng(10))
    made = align_batch(batch, 0.1, 48)
    assert made.data.shape == made.mask.shape == (len(made.exposures), 48, 48)
    assert (made.owner.diff() >= 0).all()
    assert [e.stack for e in made.exposures] == made.owner.tolist()
    for stack in range(6):
        own = [e.band for e in made.exposures if e.stack == stack]
        assert own == sorted(own, key="grizy".index)
    assert torch.isfinite(made.data).all()
    assert not made.data[made.mask].any()
