"""What detectors and archives do to a picture."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Artefacts", "apply_artefacts", "draw_artefacts", "saturate"]


@dataclass(frozen=True)
class Artefacts:
    """Defects of one stack.

    Attributes
    ----------
    strip : tuple or None
        (angle in rad, distance from the target in arcsec) beyond which there
        is no data.
    fill : float
        What stands where there is no data: NaN or zero.
    hot_pixels, cosmic_rays : float
        Expected number in each band.
    pedestal, gain : float
        The image is multiplied by the gain and the pedestal is added.
    """

    strip: tuple[float, float] | None
    fill: float
    hot_pixels: float
    cosmic_rays: float
    pedestal: float
    gain: float


def draw_artefacts(rng, *, space, keep=0.0):
    """Draw the defects of one stack.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    space : bool
        Whether cosmic rays are many.
    keep : float, optional
        Distance from the target in arcsec that a blank strip stays away.

    Returns
    -------
    Artefacts
        The defects; usually none.
    """
    strip = None
    if rng.random() < 0.12:
        strip = (rng.uniform(0, 2 * np.pi), max(rng.uniform(0.6, 5.0), keep))
    return Artefacts(
        strip=strip,
        fill=float(rng.choice([np.nan, 0.0])),
        hot_pixels=1.5 if rng.random() < 0.08 else 0.0,
        cosmic_rays=1.5 if rng.random() < (0.1 if space else 0.04) else 0.0,
        pedestal=0.0 if rng.random() < 0.5 else float(rng.normal(0, 300)),
        gain=float(10 ** rng.uniform(-2, 3)),
    )


def apply_artefacts(image, exposure, artefacts, rng):
    """Apply the defects to one band.

    Parameters
    ----------
    image : `~numpy.ndarray`
        In units of the sky noise.
    exposure : Exposure
        Its pixels.
    artefacts : Artefacts
        What to do.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        float32, with NaN or zeros where there is no data.
    """
    image = image.copy()
    for _ in range(rng.poisson(artefacts.hot_pixels)):
        image[tuple(rng.integers(0, image.shape[0], 2))] += 10 ** rng.uniform(1, 4)
    for _ in range(rng.poisson(artefacts.cosmic_rays)):
        _cosmic_ray(image, rng)
    image = (image + artefacts.pedestal) * artefacts.gain
    if artefacts.strip is not None:
        angle, distance = artefacts.strip
        x0, y0 = exposure.target_pixel
        x = (np.arange(exposure.side)[None, :] - x0) * exposure.pixel_scale
        y = (np.arange(exposure.side)[:, None] - y0) * exposure.pixel_scale
        # Detector edges run along its axes, most often.
        angle = np.round(angle / (np.pi / 2)) * np.pi / 2 if angle < 4 else angle
        image[x * np.cos(angle) + y * np.sin(angle) > distance] = artefacts.fill
    return image.astype(np.float32)


def _cosmic_ray(image, rng):
    side = image.shape[0]
    start = rng.uniform(0, side, 2)
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.arange(0, rng.exponential(4) + 1, 0.5)
    y = np.round(start[0] + steps * np.sin(angle)).astype(int)
    x = np.round(start[1] + steps * np.cos(angle)).astype(int)
    inside = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    image[y[inside], x[inside]] += 10 ** rng.uniform(1, 4)


def saturate(image, exposure, how, rng):
    """Clip a core at the level that the detector can hold.

    Parameters
    ----------
    image : `~numpy.ndarray`
        In units of the sky noise.
    exposure : Exposure
        Its pixels.
    how : str
        ``flat``, ``masked``, ``zeroed``, ``bleeding`` or ``bled_masked``.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        The image; NaN or zero in the core for the masked kinds.
    """
    x0, y0 = exposure.pixel(0.0, 0.0)
    reach = max(2, int(1.5 * exposure.psf.fwhm.value / exposure.pixel_scale))
    rows = slice(max(int(y0) - reach, 0), int(y0) + reach + 1)
    columns = slice(max(int(x0) - reach, 0), int(x0) + reach + 1)
    core = image[rows, columns]
    if not core.size or core.max() <= 0:
        return image
    level = core.max() * 10 ** rng.uniform(-1.6, -0.15)
    over = image > level
    if how in ("bleeding", "bled_masked"):
        over |= _bleed(over, rng)
    if how in ("flat", "bleeding"):
        # Readout leaves some structure on the plateau.
        plateau = level * (1 + 0.02 * rng.normal(size=image.shape))
        if rng.random() < 0.4:
            ripple = ndimage.gaussian_filter(rng.normal(size=image.shape), 1.5)
            plateau += level * 0.12 * ripple / ripple.std()
        return np.where(over, plateau, image)
    grown = ndimage.binary_dilation(over, iterations=int(rng.integers(0, 2)) or 1)
    return np.where(grown, 0.0 if how == "zeroed" else np.nan, image)


def _bleed(over, rng):
    """Charge runs along columns: further where more pixels are full."""
    bled = np.zeros_like(over)
    rows = np.arange(over.shape[0])
    for column in np.flatnonzero(over.any(axis=0)):
        full = np.flatnonzero(over[:, column])
        length = len(full) * rng.uniform(0.5, 3)
        bled[:, column] = np.abs(rows - full.mean()) < length
    return bled
