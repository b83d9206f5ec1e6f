"""The bands of many stacks in units of their noise, and their weighted sums.

Tensors on any device; safe for NaN, constant, saturated, negative and partly blank
images and for backgrounds of any level.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["BLANK_SHARE", "PreparedBatch", "prepare_batch", "regions"]

#: Radius in arcsec outside which the background is measured where there is room.
BACKGROUND_RADIUS = 2.0

#: Bands are weighted by the signal-to-noise ratio of their brightest pixels,
#: between these: a blank band still counts a little, a saturated one no more
#: than any bright one.
WEIGHT_RANGE = (3.0, 300.0)

#: Share of the circle's pixels that are brighter than what sets the weight.
BRIGHTEST_SHARE = 0.005

#: The background is measured on every second pixel of every second row: grids are
#: finer than the images, so that the others say little more.
STRIDE = 2

#: Share of the outer pixels that must be valid for the background to be theirs.
ENOUGH_OUTSIDE = 0.1

#: Share of the 2.5-arcsec circle without data above which there is nothing to classify.
BLANK_SHARE = 0.9


@dataclass(frozen=True)
class PreparedBatch:
    """Many stacks in units of their noise.

    Attributes
    ----------
    signal : `torch.Tensor`
        Shape (n, ny, nx), float32: the sum of the bands, background-subtracted, over
        the standard deviation of its background; zero where not valid.
    valid : `torch.Tensor` of bool
        Shape (n, ny, nx).
    bands : `torch.Tensor`
        Shape (m, ny, nx), float32: each band by itself, likewise.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to.
    usable : `torch.Tensor` of bool
        Shape (n,): whether there is anything to classify.
    covered : `torch.Tensor`
        Shape (n,): share of the 2.5-arcsec circle with data.
    """

    signal: object
    valid: object
    bands: object
    owner: object
    usable: object
    covered: object

    def __len__(self):
        return len(self.signal)


@lru_cache(maxsize=16)
def regions(shape, pixel_scale, device):
    """Places that every stack of one grid has.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    pixel_scale : float
        Side of a pixel in arcsec.
    device : `torch.device`
        Where to.

    Returns
    -------
    circle, ring, grid : `torch.Tensor`
        Shape (k,), int64: indices in the flat image of the pixels within 2.5 arcsec,
        of those that give the background, and of those that give it where there is
        no room outside.
    radius : `torch.Tensor`
        Shape (ny, nx), float32: distance from the target over 2.5 arcsec, at most 2.
    """
    import torch

    ny, nx = shape
    y, x = np.mgrid[:ny, :nx]
    radius = pixel_scale * np.hypot(x - (nx - 1) / 2, y - (ny - 1) / 2)
    grid = np.zeros(shape, dtype=bool)
    grid[::STRIDE, ::STRIDE] = True
    outside = radius > BACKGROUND_RADIUS
    parts = (radius <= VISUAL_BINARY_LIMIT.value, outside & grid, grid)
    flat = [torch.from_numpy(np.flatnonzero(p)).to(device) for p in parts]
    scaled = np.clip(radius / VISUAL_BINARY_LIMIT.value, 0, 2).astype(np.float32)
    return (*flat, torch.from_numpy(scaled).to(device))


def prepare_batch(data, mask, owner, n, pixel_scale):
    """Subtract the background of each band, weight and combine the bands.

    Parameters
    ----------
    data : `torch.Tensor`
        Shape (m, ny, nx), float32, finite where not masked.
    mask : `torch.Tensor` of bool
        Shape (m, ny, nx), True where there is no data.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to, 0 to n - 1.
    n : int
        Number of stacks.
    pixel_scale : float
        Side of a pixel in arcsec.

    Returns
    -------
    PreparedBatch
        The stacks; bands without any contrast are left out.
    """
    import torch

    shape = tuple(data.shape[-2:])
    device = data.device
    circle = regions(shape, pixel_scale, device)[0]
    owner = owner.to(device)
    normal, some = _normalise(data, ~mask, pixel_scale)
    if not bool(some.all()):
        normal, mask, owner = normal[some], mask[some], owner[some]
    inside = normal.flatten(1)[:, circle]
    good = ~mask.flatten(1)[:, circle]
    weight = _bright(inside, good).clamp(*WEIGHT_RANGE)[:, None, None]
    total = torch.zeros((n, *shape), device=device)
    norm = torch.zeros((n, *shape), device=device)
    total.index_add_(0, owner, normal * weight)
    norm.index_add_(0, owner, weight.square() * ~mask)
    valid = norm > 0
    image = total / norm.clamp(min=1e-30).sqrt()
    signal, usable = _normalise(image, valid, pixel_scale)
    covered = valid.flatten(1)[:, circle].float().mean(dim=1)
    usable &= covered > 1 - BLANK_SHARE
    return PreparedBatch(signal, valid, normal, owner, usable, covered)


def _normalise(image, valid, pixel_scale):
    """In units of the background's scatter; False where there is no contrast."""
    import torch

    _, ring, grid, _ = regions(tuple(image.shape[-2:]), pixel_scale, image.device)
    blank = torch.tensor(float("nan"), device=image.device)
    flat, good = image.flatten(1), valid.flatten(1)
    sample = torch.where(good[:, ring], flat[:, ring], blank)
    few = good[:, ring].float().mean(dim=1) < ENOUGH_OUTSIDE
    level, spread = _background(sample)
    if bool(few.any()):
        # No room outside: whatever there is.
        rest = torch.where(good[few][:, grid], flat[few][:, grid], blank)
        level[few], spread[few] = _background(rest)
    finite = torch.isfinite(spread) & (spread > 0)
    if not bool(finite.all()):
        # No noise at all, as in noiseless images or over half blank ones.
        top = flat.masked_fill(~good, -torch.inf).amax(dim=1)
        low = flat.masked_fill(~good, torch.inf).amin(dim=1)
        spread = torch.where(finite, spread, 1e-3 * (top - low))
        finite = torch.isfinite(spread) & (spread > 0) & torch.isfinite(level)
    level = torch.where(finite, level, 0.0)[:, None, None]
    spread = torch.where(finite, spread, 1.0)[:, None, None]
    return ((image - level) / spread).masked_fill(~valid, 0.0), finite


def _background(sample):
    """Level and scatter of each row, which may hold NaN."""
    import torch

    blank = torch.tensor(float("nan"), device=sample.device)
    # The lower half of the distribution is the background's own: sources,
    # neighbours and wings only add light.
    level = sample.nanmedian(dim=1).values[:, None]
    below = torch.where(sample <= level, level - sample, blank)
    spread = 1.4826 * below.nanmedian(dim=1).values[:, None]
    # Twice: now without what stands out above the first estimate.
    kept = torch.where((sample < level + 3 * spread) | (spread <= 0), sample, blank)
    level = kept.nanmedian(dim=1).values
    spread = 1.4826 * (kept - level[:, None]).abs().nanmedian(dim=1).values
    return level, spread


def _bright(values, good):
    """The value that only a small share of each row's good ones exceed."""
    import torch

    count = good.sum(dim=1)
    most = max(int(BRIGHTEST_SHARE * values.shape[1]), 1)
    top = values.masked_fill(~good, -torch.inf).topk(most, dim=1).values
    index = (BRIGHTEST_SHARE * count).long().clamp(1, most) - 1
    found = top.gather(1, index[:, None])[:, 0]
    return torch.where(count > 0, found, torch.zeros_like(found))
