"""The scores that a card of weights carries, and its threshold."""

from functools import partial

import numpy as np

from astro_vbinary.training.evaluation import (
    best_threshold,
    binomial_interval,
    bootstrap_interval,
    calibration_error,
    classification_report,
    reweighted_calibration_error,
    roc_area,
    visual_task,
)

__all__ = ["format_scores", "score_card", "visual_threshold"]

#: Shares of binaries at which the calibration is measured.
PREVALENCES = (0.02, 0.1, 0.5)


def visual_threshold(card, data):
    """The threshold of the highest accuracy on the visual task.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        For the calibration.
    data : `~astro_vbinary.training.ScoredSet`
        What the calibration was fitted on, or another set but the test's.

    Returns
    -------
    float
        A probability, to two digits: no set tells the third.
    """
    visual = visual_task(data)
    probability = card.probability(data.scores)[visual]
    return round(best_threshold(data.labels[visual], probability, errors=1), 2)


def score_card(card, data):
    """The reports of a card on scored stacks.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        For the calibration and the threshold.
    data : `~astro_vbinary.training.scoring.ScoredSet`
        Scores and truth.

    Returns
    -------
    dict of dict
        With n and 95 % intervals: ``visual_task`` (balanced, pairs that an eye would
        see), the same for each survey, ``all`` with the calibration error, and
        ``right_by_kind``: the share that is right for each kind of scene.
    """
    probability = card.probability(data.scores)
    visual = visual_task(data)
    surveys = data.column("survey")
    parts = {"visual_task": visual}
    for survey in sorted(set(surveys)):
        parts[f"visual_task_{survey}"] = visual[surveys[visual] == survey]
    parts["all"] = np.arange(len(data))
    reports = {}
    for name, part in parts.items():
        given = data.labels[part], probability[part]
        reports[name] = classification_report(*given, threshold=card.threshold)
        measures = {"roc_auc": roc_area}
        for label in (0, 1):
            measures[f"f1_{label}"] = partial(
                _f1, label=label, threshold=card.threshold
            )
        for key, measure in measures.items():
            low, high = bootstrap_interval(measure, *given)
            reports[name] |= {f"{key}_low": low, f"{key}_high": high}
    for prevalence in (None, *PREVALENCES):
        key, measure, p = "calibration_error", calibration_error, probability
        if prevalence is not None:
            key += f"_at_{100 * prevalence:.0f}"
            measure = partial(reweighted_calibration_error, prevalence=prevalence)
            p = card.probability(data.scores, prior=prevalence)
        low, high = bootstrap_interval(measure, data.labels, p)
        reports["all"] |= {
            key: measure(data.labels, p),
            f"{key}_low": low,
            f"{key}_high": high,
        }
    right = (probability >= card.threshold).astype(int) == data.labels
    kinds = data.column("kind")
    reports["right_by_kind"] = {}
    for kind in sorted(set(kinds)):
        own = right[kinds == kind]
        low, high = binomial_interval(int(own.sum()), len(own))
        reports["right_by_kind"][kind] = {
            "share": float(own.mean()),
            "low": low,
            "high": high,
            "n": len(own),
        }
    return reports


def _f1(labels, probability, *, label, threshold):
    called = (probability >= threshold).astype(int) == label
    hits = (called & (labels == label)).sum()
    return 2 * hits / max(called.sum() + (labels == label).sum(), 1)


def format_scores(reports):
    """Reports as text, in the form of the paper's Table 2.

    Parameters
    ----------
    reports : dict of dict
        As made by `score_card`.

    Returns
    -------
    str
        Several lines.
    """
    lines = []
    for name, report in reports.items():
        if name == "right_by_kind":
            continue
        lines.append(
            f"{name}: accuracy {report['accuracy']:.4f} "
            f"({report['accuracy_low']:.4f} to {report['accuracy_high']:.4f}, "
            f"95 %), n = {report['n']}, {report['n_binary']} binary, "
            f"ROC area {report['roc_auc']:.4f} "
            f"({report['roc_auc_low']:.4f} to {report['roc_auc_high']:.4f})"
        )
        for key, value in report.items():
            if key.startswith("calibration_error") and key + "_low" in report:
                interval = f"{report[key + '_low']:.4f} to {report[key + '_high']:.4f}"
                lines.append(f"  {key.replace('_', ' ')}: {value:.4f} ({interval})")
        for number, label in ((0, "not"), (1, "binary")):
            lines.append(
                f"  {label:>7}: precision {report[f'precision_{number}']:.3f}  "
                f"recall {report[f'recall_{number}']:.3f}  "
                f"F1 {report[f'f1_{number}']:.3f}"
            )
    lines.append("share right by kind of scene:")
    for kind, entry in reports.get("right_by_kind", {}).items():
        lines.append(
            f"  {kind:>16}: {entry['share']:.3f} ({entry['low']:.3f} to "
            f"{entry['high']:.3f})  n = {entry['n']}"
        )
    return "\n".join(lines)
