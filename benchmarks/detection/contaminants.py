"""False positives: isolated single stars, and every kind of thing that is no pair."""

import numpy as np

from astro_vbinary.training.evaluation import binomial_interval
from benchmarks.detection.visual import EDGE, LEAST_D_PRIME

__all__ = ["kind_rows", "orion_rows", "single_rows"]


def single_rows(table, detectors, thresholds, group):
    """False positives on isolated single stars.

    Parameters
    ----------
    table : dict of str to `~numpy.ndarray`
        Truth and scores of single stars.
    detectors : sequence of str
        The detectors.
    thresholds : dict of str to tuple of float
        As from `~benchmarks.detection.visual.visual_rows`; those of recall 0.95 are
        used.
    group : int
        Resolution group.

    Returns
    -------
    list of dict
        One a detector.
    """
    everything = np.ones(len(table["label"]), dtype=bool)
    return [
        {"group": group, "kind": "single"} | _count(table, name, thresholds, everything)
        for name in detectors
    ]


def kind_rows(table, detectors, thresholds, group):
    """False positives in each class of contaminants.

    Parameters
    ----------
    table, detectors, thresholds, group
        As for `single_rows`.

    Returns
    -------
    list of dict
        One a kind and detector; stacks with a neighbour within 2.7 arcsec do not
        count.
    """
    with np.errstate(invalid="ignore"):
        clear = ~(table["nearest"] < EDGE[1])
    rows = []
    for kind in sorted(set(table["kind"])):
        chosen = clear & (table["kind"] == kind)
        rows += [
            {"group": group, "kind": str(kind)}
            | _count(table, name, thresholds, chosen)
            for name in detectors
        ]
    return rows


def orion_rows(table, detectors, thresholds, group):
    """Recall on pairs as they are found around young stars.

    The thresholds are those of the highest accuracy on the visual task.

    Parameters
    ----------
    table, detectors, thresholds, group
        As for `single_rows`.

    Returns
    -------
    list of dict
        One a detector and part of the population: ``all`` pairs, ``resolved`` (farther
        apart than one FWHM) and ``visible`` (resolved, detectability above 8).
    """
    resolved = table["separation"] > table["fwhm"]
    parts = {
        "all": np.ones(len(resolved), dtype=bool),
        "resolved": resolved,
        "visible": resolved & (table["d_prime_eye"] > LEAST_D_PRIME),
    }
    rows = []
    for part, chosen in parts.items():
        for name in detectors:
            made = _count(table, name, thresholds, chosen, which=0)
            made = {key.replace("fpr", "recall"): v for key, v in made.items()}
            rows.append({"group": group, "pairs": part} | made)
    return rows


def _count(table, name, thresholds, chosen, *, which=1):
    asked = chosen & table["usable"] & ~np.isnan(table[name])
    n = int(asked.sum())
    found = int((table[name][asked] >= thresholds[name][which]).sum())
    low, high = binomial_interval(found, n)
    return {
        "detector": name,
        "n": n,
        "called": found,
        "fpr": found / n if n else np.nan,
        "fpr_low": low,
        "fpr_high": high,
    }
