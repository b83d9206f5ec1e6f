"""Fitted pairs against the truth, the Cramer-Rao bound, and another code."""

import os
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import torch
from astropy.table import QTable
from photutils.psf import ImagePSF, PSFPhotometry
from scipy import stats

from astro_vbinary.measurement import (
    Injector,
    PixelBatch,
    PSFUncertainty,
    detectability,
    fit_pairs,
    glrt,
    sample_posterior,
    source_contrast,
    stack_limits,
)
from astro_vbinary.measurement.information import information
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.tests.helpers_pairs import make_batch, rotated
from astro_vbinary.psf import MoffatPSF

#: How many times as many pairs as by default.
MORE = int(os.environ.get("VBINARY_MORE_PAIRS", "1"))

PLACE = ("separation", "position_angle", "flux", "center")


def errors(fit):
    return np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))


def turn(angle):
    return (angle + 180) % 360 - 180


def pulls(fit, truth):
    """Deviations from the truth in units of the errors, (n, 2 + k)."""
    flux = truth["flux"]
    difference = -2.5 * np.log10(flux[..., 1] / flux[..., 0])
    off = np.column_stack(
        [
            fit.separation - truth["separation"].value,
            turn(fit.position_angle - truth["position_angle"].value),
            fit.magnitude_difference - difference,
        ]
    )
    return off / errors(fit)


def bound(batch, truth):
    """Cramer-Rao bounds at the true parameters, (n, 2 + k)."""
    from astro_vbinary.measurement.pair_terms import pair_errors

    first = truth["center"].value
    angle = truth["position_angle"].to_value(u.rad)
    offset = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    second = first + truth["separation"].value[:, None] * offset
    position = np.stack([first, second], axis=1)
    known = information(
        batch,
        SplinePSF.of(batch),
        torch.as_tensor(position),
        torch.as_tensor(truth["flux"]),
    )
    covariance, _ = pair_errors(position, truth["flux"], known.covariance.numpy())
    return np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))


@pytest.fixture(scope="module")
def measured(mixed):
    """Pairs in three unlike bands, and their fits."""
    rng = np.random.default_rng(11)
    n = 80 * MORE
    separation = rng.uniform(0.9, 2.0, n)
    batch, truth = make_batch(
        *mixed, n, snr=60, ratio=0.5, separation=separation, rng=rng
    )
    return batch, truth, fit_pairs(batch, triples=False)


def test_errors_are_within_a_third_of_the_bound(measured):
    batch, truth, fit = measured
    assert (detectability(batch, **{name: truth[name] for name in PLACE}) > 8).all()
    off = pulls(fit, truth) * errors(fit)
    ratio = np.sqrt(np.mean((off / bound(batch, truth)) ** 2, axis=0))
    # A standard deviation from so many is good to a few per cent.
    slack = 3 / np.sqrt(2 * len(fit))
    assert (ratio < 1.3).all()
    assert (ratio > 1 - slack).all()


def test_intervals_cover_what_they_say(measured):
    _, truth, fit = measured
    off = np.abs(pulls(fit, truth)).ravel()
    # Separation, angle and three colours of a pair are nearly independent.
    for level, width in ((0.6827, 1.0), (0.95, 1.959964)):
        count = int((off < width).sum())
        assert stats.binomtest(count, off.size, level).pvalue > 1e-3


def test_errors_correlate_as_they_should(measured):
    _, truth, fit = measured
    off = pulls(fit, truth)
    error = errors(fit)
    expected = (fit.covariance / (error[:, :, None] * error[:, None, :])).mean(axis=0)
    found = np.corrcoef(off.T)
    assert np.abs(found - expected).max() < 4 / np.sqrt(len(fit))


def test_single_stars_and_good_fits_have_chi2_of_one(measured):
    _, _, fit = measured
    assert fit.reduced_chi2.mean() == pytest.approx(1, abs=0.01)
    assert fit.core_chi2.mean() == pytest.approx(1, abs=0.05)


