r"""Fits on the pixels that a star reaches; of the others only the mean is used.

Where PSFs end, a pixel sees nothing but the background b: all these pixels together add
:math:`W (b - \bar b)^2` and a constant to chi2, W being the sum of their weights and
:math:`\bar b` their weighted mean. So small windows around the stars and these three
numbers give the same fit as the whole image.
"""

from dataclasses import dataclass

import torch

__all__ = ["Outside", "cut_windows", "window_half"]

#: Pixels by which windows are larger than the PSF, for stars that move.
MARGIN = 3

#: Windows are worth their trouble below this share of the pixels.
WORTH = 0.5


@dataclass
class Outside:
    """What the pixels beyond all windows say of the background.

    Attributes
    ----------
    weight, mean, chi2 : `~torch.Tensor`
        Shape (n, k), float64: sum of the weights, weighted mean, and what chi2 is there
        for the mean.
    """

    weight: torch.Tensor
    mean: torch.Tensor
    chi2: torch.Tensor

    def of(self, rows):
        """Of some stacks.

        Parameters
        ----------
        rows : `~torch.Tensor` or slice
            Which.

        Returns
        -------
        Outside
            Theirs.
        """
        return Outside(self.weight[rows], self.mean[rows], self.chi2[rows])


def window_half(batch, stars):
    """Half side of the windows around so many stars.

    Parameters
    ----------
    batch : PixelBatch
        Stacks.
    stars : int
        How many windows.

    Returns
    -------
    int or None
        In pixels; None where the whole images are no more than about that.
    """
    half = batch.psf.shape[-1] // 2 // batch.oversampling + 1 + MARGIN
    ny, nx = batch.images.shape[-2:]
    small = stars * (2 * half + 1) ** 2 < WORTH * ny * nx
    return half if small else None


def cut_windows(image, root, centers, half):
    """Windows around stars, and what is said by the rest.

    Parameters
    ----------
    image, root : `~torch.Tensor`
        Shape (n, k, ny, nx), float32: pixels times the root of the weight, and that.
    centers : `~torch.Tensor`
        Shape (n, k, m, 2): (x, y) of the stars in pixels.
    half : int
        Half side of the windows.

    Returns
    -------
    image, root : `~torch.Tensor`
        Shape (n, k, m * side * side); a pixel of two windows is in the first only.
    corner : `~torch.Tensor`
        Shape (n, k, m, 2), float64: (x, y) of each window's first pixel.
    outside : Outside
        What the others say.
    """
    ny, nx = image.shape[-2:]
    side = 2 * half + 1
    middle = centers.nan_to_num(0.0).clamp(-1e6, 1e6)
    corner = middle.round().long() - half
    steps = torch.arange(side, device=image.device)
    x = (corner[..., 0, None] + steps)[..., None, :]  # (n, k, m, 1, side)
    y = (corner[..., 1, None] + steps)[..., :, None]
    there = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    for later in range(1, centers.shape[2]):
        for first in range(later):
            low = corner[:, :, first, :, None, None]
            gap_x = x[:, :, later] - low[:, :, 0]
            gap_y = y[:, :, later] - low[:, :, 1]
            both = (gap_x >= 0) & (gap_x < side) & (gap_y >= 0) & (gap_y < side)
            there[:, :, later] &= ~both
    index = (y.clamp(0, ny - 1) * nx + x.clamp(0, nx - 1)).flatten(2)
    there = there.flatten(2)
    parts = [
        torch.where(there, values.flatten(2).gather(2, index), 0.0)
        for values in (image, root)
    ]
    whole = _sums(image.flatten(2), root.flatten(2))
    weight, first, second = (a - b for a, b in zip(whole, _sums(*parts), strict=True))
    # What is left of differences of large numbers is nothing.
    weight = torch.where(weight > 1e-9 * whole[0], weight, 0.0)
    mean = first / weight.clamp(min=1e-300)
    mean = torch.where(weight > 0, mean, 0.0)
    chi2 = (second - weight * mean**2).clamp(min=0)
    chi2 = torch.where(weight > 0, chi2, 0.0)
    return *parts, corner.double(), Outside(weight, mean, chi2)


def _sums(image, root):
    """Sums of the weights, of weighted pixels and of their squares."""
    image, root = image.double(), root.double()
    return root.square().sum(2), (image * root).sum(2), image.square().sum(2)
