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
    kept : `torch.Tensor`
        Shape (m,), int64: which of the bands that were given each one is.
    usable : `torch.Tensor` of bool
        Shape (n,): whether there is anything to classify.
    covered : `torch.Tensor`
        Shape (n,): share of the 2.5-arcsec circle with data.
    """

    signal: object
    valid: object
    bands: object
    owner: object
    kept: object
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
    holes = bool(mask.any())
    normal, some = _normalise(data, ~mask if holes else None, pixel_scale)
    kept = torch.nonzero(some).flatten()
    if not bool(some.all()):
        normal, mask, owner = normal[some], mask[some], owner[some]
    inside = normal.flatten(1).index_select(1, circle)
    good = ~mask.flatten(1).index_select(1, circle) if holes else None
    weight = _bright(inside, good).clamp(*WEIGHT_RANGE)[:, None, None]
    total = torch.zeros((n, *shape), device=device)
    total.index_add_(0, owner, normal * weight)
    some = torch.bincount(owner, minlength=n) > 0
    if holes:
        norm = torch.zeros((n, *shape), device=device)
        norm.index_add_(0, owner, weight.square() * ~mask)
        valid = norm > 0
        covered = valid.flatten(1).index_select(1, circle).float().mean(dim=1)
    else:
        norm = torch.zeros((n, 1, 1), device=device)
        norm.index_add_(0, owner, weight.square())
        valid = some[:, None, None].expand(-1, *shape)
        covered = some.float()
    image = total.div_(norm.clamp(min=1e-30).sqrt())
    whole = not holes and bool(some.all())
    signal, usable = _normalise(image, None if whole else valid, pixel_scale)
    usable &= covered > 1 - BLANK_SHARE
    return PreparedBatch(signal, valid, normal, owner, kept, usable, covered)


def _normalise(image, valid, pixel_scale):
    """In units of the background's scatter; False where there is no contrast.

    All pixels are valid where ``valid`` is None.
    """
    import torch

    _, ring, grid, _ = regions(tuple(image.shape[-2:]), pixel_scale, image.device)
    flat = image.flatten(1)
    good = None if valid is None else valid.flatten(1)
    level, spread = _background(*_sample(flat, good, ring))
    if good is not None:
        share = good.index_select(1, ring).float().mean(dim=1)
        few = share < ENOUGH_OUTSIDE
        if bool(few.any()):
            # No room outside: whatever there is.
            level[few], spread[few] = _background(*_sample(flat[few], good[few], grid))
    finite = torch.isfinite(spread) & (spread > 0)
    if not bool(finite.all()):
        # No noise at all, as in noiseless images or over half blank ones.
        top = low = flat
        if good is not None:
            top = flat.masked_fill(~good, -torch.inf)
            low = flat.masked_fill(~good, torch.inf)
        spread = torch.where(finite, spread, 1e-3 * (top.amax(1) - low.amin(1)))
        finite = torch.isfinite(spread) & (spread > 0) & torch.isfinite(level)
    level = torch.where(finite, level, 0.0)[:, None, None]
    spread = torch.where(finite, spread, 1.0)[:, None, None]
    scaled = (image - level).div_(spread)
    return scaled if valid is None else scaled.masked_fill_(~valid, 0.0), finite


def _sample(flat, good, where):
    """Some pixels of each image in ascending order, and how many are valid."""
    import torch

    sample = flat.index_select(1, where)
    if good is None:
        count = torch.full((len(flat),), sample.shape[1], device=flat.device)
    else:
        chosen = good.index_select(1, where)
        sample = sample.masked_fill_(~chosen, torch.inf)
        count = chosen.sum(dim=1)
    return _sorted(sample), count


def _sorted(rows):
    """Each row in ascending order; on a CPU numpy is many times faster than torch."""
    import torch

    if rows.device.type == "cpu":
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    return rows.sort(dim=1).values


def _background(ordered, count):
    """Level and scatter of each row, of which only the first values count."""
    import torch

    def at(rows, index):
        return rows.gather(1, index.clamp(min=0)[:, None])[:, 0]

    none = torch.full((len(ordered),), torch.nan, device=ordered.device)
    # The lower half of the distribution is the background's own: sources,
    # neighbours and wings only add light.
    middle = (count - 1) // 2
    level = at(ordered, middle)
    below = (ordered <= level[:, None]).sum(dim=1)
    lower = at(ordered, below - 1 - (below - 1) // 2)
    spread = 1.4826 * (level - lower)
    # Twice: now without what stands out above the first estimate.
    limit = torch.where(spread > 0, level + 3 * spread, torch.inf)
    kept = torch.minimum((ordered < limit[:, None]).sum(dim=1), count)
    level = at(ordered, (kept - 1) // 2)
    apart = (ordered - level[:, None]).abs_()
    place = torch.arange(ordered.shape[1], device=ordered.device)
    apart = apart.masked_fill_(place >= kept[:, None], torch.inf)
    spread = 1.4826 * at(_sorted(apart), (kept - 1) // 2)
    empty = count == 0
    return torch.where(empty, none, level), torch.where(empty, none, spread)


def _bright(values, good):
    """The value that only a small share of each row's good ones exceed."""
    import torch

    most = max(int(BRIGHTEST_SHARE * values.shape[1]), 1)
    if good is None:
        return values.topk(most, dim=1).values[:, -1]
    count = good.sum(dim=1)
    top = values.masked_fill(~good, -torch.inf).topk(most, dim=1).values
    index = (BRIGHTEST_SHARE * count).long().clamp(1, most) - 1
    found = top.gather(1, index[:, None])[:, 0]
    return torch.where(count > 0, found, torch.zeros_like(found))
