"""Scenes that are no pairs, and what is around any star."""

import numpy as np

from astro_vbinary.simulation.companions import SIGNALS, log_uniform
from astro_vbinary.simulation.sky import SATURATIONS, Galaxy, Scene, Star

__all__ = ["NEAREST_NEIGHBOUR", "draw_contaminant", "draw_neighbours", "draw_place"]

#: Distance in arcsec of the nearest star that is no companion.
NEAREST_NEIGHBOUR = 2.5

#: Mean number of further neighbours: a field, its crowded parts, a cluster.
_CROWDING = (1.0, 5.0, 15.0)


def _target(rng, low=5.0, high=SIGNALS[1]):
    """A star where the catalogue says; bright ones are the most like a pair."""
    if rng.random() < 0.35:
        low = max(low, min(300.0, high / 3))
    return Star(0.0, 0.0, log_uniform(rng, low, high))


def _single(kind, rng, fwhm, radius):
    defects = {
        "trailed": {"trailed"},
        "misregistered": {"misregistered"},
        "cosmic_rays": {"cosmic_rays", "hot_pixels"},
        "edge": {"gap" if rng.random() < 0.4 else "strip"},
        "ghost": {"ghost"},
        "stripes": {"stripes"},
        "spikes": {"spikes"},
    }.get(kind, set())
    target = _target(rng, 2000.0 if kind == "spikes" else 5.0)
    return Scene(kind, 0, (target,), defects=frozenset(defects))


def _neighbour(kind, rng, fwhm, radius):
    target = _target(rng, high=1e4)
    around = draw_neighbours(rng, radius, target.signal)
    return Scene(kind, 0, (target, *around), nearest=_nearest(around))


def _bright_neighbour(kind, rng, fwhm, radius):
    target = _target(rng, high=1000.0)
    distance = rng.uniform(2.7, max(6.0, radius + 1.5))
    strength = min(target.signal * log_uniform(rng, 10, 1000), 3e5)
    star = Star(*draw_place(rng, distance), strength)
    stars = (target, star) if rng.random() < 0.8 else (star,)
    return Scene(kind, 0, stars, nearest=distance, defects=frozenset({"spikes"}))


def _saturated(kind, rng, fwhm, radius):
    target = _target(rng, 800, 1e5)
    around = draw_neighbours(rng, radius, 300.0) if rng.random() < 0.3 else ()
    how = str(rng.choice(SATURATIONS))
    return Scene(kind, 0, (target, *around), saturation=how, nearest=_nearest(around))


def _galaxy(kind, rng, fwhm, radius):
    # Sizes in arcsec, not in FWHM: the same galaxies are seen from space, where
    # only the small ones are hidden in the PSF.
    size = log_uniform(rng, max(0.3 * fwhm, 0.1), 2.2)
    ratio, index = rng.uniform(0.15, 1.0), rng.uniform(0.6, 4.0)
    clumps = int(rng.poisson(4)) if rng.random() < 0.3 else 0
    if kind == "galaxy_compact":
        size, clumps = log_uniform(rng, 0.25, 1.0) * max(fwhm, 0.1), 0
    if kind == "galaxy_edge_on":
        size = log_uniform(rng, max(0.5 * fwhm, 0.25), 2.2)
        ratio, index = rng.uniform(0.1, 0.3), rng.uniform(0.6, 1.5)
    signal = log_uniform(rng, 20, 4000)
    angle = rng.uniform(0, np.pi)
    east, north = rng.normal(0, 0.05, 2)
    stars, nearest = (), float("nan")
    if kind == "star_on_galaxy":
        # Wide and without a cusp, or nobody could tell it from a second star.
        size = log_uniform(rng, max(0.8 * fwhm, 0.6), 2.5)
        index, clumps = rng.uniform(0.5, 1.2), 0
        ratio = rng.uniform(0.3, 1.0)
        stars = (Star(0.0, 0.0, signal * log_uniform(rng, 0.15, 4)),)
        east, north = draw_place(rng, size * np.sqrt(rng.random()))
    elif rng.random() < 0.25:
        stars = draw_neighbours(rng, radius, 100.0)
        nearest = _nearest(stars)
    galaxy = Galaxy(
        float(east), float(north), signal, size, ratio, angle, index, clumps
    )
    return Scene(kind, 0, stars, galaxy=galaxy, nearest=nearest)


def _nebula(kind, rng, fwhm, radius):
    form = "cloud" if kind == "nebula" else kind
    target = (_target(rng, high=5000.0),)
    if kind == "nebula" and rng.random() < 0.3:
        target = ()
    if kind == "knots":
        target = (_target(rng, low=30.0, high=5000.0),)
    return Scene(kind, 0, target, nebula=(form, log_uniform(rng, 2, 40)))


def _empty(kind, rng, fwhm, radius):
    return Scene(kind, 0)


def _offcentre(kind, rng, fwhm, radius):
    stars = draw_neighbours(rng, radius, 300.0)
    return Scene(kind, 0, stars, nearest=_nearest(stars))


def draw_neighbours(rng, radius, signal):
    """Draw stars beyond 2.5 arcsec, some far brighter than the target.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    radius : float
        Half the side of the stamp in arcsec; some are off it.
    signal : float
        Signal-to-noise ratio of the target.

    Returns
    -------
    tuple of Star
        At least one.
    """
    count = 1 + rng.poisson(_CROWDING[int(np.searchsorted((0.65, 0.9), rng.random()))])
    stars = []
    far = max(radius * 1.3, 6.0)
    for number in range(count):
        distance = NEAREST_NEIGHBOUR + (far - NEAREST_NEIGHBOUR) * rng.random()
        if number == 0 and rng.random() < 0.3:
            distance = rng.uniform(NEAREST_NEIGHBOUR, 3.2)
        ratio = 10 ** rng.uniform(-1.6, 1.2)
        stars.append(Star(*draw_place(rng, distance), max(signal * ratio, 6.0)))
    return tuple(stars)


def _nearest(stars):
    return min((float(np.hypot(s.east, s.north)) for s in stars), default=float("nan"))


def draw_place(rng, distance):
    """A place at a distance from the target, in any direction.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    distance : float
        In arcsec.

    Returns
    -------
    tuple of float
        (east, north) in arcsec.
    """
    angle = 2 * np.pi * rng.random()
    return float(distance * np.sin(angle)), float(distance * np.cos(angle))


_OTHERS = {
    "neighbour": _neighbour,
    "bright_neighbour": _bright_neighbour,
    "saturated": _saturated,
    "galaxy": _galaxy,
    "galaxy_compact": _galaxy,
    "galaxy_edge_on": _galaxy,
    "star_on_galaxy": _galaxy,
    "nebula": _nebula,
    "knots": _nebula,
    "filament": _nebula,
    "silhouette": _nebula,
    "empty": _empty,
    "offcentre": _offcentre,
}


def draw_contaminant(kind, rng, *, fwhm, radius):
    """Draw a scene that is no pair.

    Parameters
    ----------
    kind : str
        One of `~astro_vbinary.simulation.KINDS` with the label 0.
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm : float
        Of the sharpest band, in arcsec.
    radius : float
        Half the side of the stamp in arcsec.

    Returns
    -------
    Scene
        The scene.
    """
    return _OTHERS.get(kind, _single)(kind, rng, fwhm, radius)
