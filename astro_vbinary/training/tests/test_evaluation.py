import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from astro_vbinary.training import (
    ScoredSet,
    best_threshold,
    binomial_interval,
    classification_report,
)
from astro_vbinary.training.evaluation import (
    bootstrap_interval,
    calibration_error,
    fit_temperature,
    reweighted_calibration_error,
    visual_task,
)

COUNTS = st.integers(0, 400).flatmap(
    lambda trials: st.tuples(st.integers(0, trials), st.just(trials))
)


@given(counts=COUNTS, level=st.sampled_from([0.68, 0.9, 0.95, 0.99]))
def test_intervals_are_exact(counts, level):
    successes, trials = counts
    low, high = binomial_interval(successes, trials, level=level)
    if not trials:
        assert (low, high) == (0, 1)
        return
    exact = stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert low <= successes / trials <= high


@pytest.mark.parametrize("counts", [(5, 4), (-1, 4)])
def test_impossible_counts_are_told(counts):
    with pytest.raises(ValueError, match=f"{counts[0]} successes of 4 trials"):
        binomial_interval(*counts)


def test_the_report_of_counts_made_by_hand():
    # Called pairs: 3 of the 4 pairs and 1 of the 6 others.
    labels = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    probability = [0.9, 0.8, 0.5, 0.3, 0.6, 0.4, 0.2, 0.1, 0.1, 0.0]
    report = classification_report(labels, probability)
    assert (report["n"], report["n_binary"], report["threshold"]) == (10, 4, 0.5)
    assert report["accuracy"] == 8 / 10
    assert (report["precision_1"], report["recall_1"]) == (3 / 4, 3 / 4)
    assert report["f1_1"] == pytest.approx(3 / 4)
    assert (report["precision_0"], report["recall_0"]) == (5 / 6, 5 / 6)
    interval = report["accuracy_low"], report["accuracy_high"]
    assert interval == binomial_interval(8, 10)
    # Of 24 pairs of a pair and another, the pair has the higher probability in 21.
    assert report["roc_auc"] == pytest.approx(21 / 24)


def test_a_threshold_moves_the_calls_and_not_the_area():
    labels, probability = [1, 1, 0, 0], [0.9, 0.6, 0.55, 0.1]
    low, high = (
        classification_report(labels, probability, threshold=t) for t in (0.5, 0.8)
    )
    assert (low["recall_1"], high["recall_1"]) == (1.0, 0.5)
    assert (low["recall_0"], high["recall_0"]) == (0.5, 1.0)
    assert low["roc_auc"] == high["roc_auc"] == 1.0


def test_what_is_not_defined_is_nan():
    report = classification_report([1, 1], [0.1, 0.2])
    for name in ("precision_1", "recall_0", "f1_1", "roc_auc"):
        assert np.isnan(report[name]), name
    assert (report["accuracy"], report["recall_1"]) == (0, 0)


@pytest.mark.parametrize(("labels", "probability"), [([], []), ([1], [0.1, 0.2])])
def test_arrays_that_do_not_fit_are_told(labels, probability):
    with pytest.raises(ValueError, match="do not fit"):
        classification_report(labels, probability)


def test_the_area_counts_ties_as_halves():
    report = classification_report([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5])
    assert report["roc_auc"] == 0.5


def test_calibration_error():
    rng = np.random.default_rng(1)
    probability = rng.uniform(size=40_000)
    honest = rng.random(probability.size) < probability
    assert calibration_error(honest, probability) < 0.02
    assert calibration_error(np.zeros(100), np.full(100, 0.9)) == pytest.approx(0.9)
    assert calibration_error([1, 1], [1.0, 1.0]) == 0


