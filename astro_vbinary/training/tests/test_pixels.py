import numpy as np
import pytest
import torch
from astropy.stats import mad_std

from astro_vbinary.measurement import PSFUncertainty, glrt
from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.simulation import simulate_batch
from astro_vbinary.simulation.scenes import Scene, Star
from astro_vbinary.training.pixels import pair_detectability, pair_truth, pixel_batch

#: Surveys with few PSFs to make.
CASES = [("Pan-STARRS", ["g", "i"]), ("HSCLA", ["i"]), ("JWST", ["F444W"])]


def star(rng, *, fwhm, radius):
    return Scene("single", 0, (Star(0.0, 0.0, 400.0),))


def pair(rng, *, fwhm, radius):
    s, a = 0.9 * fwhm, 2 * np.pi * rng.random()
    stars = (Star(0.0, 0.0, 100.0), Star(s * np.sin(a), s * np.cos(a), 60.0))
    return Scene("pair", 1, stars, separation=s, position_angle=np.rad2deg(a))


def nothing(rng, *, fwhm, radius):
    return Scene("empty", 0)


def clean(survey, bands, scenes, n, *, seed=1):
    kinds = {star: "single", pair: "pair", nothing: "empty"}[scenes]
    return simulate_batch(
        survey, n, np.random.default_rng(seed), kinds=kinds, bands=bands, scenes=scenes,
        clean=True, hips_share=0, field=7.0,
    )  # fmt: skip


def fluxes(batch, made):
    flux = np.zeros((len(batch), made.n_bands))
    for frames in batch.frames:
        for e in frames.exposures:
            flux[e.stack, e.extra["number"]] = e.extra["fluxes"][0] * e.extra["gain"]
    return flux


@pytest.mark.parametrize(("survey", "bands"), CASES)
def test_the_model_is_what_was_drawn(survey, bands):
    batch = clean(survey, bands, star, 6)
    made = pixel_batch(batch)
    fit = fit_stars(made, torch.zeros(len(made), 1, 2, dtype=torch.float64))
    count = (made.weight > 0).sum((1, 2, 3)).numpy()
    # Within five standard deviations of the noise: nothing is left of the star.
    error = np.sqrt(2 / count)
    assert np.abs((fit.chi2.numpy() / count - 1) / error).max() < 5
    np.testing.assert_allclose(fit.flux[..., 0].numpy(), fluxes(batch, made), rtol=0.05)
    width = made.fwhm.min().item()
    assert np.abs(fit.positions.numpy()).max() < 0.02 * width


@pytest.mark.parametrize(("survey", "bands"), CASES[:2])
def test_what_the_scan_finds_is_what_the_limit_says(survey, bands):
    batch = clean(survey, bands, pair, 12)
    limit = pair_detectability(
        batch, uncertainties=(None, PSFUncertainty(ellipticity=0.05, size=0.1)), chunk=5
    )
    assert (limit[:, 1] < limit[:, 0]).all()
    found = glrt(pixel_batch(batch)).statistic
    # The scan's statistic is d' with an error of one.
    assert np.mean(found - limit[:, 0]) == pytest.approx(0.2, abs=1.2)
    assert np.std(found - limit[:, 0]) < 2


def test_only_what_was_asked_for_is_judged():
    batch = clean("Pan-STARRS", ["g"], pair, 4)
    everything = pair_detectability(batch)[:, 0]
    some = pair_detectability(batch, [2, 0])[:, 0]
    np.testing.assert_allclose(some[[0, 2]], everything[[0, 2]], rtol=1e-3)
    assert np.isnan(some[[1, 3]]).all()
    truth = pair_truth(batch, [2], 1)
    assert truth["separation"][0].value == pytest.approx(batch.truth[2]["separation"])
    angle = truth["position_angle"][0].to_value("deg") % 360
    assert angle == pytest.approx(batch.truth[2]["position_angle"])
    assert np.isnan(pair_detectability(clean("HSCLA", ["i"], star, 2))).all()


def test_correlated_noise_counts_as_strong_as_a_matched_filter_finds_it():
    # Drawn as of the survey, not clean: all of 2MASS's noise is correlated.
    batch = simulate_batch(
        "2MASS", 150, np.random.default_rng(4), kinds="empty", bands=["J"],
        scenes=nothing, hips_share=0,
    )  # fmt: skip
    made = pixel_batch(batch, radius=6.0, reach=6.0)
    widths = [e.extra["correlation"] for f in batch.frames for e in f.exposures]
    assert min(widths) > 0.5
    middle = made.psf.shape[-1] // 2
    half = 5
    deviates = []
    for row in range(len(made)):
        x, y = made.origin[row, 0].round().long().tolist()
        step = made.oversampling
        span = slice(middle - half * step, middle + half * step + 1, step)
        psf = made.psf[row, 0, span, span]
        window = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
        weight, image = made.weight[row, 0][window], made.images[row, 0]
        if weight.shape != psf.shape or not (weight > 0).all():
            continue
        level = image[made.weight[row, 0] > 0].median()
        power = (psf.square() * weight).sum().sqrt()
        deviates.append(float((psf * weight * (image[window] - level)).sum() / power))
    assert len(deviates) > 50
    # Some stacks have cosmic rays and ghosts.
    assert mad_std(deviates) == pytest.approx(1, abs=0.3)


def test_what_a_reader_does_not_see_has_no_weight():
    batch = simulate_batch(
        "SDSS9", 24, np.random.default_rng(2), kinds="saturated", bands=["r", "i"]
    )
    made = pixel_batch(batch)
    assert torch.isfinite(made.images).all()
    assert torch.isfinite(made.weight).all()
    for frames in batch.frames:
        for number, e in enumerate(frames.exposures):
            low, high = frames.box(number)
            seen = ~frames.blank[number, low:high, low:high]
            weight = made.weight[e.stack, e.extra["number"]]
            assert 0 < (weight > 0).sum() <= seen.sum()


def test_rows_are_needed():
    with pytest.raises(ValueError, match="at least one row"):
        pixel_batch(clean("HSCLA", ["i"], star, 2), [])
