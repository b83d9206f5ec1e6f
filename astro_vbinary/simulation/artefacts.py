"""What detectors, optics and archives do to a picture."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Defects", "add_spikes", "apply_defects", "draw_defects", "saturate"]

#: How often a defect comes with any scene; a scene's own kind makes it certain.
USUAL = {
    "cosmic_rays": 0.05,
    "hot_pixels": 0.04,
    "strip": 0.06,
    "gap": 0.02,
    "ghost": 0.015,
    "stripes": 0.03,
}

#: Cosmic rays are commoner above the atmosphere.
USUAL_SPACE = {**USUAL, "cosmic_rays": 0.12, "hot_pixels": 0.08}


@dataclass(frozen=True)
class Defects:
    """Defects of one stack, the same in every band but for the noise.

    Attributes
    ----------
    names : frozenset of str
        Which of `USUAL` there are.
    angle, distance : float
        Of the edge of a strip or gap: direction in rad, and distance from the
        target in arcsec.
    fill : float
        What stands where there is no data: NaN or zero.
    pedestal, gain : float
        The image is multiplied by the gain and the pedestal is added.
    """

    names: frozenset
    angle: float
    distance: float
    fill: float
    pedestal: float
    gain: float


def draw_defects(rng, *, space, certain=frozenset(), keep=0.0):
    """Draw the defects of one stack.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    space : bool
        Whether cosmic rays are many.
    certain : frozenset of str, optional
        Defects that there are in any case.
    keep : float, optional
        Distance from the target in arcsec that a strip or gap stays away.

    Returns
    -------
    Defects
        Usually none.
    """
    usual = USUAL_SPACE if space else USUAL
    chance = rng.random(len(usual))
    names = {
        name
        for (name, share), value in zip(usual.items(), chance, strict=True)
        if value < share or name in certain
    }
    turn = rng.random()
    # Detector edges run along its axes, most often.
    angle = (np.floor(turn * 4) if turn < 0.7 else turn * 4) * np.pi / 2
    return Defects(
        names=frozenset(names),
        angle=float(angle),
        distance=float(max(rng.uniform(0.6, 5.0), keep)),
        fill=float("nan") if rng.random() < 0.5 else 0.0,
        pedestal=0.0 if rng.random() < 0.5 else float(rng.normal(0, 300)),
        gain=float(10 ** rng.uniform(-2, 3)),
    )


def apply_defects(image, exposure, defects, rng):
    """Apply the defects to one band, all but pedestal, gain and fill.

    Parameters
    ----------
    image : `~numpy.ndarray`
        In units of the sky noise, square, the target near its middle; changed in
        place.
    exposure : Exposure
        Its pixels.
    defects : Defects
        What to do.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray` of bool or None
        True where there is no data.
    """
    names = defects.names
    half = min(exposure.side, len(image)) / 2
    middle = (len(image) - 1) / 2
    low, high = int(np.ceil(middle - half)), int(np.floor(middle + half)) + 1
    if "hot_pixels" in names:
        for _ in range(rng.poisson(1.5)):
            image[tuple(rng.integers(low, high, 2))] += 10 ** rng.uniform(1, 4)
    if "cosmic_rays" in names:
        for _ in range(rng.poisson(2.0)):
            _cosmic_ray(image[low:high, low:high], rng)
    if "stripes" in names:
        _stripes(image, rng)
    if "ghost" in names:
        _ghost(image, exposure, rng)
    if not names & {"strip", "gap"}:
        return None
    axis = (np.arange(len(image)) - middle) * exposure.pixel_scale
    x = axis[None, :] - exposure.target[0] * exposure.pixel_scale
    y = axis[:, None] - exposure.target[1] * exposure.pixel_scale
    along = x * np.cos(defects.angle) + y * np.sin(defects.angle)
    if "gap" in names:
        return (along > defects.distance) & (along < defects.distance + 1.5)
    return along > defects.distance


def _cosmic_ray(image, rng):
    side = image.shape[0]
    start = rng.uniform(0, side, 2)
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.arange(0, rng.exponential(4) + 1, 0.5)
    y = np.round(start[0] + steps * np.sin(angle)).astype(int)
    x = np.round(start[1] + steps * np.cos(angle)).astype(int)
    inside = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    image[y[inside], x[inside]] += 10 ** rng.uniform(0.8, 3.5)


def _stripes(image, rng):
    """Row or column offsets: readout noise, 1/f noise, bad columns."""
    side = len(image)
    offsets = rng.standard_normal(side)
    if rng.random() < 0.5:
        offsets = ndimage.gaussian_filter1d(offsets, rng.uniform(0.5, 4), mode="wrap")
        offsets /= max(offsets.std(), 1e-6)
    offsets *= 10 ** rng.uniform(-0.5, 0.7)
    if rng.random() < 0.3:
        offsets[rng.integers(side, size=1 + rng.poisson(0.5))] += rng.normal(0, 30)
    image += offsets[None, :] if rng.random() < 0.5 else offsets[:, None]


def _ghost(image, exposure, rng):
    """The pupil out of focus: a reflection of a star elsewhere."""
    middle = (len(image) - 1) / 2
    radius = rng.uniform(0.8, 3.0) / exposure.pixel_scale
    far = rng.uniform(0, 4.0) / exposure.pixel_scale
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.arange(len(image)) - middle
    distance = np.hypot(
        axis[None, :] - far * np.cos(angle), axis[:, None] - far * np.sin(angle)
    )
    inner = rng.uniform(0.2, 0.5) * radius
    soft = 0.1 * radius + 0.5
    ring = 1 / (1 + np.exp(np.clip((distance - radius) / soft, -50, 50)))
    ring *= 1 / (1 + np.exp(np.clip((inner - distance) / soft, -50, 50)))
    image += ring * 10 ** rng.uniform(-0.3, 1.3)


def add_spikes(image, x, y, flux, fwhm, rng):
    """Diffraction by the secondary's support, a faint cross.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Changed in place.
    x, y, flux : float
        Position in pixels and flux of the star.
    fwhm : float
        Of its PSF in pixels.
    rng : `~numpy.random.Generator`
        Source of randomness.
    """
    dx = np.arange(image.shape[1])[None, :] - x
    dy = np.arange(image.shape[0])[:, None] - y
    angle = rng.choice([0.0, np.pi / 4]) + rng.normal(0, 0.05)
    total = np.zeros(image.shape)
    for turn in (angle, angle + np.pi / 2):
        along = dx * np.cos(turn) + dy * np.sin(turn)
        across = dy * np.cos(turn) - dx * np.sin(turn)
        reach = (1 + (along / fwhm) ** 2) ** -0.8
        total += reach * np.exp(-0.5 * (across / (0.42 * fwhm)) ** 2)
    image += flux * 10 ** rng.uniform(-4.2, -2.8) * total / fwhm**2


def saturate(image, x, y, fwhm, how, rng):
    """Clip a core at the level that the detector can hold.

    Parameters
    ----------
    image : `~numpy.ndarray`
        In units of the sky noise; changed in place.
    x, y : float
        Position of the star in pixels.
    fwhm : float
        Of the PSF in pixels.
    how : str
        ``flat``, ``masked``, ``zeroed``, ``bleeding`` or ``bled_masked``.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray` of bool or None
        Where the core was taken out: to NaN, or to zero where ``zeroed``.
    """
    reach = max(2, int(1.5 * fwhm))
    row, column = round(y), round(x)
    top, left = max(row - reach, 0), max(column - reach, 0)
    core = image[top : row + reach + 1, left : column + reach + 1]
    if not core.size or core.max() <= 0:
        return None
    level = core.max() * 10 ** rng.uniform(-1.6, -0.15)
    over = image > level
    if how in ("bleeding", "bled_masked"):
        over |= _bleed(over, rng)
    if how in ("flat", "bleeding"):
        # Readout leaves some structure on the plateau.
        plateau = level * (1 + 0.02 * rng.standard_normal(image.shape))
        if rng.random() < 0.4:
            ripple = ndimage.gaussian_filter(rng.standard_normal(image.shape), 1.5)
            plateau += level * 0.12 * ripple / ripple.std()
        image[over] = plateau[over]
        return None
    return ndimage.binary_dilation(over, iterations=1 + int(rng.random() < 0.3))


def _bleed(over, rng):
    """Charge runs along columns: further where more pixels are full."""
    bled = np.zeros_like(over)
    rows = np.arange(over.shape[0])
    for column in np.flatnonzero(over.any(axis=0)):
        full = np.flatnonzero(over[:, column])
        length = len(full) * rng.uniform(0.5, 3)
        bled[:, column] = np.abs(rows - full.mean()) < length
    return bled
