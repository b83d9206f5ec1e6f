"""Wavefront errors over a pupil: path lengths that a mirror adds."""

import numpy as np
from scipy import ndimage

__all__ = ["remove_tilt", "rough_surface", "segment_errors", "zernike"]

#: Zernike polynomials by name: radial and azimuthal order, and the radial part.
#: Noll 1976, JOSA 66, 207, doi:10.1364/JOSA.66.000207.
_ZERNIKE = {
    "defocus": (0, lambda r: 2 * r**2 - 1),
    "astigmatism": (2, lambda r: r**2),
    "coma": (1, lambda r: 3 * r**3 - 2 * r),
    "trefoil": (3, lambda r: r**3),
    "spherical": (0, lambda r: 6 * r**4 - 6 * r**2 + 1),
}


def _polar(pupil):
    side = len(pupil)
    axis = (np.arange(side) - (side - 1) / 2) / (side / 2)
    x, y = np.meshgrid(axis, axis)
    return np.hypot(x, y), np.arctan2(y, x)


def _scaled(screen, pupil):
    """With zero mean and unit rms over the open pupil."""
    open_ = pupil > 0.5
    screen = screen - screen[open_].mean()
    return screen / screen[open_].std()


def zernike(name, pupil, *, angle=0.0):
    """One Zernike polynomial, of unit rms over a pupil.

    Parameters
    ----------
    name : str
        ``defocus``, ``astigmatism``, ``coma``, ``trefoil`` or ``spherical``.
    pupil : `~numpy.ndarray`
        Square, transmission from 0 to 1.
    angle : float, optional
        Direction in radians from x towards y.

    Returns
    -------
    `~numpy.ndarray`
        Of the pupil's shape, with a mean of zero over the pupil.

    Raises
    ------
    ValueError
        If there is no such polynomial.

    Examples
    --------
    >>> from astro_vbinary.psf import hst_pupil
    >>> from astro_vbinary.psf.wavefront import zernike
    >>> pupil, _ = hst_pupil()
    >>> print(f"{zernike('coma', pupil)[pupil > 0.5].std():.3f}")
    1.000
    """
    if name not in _ZERNIKE:
        raise ValueError(f"no polynomial {name!r}; known: {', '.join(_ZERNIKE)}")
    order, radial = _ZERNIKE[name]
    r, phi = _polar(pupil)
    return _scaled(radial(r) * np.cos(order * (phi - angle)), pupil)


def rough_surface(pupil, rng, *, slope, longest, shortest):
    """A random surface whose power falls as a power of the spatial frequency.

    Parameters
    ----------
    pupil : `~numpy.ndarray`
        Square, transmission from 0 to 1.
    rng : `~numpy.random.Generator`
        Source of randomness.
    slope : float
        Power spectral density falls as frequency to the minus ``slope``.
    longest, shortest : float
        Band of wavelengths on the surface, in diameters of the pupil.

    Returns
    -------
    `~numpy.ndarray`
        Of the pupil's shape, zero mean and unit rms over the pupil.
    """
    side = len(pupil)
    # Twice the pupil, so that opposite edges know nothing of each other.
    frequency = np.hypot(
        np.fft.fftfreq(2 * side)[:, None], np.fft.rfftfreq(2 * side)[None, :]
    )
    frequency *= side
    inside = (frequency >= 1 / longest) & (frequency <= 1 / shortest)
    power = np.where(inside, np.maximum(frequency, 1e-9) ** (-slope / 2), 0.0)
    noise = np.fft.rfft2(rng.normal(size=(2 * side, 2 * side)))
    screen = np.fft.irfft2(noise * power, (2 * side, 2 * side))[:side, :side]
    return _scaled(screen, pupil)


def segment_errors(segments, rng, *, piston, tilt, power):
    """Misplaced segments: each with a piston, a tip and tilt, and a curvature.

    Parameters
    ----------
    segments : `~numpy.ndarray`
        Square, integers: 0 outside, 1 to n on the segments.
    rng : `~numpy.random.Generator`
        Source of randomness.
    piston, tilt, power : float
        Rms of each over the segments, in any unit of length.

    Returns
    -------
    `~numpy.ndarray`
        Of the segments' shape, in the same unit, zero outside.
    """
    count = int(segments.max())
    index = np.arange(1, count + 1)
    side = len(segments)
    y, x = np.mgrid[:side, :side].astype(float)
    screen = np.zeros(segments.shape)
    strengths = rng.normal(size=(count, 5))
    for number, (a, b, c, d, e) in zip(index, strengths, strict=True):
        here = segments == number
        dx, dy = x[here] - x[here].mean(), y[here] - y[here].mean()
        size = dx.std()
        dx, dy = dx / size, dy / size
        bowl = dx**2 + dy**2
        bowl = (bowl - bowl.mean()) / bowl.std()
        fold = (dx**2 - dy**2) * np.cos(e * 9) + 2 * dx * dy * np.sin(e * 9)
        fold = (fold - fold.mean()) / fold.std()
        screen[here] = (
            piston * a
            + tilt * (b * dx + c * dy) / np.sqrt(2)
            + power * (d * bowl + fold) / np.sqrt(2)
        )
    return screen


def remove_tilt(screen, pupil):
    """Without the mean and the tilt, which only move a star.

    Parameters
    ----------
    screen : `~numpy.ndarray`
        Path lengths.
    pupil : `~numpy.ndarray`
        Transmission, of the same shape.

    Returns
    -------
    `~numpy.ndarray`
        Of the same shape; zero outside of the pupil.
    """
    side = len(pupil)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    open_ = pupil > 0.5
    basis = np.stack([np.ones(open_.sum()), x[open_], y[open_]], axis=1)
    fit, *_ = np.linalg.lstsq(basis, screen[open_], rcond=None)
    flat = screen - fit[0] - fit[1] * x - fit[2] * y
    # A grey edge needs a phase, too.
    return np.where(ndimage.binary_dilation(open_, iterations=2), flat, 0.0)
