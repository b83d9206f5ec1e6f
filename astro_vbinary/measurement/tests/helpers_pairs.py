"""Stamps of pairs and singles, drawn by the PSFs themselves."""

import astropy.units as u
import numpy as np

from astro_vbinary.measurement import PixelBatch, pair_flux

SIDE = 41


def make_batch(
    psfs, cds, n, *, snr, ratio, separation, rng, center=0.1, gain=None, sigma=1.0
):
    """n stacks of pairs at random angles, and the truth about them.

    ``ratio`` 0 gives single stars. ``center`` is the scatter of the primary in arcsec.
    """
    cds = np.asarray(cds, dtype=float)
    k = len(psfs)
    target = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (n, k, 2))
    blank = np.zeros((n, k, SIDE, SIDE))
    batch = PixelBatch.from_arrays(blank, sigma**-2, psfs, cds, target)
    flux = pair_flux(batch, snr, ratio)
    separation = np.broadcast_to(separation, (n,))
    angle = rng.uniform(0, 2 * np.pi, n)
    first = rng.normal(0, center, (n, 2))
    offset = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    stars = np.stack([first, first + separation[:, None] * offset], axis=1)
    scales = np.sqrt(np.abs(np.linalg.det(cds)))
    images = blank
    for i in range(n):
        for b in range(k):
            for star in range(2 if np.any(ratio) else 1):
                pixel = target[i, b] + np.linalg.solve(cds[b], stars[i, star])
                images[i, b] += flux[i, b, star] * psfs[b].image(
                    (SIDE, SIDE), scales[b] * u.arcsec, position=tuple(pixel)
                )
    variance = np.full_like(images, sigma**2)
    if gain is not None:
        variance += images / gain
    images = images + rng.normal(size=images.shape) * np.sqrt(variance) + 7 * sigma
    made = PixelBatch.from_arrays(images, 1 / variance, psfs, cds, target)
    truth = {
        "separation": separation * u.arcsec,
        "position_angle": np.rad2deg(angle) * u.deg,
        "flux": flux,
        "center": first * u.arcsec,
    }
    return made, truth


def rotated(scale, degrees):
    """CD matrix in arcsec of pixels turned by an angle."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]]) @ np.diag([-scale, scale])
