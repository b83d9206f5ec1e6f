"""Fit one star or two to stacks, all bands at once.

The model of band b is the sum over stars i of f_ib P_b(x - x_i), plus a constant:
positions are shared by the bands, fluxes and background are each band's own. What is
not known of the PSFs (`PSFUncertainty`) enters as further templates with a Gaussian
prior. Positions are found by Levenberg's method on the variable projection, where the
linear parameters are always at their best (Golub & Pereyra 2003, Inverse Problems 19,
R1, doi:10.1088/0266-5611/19/2/201).
"""

from dataclasses import dataclass, replace

import torch

from astro_vbinary.measurement.linear import solve_linear
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import WeightedPixels, star_design
from astro_vbinary.measurement.windows import window_half

__all__ = ["StarFit", "fit_stars"]

#: Values of the templates of as many stacks as are computed at once on a CPU.
BLOCK = 2**20


@dataclass
class StarFit:
    """The best fit found for each stack.

    Attributes
    ----------
    chi2 : `~torch.Tensor`
        Shape (n,), float64: the sum of squares, with the priors' part.
    positions : `~torch.Tensor`
        Shape (n, m, 2), float64: (east, north) of the stars in arcsec.
    flux : `~torch.Tensor`
        Shape (n, k, m), float64, none negative.
    background : `~torch.Tensor`
        Shape (n, k), float64.
    extra : `~torch.Tensor`
        Shape (n, k, j), float64: what was found of the PSFs, in the order of
        `PSFUncertainty`: registration (2), ellipticity (2), size (1), as far as they
        are uncertain.
    residual : `~torch.Tensor`
        Shape (n, k, ny, nx), float32: what the best model leaves, times the root of
        the weight; None unless asked for.
    """

    chi2: torch.Tensor
    positions: torch.Tensor
    flux: torch.Tensor
    background: torch.Tensor
    extra: torch.Tensor
    residual: torch.Tensor | None = None


def fit_stars(
    batch,
    start,
    *,
    splines=None,
    psf=None,
    uncertainty=None,
    offset=None,
    evaluations=12,
    tolerance=(1e-3, 1e-6),
    largest_distance=None,
    residual=False,
):
    """Fit as many stars as starting positions are given.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    start : `~torch.Tensor`
        Shape (n, m, 2): (east, north) in arcsec, m being 1 or 2.
    splines : SplinePSF, optional
        PSFs that are ready to be drawn; made of the batch by default.
    psf : `~torch.Tensor`, optional
        Shape (n, k), long: which of them each band has; as in the batch by default.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.
    offset : `~torch.Tensor`, optional
        Shape (n, k, j): by how much the PSFs were changed already, in the order of
        `StarFit.extra`; the prior is of the whole change.
    evaluations : int, optional
        How often the model is computed at most.
    tolerance : tuple of float, optional
        A stack is done when a step promises to lower chi2 by less than the first,
        plus the second times chi2.
    largest_distance : float, optional
        Of two stars, in arcsec; no limit by default.
    residual : bool, optional
        Whether to keep what the best model leaves.

    Returns
    -------
    StarFit
        The best of all positions tried.
    """
    n = len(batch)
    if splines is None:
        splines = SplinePSF.of(batch)
    pixels = WeightedPixels.make(batch, psf, offset)
    # A step of more than half of a width is beyond what a slope can tell.
    largest = (0.5 * batch.fwhm.amin(1)).expand(n)
    start = start.to(torch.float64)
    if largest_distance is not None:
        start = _nearer(start, largest_distance)
    whole = pixels, splines
    half = window_half(batch, start.shape[1])
    if half is not None:
        pixels = pixels.windows(start, half, splines.shape)
        splines = replace(splines, shape=(2 * half + 1,) * 2)
    keep = residual and half is None
    best = _evaluate(pixels, splines, start, uncertainty, keep)
    live = torch.arange(n, device=batch.device)
    damping = torch.full((n,), 1e-3, dtype=torch.float64, device=batch.device)
    for _ in range(evaluations - 1):
        step, promise = _step(best, live, damping[live], largest[live])
        going = promise > tolerance[0] + tolerance[1] * best.chi2[live]
        live, step = live[going], step[going]
        if not len(live):
            break
        trial = best.positions[live] + step
        found = _evaluate(pixels.of(live), splines, trial, uncertainty, keep)
        if largest_distance is not None:
            apart = (trial[:, 1] - trial[:, 0]).norm(dim=1)
            found.chi2 = torch.where(apart > largest_distance, torch.inf, found.chi2)
        better = found.chi2 < best.chi2[live]
        damping[live] *= torch.where(better, 0.2, 10.0)
        best.update(live[better], found, better)
    if residual and half is not None:
        best = _evaluate(*whole, best.positions, uncertainty, True)
    rest = best.residual
    return StarFit(
        best.chi2,
        best.positions,
        best.flux,
        best.background,
        best.extra,
        None if rest is None else rest.view(batch.images.shape),
    )


