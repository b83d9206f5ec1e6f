"""Stars on pixels, in batch: broad profiles evaluated, sharp ones looked up."""

from dataclasses import dataclass, replace
from functools import lru_cache

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.psf import space_psf
from astro_vbinary.simulation.aberrations import distort

__all__ = ["SpacePSF", "noise_norm", "render_broad", "space_bank"]

#: Sub-pixel positions along each axis at which a sharp PSF is kept.
PHASES = 5

#: Share of a star that is not worth drawing: that of half precision.
NOTHING = 1e-4

#: Radius of a sharp PSF's image: in arcsec, and in pixels at most.
REACH, MOST_PIXELS = 3.4, 110

#: Camera whose images of HST are served in pixels of this side in arcsec.
NICMOS, NICMOS_PIXEL = "NICMOS/NIC2", 0.0759

#: Nodes of the Gauss-Legendre rule with two points, in pixels from the centre.
_NODE = 0.5 / np.sqrt(3)

#: Stars evaluated at a time, to keep the working set in the cache.
CHUNK = 48


@dataclass(frozen=True)
class SpacePSF:
    """A PSF of a space telescope at every sub-pixel position.

    Attributes
    ----------
    phases : `torch.Tensor`
        Shape (PHASES, PHASES, 2 r + 1, 2 r + 1), float16, over its ``peak``: the
        share of the light in each pixel of a star that stands (py, px) / PHASES
        of a pixel beyond the middle one.
    peak : float
        Scale of the phases.
    norm : float
        Flux of a star of unit signal-to-noise ratio on unit noise.
    fwhm : float
        Diameter in arcsec of a circle as large as the area above half of the peak,
        the pixel included.
    """

    phases: torch.Tensor
    peak: float
    norm: float
    fwhm: float

    def add(self, image, x, y, flux):
        """Add a star to an image.

        The three nearest sub-pixel positions along each axis are interpolated with a
        parabola, which leaves the star where it is and as wide as it is.

        Parameters
        ----------
        image : `torch.Tensor`
            Shape (ny, nx), changed in place.
        x, y : float
            Position in pixels, zero at the centre of the first one.
        flux : float
            Of the star.
        """
        for row, share_y in _around(y):
            for column, share_x in _around(x):
                share = share_x * share_y
                if abs(share) > NOTHING:
                    self._add_at(image, column, row, share * flux * self.peak)

    def _add_at(self, image, column, row, level):
        """Add a star at a place in sub-pixels."""
        reach = self.phases.shape[-1] // 2
        columns, px = divmod(column, PHASES)
        rows, py = divmod(row, PHASES)
        ny, nx = image.shape
        y0, y1 = max(rows - reach, 0), min(rows + reach + 1, ny)
        x0, x1 = max(columns - reach, 0), min(columns + reach + 1, nx)
        if y0 >= y1 or x0 >= x1:
            return
        top, left = rows - reach, columns - reach
        part = self.phases[py, px, y0 - top : y1 - top, x0 - left : x1 - left]
        image[y0:y1, x0:x1].add_(part.to(image.dtype), alpha=level)


def _around(place):
    """The three nearest sub-pixel positions, and how much each counts."""
    nearest = round(place * PHASES)
    t = place * PHASES - nearest
    return (
        (nearest - 1, t * (t - 1) / 2),
        (nearest, 1 - t * t),
        (nearest + 1, t * (t + 1) / 2),
    )


def space_bank(survey, band, pixel_scale, seed, device="cpu"):
    """A PSF of a space telescope, made once for each process.

    Parameters
    ----------
    survey, band : str
        Which band.
    pixel_scale : float
        Side of the image's pixel in arcsec.
    seed : int
        Which PSF of the band.
    device : str, optional
        Device of torch.

    Returns
    -------
    SpacePSF
        The PSF.
    """
    bank = _make_bank(survey, band, pixel_scale, seed)
    if torch.device(device).type == "cpu":
        return bank
    return _bank_on(survey, band, pixel_scale, seed, str(device))


@lru_cache(maxsize=512)
def _bank_on(survey, band, pixel_scale, seed, device):
    bank = _make_bank(survey, band, pixel_scale, seed)
    return replace(bank, phases=bank.phases.to(device))


@lru_cache(maxsize=512)
def _make_bank(survey, band, pixel_scale, seed):
    nicmos = survey == "HST" and abs(pixel_scale - NICMOS_PIXEL) < 1e-3
    camera = NICMOS if nicmos else None
    psf = space_psf(survey, band, seed, camera=camera)
    reach = min(round(REACH / pixel_scale), MOST_PIXELS)
    image = psf.effective(
        pixel_scale * u.arcsec, PHASES, (reach + 1) * pixel_scale * u.arcsec
    ).astype(np.float32)
    middle = len(image) // 2
    size = 2 * reach + 1
    start = middle - reach * PHASES
    phases = np.empty((PHASES, PHASES, size, size), np.float16)
    peak = float(image.max())
    for py in range(PHASES):
        for px in range(PHASES):
            rows = slice(start - py, start - py + size * PHASES, PHASES)
            columns = slice(start - px, start - px + size * PHASES, PHASES)
            phases[py, px] = image[rows, columns] / peak
    norm = 1 / np.sqrt((np.float64(phases[0, 0]) ** 2).sum()) / peak
    return SpacePSF(
        torch.from_numpy(phases),
        peak,
        float(norm),
        float(2 * np.sqrt((image > peak / 2).sum() / np.pi) * pixel_scale / PHASES),
    )


