"""Take away the stars around a target that are too far to be its companions."""

from dataclasses import replace

import astropy.units as u
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.scan import Scan
from astro_vbinary.measurement.star_design import draw_stars

__all__ = ["subtract_neighbours"]

#: Stacks' pixels at once.
PIXELS_AT_ONCE = 2**20


def subtract_neighbours(
    batch,
    *,
    max_separation=2.5 * u.arcsec,
    radius=6.0 * u.arcsec,
    search_radius=1.0 * u.arcsec,
    significance=6.0,
    most=3,
):
    """Subtract stars beyond the largest separation of a pair.

    One at a time, the brightest neighbour that is left is fitted together with the
    target's star, and its image subtracted; its photon noise stays.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    max_separation : `~astropy.units.Quantity`, optional
        What is nearer to the target's star is left alone, an angle.
    radius : `~astropy.units.Quantity`, optional
        How far out to look, an angle.
    search_radius : `~astropy.units.Quantity`, optional
        How far from the target its star may be, an angle.
    significance : float, optional
        Least square root of the drop in chi2 that a neighbour brings.
    most : int, optional
        Number of neighbours to subtract at most.

    Returns
    -------
    PixelBatch
        With other images; the weights are the same.
    """
    near, far, search = (
        u.Quantity(angle).to_value(u.arcsec)
        for angle in (max_separation, radius, search_radius)
    )
    images = batch.images.clone()
    step = max(PIXELS_AT_ONCE // batch.images[0].numel(), 1)
    for first in range(0, len(batch), step):
        rows = torch.arange(first, min(first + step, len(batch)), device=batch.device)
        scan = Scan(batch[rows], far, inner=near)
        for _ in range(most):
            found, star = _neighbour(scan, near, search, significance)
            rows = rows[found]
            if not len(rows):
                break
            images[rows] -= star
            scan = scan.of_rows(replace(batch[rows], images=images[rows]), found)
    return replace(batch, images=images)


def _neighbour(scan, near, search, significance):
    """Which stacks have a neighbour, and its images."""
    batch = scan.batch
    start = scan.brightest(search)[:, None].double()
    single = fit_stars(
        batch, start, evaluations=5, tolerance=(0.1, 1e-5), residual=True
    )
    maps = scan.correlate(single.residual)
    gain, places = scan.beside(maps, single.positions[:, 0])
    rows = torch.nonzero(gain > significance**2)[:, 0]
    if not len(rows):
        return rows, None
    chosen = batch[rows]
    pair = fit_stars(chosen, places[rows], evaluations=8)
    apart = (pair.positions[:, 1] - pair.positions[:, 0]).norm(dim=1)
    drop = single.chi2[rows] - pair.chi2
    real = torch.nonzero((apart > near) & (drop > significance**2))[:, 0]
    chosen = chosen[real]
    star = draw_stars(chosen, SplinePSF.of(chosen), pair.positions[real, 1])
    return rows[real], star * pair.flux[real, :, 1, None, None].to(star.dtype)
