"""What a fit knows: covariance of positions and fluxes, by the Fisher information."""

from dataclasses import dataclass

import torch

from astro_vbinary.measurement.linear import unknown_templates
from astro_vbinary.measurement.star_design import WeightedPixels, star_design

__all__ = ["Information", "information"]

#: Relative ridge of the normal equations: a parameter without any information gets an
#: error that is huge, not infinite.
RIDGE = 1e-12

#: Least information along any axis of the scaled normal equations.
LEAST = 1e-10


@dataclass
class Information:
    """Covariance of positions and fluxes, marginal over backgrounds and PSF shapes.

    Attributes
    ----------
    covariance : `~torch.Tensor`
        Shape (n, 2 m + k m, 2 m + k m), float64: of (east, north) of each of m stars
        in arcsec, and of the fluxes, m for each of k bands.
    extra : `~torch.Tensor`
        Shape (n, k, j), float64: best values of what is not known of each band's
        PSFs, in the order of `PSFUncertainty`: registration (2), ellipticity (2),
        size (1), as far as they are uncertain.
    chi2 : `~torch.Tensor`
        Shape (n, k), float64: sum of squares of what the model leaves.
    residual : `~torch.Tensor`
        Shape (n, k, pixels), float32: what the model leaves, times the root of the
        weight.
    """

    covariance: torch.Tensor
    extra: torch.Tensor
    chi2: torch.Tensor
    residual: torch.Tensor


def information(batch, splines, positions, flux, *, psf=None, uncertainty=None):
    """Covariance of a fit by the Fisher information of the pixels.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    splines : SplinePSF
        Their PSFs.
    positions : `~torch.Tensor`
        Shape (n, m, 2), float64: (east, north) in arcsec.
    flux : `~torch.Tensor`
        Shape (n, k, m), float64: the best fluxes.
    psf : `~torch.Tensor`, optional
        Shape (n, k), long: which PSF each band has; as in the batch by default.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.

    Returns
    -------
    Information
        One over it is the Cramer-Rao bound (Rao 1945, Bull. Calcutta Math. Soc. 37,
        81) for the model of the given noise and PSFs.
    """
    n, k = batch.images.shape[:2]
    m = positions.shape[1]
    pixels = WeightedPixels.make(batch, psf)
    shapes = uncertainty is not None and bool(
        uncertainty.ellipticity or uncertainty.size
    )
    design = star_design(pixels, splines, positions, shapes)
    image = pixels.image.reshape(n * k, 1, -1)
    gram = (design @ design.transpose(1, 2)).double()
    target = (design @ image.transpose(1, 2)).double()
    size, count = 2 * m, design.shape[1]
    bands = flux.reshape(n * k, m)
    slopes = gram.new_zeros(n * k, size, count)
    turn = batch.to_pixel.reshape(n * k, 2, 2).transpose(1, 2)
    for star in range(m):
        place = m + 1 + 2 * star
        part = bands[:, star, None, None] * turn
        slopes[:, 2 * star : 2 * star + 2, place : place + 2] = part
    unit = torch.eye(m + 1, count, dtype=gram.dtype, device=gram.device)
    lines = [slopes, unit.expand(n * k, -1, -1)]
    unknown = unknown_templates(uncertainty, slopes, bands, m)
    prior = gram.new_zeros(0)
    if unknown is not None:
        lines.append(unknown[0])
        prior = unknown[1]
    lines = torch.cat(lines, dim=1)
    matrix = lines @ gram @ lines.transpose(1, 2)
    kept = size + m  # positions and fluxes; then background and what is unknown
    matrix[:, kept + 1 :, kept + 1 :] += torch.diag(prior)

    extra, scale = _linear(matrix, lines @ target, size, m)
    residual = torch.baddbmm(
        image, (scale.unsqueeze(1) @ lines[:, size:]).float(), design, alpha=-1
    )
    reduced = _without(matrix, kept)
    covariance = _assemble(reduced.view(n, k, kept, kept), size, m)
    return Information(
        covariance,
        extra.view(n, k, -1),
        residual.flatten(1).square().sum(1).double().view(n, k),
        residual.view(n, k, -1),
    )


def _linear(matrix, target, first, m):
    """Best linear parameters: those beyond stars and background, and all."""
    block = matrix[:, first:, first:]
    ridge = RIDGE * block.diagonal(dim1=-2, dim2=-1) + 1e-100
    block = block + torch.diag_embed(ridge)
    value = torch.linalg.solve_ex(block, target[:, first:])[0][..., 0]
    return value[:, m + 1 :], value


def _without(matrix, kept):
    """Normal equations of the first parameters, the others projected out."""
    corner = matrix[:, kept:, kept:]
    ridge = RIDGE * corner.diagonal(dim1=-2, dim2=-1) + 1e-100
    side = matrix[:, kept:, :kept]
    solved = torch.linalg.solve_ex(corner + torch.diag_embed(ridge), side)[0]
    return matrix[:, :kept, :kept] - side.transpose(1, 2) @ solved


def _assemble(bands, size, m):
    """Covariance of shared positions and each band's own fluxes."""
    n, k = bands.shape[:2]
    total = bands.new_zeros(n, size + k * m, size + k * m)
    total[:, :size, :size] = bands[:, :, :size, :size].sum(1)
    for band in range(k):
        own = slice(size + band * m, size + (band + 1) * m)
        total[:, own, own] = bands[:, band, size:, size:]
        total[:, own, :size] = bands[:, band, size:, :size]
        total[:, :size, own] = bands[:, band, :size, size:]
    # Units differ by many orders: divide by the roots of the diagonal.
    root = total.diagonal(dim1=-2, dim2=-1).clamp(min=1e-100).sqrt()
    scaled = total / (root[:, :, None] * root[:, None, :])
    # By its axes, so that where one has no information no variance is negative.
    scaled = (scaled + scaled.transpose(1, 2)) / 2
    # Of what is not finite nothing is known, and it must not spoil the others.
    lost = ~scaled.isfinite().flatten(1).all(1)[:, None, None]
    values, axes = torch.linalg.eigh(scaled.masked_fill(lost, 0.0))
    inverse = (axes / values.clamp(min=LEAST)[:, None, :]) @ axes.transpose(1, 2)
    inverse = inverse.masked_fill(lost, torch.nan)
    return inverse / (root[:, :, None] * root[:, None, :])
