"""Nebulosity: power-law clouds, knots, filaments and silhouettes."""

from functools import cache

import numpy as np

__all__ = ["FORMS", "draw_nebula"]

#: Side of a nebula's image in pixels, and in arcsec.
SIDE, WIDTH = 128, 14.0

#: What a nebula may be.
FORMS = ("cloud", "knots", "filament", "silhouette")


def draw_nebula(form, rng):
    """A nebula on the sky around the target, before any PSF.

    Parameters
    ----------
    form : str
        One of `FORMS`.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        Shape (128, 128), float32, 14 arcsec wide, about unit amplitude.

    Raises
    ------
    ValueError
        If the form is unknown.
    """
    if form not in FORMS:
        raise ValueError(f"unknown form {form!r}; known: {', '.join(FORMS)}")
    image = _power_law(rng)
    axis = (np.arange(SIDE) - (SIDE - 1) / 2) * WIDTH / SIDE
    x, y = axis[None, :], axis[:, None]
    if form == "knots":
        image *= 0.3
        for _ in range(1 + rng.poisson(3)):
            x0, y0 = rng.uniform(-4, 4, 2)
            # Wider than any star of the surveys that would resolve it.
            width = np.exp(rng.uniform(np.log(0.25), np.log(1.2)))
            ratio, angle = rng.uniform(0.5, 1), rng.uniform(0, np.pi)
            along, across = _turn(x - x0, y - y0, angle)
            radius = np.square(along / width) + np.square(across / (ratio * width))
            image += rng.uniform(0.5, 4) * np.exp(-0.5 * radius)
    elif form == "filament":
        image *= 0.3
        for _ in range(1 + (rng.random() < 0.3)):
            along, across = _turn(x, y, rng.uniform(0, np.pi))
            across = across - rng.uniform(-2, 2) - rng.uniform(-0.08, 0.08) * along**2
            width = np.exp(rng.uniform(np.log(0.1), np.log(0.8)))
            image += rng.uniform(1, 4) / (1 + np.square(across / width))
    elif form == "silhouette":
        along, across = _turn(
            x - rng.normal(0, 0.8), y - rng.normal(0, 0.8), rng.uniform(0, np.pi)
        )
        width, ratio = rng.uniform(0.4, 2.5), rng.uniform(0.2, 1)
        radius = np.square(along / width) + np.square(across / (ratio * width))
        image = image * 0.4 - 3 * np.exp(-(radius**2))
    return image.astype(np.float32)


def _turn(x, y, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


@cache
def _log_frequency():
    k = np.hypot(np.fft.rfftfreq(SIDE)[None, :], np.fft.fftfreq(SIDE)[:, None])
    k[0, 0] = 1
    return np.log(k)


def _power_law(rng):
    # Slopes of interstellar cirrus are near -2.9 (Miville-Deschenes et al. 2007,
    # A&A 469, 595) in power.
    amplitude = np.exp(-rng.uniform(2.5, 3.5) / 2 * _log_frequency())
    amplitude[0, 0] = 0
    white = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    field = np.fft.irfft2(white * amplitude, (SIDE, SIDE))
    return (field - field.mean()) / field.std()
