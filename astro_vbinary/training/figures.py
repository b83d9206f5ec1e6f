"""Figures of a training and of an evaluation."""

import numpy as np

from astro_vbinary.plotting.style import (
    OTHER_COLOUR,
    PAIR_COLOUR,
    new_figure,
    settings,
)
from astro_vbinary.training.curves import threshold_curves
from astro_vbinary.training.evaluation import binomial_interval

__all__ = ["draw_evaluation", "draw_history"]

#: Bins of the reliability diagram.
BINS = 8


def draw_history(history, *, best=None):
    """The learning curves.

    Parameters
    ----------
    history : `~astropy.table.Table`
        One row an epoch, as of `train_weights`.
    best : int, optional
        The epoch that was kept.

    Returns
    -------
    `~matplotlib.figure.Figure`
        Losses on the left, accuracy and F1 of the validation part on the right.
    """
    with settings() as plt:
        fig = new_figure(plt, None, (8, 3.2))
        left, right = fig.subplots(1, 2)
        epoch = np.asarray(history["epoch"])
        left.plot(epoch, history["train_loss"], color="0.5", label="training")
        left.plot(
            epoch, history["validation_loss"], color=PAIR_COLOUR, label="validation"
        )
        left.set_ylabel("cross entropy")
        right.plot(
            epoch, history["validation_accuracy"], color=OTHER_COLOUR, label="accuracy"
        )
        right.plot(
            epoch, history["validation_f1"], color=PAIR_COLOUR, label="F1 of pairs"
        )
        right.set_ylim(0, 1.02)
        right.set_ylabel("validation part")
        for ax in (left, right):
            if best is not None:
                ax.axvline(best, color="0.3", ls=":", lw=1, label="kept")
            ax.set_xlabel("epoch")
            ax.legend()
    return fig


def draw_evaluation(evaluations, *, prevalences=(0.5, 0.02)):
    """ROC, precision and recall at stated prevalences, and reliability.

    Parameters
    ----------
    evaluations : dict of str to EvaluatedStacks
        One or two, by name.
    prevalences : sequence of float, optional
        Shares of pairs at which precision is meant.

    Returns
    -------
    `~matplotlib.figure.Figure`
        Three panels.
    """
    colours = (PAIR_COLOUR, OTHER_COLOUR)
    styles = ("-", "--", ":", "-.")
    with settings() as plt:
        fig = new_figure(plt, None, (11, 3.6))
        roc, curve, calibration = fig.subplots(1, 3)
        for colour, (name, evaluated) in zip(
            colours, evaluations.items(), strict=False
        ):
            decided = evaluated.decided
            labels = (evaluated.stacks.labels[decided] > 0.5).astype(int)
            probability = evaluated.probability[decided]
            recall, wrong, _ = threshold_curves(labels, probability)
            roc.plot([0, *wrong], [0, *recall], color=colour, label=name)
            for style, share in zip(styles, prevalences, strict=False):
                recall, _, precision = threshold_curves(
                    labels, probability, prevalence=share
                )
                curve.plot(
                    recall, precision, style, color=colour,
                    label=f"{name}, {100 * share:g} % pairs",
                )  # fmt: skip
            _draw_reliability(calibration, labels, probability, colour, name)
        roc.plot([0, 1], [0, 1], color="0.8", lw=1, zorder=0)
        roc.set(xlabel="false-positive rate", ylabel="recall of pairs", title="ROC")
        curve.set(
            xlabel="recall of pairs", ylabel="precision", title="Precision, recall"
        )
        curve.set_ylim(0, 1.02)
        calibration.plot([0, 1], [0, 1], color="0.8", lw=1, zorder=0)
        calibration.set(
            xlabel="mean probability", ylabel="share of pairs", title="Calibration"
        )
        for ax in (roc, curve, calibration):
            ax.legend(fontsize="small")
    return fig


def _draw_reliability(ax, labels, probability, colour, name):
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    for number in range(BINS):
        inside = place == number
        if not inside.any():
            continue
        low, high = binomial_interval(int(labels[inside].sum()), int(inside.sum()))
        x, y = probability[inside].mean(), labels[inside].mean()
        ax.plot([x, x], [low, high], color=colour, lw=1)
        ax.plot(x, y, "o", ms=4, color=colour, label=name)
        name = None
