"""The bands of one source: in one survey, or in all of them on one scale."""

import astropy.units as u
import numpy as np

from astro_vbinary.plotting.panels import draw_stamp, shown_width
from astro_vbinary.plotting.style import new_figure, settings
from astro_vbinary.stamps import AlignedStack, StampStack, SurveyStamp
from astro_vbinary.stamps.motion import position_at

__all__ = ["plot_source", "plot_stack"]

#: Side of a panel in inches: of one survey, and of many.
LARGE_PANEL, SMALL_PANEL = 2.6, 1.55

#: Room in inches for the names of the surveys, the title, and around.
NAME_WIDTH, TITLE_HEIGHT, MARGIN = 1.15, 0.4, 0.08


def plot_stack(stack, *, fig=None, stretch="asinh", width=None, columns=6):
    """Draw the images of all bands of one source in one survey.

    Each panel has the image in its own pixels and orientation, the 2.5-arcsec
    circle around the target, a scale bar, arrows to the north and the east, and
    offsets from the target on its axes. Pixels without a measurement are grey.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.StampStack` or `~astro_vbinary.stamps.AlignedStack`
        The bands. Of an aligned stack the mean of the bands is drawn too, where
        there are several.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.
    stretch : str, optional
        One of ``astro_vbinary.plotting.STRETCHES``; black and white are set by each
        image's own noise and peak.
    width : `~astropy.units.Quantity`, optional
        Side of the field that is shown, an angle; by default the image's, up to
        10 arcsec.
    columns : int, optional
        Most panels in a row.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    TypeError
        If ``stack`` is no stack.
    ValueError
        If the stretch is unknown, the width no positive angle or ``columns`` is
        not positive.
    """
    if columns < 1:
        raise ValueError(f"columns must be positive, not {columns}")
    panels = list(_panels(stack))
    if isinstance(stack, AlignedStack) and len(stack) > 1:
        panels.append(("mean", stack.coadd()))
    width = shown_width([stamp for _, stamp in panels], width)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with settings() as plt:
        size = (LARGE_PANEL * columns + 0.6, LARGE_PANEL * rows + 0.8)
        fig = new_figure(plt, fig, size, layout="compressed")
        grid = fig.add_gridspec(rows, columns)
        for number, (label, stamp) in enumerate(panels):
            draw_stamp(
                fig,
                grid[number // columns, number % columns],
                stamp,
                label=label,
                stretch=stretch,
                width=width,
                ticks=_edges(number, columns, len(panels)),
            )
        # A narrow figure has no room for it all in one line.
        fig.suptitle(_title(stack, join="\n" if columns < 3 else " · "))
    return fig


def plot_source(stacks, *, fig=None, stretch="asinh", width=None):
    """Draw one source as all surveys see it: one row a survey, all on one scale.

    Parameters
    ----------
    stacks : iterable of `~astro_vbinary.stamps.StampStack` or \
`~astro_vbinary.stamps.AlignedStack`
        The stacks of one source, at least one; drawn from the sharpest survey to
        the coarsest.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.
    stretch : str, optional
        One of ``astro_vbinary.plotting.STRETCHES``.
    width : `~astropy.units.Quantity`, optional
        Side of the field that every panel shows, an angle; by default the widest
        image's, up to 10 arcsec.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    TypeError
        If something is no stack.
    ValueError
        If there is no stack, or they are of several sources; if the stretch is
        unknown or the width no positive angle.
    """
    rows = [(stack, list(_panels(stack))) for stack in stacks]
    if not rows:
        raise ValueError("plot_source needs at least one stack")
    sources = {stack.source for stack, _ in rows}
    if len(sources) > 1:
        shown = ", ".join(sorted(map(str, sources)))
        raise ValueError(f"stacks of more than one source: {shown}")
    rows.sort(key=lambda row: _sharpness(row[0]))
    width = shown_width([s for _, panels in rows for _, s in panels], width)
    columns = max(len(panels) for _, panels in rows)
    with settings() as plt:
        # All panels are alike, so the layout is known: no engine is needed.
        size = (
            SMALL_PANEL * max(columns, 2) + NAME_WIDTH + MARGIN,
            SMALL_PANEL * len(rows) + TITLE_HEIGHT + MARGIN,
        )
        fig = new_figure(plt, fig, size, layout="none")
        grid = fig.add_gridspec(
            len(rows),
            max(columns, 2),
            left=NAME_WIDTH / size[0],
            right=1 - MARGIN / size[0],
            bottom=MARGIN / size[1],
            top=1 - TITLE_HEIGHT / size[1],
            wspace=0.05,
            hspace=0.05,
        )
        for number, (stack, panels) in enumerate(rows):
            for column, (label, stamp) in enumerate(panels):
                axes = draw_stamp(
                    fig,
                    grid[number, column],
                    stamp,
                    label=label,
                    stretch=stretch,
                    width=width,
                    ticks="",
                    compass=column == 0,
                )
                if column == 0:
                    _draw_row_label(axes, stack)
        fig.suptitle(_title(rows[0][0], survey=False))
    return fig


def _edges(number, columns, count):
    """Edges of a panel that have ticks: the outer ones of the figure."""
    left = "l" if number % columns == 0 else ""
    below = "b" if number + columns >= count else ""
    return left + below


def _panels(stack):
    """(label, stamp) for each band."""
    if isinstance(stack, StampStack):
        for stamp in stack:
            # The stack's target, and not a stamp's own, is what is classified.
            yield (
                stamp.band or "stacked",
                SurveyStamp(
                    stamp.data,
                    stamp.wcs,
                    survey=stamp.survey,
                    target=stack.target,
                    mask=stamp.mask,
                    unit=stamp.unit,
                    epoch=stamp.epoch,
                ),
            )
        return
    if not isinstance(stack, AlignedStack):
        raise TypeError(f"cannot draw a {type(stack).__name__} as a stack")
    for image, bad, band in zip(stack.data, stack.mask, stack.bands, strict=True):
        yield (
            band or "stacked",
            SurveyStamp(
                image,
                stack.grid.wcs,
                survey=stack.survey,
                target=stack.grid.center,
                mask=bad,
            ),
        )


def _target(stack):
    target = stack.grid.center if isinstance(stack, AlignedStack) else stack.target
    return position_at(target, None)


def _title(stack, *, survey=True, join=" · "):
    names = [stack.source, stack.survey.name if survey and stack.survey else None]
    names = [name for name in names if name]
    where = _target(stack).to_string("hmsdms", precision=1, sep=":")
    return join.join([" · ".join(names), f"ICRS {where}"]).strip(" ·\n")


def _sharpness(stack):
    if stack.survey is None:
        return np.inf
    return stack.survey.effective_fwhm().to_value(u.arcsec)


def _draw_row_label(axes, stack):
    name, width = "unknown survey", ""
    if stack.survey is not None:
        name, fwhm = stack.survey.name, _sharpness(stack)
        width = f'FWHM {fwhm:.2g}"'
    place = {"transform": axes.transAxes, "ha": "right"}
    axes.text(-0.08, 0.51, name, va="bottom", weight="bold", **place)
    axes.text(-0.08, 0.49, width, va="top", fontsize="small", **place)
