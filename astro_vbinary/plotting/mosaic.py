"""Many sources side by side, such as the candidates of a catalogue."""

from astro_vbinary.plotting.panels import draw_stamp, shown_width
from astro_vbinary.plotting.style import new_figure, settings

__all__ = ["plot_mosaic"]

#: Side of a panel, room above it for its text, and room around, in inches.
PANEL, TEXT_HEIGHT, MARGIN = 1.6, 0.36, 0.12


def plot_mosaic(stamps, *, labels=None, colours=None, fig=None, columns=6):
    """Draw stamps of many sources side by side, each with its 2.5-arcsec circle.

    Parameters
    ----------
    stamps : iterable of `~astro_vbinary.stamps.SurveyStamp`
        At least one, such as co-additions.
    labels : sequence of str, optional
        Text above each, in up to two lines; by default source and survey.
    colours : sequence of str, optional
        Colour of each text.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.
    columns : int, optional
        Most panels in a row.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    ValueError
        If there is no stamp, or not one label or colour for each.
    """
    stamps = list(stamps)
    if not stamps:
        raise ValueError("plot_mosaic needs at least one stamp")
    labels = [_name(stamp) for stamp in stamps] if labels is None else labels
    colours = ["black"] * len(stamps) if colours is None else colours
    if not len(stamps) == len(labels) == len(colours):
        raise ValueError(
            f"{len(stamps)} stamps need as many labels and colours, not "
            f"{len(labels)} and {len(colours)}"
        )
    columns = max(min(columns, len(stamps)), 1)
    rows = -(-len(stamps) // columns)
    with settings() as plt:
        size = (
            columns * (PANEL + MARGIN) + MARGIN,
            rows * (PANEL + TEXT_HEIGHT) + MARGIN,
        )
        fig = new_figure(plt, fig, size, layout="none")
        grid = fig.add_gridspec(
            rows,
            columns,
            left=MARGIN / size[0],
            right=1 - MARGIN / size[0],
            bottom=MARGIN / size[1],
            top=1 - TEXT_HEIGHT / size[1],
            wspace=MARGIN / PANEL,
            hspace=TEXT_HEIGHT / PANEL,
        )
        items = zip(stamps, labels, colours, strict=True)
        for number, (stamp, label, colour) in enumerate(items):
            place = grid[number // columns, number % columns]
            width = shown_width([stamp])
            axes = draw_stamp(fig, place, stamp, width=width, ticks="", compass=False)
            axes.text(
                0.5,
                1.03,
                label,
                transform=axes.transAxes,
                ha="center",
                va="bottom",
                fontsize="small",
                color=colour,
            )
    return fig


def _name(stamp):
    return "\n".join(
        name for name in (stamp.source, stamp.survey and stamp.survey.name) if name
    )
