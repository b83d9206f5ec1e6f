"""Who is in Orion, with what companions and neighbours, and who looks there.

Companions: 13 % between 100 and 1000 au (Kounkel et al. 2016, ApJ 821, 8), at 400 pc
0.25 to 2.5 arcsec, flat in the logarithm of the separation and half as frequent beyond
0.5 arcsec (Reipurth et al. 2007, AJ 134, 2272), with mass-ratio slopes from 0 to 2.
Neighbours by chance: 1e4 stars a square degree, three times that in the cluster, down
to five magnitudes below the source. Footprints and depths are invented, in their order
as the surveys have them.
"""

import numpy as np
from astropy.table import Table

from astro_vbinary.simulation import Scene, Star
from astro_vbinary.simulation.companions import LUMINOSITY_SLOPE, log_uniform

__all__ = ["DEPTHS", "FRACTION", "ROLES", "draw_sample", "scene_of", "sees"]

#: Share of sources with a companion, and where companions are (arcsec).
FRACTION, CLOSEST, DROP, WIDEST = 0.13, 0.25, 0.5, 2.5

#: Stars a square degree in the field and in the cluster, the cluster's place and radius
#: (deg), and the share of the sources that are in it.
FIELD, CLUSTER, PLACE, RADIUS, SHARE = 1e4, 3e4, (83.82, -5.39), 0.25, 0.15

#: Faintest neighbour below its source, and brightest above, in magnitudes.
FAINT, BRIGHT = 5.0, 1.0

#: Where neighbours are counted for the prediction, and drawn, in arcsec.
RING, REACH = (5.0, 30.0), 4.0

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


def draw_sample(count, role, rng):
    """Draw sources.

    Parameters
    ----------
    count : int
        How many.
    role : str
        One of `ROLES`.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~astropy.table.Table`
        Place, brightness, companion and neighbour within reach, and how many stars were
        counted in the ring; NaN where there is none.
    """
    inside = rng.random(count) < SHARE
    spread = np.where(inside, RADIUS / 2, 1.5)
    ra = rng.normal(PLACE[0], spread)
    dec = rng.normal(PLACE[1], spread * np.where(inside, 1, 1.5))
    density = density_at(ra, dec)
    table = Table({"ra": ra, "dec": dec, "density": density})
    # Number counts rise as 10^(0.3 m): dN/dlogS as S^-0.75.
    low, high = 8.0**-0.75, 5000.0**-0.75
    table["signal"] = (low + rng.random(count) * (high - low)) ** (-1 / 0.75)
    ring = np.pi * (RING[1] ** 2 - RING[0] ** 2) / 3600**2
    table["counted"] = rng.poisson(density * ring)
    chance = rng.random(count) < 1 - np.exp(-density * np.pi * REACH**2 / 3600**2)
    has = {
        "sample": (rng.random(count) < FRACTION, chance),
        "companion": (np.ones(count, bool), np.zeros(count, bool)),
        "single": (np.zeros(count, bool), np.zeros(count, bool)),
        "chance": (np.zeros(count, bool), np.ones(count, bool)),
    }[role]
    reach = WIDEST if role == "chance" else REACH
    drawn = {
        "companion": [_companion(rng) for _ in range(count)],
        "neighbour": [_neighbour(rng, reach) for _ in range(count)],
    }
    for (name, values), own in zip(drawn.items(), has, strict=True):
        for number, column in enumerate(("separation", "difference")):
            found = np.array(values)[:, number]
            table[f"{name}_{column}"] = np.where(own, found, np.nan)
        table[f"{name}_angle"] = rng.uniform(0, 2 * np.pi, count)
    table["role"] = role
    return table


def density_at(ra, dec):
    """Stars a square degree.

    Parameters
    ----------
    ra, dec : `~numpy.ndarray`
        Shape (n,), degrees.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,).
    """
    return np.where(_from_cluster(ra, dec) < RADIUS, CLUSTER, FIELD)


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
    away = _from_cluster(ra, dec)
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
        Of `draw_sample`.
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
        apart, fainter = (
            row[f"{name}_{part}"] for part in ("separation", "difference")
        )
        if np.isfinite(apart):
            angle = row[f"{name}_angle"]
            place = apart * np.sin(angle), apart * np.cos(angle)
            stars.append(Star(*map(float, place), signal * 10 ** (-0.4 * fainter)))
            found.append((apart, np.rad2deg(angle), fainter))
    near = [pair for pair in found if pair[0] <= WIDEST]
    apart, angle, fainter = near[0] if near else (np.nan,) * 3
    beyond = [pair[0] for pair in found if pair[0] > WIDEST]
    kind = "pair" if near else "neighbour" if beyond else "single"
    return Scene(
        kind=kind,
        label=int(bool(near)),
        stars=tuple(stars),
        separation=float(apart),
        position_angle=float(angle),
        magnitude_difference=float(fainter),
        nearest=float(min(beyond, default=np.nan)),
    )


def _companion(rng):
    while True:
        separation = log_uniform(rng, CLOSEST, WIDEST)
        if separation < DROP or rng.random() < 0.5:
            break
    ratio = max(rng.random() ** (1 / (1 + rng.uniform(0, 2))), 0.05)
    return separation, -2.5 * LUMINOSITY_SLOPE * np.log10(ratio)


def _neighbour(rng, reach):
    low, high = 10 ** (-0.3 * BRIGHT), 10 ** (0.3 * FAINT)
    difference = np.log10(low + rng.random() * (high - low)) / 0.3
    return reach * np.sqrt(rng.random()), difference


def _from_cluster(ra, dec):
    return np.hypot((ra - PLACE[0]) * np.cos(np.deg2rad(PLACE[1])), dec - PLACE[1])
