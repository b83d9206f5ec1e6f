"""What is on the sky: pairs of stars, and what is mistaken for them."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["KINDS", "Scene", "Star", "draw_scene"]

#: Kinds of scene: whether it is a pair within 2.5 arcsec (label 1), how often it
#: is drawn in a balanced set, and what it is.
KINDS = {
    "pair": (1, 0.38, "two stars within 2.5 arcsec"),
    "pair_crowded": (1, 0.12, "two stars within 2.5 arcsec, others around"),
    "single": (0, 0.14, "one star, faint to bright"),
    "neighbour": (0, 0.11, "one star and others beyond 2.7 arcsec"),
    "saturated": (0, 0.06, "one saturated star: flat, bleeding, masked or zeroed"),
    "galaxy": (0, 0.09, "a galaxy, round to edge-on"),
    "nebula": (0, 0.03, "one star or none on a structured background"),
    "smeared": (0, 0.03, "one star, trailed or with mis-registered bands"),
    "empty": (0, 0.02, "no source at all"),
    "offcentre": (0, 0.02, "no source within 2.7 arcsec, some beyond"),
}

#: Separations (arcsec): of the widest pairs drawn, and of the nearest neighbours.
WIDEST_PAIR, NEAREST_NEIGHBOUR = 2.45, 2.7

#: Signal-to-noise ratio that the fainter star of a pair has at least.
FAINTEST_COMPANION = 8.0


@dataclass(frozen=True)
class Star:
    """A point source.

    Attributes
    ----------
    east, north : float
        Offset from the target in arcsec.
    signal : float
        Matched-filter signal-to-noise ratio over all bands on a dark sky.
    """

    east: float
    north: float
    signal: float


@dataclass(frozen=True)
class Scene:
    """What is drawn, and the truth about it.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    label : int
        1 for a pair within 2.5 arcsec, else 0.
    stars : tuple of Star
        Brightest of the pair, or the target, first.
    separation, position_angle, magnitude_difference : float
        Of the pair, in arcsec, degrees east of north and magnitudes; NaN where
        there is none.
    galaxy : dict or None
        ``signal``, ``radius`` (half light, arcsec), ``axis_ratio``, ``angle``
        (rad), ``index`` (Sersic).
    background : dict
        ``gradient`` and ``nebula`` amplitudes in units of the noise.
    saturation : str or None
        None, or how a saturated core looks.
    """

    kind: str
    label: int
    stars: tuple[Star, ...] = ()
    separation: float = float("nan")
    position_angle: float = float("nan")
    magnitude_difference: float = float("nan")
    galaxy: dict | None = None
    background: dict = field(default_factory=dict)
    saturation: str | None = None


def draw_scene(kind, rng, *, fwhm, radius):
    """Draw one scene.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm : float
        Of the sharpest band, in arcsec; no pair is drawn closer than that.
    radius : float
        Half the side of the stamp in arcsec; neighbours stay near it.

    Returns
    -------
    Scene
        The scene.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    label = KINDS[kind][0]
    background = _draw_background(kind, rng)
    if label:
        return _draw_pair(kind, rng, fwhm, radius, background)
    if kind == "empty":
        return Scene(kind, 0, background=background)
    if kind == "offcentre":
        return Scene(kind, 0, _neighbours(rng, radius, 300.0), background=background)
    signal = _log_uniform(rng, 6, 15000)
    target = Star(0.0, 0.0, signal)
    if kind == "neighbour":
        around = _neighbours(rng, radius, signal)
        return Scene(kind, 0, (target, *around), background=background)
    if kind == "saturated":
        target = Star(0.0, 0.0, _log_uniform(rng, 1000, 100000))
        how = str(rng.choice(["flat", "masked", "zeroed", "bleeding", "bled_masked"]))
        around = _neighbours(rng, radius, 300.0) if rng.random() < 0.3 else ()
        return Scene(kind, 0, (target, *around), background=background, saturation=how)
    if kind == "galaxy":
        galaxy = _draw_galaxy(rng, fwhm)
        around = _neighbours(rng, radius, 100.0) if rng.random() < 0.3 else ()
        return Scene(kind, 0, around, galaxy=galaxy, background=background)
    if kind == "nebula" and rng.random() < 0.3:
        return Scene(kind, 0, background=background)
    return Scene(kind, 0, (target,), background=background)


