import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.classification import Preprocessing, prepare
from astro_vbinary.classification.preprocessing import (
    BAND_CHANNELS,
    CHANNELS,
    prepare_batch,
)
from astro_vbinary.classification.tests.helpers_stacks import (
    GRID,
    TARGET,
    make_cube,
    star_image,
)
from astro_vbinary.exceptions import NoDataError, WeightsError
from astro_vbinary.simulation import align_batch, simulate_batch, simulate_stack
from astro_vbinary.simulation.simulate import stacks_of
from astro_vbinary.stamps import SkyGrid
from astro_vbinary.status import Flag

CIRCLE = torch.as_tensor(GRID.radius() <= 2.5)
SCALE = GRID.pixel_scale.value


def channels(prepared, preprocessing=Preprocessing()):
    signal = torch.from_numpy(prepared.signal)[None]
    valid = torch.from_numpy(prepared.valid)[None]
    return preprocessing.channels_of(signal, valid, SCALE)[0]


def band_channels(prepared, preprocessing=Preprocessing()):
    return preprocessing.band_channels_of(torch.from_numpy(prepared.bands), SCALE)


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
    "mirrored in sign": -STAR,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_images_become_finite_channels(name):
    for others in ((), (star_image(seed=8),), (np.full((64, 64), np.nan),)):
        prepared = prepare(make_cube(ODD[name], *others))
        assert prepared.signal.dtype == prepared.bands.dtype == np.float32
        assert np.isfinite(prepared.signal).all()
        assert np.isfinite(prepared.bands).all()
        assert not prepared.signal[~prepared.valid].any()
        made = channels(prepared)
        assert made.shape == (len(CHANNELS), 64, 64)
        every = band_channels(prepared)
        assert every.shape == (len(prepared.bands), len(BAND_CHANNELS), 64, 64)
        for tensor in (made, every):
            assert torch.isfinite(tensor).all()
            assert tensor.min() >= -1
            assert tensor.max() <= 2


@pytest.mark.parametrize(
    "image",
    [np.full((64, 64), np.nan), np.ones((64, 64)), np.zeros((64, 64)),
     with_hole(STAR, 25), np.full((64, 64), np.inf)],
)  # fmt: skip
def test_nothing_to_classify_is_told(image):
    with pytest.raises(NoDataError, match=r"no usable data|constant"):
        prepare(make_cube(image, image))


