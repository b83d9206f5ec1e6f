"""Where to start fitting two stars."""

from dataclasses import replace

import astropy.units as u
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.glrt import glrt

__all__ = ["first_pair"]


def first_pair(batch, fitted, splines, *, largest, search, uncertainty, **options):
    """Fit two stars from where a scan finds them.

    Where bands may be misplaced, that may hide a close pair from the scan; so it is
    done without that, too, and the better fit taken.

    Parameters
    ----------
    batch : PixelBatch
        Stacks to scan, n of k bands each.
    fitted : PixelBatch
        The pixels to fit.
    splines : SplinePSF
        Their PSFs.
    largest, search : float
        Largest separation, and how far from the target the brightest star may be, in
        arcsec.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    **options
        As for `fit_stars`.

    Returns
    -------
    StarFit
        The best for each stack.
    """
    kinds = [uncertainty]
    if batch.n_bands > 1 and uncertainty and uncertainty.registration > 0:
        kinds.append(replace(uncertainty, registration=0 * u.arcsec))
    best = None
    for kind in kinds:
        found = glrt(
            batch,
            max_separation=largest * u.arcsec,
            search_radius=search * u.arcsec,
            uncertainty=kind,
        )
        start = torch.as_tensor(found.position.value, device=batch.device)
        pair = fit_stars(
            fitted,
            start,
            splines=splines,
            uncertainty=uncertainty,
            largest_distance=largest,
            **options,
        )
        best = pair if best is None else better_fit(best, pair)
    return best


def better_fit(one, other):
    """Of two fits of the same stacks the better, stack by stack.

    Parameters
    ----------
    one, other : StarFit
        The fits, without residuals.

    Returns
    -------
    StarFit
        Of the lower chi2.
    """
    chosen = other.chi2 < one.chi2
    for name, value in vars(other).items():
        if value is not None:
            getattr(one, name)[chosen] = value[chosen]
    return one
