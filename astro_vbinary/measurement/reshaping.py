"""Change the PSFs of a batch by what a fit found of their shapes."""

from dataclasses import replace

import torch

__all__ = ["reshape_psfs"]

#: Largest change of ellipticity and of the logarithm of the width.
LARGEST = 0.35


def reshape_psfs(batch, extra, uncertainty, *, largest=LARGEST):
    """Stretch and widen every stack's PSFs, and move its bands.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    extra : `~torch.Tensor`
        Shape (n, k, j), float64: as of `information`, in units of one.
    uncertainty : PSFUncertainty
        Which of the changes there are.
    largest : float, optional
        Largest change of ellipticity and of the logarithm of the width.

    Returns
    -------
    PixelBatch
        With a PSF of its own for each stack and band.
    """
    n, k = batch.images.shape[:2]
    first = 2 if uncertainty.registration.value else 0
    zero = extra.new_zeros(n, k)
    along, across, size = zero, zero, zero
    origin = batch.origin
    if first:
        origin = origin + (batch.to_pixel @ extra[..., :2, None])[..., 0]
    if uncertainty.ellipticity:
        along, across = extra[..., first], extra[..., first + 1]
        first += 2
    if uncertainty.size:
        size = extra[..., first]
    along, across, size = (
        v.nan_to_num(0.0).clamp(-largest, largest) for v in (along, across, size)
    )
    change = torch.stack(
        [
            torch.stack([size + along / 2, across / 2], dim=-1),
            torch.stack([across / 2, size - along / 2], dim=-1),
        ],
        dim=-2,
    )
    # Where the light of a sample comes from.
    source = torch.matrix_exp(-change).float()
    side = batch.psf.shape[-1]
    step = torch.linspace(-1, 1, side, device=batch.device)
    y, x = torch.meshgrid(step, step, indexing="ij")
    points = torch.stack([x, y], dim=-1).view(1, -1, 2)
    grid = (points @ source.view(n * k, 2, 2).transpose(1, 2)).view(-1, side, side, 2)
    psf = batch.psf.expand(n, -1, -1, -1).reshape(n * k, 1, side, side)
    made = torch.nn.functional.grid_sample(
        psf, grid, mode="bicubic", padding_mode="zeros", align_corners=True
    )
    made = made.view(n, k, side, side) * torch.linalg.det(source)[..., None, None]
    return replace(batch, psf=made, origin=origin)
