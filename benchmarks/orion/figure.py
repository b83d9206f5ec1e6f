"""Put in and found, over separation and magnitude difference."""

import numpy as np

__all__ = ["draw"]


def draw(table, path):
    """Draw the companions of the sample, and the completeness of their set.

    Parameters
    ----------
    table : `~astropy.table.Table`
        All chunks.
    path : `~pathlib.Path`
        The figure.
    """
    from matplotlib.figure import Figure

    s, dm = (
        np.asarray(np.ma.filled(table[f"companion_{name}"], np.nan), dtype=float)
        for name in ("separation", "difference")
    )
    found = np.ma.filled(table["label"], "").astype(str) == "binary"
    role = np.asarray(table["role"]).astype(str)
    near, own = role == "companion", (role == "sample") & np.isfinite(s)
    edges = np.geomspace(0.25, 2.5, 11), np.linspace(0, 5, 11)
    total = np.histogram2d(s[near], dm[near], edges)[0]
    seen = np.histogram2d(s[near & found], dm[near & found], edges)[0]
    share = np.where(total >= 5, seen / np.maximum(total, 1), np.nan)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(*edges, share.T, vmin=0, vmax=1, cmap="Greys", alpha=0.7)
    figure.colorbar(mesh, label="share of companions that is found")
    for part, name, colour, size in (
        (own & ~found, "missed", "tab:orange", 1.8),
        (own & found, "found", "tab:blue", 2.6),
    ):
        axes.plot(s[part], dm[part], "o", ms=size, mew=0, color=colour, label=name)
    axes.set(
        xscale="log",
        xlabel="separation (arcsec)",
        ylabel="magnitude difference",
        ylim=(0, 5),
        xticks=[0.25, 0.5, 1, 2],
        xticklabels=["0.25", "0.5", "1", "2"],
    )
    axes.minorticks_off()
    axes.legend(
        title="companions of the sample",
        loc="upper left",
        fontsize="small",
        markerscale=2.5,
    )
    figure.savefig(path, dpi=130)
