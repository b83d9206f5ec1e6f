"""The true PSFs of simulated images as effective PSFs, finely sampled."""

from functools import lru_cache

import numpy as np
import torch

from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation.rendering import psf_columns
from astro_vbinary.simulation.stars import PHASES, render_broad, space_bank

__all__ = ["effective_psfs"]

#: Samples of a PSF from the ground in a native pixel, and of one from space: no optics
#: of HST or JWST pass more than 1.4 cycles in any of their images' pixels.
GROUND_SAMPLES, SPACE_SAMPLES = 2, 3


def effective_psfs(survey, exposures, reach):
    """Effective PSFs of exposures, on their own pixels.

    Parameters
    ----------
    survey : str
        The survey.
    exposures : list of `~astro_vbinary.simulation.exposures.Exposure`
        With their PSFs drawn.
    reach : float
        Half side in arcsec.

    Returns
    -------
    psfs : `~numpy.ndarray`
        Shape (m, side, side), float32, padded to a common odd side.
    samples : int
        Samples in a native pixel.
    """
    if survey in SPACE_SURVEYS:
        made = [
            _space(survey, e.band, e.pixel_scale, e.psf_seed, reach) for e in exposures
        ]
        samples = SPACE_SAMPLES
    else:
        made, samples = _ground(exposures, reach), GROUND_SAMPLES
    side = max(len(psf) for psf in made)
    pads = [(side - len(psf)) // 2 for psf in made]
    made = [np.pad(psf, pad) for psf, pad in zip(made, pads, strict=True)]
    return np.stack(made), samples


@lru_cache(maxsize=96)
def _space(survey, band, pixel_scale, seed, reach):
    phases = space_bank(survey, band, pixel_scale, seed)
    values = phases.phases.float().numpy() * phases.peak
    half = values.shape[-1] // 2
    # Sample j of an axis: pixel i of the star that stands p phases beyond its middle.
    size = values.shape[-1] * PHASES
    fine = values[::-1, ::-1].transpose(2, 0, 3, 1).reshape(size, size)
    middle = half * PHASES + PHASES - 1
    # A whole number of pixels on each side of the middle.
    keep = PHASES * min(half - 1, int(np.ceil(reach / pixel_scale)))
    # From half a pixel before the first of them to half a pixel after the last.
    more = PHASES // 2
    span = slice(middle - keep - more, middle + keep + more + 1)
    made = _resample(fine[span, span], PHASES, SPACE_SAMPLES)
    inner = slice(SPACE_SAMPLES // 2, len(made) - SPACE_SAMPLES // 2)
    return np.ascontiguousarray(made[inner, inner])


def _resample(values, old, new):
    """Fewer samples in a pixel of a band-limited image, about its middle; both odd."""
    size = len(values) // old * new
    half = size // 2
    spectrum = np.fft.fft2(np.fft.ifftshift(values))
    kept = np.r_[0 : half + 1, len(values) - half : len(values)]
    made = np.fft.ifft2(spectrum[np.ix_(kept, kept)]).real * (new / old) ** 2
    return np.fft.fftshift(made).astype(np.float32)


def _ground(exposures, reach):
    """PSFs from the ground, at every sub-pixel position that is sampled."""
    count, fine = len(exposures), GROUND_SAMPLES
    scale = np.array([e.pixel_scale for e in exposures])
    half = int(np.ceil(reach / scale.min()))
    side = 2 * half + 2
    steps = np.arange(fine)
    # Star p samples beyond the middle of pixel number half + 1.
    shift = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    images = torch.zeros((count * fine**2, side, side))
    frame = np.arange(len(images))
    y, x = (half + 1 + np.tile(shift[:, axis] / fine, count) for axis in (0, 1))
    owners = [e for e in exposures for _ in range(fine**2)]
    render_broad(
        images,
        frame,
        x,
        y,
        np.ones(len(images)),
        psf_columns(owners),
        np.repeat(scale, fine**2),
    )
    values = images.numpy().reshape(count, fine, fine, side, side)
    values = values[:, ::-1, ::-1].transpose(0, 3, 1, 4, 2)
    values = values.reshape(count, side * fine, side * fine)
    middle = (half + 1) * fine + fine - 1
    keep = half * fine
    span = slice(middle - keep, middle + keep + 1)
    return list(values[:, span, span])
