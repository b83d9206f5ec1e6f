"""Scan a stack for a companion by correlating it with its PSFs."""

import math
from copy import copy
from dataclasses import dataclass

import torch
from torch.nn import functional

from astro_vbinary.measurement.norms import template_norms
from astro_vbinary.measurement.rendering import quick_size
from astro_vbinary.measurement.templates import (
    DIRECTIONS,
    WIDE_FROM,
    WIDE_STEP,
    PairLayout,
    directions,
    sky_points,
)

__all__ = ["Scan", "ScanBest"]

#: Half side of the kernel, in units of the full width at half maximum.
KERNEL_REACH = 1.6

#: The effective width of a PSF (that of a Gaussian of equal sum of squares) to its
#: full width at half maximum, for the wings that stars have; where these are wider
#: still, as those of space telescopes, the width of the core is taken.
CORE = 0.85

#: Fewest samples of a correlation map in the effective width of a PSF: the map is
#: smoother than the PSF by the square root of two.
MAP_SAMPLES = 2.4


def _map_sampling(batch):
    """Samples of the correlation maps in a native pixel, a divisor of the PSFs'."""
    width = float((batch.fwhm / batch.pixel_scale).min())
    for fine in range(1, batch.oversampling):
        if batch.oversampling % fine == 0 and fine * width >= MAP_SAMPLES:
            return fine
    return batch.oversampling


@dataclass
class ScanBest:
    """The best templates of a scan.

    Attributes
    ----------
    gain : `~torch.Tensor`
        Shape (n, 2): by how much chi2 should drop, for the best close template and
        the best wide one.
    positions : `~torch.Tensor`
        Shape (n, 2, 2, 2): (template, star, east and north) in arcsec.
    """

    gain: torch.Tensor
    positions: torch.Tensor


