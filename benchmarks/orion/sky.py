"""Who is in Orion, with what companions and neighbours, and who looks there.

Companions: 13 % between 100 and 1000 au (Kounkel et al. 2016, ApJ 821, 8), at 400 pc
0.25 to 2.5 arcsec, flat in the logarithm of the separation and half as frequent beyond
0.5 arcsec (Reipurth et al. 2007, AJ 134, 2272), with mass-ratio slopes from 0 to 2.
Neighbours by chance: whatever lies there of 1e4 field stars a square degree to
magnitude 22, and of the other sources, 15 % of which are in a cluster. Footprints and
depths are invented, in their order as the surveys have them.
"""

from functools import lru_cache

import numpy as np
from astropy.table import Table

from astro_vbinary.context.sphere import chord, make_tree, unit_vectors
from astro_vbinary.simulation import Scene, Star
from astro_vbinary.simulation.companions import LUMINOSITY_SLOPE, log_uniform

__all__ = ["DEPTHS", "FRACTION", "ROLES", "draw_plan", "draw_stars", "scene_of", "sees"]

#: Share of sources with a companion, and where companions are (arcsec).
FRACTION, CLOSEST, DROP, WIDEST = 0.13, 0.25, 0.5, 2.5

#: The cluster's place and scatter (deg), the share of the sources that are in it, the
#: scatter of the others, and how many of it they are away at most.
PLACE, SCATTER, SHARE, WIDE, MOST = (83.82, -5.39), 0.125, 0.15, (1.5, 2.25), 2.0

#: Field stars a square degree, their brightest and faintest magnitude, the slope of
#: the logarithm of their number, and how far beyond the sources they reach (deg).
FIELD, BRIGHTEST, FAINTEST, SLOPE, BEYOND = 1e4, 12.0, 22.0, 0.3, 0.5

#: Signal-to-noise ratio of the sources, faintest and brightest, and the magnitude of
#: one of 1.
SIGNALS, ZERO = (8.0, 5000.0), 23.76

#: How far neighbours are put on the images (arcsec); nearer than INNER, stars are no
#: measure of the field; and of so many around a source one stands for all.
REACH, INNER, AROUND = 4.0, 5.0, 30

#: Signal-to-noise ratio of a source in each survey, of that in Pan-STARRS.
DEPTHS = {
    "Pan-STARRS": 1.0,
    "SDSS9": 0.7,
    "DECaLS": 2.5,
    "HSCLA": 6.0,
    "HST": 5.0,
    "JWST": 8.0,
}

#: What a source is for: the sample itself, and what its completeness, its false
#: positives and the chance pairs that it sees are measured with.
ROLES = ("sample", "companion", "single", "chance")

#: Share of the sample that each set of calibrators has as many sources as, and fewest.
CALIBRATORS, FEWEST = 0.1, 60


@lru_cache(maxsize=2)
def draw_plan(count, seed):
    """Sample and calibrators in random order, so that any part of them is alike.

    Parameters
    ----------
    count : int
        Sources of the sample.
    seed : int
        Of everything.

    Returns
    -------
    `~astropy.table.Table`
        One row a source: place, brightness, companion and neighbour; NaN where there
        is none.
    """
    from astropy.table import vstack

    others = max(int(CALIBRATORS * count), FEWEST)
    tables = []
    for number, role in enumerate(ROLES):
        rng = np.random.default_rng([seed, number])
        table = _draw_sources(count if role == "sample" else others, rng)
        share = {"sample": FRACTION, "companion": 1.0}.get(role, 0.0)
        has = rng.random(len(table)) < share
        drawn = np.array([_companion(rng) for _ in range(len(table))])
        _put(table, "companion", np.where(has[:, None], drawn, np.nan), rng)
        table["role"] = role.ljust(9)
        tables.append(table)
    stars = draw_stars(count, seed)
    for role, table in zip(ROLES, tables, strict=True):
        rng = np.random.default_rng([seed, 20, ROLES.index(role)])
        near = {"sample": _neighbours, "chance": _shifted}.get(role, _nobody)
        _put(table, "neighbour", near(table, stars, rng), rng)
    plan = vstack(tables)
    plan["role"] = np.char.strip(np.asarray(plan["role"]))
    # The angle of a real neighbour does not matter, as that of a companion.
    order = np.random.default_rng([seed, 30]).permutation(len(plan))
    plan = plan[order]
    plan["source"] = [f"{row['role'][:2]}{n:06d}" for n, row in enumerate(plan)]
    return plan


@lru_cache(maxsize=2)
def draw_stars(count, seed):
    """A catalogue as deep as the companions: the field, and the sample's sources.

    Parameters
    ----------
    count, seed : int
        As for `draw_plan`.

    Returns
    -------
    `~astropy.table.Table`
        ``ra``, ``dec`` and ``magnitude``.
    """
    rng = np.random.default_rng([seed, 10])
    half = [MOST * wide + BEYOND for wide in WIDE]
    number = rng.poisson(FIELD * 4 * half[0] * half[1])
    sample = _draw_sources(count, np.random.default_rng([seed, 0]))
    low, high = 10 ** (SLOPE * BRIGHTEST), 10 ** (SLOPE * FAINTEST)
    magnitude = np.log10(low + rng.random(number) * (high - low)) / SLOPE
    squeeze = np.cos(np.deg2rad(PLACE[1]))
    ra = PLACE[0] + rng.uniform(-half[0], half[0], number) / squeeze
    dec = PLACE[1] + rng.uniform(-half[1], half[1], number)
    own = ZERO - 2.5 * np.log10(sample["signal"])
    return Table(
        {
            "ra": np.append(ra, sample["ra"]),
            "dec": np.append(dec, sample["dec"]),
            "magnitude": np.append(magnitude, own),
        }
    )