def test_agrees_with_photutils(ground):
    rng = np.random.default_rng(5)
    n = 12
    batch, _ = make_batch(*ground, n, snr=80, ratio=0.6, separation=1.3, rng=rng)
    fit = fit_pairs(batch, triples=False, neighbours=False)
    fine = batch.oversampling
    model = ImagePSF(batch.psf[0, 0].numpy().astype(float), oversampling=fine)
    error = errors(fit)
    for row in range(n):
        image = batch.images[row, 0].numpy().astype(float)
        pixel = batch.to_pixel[row, 0].numpy() @ fit.position[row].T
        pixel = pixel.T + batch.origin[row, 0].numpy()
        start = QTable({"x": pixel[:, 0] + 0.1, "y": pixel[:, 1] - 0.1})
        start["flux"] = fit.flux[row, 0]
        start["local_bkg"] = 7.0  # the level that make_batch adds
        peer = PSFPhotometry(
            model, fit_shape=(31, 31), grouper=lambda x, y: [1] * len(x)
        )
        found = peer(image, error=np.ones_like(image), init_params=start)
        place = np.column_stack([found["x_fit"], found["y_fit"]])
        offset = np.linalg.solve(
            batch.to_pixel[row, 0].numpy(), (place[1] - place[0]).T
        )
        other = -2.5 * np.log10(found["flux_fit"][1] / found["flux_fit"][0])
        # It looks at fewer pixels and is given the background: a third of an error.
        assert np.hypot(*offset) == pytest.approx(
            fit.separation[row], abs=0.35 * error[row, 0]
        )
        angle = np.rad2deg(np.arctan2(*offset))
        assert abs(turn(angle - fit.position_angle[row])) < 0.35 * error[row, 1]
        assert other == pytest.approx(
            fit.magnitude_difference[row, 0], abs=0.5 * error[row, 2]
        )


@pytest.mark.parametrize(("turns", "mirror"), [(1, False), (2, False), (0, True)])
def test_turned_images_turn_the_angle(ground, turns, mirror):
    rng = np.random.default_rng(3)
    psfs = [MoffatPSF(1.1 * u.arcsec, beta=3.0)]
    cds = [rotated(0.25, 0)]
    batch, _ = make_batch(psfs, cds, 6, snr=150, ratio=0.5, separation=1.2, rng=rng)
    plain = fit_pairs(batch, triples=False)
    images, origin = batch.images, batch.origin.clone()
    side = images.shape[-1] - 1
    if mirror:
        images = images.flip(-1)
        origin[..., 0] = side - origin[..., 0]
    for _ in range(turns):
        # From x to y: east, which is -x, comes to lie along -y, the south.
        images = torch.rot90(images, 1, dims=(-1, -2)).contiguous()
        x, y = origin.unbind(-1)
        origin = torch.stack([side - y, x], dim=-1)
    moved = fit_pairs(replace(batch, images=images, origin=origin), triples=False)
    expected = plain.position_angle
    expected = -expected if mirror else expected + 90 * turns
    gap = np.abs(turn(moved.position_angle - expected))
    assert (gap < 0.05 * errors(plain)[:, 1]).all()
    assert moved.separation == pytest.approx(plain.separation, abs=1e-3)
    assert moved.magnitude_difference == pytest.approx(
        plain.magnitude_difference, abs=2e-3
    )


def test_posterior_of_close_pairs_covers_the_truth(ground):
    rng = np.random.default_rng(8)
    n = 60 * MORE
    separation = np.exp(rng.uniform(np.log(0.3), np.log(0.7), n))
    share = rng.uniform(0.1, 0.5, (n, 1))
    batch, truth = make_batch(
        *ground,
        n,
        snr=150,
        ratio=share / (1 - share),
        separation=separation,
        rng=rng,
    )
    seen = detectability(batch, **{name: truth[name] for name in PLACE}) > 8
    fit = fit_pairs(batch, triples=False)
    rows = np.flatnonzero(seen)
    found = sample_posterior(batch, fit, rows, rng=rng, samples=256)
    assert np.median(found.effective_samples) > 40
    moment = (share[:, 0] * (1 - share[:, 0]) * separation**2)[rows]
    for name, true in (("separation", separation[rows]), ("moment", moment)):
        for level in (0.6827, 0.95):
            low, high = found.interval(name, level)
            count = int(((true > low) & (true < high)).sum())
            assert stats.binomtest(count, len(rows), level).pvalue > 1e-3
    # What is degenerate is less well known than what is measured.
    low, high = found.interval("moment", 0.6827)
    spread = (high - low) / fit.moment[rows, 0]
    low, high = found.interval("magnitude_difference", 0.6827)
    assert np.median(spread) < 0.5 * np.median(high - low)


def test_a_third_star_is_flagged_and_two_are_not(ground):
    rng = np.random.default_rng(4)
    batch, truth = make_batch(*ground, 10, snr=150, ratio=0.5, separation=1.0, rng=rng)
    assert not fit_pairs(batch).triple.any()
    psf, scale = ground[0][0], 0.25 * u.arcsec
    images = batch.images.clone()
    angle = truth["position_angle"].to_value(u.rad) + 2.0
    third = truth["center"].value + 1.6 * np.stack([np.sin(angle), np.cos(angle)], 1)
    for row in range(5):
        pixel = batch.origin[row, 0] + batch.to_pixel[row, 0] @ torch.as_tensor(
            third[row]
        )
        star = psf.image(images.shape[-2:], scale, position=tuple(pixel.tolist()))
        images[row, 0] += torch.as_tensor(0.4 * truth["flux"][row, 0, 0] * star)
    assert fit_pairs(replace(batch, images=images)).triple.tolist() == [
        *[True] * 5,
        *[False] * 5,
    ]


