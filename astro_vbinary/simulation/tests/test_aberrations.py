"""Tests of coma and trefoil of PSFs from the ground."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.simulation import simulate_stack
from astro_vbinary.simulation.aberrations import (
    LARGEST,
    cubic_forms,
    distort,
    draw_aberrations,
)
from astro_vbinary.simulation.starshape import azimuthal_orders, measure_star

FWHM = 4.0

components = st.floats(-0.4, 0.4)


def moffat(side=61, beta=3.5):
    axis = torch.arange(side, dtype=torch.float32) - side // 2
    core2 = FWHM**2 / (4 * (2 ** (1 / beta) - 1))
    squared = axis[None, :] ** 2 + axis[:, None] ** 2
    return (1 + squared / core2) ** -beta, axis


def distorted(coma, trefoil):
    image, axis = moffat()
    made = image.clone()[None]
    form = cubic_forms(np.array([coma]), np.array([trefoil]))
    steps = axis[None] / FWHM
    distort(made, steps, steps, torch.tensor(form, dtype=torch.float32))
    return image.numpy().astype(float), made[0].numpy().astype(float)


@given(a=components, b=components, c=components, d=components)
def test_light_is_moved_and_neither_made_nor_negative(a, b, c, d):
    image, made = distorted((a, b), (c, d))
    assert made.sum() == pytest.approx(image.sum(), rel=1e-5)
    if np.hypot(a, b) + np.hypot(c, d) <= LARGEST:
        assert made.min() >= 0
    assert made[30, 30] == image[30, 30]


@given(size=st.floats(0.05, 0.4), angle=st.floats(0, 2 * np.pi))
def test_coma_moves_light_to_one_side(size, angle):
    image, made = distorted((size * np.cos(angle), size * np.sin(angle)), (0, 0))
    y, x = np.indices(image.shape) - 30
    shift = np.array([(made * x).sum(), (made * y).sum()])
    direction = np.array([np.cos(angle), np.sin(angle)])
    assert shift @ direction / np.linalg.norm(shift) > 0.9999


@given(size=st.floats(0.1, 0.4), angle=st.floats(0, 2 * np.pi))
def test_trefoil_looks_the_same_after_a_third_of_a_turn(size, angle):
    y, x = np.indices((61, 61)) - 30
    image, made = distorted((0, 0), (size * np.cos(angle), size * np.sin(angle)))
    around = np.arctan2(y, x)
    moved = made - image
    waves = [abs((moved * np.exp(1j * order * around)).sum()) for order in (1, 2, 3)]
    assert waves[2] > 100 * max(waves[:2])


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_no_form_is_larger_than_the_largest(seed):
    forms = draw_aberrations([0, 0, 1, 1, 1], 2, np.random.default_rng(seed))
    angle = np.linspace(0, 2 * np.pi, 200)
    c, s = np.cos(angle), np.sin(angle)
    waves = forms @ np.stack([c**3, c**2 * s, c * s**2, s**3])
    assert np.abs(waves).max() <= LARGEST + 1e-9


def test_bands_of_a_stack_have_half_of_it_alike():
    stacks = [number for number in range(3000) for _ in range(2)]
    forms = draw_aberrations(stacks, 3000, np.random.default_rng(1))
    one, other = forms[::2, 0], forms[1::2, 0]
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.5, abs=0.08)
    assert abs(np.corrcoef(forms[:-2:2, 0], forms[2::2, 0])[0, 1]) < 0.08


def test_bright_simulated_stars_have_the_waves_of_real_ones():
    """Medians of coma and trefoil of 76 bright images of SDSS: 0.007 and 0.006."""
    found = []
    for number in range(60):
        rng = np.random.default_rng([5, number])
        made = simulate_stack("SDSS9", rng, kind="single", source="a", hips_share=0)
        for stamp in made.stack:
            star = measure_star(stamp.data, stamp.target_pixel(), bad=stamp.bad)
            if star is not None and star.peak > 150 * star.noise:
                found.append(azimuthal_orders(stamp.data, star, bad=stamp.bad))
    coma, _, trefoil = np.nanmedian(found, axis=0)
    assert 0.003 < coma < 0.009
    assert 0.004 < trefoil < 0.009