def sees(survey, ra, dec, dice):
    """Which sources a survey has stamps of.

    Parameters
    ----------
    survey : str
        One of `DEPTHS`.
    ra, dec : `~numpy.ndarray`
        Shape (n,), degrees.
    dice : `~numpy.ndarray`
        Shape (n,), from 0 to 1: a gap where it is large.

    Returns
    -------
    `~numpy.ndarray` of bool
        Shape (n,).
    """
    away = np.hypot((ra - PLACE[0]) * np.cos(np.deg2rad(PLACE[1])), dec - PLACE[1])
    inside = {
        "Pan-STARRS": away < np.inf,
        "SDSS9": dec > PLACE[1] - 1.0,
        "DECaLS": dec < PLACE[1],
        "HSCLA": away < 0.9,
        "HST": away < 0.25,
        "JWST": away < 0.1,
    }[survey]
    return inside & (dice < 0.97)


def scene_of(row, survey):
    """What a survey sees of a source.

    Parameters
    ----------
    row : `~astropy.table.Row`
        Of `draw_plan`.
    survey : str
        One of `DEPTHS`.

    Returns
    -------
    `~astro_vbinary.simulation.Scene`
        The source and what is beside it.
    """
    signal = row["signal"] * DEPTHS[survey]
    stars, found = [Star(0.0, 0.0, signal)], []
    for name in ("companion", "neighbour"):
        apart, angle, fainter = (
            float(row[f"{name}_{part}"])
            for part in ("separation", "angle", "difference")
        )
        if np.isfinite(apart):
            turn = np.deg2rad(angle)
            place = apart * np.sin(turn), apart * np.cos(turn)
            stars.append(Star(*map(float, place), signal * 10 ** (-0.4 * fainter)))
            found.append((apart, angle, fainter))
    near = [pair for pair in found if pair[0] <= WIDEST]
    apart, angle, fainter = near[0] if near else (np.nan,) * 3
    beyond = [pair[0] for pair in found if pair[0] > WIDEST]
    kind = "pair" if near else "neighbour" if beyond else "single"
    return Scene(
        kind=kind,
        label=int(bool(near)),
        stars=tuple(stars),
        separation=apart,
        position_angle=angle,
        magnitude_difference=fainter,
        nearest=min(beyond, default=np.nan),
    )


def _draw_sources(count, rng):
    """Places and brightnesses; number counts rise as 10^(0.3 m): dN/dS as S^-1.75."""
    inside = rng.random(count) < SHARE
    away = rng.normal(size=(2, count))
    while (far := np.abs(away) > MOST).any():
        away[far] = rng.normal(size=far.sum())
    east, north = (np.where(inside, SCATTER, wide) for wide in WIDE)
    ra = PLACE[0] + away[0] * east / np.cos(np.deg2rad(PLACE[1]))
    low, high = (signal ** (-SLOPE / 0.4) for signal in SIGNALS)
    signal = (low + rng.random(count) * (high - low)) ** (-0.4 / SLOPE)
    return Table({"ra": ra, "dec": PLACE[1] + away[1] * north, "signal": signal})


def _put(table, name, values, rng):
    for column, own in zip(("separation", "difference"), values.T, strict=True):
        table[f"{name}_{column}"] = own
    angle = rng.uniform(0, 360, len(table))
    table[f"{name}_angle"] = np.where(np.isfinite(values[:, 0]), angle, np.nan)


def _companion(rng):
    while True:
        separation = log_uniform(rng, CLOSEST, WIDEST)
        if separation < DROP or rng.random() < 0.5:
            break
    ratio = max(rng.random() ** (1 / (1 + rng.uniform(0, 2))), 0.05)
    return separation, -2.5 * LUMINOSITY_SLOPE * np.log10(ratio)


def _nobody(table, stars, rng):
    return np.full((len(table), 2), np.nan)


def _neighbours(table, stars, rng):
    """The nearest star of the catalogue but the source itself, within reach."""
    distance, nearest = _nearest(table, stars, 2)
    apart, star = distance[:, 1], nearest[:, 1]
    fainter = _fainter(table, stars, star)
    return np.where(
        (apart <= REACH)[:, None], np.column_stack([apart, fainter]), np.nan
    )


def _shifted(table, stars, rng):
    """One of the stars around, moved to somewhere within the widest separation."""
    distance, nearest = _nearest(table, stars, AROUND)
    rows = np.arange(len(table))
    # Without the few that are too near to be a measure of the field.
    allowed = rng.random(distance.shape) * (distance > INNER)
    star = nearest[rows, allowed.argmax(axis=1)]
    apart = WIDEST * np.sqrt(rng.random(len(table)))
    return np.column_stack([apart, _fainter(table, stars, star)])


def _nearest(table, stars, count):
    tree = make_tree(np.asarray(stars["ra"]), np.asarray(stars["dec"]))
    points = unit_vectors(np.asarray(table["ra"]), np.asarray(table["dec"]))
    distance, nearest = tree.query(points, k=count)
    return np.minimum(distance / chord(1.0), 1e4), nearest


def _fainter(table, stars, star):
    own = ZERO - 2.5 * np.log10(table["signal"])
    return np.asarray(stars["magnitude"])[star] - np.asarray(own)
