"""Many images onto their grids at once: the alignment engine as tensors.

The same cubic spline as the ``auto`` engine of `align_image`, for images whose WCS
is affine over the stamp, as simulated ones are. Bad pixels are filled from their
nearest neighbour first, images finer than the grid are smoothed first, and what
leans on bad pixels is masked, all as there.
"""

from functools import partial

import numpy as np
import torch

from astro_vbinary.stamps.alignment import BAD_SHARE, FINE_RATIO, SMOOTHING_RATIO
from astro_vbinary.stamps.blank import fill_nearest
from astro_vbinary.stamps.splines import (
    evaluate_spline,
    finer_rows,
    linear_rows,
    smoothing_matrix,
    spline_matrix,
    spline_rows,
)

__all__ = ["fill_bad", "resample", "resample_linear"]

#: Pixels that are added around images smaller than their frames: a spline's value
#: depends on a pixel so far away by less than one part in a thousand.
SPLINE_MARGIN = 6

#: Where a grid is much finer than the images it is interpolated linearly between the
#: spline's values at finer steps, so many in a pixel: most look-ups are saved. Of a
#: star of two pixels' FWHM a step's bend is 0.4 % of the peak at most, on average
#: nothing.
FINER = 8

#: Slant in pixels over the grid below which a grid counts as not turned.
STRAIGHT = 1e-3


def fill_bad(images, bad, box=None):
    """Replace bad pixels by their nearest good ones.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, n, n).
    bad : `torch.Tensor` of bool or None
        Shape (m, n, n).
    box : `~numpy.ndarray`, optional
        Shape (m, 2), int64: first pixel of the image along both axes, and the one
        after the last; what is around it is margin, and is left as it is.

    Returns
    -------
    `torch.Tensor`
        Shape (m, n, n); all zero where an image has no good pixel.
    """
    if bad is None:
        return images
    if box is None:
        box = np.array([[0, images.shape[-1]]])
    box = np.broadcast_to(box, (len(images), 2))
    hit = torch.nonzero(bad.flatten(1).any(dim=1)).flatten().tolist()
    images = images.clone() if hit else images
    for number in hit:
        low, high = box[number]
        part = images[number, low:high, low:high]
        mask = bad[number, low:high, low:high].cpu().numpy()
        if mask.all():
            part.zero_()
        elif mask.any():
            (pixels,) = fill_nearest([part.cpu().numpy()], mask)
            part.copy_(torch.from_numpy(pixels))
    return images


def _extend(planes, box, margin, *, repeat):
    """Continue images beyond their boxes by their mirror images.

    The margin is added on each side. With ``repeat`` the outermost pixel is there
    twice, as where scipy smooths; else once, as where it interpolates.
    """
    count, n = planes.shape[0], planes.shape[-1]
    place = np.arange(n + 2 * margin) - margin
    low, high = box[:, :1], box[:, 1:] - 1
    once = 1 if repeat else 0
    before = low + np.maximum(low - place - once, 0)
    after = high - np.maximum(place - high - once, 0)
    index = np.where(place < low, before, np.where(place > high, after, place))
    index = np.broadcast_to(np.clip(index, low, high), (count, len(place)))
    index = torch.from_numpy(index.copy()).to(planes.device)
    planes = planes.gather(1, index[:, :, None].expand(-1, -1, n))
    return planes.gather(2, index[:, None, :].expand(-1, len(place), -1))


def _extended(planes, box, width):
    """Smoothed images with the margins that a spline needs, and the margin added."""
    bounded = (box != [0, planes.shape[-1]]).any()
    margin = SPLINE_MARGIN if bounded else 0
    if bounded:
        planes = _extend(planes, box, margin, repeat=True)
    if width:
        smoothing = smoothing_matrix(planes.shape[-1], width, planes.device)
        planes = smoothing @ planes @ smoothing.T
    if bounded:
        planes = _extend(planes, box + margin, 0, repeat=False)
    return planes, margin