@pytest.mark.parametrize("empty", [np.nan, 7.0, 0.0])
def test_bands_without_contrast_are_left_out(empty):
    alone = prepare(make_cube(STAR))
    together = prepare(make_cube(STAR, np.full((64, 64), empty)))
    assert len(together.bands) == len(alone.bands) == 1
    np.testing.assert_allclose(together.signal, alone.signal, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(together.bands, alone.bands)


def test_the_signal_is_in_units_of_the_noise():
    made = [
        prepare(make_cube(star_image(flux=0.0, noise=17.0, seed=seed) + 300))
        for seed in range(12)
    ]
    for name in ("signal", "bands"):
        images = [getattr(prepared, name) for prepared in made]
        # One scatter from 700 pixels is good to 4 %.
        assert np.mean([i.std() for i in images]) == pytest.approx(1, abs=0.04)
        assert np.median(images) == pytest.approx(0, abs=0.04)
    # Two bands add as a matched filter does: by the square root of two.
    images = [star_image(seed=seed) for seed in range(4)]
    peaks = [prepare(make_cube(*images[:n])).peak for n in (1, 4)]
    assert peaks[1] / peaks[0] == pytest.approx(2, rel=0.15)


def test_a_bright_star_s_wings_do_not_count_as_noise():
    peaks = [prepare(make_cube(star_image(flux=f))).peak for f in (1e3, 1e5)]
    # The background of a star a hundred times brighter is hardly less quiet: its
    # wings raise level and scatter, but by far less than a hundred times.
    assert 40 < peaks[1] / peaks[0] < 130


@settings(max_examples=40)
@given(
    gains=st.tuples(*2 * [st.floats(-8, 8).map(lambda power: 10**power)]),
    pedestals=st.tuples(*2 * [st.floats(-1e6, 1e6)]),
)
def test_gain_and_pedestal_of_every_band_do_not_matter(gains, pedestals):
    images = (star_image(second=1000), star_image(second=1000, seed=2))
    scaled = [
        gain * (image + pedestal)
        for image, gain, pedestal in zip(images, gains, pedestals, strict=True)
    ]
    one, two = prepare(make_cube(*images)), prepare(make_cube(*scaled))
    np.testing.assert_allclose(one.signal, two.signal, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.bands, two.bands, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(one.valid, two.valid)
    assert (one.flags, one.peak) == (two.flags, pytest.approx(two.peak, rel=1e-3))


def test_the_order_of_bands_does_not_matter():
    images = [star_image(seed=seed, flux=500 * seed) for seed in range(1, 4)]
    one, two = prepare(make_cube(*images)), prepare(make_cube(*images[::-1]))
    np.testing.assert_allclose(one.signal, two.signal, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(one.bands, two.bands[::-1])


def test_a_noisy_band_counts_little():
    clean, noisy = star_image(), star_image(noise=300.0, seed=9)
    alone, both = prepare(make_cube(clean)), prepare(make_cube(clean, noisy))
    assert both.peak == pytest.approx(alone.peak, rel=0.1)
    assert len(both.bands) == 2


# ---------------------------------------------------------------------- batches
def as_batch(cubes):
    """The bands of many stacks, as tensors."""
    data = np.concatenate([np.where(c.mask, 0, c.data) for c in cubes])
    mask = np.concatenate([c.mask for c in cubes])
    owner = np.repeat(np.arange(len(cubes)), [len(c.data) for c in cubes])
    tensors = data.astype(np.float32), mask, owner
    return [torch.from_numpy(np.ascontiguousarray(t)) for t in tensors]


def test_a_stack_does_not_depend_on_what_it_is_prepared_with():
    names = [name for name in ODD if name not in ("huge pedestal", "all negative")]
    cubes = [make_cube(ODD[name], star_image(seed=7)) for name in names]
    cubes.insert(3, make_cube(np.ones((64, 64))))
    made = prepare_batch(*as_batch(cubes), len(cubes), SCALE)
    assert made.usable.tolist() == [number != 3 for number in range(len(cubes))]
    assert not (made.owner == 3).any()
    for number, cube in enumerate(cubes):
        if number == 3:
            continue
        one = prepare(cube)
        np.testing.assert_allclose(
            made.signal[number], one.signal, rtol=2e-3, atol=2e-3
        )
        np.testing.assert_array_equal(made.valid[number], one.valid)
        np.testing.assert_allclose(
            made.bands[made.owner == number], one.bands, rtol=2e-3, atol=2e-3
        )


@pytest.mark.parametrize(("survey", "hips"), [("Pan-STARRS", 0), ("SDSS9", 1)])
def test_simulated_batches_are_prepared_as_stamps_from_files_are(survey, hips):
    count, side = 10, 64
    kinds = ["pair", "single", "saturated", "edge", "galaxy"] * 2
    batch = simulate_batch(
        survey, count, np.random.default_rng(2), kinds=kinds, hips_share=hips
    )
    aligned = align_batch(batch, SCALE, side)
    made = prepare_batch(aligned.data, aligned.mask, aligned.owner, count, SCALE)
    compared = 0
    for number, simulated in enumerate(stacks_of(batch, list("abcdefghij"))):
        stack = simulated.stack
        cube = stack.align(SkyGrid(stack.target, SCALE * u.arcsec, (side, side)))
        same = np.array_equal(cube.mask, aligned.mask[aligned.owner == number])
        if not same or not made.usable[number]:
            # Zeros that a server has mixed with data: by a pixel around them.
            assert hips or not made.usable[number]
            continue
        one = prepare(cube)
        np.testing.assert_array_equal(made.valid[number], one.valid)
        own = made.bands[made.owner == number]
        scale = np.abs(one.bands).max(axis=(1, 2), keepdims=True)
        assert (np.abs(own.numpy() - one.bands) / scale).max() < 2e-3
        peak = np.abs(one.signal).max()
        assert np.abs(made.signal[number].numpy() - one.signal).max() < 2e-3 * peak
        compared += 1
    assert compared >= 7


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
    prepared = prepare(make_cube(with_blank(STAR, 55), star_image(seed=2)))
    every = channels(prepared)
    for number, name in enumerate(CHANNELS):
        own = channels(prepared, Preprocessing(channels=(name,)))
        torch.testing.assert_close(own[0], every[number])
    mirrored = channels(prepared, Preprocessing(channels=CHANNELS[::-1]))
    torch.testing.assert_close(mirrored, every.flip(0))
    valid = every[CHANNELS.index("valid")]
    np.testing.assert_array_equal(valid.numpy() > 0.5, prepared.valid)
    radius = every[CHANNELS.index("radius")].numpy()
    np.testing.assert_allclose(
        radius, np.minimum(GRID.radius() / 2.5, 2), rtol=1e-5, atol=1e-6
    )
    each = band_channels(prepared)
    for number, name in enumerate(BAND_CHANNELS):
        own = band_channels(prepared, Preprocessing(band_channels=(name,)))
        torch.testing.assert_close(own[:, 0], each[:, number])


def test_the_asinh_is_odd_and_stretches_as_it_says():
    process = Preprocessing(channels=("asinh",))
    signal = torch.tensor([[-7.0, -0.1, 0.0, 0.1, 7.0, 300.0]]).reshape(1, 2, 3)
    made = process.channels_of(signal, signal > -100, SCALE)[0, 0]
    wanted = np.arcsinh(signal[0].numpy() / 2) / 6
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-7)


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
    batch = Preprocessing().channels_of(signal, valid, SCALE)
    for made, image in zip(batch, images, strict=True):
        torch.testing.assert_close(made, channels(image))


def test_unknown_channels_name_the_known_ones():
    for names in (("linear", "colour"), ()):
        with pytest.raises(WeightsError, match=r"known: linear, asinh, valid, radius"):
            Preprocessing(channels=names)
    with pytest.raises(WeightsError, match=r"\['valid'\]; known: linear, asinh"):
        Preprocessing(band_channels=("linear", "valid"))
    assert Preprocessing(band_channels=()).band_channels == ()


@pytest.mark.parametrize("survey", ["SDSS9", "HSCLA"])
def test_simulated_stacks_of_every_kind_are_prepared(survey):
    made = 0
    for seed in range(12):
        stack = simulate_stack(survey, np.random.default_rng(seed), target=TARGET).stack
        try:
            prepared = prepare(stack.align(GRID))
        except NoDataError:
            continue
        assert torch.isfinite(channels(prepared)).all()
        assert torch.isfinite(band_channels(prepared)).all()
        made += 1
    assert made >= 9
