"""Stars in batch against the PSFs that they are drawn with."""

import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.psf import space_psf
from astro_vbinary.simulation.rendering import psf_columns
from astro_vbinary.simulation.stars import (
    PHASES,
    noise_norm,
    render_broad,
    space_bank,
)
from astro_vbinary.simulation.tests.helpers_sky import (
    ground_psfs,
    make_exposure,
    windowed_centroid,
)

SCALE, SIDE = 0.25, 41
BAND = "HST", "F814W", 0.05


def draw(x, y, flux, *, side=SIDE, lean=(0.0, 0.0), **psf):
    """One star by `render_broad`, on one image."""
    exposure = make_exposure(**psf)
    exposure.extra["lean"] = np.array(lean)
    images = torch.zeros((1, side, side))
    one = np.zeros(1, dtype=np.int64)
    render_broad(
        images, one, np.array([x]), np.array([y]), np.array([flux]),
        psf_columns([exposure]), np.array([SCALE]),
    )  # fmt: skip
    return images[0].double().numpy()


places = st.floats(15, 25)
shapes = st.floats(-0.2, 0.2)


@settings(max_examples=40)
@given(
    x=places,
    y=places,
    fwhm=st.floats(0.6, 2.5),
    beta=st.floats(2.2, 8),
    e1=shapes,
    e2=shapes,
    halo=st.floats(0, 0.4),
)
def test_broad_stars_are_those_of_their_psf(x, y, fwhm, beta, e1, e2, halo):
    shape = {"fwhm": fwhm, "beta": beta, "e1": e1, "e2": e2, "halo": halo}
    shape["halo_fwhm"] = 2 * fwhm
    image = draw(x, y, 1000.0, **shape)
    psf = ground_psfs(**shape).psf(0)
    wanted = 1000 * psf.image((SIDE, SIDE), SCALE * u.arcsec, position=(x, y))
    # Two nodes an axis, and one for the halo: good to a per cent of the peak where a
    # pixel is 0.4 of the FWHM, and far better for the broader ones.
    coarse = (SCALE / fwhm) ** 2
    assert np.abs(image - wanted).max() < 0.06 * coarse * wanted.max() + 1e-3
    # What one pixel has too much another lacks.
    assert image.sum() == pytest.approx(wanted.sum(), rel=3e-3)


@settings(max_examples=40)
@given(x=places, y=places, flux=st.floats(1e-3, 1e6))
def test_broad_stars_stand_where_they_are_asked_to(x, y, flux):
    image = draw(x, y, flux, e1=0.1, e2=-0.05)
    found = windowed_centroid(image, (round(x), round(y)), 2.0)
    assert found == pytest.approx((x, y), abs=0.002)
    # Of a Moffat profile of slope 4 all but a thousandth is on the image.
    assert image.sum() == pytest.approx(flux, rel=3e-3)


def test_a_halo_leans_by_what_was_drawn():
    alone = {"halo": 0.9999, "halo_fwhm": 1.5, "halo_beta": 4.0}
    image = draw(20.0, 20.0, 1.0, lean=(1.5, -0.7), **alone)
    assert windowed_centroid(image, (20, 20), 3.0) == pytest.approx(
        (21.5, 19.3), abs=0.01
    )


def test_stars_add_up_whatever_image_and_chunk_they_are_in():
    rng = np.random.default_rng(1)
    count, frames = 130, 3
    exposures = [make_exposure(fwhm=w) for w in (0.9, 1.2, 2.0)]
    frame = rng.integers(0, frames, count)
    x, y = rng.uniform(-3, SIDE + 3, (2, count))
    flux = rng.uniform(1, 100, count)
    images = torch.zeros((frames, SIDE, SIDE))
    psf, scale = psf_columns(exposures), np.full(frames, SCALE)
    render_broad(images, frame, x, y, flux, psf, scale)
    for number, width in enumerate((0.9, 1.2, 2.0)):
        own = np.flatnonzero(frame == number)
        wanted = sum(draw(x[i], y[i], flux[i], fwhm=width) for i in own)
        np.testing.assert_allclose(images[number], wanted, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------ space
@pytest.mark.parametrize("phase", [(0, 0), (3, 1)])
def test_sharp_stars_are_those_of_their_psf(phase):
    bank, psf = space_bank(*BAND, 7), space_psf(BAND[0], BAND[1], 7)
    x, y = 40 + phase[0] / PHASES, 44 + phase[1] / PHASES
    image = torch.zeros((83, 83))
    bank.add(image, x, y, 500.0)
    wanted = 500 * psf.image((83, 83), BAND[2] * u.arcsec, position=(x, y))
    # The PSF is sampled at the same places, and kept in half precision.
    assert np.abs(image.numpy() - wanted).max() < 2e-3 * wanted.max()
    assert float(image.sum()) == pytest.approx(wanted.sum(), rel=2e-3)


@given(x=st.floats(30, 50), y=st.floats(30, 50))
@settings(max_examples=25)
def test_sharp_stars_stand_where_they_are(x, y):
    bank, psf = space_bank(*BAND, 7), space_psf(BAND[0], BAND[1], 7)
    image = torch.zeros((81, 81))
    bank.add(image, x, y, 1.0)
    scale = BAND[2] * u.arcsec
    true, aside = (
        psf.image((81, 81), scale, position=(x + shift, y)) for shift in (0.0, 0.02)
    )
    off = np.abs(image.numpy() - true)
    assert off.max() < 4e-3 * true.max()
    # A star a fiftieth of a pixel aside is another one.
    assert np.square(off).sum() < 0.3 * np.square(aside - true).sum()


def test_sharp_stars_off_the_image_leave_it_alone_or_show_their_wings():
    bank = space_bank(*BAND, 7)
    reach = bank.phases.shape[-1] // 2
    image = torch.zeros((20, 20))
    for x in (-reach - 2.0, 20.0 + reach + 2.0):
        bank.add(image, x, 10.0, 1.0)
    assert not image.any()
    bank.add(image, -3.0, 10.0, 1.0)
    whole = torch.zeros((20, 40))
    bank.add(whole, 17.0, 10.0, 1.0)
    torch.testing.assert_close(image[:, :17], whole[:, 20:37])


def test_another_seed_is_another_psf():
    one, two = (space_bank(*BAND, seed) for seed in (7, 1007))
    assert not torch.allclose(one.phases.float(), two.phases.float(), atol=0.01)
    assert space_bank(*BAND, 7) is one is space_bank(*BAND, 7, "cpu")


# -------------------------------------------------------------- signal to noise
@settings(max_examples=20)
@given(fwhm=st.floats(0.8, 2.5), beta=st.floats(2.5, 8))
def test_a_star_of_unit_norm_has_a_signal_to_noise_ratio_of_one(fwhm, beta):
    norm = noise_norm(fwhm, beta, 0.0, SCALE)
    image = draw(20.0, 20.0, float(norm), fwhm=fwhm, beta=beta)
    # Of a matched filter on white noise of unit scatter.
    assert np.sqrt((image**2).sum()) == pytest.approx(1, rel=0.03)


def test_a_sharp_star_of_unit_norm_has_a_signal_to_noise_ratio_of_one():
    bank, image = space_bank(*BAND, 7), torch.zeros((141, 141))
    bank.add(image, 70.0, 70.0, bank.norm)
    assert float((image**2).sum().sqrt()) == pytest.approx(1, rel=2e-3)