def _draw_pair(kind, rng, fwhm, radius, background):
    # Both stars are on the stamp, or it would be no pair to anyone.
    high = min(WIDEST_PAIR, radius - 0.3)
    low = min(fwhm, 0.9 * high)
    if rng.random() < 0.5:
        separation = rng.uniform(low, high)
    else:
        separation = _log_uniform(rng, low, high)
    angle = rng.uniform(0, 360)
    difference = rng.uniform(0, 3.0) if rng.random() < 0.9 else 0.0
    faint = _log_uniform(rng, FAINTEST_COMPANION, 2000)
    bright = faint * 10 ** (0.4 * difference)
    east = separation * np.sin(np.deg2rad(angle))
    north = separation * np.cos(np.deg2rad(angle))
    # Catalogues place the target on the brighter star, or on the pair's light.
    weight = rng.uniform(0, faint / (bright + faint)) if rng.random() < 0.5 else 0.0
    if separation > 1.2:
        weight = weight if rng.random() < 0.2 else 0.0
    stars = [
        Star(-weight * east, -weight * north, bright),
        Star((1 - weight) * east, (1 - weight) * north, faint),
    ]
    if kind == "pair_crowded":
        stars += _neighbours(rng, radius, bright)
        # A cluster or the bulge goes on within the circle.
        for _ in range(rng.poisson(rng.choice([0.5, 8.0]))):
            where = _polar(rng, 2.6 * np.sqrt(rng.random()))
            stars.append(Star(*where, faint * 10 ** rng.uniform(-1.2, 0)))
    return Scene(
        kind,
        1,
        tuple(stars),
        separation=float(separation),
        position_angle=float(angle),
        magnitude_difference=float(difference),
        background=background,
        saturation="flat" if rng.random() < 0.03 and separation > 2 * fwhm else None,
    )


def _neighbours(rng, radius, signal):
    """Stars beyond 2.7 arcsec, some far brighter than the target."""
    count = 1 + rng.poisson(rng.choice([1.0, 5.0, 15.0], p=[0.65, 0.25, 0.1]))
    stars = []
    for _ in range(count):
        far = max(radius * 1.3, NEAREST_NEIGHBOUR + 0.5)
        distance = rng.uniform(NEAREST_NEIGHBOUR, far)
        ratio = 10 ** rng.uniform(-1.6, 1.2)
        stars.append(Star(*_polar(rng, distance), max(signal * ratio, 6.0)))
    return tuple(stars)


def _draw_galaxy(rng, fwhm):
    # Sizes in arcsec, not in FWHM: the same galaxies are seen from space, where
    # only the small ones are hidden in the PSF.
    return {
        "signal": _log_uniform(rng, 20, 4000),
        "radius": _log_uniform(rng, max(0.3 * fwhm, 0.1), 2.2),
        "axis_ratio": rng.uniform(0.15, 1.0),
        "angle": rng.uniform(0, np.pi),
        "index": rng.uniform(0.6, 4.0),
        "clumps": int(rng.poisson(4)) if rng.random() < 0.3 else 0,
    }


def _draw_background(kind, rng):
    background = {"gradient": 0.0, "nebula": 0.0}
    if rng.random() < 0.25:
        background["gradient"] = _log_uniform(rng, 0.3, 6)
    if kind == "nebula":
        background["nebula"] = _log_uniform(rng, 2, 40)
    elif rng.random() < 0.06:
        background["nebula"] = _log_uniform(rng, 0.3, 3)
    return background


def _polar(rng, distance):
    angle = rng.uniform(0, 2 * np.pi)
    return distance * np.sin(angle), distance * np.cos(angle)


def _log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
