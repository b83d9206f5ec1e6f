"""Completeness against separation at one false-positive rate, and the efficiency."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from astro_vbinary.measurement import (
    GLRT_THRESHOLDS,
    calibrate_threshold,
    clairvoyant_bound,
    d_prime_at,
    efficiency,
)
from astro_vbinary.training.evaluation import binomial_interval
from benchmarks.detection.sets import SEPARATIONS

__all__ = ["RATE", "Curves", "measure"]

#: False-positive rate of the curves.
RATE = 1e-3

#: Name of the network and the scan together.
BOTH = "network+glrt"

#: Confidence with which a detector must be above the bound to be told so: there are
#: hundreds of comparisons.
SURE = 0.999

#: Pairs of the validation set that have a say in how the two are combined: those that
#: one may find and miss.
HARD = (1.5, 12.0)


@dataclass
class Curves:
    """The curves of one survey.

    Attributes
    ----------
    rows : list of dict
        One a detector and separation; the detector ``bound`` is the limit.
    summary : list of dict
        One a detector: threshold, false-positive rate on the test stars, efficiency.
    above : list of dict
        Rows whose completeness is above the bound beyond its interval: none.
    """

    rows: list
    summary: list
    above: list


def measure(survey, tables, detectors, *, rate=RATE, seed=1):
    """Thresholds, completeness and efficiency of all detectors for one survey.

    Parameters
    ----------
    survey : str
        Its name.
    tables : dict of str to dict
        ``stars-validation``, ``pairs-validation``, ``stars-test``, ``pairs-test``:
        truth and scores.
    detectors : sequence of str
        The detectors.
    rate : float, optional
        False-positive rate; one that `GLRT_THRESHOLDS` has.
    seed : int, optional
        Of the bootstrap.

    Returns
    -------
    Curves
        Of the test set, at thresholds of the validation set.
    """
    names = list(detectors)
    if "network" in names and "glrt" in names:
        weights = _fit_both(tables["stars-validation"], tables["pairs-validation"])
        for table in tables.values():
            table[BOTH] = _combine(table, weights)
        names.append(BOTH)
    pairs, stars = tables["pairs-test"], tables["stars-test"]
    nearest = np.array(SEPARATIONS)
    apart = pairs["separation"] / pairs["fwhm"]
    place = np.abs(apart[:, None] - nearest).argmin(1)
    curves = Curves([], [], [])
    bound = clairvoyant_bound(pairs["d_prime"], rate)
    means = {}
    for step in np.unique(place):
        own = pairs["usable"] & (place == step)
        means[step] = float(bound[own].mean())
        base = {"survey": survey, "separation": float(nearest[step])}
        base |= {"d_prime": float(np.median(pairs["d_prime"][own]))}
        curves.rows.append(
            base | {"detector": "bound", "n": int(own.sum()), "found": -1}
            | {"completeness": means[step], "low": np.nan, "high": np.nan}
        )  # fmt: skip
    for name in names:
        held = tables["stars-validation"][name]
        held = held[tables["stars-validation"]["usable"] & ~np.isnan(held)]
        if len(held) * rate < 1:
            continue
        threshold = calibrate_threshold(held, rate)
        asked = stars["usable"] & ~np.isnan(stars[name])
        wrong, total = int((stars[name][asked] > threshold.value).sum()), asked.sum()
        low, high = binomial_interval(wrong, int(total))
        judged = pairs["usable"] & ~np.isnan(pairs[name])
        found = pairs[name] > threshold.value
        row = {
            "survey": survey, "detector": name, "threshold": threshold.value,
            "n_threshold": threshold.n, "fpr": wrong / max(int(total), 1),
            "fpr_low": low, "fpr_high": high, "n_fpr": int(total),
        }  # fmt: skip
        row |= _efficiencies(pairs, found, judged, rate, seed)
        for step in np.unique(place):
            own = judged & (place == step)
            hits, n = int(found[own].sum()), int(own.sum())
            low, high = binomial_interval(hits, n)
            made = {
                "survey": survey, "separation": float(nearest[step]), "detector": name,
                "n": n, "found": hits, "completeness": hits / n if n else np.nan,
                "low": low, "high": high,
                "d_prime": float(np.median(pairs["d_prime"][own])) if n else np.nan,
            }  # fmt: skip
            curves.rows.append(made)
            sure = binomial_interval(hits, n, level=SURE)[0]
            if n and sure > means[step]:
                curves.above.append(made | {"bound": means[step]})
        row["half_at"] = _half(curves.rows, name, survey)
        curves.summary.append(row)
    return curves


def _efficiencies(pairs, found, judged, rate, seed):
    """Against the scan's limit, the clairvoyant one, and with the PSF unknown."""
    made = {}
    for key, column, limit in (
        ("eta", "d_prime", GLRT_THRESHOLDS[rate]),
        ("eta_clairvoyant", "d_prime", None),
        ("eta_unknown_psf", "d_prime_eye", GLRT_THRESHOLDS[rate]),
    ):
        seen = np.isfinite(pairs[column]) & judged
        if np.isnan(d_prime_at(pairs[column][seen], found[seen])):
            # Half is never found.
            made |= dict.fromkeys((key, f"{key}_low", f"{key}_high"), np.nan)
            made.setdefault("d_prime_half", np.nan)
            continue
        value = efficiency(
            pairs[column][seen],
            found[seen],
            false_positive_rate=rate,
            limit=limit,
            rng=np.random.default_rng(seed),
            resamples=200,
        )
        made |= {key: value.eta, f"{key}_low": value.low, f"{key}_high": value.high}
        if key == "eta":
            made["d_prime_half"] = value.d_prime
    return made


def _half(rows, name, survey):
    """Separation in FWHM from which half of the pairs are found."""
    own = [r for r in rows if r["detector"] == name and r["survey"] == survey]
    apart = np.array([r["separation"] for r in own])
    share = np.array([r["completeness"] for r in own])
    below = np.flatnonzero(share < 0.5)
    if not len(below):
        return float(apart[0])
    last = below[-1]
    if last == len(own) - 1:
        return np.nan
    part = (0.5 - share[last]) / (share[last + 1] - share[last])
    return float(apart[last] + part * (apart[last + 1] - apart[last]))


def _features(table):
    """A constant, the network's logit, and the scan's root and ratio."""
    network, root = np.clip(table["network"], -40, 40), np.clip(table["glrt"], 0, 30)
    return np.stack(
        [np.ones_like(root), network / 5, root / 5, (root / 5) ** 2], axis=1
    )


def _fit_both(stars, pairs):
    """Weights of the features by maximum likelihood, with a slight prior."""
    parts, labels = [], []
    for table, label in ((stars, 0.0), (pairs, 1.0)):
        good = (
            table["usable"] & np.isfinite(table["network"]) & np.isfinite(table["glrt"])
        )
        if label:
            good &= (table["d_prime"] > HARD[0]) & (table["d_prime"] < HARD[1])
        parts.append(_features(table)[good])
        labels.append(np.full(int(good.sum()), label))
    design, wanted = np.concatenate(parts), np.concatenate(labels)

    def loss(weights):
        z = design @ weights
        return np.mean(np.logaddexp(0, z) - wanted * z) + 1e-4 * (weights**2).sum()

    return optimize.minimize(loss, np.zeros(design.shape[1])).x


def _combine(table, weights):
    found = _features(table) @ weights
    asked = np.isnan(table["network"]) | np.isnan(table["glrt"])
    return np.where(asked, np.nan, found)
