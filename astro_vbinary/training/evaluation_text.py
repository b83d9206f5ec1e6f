"""Evaluations as text and as tables."""

import numpy as np
from astropy.table import Table

__all__ = ["format_comparison", "format_parts", "scores_table", "summary_table"]

#: Names of the classes in reports.
CLASSES = {0: "not", 1: "binary"}


def format_parts(evaluated, parts, *, prevalences=()):
    """The report of Table 2 of the paper, and what belongs to it.

    Parameters
    ----------
    evaluated : EvaluatedStacks
        Scored stacks.
    parts : dict of dict
        As of `report_parts`.
    prevalences : sequence of float, optional
        Shares of pairs that the parts were made for.

    Returns
    -------
    str
        Several lines.
    """
    card, report = evaluated.card, parts["all"]
    lines = [f"{card.id} {card.version}, sha256 {card.sha256[:12]}"]
    undecided = int((~evaluated.decided).sum())
    if report is None:
        return "\n".join([*lines, "no stack has a label that is decided"])
    lines += [
        f"{report['n']:,} stacks of {report['n_sources']:,} sources, "
        f"{report['n_binary']:,} binary; threshold {report['threshold']:g}"
        + (f"; {undecided:,} with a label of one half left out" if undecided else ""),
        "",
        f"{'':>8}  {'precision':<22}{'recall':<22}{'F1':<22}n",
    ]
    for kind, name in CLASSES.items():
        figures = "".join(
            f"{_bounded(report, f'{key}_{kind}'):<22}"
            for key in ("precision", "recall", "f1")
        )
        count = report["n_binary"] if kind else report["n"] - report["n_binary"]
        lines.append(f"{name:>8}  {figures}{count:,}")
    lines += [
        f"accuracy  {_bounded(report, 'accuracy')}",
        "",
        f"{'':>8}  called not  called binary",
        f"{'not':>8}  {report['tn']:>10,}  {report['fp']:>13,}",
        f"{'binary':>8}  {report['fn']:>10,}  {report['tp']:>13,}",
        "",
    ]
    if "average_precision" in report:
        lines += [
            f"ROC area           {_bounded(report, 'roc_auc')}",
            f"average precision  {_bounded(report, 'average_precision')}",
            f"calibration error  {_bounded(report, 'calibration_error')}",
        ]
        for prevalence in prevalences:
            stem = f"at_{100 * prevalence:g}"
            lines.append(
                f"where {100 * prevalence:g} % are pairs: precision "
                f"{_bounded(report, f'precision_1_{stem}')}, average precision "
                f"{_bounded(report, f'average_precision_{stem}')}, calibration error "
                f"{_bounded(report, f'calibration_error_{stem}')}"
            )
    lines += [
        "",
        f"{'part':<26}{'n':>6}{'pairs':>7}  {'accuracy':<22}{'recall':<22}precision",
    ]
    for name, own in parts.items():
        lines.append(
            f"{name:<26}{own['n']:>6,}{own['n_binary']:>7,}  "
            f"{_bounded(own, 'accuracy'):<22}{_bounded(own, 'recall_1'):<22}"
            f"{_bounded(own, 'precision_1')}"
        )
    lines += [
        "",
        "In brackets: 95 % intervals. Exact for accuracy, precision and recall",
        "(Clopper & Pearson 1934); at other shares of pairs, from those of recall and",
        "false-positive rate; of a bootstrap by source for the others.",
    ]
    return "\n".join(lines)


def _bounded(report, name):
    value = report.get(name, np.nan)
    if value != value:
        return "-"
    low, high = report.get(f"{name}_low", np.nan), report.get(f"{name}_high", np.nan)
    span = f" ({low:.2f} to {high:.2f})" if low == low else ""
    return f"{value:.3f}{span}"


def format_comparison(names, comparison):
    """What two sets of weights have right, and McNemar's test.

    Parameters
    ----------
    names : sequence of str
        The two.
    comparison : dict
        As of `compare_verdicts`.

    Returns
    -------
    str
        A few lines.
    """
    one, two = names
    return "\n".join(
        [
            f"{comparison['n']:,} stacks in common: both right on "
            f"{comparison['both']:,}, neither on {comparison['neither']:,},",
            f"only {one} on {comparison['only_one']:,}, only {two} on "
            f"{comparison['only_two']:,}; McNemar's exact test: p = "
            f"{comparison['p']:.3g}",
        ]
    )


def summary_table(parts):
    """All figures of all parts.

    Parameters
    ----------
    parts : dict of dict
        As of `report_parts`.

    Returns
    -------
    `~astropy.table.Table`
        One row a part; NaN where a figure is not defined.
    """
    names = dict.fromkeys(key for report in parts.values() for key in report)
    table = Table({"part": list(parts)})
    for name in names:
        values = [report.get(name, np.nan) for report in parts.values()]
        whole = all(isinstance(value, int) for value in values)
        table[name] = np.array(values, dtype=int if whole else float)
    return table


def scores_table(evaluated):
    """What was said of each stack.

    Parameters
    ----------
    evaluated : EvaluatedStacks
        Scored stacks.

    Returns
    -------
    `~astropy.table.Table`
        One row a stack: ``source``, ``survey``, ``label``, ``probability``,
        ``called``, ``right``, ``peak``, ``annotators``, ``ra``, ``dec``.
    """
    stacks = evaluated.stacks
    table = Table(
        {
            "source": np.array(stacks.sources, dtype=str),
            "survey": np.array(stacks.surveys, dtype=str),
            "label": stacks.labels,
            "probability": evaluated.probability,
            "called": np.where(evaluated.called, "binary", "not"),
            "right": np.isin(np.arange(len(stacks)), evaluated.wrong, invert=True),
            "peak": evaluated.peak.astype(float),
            "annotators": np.array([",".join(own) for own in stacks.annotators], str),
            "ra": stacks.positions[:, 0],
            "dec": stacks.positions[:, 1],
        }
    )
    table.meta["weights"] = evaluated.card.id
    table.meta["weights_sha256"] = evaluated.card.sha256
    table.meta["threshold"] = evaluated.card.threshold
    return table