def noise_norm(fwhm, beta, halo, pixel_scale):
    r"""Flux of a star of unit signal-to-noise ratio on unit noise, of a Moffat core.

    The square root of the noise-equivalent area :math:`1/\int P^2`, which for a
    Moffat profile is :math:`\pi\alpha^2(2\beta-1)/(\beta-1)^2`.

    Parameters
    ----------
    fwhm, beta, halo : `~numpy.ndarray`
        Width in arcsec, slope, and the share of light that the core lacks.
    pixel_scale : `~numpy.ndarray`
        Side of a pixel in arcsec.

    Returns
    -------
    `~numpy.ndarray`
        The flux.
    """
    # Variances of profile and pixel add.
    squared = np.square(fwhm / pixel_scale) + 8 * np.log(2) / 12
    core = squared / (4 * (2 ** (1 / beta) - 1))
    area = np.pi * core * (2 * beta - 1) / (beta - 1) ** 2
    return np.sqrt(area) / (1 - halo)


def render_broad(images, frame, x, y, flux, psf, pixel_scale):
    """Add stars with broad PSFs to a batch of images.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, ny, nx), changed in place.
    frame : `~numpy.ndarray`
        Shape (n,), int64: the image that each star is on.
    x, y, flux : `~numpy.ndarray`
        Shape (n,): position in pixels and flux of each star.
    psf : dict of str to `~numpy.ndarray`
        Shape (m,) each, the columns of `~astro_vbinary.psf.GroundPSFs` for the
        images; ``lean``, shape (m, 2), by how many pixels (x, y) the halo is off the
        core; and ``cubic``, shape (m, 4), as from
        `~astro_vbinary.simulation.aberrations.cubic_forms`.
    pixel_scale : `~numpy.ndarray`
        Shape (m,), in arcsec.
    """
    device = images.device
    core = _profile(psf["fwhm"], psf["beta"], psf["e1"], psf["e2"], pixel_scale)
    halo = _profile(
        psf["halo_fwhm"], psf["halo_beta"], psf["e1"], psf["e2"], pixel_scale
    )
    share = psf["halo"]
    rows = torch.arange(images.shape[1], device=device, dtype=torch.float32)
    columns = torch.arange(images.shape[2], device=device, dtype=torch.float32)
    for start in range(0, len(frame), CHUNK):
        part = slice(start, start + CHUNK)
        index = frame[part]
        dx = columns[None, :] - _tensor(x[part], device)[:, None]
        dy = rows[None, :] - _tensor(y[part], device)[:, None]
        weight = flux[part] * (1 - share[index])
        total = 0.0
        for step_y in (-_NODE, _NODE):
            for step_x in (-_NODE, _NODE):
                value = _evaluate(core, index, dx + step_x, dy + step_y)
                total = value if isinstance(total, float) else total.add_(value)
        total *= _tensor(weight / 4, device)[:, None, None]
        width = _tensor(psf["fwhm"][index] / pixel_scale[index], device)[:, None]
        distort(total, dx / width, dy / width, _tensor(psf["cubic"][index], device))
        # The halo is broad: its value in the middle of a pixel is its mean.
        lean = psf["lean"][index]
        dx = dx - _tensor(lean[:, 0], device)[:, None]
        dy = dy - _tensor(lean[:, 1], device)[:, None]
        wings = _evaluate(halo, index, dx, dy)
        total += wings * _tensor(flux[part] * share[index], device)[:, None, None]
        images.index_add_(0, torch.as_tensor(index, device=device), total)


def _profile(fwhm, beta, e1, e2, pixel_scale):
    """Quadratic form, slope and central value of elliptical Moffat profiles."""
    core2 = np.square(fwhm / pixel_scale) / (4 * (2 ** (1 / beta) - 1))
    ellipticity = np.minimum(np.hypot(e1, e2), 0.9)
    angle = np.arctan2(e2, e1) / 2
    stretch = 1 - ellipticity
    long, short = stretch / core2, 1 / (stretch * core2)
    cos2, sin2 = np.cos(angle) ** 2, np.sin(angle) ** 2
    return {
        "xx": long * cos2 + short * sin2,
        "yy": long * sin2 + short * cos2,
        "xy": (long - short) * np.sin(2 * angle),
        "beta": beta,
        "peak": (beta - 1) / (np.pi * core2),
    }


def _evaluate(profile, index, dx, dy):
    """Moffat profiles of the stars' images, (n, ny, nx)."""
    device = dx.device
    form = {key: _tensor(values[index], device) for key, values in profile.items()}
    rho = (form["yy"][:, None] * dy * dy)[:, :, None] + (
        (form["xx"][:, None] * dx * dx)[:, None, :]
    )
    rho += (form["xy"][:, None] * dy)[:, :, None] * dx[:, None, :]
    # log1p has no vectorised kernel, and the wings need none of its precision.
    rho.add_(1.0).log_().mul_(-form["beta"][:, None, None]).exp_()
    return rho.mul_(form["peak"][:, None, None])


def _tensor(values, device):
    return torch.as_tensor(np.asarray(values, dtype=np.float32), device=device)