def resample(
    images,
    bad,
    matrix,
    offset,
    side,
    *,
    box=None,
    edges=None,
    smooth=True,
    exact=True,
):
    """Resample images onto square grids by affine maps.

    The flux of a point source is conserved, for values per pixel.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, n, n), float32, finite where not bad.
    bad : `torch.Tensor` of bool or None
        Shape (m, n, n).
    matrix : `~numpy.ndarray`
        Shape (m, 2, 2): image pixels (x, y) for a step of one grid pixel in (x, y).
        The same scale for all.
    offset : `~numpy.ndarray`
        Shape (m, 2): image pixel (x, y) of the grid's first pixel.
    side : int
        Pixels along each axis of the grid.
    box : `~numpy.ndarray`, optional
        Shape (m, 2), int64: first pixel of the image along both axes, and the one
        after the last. What is around it is margin: it has no say, and what is
        outside the box is masked.
    edges : `~numpy.ndarray`, optional
        Shape (m, 2, 2): first and last pixel of the image along (x, y); by default the
        box's. What is around them is what the spline is to go on with: it has a say in
        the outermost pixels, and what is outside is masked.
    smooth : bool, optional
        Whether images finer than the grid are smoothed first, so that no pixel is
        passed over.
    exact : bool, optional
        Whether the spline itself is evaluated where the grid is finer than the image
        and turned, or, in half the time, interpolated between finer steps of it.

    Returns
    -------
    data : `torch.Tensor`
        Shape (m, side, side), float32, zero where masked.
    mask : `torch.Tensor` of bool
        Shape (m, side, side), True where there is no data.
    """
    ratio = float(np.sqrt(abs(np.linalg.det(matrix[0]))))
    width = 0.0
    if smooth and ratio > SMOOTHING_RATIO:
        width = float(np.sqrt((ratio**2 - 1) / 12))
    if box is None:
        box = np.array([[0, images.shape[-1]]])
    # Scaled before there are more pixels of them.
    filled, margin = _extended(fill_bad(images, bad, box) * ratio**2, box, width)
    leaning = None if bad is None else _extended(bad.float(), box, width)[0]
    offset = offset + margin
    if edges is None:
        edges = np.stack([box, box], axis=1) - [0, 1]
    edges = edges + margin
    slant = max(np.abs(matrix[:, 0, 1]).max(), np.abs(matrix[:, 1, 0]).max())
    if slant * side < STRAIGHT:
        sample = _straight
    else:
        sample = partial(_turned, fine=not exact and ratio < FINE_RATIO)
    data, share, outside = sample(filled, leaning, matrix, offset, side, edges)
    if share is not None:
        leant = share > BAD_SHARE
        outside = leant if outside is None else outside | leant
    if outside is None:
        return data, torch.zeros(data.shape, dtype=torch.bool, device=data.device)
    return data.masked_fill_(outside, 0.0), outside


def _straight(images, bad, matrix, offset, side, edges):
    """Axis by axis, for grids that are not turned: dense matrices."""
    n, device = images.shape[-1], images.device
    axis = np.arange(side)
    x = offset[:, 0, None] + matrix[:, 0, 0, None] * axis
    y = offset[:, 1, None] + matrix[:, 1, 1, None] * axis
    outside = None
    off_x, off_y = _outside(x, edges[:, 0]), _outside(y, edges[:, 1])
    if off_x.any() or off_y.any():
        outside = torch.from_numpy(off_y[:, :, None] | off_x[:, None, :]).to(device)
    x, y = (
        np.clip(place, ends[:, :1], ends[:, 1:])
        for place, ends in zip((x, y), edges.swapaxes(0, 1), strict=True)
    )
    filtered = spline_matrix(n, device)
    columns = spline_rows(x, n, device) @ filtered
    data = (spline_rows(y, n, device) @ filtered) @ images @ columns.transpose(1, 2)
    share = None
    if bad is not None:
        columns = linear_rows(x, n, device)
        share = linear_rows(y, n, device) @ bad @ columns.transpose(1, 2)
    return data, share, outside


def _turned(images, bad, matrix, offset, side, edges, *, fine):
    """Pixel by pixel, for any affine map."""
    n, device = images.shape[-1], images.device
    outside = _beyond(matrix, offset, side, edges, 0.5, device)
    x = y = None
    if bad is not None or not fine:
        x, y = _places(matrix, offset, side, device)
        ends = torch.as_tensor(edges, dtype=torch.float32, device=device)
        ends = ends[..., None, None]
        x, y = (
            place.clamp(ends[:, k, 0], ends[:, k, 1]) for k, place in enumerate((x, y))
        )
    if fine:
        data = _between_steps(images, matrix, offset, side, edges)
    else:
        filtered = spline_matrix(n, device)
        data = evaluate_spline(filtered @ images @ filtered.T, x, y)
    share = None if bad is None else _bilinear(bad, x, y)
    return data, share, outside


