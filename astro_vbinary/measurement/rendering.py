"""Stars on pixels: effective PSFs moved by any fraction of a pixel.

An effective PSF is interpolated by the B-spline of fifth degree through its samples
(de Boor 1978, A Practical Guide to Splines, Springer, X). Because the samples are a
whole fraction of a pixel apart, all pixels of an image share one set of six weights
along each axis.
"""

from dataclasses import dataclass

import torch

__all__ = ["SplinePSF", "quick_size", "spline_coefficients", "spline_weights"]

TAPS = 6

#: Samples along an image up to which matrix products are the quicker way to draw.
DENSE = 64

#: Weights of the six nearest knots as polynomials: row j has the coefficients of the
#: j-th power of the distance past the third knot, times 120.
_POWERS = (
    (1, 26, 66, 26, 1, 0),
    (-5, -50, 0, 50, 5, 0),
    (10, 20, -60, 20, 10, 0),
    (-10, 20, 0, -20, 10, 0),
    (5, -20, 30, -20, 5, 0),
    (-1, 5, -10, 10, -5, 1),
)


def spline_coefficients(values):
    """Coefficients of the periodic B-spline of fifth degree through samples.

    Parameters
    ----------
    values : `~torch.Tensor`
        Shape (..., ny, nx), float.

    Returns
    -------
    `~torch.Tensor`
        Of the same shape and dtype.
    """
    ny, nx = values.shape[-2:]
    kind = values.dtype

    def response(frequency):
        # The spline's samples at the knots are 1, 26, 66, 26, 1 in 120.
        angle = 2 * torch.pi * frequency
        return (66 + 52 * torch.cos(angle) + 2 * torch.cos(2 * angle)) / 120

    fy = response(torch.fft.fftfreq(ny, device=values.device, dtype=kind))
    fx = response(torch.fft.rfftfreq(nx, device=values.device, dtype=kind))
    spectrum = torch.fft.rfft2(values) / (fy[:, None] * fx)
    return torch.fft.irfft2(spectrum, s=(ny, nx))


def spline_weights(t):
    """Weights of the six nearest knots, and their derivative.

    Parameters
    ----------
    t : `~torch.Tensor`
        Any shape, from 0 to below 1: how far the point is past the third knot.

    Returns
    -------
    weights, slopes : `~torch.Tensor`
        Shape (..., 6).
    """
    table = torch.tensor(_POWERS, dtype=t.dtype, device=t.device) / 120
    degree = torch.arange(1, 6, dtype=t.dtype, device=t.device)
    t2 = t * t
    powers = torch.stack([torch.ones_like(t), t, t2, t2 * t, t2 * t2, t2 * t2 * t], -1)
    return powers @ table, powers[..., :5] @ (degree[:, None] * table[1:])


def quick_size(size):
    """A size that is quick to transform, with only factors 2, 3 and 5.

    Parameters
    ----------
    size : int
        The least.

    Returns
    -------
    int
        The next such size.
    """
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1


