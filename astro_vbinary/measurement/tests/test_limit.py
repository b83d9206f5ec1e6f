import astropy.units as u
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from astro_vbinary.measurement import (
    PixelBatch,
    PSFUncertainty,
    clairvoyant_bound,
    contrast_curve,
    detectability,
    pair_flux,
    point_source_snr,
    required_d_prime,
    small_separation_d_prime,
    wide_d_prime,
)
from astro_vbinary.measurement.tests.helpers_pairs import rotated
from astro_vbinary.psf import MoffatPSF

#: A Moffat profile of so steep wings is a Gaussian.
GAUSSIAN = MoffatPSF(1.0 * u.arcsec, beta=300)


def sky(psfs, cds, n=1, side=61):
    blank = np.zeros((n, len(psfs), side, side))
    return PixelBatch.from_arrays(blank, 1.0, psfs, cds, [side // 2, side // 2])


def one(batch, separation, snr, ratio, **options):
    flux = pair_flux(batch, snr, ratio)
    apart, angle = [separation] * u.arcsec, [33] * u.deg
    return float(detectability(batch, apart, angle, flux, **options)[0])


@pytest.mark.parametrize("ratio", [1.0, 0.3])
@pytest.mark.parametrize("separation", [0.05, 0.1, 0.2])
def test_close_pair_on_the_sky(separation, ratio):
    batch = sky([GAUSSIAN], rotated(0.1, 0))
    wanted = small_separation_d_prime(100, ratio, separation, 1.0)
    assert one(batch, separation, 100, ratio) == pytest.approx(wanted, rel=0.06)


@pytest.mark.parametrize("separation", [0.05, 0.1])
def test_close_pair_under_its_own_photon_noise(separation):
    batch = sky([GAUSSIAN], rotated(0.1, 0))
    flux, gain = pair_flux(batch, 1e7, 1.0), 1e-2
    found = detectability(batch, [separation] * u.arcsec, [0] * u.deg, flux, gain=gain)[
        0
    ]
    photons = flux.sum() * gain
    wanted = small_separation_d_prime(
        np.sqrt(photons), 1.0, separation, 1.0, photon_limited=True
    )
    assert found == pytest.approx(wanted, rel=0.06)


@pytest.mark.parametrize("ratio", [1.0, 0.1])
def test_wide_pair_shows_its_secondary(ratio):
    batch = sky([GAUSSIAN], rotated(0.1, 0), side=81)
    assert one(batch, 2.5, 40, ratio) == pytest.approx(
        wide_d_prime(40, ratio), rel=0.02
    )


def test_against_a_minimum_found_by_brute_force():
    psf, scale = MoffatPSF(1.1 * u.arcsec, beta=3), 0.25
    batch = sky([psf], rotated(scale, 0), side=41)
    flux = pair_flux(batch, 80, 0.4)[0, 0]

    def draw(east, north):
        place = (20 - east / scale, 20 + north / scale)
        return psf.image((41, 41), scale * u.arcsec, position=place).ravel()

    separation, angle = 0.9, np.deg2rad(33)
    pair = flux[0] * draw(0, 0)
    pair += flux[1] * draw(separation * np.sin(angle), separation * np.cos(angle))

    def chi2(position):
        design = np.stack([draw(*position), np.ones(pair.size)], axis=1)
        value, *_ = np.linalg.lstsq(design, pair, rcond=None)
        return float(((pair - design @ value) ** 2).sum())

    best = min(
        optimize.minimize(chi2, start, method="Nelder-Mead").fun
        for start in ([0.1, 0.1], [0.0, 0.0], [0.5, 0.75])
    )
    assert one(batch, separation, 80, 0.4) == pytest.approx(np.sqrt(best), rel=2e-3)


def test_bands_of_one_colour_add_in_quadrature(mixed):
    psfs, cds = mixed
    batch = sky(psfs, np.array(cds))
    flux = pair_flux(batch, 90, 0.5)
    apart, angle = [2.2] * u.arcsec, [70] * u.deg
    together = detectability(batch, apart, angle, flux)[0]
    parts = [
        detectability(sky([p], c), apart, angle, flux[:, i : i + 1])[0]
        for i, (p, c) in enumerate(zip(psfs, cds, strict=True))
    ]
    # Windows differ a little, and so does what the backgrounds take up.
    assert together == pytest.approx(np.sqrt(np.square(parts).sum()), rel=0.01)


def test_colour_moves_the_photocentre_unless_bands_may_shift(ground):
    psfs, cds = ground[0] * 2, np.array(ground[1] * 2)
    batch = sky(psfs, cds)
    grey = one(batch, 0.2, 300, np.array([[0.4, 0.4]]))
    coloured = one(batch, 0.2, 300, np.array([[0.2, 0.8]]))
    assert coloured > 1.5 * grey
    loose = PSFUncertainty(registration=5 * u.arcsec)
    shifted = one(batch, 0.2, 300, np.array([[0.2, 0.8]]), uncertainty=loose)
    assert shifted < 1.1 * grey


@settings(max_examples=20, deadline=None)
@given(
    separation=st.floats(0.05, 2.5),
    ratio=st.floats(0.05, 1.0),
    scale=st.floats(0.1, 50),
    angle=st.floats(0, 360),
)
def test_limit_is_of_signal_over_noise(separation, ratio, scale, angle):
    psf = MoffatPSF(1.1 * u.arcsec)
    batch = sky([psf], rotated(0.25, 0), side=41)
    apart, turn = [separation] * u.arcsec, [angle] * u.deg
    flux = pair_flux(batch, 100, ratio)
    base = detectability(batch, apart, turn, flux)[0]
    assert 0 <= base <= 1.01 * wide_d_prime(100, ratio)
    louder = PixelBatch.from_arrays(
        np.zeros((1, 1, 41, 41)), scale**-2, [psf], rotated(0.25, 0), [20, 20]
    )
    again = detectability(louder, apart, turn, scale * flux)[0]
    assert again == pytest.approx(base, rel=1e-2, abs=1e-3)
    # Pixels turned with the pair see the same.
    turned = sky([psf], rotated(0.25, angle), side=41)
    across = detectability(turned, apart, [0] * u.deg + turn, flux)[0]
    straight = detectability(batch, apart, [0] * u.deg, flux)[0]
    assert across == pytest.approx(straight, rel=0.02, abs=0.02)


def test_unknown_shape_of_the_psf_is_a_floor():
    batch = sky([GAUSSIAN], rotated(0.1, 0))
    known = one(batch, 0.3, 300, 1.0)
    limits = [
        one(batch, 0.3, 300, 1.0, uncertainty=PSFUncertainty(ellipticity=e, size=e))
        for e in (1e-4, 0.01, 0.1)
    ]
    assert limits[0] == pytest.approx(known, rel=0.01)
    assert known > limits[1] > limits[2]


def test_unknown_ellipticity_fakes_what_the_formula_says():
    # A pair whose only trace is an ellipticity e has d' = 0.49 S e.
    batch = sky([GAUSSIAN], rotated(0.1, 0))
    snr, e = 1000, 0.02
    flux = pair_flux(batch, snr, 1.0).sum()
    truth = MoffatPSF(1.0 * u.arcsec, beta=300, ellipticity=e)
    image = flux * truth.image((61, 61), 0.1 * u.arcsec)
    import torch

    from astro_vbinary.measurement.fitting import fit_stars

    data = PixelBatch.from_arrays(
        image[None, None], 1.0, [GAUSSIAN], rotated(0.1, 0), [30, 30]
    )
    fit = fit_stars(data, torch.zeros(1, 1, 2))
    assert float(fit.chi2.sqrt()) == pytest.approx(0.49 * snr * e, rel=0.05)
    free = fit_stars(
        data, torch.zeros(1, 1, 2), uncertainty=PSFUncertainty(ellipticity=1.0)
    )
    assert float(free.chi2.sqrt()) < 0.05 * snr * e


def test_masked_secondary_is_not_seen(ground):
    psfs, cds = ground
    y, x = np.indices((41, 41))
    # 2.25 arcsec north is 9 px up.
    hole = np.hypot(x - 20, y - 29) < 8
    batch = PixelBatch.from_arrays(
        np.zeros((1, 1, 41, 41)), np.where(hole, 0.0, 1.0), psfs, cds, [20, 20]
    )
    flux = pair_flux(batch, 50, 0.3)
    seen = sky(psfs, cds, side=41)
    apart, angle = [2.25] * u.arcsec, [0] * u.deg
    assert detectability(batch, apart, angle, flux)[0] < 1.0
    assert detectability(seen, apart, angle, flux)[0] > 8.0


def test_input_is_checked(ground):
    batch = sky(*ground)
    apart, angle = [1] * u.arcsec, [0] * u.deg
    with pytest.raises(ValueError, match="flux must have shape"):
        detectability(batch, apart, angle, np.ones((1, 2)))
    with pytest.raises(ValueError, match="must not be negative"):
        detectability(batch, -apart, angle, np.ones((1, 1, 2)))


def test_fluxes_have_the_signal_asked_for(mixed):
    batch = sky(mixed[0], np.array(mixed[1]), n=2)
    share = np.array([[1.0, 2.0, 0.0]] * 2)
    flux = pair_flux(batch, [30, 60], 0.25, share=share)
    snr = point_source_snr(batch, flux.sum(axis=2))
    assert np.allclose(np.sqrt((snr**2).sum(axis=1)), [30, 60])
    assert np.allclose(snr[:, 1], 2 * snr[:, 0])
    assert np.allclose(flux[:, :2, 1], 0.25 * flux[:, :2, 0])


def test_bound_and_its_inverse():
    for completeness in (0.1, 0.5, 0.9):
        d = required_d_prime(completeness, 1e-3)
        assert clairvoyant_bound(d, 1e-3) == pytest.approx(completeness)
    assert clairvoyant_bound(0.0, 0.01) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="between 0 and 1, not 0"):
        clairvoyant_bound(1.0, 0)


def test_contrast_curve_falls_to_the_noise_far_out(ground):
    batch = sky(*ground)
    apart = [0.05, 0.3, 0.6, 1.0, 2.4] * u.arcsec
    curve = contrast_curve(batch, 200, apart, angles=4)
    assert np.isnan(curve[0])
    assert (np.diff(curve[1:].value) > 0).all()
    # There the secondary alone has the required signal-to-noise ratio.
    wanted = 2.5 * np.log10(200 / required_d_prime(0.5, 1e-3))
    assert curve[-1].value == pytest.approx(wanted, abs=0.1)
    harder = contrast_curve(batch, 200, apart, angles=4, threshold=4.4)
    assert (harder[1:] < curve[1:]).all()
    with pytest.raises(ValueError, match="of one stack, not 2"):
        contrast_curve(sky(*ground, n=2), 200, apart)


def test_limit_does_not_depend_on_the_batch_it_is_in(mixed):
    rng = np.random.default_rng(3)
    n = 12
    batch = sky(mixed[0], np.array(mixed[1]), n=n)
    apart, angle = rng.uniform(0.1, 2.5, n) * u.arcsec, rng.uniform(0, 360, n) * u.deg
    flux = pair_flux(batch, rng.uniform(30, 300, n), rng.uniform(0.1, 1, (n, 1)))
    together = detectability(batch, apart, angle, flux, gain=20.0)
    alone = [
        detectability(
            batch[i], apart[i : i + 1], angle[i : i + 1], flux[i : i + 1], gain=20.0
        )[0]
        for i in range(n)
    ]
    # Windows differ in size, and so does what the background can take up.
    assert np.allclose(together, alone, rtol=0.02)
