"""Norms of the scan's templates once a single star is fitted.

What counts of a template is what a single star cannot take up: its part orthogonal to
the star, its two slopes and the constant. All these products are values of the PSF's
autocorrelation.
"""

import math
from dataclasses import dataclass

import torch

from astro_vbinary.measurement.rendering import (
    quick_size,
    spline_coefficients,
    spline_weights,
)
from astro_vbinary.measurement.templates import DIRECTIONS, directions

__all__ = ["Norms", "template_norms"]

#: How far the autocorrelation matters, in units of the full width at half maximum.
NEAR = 2.5

#: Half side of the PSF that goes into it, in the same unit.
TRIMMED = 3.0


@dataclass(frozen=True)
class Norms:
    """Squared norms of templates for unit weight, once a single star is fitted.

    Attributes
    ----------
    close : `~torch.Tensor`
        Shape (m, directions, t), float32.
    wide : `~torch.Tensor`
        Shape (m, q), float32, as a fraction of the PSF's own.
    power : `~torch.Tensor`
        Shape (m,), float32: sum of the PSF's squares.
    """

    close: torch.Tensor
    wide: torch.Tensor
    power: torch.Tensor


def template_norms(psf, fine, to_pixel, unit, layout, wide, pixels):
    """What is left of each template's norm beside a fitted star.

    Parameters
    ----------
    psf : `~torch.Tensor`
        Shape (m, side, side), float32, effective PSFs.
    fine : int
        Their samples in a native pixel.
    to_pixel : `~torch.Tensor`
        Shape (m, 2, 2): (x, y) in pixels from (east, north) in arcsec.
    unit : `~torch.Tensor`
        Shape (m,): full width at half maximum in arcsec that scales the layout.
    layout : PairLayout
        The close templates.
    wide : `~torch.Tensor`
        Shape (q, 2): (east, north) of wide companions in arcsec.
    pixels : float
        Number of pixels that the constant is fitted to.

    Returns
    -------
    Norms
        Of m PSFs.
    """
    rows = len(psf)
    matrix = (to_pixel * fine).float()
    # In samples; the wings beyond matter little to a sum of squares.
    width = float((unit * torch.linalg.det(matrix).abs().sqrt()).max())
    middle = psf.shape[-1] // 2
    half = min(middle, math.ceil(TRIMMED * width))
    core = psf[:, middle - half : middle + half + 1, middle - half : middle + half + 1]
    size = quick_size(max(2 * half + 1, math.ceil(3 * NEAR * width)))
    spectrum = torch.fft.rfft2(core, s=(size, size)).abs().square()
    auto = torch.fft.irfft2(spectrum / fine**2, s=(size, size))
    coefficients = spline_coefficients(auto)
    ways = directions(psf.device)[: DIRECTIONS // 2 : 2]
    sums = layout.radii[layout.primary] + layout.radii[layout.secondary]
    radii = torch.cat([layout.radii, sums])
    # All distances along every other direction of one half: an autocorrelation is
    # even, and changes slowly with the angle.
    sky = ways[:, None, :] * radii[:, None]
    points = torch.einsum("mij,drj->mdri", matrix, sky)
    points = points * unit.float()[:, None, None, None]
    count = points.shape[1:3]
    value, slope = _spline_at(coefficients, points.flatten(1, 2))
    value = value.view(rows, *count)
    slope = slope.view(rows, *count, 2)
    inner = len(layout.radii)
    second = layout.share
    first = 1 - second
    power = value[:, :1, :1]
    own = (first**2 + second**2) * power + 2 * first * second * value[:, :, inner:]
    star = first * value[:, :, layout.primary] + second * value[:, :, layout.secondary]
    tilt = (
        first[:, None] * slope[:, :, layout.primary]
        - second[:, None] * slope[:, :, layout.secondary]
    )
    flat = power[:, 0, 0]
    bend = -_curvature(spectrum, size, fine)
    close = own - _taken(star, tilt, flat, bend, pixels)
    close = torch.einsum("oi,mij->moj", _between(close), close)
    # Seen from the far side, primary and secondary have changed places, but the
    # products are the same.
    close = torch.cat([close, close], dim=1).clamp(min=1e-6 * power)

    # Far out, only the constant takes something up.
    near = wide.norm(dim=1) < NEAR * unit.max()
    places = torch.einsum("mij,qj->mqi", matrix, wide[near])
    star = flat.new_zeros(rows, len(wide))
    tilt = flat.new_zeros(rows, len(wide), 2)
    star[:, near], tilt[:, near] = _spline_at(coefficients, places)
    apart = 1 - _taken(star, tilt, flat, bend, pixels) / flat[:, None]
    return Norms(close, apart.clamp(min=1e-3), flat)


def _taken(star, tilt, power, bend, pixels):
    """The part of a template's norm that star, constant and slopes take up."""
    shape = (-1,) + (1,) * (star.ndim - 1)
    power = power.view(shape)
    # The inverse of [[power, 1], [1, pixels]] between (star, 1) and itself.
    level = pixels * star**2 - 2 * star + power
    level = level / (pixels * power - 1).clamp(min=1e-12)
    inverse = torch.linalg.inv_ex(bend)[0]
    flat = tilt.flatten(1, -2)
    slopes = ((flat @ inverse) * flat).sum(-1)
    return level + slopes.view(star.shape)


def _between(values):
    """Matrix from angles of half a turn to twice as many, by their harmonics."""
    count = values.shape[1]
    spectrum = torch.fft.rfft(torch.eye(count, device=values.device), dim=0)
    if count % 2 == 0:
        spectrum[-1] *= 0.5
    return 2 * torch.fft.irfft(spectrum, n=2 * count, dim=0)


def _curvature(spectrum, size, fine):
    """Second derivatives of the autocorrelation at zero, by fine samples."""
    step = 2 * torch.pi / size
    ky = torch.fft.fftfreq(size, 1 / size, device=spectrum.device) * step
    kx = torch.fft.rfftfreq(size, 1 / size, device=spectrum.device) * step
    # Columns but the first and the last stand for two.
    twice = torch.full_like(kx, 2.0)
    twice[0] = 1.0
    if size % 2 == 0:
        twice[-1] = 1.0
    # A cross term at the highest frequency has no sign.
    mixed_y, mixed_x = ky.clone(), kx.clone()
    if size % 2 == 0:
        mixed_y[size // 2] = 0.0
        mixed_x[-1] = 0.0
    weighted = spectrum * twice / (size * fine) ** 2
    xx = (weighted * kx**2).sum((1, 2))
    yy = (weighted * ky[:, None] ** 2).sum((1, 2))
    xy = (weighted * mixed_y[:, None] * mixed_x).sum((1, 2))
    return -torch.stack([torch.stack([xx, xy], 1), torch.stack([xy, yy], 1)], 1)


def _spline_at(coefficients, points):
    """Value and gradient of periodic splines at (x, y) points, in samples."""
    rows, size, _ = coefficients.shape
    base = points.floor()
    weights, slopes = spline_weights(points - base)
    # Taps first: sums over a short last axis are slow.
    wx, wy = weights.movedim(-1, 0).contiguous().unbind(-1)
    sx, sy = slopes.movedim(-1, 0).contiguous().unbind(-1)
    padded = torch.nn.functional.pad(coefficients[:, None], (2, 3, 2, 3), "circular")
    width = size + 5
    column, row = (base.long() % size).unbind(-1)
    start = torch.arange(rows, device=points.device)[:, None] * width**2
    start = (start + row * width + column).flatten()
    values = padded.flatten()
    value = by_x = by_y = 0.0
    for down in range(6):
        along = slope = 0.0
        for right in range(6):
            part = values.index_select(0, start + (down * width + right))
            part = part.view(rows, -1)
            along = along + part * wx[right]
            slope = slope + part * sx[right]
        value = value + along * wy[down]
        by_x = by_x + slope * wy[down]
        by_y = by_y + along * sy[down]
    return value, torch.stack([by_x, by_y], dim=-1)
