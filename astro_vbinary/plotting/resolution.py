"""The surveys by what their telescopes, and their images, can resolve."""

import astropy.units as u
import numpy as np

from astro_vbinary.plotting.style import GROUP_COLOURS, new_figure, settings
from astro_vbinary.surveys import (
    VISUAL_BINARY_LIMIT,
    get_survey,
    list_surveys,
    resolution_group,
)
from astro_vbinary.surveys.groups import POLICIES

__all__ = ["plot_resolution"]

#: Limits of both axes in arcsec.
LIMITS_X, LIMITS_Y = (0.012, 0.55), (0.03, 14.0)

#: Ticks with labels.
TICKS_X, TICKS_Y = (0.02, 0.05, 0.1, 0.2, 0.5), (0.03, 0.1, 0.3, 1, 3, 10)

#: Labels stand to the left of points from here on, and where a line would cross them.
LAST_LABEL_RIGHT, NEAR_LIMIT = 0.25, 1.15

#: Points nearer than this ratio along both axes share one label.
SAME_PLACE = 1.08


def plot_resolution(*, policy="published", fig=None):
    """Draw all surveys by Rayleigh's limit and by the width of a star on an image.

    Parameters
    ----------
    policy : {"published", "effective"}, optional
        Whose groups are shaded: they divide the Rayleigh limit at 550 nm, or the
        width of a star in the sharpest band.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    ValueError
        If there is no such policy.
    """
    if policy not in POLICIES:
        known = ", ".join(POLICIES)
        raise ValueError(f"unknown policy {policy!r}; known: {known}")
    with settings() as plt:
        fig = new_figure(plt, fig, (7.2, 4.8))
        axes = fig.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(LIMITS_X)
        axes.set_ylim(LIMITS_Y)
        _shade_groups(axes, policy)
        line = np.array([1e-3, 1e2])
        axes.plot(line, line, color="0.35", linewidth=0.9, linestyle=":")
        axes.annotate(
            "as sharp as at the limit",
            (0.2, 0.2),
            xytext=(2, -4),
            textcoords="offset points",
            rotation=_slope(),
            rotation_mode="anchor",
            ha="center",
            va="top",
            color="0.35",
            fontsize="small",
        )
        limit = VISUAL_BINARY_LIMIT.to_value(u.arcsec)
        axes.axhline(limit, color="#b3003c", linewidth=1.3, gid="limit")
        axes.annotate(
            f'widest visual binary, {limit:g}"',
            (LIMITS_X[0], limit),
            xytext=(5, 3),
            textcoords="offset points",
            color="#b3003c",
            fontsize="small",
        )
        _draw_surveys(axes, policy)
        axes.set_xlabel("Rayleigh limit at 550 nm (arcsec)")
        axes.set_ylabel("FWHM of a star, sharpest band (arcsec)")
        axes.set_title(f"Surveys and their groups, {policy} policy")
        axes.set_xticks(TICKS_X, [f"{value:g}" for value in TICKS_X])
        axes.set_yticks(TICKS_Y, [f"{value:g}" for value in TICKS_Y])
        axes.xaxis.set_minor_formatter("")
        axes.yaxis.set_minor_formatter("")
        axes.legend(loc="lower right", fontsize="small")
    return fig


def _slope():
    """Angle on the figure of the line of equal values, near enough."""
    x, y = np.log10(LIMITS_X[1] / LIMITS_X[0]), np.log10(LIMITS_Y[1] / LIMITS_Y[0])
    return np.rad2deg(np.arctan2(4.0 / y, 6.4 / x))


def _shade_groups(axes, policy):
    along_x = policy == "published"
    limits = LIMITS_X if along_x else LIMITS_Y
    shade = axes.axvspan if along_x else axes.axhspan
    for group in POLICIES[policy]:
        low = max(group.lower.value, limits[0])
        high = min(group.upper.value, limits[1])
        if low >= high:
            continue
        colour = GROUP_COLOURS[group.number - 1]
        shade(low, high, color=colour, alpha=0.13, linewidth=0)
        middle = np.sqrt(low * high)
        place = (middle, 0.985) if along_x else (0.99, middle)
        axes.text(
            *place,
            f"group {group.number}",
            transform=axes.get_xaxis_transform()
            if along_x
            else axes.get_yaxis_transform(),
            ha="center" if along_x else "right",
            va="top" if along_x else "center",
            color=colour,
            weight="bold",
        )


def _draw_surveys(axes, policy):
    surveys = [get_survey(name) for name in list_surveys()]
    for marker, space, label in (("o", False, "from the ground"), ("*", True, "space")):
        # An empty series is the legend's entry, in no group's colour.
        axes.plot([], [], marker, color="0.4", label=label, markersize=8)
        for survey in (s for s in surveys if s.space == space):
            group = resolution_group(survey, policy=policy).number
            axes.plot(
                *_place(survey),
                marker,
                color=GROUP_COLOURS[group - 1],
                markeredgecolor="white",
                markeredgewidth=0.8,
                markersize=12 if space else 8,
                gid=survey.name,
            )
    limit = VISUAL_BINARY_LIMIT.value
    for names, (x, y) in _labels(surveys):
        left = x > LAST_LABEL_RIGHT or 1 <= limit / y < NEAR_LIMIT
        axes.annotate(
            names,
            (x, y),
            xytext=(-8 if left else 8, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize="small",
        )


def _place(survey):
    fwhm = survey.effective_fwhm().to_value(u.arcsec)
    return survey.rayleigh().to_value(u.arcsec), fwhm


def _labels(surveys):
    """Names and their places; surveys at one place share a label."""
    clusters = []
    for survey in surveys:
        place = np.array(_place(survey))
        for names, where in clusters:
            ratio = np.exp(np.abs(np.log(place / where)))
            if (ratio < SAME_PLACE).all():
                names.append(survey.name)
                break
        else:
            clusters.append(([survey.name], place))
    return [(", ".join(names), where) for names, where in clusters]
