"""The linear part of a fit: fluxes, background, and what is not known of the PSFs.

Templates come in the order: m stars, a constant, two slopes for each star (by x and
by y of its position in pixels), and, where shapes are in doubt, three changes of
shape for each star.
"""

from dataclasses import dataclass

import torch

__all__ = ["LinearFit", "solve_linear", "unknown_templates"]

#: A prior so narrow that a parameter is zero.
PINNED = 1e100


@dataclass
class LinearFit:
    """The best linear parameters of each band, and what the positions can gain.

    Attributes
    ----------
    flux : `~torch.Tensor`
        Shape (rows, m), none negative.
    background : `~torch.Tensor`
        Shape (rows,).
    templates : `~torch.Tensor`
        Shape (rows, count): factor of every template in the model.
    penalty : `~torch.Tensor`
        Shape (rows,): the priors' part of chi2.
    extra : `~torch.Tensor`
        Shape (rows, j): what was found of the PSFs, beyond what they have already.
    matrix, gradient : `~torch.Tensor`
        Shape (rows, 2 m, 2 m) and (rows, 2 m): normal equations of a step of the
        stars' positions in arcsec, with the linear parameters projected out.
    """

    flux: torch.Tensor
    background: torch.Tensor
    templates: torch.Tensor
    penalty: torch.Tensor
    extra: torch.Tensor
    matrix: torch.Tensor
    gradient: torch.Tensor


def solve_linear(gram, target, m, to_pixel, uncertainty, offset=None):
    """Solve each band's linear parameters.

    Parameters
    ----------
    gram : `~torch.Tensor`
        Shape (rows, count, count), float64: weighted products of the templates.
    target : `~torch.Tensor`
        Shape (rows, count, 1): their products with the image.
    m : int
        Number of stars.
    to_pixel : `~torch.Tensor`
        Shape (rows, 2, 2): (x, y) in pixels from (east, north) in arcsec.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    offset : `~torch.Tensor`, optional
        Shape (rows, j): by how much the PSFs were changed already; the prior is of
        the whole change.

    Returns
    -------
    LinearFit
        Of every row.
    """
    rows, count = gram.shape[:2]
    size = m + 1
    block = gram[:, :size, :size]
    ridge = 1e-10 * block.diagonal(dim1=-2, dim2=-1) + 1e-100
    right = target[:, :size]
    flux, ridge = _positive(block, ridge, right, m)

    # One step east moves every star's image by its flux times its slopes.
    slopes = gram.new_zeros(rows, 2 * m, count)
    for star in range(m):
        place = size + 2 * star
        turned = flux[:, star, None, None] * to_pixel.transpose(1, 2)
        slopes[:, 2 * star : 2 * star + 2, place : place + 2] = turned
    projected = slopes @ gram
    matrix = projected @ slopes.transpose(1, 2)
    gradient = (slopes @ target)[:, :, 0]
    cross = projected[:, :, :size].transpose(1, 2)
    block = block + torch.diag_embed(ridge)
    unknown = unknown_templates(uncertainty, slopes, flux, m)
    if unknown is not None:
        lines, prior = unknown
        along = lines @ gram
        corner = along @ lines.transpose(1, 2) + torch.diag(prior)
        side = along[:, :, :size]
        block = torch.cat(
            [
                torch.cat([block, side.transpose(1, 2)], dim=2),
                torch.cat([side, corner], dim=2),
            ],
            dim=1,
        )
        along = lines @ target
        if offset is not None:
            along = along - (prior * offset)[:, :, None]
        right = torch.cat([right, along], dim=1)
        cross = torch.cat([cross, (projected @ lines.transpose(1, 2)).mT], dim=1)
    solved = torch.linalg.solve_ex(block, torch.cat([right, cross], dim=2))[0]
    value = solved[:, :, 0]
    matrix = matrix - cross.transpose(1, 2) @ solved[:, :, 1:]
    gradient = gradient - (cross.transpose(1, 2) @ value[:, :, None])[:, :, 0]
    templates = torch.nn.functional.pad(value[:, :size], (0, count - size))
    penalty = torch.zeros_like(value[:, 0])
    extra = value[:, size:]
    if unknown is not None:
        whole = extra if offset is None else extra + offset
        penalty = (whole.square() * prior).sum(1)
        templates = templates + (extra[:, None, :] @ lines)[:, 0]
    return LinearFit(
        value[:, :m].clamp(min=0),
        value[:, m],
        templates,
        penalty,
        extra,
        matrix,
        gradient,
    )


def _positive(block, ridge, right, m):
    """Fluxes that are not negative, and a ridge that holds them at zero."""
    rows = len(block)
    solution = _solve(block, ridge, right)
    wrong = (solution[:, :m] < 0).any(1)
    if not wrong.any():
        return solution[:, :m], ridge
    if m == 2:
        # One star is left: the one that explains more by itself.
        pinned = []
        for star in (0, 1):
            held = ridge.clone()
            held[:, star] = PINNED
            pinned.append(held)
        alone = torch.stack([_solve(block, held, right) for held in pinned], dim=1)
        gain = (alone * right[:, None, :, 0]).sum(2)
        left = torch.stack([alone[:, 0, 1], alone[:, 1, 0]], dim=1)
        drop = torch.where(left < 0, -torch.inf, gain).argmax(1)
        each = torch.arange(rows, device=drop.device)
        ridge = torch.where(wrong[:, None], torch.stack(pinned, 1)[each, drop], ridge)
        solution = torch.where(wrong[:, None], alone[each, drop], solution)
    still = solution[:, :m] < 0
    if still.any():
        ridge = ridge.clone()
        ridge[:, :m] = torch.where(still, PINNED, ridge[:, :m])
        solution = _solve(block, ridge, right)
    return solution[:, :m].clamp(min=0), ridge


def unknown_templates(uncertainty, slopes, flux, m):
    """How the image changes with what is not known of the PSFs.

    Parameters
    ----------
    uncertainty : PSFUncertainty or None
        What that is.
    slopes : `~torch.Tensor`
        Shape (rows, 2 m, count): change with each star's east and north, as sums of
        templates.
    flux : `~torch.Tensor`
        Shape (rows, m).
    m : int
        Number of stars.

    Returns
    -------
    lines : `~torch.Tensor`
        Shape (rows, j, count): the j changes as sums of templates.
    prior : `~torch.Tensor`
        Shape (j,): one over the variance of each. None in the place of both where
        all is known.
    """
    if uncertainty is None:
        return None
    rows, _, count = slopes.shape
    lines, sigmas = [], []
    shift = uncertainty.registration.value
    if shift:
        lines.append(slopes.view(rows, m, 2, count).sum(1))
        sigmas += [shift, shift]
    shapes = (uncertainty.ellipticity,) * 2 + (uncertainty.size,)
    for number, sigma in enumerate(shapes):
        if not sigma:
            continue
        line = flux.new_zeros(rows, 1, count)
        for star in range(m):
            line[:, 0, 3 * m + 1 + 3 * star + number] = flux[:, star]
        lines.append(line)
        sigmas.append(sigma)
    if not lines:
        return None
    prior = torch.tensor(sigmas, dtype=flux.dtype, device=flux.device) ** -2
    return torch.cat(lines, dim=1), prior


def _solve(block, ridge, right):
    return torch.linalg.solve_ex(block + torch.diag_embed(ridge), right)[0][:, :, 0]