class Scan:
    """Correlation of stacks with their PSFs, looked up at any place.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    largest : float
        Largest separation in arcsec.
    inner : float, optional
        Least separation of wide companions in arcsec; by default where close
        templates no longer do.
    """

    def __init__(self, batch, largest, *, inner=None):
        self.batch = batch
        n, _, ny, nx = batch.images.shape
        device = batch.device
        widths = torch.minimum(CORE * batch.fwhm, batch.core_width)
        self.unit = widths.amin(1).expand(n).float()
        self.fine = _map_sampling(batch)
        # The PSF at the map's samples, its middle kept.
        step = batch.oversampling // self.fine
        reach = float((KERNEL_REACH * widths / batch.pixel_scale).max())
        middle = batch.psf.shape[-1] // 2
        half = min(math.ceil(reach * self.fine), middle // step)
        span = slice(middle - half * step, middle + half * step + 1, step)
        kernel = batch.psf[..., span, span]
        self._size = tuple(quick_size(self.fine * side + half) for side in (ny, nx))
        self._half = half
        self._kernel = self._transform(kernel)
        self._square = self._transform(kernel.square())
        self.layout = PairLayout.make(device)
        narrowest = float(widths.min())
        if inner is None:
            inner = WIDE_FROM * narrowest
        self.wide = sky_points(largest, WIDE_STEP * narrowest, device, inner=inner)
        self.sensitivity = self._correlate(batch.weight, self._square)
        self._norms = self._prepare_norms()
        self.coverage, self._full = self._prepare_coverage()

    def of_rows(self, batch, rows):
        """The scan of some of the stacks, whose images may be others by now.

        Parameters
        ----------
        batch : PixelBatch
            These stacks; weights and PSFs are those that they had.
        rows : `~torch.Tensor`
            Shape (m,), int64: which.

        Returns
        -------
        Scan
            Theirs.
        """

        def take(values):
            return values if len(values) == 1 else values[rows]

        made = copy(self)
        made.batch, made.unit = batch, self.unit[rows]
        made._kernel, made._square = take(self._kernel), take(self._square)
        made._norms = tuple(map(take, self._norms))
        made.sensitivity, made._full = self.sensitivity[rows], self._full[rows]
        made.coverage = made.sensitivity
        if self.coverage is not self.sensitivity:
            made.coverage = self.coverage[rows]
        return made

    @property
    def power(self):
        """Sum of each PSF's squares, `~torch.Tensor` of shape (n or 1, k)."""
        return self._norms[2]

    def _transform(self, kernel):
        spectrum = torch.fft.rfft2(kernel, s=self._size)
        # The kernel's middle belongs at zero.
        ny, nx = self._size
        device = kernel.device
        ky = torch.fft.fftfreq(ny, device=device)[:, None]
        kx = torch.fft.rfftfreq(nx, device=device)
        turn = 2 * torch.pi * self._half * (ky + kx)
        return (spectrum * torch.polar(torch.ones_like(turn), turn)).conj()

    def _correlate(self, values, kernel):
        """At every sample of the map's grid, for values at the pixels."""
        fine = self.fine
        ny, nx = values.shape[-2:]
        if fine > 1:
            spread = values.new_zeros(*values.shape[:2], fine * ny, fine * nx)
            spread[..., ::fine, ::fine] = values
            values = spread
        spectrum = torch.fft.rfft2(values, s=self._size) * kernel
        found = torch.fft.irfft2(spectrum, s=self._size)
        return found[..., : fine * (ny - 1) + 1, : fine * (nx - 1) + 1]

    def _prepare_norms(self):
        batch = self.batch
        n, k, ny, nx = batch.images.shape
        matrix, psf, unit = batch.to_pixel, batch.psf, self.unit
        shared = len(psf) == 1 and bool((matrix == matrix[:1]).all())
        rows = 1 if shared else n
        norms = template_norms(
            psf.expand(rows, -1, -1, -1).flatten(0, 1),
            batch.oversampling,
            matrix[:rows].flatten(0, 1),
            unit[:rows, None].expand(rows, k).flatten(),
            self.layout,
            self.wide,
            float(ny * nx),
        )
        close = norms.close.view(rows, k, DIRECTIONS, -1)
        return close, norms.wide.view(rows, k, -1), norms.power.view(rows, k)

    def _prepare_coverage(self):
        """What tells how much of a PSF is on good pixels, and its value where all is.

        Where the noise is that of the sky, the sensitivity itself; where stars add
        theirs, it is low on every bright star, and good pixels have to be counted.
        """
        weight = self.batch.weight
        most = weight.amax((2, 3))
        least = torch.where(weight > 0, weight, torch.inf).amin((2, 3))
        if bool((least >= 0.5 * most).all()):
            return self.sensitivity, most
        good = (weight > 0).to(weight.dtype)
        return self._correlate(good, self._square), torch.ones_like(most)

    def look_up(self, maps, points):
        """Values of correlation maps at places on the sky.

        Parameters
        ----------
        maps : `~torch.Tensor`
            Shape (n, k, my, mx), as `correlate` gives.
        points : `~torch.Tensor`
            Shape (n, q, 2): (east, north) from the target in arcsec.

        Returns
        -------
        `~torch.Tensor`
            Shape (n, k, q), float32; zero outside the image.
        """
        n, k, my, mx = maps.shape
        batch = self.batch
        matrix, origin = batch.to_pixel.float(), batch.origin.float()
        pixel = torch.einsum("nkij,nqj->nkqi", matrix, points) + origin[:, :, None]
        scale = pixel.new_tensor([max(mx - 1, 1), max(my - 1, 1)])
        place = (2 * self.fine / scale) * pixel - 1
        found = functional.grid_sample(
            maps.reshape(n * k, 1, my, mx),
            place.reshape(n * k, 1, -1, 2),
            mode="bicubic",
            padding_mode="zeros",
            align_corners=True,
        )
        return found.view(n, k, -1)

    def brightest(self, radius):
        """Where one star fits best, to within a step of the grid.

        Parameters
        ----------
        radius : float
            How far from the target to look, in arcsec.

        Returns
        -------
        `~torch.Tensor`
            Shape (n, 2): (east, north) in arcsec.
        """
        batch = self.batch
        n = len(batch)
        total = batch.weight.sum((2, 3), keepdim=True).clamp(min=1e-30)
        level = (batch.images * batch.weight).sum((2, 3), keepdim=True) / total
        maps = self._correlate((batch.images - level) * batch.weight, self._kernel)
        grid = sky_points(radius, 0.3 * float(self.unit.min()), batch.device)
        points = grid.expand(n, -1, -1)
        signal = self.look_up(maps, points).clamp(min=0)
        norm = self._enough(*self._seen(points))
        best = (signal.square() / norm).sum(1).argmax(1)
        return grid[best]

    def _seen(self, points):
        """Sensitivity and coverage at places."""
        sensitivity = self.look_up(self.sensitivity, points)
        if self.coverage is self.sensitivity:
            return sensitivity, sensitivity
        return sensitivity, self.look_up(self.coverage, points)

    def _enough(self, sensitivity, coverage):
        """Where much of the PSF is on bad pixels, nothing can be said."""
        full = (self._norms[2] * self._full)[..., None]
        good = (coverage > 0.25 * full) & (sensitivity > 0)
        return torch.where(good, sensitivity, torch.inf)

    def correlate(self, residual):
        """Correlation of what a fit has left with the PSFs.

        Parameters
        ----------
        residual : `~torch.Tensor`
            Shape (n, k, ny, nx): image less model, times the root of the weight.

        Returns
        -------
        `~torch.Tensor`
            Shape (n, k, my, mx), for `companions` and `beside`.
        """
        return self._correlate(residual * self.batch.weight.sqrt(), self._kernel)

    def beside(self, maps, star):
        """The best place of a second star that stands by itself.

        Parameters
        ----------
        maps : `~torch.Tensor`
            As from `correlate`.
        star : `~torch.Tensor`
            Shape (n, 2): where the first is, (east, north) in arcsec.

        Returns
        -------
        gain : `~torch.Tensor`
            Shape (n,): by how much chi2 should drop.
        positions : `~torch.Tensor`
            Shape (n, 2, 2): of both stars.
        """
        star = star.float()
        points = self.wide + star[:, None]
        return self._beside(star, self.look_up(maps, points), *self._seen(points))

    def _beside(self, star, signal, weight, cover):
        norm = self._enough(weight, cover) * self._norms[1]
        gain, best = (signal.clamp(min=0).square() / norm).sum(1).max(1)
        return gain, torch.stack([star, star + self.wide[best]], dim=1)

    def companions(self, maps, star):
        """The best close and the best wide template for what a star has left.

        Parameters
        ----------
        maps : `~torch.Tensor`
            As from `correlate`, of the image less the best single star.
        star : `~torch.Tensor`
            Shape (n, 2): where that is, (east, north) in arcsec.

        Returns
        -------
        ScanBest
            Of every stack.
        """
        n, k = maps.shape[:2]
        device = maps.device
        layout, star = self.layout, star.float()
        ways = directions(device)
        sky = ways[:, None, :] * layout.radii[:, None]
        near = (sky.flatten(0, 1) * self.unit[:, None, None]) + star[:, None]
        far = self.wide + star[:, None]
        points = torch.cat([near, far], dim=1)
        signal = self.look_up(maps, points)
        weight, cover = self._seen(points)
        inner = near.shape[1]
        lattice = (n, k, DIRECTIONS, len(layout.radii))
        close_norm, _, power = self._norms

        values = signal[..., :inner].view(lattice)
        local = weight[..., :inner].view(lattice) / power[..., None, None]
        opposite = torch.roll(values, DIRECTIONS // 2, dims=2)
        opposite_local = torch.roll(local, DIRECTIONS // 2, dims=2)
        area = cover[..., :inner].view(lattice) / power[..., None, None]
        opposite_area = torch.roll(area, DIRECTIONS // 2, dims=2)
        second = layout.share
        first = 1 - second
        found = (
            first * opposite[..., layout.primary]
            + second * values[..., layout.secondary]
        )
        scale = 0.5 * (
            opposite_local[..., layout.primary] + local[..., layout.secondary]
        )
        there = 0.5 * (opposite_area[..., layout.primary] + area[..., layout.secondary])
        good = (there > 0.25 * self._full[..., None, None]) & (scale > 0)
        scale = torch.where(good, scale, torch.inf)
        gain = (found.clamp(min=0).square() / (close_norm * scale)).sum(1).flatten(1)
        close_gain, close = gain.max(1)

        outer = (v[..., inner:] for v in (signal, weight, cover))
        wide_gain, beside = self._beside(star, *outer)

        way = ways[close // len(second)]
        template = close % len(second)
        distance = layout.radii * self.unit[:, None]
        one = -way * distance.gather(1, layout.primary[template][:, None])
        two = way * distance.gather(1, layout.secondary[template][:, None])
        pairs = torch.stack([one, two], dim=1) + star[:, None]
        return ScanBest(
            torch.stack([close_gain, wide_gain], dim=1),
            torch.stack([pairs, beside], dim=1).double(),
        )
