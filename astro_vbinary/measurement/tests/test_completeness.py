import astropy.units as u
import numpy as np
import pytest
from scipy import stats

from astro_vbinary.measurement import (
    GLRT_THRESHOLDS,
    Injector,
    calibrate_threshold,
    completeness_map,
    d_prime_at,
    detectability,
    efficiency,
    efficiency_eta,
    glrt,
    point_source_snr,
)
from astro_vbinary.measurement.tests.helpers_pairs import make_batch
from astro_vbinary.measurement.thresholds import binomial_interval


def statistic(batch):
    return glrt(batch).statistic


def test_threshold_leaves_the_rate_above():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=20_000)
    scores[::100] = np.nan
    found = calibrate_threshold(scores, 1e-2)
    assert found.n == 19_800
    assert (scores > found.value).sum() == 198
    assert found.low < stats.norm.isf(1e-2) < found.high
    assert found.rate_low < 1e-2 < found.rate_high


def test_interval_of_the_threshold_covers_as_often_as_it_says():
    rng = np.random.default_rng(2)
    truth = stats.norm.isf(1e-2)
    found = [calibrate_threshold(rng.normal(size=1000), 1e-2) for _ in range(300)]
    share = np.mean([f.low <= truth <= f.high for f in found])
    assert 0.91 < share < 0.995


def test_too_few_singles_are_refused():
    with pytest.raises(ValueError, match="need at least 1000"):
        calibrate_threshold(np.zeros(900), 1e-3)
    with pytest.raises(ValueError, match="between 0 and 1, not 2"):
        calibrate_threshold(np.zeros(900), 2)


def test_interval_of_a_proportion():
    low, high = binomial_interval([0, 95, 100], [100, 100, 100])
    assert np.allclose(low, [0, 0.887, 0.9638], atol=1e-3)
    assert np.allclose(high, [0.0362, 0.984, 1], atol=1e-3)
    with pytest.raises(ValueError, match="3 successes of 2"):
        binomial_interval(3, 2)


def test_injected_pair_has_the_companion_asked_for(ground):
    rng = np.random.default_rng(3)
    singles, _ = make_batch(*ground, 5, snr=200, ratio=0.0, separation=0, rng=rng)
    inject = Injector(singles)
    snr = point_source_snr(singles, inject.flux.numpy())[:, 0]
    assert np.allclose(snr, 200, atol=5)
    pairs = inject(1.5 * u.arcsec, 1.0 * u.mag, 10, rng)
    assert len(pairs) == 10
    found = glrt(pairs)
    assert np.allclose(found.separation, 1.5 * u.arcsec, atol=0.1 * u.arcsec)
    assert np.allclose(found.flux_ratio, 10**-0.4, atol=0.05)


def test_companion_brings_its_own_photon_noise(ground):
    rng = np.random.default_rng(4)
    singles, _ = make_batch(*ground, 1, snr=500, ratio=0.0, separation=0, rng=rng)
    quiet, loud = Injector(singles), Injector(singles, gain=1.0)
    place = (1.2 * u.arcsec, 0.0 * u.mag, 200)
    without, noisy = quiet(*place, rng), loud(*place, rng)
    assert np.isclose(without.weight.sum(), singles.weight.sum() * 200, rtol=1e-5)
    # Whatever the angle, the difference has the variance that the weights say.
    pull = (noisy.images - without.images).std(0)
    assert noisy.weight.mean() < without.weight.mean()
    assert pull.max() > 3


def test_map_of_the_likelihood_ratio_follows_the_limit(ground):
    rng = np.random.default_rng(5)
    singles, _ = make_batch(*ground, 20, snr=60, ratio=0.0, separation=0, rng=rng)
    apart, faint = [0.3, 1.0, 2.0] * u.arcsec, [0.0, 3.0] * u.mag
    found = completeness_map(
        statistic,
        Injector(singles),
        apart,
        faint,
        threshold=GLRT_THRESHOLDS[1e-2],
        rng=rng,
        trials=40,
    )
    share = found.completeness
    assert share.shape == (3, 2)
    assert (np.diff(share[:, 0]) >= 0).all()
    assert share[2, 0] == 1
    assert (share[:, 1] <= share[:, 0]).all()
    inject = Injector(singles)
    flux = inject.flux.numpy()[:, :, None] * [1.0, 10 ** (-0.4 * 3.0)]
    d = detectability(singles, np.full(20, 2.0) * u.arcsec, np.zeros(20) * u.deg, flux)
    expected = stats.norm.cdf(d.mean() - GLRT_THRESHOLDS[1e-2])
    low, high = found.interval(level=0.999)
    assert low[2, 1] < expected < high[2, 1]
    table = found.to_table()
    assert len(table) == 6
    assert table["separation"].unit == u.arcsec
    assert "3 separations" in repr(found)


def test_detector_must_score_every_pair(ground):
    rng = np.random.default_rng(5)
    singles, _ = make_batch(*ground, 2, snr=60, ratio=0.0, separation=0, rng=rng)
    with pytest.raises(ValueError, match="must return 4 scores"):
        completeness_map(
            lambda batch: [1.0],
            Injector(singles),
            1 * u.arcsec,
            1 * u.mag,
            threshold=0,
            rng=rng,
            trials=4,
        )


def test_half_of_the_pairs_are_found_where_they_are():
    rng = np.random.default_rng(6)
    d = rng.uniform(0, 10, 4000)
    found = d + rng.normal(size=4000) > 4.4
    assert d_prime_at(d, found) == pytest.approx(4.4, abs=0.15)
    assert d_prime_at(d, found, completeness=0.9) == pytest.approx(5.68, abs=0.3)
    assert np.isnan(d_prime_at(d, np.zeros(4000, dtype=bool)))
    with pytest.raises(ValueError, match="do not fit"):
        d_prime_at(d, found[:10])


def test_efficiency_of_a_detector_that_wastes_half_of_the_exposure():
    rng = np.random.default_rng(7)
    d = rng.uniform(0, 12, 4000)
    found = d / np.sqrt(2) + rng.normal(size=4000) > stats.norm.isf(1e-3)
    score = efficiency(d, found, rng=rng, resamples=100)
    assert score.low < 0.5 < score.high
    assert score.eta == pytest.approx(0.5, abs=0.06)
    assert score.limit == pytest.approx(3.09, abs=0.01)
    against_scan = efficiency(d, found, rng=rng, resamples=20, limit=4.4)
    assert against_scan.eta == pytest.approx(efficiency_eta(4.4, score.d_prime))
