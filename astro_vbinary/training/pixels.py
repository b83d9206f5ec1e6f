"""Simulated stacks as the statistics see them: native pixels, noise and PSFs.

Networks look at aligned stacks; the limit and the likelihood ratio of
`astro_vbinary.measurement` look at the pixels before alignment, with the PSFs and the
noise that they were made with.
"""

import astropy.units as u
import numpy as np
import torch
from scipy import ndimage

from astro_vbinary.measurement import PixelBatch, detectability
from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.stamps.blank import find_blank, find_hot
from astro_vbinary.training.pixel_psfs import effective_psfs

__all__ = ["pair_detectability", "pair_truth", "pixel_batch"]

#: Half side of the pixels that are kept, in arcsec, beyond one FWHM.
RADIUS = 3.1

#: Half side of PSFs in arcsec, from the ground and from space: little light is beyond.
GROUND_REACH, SPACE_REACH = 3.1, 1.6

#: Stacks at once, where PSFs are finely sampled.
CHUNK = 16


def pixel_batch(batch, rows=None, *, radius=RADIUS, reach=None):
    """The images of simulated stacks with their true PSFs and noise.

    Each stack's bands are registered as they truly are: a reader who is given the
    PSFs is given where they stand, too. The noise of stacks where it is correlated is
    taken to be white, and as strong as it is under a filter that matches the PSF.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The stacks.
    rows : sequence of int, optional
        Which of them; all by default.
    radius : float, optional
        Half side in arcsec of the pixels kept around the target, beyond one FWHM.
    reach : float, optional
        Half side of the PSFs in arcsec; by default 3.1 from the ground and 1.6 from
        space.

    Returns
    -------
    `~astro_vbinary.measurement.PixelBatch`
        One stack for each of the rows.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    rows = list(range(len(batch)) if rows is None else rows)
    if not rows:
        raise ValueError("pixel_batch needs at least one row")
    place = {stack: number for number, stack in enumerate(rows)}
    found = [
        (frames, number, exposure)
        for frames in batch.frames
        for number, exposure in enumerate(frames.exposures)
        if exposure.stack in place
    ]
    exposures = [exposure for *_, exposure in found]
    widest = max(exposure.fwhm for exposure in exposures)
    half = max(int(np.ceil((radius + widest) / e.pixel_scale)) for e in exposures)
    shape = len(rows), 1 + max(e.extra["number"] for e in exposures)
    side = 2 * half + 1
    images = np.zeros((*shape, side, side), dtype=np.float32)
    weight = np.zeros_like(images)
    to_pixel = np.zeros((*shape, 2, 2))
    origin = np.zeros((*shape, 2))
    if reach is None:
        reach = SPACE_REACH if batch.survey in SPACE_SURVEYS else GROUND_REACH
    psfs, samples = effective_psfs(batch.survey, exposures, reach)
    psf = np.zeros((*shape, *psfs.shape[1:]), dtype=np.float32)
    there_is = np.zeros(shape, dtype=bool)
    for (frames, number, exposure), own in zip(found, psfs, strict=True):
        key = place[exposure.stack], exposure.extra["number"]
        matrix = np.linalg.inv(exposure.cd)
        middle = (frames.side - 1) / 2
        where = middle + np.array(exposure.pixel_offset(0.0, 0.0))
        corner = np.round(where).astype(int) - half
        window = _usable(frames, number, batch.hips[exposure.stack])
        values = frames.images[number].cpu().numpy()
        spread = frames.variance[number].cpu().numpy()
        spread = spread * _loss(own[::samples, ::samples], exposure)
        inside, there = _overlap(corner, side, len(values))
        good = window[there] & np.isfinite(values[there]) & (spread[there] > 0)
        images[key][inside] = np.where(good, values[there], 0)
        weight[key][inside] = np.where(good, 1 / np.where(good, spread[there], 1), 0)
        to_pixel[key], origin[key], psf[key] = matrix, where - corner, own
        there_is[key] = True
    # A band that a stack lacks has weight zero, and else looks like its first one.
    for row, band in zip(*np.nonzero(~there_is), strict=True):
        first = int(there_is[row].argmax())
        for array in (to_pixel, origin, psf):
            array[row, band] = array[row, first]
    return PixelBatch(
        torch.from_numpy(images),
        torch.from_numpy(weight),
        torch.from_numpy(psf),
        samples,
        torch.from_numpy(to_pixel),
        torch.from_numpy(origin),
    )


def pair_truth(batch, rows, bands):
    """Where the two stars of each pair are drawn, and how bright.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The stacks.
    rows : sequence of int
        Stacks that show pairs.
    bands : int
        Bands of the `pixel_batch` that it goes with.

    Returns
    -------
    dict
        Arguments of `~astro_vbinary.measurement.detectability`: ``separation``,
        ``position_angle``, ``flux`` and ``center``.
    """
    place = {stack: number for number, stack in enumerate(rows)}
    flux = np.zeros((len(rows), bands, 2))
    offsets = [[] for _ in rows]
    for frames in batch.frames:
        for exposure in frames.exposures:
            if exposure.stack in place:
                own = np.array(exposure.extra["fluxes"][:2]) * exposure.extra["gain"]
                flux[place[exposure.stack], exposure.extra["number"]] = own
                first, second = map(np.array, exposure.extra["positions"][:2])
                offsets[place[exposure.stack]].append(exposure.cd @ (second - first))
    stars = [batch.scenes[row].stars[0] for row in rows]
    first = np.array([(star.east, star.north) for star in stars])
    offset = np.array([np.mean(own, axis=0) for own in offsets])
    return {
        "separation": np.hypot(*offset.T) * u.arcsec,
        "position_angle": np.arctan2(*offset.T) * u.rad,
        "flux": flux,
        "center": first * u.arcsec,
    }


def pair_detectability(
    batch, rows=None, *, uncertainties=(None,), reach=None, chunk=CHUNK
):
    """The exact detectability of every pair, in its own pixels and noise.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The stacks.
    rows : sequence of int, optional
        Which pairs; all by default.
    uncertainties : sequence, optional
        What is not known of the PSFs, one
        `~astro_vbinary.measurement.PSFUncertainty` or None for each answer.
    reach : float, optional
        As for `pixel_batch`.
    chunk : int, optional
        Stacks at once.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, number of answers), float64; NaN where there is no pair, and in
        other rows.
    """
    result = np.full((len(batch), len(uncertainties)), np.nan)
    rows = range(len(batch)) if rows is None else rows
    pairs = [int(row) for row in rows if batch.scenes[row].label]
    for start in range(0, len(pairs), chunk):
        part = pairs[start : start + chunk]
        made = pixel_batch(batch, part, reach=reach)
        truth = pair_truth(batch, part, made.n_bands)
        for number, uncertainty in enumerate(uncertainties):
            result[part, number] = detectability(made, **truth, uncertainty=uncertainty)
    return result


def _usable(frames, number, hips):
    """Pixels that a reader of the stamp would use."""
    low, high = frames.box(number)
    inner = slice(low, high), slice(low, high)
    good = np.zeros((frames.side, frames.side), dtype=bool)
    good[inner] = ~frames.blank[number].cpu().numpy()[inner]
    if frames.suspect[number] and not hips:
        pixels = frames.images[number].cpu().numpy()[inner]
        good[inner] &= ~(find_blank(pixels) | find_hot(pixels))
    return good


def _overlap(corner, side, size):
    """Slices of a window, and of the image that it is cut from."""
    inside, there = [], []
    for start in corner[::-1]:
        first, last = max(-start, 0), min(size - start, side)
        inside.append(slice(first, max(last, first)))
        there.append(slice(start + first, start + max(last, first)))
    return tuple(inside), tuple(there)


def _loss(psf, exposure):
    """By how much correlation raises the noise under a filter that matches the PSF."""
    width = exposure.extra["correlation"]
    if not width:
        return 1.0
    steps = np.arange(-int(np.ceil(5 * width)), int(np.ceil(5 * width)) + 1)
    kernel = np.exp(-0.5 * (steps / width) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    seen = ndimage.convolve1d(psf, kernel, axis=0, mode="constant")
    seen = ndimage.convolve1d(seen, kernel, axis=1, mode="constant")
    return float((seen**2).sum() / (psf**2).sum())
