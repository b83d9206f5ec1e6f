"""The sample at a glance: where, how wide, how sure."""

import numpy as np

from astro_vbinary.measurement.thresholds import binomial_interval
from astro_vbinary.vetting.report.charts import Chart

__all__ = ["pair_map", "probability_histogram", "reliability", "sky_map"]

#: Magnitude differences and separations (arcsec) that are shown at least.
FAINT, WIDE = 5.0, 2.5

#: From how many points on they are small.
MANY = 600

#: Steps of the completeness's colours.
SHADES = 10


def sky_map(sources):
    """Where the sources are.

    Parameters
    ----------
    sources : sequence of ReportedSource
        All of them.

    Returns
    -------
    str
        SVG, or empty without a position.
    """
    place = np.array(
        [(s.row.get("ra", np.nan), s.row.get("dec", np.nan)) for s in sources],
        dtype=float,
    ).reshape(-1, 2)
    known = np.isfinite(place).all(axis=1)
    if not known.any():
        return ""
    label = np.array([s.label for s in sources])[known]
    ra, dec = place[known].T
    # Around the middle of the sample, so that it is not torn at 0 h.
    turn = np.exp(1j * np.deg2rad(ra)).mean()
    middle = np.rad2deg(np.angle(turn)) % 360
    ra = middle + (ra - middle + 180) % 360 - 180
    stretch = max(np.cos(np.deg2rad(np.median(dec))), 0.02)
    half = max(np.ptp(ra) * stretch / 1.46, np.ptp(dec), 0.02) * 0.54
    center = (ra.min() + ra.max()) / 2, (dec.min() + dec.max()) / 2
    wide = min(half * 1.46 / stretch, 190)
    count = int((label == "binary").sum())
    chart = Chart(
        (center[0] + wide, center[0] - wide),
        (center[1] - half, center[1] + half),
        "right ascension (deg, ICRS)",
        "declination (deg)",
        alt=f"Map of the sky: {known.sum():,} sources, {count:,} of them binary.",
    )
    for kind, own in (
        ("other", ~np.isin(label, ("binary", "undecided"))),
        ("undecided", label == "undecided"),
        ("binary", label == "binary"),
    ):
        chart.dots(ra[own], dec[own], kind + _size(own))
    return chart.svg()


def _size(own):
    """Smaller points where there are many."""
    return " small" if own.sum() > MANY else ""


def pair_map(candidates, sources, completeness=None):
    """Separations against magnitude differences, over what could be found.

    Parameters
    ----------
    candidates : sequence of ReportedSource
        Whose pairs are points.
    sources : sequence of ReportedSource
        Whose limits say what could be found, where there is no table.
    completeness : `~astropy.table.QTable`, optional
        As of `~astro_vbinary.measurement.survey_completeness`.

    Returns
    -------
    svg : str
        The figure.
    count : int
        Pairs in it.
    about : str
        What the shades are; empty where there are none.
    """
    pairs = _pairs(candidates)
    shades, about = _shades(sources, completeness)
    depth = [FAINT, *(v for v in pairs[:, 1] if np.isfinite(v))]
    if shades is not None:
        depth.append(float(shades[1][-1]))
    top = min(max(depth) * 1.04, 12.0)
    low = float(np.nanmin(pairs[:, 1], initial=0.0)) - 0.1
    shown = np.isfinite(pairs[:, :2]).all(axis=1) & (pairs[:, 1] <= top)
    chart = Chart(
        (0, WIDE + 0.05),
        (top, low),
        "separation (arcsec)",
        "magnitude difference",
        alt=f"Separations and magnitude differences of {shown.sum():,} pairs.",
    )
    if shades is not None:
        _draw_shades(chart, *shades)
    degenerate = pairs[:, 2] > 0
    for kind, own in (("faint", shown & degenerate), ("binary", shown & ~degenerate)):
        chart.dots(pairs[own, 0], pairs[own, 1], kind + _size(own))
    if shades is not None:
        _draw_contours(chart, *shades)
    return chart.svg(), int(shown.sum()), about


def _pairs(candidates):
    names = ("separation", "magnitude_difference", "degenerate")
    rows = [[float(s.row.get(n, np.nan)) for n in names] for s in candidates]
    return np.array(rows, dtype=float).reshape(-1, 3)


