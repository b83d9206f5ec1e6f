"""The generalised likelihood ratio of two stars against one."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.scan import Scan

__all__ = ["GLRTResult", "ScanFound", "glrt", "scan_stacks", "worth_a_fit"]

#: Below this square root of the likelihood ratio, the scan's value is not refined: no
#: false-positive rate of interest has its threshold there.
REFINE_FROM = 3.0

#: How far beside the star a close companion is looked for, in units of the scan's.
BESIDE = 0.5


@dataclass(frozen=True)
class GLRTResult:
    """What the scan found in each stack.

    Attributes
    ----------
    statistic : `~numpy.ndarray`
        Shape (n,), float64: square root of T, twice the logarithm of the likelihood
        ratio; NaN for a stack without data.
    separation, position_angle : `~astropy.units.Quantity`
        Shape (n,), arcsec and degrees from north through east, from the brighter to
        the fainter star of the best pair.
    flux_ratio : `~numpy.ndarray`
        Shape (n, k): fainter over brighter star in each band; infinite where the
        order is reversed and the one has no flux; NaN where the band has no data.
    flux : `~numpy.ndarray`
        Shape (n, k, 2): of the brighter and the fainter star.
    position : `~astropy.units.Quantity`
        Shape (n, 2, 2): (east, north) of each star from the target, arcsec.
    refined : `~numpy.ndarray`
        Shape (n,), bool: whether the pair was fitted, or is the nearest template.
    """

    statistic: np.ndarray
    separation: u.Quantity
    position_angle: u.Quantity
    flux_ratio: np.ndarray
    flux: np.ndarray
    position: u.Quantity
    refined: np.ndarray

    def __len__(self):
        return len(self.statistic)

    def __repr__(self):
        return f"<GLRTResult of {len(self)} stacks>"


def glrt(
    batch,
    *,
    max_separation=2.5 * u.arcsec,
    search_radius=1.0 * u.arcsec,
    uncertainty=None,
    refine_from=REFINE_FROM,
    evaluations=8,
    chunk=None,
):
    r"""Scan stacks for a second star.

    The statistic is

    .. math::

        T = \min_{1\,\mathrm{star}} \chi^2 - \min_{2\,\mathrm{stars}} \chi^2

    over positions that all bands share, fluxes that are not negative and a constant
    in each band. A single star is fitted first; what it leaves is correlated with
    the PSF and compared with templates of close and of wide pairs; from the best of
    each, both stars are fitted to the pixels. T does not follow Wilks' law (a
    separation of zero is at the edge of the model, and the scan makes many trials):
    take its threshold from `calibrate_threshold`.

    A star beyond the largest separation but within the pixels looked at is taken for
    what of it is inside: take it away first with `subtract_neighbours`.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    max_separation : `~astropy.units.Quantity`, optional
        Largest separation, an angle.
    search_radius : `~astropy.units.Quantity`, optional
        How far from the target the brightest star may be, an angle.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs; nothing by default.
    refine_from : float, optional
        Square root of T from which pairs are fitted to the pixels.
    evaluations : int, optional
        How often a pair's model is computed at most.
    chunk : int, optional
        Stacks at once; by default as many as a processor's cache holds, or more on
        another device.

    Returns
    -------
    GLRTResult
        One row a stack.

    References
    ----------
    Kay, S. M. 1998, Fundamentals of Statistical Signal Processing: Detection Theory,
    6.4; Acuna, C. O. & Horowitz, J. 1997, J. Appl. Stat. 24, 421.

    Examples
    --------
    >>> import astropy.units as u, numpy as np
    >>> from astro_vbinary.measurement import PixelBatch, glrt
    >>> from astro_vbinary.psf import MoffatPSF
    >>> psf, scale = MoffatPSF(1.1 * u.arcsec), 0.25 * u.arcsec
    >>> rng = np.random.default_rng(1)
    >>> image = rng.normal(size=(41, 41))
    >>> image += 2000 * psf.image((41, 41), scale, position=(20, 20))
    >>> image += 800 * psf.image((41, 41), scale, position=(20, 25))
    >>> batch = PixelBatch.from_arrays(
    ...     image[None, None], 1.0, [psf], [[-0.25, 0], [0, 0.25]], [20, 20]
    ... )
    >>> found = glrt(batch)
    >>> print(f"{found.statistic[0]:.0f} {found.separation[0]:.2f}")
    81 1.26 arcsec
    """
    largest = u.Quantity(max_separation).to_value(u.arcsec)
    search = u.Quantity(search_radius).to_value(u.arcsec)
    widest = float(batch.fwhm.max())
    batch = batch.cutout(search / 2 + largest + 0.75 * widest)
    if chunk is None:
        pixels = batch.images[0].numel()
        chunk = max((2**18 if batch.device.type == "cpu" else 2**23) // pixels, 1)
    steps = range(0, len(batch), chunk)
    parts = []
    for i in steps:
        part = batch[i : i + chunk]
        scan = Scan(part, largest)
        one = scan_stacks(scan, search, uncertainty)
        one.starts = _more_starts(one.starts, one.single[:, 0], scan.unit)
        parts.append(one)
    found = ScanFound.join(parts)
    _refine(batch, found, largest, uncertainty, refine_from, evaluations, chunk)
    return _result(found)


@dataclass
class ScanFound:
    """What is known of each stack between scan and refinement.

    Attributes
    ----------
    chi2 : `~torch.Tensor`
        Shape (n,), float64: of one star.
    single : `~torch.Tensor`
        Shape (n, 1, 2), float64: (east, north) of that, in arcsec.
    gain : `~torch.Tensor`
        Shape (n, 2), float64: by how much chi2 should drop, by the best close
        template and the best wide one.
    starts : `~torch.Tensor`
        Shape (n, t, 2, 2), float64: (template, star, east and north), the close
        template first, then the wide one.
    flux : `~torch.Tensor`
        Shape (n, k, 2), float64: of one star, and zero.
    power : `~torch.Tensor`
        Shape (n, k), float64: sum of the squares of a star of unit flux, times the
        weight.
    """

    chi2: torch.Tensor
    single: torch.Tensor
    gain: torch.Tensor
    starts: torch.Tensor
    flux: torch.Tensor
    power: torch.Tensor
    statistic: torch.Tensor = None
    positions: torch.Tensor = None
    refined: torch.Tensor = None

    @classmethod
    def join(cls, parts):
        """Of several batches.

        Parameters
        ----------
        parts : sequence of ScanFound
            As from `scan_stacks`.

        Returns
        -------
        ScanFound
            Of all stacks.
        """
        values = zip(*(list(vars(part).values())[:6] for part in parts), strict=True)
        return cls(*(torch.cat(value) for value in values))


def scan_stacks(scan, search, uncertainty, *, splines=None, tolerance=(2e-2, 1e-5)):
    """Fit one star and look for the best templates of two.

    Parameters
    ----------
    scan : Scan
        Of the stacks.
    search : float
        How far from the target the brightest star may be, in arcsec.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    splines : SplinePSF, optional
        Those, ready to be drawn.
    tolerance : tuple of float, optional
        Of the fit of one star, as for `fit_stars`.

    Returns
    -------
    ScanFound
        Of every stack.
    """
    batch = scan.batch
    single = fit_stars(
        batch,
        scan.brightest(search)[:, None].double(),
        splines=splines,
        uncertainty=uncertainty,
        evaluations=6,
        tolerance=tolerance,
        residual=True,
    )
    best = scan.companions(scan.correlate(single.residual), single.positions[:, 0])
    flux = torch.cat([single.flux, torch.zeros_like(single.flux)], dim=2)
    power = (batch.weight.amax((2, 3)) * scan.power).double()
    return ScanFound(
        single.chi2, single.positions, best.gain.double(), best.positions, flux, power
    )


def _more_starts(found, star, unit):
    """Add companions on both sides of the star, along the best close template.

    The image of a close pair is nearly that of the same pair turned by half a circle:
    only its third moments tell on which side the fainter star is, and noise may choose
    the wrong one, from where the fit does not find back.
    """
    way = found[:, 0, 1] - found[:, 0, 0]
    way = way / way.norm(dim=1, keepdim=True).clamp(min=1e-12)
    offset = BESIDE * unit.double()[:, None] * way
    sides = [torch.stack([star, star + turn * offset], dim=1) for turn in (-1, 1)]
    return torch.cat([found, torch.stack(sides, dim=1)], dim=1)


def _refine(batch, found, largest, uncertainty, refine_from, evaluations, chunk):
    """Fit two stars where the scan found enough, from both of its templates."""
    gain, which = found.gain.max(1)
    found.positions = found.starts[torch.arange(len(batch), device=gain.device), which]
    found.refined = gain >= refine_from**2
    fitted = torch.full_like(gain, -torch.inf)
    for kind, part in enumerate((0, 1, 0, 0)):
        chosen = worth_a_fit(found.gain, part, uncertainty, refine_from)
        if kind != part:  # needless where the fit has kept the template's promise
            chosen &= fitted < gain
        for rows in torch.nonzero(chosen)[:, 0].split(chunk):
            if not len(rows):  # what is split of nothing
                continue
            pair = fit_stars(
                batch[rows],
                found.starts[rows, kind],
                uncertainty=uncertainty,
                evaluations=evaluations,
                tolerance=(2e-2, 1e-5),
                largest_distance=largest,
            )
            ratio = found.chi2[rows] - pair.chi2
            better = ratio > fitted[rows]
            taken = rows[better]
            fitted[taken] = ratio[better]
            found.positions[taken] = pair.positions[better]
            found.flux[taken] = pair.flux[better]
    found.statistic = torch.where(found.refined, fitted.clamp(min=0), gain).sqrt()
    found.statistic[found.power.amax(1) <= 0] = torch.nan


def worth_a_fit(gain, kind, uncertainty, refine_from=REFINE_FROM):
    """Which stacks are to be fitted from one of both kinds of templates.

    Parameters
    ----------
    gain : `~torch.Tensor`
        Shape (n, 2), as of `ScanFound`.
    kind : int
        0 for the close ones, 1 for the wide ones.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    refine_from : float, optional
        Square root of the least gain.

    Returns
    -------
    `~torch.Tensor`
        Shape (n,), bool.
    """
    most = gain.amax(1)
    # The lesser of both is worth a fit where it is not far behind, or where what
    # the better one sees may be the PSF's.
    least = 0.6 * most if uncertainty is None else refine_from**2
    return (most >= refine_from**2) & (gain[:, kind] >= least)


def _result(found):
    statistic, positions, flux, power, refined = (
        getattr(found, name).cpu().numpy()
        for name in ("statistic", "positions", "flux", "power", "refined")
    )
    # Which star is brighter is a matter of all bands.
    strength = (flux**2 * power[:, :, None]).sum(1)
    turned = strength[:, 1] > strength[:, 0]
    positions = np.where(turned[:, None, None], positions[:, ::-1], positions)
    flux = np.where(turned[:, None, None], flux[:, :, ::-1], flux)
    offset = positions[:, 1] - positions[:, 0]
    angle = np.rad2deg(np.arctan2(offset[:, 0], offset[:, 1])) % 360
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(power > 0, flux[:, :, 1] / flux[:, :, 0], np.nan)
    return GLRTResult(
        statistic,
        np.hypot(*offset.T) * u.arcsec,
        angle * u.deg,
        ratio,
        flux,
        positions * u.arcsec,
        refined,
    )
