"""One probability out of several surveys: physics, calibration, tempering."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.pipeline import Look, PairPlace, PairPopulation, fuse_looks
from astro_vbinary.pipeline.fusion import (
    calibrated_share,
    default_population,
    fit_ratio,
    join_ratios,
    pair_ratio,
)

HALF = PairPopulation([0.5], [0.3], [1.0])
HST, PS1, MASS = 0.08, 1.1, 3.0


def look(ratio, fwhm=HST, snr=200):
    return Look(ratio=ratio, fwhm=fwhm, snr=snr)


def test_a_blurred_non_detection_says_nothing_of_a_close_pair_a_sharp_one_does():
    prior = 0.3
    blurred = fuse_looks([look(0.0, MASS)], prevalence=prior, population=HALF)
    sharp = fuse_looks([look(0.0, HST)], prevalence=prior, population=HALF)
    assert blurred == pytest.approx(prior, abs=0.01)
    assert sharp < 0.001
    wide = PairPopulation([2.4], [0.3], [1.0])
    near_the_limit = fuse_looks([look(0.0, MASS)], prevalence=prior, population=wide)
    assert near_the_limit < 0.001


def test_a_blurred_non_detection_does_not_weaken_a_sharp_detection():
    place = PairPlace(look=0, separation=0.5, separation_error=0.01)
    alone = fuse_looks([look(100)], place=place)
    both = fuse_looks([look(100), look(0.0, MASS)], place=place)
    assert both == pytest.approx(alone, rel=0.02)
    # At 2 arcsec it should have seen the pair too.
    place = PairPlace(
        look=0,
        separation=2.3,
        separation_error=0.01,
        magnitude_difference=0.5,
        magnitude_difference_error=0.05,
    )
    refuted = fuse_looks([look(100), look(0.0, 1.0)], place=place)
    assert refuted < 0.2 * fuse_looks([look(100)], place=place)


def test_a_sharp_non_detection_refutes_a_blurred_detection_of_what_it_would_see():
    place = PairPlace(look=0, separation=1.2, separation_error=0.05)
    blurred = look(300, PS1)
    alone = fuse_looks([blurred], prevalence=0.3, place=place)
    assert alone > 0.9
    assert fuse_looks([blurred, look(0.0)], prevalence=0.3, place=place) < 0.3


def test_one_survey_alone_gives_its_own_probability_back():
    # Where the population is that of the calibration.
    population = PairPopulation.log_uniform()
    share = float(population.weight @ population.detected(PS1, 200))
    for p in (0.3, 0.6, 0.95):
        ratio = pair_ratio(p, 0.5, share)
        alone = fuse_looks([look(ratio, PS1)], prevalence=0.5)
        if ratio > 1e-3:
            assert alone == pytest.approx(p, abs=1e-6)
        else:
            assert alone == pytest.approx((1 - share) / (2 - share), abs=1e-3)


def test_surveys_that_could_see_nothing_change_nothing():
    nothing = look(50.0, fwhm=8.0, snr=10)
    alone = fuse_looks([look(20)])
    assert fuse_looks([nothing]) == pytest.approx(0.02, abs=1e-3)
    assert fuse_looks([look(20), nothing]) == pytest.approx(alone, rel=0.01)
    assert np.isnan(fuse_looks([]))


def test_several_weak_surveys_are_no_certainty():
    weak = [look(3.0)] * 6
    odds = [
        p / (1 - p)
        for p in (fuse_looks(weak, population=HALF, correlation=c) for c in (0.0, 0.3))
    ]
    base = 0.02 / 0.98
    assert odds[0] / base == pytest.approx(3**6, rel=1e-3)
    # Six equal ones count as 6 / (1 + 5 * 0.3).
    assert odds[1] / base == pytest.approx(3 ** (6 / 2.5), rel=1e-3)


def test_looks_are_worth_the_same_in_any_order():
    looks = [look(3.0), look(0.2, PS1), look(40, 0.5)]
    assert fuse_looks(looks) == pytest.approx(fuse_looks(looks[::-1]))


@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.floats(0.05, 4), st.floats(5, 3000)),
        min_size=1,
        max_size=5,
    ),
    st.floats(0.001, 0.9),
)
def test_it_is_a_probability_and_rises_with_the_evidence(entries, prevalence):
    looks = [look(*entry) for entry in entries]
    p = fuse_looks(looks, prevalence=prevalence, correlation=0.0)
    assert 0 <= p <= 1
    more = [look(looks[0].ratio * 2 + 0.1, looks[0].fwhm, looks[0].snr), *looks[1:]]
    assert fuse_looks(more, prevalence=prevalence, correlation=0.0) >= p - 1e-9


def evidence(rng, shown, strength=1.5, common=None, rho=0.0):
    """Log ratios for looks that are shown (True) a pair or one star."""
    noise = rng.normal(size=shown.shape)
    if common is not None:
        noise = np.sqrt(1 - rho) * noise + np.sqrt(rho) * common
    x = noise + strength * shown
    return strength * x - strength**2 / 2


def reliability(p, truth, edges=(0, 0.1, 0.15, 0.3, 0.6, 0.9, 1.01)):
    """Mean probability, share of pairs and its error, in bins."""
    for low, high in itertools.pairwise(edges):
        here = (p >= low) & (p < high)
        if here.sum() >= 100:
            share = truth[here].mean()
            error = np.sqrt(p[here].mean() * (1 - p[here].mean()) / here.sum())
            yield p[here].mean(), share, error


def test_it_is_calibrated_on_outcomes_of_its_own_model():
    rng = np.random.default_rng(1)
    population, prevalence, n = default_population(), 0.2, 6000
    surveys = [(MASS, 100), (PS1, 60), (0.6, 300), (HST, 40)]
    cell = rng.choice(len(population), n, p=population.weight)
    pair = rng.random(n) < prevalence
    logs = []
    for fwhm, snr in surveys:
        shown = pair & (rng.random(n) < population.detected(fwhm, snr)[cell])
        logs.append(evidence(rng, shown, 2.5))
    p = np.array(
        [
            fuse_looks(
                [look(np.exp(row[i]), *surveys[i]) for i in range(len(surveys))],
                prevalence=prevalence,
                correlation=0.0,
            )
            for row in np.transpose(logs)
        ]
    )
    bins = list(reliability(p, pair))
    assert len(bins) >= 4
    for mean, share, error in bins:
        assert abs(mean - share) < 4 * error + 0.01


def test_shared_errors_need_the_temper():
    rng = np.random.default_rng(2)
    n, rho, prevalence = 8000, 0.3, 0.3
    pair = rng.random(n) < prevalence
    common = rng.normal(size=n)
    logs = np.transpose([evidence(rng, pair, 1.0, common, rho) for _ in range(5)])

    def worst(correlation):
        p = np.array(
            [
                fuse_looks(
                    [look(np.exp(value)) for value in row],
                    prevalence=prevalence,
                    population=HALF,
                    correlation=correlation,
                )
                for row in logs
            ]
        )
        return max(abs(mean - share) for mean, share, _ in reliability(p, pair))

    assert 2 * worst(rho) < worst(0.0)


def test_ratios_of_verdicts_and_fits():
    assert pair_ratio(0.5, 0.5, 0.9) == pytest.approx(1)
    assert pair_ratio(0.0, 0.5, 0.9) == 1e-3
    assert pair_ratio(1.0, 0.5, 0.9) == 1e3
    assert pair_ratio(0.9, 0.5, 1.0) == pytest.approx(9)
    with pytest.raises(ValueError, match=r"prior must be between 0 and 1, not 1\.5"):
        pair_ratio(0.5, 1.5, 0.9)
    values = [fit_ratio(p) for p in (0, 1e-4, 1e-2, 0.1, 0.37, 0.5, 0.9, 1.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1e3
    assert values[-1] == 1e-3
    assert fit_ratio(np.exp(-1) * 0.999999) == pytest.approx(1, abs=1e-3)
    assert join_ratios(10, 1) < 10
    assert 10 < join_ratios(10, 10) < 100
    assert 0.5 < calibrated_share(1.02) < 1


def test_populations_are_checked():
    with pytest.raises(ValueError, match="one shape"):
        PairPopulation([1.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="finite and not negative"):
        PairPopulation([-1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="all be zero"):
        PairPopulation([1.0], [1.0], [0.0])
    with pytest.raises(ValueError, match="prevalence must be between 0 and 1"):
        fuse_looks([look(1)], prevalence=0)
    with pytest.raises(ValueError, match="correlation must be from 0"):
        fuse_looks([look(1)], correlation=1)
