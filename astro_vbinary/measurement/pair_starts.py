"""Where to start fitting two stars, and the first fit."""

from dataclasses import replace

import astropy.units as u
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.glrt import scan_stacks, worth_a_fit
from astro_vbinary.measurement.star_design import psf_rows

__all__ = ["first_pair", "put_rows"]

#: Half side of the pixels that a rough fit looks at, beyond half of the separation,
#: in effective FWHM, and how it is done.
MARGIN = 1.0
ROUGH = {"evaluations": 8, "tolerance": (2e-2, 1e-5)}

#: Pairs whose stars are nearer to each other's than this, in effective FWHM, are one.
SAME = 0.03


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
    options = {"uncertainty": uncertainty, "largest_distance": largest}
    which = found.gain.argmax(1)
    start = found.starts[torch.arange(len(batch), device=which.device), which]
    chosen, places = [], found.starts.clone()
    for kind in (0, 1):
        chosen.append(worth_a_fit(found.gain, kind, uncertainty))
        rows = torch.nonzero(chosen[kind])[:, 0]
        if len(rows):
            first = found.starts[rows, kind]
            places[rows, kind] = _rough_fit(batch, splines, rows, first, options)
        start = torch.where(chosen[kind][:, None, None], places[:, kind], start)
    # Most come to the same place; only of the others the better one has to be found.
    one, two = places.unbind(1)
    gaps = [(one - other).norm(dim=2).amax(1) for other in (two, two.flip(1))]
    apart = torch.minimum(*gaps) > SAME * batch.fwhm.amin(1)
    rows = torch.nonzero(chosen[0] & chosen[1] & apart)[:, 0]
    if len(rows):
        part, psf = batch[rows], psf_rows(batch)[rows]
        first, second = (
            fit_stars(
                part, place[rows], splines=splines, psf=psf, evaluations=1, **options
            ).chi2
            for place in (one, two)
        )
        better = (first < second)[:, None, None]
        start[rows] = torch.where(better, one[rows], two[rows])
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
