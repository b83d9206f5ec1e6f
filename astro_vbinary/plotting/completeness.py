"""Completeness maps: separation against magnitude difference."""

import numpy as np

__all__ = ["plot_completeness"]

#: Shares whose predicted contours are drawn.
CONTOURS = (0.5, 0.9)


def plot_completeness(table, *, ax=None):
    """Draw the share of companions that is found.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        One row a cell of a full grid: ``separation``, ``magnitude_difference``,
        ``completeness`` and perhaps ``predicted``, whose contours at half and nine
        tenths are drawn.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; a new figure by default.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.
    """
    from matplotlib.figure import Figure

    if ax is None:
        figure = Figure(figsize=(5.2, 4), layout="constrained")
        ax = figure.subplots()
    x, column = np.unique(table["separation"].to_value("arcsec"), return_inverse=True)
    y, row = np.unique(
        table["magnitude_difference"].to_value("mag"), return_inverse=True
    )
    share = np.full((len(y), len(x)), np.nan)
    share[row, column] = table["completeness"]
    image = ax.pcolormesh(
        x, y, share, vmin=0, vmax=1, cmap="cividis", shading="nearest"
    )
    ax.figure.colorbar(image, ax=ax, label="share found")
    if "predicted" in table.colnames and min(share.shape) > 1:
        predicted = np.full_like(share, np.nan)
        predicted[row, column] = table["predicted"]
        lines = ax.contour(x, y, predicted, CONTOURS, colors=["white", "white"])
        ax.clabel(lines, fmt=lambda v: f"{100 * v:.0f} %")
    meta = table.meta
    if "survey" in meta:
        title = f"{meta['survey']} {meta['band']}, S/N {meta['snr']:.0f}"
        ax.set_title(title)
    ax.set(xlabel="separation (arcsec)", ylabel="magnitude difference")
    ax.invert_yaxis()
    return ax.figure
