"""The visual task: pairs that an eye would see, against everything else."""

import numpy as np

from astro_vbinary.training.evaluation import (
    best_threshold,
    binomial_interval,
    classification_report,
)

__all__ = [
    "balanced",
    "by_survey",
    "finite",
    "part_of_task",
    "recall_threshold",
    "rows_for",
    "visible_row",
    "visual_rows",
]

#: Widest pair of the task, and closest neighbour of what is not a pair, in arcsec:
#: between them is the edge, which is reported apart.
EDGE = (2.4, 2.7)

#: Least detectability of a pair that an eye would see.
LEAST_D_PRIME = 8.0

#: Share of the pairs that the second threshold keeps.
RECALL = 0.95


def part_of_task(table):
    """What each stack is in the visual task.

    Parameters
    ----------
    table : dict of str to `~numpy.ndarray`
        Columns of the truth.

    Returns
    -------
    `~numpy.ndarray` of str
        ``pair`` (farther apart than one FWHM of the sharpest band, closer than 2.4
        arcsec, detectability above 8 for an eye that does not know the PSF),
        ``other`` (no pair and no neighbour within 2.7 arcsec), ``edge`` (a pair
        beyond 2.4 arcsec or a neighbour within 2.7) or ``none``.
    """
    label, separation = table["label"], table["separation"]
    with np.errstate(invalid="ignore"):
        seen = (
            (label == 1)
            & (separation > table["fwhm"])
            & (table["d_prime_eye"] > LEAST_D_PRIME)
        )
        close = (label == 0) & (table["nearest"] < EDGE[1])
        wide = seen & (separation >= EDGE[0])
    part = np.full(len(label), "none", dtype="U5")
    part[label == 0] = "other"
    part[seen] = "pair"
    part[wide | close] = "edge"
    return part


def balanced(table, *, need=()):
    """The rows of the task, as many pairs as others.

    Parameters
    ----------
    table : dict of str to `~numpy.ndarray`
        Truth and scores.
    need : sequence of str, optional
        Detectors that must have been asked.

    Returns
    -------
    `~numpy.ndarray` of int
        Rows, sorted: the first of each class.
    """
    part = part_of_task(table)
    good = table["usable"].copy()
    for name in need:
        good &= ~np.isnan(table[name])
    pairs = np.flatnonzero((part == "pair") & good)
    others = np.flatnonzero((part == "other") & good)
    count = min(len(pairs), len(others))
    return np.sort(np.concatenate([pairs[:count], others[:count]]))


def visible_row(test, group):
    """How many pairs an eye would see, and one that knew the PSFs.

    Parameters
    ----------
    test : dict of str to `~numpy.ndarray`
        The truth.
    group : int
        Resolution group.

    Returns
    -------
    dict
        ``n`` pairs farther apart than one FWHM and closer than 2.4 arcsec, and the
        shares whose d' is above 8.
    """
    with np.errstate(invalid="ignore"):
        both = np.isfinite(test["d_prime"]) & (test["separation"] < EDGE[0])
    return {
        "group": group,
        "n": int(both.sum()),
        "psf_unknown": float((test["d_prime_eye"][both] > LEAST_D_PRIME).mean()),
        "psf_known": float((test["d_prime"][both] > LEAST_D_PRIME).mean()),
    }


def rows_for(table, name, detectors):
    """The task's rows for one detector.

    Parameters
    ----------
    table : dict of str to `~numpy.ndarray`
        Truth and scores.
    name : str
        The detector.
    detectors : sequence of str
        All of them.

    Returns
    -------
    `~numpy.ndarray` of int
        The same for all but the scan, which is asked about part of them.
    """
    return balanced(table, need=[d for d in detectors if d != "glrt"] + [name])


def recall_threshold(scores, *, recall=RECALL):
    """The threshold that keeps a share of the pairs.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Of pairs.
    recall : float, optional
        The share.

    Returns
    -------
    float
        From there on it is a pair.
    """
    return float(np.quantile(scores, 1 - recall, method="lower"))


def visual_rows(validation, test, detectors):
    """Accuracy of every detector on the visual task of a group.

    Parameters
    ----------
    validation, test : dict of str to `~numpy.ndarray`
        Truth and scores; thresholds are set on the first.
    detectors : sequence of str
        The detectors.

    Returns
    -------
    rows : list of dict
        One a detector, on the same stacks, but for the scan on part of them.
    thresholds : dict of str to tuple of float
        That of the highest accuracy and that of recall 0.95, of each detector.
    """
    border = (part_of_task(test) == "edge") & test["usable"]
    rows, thresholds = [], {}
    for name in detectors:
        held, read = (rows_for(t, name, detectors) for t in (validation, test))
        edge = np.flatnonzero(border & ~np.isnan(test[name]))
        labels, scores = validation["label"][held], validation[name][held]
        threshold = best_threshold(labels, scores)
        keeping = recall_threshold(scores[labels == 1])
        thresholds[name] = threshold, keeping
        labels, scores = test["label"][read], test[name][read]
        report = classification_report(labels, finite(scores), threshold=threshold)
        right = (test[name][edge] >= threshold) == test["label"][edge]
        kept = int((scores[labels == 1] >= keeping).sum())
        wrong = int((scores[labels == 0] >= keeping).sum())
        row = {"detector": name, **report, "threshold": threshold}
        row |= {
            "edge_n": len(edge),
            "edge_accuracy": float(right.mean()) if len(edge) else np.nan,
            "threshold_95": keeping,
            "recall_95": kept / max(int((labels == 1).sum()), 1),
            "fpr_95": wrong / max(int((labels == 0).sum()), 1),
            "fpr_95_high": binomial_interval(wrong, int((labels == 0).sum()))[1],
        }
        rows.append(row)
    return rows, thresholds


def by_survey(test, detectors, thresholds):
    """Accuracy on the visual task, survey by survey.

    Parameters
    ----------
    test : dict of str to `~numpy.ndarray`
        Truth and scores.
    detectors : sequence of str
        The detectors.
    thresholds : dict of str to tuple of float
        As from `visual_rows`.

    Returns
    -------
    list of dict
        One a survey and detector.
    """
    rows = []
    for survey in sorted(set(test["survey"])):
        for name in detectors:
            read = rows_for(test, name, detectors)
            own = read[test["survey"][read] == survey]
            if not len(own):
                continue
            report = classification_report(
                test["label"][own],
                finite(test[name][own]),
                threshold=thresholds[name][0],
            )
            rows.append({"survey": str(survey), "detector": name, **report})
    return rows


def finite(scores):
    """Scores without infinities, in the same order.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Minus infinity where there is no verdict.

    Returns
    -------
    `~numpy.ndarray`
        The same, but the lowest number instead.
    """
    return np.clip(scores, -1e300, 1e300)
