"""The noise is as strong, and as correlated, as it is said to be."""

import numpy as np
import pytest

from astro_vbinary.simulation import SIMULATED_SURVEYS
from astro_vbinary.simulation.instruments import INSTRUMENTS, draw_correlation
from astro_vbinary.simulation.noise import draw_noise, kernel_width


def correlation(images, dy, dx):
    """Between pixels that far apart; the images are periodic."""
    moved = np.roll(images, (dy, dx), (1, 2))
    return (images * moved).mean() / (images**2).mean()


@pytest.mark.parametrize("wanted", [0.0, 0.05, 0.2, 0.5, 0.8])
def test_noise_has_unit_variance_and_the_correlation_asked_for(wanted):
    width = kernel_width(wanted)
    noise = draw_noise(np.full(40, width), 48, np.random.default_rng(1))
    assert noise.dtype == np.float32
    # 92,000 pixels, of which the kernel ties 4 pi s^2 together.
    spread = np.sqrt(max(4 * np.pi * width**2, 1) / noise.size)
    assert noise.var() == pytest.approx(1, abs=4 * np.sqrt(2) * spread)
    assert noise.mean() == pytest.approx(0, abs=4 * spread)
    for dy, dx in ((0, 1), (1, 0)):
        assert correlation(noise, dy, dx) == pytest.approx(wanted, abs=5 * spread)
    # A product of both axes, and for wide kernels a Gaussian of the distance.
    assert correlation(noise, 1, 1) == pytest.approx(wanted**2, abs=5 * spread)
    if wanted > 0.5:
        assert correlation(noise, 0, 2) == pytest.approx(wanted**4, abs=0.03)


def test_images_of_one_call_are_independent():
    noise = draw_noise(np.array([0.0, 1.0, 1.0]), 64, np.random.default_rng(2))
    for one, two in ((0, 1), (1, 2)):
        assert abs((noise[one] * noise[two]).mean()) < 0.1


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_the_drawn_correlation_is_in_the_survey_s_range(survey):
    rng = np.random.default_rng(3)
    widths = np.array([draw_correlation(survey, rng) for _ in range(400)])
    entry = INSTRUMENTS[survey]
    spread = np.sqrt(entry.white * (1 - entry.white) / 400)
    assert (widths == 0).mean() == pytest.approx(entry.white, abs=4 * spread + 1e-9)
    low, high = (kernel_width(value) for value in entry.correlation)
    drawn = widths[widths > 0]
    assert low <= drawn.min() < drawn.max() <= high
    assert drawn.max() - drawn.min() > 0.9 * (high - low)
