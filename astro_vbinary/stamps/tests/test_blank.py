import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.stamps.blank import SMALLEST_PATCH, find_blank, find_hot
from astro_vbinary.stamps.light import LightStamp
from astro_vbinary.stamps.light_screening import find_bad


def noise(shape=(20, 20)):
    return np.random.default_rng(1).normal(size=shape)


def test_noise_has_no_blank_pixels():
    assert not find_blank(noise()).any()


@given(
    y=st.integers(0, 17),
    x=st.integers(0, 17),
    ny=st.integers(1, 3),
    nx=st.integers(1, 3),
)
def test_a_patch_is_blank_from_nine_pixels_on(y, x, ny, nx):
    image = noise()
    image[y : y + ny, x : x + nx] = 0
    blank = find_blank(image)
    if ny * nx >= SMALLEST_PATCH:
        np.testing.assert_array_equal(blank, image == 0)
    else:
        assert not blank.any()


def test_scattered_zeros_are_measurements():
    image = noise()
    image[::2, ::2] = 0
    assert not find_blank(image).any()


def test_edges_and_cores_are_found_together():
    image = noise()
    image[:, 15:] = 0
    image[8:12, 8:12] = -0.0
    np.testing.assert_array_equal(find_blank(image), image == 0)


@pytest.mark.parametrize("kind", [np.int16, np.uint8, ">i4"])
def test_zero_counts_of_integers_are_counts(kind):
    image = np.abs(noise() * 3).astype(kind)
    image[:5, :5] = 0
    assert not find_blank(image).any()
    image[:, :15] = 0
    assert find_blank(image)[:, :15].all()


@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("fill", [-np.finfo(np.float32).max, 3e38])
def test_the_least_number_is_no_measurement(share, fill):
    image = noise()
    image[5, 5] = 900.0
    lines = int(share * len(image))
    image[-lines:] = fill
    wanted = np.zeros(image.shape, dtype=bool)
    wanted[-lines:] = True
    np.testing.assert_array_equal(find_blank(image), wanted)
    # What is there is judged as if it were alone.
    assert np.argwhere(find_hot(image)).tolist() == [[5, 5]]
    stamp = LightStamp(image.astype(np.float32))
    find_bad([stamp])
    wanted[5, 5] = True
    np.testing.assert_array_equal(stamp.bad, wanted)


def test_nan_is_not_blank_but_bad_elsewhere():
    assert not find_blank(np.full((5, 5), np.nan)).any()
    assert find_blank(np.zeros((5, 5))).all()


def test_a_single_pixel_is_hot_and_a_star_is_not():
    image = noise((41, 41))
    y, x = np.mgrid[:41, :41]
    for fwhm in (1.0, 2.0, 8.0):
        # Centred on a pixel, and integrated over it, as the sharpest star is.
        sigma = fwhm / 2.3548
        fine = (np.arange(9) - 4) / 9
        star = sum(
            np.exp(-0.5 * ((x - 20 + a) ** 2 + (y - 20 + b) ** 2) / sigma**2)
            for a in fine
            for b in fine
        )
        assert not find_hot(image + 1e5 * star / star.max()).any()
    image[5, 7] = 1e4
    assert np.argwhere(find_hot(image)).tolist() == [[5, 7]]


def test_a_code_for_saturated_pixels_is_hot():
    image = noise()
    image[8:11, 8:10] = 300
    assert not find_hot(image).any()
    image[9:11, 8:10] = 2e6
    assert np.argwhere(find_hot(image)).tolist() == [[9, 8], [9, 9], [10, 8], [10, 9]]


def test_nothing_is_hot_without_noise_or_data():
    image = np.zeros((9, 9))
    image[4, 4] = 1e6
    assert not find_hot(image).any()
    assert not find_hot(np.full((9, 9), np.nan)).any()
