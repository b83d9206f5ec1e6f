"""Where to start fitting two stars, and the first fit."""

from dataclasses import replace

import astropy.units as u
import torch

from astro_vbinary.measurement.fitting import fit_stars, psf_rows
from astro_vbinary.measurement.glrt import scan_stacks, worth_a_fit

__all__ = ["first_pair", "put_rows"]

#: Half side of the pixels that a rough fit looks at, beyond half of the separation,
#: in effective FWHM, and how it is done.
MARGIN = 1.6
ROUGH = {"evaluations": 8, "tolerance": (2e-2, 1e-5)}


def first_pair(scan, splines, *, largest, search, uncertainty, **options):
    """Fit one star and two from where a scan finds them.

    Where bands may be misplaced, that may hide a close pair from the scan; so it is
    done without that, too, and the better fit taken.

    Parameters
    ----------
    scan : Scan
        Of the stacks to fit.
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
    pair : StarFit
        The best for each stack.
    found : ScanFound
        What the scan found, with all that is not known of the PSFs.
    """
    batch = scan.batch
    kinds = [uncertainty]
    if batch.n_bands > 1 and uncertainty and uncertainty.registration > 0:
        kinds.append(replace(uncertainty, registration=0 * u.arcsec))
    best, first = None, None
    for kind in kinds:
        found = scan_stacks(scan, search, kind, splines=splines, tolerance=(1e-2, 1e-6))
        first = first or found
        pair = fit_stars(
            batch,
            _best_start(batch, splines, found, kind, largest),
            splines=splines,
            uncertainty=uncertainty,
            largest_distance=largest,
            **options,
        )
        best = pair if best is None else _better_fit(best, pair)
    return best, first


def _best_start(batch, splines, found, uncertainty, largest):
    """Rough fits from both kinds of templates: the positions of the better one."""
    which = found.gain.argmax(1)
    start = found.starts[torch.arange(len(batch), device=which.device), which]
    # Where only one is worth a fit, nothing has to be compared.
    least = torch.full_like(found.chi2, torch.inf)
    chosen = [worth_a_fit(found.gain, kind, uncertainty) for kind in (0, 1)]
    both = chosen[0] & chosen[1]
    for kind in (0, 1):
        rows = torch.nonzero(chosen[kind])[:, 0]
        if not len(rows):
            continue
        options = {"uncertainty": uncertainty, "largest_distance": largest}
        places = _rough_fit(batch, splines, rows, found.starts[rows, kind], options)
        compared = both[rows]
        chi2 = least.new_zeros(len(rows))
        if compared.any():
            few = rows[compared]
            chi2[compared] = fit_stars(
                batch[few],
                places[compared],
                splines=splines,
                psf=psf_rows(batch)[few],
                evaluations=1,
                **options,
            ).chi2
        better = chi2 < least[rows]
        least[rows[better]] = chi2[better]
        start[rows[better]] = places[better]
    return start


def _rough_fit(batch, splines, rows, start, options):
    """Positions of two stars by the pixels around them alone."""
    apart = (start[:, 1] - start[:, 0]).norm(dim=1)
    radius = float(apart.max()) / 2 + MARGIN * float(batch.fwhm.max())
    near = batch[rows].cutout(radius, center=start.mean(1))
    return fit_stars(
        near,
        start,
        splines=replace(splines, shape=tuple(near.images.shape[-2:])),
        psf=psf_rows(batch)[rows],
        **ROUGH,
        **options,
    ).positions


def _better_fit(one, other):
    """Of two fits of the same stacks the better, stack by stack."""
    rows = torch.nonzero(other.chi2 < one.chi2)[:, 0]
    return put_rows(one, rows, other, rows)


def put_rows(whole, rows, part, chosen=slice(None)):
    """Replace some stacks' fits by others.

    Parameters
    ----------
    whole : StarFit or Information
        All stacks'.
    rows : `~torch.Tensor`
        Shape (q,), long: which are replaced.
    part : StarFit or Information
        The others; what is None in it is left.
    chosen : `~torch.Tensor` or slice, optional
        Rows of the part that replace them; all by default.

    Returns
    -------
    StarFit or Information
        The whole, changed in place.
    """
    for name, value in vars(part).items():
        if value is not None:
            getattr(whole, name)[rows] = value[chosen]
    return whole
