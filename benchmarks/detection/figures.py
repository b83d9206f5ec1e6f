"""The figures: completeness, ROC curves, reliability, false positives."""

from pathlib import Path

import numpy as np

from astro_vbinary.plotting.style import new_figure, settings
from benchmarks.detection.reliability import PREVALENCES, curve, probabilities
from benchmarks.detection.visual import finite, rows_for

__all__ = ["draw_all"]

#: Colours of the detectors (Okabe & Ito, safe for colour blindness).
COLOURS = {
    "network": "#d55e00",
    "network+glrt": "#cc79a7",
    "glrt": "#0072b2",
    "reference": "#009e73",
    "count_peaks": "#e69f00",
    "daofind_pairs": "#56b4e9",
    "deblend_pairs": "#b3a100",
    "moment_shape": "#999999",
    "adaptive_moments": "#555555",
    "bound": "black",
}


def draw_all(tables, mixed, detectors, cards, folders):
    """Draw and write all figures.

    Parameters
    ----------
    tables : dict of str to list of dict
        As from `~benchmarks.detection.report.compile_tables`.
    mixed : dict of int to dict
        Likewise.
    detectors : sequence of str
        The detectors.
    cards : dict of int to object
        Card of each group's network, or None.
    folders : sequence of str or `~pathlib.Path`
        Where they go.
    """
    with settings() as plt:
        made = {"roc": _roc(plt, mixed, detectors)}
        if tables["curves"]:
            made["completeness"] = _completeness(plt, tables["curves"])
        made["contaminants"] = _contaminants(plt, tables)
        if "network" in detectors:
            made["reliability"] = _reliability(plt, mixed, cards)
        for name, figure in made.items():
            for folder in folders:
                Path(folder).mkdir(parents=True, exist_ok=True)
                figure.savefig(
                    Path(folder) / f"{name}.png",
                    dpi=80,
                    pil_kwargs={"optimize": True},
                    metadata={"Software": None},
                )
            plt.close(figure)


def _line(axes, name, x, y, **options):
    thick = name.startswith("network") or name == "bound"
    axes.plot(
        x,
        y,
        color=COLOURS[name],
        label=name.replace("_", " "),
        linewidth=1.8 if thick else 1.1,
        linestyle="--" if name == "bound" else "-",
        **options,
    )


def _completeness(plt, rows):
    surveys = list(dict.fromkeys(row["survey"] for row in rows))
    figure = new_figure(plt, None, (7.6, 3.1 * -(-len(surveys) // 2) + 0.9))
    axes = figure.subplots(
        -(-len(surveys) // 2), 2, sharex=True, sharey=True, squeeze=False
    )
    for survey, ax in zip(surveys, axes.flat, strict=False):
        own = [row for row in rows if row["survey"] == survey]
        for name in dict.fromkeys(row["detector"] for row in own):
            part = [row for row in own if row["detector"] == name]
            apart = [row["separation"] for row in part]
            _line(ax, name, apart, [row["completeness"] for row in part])
            if name.startswith("network"):
                low, high = ([row[key] for row in part] for key in ("low", "high"))
                ax.fill_between(apart, low, high, color=COLOURS[name], alpha=0.15, lw=0)
        ax.set(xscale="log", title=survey, ylim=(-0.02, 1.02))
        ticks = (0.1, 0.2, 0.4, 0.7, 1, 2, 3)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
        ax.grid(alpha=0.25)
    for ax in axes.flat[len(surveys) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("separation (FWHM)")
    for ax in axes[:, 0]:
        ax.set_ylabel("completeness")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
    return figure


def _roc(plt, mixed, detectors):
    figure = new_figure(plt, None, (7.6, 3.9))
    axes = figure.subplots(1, len(mixed), sharey=True, squeeze=False)[0]
    for (group, tables), ax in zip(mixed.items(), axes, strict=True):
        test = tables["test"]
        for name in detectors:
            rows = rows_for(test, name, detectors)
            labels = test["label"][rows]
            scores = finite(test[name][rows])
            steps = np.unique(scores)[::-1]
            pairs = np.sort(scores[labels == 1])
            others = np.sort(scores[labels == 0])
            hit = 1 - np.searchsorted(pairs, steps) / max(len(pairs), 1)
            wrong = 1 - np.searchsorted(others, steps) / max(len(others), 1)
            # A rate below one in the set cannot be shown on a logarithmic axis.
            _line(ax, name, np.maximum(wrong, 0.5 / max(len(others), 1)), hit)
        ax.set(xscale="log", title=f"group {group}", xlabel="false-positive rate")
        ax.set(xlim=(2e-4, 1), ylim=(0, 1.01))
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("recall")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _contaminants(plt, tables):
    rows = [row for row in tables["kinds"] + tables["singles"] if row["n"]]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    figure = new_figure(plt, None, (7.6, 0.2 * len(kinds) + 1.6))
    axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for group, ax in zip(groups, axes, strict=True):
        for name in dict.fromkeys(row["detector"] for row in rows):
            # The last of a kind: the larger set of single stars comes last.
            own = {
                row["kind"]: row
                for row in rows
                if row["group"] == group and row["detector"] == name
            }
            y = [kinds.index(kind) for kind in own]
            # What is zero stands at the axis.
            rate = np.maximum([row["fpr"] for row in own.values()], 1e-4)
            style = {"color": COLOURS[name], "label": name.replace("_", " ")}
            if name == "network":
                high = [row["fpr_high"] for row in own.values()]
                low = np.maximum([row["fpr_low"] for row in own.values()], 1e-4)
                ax.hlines(y, low, high, color=COLOURS[name], lw=1.2)
                ax.plot(rate, y, "o", ms=5, zorder=3, **style)
            else:
                ax.plot(rate, y, ".", ms=5, alpha=0.7, **style)
        ax.axvline(0.01, color="black", lw=0.8, ls=":")
        ax.set(xscale="log", xlim=(8e-5, 1.1), title=f"group {group}")
        ax.set_xlabel("called pairs")
        ax.grid(alpha=0.25, axis="x")
    axes[0].set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _reliability(plt, mixed, cards):
    figure = new_figure(plt, None, (7.6, 3.7))
    axes = figure.subplots(1, len(mixed), sharey=True, squeeze=False)[0]
    for (group, tables), ax in zip(mixed.items(), axes, strict=True):
        test = tables["test"]
        good = np.isfinite(test["network"]) & test["usable"]
        labels, margin = test["label"][good], test["network"][good]
        ax.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":")
        for prevalence, colour in zip(
            PREVALENCES, ("#0072b2", "#009e73", "#d55e00"), strict=True
        ):
            p = probabilities(
                margin, prevalence, card=cards[group], held=tables["held"]
            )
            said, known, _ = curve(labels, p, prevalence)
            ax.plot(said, known, "o-", ms=3.5, color=colour, label=f"{prevalence:.0%}")
        ax.set(title=f"group {group}", xlabel="probability", xlim=(0, 1), ylim=(0, 1))
        ax.grid(alpha=0.25)
    axes[0].set_ylabel("share of pairs")
    axes[0].legend(title="prevalence")
    return figure
