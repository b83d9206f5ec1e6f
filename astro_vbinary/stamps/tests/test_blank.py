import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.stamps.blank import SMALLEST_PATCH, find_blank


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


def test_nan_is_not_blank_but_bad_elsewhere():
    assert not find_blank(np.full((5, 5), np.nan)).any()
    assert find_blank(np.zeros((5, 5))).all()