def test_photon_noise_that_was_not_given_is_found(ground):
    rng = np.random.default_rng(6)
    n = 80
    batch, truth = make_batch(
        *ground, n, snr=400, ratio=0.5, separation=1.2, rng=rng, gain=0.2
    )
    sky = replace(batch, weight=torch.ones_like(batch.weight))
    fit = fit_pairs(sky, triples=False)
    spread = pulls(fit, truth).std(axis=0)
    assert (spread < 1.3).all()
    assert (spread > 0.7).all()
    known = errors(fit_pairs(batch, triples=False))
    assert np.median(errors(fit) / known, axis=0) == pytest.approx(1, abs=0.25)


def test_a_wrong_psf_is_mended_where_pairs_are_wide():
    rng = np.random.default_rng(9)
    true = [MoffatPSF(1.1 * u.arcsec, beta=3, ellipticity=0.1, angle=40 * u.deg)]
    batch, truth = make_batch(
        true, [rotated(0.25, 0)], 40, snr=200, ratio=0.5, separation=1.5, rng=rng
    )
    usual = PixelBatch.from_arrays(
        np.zeros((1, 1, 41, 41)),
        1.0,
        [MoffatPSF(1.25 * u.arcsec, beta=3)],
        rotated(0.25, 0),
        [20, 20],
        oversampling=batch.oversampling,
    )
    wrong = replace(batch, psf=usual.psf)
    doubt = PSFUncertainty(ellipticity=0.06, size=0.12)
    fixed = pulls(fit_pairs(wrong, triples=False), truth)
    mended = pulls(fit_pairs(wrong, uncertainty=doubt, triples=False), truth)
    assert np.abs(mended).max(axis=0).max() < 5
    assert np.sqrt((mended[:, 2] ** 2).mean()) < 1.5
    assert np.sqrt((mended**2).mean()) < np.sqrt((fixed**2).mean())


def test_nothing_to_measure_is_an_error(ground):
    batch, _ = make_batch(
        *ground, 1, snr=50, ratio=0.5, separation=1.0, rng=np.random.default_rng(1)
    )
    with pytest.raises(ValueError, match="no stack"):
        fit_pairs(batch[:0])


@pytest.mark.parametrize("uncertainty", [None, PSFUncertainty(0.06, 0.12)])
def test_limits_of_many_stacks_are_those_of_the_contrast_curve(ground, uncertainty):
    rng = np.random.default_rng(23)
    batch, _ = make_batch(*ground, 3, snr=150, ratio=0.0, separation=1.0, rng=rng)
    fit = fit_pairs(batch, triples=False, uncertainty=uncertainty)
    apart = [1.2, 2.0]
    limits = stack_limits(
        batch, fit, separations=apart, completeness=(0.9,), uncertainty=uncertainty
    )
    assert limits.shape == (1, 3, 2)
    curve = source_contrast(batch[0], apart * u.arcsec, uncertainty=uncertainty)
    known = curve["nine_tenths"].value
    assert limits[0, 0] == pytest.approx(known, abs=0.2)


def test_what_no_noise_would_show_has_no_limit(ground):
    rng = np.random.default_rng(24)
    batch, _ = make_batch(*ground, 2, snr=6, ratio=0.0, separation=1.0, rng=rng)
    limits = stack_limits(batch, fit_pairs(batch, triples=False))
    assert np.isnan(limits[:, :, 0]).all()
    assert (np.isnan(limits[1]) | (limits[1] <= limits[0])).all()


def test_half_of_companions_on_the_contrast_curve_are_found(ground):
    rng = np.random.default_rng(17)
    batch, _ = make_batch(*ground, 100, snr=120, ratio=0.0, separation=1.0, rng=rng)
    apart = [0.5, 1.4] * u.arcsec
    curve = source_contrast(batch[0], apart)
    assert curve.meta["snr"] == pytest.approx(120, rel=0.05)
    assert (curve["nine_tenths"] < curve["half"]).all()
    assert curve["half"][0] < curve["half"][1]
    inject = Injector(batch)
    for name, share in (("half", 0.5), ("nine_tenths", 0.9)):
        for separation, difference in zip(apart, curve[name], strict=True):
            pairs = inject(separation, difference, 100, rng)
            found = glrt(pairs).statistic > curve.meta["threshold"]
            assert found.mean() == pytest.approx(share, abs=0.15)
    with pytest.raises(ValueError, match="of one stack, not 2"):
        source_contrast(batch[:2], apart)
