from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.measurement import (
    GLRT_THRESHOLDS,
    PixelBatch,
    PSFUncertainty,
    calibrate_threshold,
    clairvoyant_bound,
    detectability,
    glrt,
    pair_flux,
)
from astro_vbinary.measurement.tests.helpers_pairs import make_batch
from astro_vbinary.psf import MoffatPSF, PupilPSF, hst_pupil


def limit(batch, truth, **options):
    return detectability(
        batch,
        truth["separation"],
        truth["position_angle"],
        truth["flux"],
        center=truth["center"],
        **options,
    )


def angle_error(found, truth):
    difference = (found.position_angle - truth["position_angle"]).to_value(u.deg)
    return (difference + 180) % 360 - 180


@pytest.fixture(scope="module")
def singles(ground):
    """3,000 single stars of one image with fresh noise."""
    rng = np.random.default_rng(11)
    batch, _ = make_batch(*ground, 30, snr=100, ratio=0.0, separation=0, rng=rng)
    rows = torch.arange(30).repeat(100)
    many = batch[rows]
    # The noise of thirty is replaced, so that all differ.
    clean = _clean(ground, many)
    noise = rng.standard_normal(tuple(clean.shape), dtype=np.float32)
    return replace(many, images=clean + torch.from_numpy(noise))


def _clean(ground, batch):
    from astro_vbinary.measurement.rendering import SplinePSF
    from astro_vbinary.measurement.star_design import draw_stars

    flux = pair_flux(batch, 100, 0.0)[:, :, 0]
    zero = torch.zeros(len(batch), 2, dtype=torch.float64)
    star = draw_stars(batch, SplinePSF.of(batch), zero)
    return star * torch.from_numpy(flux).float()[:, :, None, None]


def test_thresholds_are_those_of_about_a_hundred_trials(singles):
    found = glrt(singles)
    assert np.isfinite(found.statistic).all()
    for rate in (1e-2, 1e-3):
        threshold = calibrate_threshold(found.statistic, rate)
        assert threshold.value == pytest.approx(GLRT_THRESHOLDS[rate], rel=0.1)
    # Wilks' law for three parameters would have 3.4 and 4.0 there.
    assert (found.statistic > 3.4).mean() > 0.015


CASES = [
    (300, 0.3, 1.0),
    (300, 0.4, 0.4),
    (100, 0.7, 0.6),
    (60, 1.2, 0.3),
    (50, 2.2, 0.15),
    (100, 1.5, 0.9),
]


@pytest.mark.parametrize(("snr", "separation", "ratio"), CASES)
def test_statistic_is_the_detectability(ground, snr, separation, ratio):
    rng = np.random.default_rng(5)
    batch, truth = make_batch(
        *ground, 80, snr=snr, ratio=ratio, separation=separation, rng=rng
    )
    wanted, found = limit(batch, truth), glrt(batch)
    # T is d'^2 with a normal deviate, and a little more for what is fitted. The scan
    # looks at a smaller window, in which the background takes up more.
    pull = found.statistic - 0.99 * wanted
    assert np.median(pull) == pytest.approx(0.1, abs=0.4)
    assert np.std(pull) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("snr", "separation", "ratio"), CASES[2:])
def test_bright_pairs_are_measured_without_bias(ground, snr, separation, ratio):
    rng = np.random.default_rng(6)
    batch, truth = make_batch(
        *ground, 80, snr=3 * snr, ratio=ratio, separation=separation, rng=rng
    )
    found = glrt(batch)
    error = angle_error(found, truth)
    if ratio > 0.8:
        # Which of two like stars is brighter is a toss.
        error = (error + 90) % 180 - 90
    assert abs(np.median(error)) < 1.5
    spread = 1.2533 * np.std(error) / np.sqrt(80)
    assert abs(np.median(error)) < 4 * spread + 0.01
    apart = found.separation.value
    bias = np.median(apart) - separation
    assert abs(bias) < 4 * 1.2533 * np.std(apart) / np.sqrt(80) + 1e-3
    assert np.median(found.flux_ratio) == pytest.approx(ratio, rel=0.1)


