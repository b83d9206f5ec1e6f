"""Fit stars together with PSFs that are far from what is known of them.

`fit_stars` takes what is not known of the PSFs to be linear; here, PSFs are changed by
what a fit found and the stars fitted again, with the prior on the whole change.
"""

import math
from dataclasses import replace

import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.reshaping import reshape_psfs

__all__ = ["fit_shaped"]

#: How often PSFs are changed at most, and the least drop of chi2 to go on.
ROUNDS, WORTH = 4, 0.1

#: The same as a share of what a fit is worse than its rival: how much, then, says it.
COARSE = 0.005

#: Pixels beyond those of the image that a PSF reaches.
SPARE = 3

#: Below these changes a fit is linear: of shapes, and of positions in FWHM.
LINEAR, NEAR = 0.05, 0.1


def fit_shaped(
    batch, start, *, uncertainty, rounds=ROUNDS, largest=1.2, rival=None, **options
):
    """Fit stars and the PSFs' registration, ellipticity and size.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    start : `~torch.Tensor`
        Shape (n, m, 2): (east, north) in arcsec.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    rounds : int, optional
        How often PSFs are changed at most.
    largest : float, optional
        Largest change of ellipticity and of the logarithm of the width.
    rival : `~torch.Tensor`, optional
        Shape (n,): chi2 of another model; a fit that is much worse is not refined.
    **options
        As for `fit_stars`.

    Returns
    -------
    StarFit
        The best found for each stack; ``extra`` is the whole change of the PSFs.
    """
    fit = fit_stars(batch, start, uncertainty=uncertainty, **options)
    if uncertainty is None:
        return fit
    options = {k: v for k, v in options.items() if k not in ("splines", "psf")}
    first = 2 if uncertainty.registration.value else 0
    rest = fit.extra[..., first:].abs().flatten(1)
    far = (rest > LINEAR).any(1)
    if first:
        moved = fit.extra[..., :2].norm(dim=-1).amax(1)
        far |= moved > NEAR * batch.fwhm.amin(1)
    live = torch.nonzero(far)[:, 0]
    if len(live):
        batch = _trimmed(batch, fit.positions)
    for _ in range(rounds):
        if not len(live):
            break
        change = fit.extra[live].clamp(-largest, largest)
        part = reshape_psfs(batch[live], change, uncertainty, largest=largest)
        found = fit_stars(
            part,
            fit.positions[live],
            uncertainty=uncertainty,
            offset=change,
            **options,
        )
        found.extra = found.extra + change
        drop, worth = fit.chi2[live] - found.chi2, WORTH
        if rival is not None:
            worth = WORTH + COARSE * (found.chi2 - rival[live]).clamp(min=0)
        better = drop > worth
        live = live[better]
        for name, value in vars(found).items():
            if value is not None:
                getattr(fit, name)[live] = value[better]
    return fit


def _trimmed(batch, positions):
    """PSFs as far as the images reach from stars at these places: fewer samples."""
    offset = batch.to_pixel[:, :, None] @ positions[:, None, :, :, None]
    pixel = batch.origin[:, :, None] + offset[..., 0]
    ny, nx = batch.images.shape[-2:]
    last = pixel.new_tensor([nx - 1, ny - 1])
    farthest = float(torch.maximum(pixel, last - pixel).max())
    half = math.ceil((farthest + SPARE) * batch.oversampling)
    middle = batch.psf.shape[-1] // 2
    if half >= middle:
        return batch
    span = slice(middle - half, middle + half + 1)
    return replace(batch, psf=batch.psf[..., span, span])
