import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.classification import Preprocessing, prepare
from astro_vbinary.classification.preprocessing import CHANNELS
from astro_vbinary.classification.tests.helpers_stacks import (
    GRID,
    TARGET,
    make_cube,
    star_image,
)
from astro_vbinary.exceptions import NoDataError, WeightsError
from astro_vbinary.simulation import simulate_stack
from astro_vbinary.stamps import SkyGrid
from astro_vbinary.status import Flag

CIRCLE = torch.as_tensor(GRID.radius() <= 2.5)


def channels(prepared, preprocessing=Preprocessing()):
    signal = torch.from_numpy(prepared.signal)[None]
    valid = torch.from_numpy(prepared.valid)[None]
    return preprocessing.channels_of(signal, valid, CIRCLE)[0]


def with_hole(image, width, value=np.nan):
    image = image.copy()
    image[32 - width : 32 + width, 32 - width : 32 + width] = value
    return image


def with_blank(image, first, value=np.nan):
    image = image.copy()
    image[:, first:] = value
    return image


STAR = star_image()
SPECKS = np.random.default_rng(3).random((64, 64)) < 0.2
ODD = {
    "ordinary": STAR,
    "nan in places": np.where(SPECKS, np.nan, STAR),
    "all negative": STAR - 1e5,
    "huge pedestal": STAR + 1e9,
    "tiny units": STAR * 1e-20,
    "huge units": STAR * 1e20,
    "no noise": star_image(noise=0.0),
    "one pixel": np.where(GRID.radius() < 0.08, 1.0, 0.0),
    "saturated core masked": with_hole(STAR, 4),
    "saturated core flat": np.minimum(STAR, 20.0),
    "half blank": with_blank(STAR, 32),
    "noise": star_image(flux=0.0),
    "gradient": STAR + 3 * np.arange(64),
    "infinite pixels": with_hole(STAR, 1, np.inf),
    "very bright": star_image(flux=1e12),
    "integers": np.round(STAR).astype(np.int16),
    "minus infinity at the edge": with_blank(STAR, 60, -np.inf),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_images_become_finite_channels(name):
    for others in ((), (star_image(seed=8),), (np.full((64, 64), np.nan),)):
        prepared = prepare(make_cube(ODD[name], *others))
        assert prepared.signal.dtype == np.float32
        assert np.isfinite(prepared.signal).all()
        assert not prepared.signal[~prepared.valid].any()
        made = channels(prepared)
        assert made.shape == (3, 64, 64)
        assert torch.isfinite(made).all()
        assert made.min() >= -1
        assert made.max() <= 2


@pytest.mark.parametrize(
    "image",
    [np.full((64, 64), np.nan), np.ones((64, 64)), np.zeros((64, 64)),
     with_hole(STAR, 25), np.full((64, 64), np.inf)],
)  # fmt: skip
def test_nothing_to_classify_is_told(image):
    with pytest.raises(NoDataError, match=r"no usable data|constant"):
        prepare(make_cube(image, image))


def test_one_good_band_is_enough():
    alone = prepare(make_cube(STAR))
    for empty in (np.full((64, 64), np.nan), np.full((64, 64), 7.0)):
        together = prepare(make_cube(STAR, empty))
        np.testing.assert_allclose(together.signal, alone.signal, rtol=1e-5)


def test_the_signal_is_in_units_of_the_noise():
    noise = star_image(flux=0.0, noise=17.0, seed=4) + 300
    signal = prepare(make_cube(noise)).signal
    assert signal.std() == pytest.approx(1, abs=0.05)
    assert np.median(signal) == pytest.approx(0, abs=0.1)
    # Two bands add as a matched filter does: by the square root of two.
    images = [star_image(seed=seed) for seed in range(4)]
    peaks = [prepare(make_cube(*images[:n])).peak for n in (1, 4)]
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=0.15)


