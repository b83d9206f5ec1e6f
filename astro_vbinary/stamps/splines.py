"""The cubic B-spline as tensors: what `scipy.ndimage` does, for many images."""

from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage

__all__ = [
    "evaluate_spline",
    "finer_rows",
    "linear_rows",
    "smoothing_matrix",
    "spline_matrix",
    "spline_rows",
]

#: Output pixels that are resampled at a time, to keep them in the processor's cache.
WORKING_SET = 2**15


def _weights(fraction):
    """The four values of the cubic B-spline around a position."""
    rest = 1 - fraction
    cube, rest_cube = fraction * fraction * fraction, rest * rest * rest
    first, last = rest_cube / 6, cube / 6
    second = 2 / 3 - fraction * fraction + cube / 2
    return first, second, 1 - first - second - last, last


def _mirror(index, n):
    index = abs(index)
    return (n - 1) - abs((n - 1) - index)


def spline_rows(position, n, device):
    """Matrices that evaluate splines along one axis.

    Parameters
    ----------
    position : `~numpy.ndarray`
        Shape (m, side), from 0 to n - 1, in pixels.
    n : int
        Number of coefficients.
    device : `torch.device`
        Where to.

    Returns
    -------
    `torch.Tensor`
        Shape (m, side, n), float32.
    """
    base = np.floor(position).astype(int)
    rows = np.zeros((*position.shape, n), dtype=np.float32)
    for tap, weight in enumerate(_weights(position - base), -1):
        index = np.clip(_mirror(base + tap, n), 0, n - 1)[..., None]
        # Two taps may meet at a mirrored edge.
        here = np.take_along_axis(rows, index, axis=-1)
        np.put_along_axis(rows, index, here + weight[..., None], axis=-1)
    return torch.from_numpy(rows).to(device)


def linear_rows(position, n, device):
    """Matrices that interpolate linearly along one axis.

    Parameters
    ----------
    position : `~numpy.ndarray`
        Shape (m, side), from 0 to n - 1, in pixels.
    n : int
        Number of pixels.
    device : `torch.device`
        Where to.

    Returns
    -------
    `torch.Tensor`
        Shape (m, side, n), float32.
    """
    base = np.minimum(np.floor(position).astype(int), n - 2)
    rows = np.zeros((*position.shape, n), dtype=np.float32)
    part = (position - base)[..., None]
    np.put_along_axis(rows, base[..., None], 1 - part, axis=-1)
    np.put_along_axis(rows, base[..., None] + 1, part, axis=-1)
    return torch.from_numpy(rows).to(device)


@lru_cache(maxsize=64)
def spline_matrix(n, device):
    """The matrix from pixels to the coefficients of their spline.

    Parameters
    ----------
    n : int
        Pixels along an axis, mirrored at their ends.
    device : `torch.device`
        Where to.

    Returns
    -------
    `torch.Tensor`
        Shape (n, n), float32.

    References
    ----------
    Unser, M. 1999, IEEE Signal Processing Magazine 16, 22, doi:10.1109/79.799930.
    """
    made = ndimage.spline_filter1d(np.eye(n), order=3, axis=0, mode="mirror")
    return torch.from_numpy(made.astype(np.float32)).to(device)


@lru_cache(maxsize=64)
def finer_rows(n, start, stop, factor, device):
    """The matrix from pixels to their spline's values at finer steps.

    What is linearly interpolated between these values is, on average over a step, the
    spline: half the second derivative times t (1 - t), the error of linear
    interpolation, is a twelfth of it on average and taken off in advance.

    Parameters
    ----------
    n : int
        Pixels along an axis.
    start, stop : int
        First and last pixel between which values are made.
    factor : int
        Steps in a pixel.
    device : `torch.device`
        Where to.

    Returns
    -------
    `torch.Tensor`
        Shape ((stop - start) * factor + 1, n), float32.
    """
    # One step more at both ends, for the second differences.
    steps = np.arange(-1, (stop - start) * factor + 2) / factor + start
    edges = np.array([[0.0, n - 1.0]])
    place = np.clip(steps[None], edges[:, :1], edges[:, 1:])
    rows = spline_rows(place, n, "cpu")[0].double()
    rows = rows @ spline_matrix(n, "cpu").double()
    middle = rows[1:-1]
    bent = rows[2:] + rows[:-2] - 2 * middle
    return (middle - bent / 12).float().to(device)


@lru_cache(maxsize=64)
def smoothing_matrix(n, width, device):
    """The matrix from pixels to pixels smoothed with a Gaussian.

    Parameters
    ----------
    n : int
        Pixels along an axis.
    width : float
        Standard deviation in pixels.
    device : `torch.device`
        Where to.

    Returns
    -------
    `torch.Tensor`
        Shape (n, n), float32.
    """
    made = ndimage.gaussian_filter1d(np.eye(n), width, axis=0)
    return torch.from_numpy(made.astype(np.float32)).to(device)


def evaluate_spline(coefficients, x, y):
    """Splines at any positions.

    Two neighbouring taps are one linear interpolation at a place between them, so
    that four bilinear look-ups give all sixteen taps (Sigg & Hadwiger 2005).

    Parameters
    ----------
    coefficients : `torch.Tensor`
        Shape (m, n, n), as `spline_matrix` makes them along both axes.
    x, y : `torch.Tensor`
        Shape (m, side, side), from 0 to n - 1, in pixels.

    Returns
    -------
    `torch.Tensor`
        Shape (m, side, side), float32.

    References
    ----------
    Sigg, C. & Hadwiger, M. 2005, Fast Third-Order Texture Filtering, in GPU Gems 2
    (Addison-Wesley), chapter 20.
    """
    n, side = coefficients.shape[-1], x.shape[-1]
    # A mirrored margin, so that every tap is inside.
    planes = torch.nn.functional.pad(
        coefficients[:, None], (2, 2, 2, 2), mode="reflect"
    )
    made = torch.empty_like(x)
    step = max(1, WORKING_SET // side**2)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        across, along = _taps(x[part], n), _taps(y[part], n)
        total = made[part].zero_()
        grid = torch.empty((*total.shape, 2), device=x.device)
        for at_y, weight_y in along:
            grid[..., 1] = at_y
            line = torch.zeros_like(total)
            for at_x, weight_x in across:
                grid[..., 0] = at_x
                seen = torch.nn.functional.grid_sample(
                    planes[part], grid, align_corners=True, padding_mode="border"
                )
                line.addcmul_(seen[:, 0], weight_x)
            total.addcmul_(line, weight_y)
    return made


def _taps(position, n):
    """Places and weights of a spline's two pairs of taps, of an axis with a margin."""
    base = position.floor()
    first, second, third, fourth = _weights(position - base)
    low, high = first + second, third + fourth
    scale = 2 / (n + 3)
    # The margin has two pixels; tap -1 of the base is one before it.
    return (
        ((base + 1 + second / low) * scale - 1, low),
        ((base + 3 + fourth / high) * scale - 1, high),
    )