def _shades(sources, completeness):
    """Separations, magnitude differences and the share found in each cell."""
    if completeness is not None:
        x, column = np.unique(
            completeness["separation"].to_value("arcsec"), return_inverse=True
        )
        y, row = np.unique(
            completeness["magnitude_difference"].to_value("mag"), return_inverse=True
        )
        share = np.full((len(y), len(x)), np.nan)
        share[row, column] = completeness["completeness"]
        about = "share of companions that is found"
        if "survey" in completeness.meta:
            about += f", {completeness.meta['survey']} {completeness.meta['band']} at "
            about += f"S/N {completeness.meta['snr']:.0f}"
        return (x, y, share), about
    x = np.array([0.5, 1.0, 1.5, 2.0])
    limits = np.array(
        [[s.row.get(f"limit_{v:.1f}", np.nan) for v in x] for s in sources],
        dtype=float,
    ).reshape(-1, 4)
    limits = limits[np.isfinite(limits).any(axis=1)]
    if not len(limits):
        return None, ""
    y = np.arange(0.25, max(FAINT, np.nanmax(limits)) + 0.25, 0.5)
    # Where nothing is found at all, there is no limit.
    share = (np.nan_to_num(limits, nan=-np.inf)[:, None] >= y[:, None]).mean(axis=0)
    about = (
        f"share of {len(limits):,} sources in which such a companion would have been "
        "found at least half the time"
    )
    return (x, y, share), about


def _draw_shades(chart, x, y, share):
    def edges(values):
        inner = (values[1:] + values[:-1]) / 2
        first = values[0] - (inner[0] - values[0]) if len(inner) else values[0] - 0.25
        last = values[-1] + (values[-1] - inner[-1]) if len(inner) else values[0] + 0.25
        return np.array([first, *inner, last])

    columns = np.clip(edges(x), *sorted(chart.x_range))
    rows = np.clip(edges(y), *sorted(chart.y_range))
    for i, row in enumerate(share):
        for j, value in enumerate(row):
            if np.isfinite(value):
                chart.box(
                    columns[j : j + 2],
                    rows[i : i + 2],
                    f"cell s{int(np.clip(value * SHADES, 0, SHADES))}",
                    title=f"{100 * value:.0f} % at {x[j]:g} arcsec, {y[i]:g} mag",
                )


def _draw_contours(chart, x, y, share):
    for level, kind in ((0.5, "half"), (0.9, "most")):
        found = [_crossing(y, share[:, j], level) for j in range(len(x))]
        points = [(a, b) for a, b in zip(x, found, strict=True) if np.isfinite(b)]
        if len(points) > 1:
            chart.line(*zip(*points, strict=True), f"contour {kind}")
            chart.text(*points[-1], f"{100 * level:.0f} %", kind="mark end")


def _crossing(y, share, level):
    """The faintest difference up to which the share is at least a level."""
    known = np.isfinite(share)
    y, share = y[known], share[known]
    above = np.flatnonzero(share >= level)
    if not len(above):
        return np.nan
    last = above[-1]
    if last + 1 == len(y):
        return y[last]
    drop = share[last] - share[last + 1]
    return y[last] + (y[last + 1] - y[last]) * (share[last] - level) / drop


def probability_histogram(sources):
    """How often each probability was given.

    Parameters
    ----------
    sources : sequence of ReportedSource
        All of them.

    Returns
    -------
    str
        SVG, or empty where there is no probability.
    """
    values = np.array([s.probability for s in sources], dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    counts, edges = np.histogram(values, np.linspace(0, 1, 21))
    height = np.log10(np.maximum(counts, 0) + 1)
    chart = Chart(
        (0, 1),
        (0, max(height.max() * 1.06, 0.5)),
        "probability of two stars",
        "sources",
        alt=f"Histogram of {len(values):,} probabilities.",
        y_ticks=[
            (np.log10(n + 1), f"{n:,}")
            for n in (0, 1, 10, 100, 1000, 10_000, 100_000)
            if n <= counts.max()
        ],
    )
    for low, high, tall, count in zip(
        edges[:-1], edges[1:], height, counts, strict=True
    ):
        if count:
            chart.box(
                (low + 0.003, high - 0.003),
                (0, tall),
                "column",
                title=f"{count:,} from {low:.2f} to {high:.2f}",
            )
    return chart.svg()


def reliability(probability, truth):
    """How often what was called probable is true.

    Parameters
    ----------
    probability : `~numpy.ndarray`
        Shape (n,).
    truth : `~numpy.ndarray` of bool
        Shape (n,): whether labels say binary.

    Returns
    -------
    str
        SVG: shares with 95 % intervals in bins of equal width.
    """
    chart = Chart(
        (0, 1),
        (0, 1),
        "probability of two stars",
        "share that labels call binary",
        alt=f"Reliability of the probabilities of {len(truth):,} labelled sources.",
    )
    chart.line((0, 1), (0, 1), "contour half")
    place = np.clip((probability * 10).astype(int), 0, 9)
    for number in range(10):
        own = place == number
        if not own.any():
            continue
        at, found, trials = probability[own].mean(), int(truth[own].sum()), own.sum()
        low, high = binomial_interval(found, trials)
        chart.line((at, at), (float(low), float(high)), "error")
        chart.dots(np.array([at]), np.array([found / trials]), "large")
    return chart.svg()
