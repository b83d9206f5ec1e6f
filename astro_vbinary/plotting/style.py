"""What all figures share: settings, colours, and how pixel values are stretched."""

from contextlib import contextmanager

import numpy as np
from astropy.stats import mad_std

__all__ = ["STRETCHES", "image_norm", "new_figure", "settings"]

#: Stretches of pixel values that the figures take.
STRETCHES = ("asinh", "linear", "log", "sqrt")

#: Perceptually uniform, and dark where there is nothing.
COLOUR_MAP = "inferno"

#: Colour of pixels without a measurement.
BLANK_COLOUR = "0.55"

#: Colour of the circle, the scale bar and the compass on an image.
MARK_COLOUR = "#6fe3ff"

#: Colours of the resolution groups 1 to 4, coarse to fine: four steps of viridis.
GROUP_COLOURS = ("#8a8a8a", "#c9a227", "#2a9d8f", "#3b4cc0")

#: Colours of pairs and of everything else (Okabe & Ito, safe for colour blindness).
PAIR_COLOUR, OTHER_COLOUR = "#d55e00", "#0072b2"

_SETTINGS = {
    "axes.titlesize": "medium",
    "font.size": 9.0,
    "image.interpolation": "nearest",
    "image.origin": "lower",
    "legend.frameon": False,
}


@contextmanager
def settings():
    """The figures' settings of matplotlib, for the length of a ``with`` block."""
    import matplotlib.pyplot as plt

    with plt.rc_context(_SETTINGS):
        yield plt


def new_figure(plt, fig, size, *, layout="constrained"):
    """The figure that was given, or a new one.

    Parameters
    ----------
    plt : module
        `matplotlib.pyplot`.
    fig : `~matplotlib.figure.Figure` or None
        The figure that was given.
    size : tuple of float
        Width and height of a new one, in inches.
    layout : str, optional
        Layout engine of a new one; ``compressed`` for images of equal scales.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    if fig is None:
        return plt.figure(figsize=size, layout=layout)
    return fig


def colour_map(name=COLOUR_MAP):
    """A colour map that shows pixels without a measurement as blank.

    Parameters
    ----------
    name : str, optional
        A name that matplotlib knows.

    Returns
    -------
    `~matplotlib.colors.Colormap`
        The map.
    """
    import matplotlib as mpl

    return mpl.colormaps[name].with_extremes(bad=BLANK_COLOUR)


def image_norm(values, *, stretch="asinh"):
    """From pixel values to the range 0 to 1 of a colour map.

    Black is two standard deviations of the noise below the background, white is
    the brightest pixel but for one in a thousand.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Valid pixels, any shape; what is not finite is passed over.
    stretch : str, optional
        One of ``STRETCHES``.

    Returns
    -------
    `~astropy.visualization.ImageNormalize`
        The norm.

    Raises
    ------
    ValueError
        If the stretch is unknown.
    """
    from astropy import visualization as vis

    makers = {
        "asinh": lambda: vis.AsinhStretch(0.1),
        "linear": vis.LinearStretch,
        "log": vis.LogStretch,
        "sqrt": vis.SqrtStretch,
    }
    if stretch not in makers:
        known = ", ".join(STRETCHES)
        raise ValueError(f"unknown stretch {stretch!r}; known: {known}")
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    low, high = 0.0, 1.0
    if values.size:
        low = np.median(values) - 2 * mad_std(values)
        # Of a small image the brightest pixel itself.
        high = np.quantile(values, 0.999, method="higher")
        low = max(low, values.min())
    if not high > low:
        high = low + max(abs(low), 1.0)
    return vis.ImageNormalize(
        vmin=low, vmax=high, stretch=makers[stretch](), clip=False
    )
