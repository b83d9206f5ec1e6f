"""Reports of scored stacks: Table 2 of the paper with an interval for every figure."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from astro_vbinary.training.curves import average_precision, source_interval
from astro_vbinary.training.evaluation import (
    binomial_interval,
    calibration_error,
    classification_report,
    reweighted_calibration_error,
    roc_area,
)
from astro_vbinary.training.tuning import score_stacks

__all__ = [
    "EvaluatedStacks",
    "evaluate_weights",
    "make_report",
    "report_parts",
    "report_scores",
]

#: Edges of the parts by brightest pixel over noise, and by separation in arcsec.
PEAKS = (0, 10, 30, 100, 300, np.inf)
SEPARATIONS = (0, 0.3, 0.6, 1.0, 1.5, 2.5)


@dataclass(frozen=True)
class EvaluatedStacks:
    """What a set of weights says of labelled stacks.

    Attributes
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        The weights.
    stacks : LabelledStacks
        The stacks.
    scores : `~numpy.ndarray`
        Shape (n, 2), before the softmax.
    peak : `~numpy.ndarray`
        Shape (n,): largest signal within 2.5 arcsec in units of the noise.
    """

    card: object
    stacks: object
    scores: np.ndarray
    peak: np.ndarray

    @property
    def probability(self):
        """Calibrated probability of a pair; shape (n,), float64."""
        return self.card.probability(self.scores)

    @property
    def called(self):
        """Whether each stack is called a pair; shape (n,), bool."""
        return self.probability >= self.card.threshold

    @property
    def decided(self):
        """Stacks whose label is not one half; shape (n,), bool."""
        return self.stacks.labels != 0.5

    @property
    def wrong(self):
        """Places of the stacks that it got wrong, the surest first; int."""
        off = self.decided & (self.called != (self.stacks.labels > 0.5))
        index = np.flatnonzero(off)
        return index[np.argsort(-np.abs(self.probability[index] - 0.5))]


def evaluate_weights(card, network, stacks):
    """Score labelled stacks.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        The weights' card.
    network : `~astro_vbinary.classification.BinaryNet`
        With the weights.
    stacks : LabelledStacks
        On the card's grid.

    Returns
    -------
    EvaluatedStacks
        The scores.
    """
    scores, peak = score_stacks(
        network,
        stacks,
        np.arange(len(stacks)),
        card.preprocessing,
        symmetries=card.symmetries,
    )
    return EvaluatedStacks(card, stacks, scores, peak)


def _f1(labels, called, kind):
    hits = ((called == kind) & (labels == kind)).sum()
    below = (called == kind).sum() + (labels == kind).sum()
    return 2 * hits / below if below else float("nan")


def make_report(evaluated, index, *, prevalences=()):
    """All figures of some stacks.

    Parameters
    ----------
    evaluated : EvaluatedStacks
        Scored stacks.
    index : `~numpy.ndarray` of int
        Which; those whose label is one half are left out.
    prevalences : sequence of float, optional
        Shares of pairs at which precision and calibration are given too.

    Returns
    -------
    dict or None
        As of `classification_report`, with ``confusion`` entries ``tn``, ``fp``,
        ``fn``, ``tp``, bootstrap intervals of F1 and the areas, calibration error;
        None where nothing is left.
    """
    index = np.asarray(index, dtype=int)
    index = index[evaluated.decided[index]]
    if not len(index):
        return None
    labels = (evaluated.stacks.labels[index] > 0.5).astype(int)
    probability = evaluated.probability[index]
    called = evaluated.called[index].astype(int)
    sources = [evaluated.stacks.sources[i] for i in index]
    report = classification_report(
        labels, probability, threshold=evaluated.card.threshold
    )
    report["n_sources"] = len(set(sources))
    for name, kind, said in (("tn", 0, 0), ("fp", 0, 1), ("fn", 1, 0), ("tp", 1, 1)):
        report[name] = int(((labels == kind) & (called == said)).sum())
    for kind in (0, 1):
        report |= _bounded(
            f"f1_{kind}",
            lambda a, b, kind=kind: _f1(a, b, kind),
            sources,
            labels,
            called,
        )
    if 0 < labels.mean() < 1:
        report |= _bounded("roc_auc", roc_area, sources, labels, probability)
        report |= _bounded(
            "average_precision", average_precision, sources, labels, probability
        )
        report |= _bounded(
            "calibration_error", calibration_error, sources, labels, probability
        )
        for prevalence in prevalences:
            report |= _at_prevalence(evaluated, index, labels, called, prevalence)
    return report


def _bounded(name, measure, sources, *arrays):
    low, high = source_interval(measure, sources, *arrays)
    return {name: float(measure(*arrays)), f"{name}_low": low, f"{name}_high": high}


def _at_prevalence(evaluated, index, labels, called, prevalence):
    """Figures where a share of the stacks are pairs."""
    stem = f"at_{100 * prevalence:g}"
    sources = [evaluated.stacks.sources[i] for i in index]
    probability = evaluated.card.probability(evaluated.scores[index], prior=prevalence)

    def area(labels, probability):
        return average_precision(labels, probability, prevalence=prevalence)

    def error(labels, probability):
        if not 0 < labels.mean() < 1:
            return float("nan")
        return reweighted_calibration_error(labels, probability, prevalence)

    return (
        _precision_at(f"precision_1_{stem}", labels, called, prevalence)
        | _bounded(f"average_precision_{stem}", area, sources, labels, probability)
        | _bounded(f"calibration_error_{stem}", error, sources, labels, probability)
    )


def _precision_at(name, labels, called, prevalence):
    """Precision at a prevalence, with bounds from those of its two rates.

    Each rate has its exact interval of 97.5 %, so that both hold in 95 % of cases.
    """
    hits, pairs = int(called[labels == 1].sum()), int((labels == 1).sum())
    false, others = int(called[labels == 0].sum()), int((labels == 0).sum())
    recall = binomial_interval(hits, pairs, level=0.975)
    wrong = binomial_interval(false, others, level=0.975)

    def precision(found, lost):
        above = prevalence * found
        below = above + (1 - prevalence) * lost
        return above / below if below else float("nan")

    return {
        name: precision(hits / pairs, false / others),
        f"{name}_low": precision(recall[0], wrong[1]),
        f"{name}_high": precision(recall[1], wrong[0]),
    }


def report_parts(evaluated, *, prevalences=()):
    """Figures of all stacks, and of each survey, brightness, separation, annotator.

    Parameters
    ----------
    evaluated : EvaluatedStacks
        Scored stacks.
    prevalences : sequence of float, optional
        As for a report; for all stacks together alone.

    Returns
    -------
    dict of dict
        By name: ``all``, ``survey HST``, ``peak S/N 10 to 30``, ``separation 0.3 to
        0.6`` (pairs alone, where the labels' table has a column ``separation``),
        ``annotator ada``.
    """
    stacks = evaluated.stacks
    made = {
        "all": make_report(evaluated, np.arange(len(stacks)), prevalences=prevalences)
    }
    surveys = np.array(stacks.surveys)
    parts = {f"survey {s}": surveys == s for s in sorted(set(stacks.surveys))}
    for low, high in pairwise(PEAKS):
        span = f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}"
        parts[f"peak S/N {span}"] = (evaluated.peak >= low) & (evaluated.peak < high)
    separation = np.array([_number(row, "separation") for row in stacks.truth])
    for low, high in pairwise(SEPARATIONS):
        chosen = (separation >= low) & (separation < high) & (stacks.labels > 0.5)
        parts[f"separation {low:g} to {high:g}"] = chosen
    for who in sorted({who for own in stacks.annotators for who in own}):
        parts[f"annotator {who}"] = np.array([who in own for own in stacks.annotators])
    for name, chosen in parts.items():
        report = make_report(evaluated, np.flatnonzero(chosen))
        if report is not None:
            made[name] = report
    return made


def _number(row, name):
    try:
        return float(row.get(name))
    except (TypeError, ValueError):
        return np.nan


def report_scores(card, stacks, index, network):
    """The report of some stacks for a card.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        The card.
    stacks : LabelledStacks
        The stacks.
    index : `~numpy.ndarray` of int
        Which.
    network : `~astro_vbinary.classification.BinaryNet`
        With the card's weights.

    Returns
    -------
    dict
        Plain values, without those that are not defined.
    """
    evaluated = evaluate_weights(card, network, stacks.take(index))
    report = make_report(evaluated, np.arange(len(index))) or {}
    return {key: value for key, value in report.items() if value == value}