def _between_steps(images, matrix, offset, side, edges):
    """The spline at finer steps, and linear interpolation between them."""
    n, device = images.shape[-1], images.device
    corner = np.array([[0, 0], [side - 1, 0], [0, side - 1], [side - 1, side - 1]])
    ends = np.einsum("mij,kj->mki", matrix, corner) + offset[:, None]
    start = max(int(np.floor(ends.min())), 0)
    stop = min(int(np.ceil(ends.max())), n - 1)
    stop = max(stop, start + 1)
    rows = finer_rows(n, start, stop, FINER, device)
    fine = rows @ (images.reshape(-1, n) @ rows.T).view(len(images), n, -1)
    # Into torch's coordinates: -1 and 1 are the centres of the outermost pixels.
    scale = 2 / (stop - start)
    first = (offset - start) * scale - 1
    axis = scale * matrix[..., None] * np.arange(side)
    grid = torch.empty((len(images), side, side, 2), device=device)
    for k in (0, 1):
        across, along = (
            torch.from_numpy(part.astype(np.float32)).to(device)
            for part in (axis[:, k, 0] + first[:, k, None], axis[:, k, 1])
        )
        torch.add(across[:, None, :], along[:, :, None], out=grid[..., k])
    ends = (edges - start) * scale - 1
    if (ends[..., 0] > -1).any() or (ends[..., 1] < 1).any():
        ends = torch.as_tensor(ends, dtype=torch.float32, device=device)
        low, high = (ends[:, None, None, :, k] for k in (0, 1))
        grid = torch.minimum(torch.maximum(grid, low), high)
    return torch.nn.functional.grid_sample(
        fine[:, None], grid, align_corners=True, padding_mode="border"
    )[:, 0]


def resample_linear(images, bad, matrix, offset, side, *, box=None):
    """Interpolate images bilinearly, as archives do that serve finer pixels.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, n, n), float32, finite where not bad.
    bad : `torch.Tensor` of bool or None
        Shape (m, n, n).
    matrix : `~numpy.ndarray`
        Shape (m, 2, 2), as for `resample`; scales may differ.
    offset : `~numpy.ndarray`
        Shape (m, 2), as for `resample`.
    side : int
        Pixels along each axis of the grid.
    box : `~numpy.ndarray`, optional
        Shape (m, 2), as for `resample`; the image ends at its outermost pixels'
        centres.

    Returns
    -------
    data : `torch.Tensor`
        Shape (m, side, side), float32, values as they are.
    mask : `torch.Tensor` of bool
        Shape (m, side, side), True where any of the four pixels is bad or missing.
    """
    if box is None:
        box = np.array([[0, images.shape[-1]]])
    x, y = _places(matrix, offset, side, images.device)
    edges = np.stack([box, box], axis=1) - [0, 1]
    outside = _beyond(matrix, offset, side, edges, 0.0, images.device)
    data = _bilinear(fill_bad(images, bad, box), x, y)
    if outside is None:
        outside = torch.zeros(data.shape, dtype=torch.bool, device=data.device)
    if bad is not None:
        outside = outside | (_bilinear(bad.float(), x, y) > 0)
    return data, outside


def _bilinear(planes, x, y):
    grid = torch.stack([x, y], dim=-1) * (2 / (planes.shape[-1] - 1)) - 1
    return torch.nn.functional.grid_sample(
        planes[:, None], grid, align_corners=True, padding_mode="border"
    )[:, 0]


def _places(matrix, offset, side, device):
    """Image pixels (x, y) of the grid's, (m, side, side) each."""
    turn = torch.as_tensor(matrix, dtype=torch.float32, device=device)[..., None, None]
    start = torch.as_tensor(offset, dtype=torch.float32, device=device)
    start = start[..., None, None]
    step = torch.arange(side, dtype=torch.float32, device=device)
    moved = turn[:, :, 0] * step[None, :] + turn[:, :, 1] * step[:, None]
    return (start + moved).unbind(dim=1)


def _outside(position, ends):
    return (position < ends[:, :1] - 0.5) | (position > ends[:, 1:] + 0.5)


def _beyond(matrix, offset, side, edges, by, device):
    """Where positions, affine in the grid's, are off the images by more than that.

    None where none is.
    """
    corner = np.array([[0, 0], [side - 1, 0], [0, side - 1], [side - 1, side - 1]])
    places = np.einsum("mij,kj->mki", matrix, corner) + offset[:, None]
    low, high = edges[:, None, :, 0] - by, edges[:, None, :, 1] + by
    if (places >= low).all() and (places <= high).all():
        return None
    x, y = _places(matrix, offset, side, device)
    ends = np.stack([edges[..., 0] - by, edges[..., 1] + by], axis=-1)
    ends = torch.as_tensor(ends, dtype=torch.float32, device=device)[..., None, None]
    outside = (x < ends[:, 0, 0]) | (x > ends[:, 0, 1])
    return outside | (y < ends[:, 1, 0]) | (y > ends[:, 1, 1])
