"""Verdicts at a glance: probabilities by survey and, with the truth, what is found."""

from itertools import pairwise

import astropy.units as u
import numpy as np

from astro_vbinary.plotting.style import (
    OTHER_COLOUR,
    PAIR_COLOUR,
    new_figure,
    settings,
)

__all__ = ["plot_result"]

#: Edges of the bins of separation, in arcsec.
SEPARATION_BINS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)

#: Height of a bin of probability, for spreading points side by side.
POINT_BIN = 0.025


def plot_result(result, *, truth=None, fig=None):
    """Draw the probabilities of a catalogue, survey by survey.

    Parameters
    ----------
    result : `~astro_vbinary.classification.ClassificationResult` or \
`~astropy.table.Table`
        The catalogue; rows without a verdict are not drawn.
    truth : `~astropy.table.Table`, optional
        What the sources are: ``source``, ``survey``, ``label`` (1 for a pair) and
        ``separation`` (an angle, arcsec where it has no unit). With it the points
        are coloured by the truth, and a second panel shows the share of pairs that
        were found by separation, with the interval of Jeffreys' prior that holds
        68 %.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    ValueError
        If the truth has no row for a row with a verdict.

    References
    ----------
    Cameron 2011, PASA 28, 128, doi:10.1071/AS10046 (intervals of a proportion).
    """
    table = result.to_table() if hasattr(result, "to_table") else result
    table = table[np.isfinite(np.asarray(table["probability"], dtype=float))]
    pair, separation = (None, None) if truth is None else _match(table, truth)
    with settings() as plt:
        wide = truth is not None
        fig = new_figure(plt, fig, (8.4 if wide else 5.2, 3.8))
        axes = fig.subplots(1, 2 if wide else 1, squeeze=False)[0]
        _draw_probabilities(axes[0], table, pair)
        if wide:
            found = np.asarray(table["label"]) == "binary"
            _draw_completeness(axes[1], separation[pair], found[pair])
    return fig


def _match(table, truth):
    """Whether each row is a pair, and its separation in arcsec."""
    separations = u.Quantity(truth["separation"], copy=False)
    if separations.unit.is_equivalent(u.arcsec):
        separations = separations.to(u.arcsec)
    known = {
        (str(source), str(survey)): (int(label) == 1, value)
        for source, survey, label, value in zip(
            truth["source"],
            truth["survey"],
            truth["label"],
            separations.value,
            strict=True,
        )
    }
    keys = [(str(row["source"]), str(row["survey"])) for row in table]
    missing = [key for key in keys if key not in known]
    if missing:
        source, survey = missing[0]
        raise ValueError(
            f"the truth has no row for source {source!r} in {survey!r} "
            f"({len(missing)} of {len(keys)} are missing)"
        )
    found = [known[key] for key in keys]
    return (
        np.array([pair for pair, _ in found], dtype=bool),
        np.array([value for _, value in found], dtype=float),
    )


def _draw_probabilities(axes, table, pair):
    surveys = list(dict.fromkeys(map(str, table["survey"])))
    names = np.asarray(table["survey"]).astype(str)
    values = np.asarray(table["probability"], dtype=float)
    binary = np.asarray(table["label"]).astype(str) == "binary"
    shown = binary if pair is None else pair
    words = ("called binary", "not") if pair is None else ("pair", "anything else")
    for number, survey in enumerate(surveys):
        own = names == survey
        offset = _spread(values[own])
        for kind, colour in ((True, PAIR_COLOUR), (False, OTHER_COLOUR)):
            some = shown[own] == kind
            axes.plot(
                number + offset[some],
                values[own][some],
                "o",
                color=colour,
                markersize=5,
                markeredgecolor="white",
                markeredgewidth=0.5,
                label=words[0 if kind else 1] if number == 0 else None,
            )
    axes.set_xticks(range(len(surveys)), surveys, rotation=25, ha="right")
    axes.set_xlim(-0.6, max(len(surveys), 1) - 0.4)
    axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel("Probability of two stars")
    axes.set_title(f"{len(table)} verdicts")
    if surveys:
        axes.legend(
            loc="center left", bbox_to_anchor=(0, 0.5), fontsize="small", frameon=True
        )


def _spread(values):
    """Offsets that set points of like values side by side, in order."""
    offset = np.zeros(len(values))
    bins = np.round(values / POINT_BIN).astype(int)
    for number in np.unique(bins):
        own = np.flatnonzero(bins == number)
        step = min(0.09, 0.7 / max(len(own), 1))
        offset[own] = (np.arange(len(own)) - (len(own) - 1) / 2) * step
    return offset


def _draw_completeness(axes, separation, found):
    from astropy.stats import binom_conf_interval

    edges = np.array(SEPARATION_BINS)
    for height, ticks in ((-0.05, separation[~found]), (1.05, separation[found])):
        axes.plot(ticks, np.full(len(ticks), height), "|", color=PAIR_COLOUR, ms=9)
    for low, high in pairwise(edges):
        own = (separation >= low) & (separation < high)
        total, hits = int(own.sum()), int(found[own].sum())
        if not total:
            continue
        bounds = binom_conf_interval(hits, total, interval="jeffreys")
        share = hits / total
        axes.errorbar(
            (low + high) / 2,
            share,
            yerr=[[max(share - bounds[0], 0)], [max(bounds[1] - share, 0)]],
            xerr=(high - low) / 2,
            fmt="o",
            color="0.2",
            capsize=2,
        )
        axes.annotate(
            f"{hits}/{total}",
            ((low + high) / 2, share),
            xytext=(4, -4 if share > 0.5 else 4),
            textcoords="offset points",
            va="top" if share > 0.5 else "bottom",
            fontsize="small",
        )
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(-0.09, 1.09)
    axes.set_xlabel("Separation (arcsec)")
    axes.set_ylabel("Share of pairs found")
    axes.set_title(f"{int(found.sum())} of {len(found)} pairs found")