@dataclass(frozen=True)
class SplinePSF:
    """Effective PSFs of a batch, ready to be drawn anywhere.

    Attributes
    ----------
    coefficients : `~torch.Tensor`
        Shape (m, side, side), float32, zero-padded: one row a PSF.
    middle : float
        Index of the star along their axes.
    oversampling : int
        Samples in a native pixel.
    shape : tuple of int
        (ny, nx) of the images to draw.
    """

    coefficients: torch.Tensor
    middle: float
    oversampling: int
    shape: tuple

    @classmethod
    def of(cls, batch):
        """Prepare the PSFs of a batch.

        Parameters
        ----------
        batch : PixelBatch
            The batch.

        Returns
        -------
        SplinePSF
            For images of the batch's shape.
        """
        side, shape = batch.psf.shape[-1], tuple(batch.images.shape[-2:])
        # A few zeros more make a size that is quick to transform.
        more = quick_size(side) - side
        values = torch.nn.functional.pad(batch.psf.flatten(0, 1), (0, more, 0, more))
        values = spline_coefficients(values)[:, :side, :side]
        # Room for a star on any pixel of the image and a little beyond it.
        reach = batch.oversampling * (max(shape) + 2) + 2 * TAPS
        pad = max(reach - side // 2, 0)
        values = torch.nn.functional.pad(values, (pad,) * 4)
        return cls(values, side // 2 + pad, batch.oversampling, shape)

    def draw(self, positions, rows):
        """Stars of unit flux, one a row.

        Parameters
        ----------
        positions : `~torch.Tensor`
            Shape (m, 2): (x, y) in pixels, float64.
        rows : `~torch.Tensor`
            Shape (m,), long: which PSF each has.

        Returns
        -------
        star, slope_x, slope_y : `~torch.Tensor`
            Shape (m, ny, nx), float32: share of the flux in each pixel, and its
            derivative by x and y of the star.
        """
        fine, (ny, nx) = self.oversampling, self.shape
        place = self.middle - fine * positions
        base = place.floor()
        weights, slopes = spline_weights(place - base)
        kind = self.coefficients.dtype
        weights, slopes = weights.to(kind), slopes.to(kind) * -fine
        start = base.long() - 2
        if fine * max(ny, nx) <= DENSE:
            return self._draw_dense(start, weights, slopes, rows)
        return self._draw_by_taps(start, weights, slopes, rows)

    def _slab(self, start, rows, steps_y, steps_x):
        """Samples around each star, (m, y * x)."""
        values = self.coefficients
        side = values.shape[-1]
        top = start[:, 1].clamp(0, side - len(steps_y))
        left = start[:, 0].clamp(0, side - len(steps_x))
        corner = ((rows * side + top) * side + left).int()
        steps = (steps_y[:, None] * side + steps_x).flatten().int()
        index = (corner[:, None] + steps).flatten()
        return values.view(-1).index_select(0, index)

    def _draw_dense(self, start, weights, slopes, rows):
        """Of small images: by matrices, mostly zero, in few steps."""
        fine, (ny, nx) = self.oversampling, self.shape
        device = weights.device
        span_y, span_x = fine * (ny - 1) + TAPS, fine * (nx - 1) + TAPS
        steps = (torch.arange(span, device=device) for span in (span_y, span_x))
        slab = self._slab(start, rows, *steps).view(-1, span_y, span_x)
        both = torch.stack([weights, slopes], dim=1)
        along = _band(both[:, :, 1], ny, fine) @ slab
        across = _band(both[:, :, 0], nx, fine).mT
        pair = along[:, :ny] @ across
        last = along[:, ny:] @ across[:, :, :nx]
        return pair[..., :nx], pair[..., nx:], last

    def _draw_by_taps(self, start, weights, slopes, rows):
        """Of large images: by sums of shifted slices."""
        fine, (ny, nx) = self.oversampling, self.shape
        # Samples in the order (phase, pixel) along each axis, so that every tap
        # finds its pixels side by side.
        more = (TAPS - 1) // fine
        span_y, span_x = ny + more, nx + more
        phase = torch.arange(fine, device=weights.device)[:, None]
        steps = (
            (phase + fine * torch.arange(span, device=weights.device)).flatten()
            for span in (span_y, span_x)
        )
        slab = self._slab(start, rows, *steps)
        slab = slab.view(-1, fine, span_y, fine * span_x)
        shape = (-1, ny, fine, span_x)
        along = _combine(slab, weights[:, 1], ny).view(shape)
        along_slope = _combine(slab, slopes[:, 1], ny).view(shape)
        return (
            _combine_x(along, weights[:, 0], nx),
            _combine_x(along, slopes[:, 0], nx),
            _combine_x(along_slope, weights[:, 0], nx),
        )


def _band(weights, count, fine):
    """Matrices from samples to pixels: weights of (m, j, taps) to (m, j * count, ...).

    Each row has the weights, ``fine`` samples further on than the one above.
    """
    rows, kinds, taps = weights.shape
    span = fine * (count - 1) + taps
    band = weights.new_zeros(rows, kinds, count, span)
    steps = (kinds * count * span, count * span, span + fine, 1)
    band.as_strided((rows, kinds, count, taps), steps).copy_(weights[:, :, None])
    return band.flatten(1, 2)


def _combine(slab, weights, count):
    """Sum of the six shifted slices along y: slab of (m, phase, y, ...)."""
    fine = slab.shape[1]
    total = None
    for tap in range(TAPS):
        first = tap // fine
        part = slab[:, tap % fine, first : first + count]
        factor = weights[:, tap, None, None]
        total = part * factor if total is None else total.addcmul_(part, factor)
    return total


def _combine_x(slab, weights, count):
    """Sum of the six shifted slices along x: slab of (m, y, phase, x)."""
    fine = slab.shape[2]
    total = None
    for tap in range(TAPS):
        first = tap // fine
        part = slab[:, :, tap % fine, first : first + count]
        factor = weights[:, tap, None, None]
        total = part * factor if total is None else total.addcmul_(part, factor)
    return total