def _nearer(pair, largest):
    """Two stars no farther apart than allowed, about the same middle."""
    middle = pair.mean(1, keepdim=True)
    apart = (pair[:, 1] - pair[:, 0]).norm(dim=1).clamp(min=1e-9)
    share = (0.98 * largest / apart).clamp(max=1.0)
    return middle + (pair - middle) * share[:, None, None]


def _step(best, live, damping, largest):
    """Levenberg's step for some stacks, and by how much it should lower chi2."""
    matrix, gradient = best.matrix[live], best.gradient[live]
    diagonal = matrix.diagonal(dim1=-2, dim2=-1)
    # Relative to the largest, so that a direction in which nothing changes is left.
    floor = diagonal.amax(dim=-1, keepdim=True).clamp(min=1e-300)
    extra = damping[:, None] * diagonal + 1e-9 * floor
    step = torch.linalg.solve_ex(matrix + torch.diag_embed(extra), gradient)[0]
    step = torch.minimum(step, largest[:, None]).maximum(-largest[:, None])
    curved = (step[:, None, :] @ matrix @ step[:, :, None])[:, 0, 0]
    promise = 2 * (step * gradient).sum(1) - curved
    return step.view(best.positions[live].shape), promise.nan_to_num(0.0)


@dataclass
class _State:
    """Fit at the given positions, and the equations of the next step."""

    chi2: torch.Tensor
    positions: torch.Tensor
    flux: torch.Tensor
    background: torch.Tensor
    extra: torch.Tensor
    matrix: torch.Tensor
    gradient: torch.Tensor
    residual: torch.Tensor | None

    def update(self, rows, other, chosen):
        """Take over the chosen rows of another state."""
        for name, value in vars(other).items():
            if value is not None:
                getattr(self, name)[rows] = value[chosen]


def _evaluate(pixels, splines, positions, uncertainty, keep):
    """The fit at given positions, for as many stacks at once as a cache holds."""
    n, k, count = pixels.image.shape
    step = n
    if pixels.image.device.type == "cpu":
        step = max(BLOCK // (4 * positions.shape[1] * k * count), 1)
    if n <= step:
        return _evaluate_block(pixels, splines, positions, uncertainty, keep)
    blocks = [
        _evaluate_block(pixels.of(rows), splines, positions[rows], uncertainty, keep)
        for rows in (slice(i, i + step) for i in range(0, n, step))
    ]
    values = zip(*(vars(block).values() for block in blocks), strict=True)
    return _State(*(None if v[0] is None else torch.cat(v) for v in values))


def _evaluate_block(pixels, splines, positions, uncertainty, keep):
    n, k, count = pixels.image.shape
    m = positions.shape[1]
    shapes = uncertainty is not None and bool(
        uncertainty.ellipticity or uncertainty.size
    )
    design = star_design(pixels, splines, positions, shapes)
    image = pixels.image.view(n * k, 1, count)
    gram = (design @ design.transpose(1, 2)).double()
    target = (design @ image.transpose(1, 2)).double()
    offset, outside = pixels.offset, pixels.outside
    if outside is not None:
        weight, mean = outside.weight.view(-1), outside.mean.view(-1)
        gram[:, m, m] += weight
        target[:, m, 0] += weight * mean
    linear = solve_linear(
        gram,
        target,
        m,
        pixels.to_pixel.reshape(n * k, 2, 2),
        uncertainty,
        None if offset is None else offset.reshape(n * k, -1),
    )
    scale = linear.templates.to(design.dtype)[:, None, :]
    rest = torch.baddbmm(image, scale, design, alpha=-1)
    # Single precision loses little: what is left is of the order of the noise.
    chi2 = rest.flatten(1).square().sum(1).double() + linear.penalty
    if outside is not None:
        off = linear.background.view(-1) - mean
        chi2 += weight * off.square() + outside.chi2.view(-1)
    return _State(
        chi2.view(n, k).sum(1),
        positions,
        linear.flux.view(n, k, m),
        linear.background.view(n, k),
        linear.extra.view(n, k, -1),
        linear.matrix.view(n, k, 2 * m, 2 * m).sum(1),
        linear.gradient.view(n, k, 2 * m).sum(1),
        rest.view(n, k, count) if keep else None,
    )
