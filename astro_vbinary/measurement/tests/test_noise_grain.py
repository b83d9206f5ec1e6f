"""Noise that neighbouring pixels share: found, and as much as it matters to a star."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from astro_vbinary.measurement.noise_grain import noise_grain

SIDE, SCALE, FWHM = 61, 0.25, 1.1


def smoothed(rng, width, shape=(SIDE, SIDE)):
    """Noise of unit scatter, smoothed by a Gaussian of so many pixels."""
    noise = rng.normal(size=(*shape[:-2], shape[-2] + 24, shape[-1] + 24))
    axes = (-2, -1)
    if width:
        noise = ndimage.gaussian_filter(noise, width, axes=axes, mode="wrap")
    noise = noise[..., 12:-12, 12:-12]
    return noise / noise.std()


def grain(image, sigma=1.0):
    weight = np.full(image.shape, sigma**-2)
    return noise_grain(image, weight, (30, 30), SCALE, FWHM / SCALE)


@pytest.mark.parametrize("width", [0.5, 0.7, 1.0])
def test_it_is_the_variance_of_a_flux(width):
    """Against the scatter of the flux that a matched filter finds."""
    rng = np.random.default_rng(int(100 * width))
    y, x = np.indices((SIDE, SIDE)) - 30
    star = np.exp(-(x**2 + y**2) / (2 * (FWHM / SCALE / 2.3548) ** 2))
    fluxes = (smoothed(rng, width, (2000, SIDE, SIDE)) * star).sum((1, 2))
    true = fluxes.var() / (star**2).sum()
    found = [grain(smoothed(rng, width)) for _ in range(20)]
    assert true > 1.5
    assert np.mean(found) == pytest.approx(true, rel=0.12)


def test_white_noise_has_none():
    rng = np.random.default_rng(1)
    found = [grain(smoothed(rng, 0)) for _ in range(100)]
    # In one of some forty, chance looks like a correlation of two deviations.
    assert np.mean(np.array(found) > 1) < 0.1
    assert max(found) < 1.4


@given(st.floats(1e-3, 1e3), st.floats(-100, 100), st.floats(0, 0.5))
def test_neither_units_nor_slopes_nor_stars_matter(unit, level, slope):
    rng = np.random.default_rng(3)
    noise = smoothed(rng, 0.7)
    plain = grain(noise)
    image = noise + level + slope * np.linspace(-1, 1, SIDE)
    image[5:8, 40:43] += 500
    assert grain(image * unit, unit) == pytest.approx(plain, rel=0.1)


def test_too_few_pixels_tell_nothing():
    image = smoothed(np.random.default_rng(4), 0.7)
    weight = np.zeros_like(image)
    weight[:13, :13] = 1
    assert noise_grain(image, weight, (30, 30), SCALE, FWHM / SCALE) == 1
    blank = np.zeros((SIDE, SIDE))
    assert noise_grain(blank, blank + 1, (30, 30), 1, 1) == 1