@given(
    gains=st.tuples(*2 * [st.floats(-8, 8).map(lambda power: 10**power)]),
    pedestals=st.tuples(*2 * [st.floats(-1e3, 1e3)]),
)
def test_gain_and_pedestal_of_every_band_do_not_matter(gains, pedestals):
    images = (star_image(second=1000), star_image(second=1000, seed=2))
    scaled = [
        gain * (image + pedestal)
        for image, gain, pedestal in zip(images, gains, pedestals, strict=True)
    ]
    one, two = prepare(make_cube(*images)), prepare(make_cube(*scaled))
    np.testing.assert_allclose(one.signal, two.signal, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(one.valid, two.valid)
    assert (one.flags, one.peak) == (two.flags, pytest.approx(two.peak, rel=1e-4))


def test_the_order_of_bands_does_not_matter():
    images = [star_image(seed=seed, flux=500 * seed) for seed in range(1, 4)]
    one, two = prepare(make_cube(*images)), prepare(make_cube(*images[::-1]))
    np.testing.assert_allclose(one.signal, two.signal, rtol=1e-5, atol=1e-5)


def test_a_noisy_band_counts_little():
    clean, noisy = star_image(), star_image(noise=300.0, seed=9)
    alone, both = prepare(make_cube(clean)), prepare(make_cube(clean, noisy))
    assert both.peak == pytest.approx(alone.peak, rel=0.1)


# ----------------------------------------------------------------------- flags
@pytest.mark.parametrize(
    ("image", "flags"),
    [
        (STAR, Flag.NONE),
        (star_image(flux=0.0), Flag.LOW_SIGNAL),
        (with_hole(STAR, 3), Flag.CORE_MASKED),
        (with_blank(STAR, 50), Flag.PARTIAL),
        (with_blank(STAR, 62), Flag.NONE),
        (with_hole(star_image(flux=0.0), 3), Flag.LOW_SIGNAL),
    ],
)  # fmt: skip
def test_flags_say_what_was_noticed(image, flags):
    assert prepare(make_cube(image)).flags == flags


def test_an_assumed_target_is_flagged():
    prepared = prepare(make_cube(STAR, target_assumed=True))
    assert prepared.flags == Flag.TARGET_ASSUMED


# -------------------------------------------------------------------- channels
def test_channels_are_those_asked_for_in_their_order():
    prepared = prepare(make_cube(with_blank(STAR, 55)))
    every = channels(prepared)
    for number, name in enumerate(CHANNELS):
        own = channels(prepared, Preprocessing(channels=(name,)))
        torch.testing.assert_close(own[0], every[number])
    mirrored = channels(prepared, Preprocessing(channels=CHANNELS[::-1]))
    torch.testing.assert_close(mirrored, every.flip(0))
    np.testing.assert_array_equal(every[2].numpy() > 0.5, prepared.valid)


def test_the_linear_channel_is_one_at_the_peak_and_not_set_by_a_hot_pixel():
    linear = channels(prepare(make_cube(star_image(noise=0.1))))[0]
    assert 1 <= linear[CIRCLE].max() < 1.3
    hot = star_image(noise=0.1)
    hot[20, 20] += 1e6
    spoilt = channels(prepare(make_cube(hot)))[0]
    assert spoilt[31:33, 31:33].mean() == pytest.approx(1, abs=0.2)


def test_a_batch_is_made_one_by_one():
    images = [prepare(make_cube(star_image(flux=f))) for f in (0.0, 100.0, 1e5)]
    signal = torch.from_numpy(np.stack([image.signal for image in images]))
    valid = torch.from_numpy(np.stack([image.valid for image in images]))
    batch = Preprocessing().channels_of(signal, valid, CIRCLE)
    for made, image in zip(batch, images, strict=True):
        torch.testing.assert_close(made, channels(image))


@pytest.mark.parametrize("names", [("linear", "colour"), ()])
def test_unknown_channels_name_the_known_ones(names):
    with pytest.raises(WeightsError, match=r"known: linear, asinh, valid"):
        Preprocessing(channels=names)


@pytest.mark.parametrize("survey", ["SDSS9", "HSCLA"])
def test_simulated_stacks_of_every_kind_are_prepared(survey):
    for seed in range(12):
        made = simulate_stack(survey, np.random.default_rng(seed), target=TARGET)
        grid = SkyGrid(TARGET, 0.1 * u.arcsec, (64, 64))
        try:
            prepared = prepare(made.stack.align(grid))
        except NoDataError:
            continue
        assert torch.isfinite(channels(prepared)).all()
