"""Geometry, error propagation, chances and proposals."""

import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from astro_vbinary.measurement import (
    PixelBatch,
    PSFUncertainty,
    false_alarm_probability,
    fit_pairs,
)
from astro_vbinary.measurement.information import information
from astro_vbinary.measurement.pair_rows import star_position
from astro_vbinary.measurement.pair_terms import pair_errors, pair_terms
from astro_vbinary.measurement.proposal import PairProposal
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.reshaping import reshape_psfs
from astro_vbinary.measurement.tests.helpers_pairs import make_batch
from astro_vbinary.psf import MoffatPSF

offsets = st.floats(-2, 2)
fluxes = st.floats(0.01, 100)


@given(x=offsets, y=offsets, s=st.floats(0.05, 2.5), a=st.floats(0, 359), r=fluxes)
@settings(max_examples=50, deadline=None)
def test_terms_are_those_that_the_pair_was_made_of(x, y, s, a, r):
    first = np.array([x, y])
    way = np.array([np.sin(np.deg2rad(a)), np.cos(np.deg2rad(a))])
    found = pair_terms(np.stack([first, first + s * way]), np.array([[1.0, r]]))
    assert found[0] == pytest.approx(s)
    assert (found[1] - a + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    assert found[2][0] == pytest.approx(-2.5 * np.log10(r))
    assert found[3][0] == pytest.approx(r / (1 + r) ** 2 * s**2)


@given(x=offsets, y=offsets, s=st.floats(0.05, 2.5), a=st.floats(0, 359), r=fluxes)
@settings(max_examples=30, deadline=None)
def test_exchanged_stars_turn_by_half_a_circle(x, y, s, a, r):
    first = np.array([x, y])
    way = np.array([np.sin(np.deg2rad(a)), np.cos(np.deg2rad(a))])
    places, flux = np.stack([first, first + s * way]), np.array([[1.0, r]])
    one, two = pair_terms(places, flux), pair_terms(places[::-1], flux[:, ::-1])
    assert one[0] == pytest.approx(two[0])
    assert (one[1] - two[1]) % 360 == pytest.approx(180)
    assert one[2][0] == pytest.approx(-two[2][0], abs=1e-9)
    assert one[3][0] == pytest.approx(two[3][0])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_errors_are_those_of_small_changes(seed):
    rng = np.random.default_rng(seed)
    k = 2
    position = rng.normal(0, 1, (1, 2, 2))
    position[0, 1] += [1, 1]
    flux = rng.uniform(1, 5, (1, k, 2))
    root = 1e-5 * rng.normal(size=(4 + 2 * k, 4 + 2 * k))
    covariance, moment = pair_errors(position, flux, (root @ root.T)[None])

    def terms(vector):
        s, a, d, q = pair_terms(vector[:4].reshape(2, 2), vector[4:].reshape(k, 2))
        return np.concatenate([[s, a], d, q])

    middle = np.concatenate([position.ravel(), flux.ravel()])
    step = np.array([terms(middle + c) - terms(middle - c) for c in root.T]) / 2
    expected = step.T @ step
    assert covariance[0] == pytest.approx(expected[: 2 + k, : 2 + k], rel=1e-3)
    assert moment[0] == pytest.approx(np.sqrt(np.diag(expected)[2 + k :]), rel=1e-3)


def test_a_band_without_one_star_has_no_difference_but_a_moment():
    position = np.array([[[0.0, 0.0], [1.0, 0.0]]])
    flux = np.array([[[1.0, 0.0], [2.0, 1.0]]])
    covariance, moment = pair_errors(position, flux, 1e-4 * np.eye(8)[None])
    assert np.isnan(covariance[0, 2]).all()
    assert np.isfinite(covariance[0][np.ix_([0, 1, 3], [0, 1, 3])]).all()
    # s^2 / F times the error of the flux.
    assert moment[0, 0] == pytest.approx(1e-2)


@given(low=st.floats(0, 8), more=st.floats(0.01, 3), bands=st.integers(1, 5))
def test_higher_statistics_are_rarer(low, more, bands):
    chance = false_alarm_probability([low, low + more], 1 * u.arcsec, bands=bands)
    assert chance[0] >= chance[1] >= 0


def test_chance_is_what_the_thresholds_of_simulated_stars_say():
    # Thresholds measured on 20,000 single stars, see the user guide.
    chance = false_alarm_probability([3.73, 4.33], 1.43 * u.arcsec)
    assert chance == pytest.approx([1e-2, 1e-3], rel=0.2)
    with pytest.raises(ValueError, match="at least one band, not 0"):
        false_alarm_probability(3.0, 1 * u.arcsec, bands=0)


def test_single_stars_reach_each_chance_as_often(ground, mixed):
    rng = np.random.default_rng(21)
    for bands, n in ((ground, 200), (mixed, 100)):
        batch, _ = make_batch(*bands, n, snr=100, ratio=0.0, separation=1.0, rng=rng)
        fit = fit_pairs(batch, triples=False, neighbours=False)
        for rate in (0.05, 0.2):
            count = int((fit.false_alarm < rate).sum())
            assert stats.binomtest(count, n, rate).pvalue > 1e-3


def test_proposals_have_the_density_that_they_state():
    proposal = PairProposal(
        position=np.array([-0.2, 0.0, 0.3, 0.0]),
        covariance=0.05 * np.eye(4),
        center=np.array([0.0, 0.0]),
        width=0.05,
        angle=np.pi / 2,
        angle_error=0.2,
        moment=0.06,
        moment_error=0.01,
        largest=2.5,
    )
    rng = np.random.default_rng(2)
    places, density = proposal.draw(200_000, rng)
    # The integral of a density over what the mixture covers is one.
    for log in (proposal._log_along(places), proposal._about.logpdf(places)):
        weight = np.exp(log - density)
        error = weight.std() / np.sqrt(len(weight))
        assert weight.mean() == pytest.approx(1, abs=5 * error + 1e-3)


def test_no_variance_is_negative_where_nothing_is_known(ground):
    # One star, and pure noise: both stars can be anywhere.
    rng = np.random.default_rng(13)
    for snr in (1e-3, 20):
        batch, _ = make_batch(*ground, 40, snr=snr, ratio=0.0, separation=1.0, rng=rng)
        fit = fit_pairs(batch)
        variance = np.diagonal(fit.covariance, axis1=1, axis2=2)
        assert (np.isnan(variance) | (variance >= 0)).all()
        most = np.diagonal(fit.fisher, axis1=1, axis2=2).max()
        assert (np.linalg.eigvalsh(fit.fisher) >= -1e-9 * most).all()
        # An error that is no number is not given.
        assert not (variance[:, 0] > 100**2).any()


def test_a_row_that_is_no_number_does_not_spoil_the_others(ground):
    rng = np.random.default_rng(3)
    batch, _ = make_batch(*ground, 3, snr=50, ratio=0.5, separation=1.0, rng=rng)
    places = torch.tensor([[[0.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    flux = torch.full((3, 1, 2), 10.0, dtype=torch.float64)
    splines, places = SplinePSF.of(batch), places.expand(3, -1, -1)
    good = information(batch, splines, places, flux).covariance
    flux[1] = torch.nan
    found = information(batch, splines, places, flux).covariance
    assert found[1].isnan().all()
    assert torch.equal(found[[0, 2]], good[[0, 2]])


def test_reshaped_psfs_are_those_of_that_shape():
    usual = MoffatPSF(1.1 * u.arcsec, beta=3)
    wanted = MoffatPSF(1.21 * u.arcsec, beta=3, ellipticity=0.1, angle=0 * u.deg)
    blank, cd = np.zeros((1, 1, 41, 41)), np.diag([-0.25, 0.25])
    made = [
        PixelBatch.from_arrays(blank, 1.0, [psf], cd, [20, 20], oversampling=4)
        for psf in (usual, wanted)
    ]
    change = torch.tensor([[[0.1, 0.0, np.log(1.1)]]])
    doubt = PSFUncertainty(ellipticity=0.1, size=0.1)
    found = reshape_psfs(made[0], change, doubt).psf[0, 0]
    middle = made[1].psf.shape[-1] // 2
    half = found.shape[-1] // 2
    inner = slice(middle - half, middle + half + 1)
    goal = made[1].psf[0, 0][inner, inner]
    assert float((found - goal).norm() / goal.norm()) < 0.02
    before = made[0].psf[0, 0]
    assert float((before - goal).norm() / goal.norm()) > 0.08


def test_stars_are_where_their_offsets_say():
    from astropy.coordinates import SkyCoord

    target = SkyCoord(83.8, -5.4, unit="deg")
    found = star_position(target, 0.6, -0.8)
    assert target.separation(found).to_value(u.arcsec) == pytest.approx(1.0)
    east, north = target.spherical_offsets_to(found)
    assert east.to_value(u.arcsec) == pytest.approx(0.6, abs=1e-6)
    assert north.to_value(u.arcsec) == pytest.approx(-0.8, abs=1e-6)


def test_errors_of_a_stack_of_which_nothing_is_known_are_its_own():
    positions = np.array([[[0.0, 0.0], [0.5, 0.8]]] * 2)
    flux, fisher = np.array([[[100.0, 40.0]]] * 2), np.stack([1e-4 * np.eye(6)] * 2)
    alone = pair_errors(positions[:1], flux[:1], fisher[:1])
    flux[1], fisher[1] = np.nan, np.nan
    covariance, moment = pair_errors(positions, flux, fisher)
    np.testing.assert_array_equal(covariance[:1], alone[0])
    np.testing.assert_array_equal(moment[:1], alone[1])
    assert np.isnan(covariance[1]).all()
    assert np.isnan(moment[1]).all()