@pytest.mark.parametrize(("temperature", "bias"), [(1, 0), (2.5, 0.7), (0.4, -1.0)])
def test_a_temperature_and_a_bias_are_recovered(temperature, bias):
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, 40_000)
    true = 1 / (1 + np.exp(-(logits / temperature + bias)))
    labels = (rng.random(logits.size) < true).astype(int)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx((temperature, bias), rel=0.05, abs=0.05)
    fitted = 1 / (1 + np.exp(-(logits / found[0] + found[1])))
    assert calibration_error(labels, fitted) < 0.02


def test_a_calibration_error_at_another_prevalence():
    rng = np.random.default_rng(3)
    evidence = rng.normal(0, 1, 60_000)
    labels = (rng.random(evidence.size) < 0.5).astype(int)
    # Unit normals one apart: the log likelihood ratio is the evidence less a half.
    evidence += labels
    for prevalence in (0.02, 0.1, 0.5):
        odds = np.exp(evidence - 0.5) * prevalence / (1 - prevalence)
        probability = odds / (1 + odds)
        assert reweighted_calibration_error(labels, probability, prevalence) < 0.01
    off = reweighted_calibration_error(labels, np.full(len(labels), 0.5), 0.02)
    assert off == pytest.approx(0.48)
    even = calibration_error(labels, probability)
    same = reweighted_calibration_error(labels, probability, labels.mean())
    assert same == pytest.approx(even)


def truth(label, separation=1.5, difference=1.0, signal=100.0, nearest=np.nan):
    if not label:
        separation = difference = signal = float("nan")
    return {
        "label": label,
        "separation": separation,
        "fwhm": 1.0,
        "signal": signal,
        "magnitude_difference": difference,
        "nearest": nearest,
    }


def test_the_visual_task_is_what_an_eye_could_judge_in_balance():
    rows = [
        truth(1),
        truth(0),
        truth(1, separation=1.0),
        truth(1, separation=2.4),
        truth(0, nearest=2.6),
        truth(0, nearest=2.8),
        # A companion of a signal-to-noise ratio of 7.9, and of 8.1.
        truth(1, difference=2.5, signal=79.0),
        truth(1, difference=2.5, signal=81.0),
        truth(0),
        truth(1, separation=1.01),
    ]
    data = ScoredSet(np.zeros((len(rows), 2)), rows)
    assert list(visual_task(data)) == [0, 1, 5, 7, 8, 9]
    assert data.labels[visual_task(data)].sum() == 3


@given(shift=st.floats(-1.5, 1.5), seed=st.integers(0, 100))
def test_the_best_threshold_is_where_either_label_is_as_likely(shift, seed):
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 2.5, 8000)
    labels = rng.random(8000) < 1 / (1 + np.exp(-logit))
    shown = 1 / (1 + np.exp(-(logit + shift)))
    found = best_threshold(labels, shown, errors=1)
    assert np.log(found / (1 - found)) == pytest.approx(shift, abs=0.35)


def test_the_best_threshold_parts_what_can_be_parted():
    for errors in (0, 1):
        found = best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], errors=errors)
        assert found == pytest.approx(0.4)


def test_no_threshold_is_better_than_the_best():
    rng = np.random.default_rng(1)
    for number in range(30):
        labels = rng.integers(0, 2, 40)
        scores = np.round(rng.normal(labels, 1), 1)
        if number % 3 == 0:
            scores[rng.random(40) < 0.2] = -np.inf
        found = best_threshold(labels, scores)
        right = ((scores >= found) == labels).mean()
        tried = [((scores >= t) == labels).mean() for t in [*scores, np.inf]]
        assert right == max(tried)


def test_a_bootstrap_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for seed in range(60):
        p = rng.random(150)
        labels = (rng.random(150) < p).astype(int)
        low, high = bootstrap_interval(lambda y, _: y.mean(), labels, p, seed=seed)
        covered += low <= 0.5 <= high
    # Also of what noise makes larger, the distance of probabilities from frequencies.
    error = calibration_error(labels, p)
    low, high = bootstrap_interval(calibration_error, labels, p)
    assert low < error < high
    # 95 % of 60 are 57, with a standard deviation of 1.7.
    assert covered >= 51