def test_nothing_exceeds_the_bound(ground):
    # Pairs with the limit's d' near the threshold, at a false-positive rate of 1e-2.
    rng = np.random.default_rng(7)
    _, unit = make_batch(*ground, 1, snr=1, ratio=0.2, separation=1.6, rng=rng)
    n, target = 300, 3.8
    trial, truth = make_batch(*ground, 20, snr=100, ratio=0.2, separation=1.6, rng=rng)
    snr = 100 * target / limit(trial, truth).mean()
    batch, truth = make_batch(*ground, n, snr=snr, ratio=0.2, separation=1.6, rng=rng)
    bound = clairvoyant_bound(limit(batch, truth), 1e-2).mean()
    share = (glrt(batch).statistic > GLRT_THRESHOLDS[1e-2]).mean()
    assert share < bound
    # At d' equal to the threshold half are found, within 15 % of d'.
    spread = 3 * 0.5 / np.sqrt(n)
    assert share > 0.5 - 0.15 * target * 0.4 - spread
    assert unit["flux"].sum() > 0


@settings(max_examples=10, deadline=None)
@given(
    scale=st.floats(1e-3, 1e3),
    level=st.floats(-100, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_units_and_background_do_not_matter(ground, scale, level, seed):
    rng = np.random.default_rng(seed)
    batch, _ = make_batch(*ground, 4, snr=60, ratio=0.4, separation=0.9, rng=rng)
    base = glrt(batch)
    changed = replace(
        batch, images=scale * (batch.images + level), weight=batch.weight / scale**2
    )
    again = glrt(changed)
    assert np.allclose(again.statistic, base.statistic, atol=0.03)
    assert np.allclose(again.separation, base.separation, atol=0.02 * u.arcsec)


@settings(max_examples=10, deadline=None)
@given(
    shift=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    seed=st.integers(0, 2**32 - 1),
)
def test_where_the_stamp_was_cut_does_not_matter(ground, shift, seed):
    rng = np.random.default_rng(seed)
    batch, _ = make_batch(*ground, 4, snr=60, ratio=0.4, separation=0.9, rng=rng)
    rolled = replace(
        batch,
        images=torch.roll(batch.images, shift, dims=(3, 2)),
        origin=batch.origin + torch.tensor(shift, dtype=torch.float64),
    )
    # Far from the edges, which are rolled to the other side.
    near = 1.2 * u.arcsec
    base, again = (glrt(b, max_separation=near) for b in (batch, rolled))
    assert np.allclose(again.statistic, base.statistic, atol=0.03)
    assert np.allclose(again.position, base.position, atol=0.02 * u.arcsec)


def test_bands_that_differ_in_all_are_fitted_at_once(mixed):
    rng = np.random.default_rng(8)
    ratio = np.array([[0.2, 0.4, 0.6]])
    batch, truth = make_batch(*mixed, 60, snr=120, ratio=ratio, separation=0.8, rng=rng)
    found, wanted = glrt(batch), limit(batch, truth)
    pull = found.statistic - wanted
    assert np.median(pull) == pytest.approx(0.1, abs=0.5)
    assert abs(np.median(angle_error(found, truth))) < 1.0
    assert np.median(found.separation.value) == pytest.approx(0.8, abs=0.02)
    assert np.allclose(np.median(found.flux_ratio, axis=0), ratio[0], rtol=0.1)


def test_missing_band_is_as_if_it_were_not(mixed):
    rng = np.random.default_rng(9)
    batch, _ = make_batch(*mixed, 10, snr=80, ratio=0.5, separation=1.0, rng=rng)
    weight = batch.weight.clone()
    weight[:, 1] = 0
    without = replace(batch, weight=weight, images=batch.images * (weight > 0))
    found = glrt(without)
    assert np.isnan(found.flux_ratio[:, 1]).all()
    left = PixelBatch(
        batch.images[:, ::2],
        batch.weight[:, ::2],
        batch.psf[:, ::2],
        batch.oversampling,
        batch.to_pixel[:, ::2],
        batch.origin[:, ::2],
    )
    assert np.allclose(found.statistic, glrt(left).statistic, rtol=0.02)


def test_stack_without_data_has_no_score(ground):
    rng = np.random.default_rng(9)
    batch, _ = make_batch(*ground, 3, snr=80, ratio=0.5, separation=1.0, rng=rng)
    weight = batch.weight.clone()
    weight[1] = 0
    found = glrt(replace(batch, weight=weight))
    assert np.isnan(found.statistic).tolist() == [False, True, False]
    assert repr(found) == "<GLRTResult of 3 stacks>"


def test_how_stacks_are_grouped_does_not_matter(ground):
    rng = np.random.default_rng(14)
    batch, _ = make_batch(*ground, 12, snr=60, ratio=0.4, separation=0.9, rng=rng)
    own = replace(batch, psf=batch.psf.repeat(12, 1, 1, 1))
    base = glrt(batch)
    for other in (glrt(batch, chunk=5), glrt(own)):
        assert np.allclose(other.statistic, base.statistic, atol=0.02)
        assert np.allclose(other.flux, base.flux, rtol=0.02)


def test_uncertainties_are_checked():
    with pytest.raises(ValueError, match="size must not be negative, but is -1"):
        PSFUncertainty(size=-1)
    assert PSFUncertainty(registration=20 * u.mas).registration == 0.02 * u.arcsec


def test_photon_noise_is_in_the_weights(ground):
    rng = np.random.default_rng(10)
    batch, truth = make_batch(
        *ground, 80, snr=1500, ratio=0.5, separation=0.35, rng=rng, gain=10.0
    )
    sky = replace(batch, weight=torch.ones_like(batch.weight))
    wanted, found = limit(sky, truth, gain=10.0), glrt(batch)
    assert np.median(found.statistic - wanted) == pytest.approx(0.1, abs=0.4)
    assert abs(np.median(angle_error(found, truth))) < 2.0


def test_wrong_psf_fakes_a_pair_unless_it_is_allowed_for(ground):
    rng = np.random.default_rng(12)
    truth = MoffatPSF(1.1 * u.arcsec, beta=3.0, ellipticity=0.13, angle=30 * u.deg)
    batch, _ = make_batch(
        [truth], ground[1], 40, snr=400, ratio=0.0, separation=0, rng=rng
    )
    given_psf = PixelBatch.from_arrays(
        batch.images, batch.weight, ground[0], ground[1], batch.origin
    )
    fooled = glrt(given_psf).statistic
    careful = glrt(
        given_psf, uncertainty=PSFUncertainty(ellipticity=0.05, size=0.01)
    ).statistic
    assert np.median(fooled) > 5.0
    assert np.median(careful) < 3.5


def test_undersampled_psf_of_a_space_telescope():
    rng = np.random.default_rng(13)
    pupil, diameter = hst_pupil()
    psf = PupilPSF(
        pupil,
        diameter,
        0.6 * u.um,
        detector_pixel=0.05 * u.arcsec,
        blur=0.012 * u.arcsec,
    )
    cd = [[-0.05, 0.0], [0.0, 0.05]]
    batch, truth = make_batch(
        [psf], [cd], 40, snr=150, ratio=0.4, separation=0.06, rng=rng, center=0.01
    )
    found = glrt(batch, max_separation=0.6 * u.arcsec)
    pull = found.statistic - limit(batch, truth)
    assert np.median(pull) == pytest.approx(0.1, abs=0.5)
    assert np.median(found.separation.value) == pytest.approx(0.06, abs=0.005)
    single, _ = make_batch(
        [psf], [cd], 40, snr=1000, ratio=0.0, separation=0, rng=rng, center=0.01
    )
    assert (glrt(single, max_separation=0.6 * u.arcsec).statistic < 5).all()
