"""Noise of unit scatter, white or correlated between neighbouring pixels."""

from functools import cache

import numpy as np

__all__ = ["draw_noise", "kernel_width"]

#: Largest width in pixels of a kernel that `kernel_width` finds.
WIDEST = 4.0


@cache
def _neighbours():
    """Widths of sampled kernels, and the correlation that each leaves."""
    widths = np.linspace(0.15, WIDEST, 1500)
    step = np.arange(-25, 27)
    kernel = np.exp(-0.5 * np.square(step / widths[:, None]))
    products = (kernel[:, 1:] * kernel[:, :-1]).sum(axis=1)
    return widths, products / np.square(kernel).sum(axis=1)


def kernel_width(correlation):
    r"""Width of the kernel that leaves a correlation between neighbouring pixels.

    For wide kernels the correlation of pixels a distance d apart is
    :math:`\exp(-d^2/4s^2)`; a narrow one is sampled by too few pixels for that.

    Parameters
    ----------
    correlation : float
        Between pixels that share an edge, from 0 to 0.98.

    Returns
    -------
    float
        Standard deviation s in pixels, for `draw_noise`.

    Examples
    --------
    >>> print(f"{kernel_width(0.2):.2f} {kernel_width(0.8):.2f}")
    0.47 1.06
    """
    widths, left = _neighbours()
    return float(np.interp(correlation, left, widths)) if correlation > 0 else 0.0


def draw_noise(widths, side, rng):
    """Draw the noise of many images.

    White noise is smoothed with a Gaussian, as drizzling and resampling leave it. The
    images are periodic.

    Parameters
    ----------
    widths : `~numpy.ndarray`
        Shape (m,): standard deviation of the kernel in pixels, 0 for white noise.
    side : int
        Pixels along each axis.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, side, side), float32, of unit variance in every pixel.
    """
    noise = rng.standard_normal((len(widths), side, side), dtype=np.float32)
    index = np.flatnonzero(widths)
    if len(index):
        step = np.arange(side)
        step = np.minimum(step, side - step)
        kernel = np.exp(-0.5 * np.square(step[None, :] / widths[index, None]))
        kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
        turn = (np.arange(side)[:, None] - np.arange(side)[None, :]) % side
        matrix = kernel[:, turn].astype(np.float32)
        noise[index] = matrix @ noise[index] @ matrix
    return noise
