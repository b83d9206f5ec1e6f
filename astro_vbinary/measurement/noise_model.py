"""Noise that grows with a star's light, where the pixels show it."""

from dataclasses import replace

import numpy as np
import torch
from scipy import stats

from astro_vbinary.measurement.star_design import draw_stars

__all__ = ["add_star_noise", "goodness", "near_stars"]

#: Radius around each star within which a fit is judged, in effective FWHM.
CORE = 0.8

#: Chance below which a chi2 that is too large is no accident.
POOR_FIT = 1e-3


def near_stars(batch, positions, fwhm):
    """Good pixels near one of the stars.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    positions : `~torch.Tensor`
        Shape (n, m, 2): (east, north) in arcsec.
    fwhm : `~torch.Tensor`
        Shape (n, k): effective widths in arcsec.

    Returns
    -------
    `~torch.Tensor`
        Shape (n, k, ny, nx), bool.
    """
    ny, nx = batch.images.shape[-2:]
    kind = {"device": batch.device, "dtype": torch.float64}
    y, x = torch.meshgrid(
        torch.arange(ny, **kind), torch.arange(nx, **kind), indexing="ij"
    )
    # At least the pixel that a star is on, and those beside it.
    reach = (CORE * fwhm / batch.pixel_scale).clamp(min=1.5).square()
    near = torch.zeros_like(batch.weight, dtype=torch.bool)
    for star in positions.unbind(1):
        pixel = batch.origin + (batch.to_pixel @ star[:, None, :, None])[..., 0]
        gap = (x - pixel[..., 0, None, None]).square()
        gap = gap + (y - pixel[..., 1, None, None]).square()
        near |= gap < reach[..., None, None]
    return near & (batch.weight > 0)


def add_star_noise(batch, splines, pair, residual, fwhm):
    """Weights with a variance in proportion to the stars' light.

    Photon noise is that, and what a PSF lacks is much like it. The factor is each
    band's own and makes chi2 near the stars what it should be. Bands that are fitted
    well by the noise that was given keep their weights.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each, with the noise of the sky.
    splines : SplinePSF
        Their PSFs.
    pair : StarFit
        Stars fitted to them.
    residual : `~torch.Tensor`
        Shape (n, k, pixels): what these leave, times the root of the weights of
        ``batch``.
    fwhm : `~torch.Tensor`
        Shape (n, k): effective widths in arcsec.

    Returns
    -------
    PixelBatch
        With other weights.
    """
    near = near_stars(batch, pair.positions, fwhm)
    squares = residual.view_as(batch.images).square().double() * near
    # Of each pixel by itself.
    squares = squares * batch.grain[..., None, None]
    count = near.flatten(2).sum(2)
    total = squares.flatten(2).sum(2)
    chance = stats.chi2.sf(total.cpu().numpy(), count.clamp(min=1).cpu().numpy())
    poor = torch.as_tensor(chance < POOR_FIT, device=batch.device) & (total > count)
    if not poor.any():
        return batch
    model = torch.zeros_like(batch.images)
    for number, star in enumerate(pair.positions.unbind(1)):
        flux = pair.flux[:, :, number, None, None].to(model.dtype)
        model += draw_stars(batch, splines, star) * flux
    light = model.clamp(min=0) * batch.weight
    expected = (light.double() * near).flatten(2).sum(2)
    # Where no star has light, none can have noise.
    poor &= expected > 1e-9 * total
    factor = torch.where(poor, (total - count) / expected.clamp(min=1e-300), 0.0)
    factor = factor.to(light.dtype)
    return replace(batch, weight=batch.weight / (1 + factor[..., None, None] * light))


def goodness(batch, positions, fwhm, known):
    """Reduced chi2 of all pixels and of the cores, and by what variances grow.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    positions : `~torch.Tensor`
        Shape (n, 2, 2): (east, north) of both stars in arcsec.
    fwhm : `~torch.Tensor`
        Shape (n, k): effective widths in arcsec.
    known : `~astro_vbinary.measurement.information.Information`
        What is left by the fit.

    Returns
    -------
    total, core, scale : `~numpy.ndarray`
        Shape (n,); the last is one where the core's chi2 is no more than chance.
    """
    good = batch.weight > 0
    near = near_stars(batch, positions, fwhm)
    squares = known.residual.view_as(batch.images).square().double()
    squares = squares * batch.grain[..., None, None]
    bands = good.flatten(2).any(2).sum(1)
    count = good.flatten(1).sum(1) - 4 - 3 * bands
    inner = near.flatten(1).sum(1) - 4 - 2 * bands
    total = (known.chi2 * batch.grain).sum(1) / count.clamp(min=1)
    core = (squares * near).flatten(1).sum(1) / inner.clamp(min=1)
    total, core, inner = (v.cpu().numpy() for v in (total, core, inner))
    poor = stats.chi2.sf(core * inner, np.maximum(inner, 1)) < POOR_FIT
    return total, core, np.where(poor & (core > 1), core, 1.0)
