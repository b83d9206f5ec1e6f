"""What is on the sky and what the telescope does to it, before any pixel is drawn."""

from dataclasses import replace

import numpy as np

from astro_vbinary.simulation.companions import WIDEST, draw_companion, log_uniform
from astro_vbinary.simulation.contaminants import (
    draw_contaminant,
    draw_neighbours,
    draw_place,
)
from astro_vbinary.simulation.sky import SATURATIONS, Galaxy, Scene, Star

__all__ = ["KINDS", "Galaxy", "Scene", "Star", "draw_kind", "draw_scene"]

#: Kinds of scene: whether it is a pair within 2.5 arcsec (label 1), how often it
#: is drawn in a balanced set, and what it is.
KINDS = {
    "pair": (1, 0.37, "two stars within 2.5 arcsec"),
    "pair_crowded": (1, 0.09, "two stars within 2.5 arcsec, others around"),
    "triple": (1, 0.04, "three stars within 2.5 arcsec"),
    "single": (0, 0.14, "one star, faint to bright"),
    "neighbour": (0, 0.07, "one star and others between 2.5 and 6 arcsec"),
    "bright_neighbour": (0, 0.03, "wings and spikes of a star beyond 2.7 arcsec"),
    "spikes": (0, 0.02, "one bright star with diffraction spikes"),
    "saturated": (0, 0.04, "one saturated star: flat, bleeding, masked or zeroed"),
    "galaxy": (0, 0.03, "a galaxy of any shape, smooth or clumpy"),
    "galaxy_compact": (0, 0.02, "a galaxy hardly wider than a star"),
    "galaxy_edge_on": (0, 0.02, "a galaxy seen edge-on"),
    "star_on_galaxy": (0, 0.02, "one star on an extended galaxy"),
    "nebula": (0, 0.015, "power-law nebulosity, with a star or none"),
    "knots": (0, 0.01, "knots of nebulosity around a star"),
    "filament": (0, 0.01, "a filament across a star"),
    "silhouette": (0, 0.01, "a dark cloud or disc before nebulosity and a star"),
    "cosmic_rays": (0, 0.015, "one star, cosmic rays and hot pixels"),
    "edge": (0, 0.01, "one star, chip gaps, blank strips and edges"),
    "misregistered": (0, 0.015, "one star, bands off by a part of the FWHM"),
    "trailed": (0, 0.01, "one star, trailed or out of focus"),
    "ghost": (0, 0.01, "one star and a reflection of a brighter one"),
    "stripes": (0, 0.01, "one star on stripes and bands of readout noise"),
    "empty": (0, 0.02, "no source at all"),
    "offcentre": (0, 0.01, "no source within 2.7 arcsec, some beyond"),
}

_NAMES = list(KINDS)
_SHARES = np.array([share for _, share, _ in KINDS.values()])
_STEPS = np.cumsum(_SHARES / _SHARES.sum())


def draw_kind(rng):
    """A kind with the frequencies of `KINDS`: half of the scenes are pairs.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    str
        The kind.
    """
    number = int(np.searchsorted(_STEPS, rng.random()))
    return _NAMES[min(number, len(_NAMES) - 1)]


def draw_scene(kind, rng, *, fwhm, radius, population="training"):
    """Draw one scene.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm : float
        Of the sharpest band, in arcsec.
    radius : float
        Half the side of the stamp in arcsec; companions are on the stamp.
    population : str, optional
        One of `~astro_vbinary.simulation.POPULATIONS`.

    Returns
    -------
    Scene
        The scene.

    Raises
    ------
    ValueError
        If the kind or the population is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    if KINDS[kind][0]:
        scene = _pair(kind, rng, fwhm, radius, population)
    else:
        scene = draw_contaminant(kind, rng, fwhm=fwhm, radius=radius)
    return usual_background(scene, rng)


def usual_background(scene, rng):
    """Slopes and faint clouds are anywhere."""
    gradient = log_uniform(rng, 0.3, 6) if rng.random() < 0.25 else 0.0
    nebula = scene.nebula
    if nebula is None and rng.random() < 0.06:
        nebula = ("cloud", log_uniform(rng, 0.3, 3))
    return replace(scene, gradient=gradient, nebula=nebula)


def _pair(kind, rng, fwhm, radius, population):
    widest = min(WIDEST, max(radius - 0.25, 0.3))
    drawn = draw_companion(population, rng, fwhm=fwhm, widest=widest)
    separation, angle = drawn.separation, np.deg2rad(drawn.position_angle)
    east, north = separation * np.sin(angle), separation * np.cos(angle)
    ratio = 10 ** (-0.4 * drawn.magnitude_difference)
    # Catalogues place the target on the brighter star; on the pair's light
    # where they do not resolve it.
    weight = 0.0
    if separation < 1.5 * max(fwhm, 0.3) and rng.random() < 0.6:
        weight = ratio / (1 + ratio) * rng.random()
    stars = [
        Star(-weight * east, -weight * north, drawn.signal),
        Star((1 - weight) * east, (1 - weight) * north, drawn.signal * ratio),
    ]
    if kind == "triple":
        third = draw_companion(population, rng, fwhm=fwhm, widest=widest)
        turn = np.deg2rad(third.position_angle)
        faint = 10 ** (-0.4 * max(third.magnitude_difference, rng.random()))
        x = stars[0].east + third.separation * np.sin(turn)
        y = stars[0].north + third.separation * np.cos(turn)
        stars.append(Star(float(x), float(y), drawn.signal * faint))
    if kind == "pair_crowded":
        stars += draw_neighbours(rng, radius, drawn.signal)
        # A cluster or the bulge goes on within the circle.
        for _ in range(rng.poisson(0.5 if rng.random() < 0.5 else 8.0)):
            where = draw_place(rng, 2.6 * np.sqrt(rng.random()))
            faint = drawn.signal * ratio * 10 ** rng.uniform(-1.2, 0)
            stars.append(Star(*where, faint))
    bright = drawn.signal > 1000 and separation > 2 * fwhm and rng.random() < 0.15
    return Scene(
        kind,
        1,
        tuple(stars),
        separation=separation,
        position_angle=drawn.position_angle,
        magnitude_difference=drawn.magnitude_difference,
        saturation=str(rng.choice(SATURATIONS)) if bright else None,
    )
