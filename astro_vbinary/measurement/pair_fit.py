"""Measure a pair in each stack of a batch: the best fit and how well it is known."""

from dataclasses import fields, replace

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.alternatives import (
    compare_alternatives,
    signed_root,
    unexplained,
)
from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.information import information
from astro_vbinary.measurement.neighbours import subtract_neighbours
from astro_vbinary.measurement.noise_model import add_star_noise, goodness
from astro_vbinary.measurement.pair_starts import first_pair, put_rows
from astro_vbinary.measurement.pair_values import TRIPLE, PairFit, pair_values
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.reshaping import reshape_psfs
from astro_vbinary.measurement.scan import Scan
from astro_vbinary.measurement.significance import false_alarm_probability
from astro_vbinary.measurement.star_design import psf_rows
from astro_vbinary.measurement.third_star import third_star

__all__ = ["PairFit", "fit_pairs"]

#: How often noise, and the PSFs of wide pairs, are changed to what the stars look like,
#: and from how many effective FWHM on pairs are wide: others look like a broad star.
ROUNDS, WIDE = 2, 0.8

#: How a pair is fitted.
CAREFUL = {"evaluations": 30, "tolerance": (1e-4, 1e-7)}

#: Share of the largest separation from which a pair is as wide as was allowed.
EDGE = 0.995

#: Where PSFs are uncertain: least distance of a third star from the others, in FWHM,
#: and least light, relative to the brightest.
APART, SHARE = 0.7, 0.03


def fit_pairs(
    batch,
    *,
    max_separation=2.5 * u.arcsec,
    search_radius=1.0 * u.arcsec,
    uncertainty=None,
    neighbours=True,
    triples=True,
    chunk=None,
):
    """Fit two stars to every stack and say how well all is known.

    The scan of `glrt` finds where to start. Errors are those of the Fisher
    information, marginal over each band's background and over what is not known of
    its PSF. Where chi2 near the stars is too large by more than chance, noise in
    proportion to the stars' light is added, as photons have it; if it still is,
    errors are multiplied by its square root. With an uncertainty of their shapes, the
    PSFs of wide pairs are changed to what the stars look like.

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
    neighbours : bool, optional
        Whether to take away stars beyond the largest separation first.
    triples : bool, optional
        Whether to look for a third star.
    chunk : int, optional
        Stacks at once.

    Returns
    -------
    PairFit
        One row a stack.

    Raises
    ------
    ValueError
        If the batch is empty.

    Examples
    --------
    >>> import astropy.units as u, numpy as np
    >>> from astro_vbinary.measurement import PixelBatch, fit_pairs
    >>> from astro_vbinary.psf import MoffatPSF
    >>> psf, scale = MoffatPSF(1.1 * u.arcsec), 0.25 * u.arcsec
    >>> rng = np.random.default_rng(1)
    >>> image = rng.normal(size=(41, 41))
    >>> image += 2000 * psf.image((41, 41), scale, position=(20, 20))
    >>> image += 800 * psf.image((41, 41), scale, position=(20, 25))
    >>> batch = PixelBatch.from_arrays(
    ...     image[None, None], 1.0, [psf], [[-0.25, 0], [0, 0.25]], [20, 20]
    ... )
    >>> found = fit_pairs(batch)
    >>> error = found.covariance[0].diagonal() ** 0.5
    >>> print(f"{found.separation[0]:.3f} +- {error[0]:.3f} arcsec")
    1.258 +- 0.008 arcsec
    """
    if not len(batch):
        raise ValueError("there is no stack to measure")
    largest = u.Quantity(max_separation).to_value(u.arcsec)
    search = u.Quantity(search_radius).to_value(u.arcsec)
    if chunk is None:
        pixels = batch.images[0].numel()
        chunk = max((2**21 if batch.device.type == "cpu" else 2**25) // pixels, 1)
    parts = []
    for first in range(0, len(batch), chunk):
        part = batch[first : first + chunk]
        if neighbours:
            part = subtract_neighbours(
                part,
                max_separation=max_separation,
                search_radius=search_radius,
            )
        parts.append(_measure(part, largest, search, uncertainty, triples))
    names = [field.name for field in fields(PairFit)]
    return PairFit(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


def _measure(batch, largest, search, uncertainty, triples):
    """One chunk of stacks."""
    batch = batch.cutout(search / 2 + largest + 0.75 * float(batch.fwhm.max()))
    fwhm = batch.fwhm.expand(*batch.images.shape[:2])
    splines = SplinePSF.of(batch)
    scan = Scan(batch, largest)
    pair, found = first_pair(
        scan,
        splines,
        largest=largest,
        search=search,
        uncertainty=uncertainty,
        **CAREFUL,
    )
    pair = _brighter_first(pair)
    known = information(
        batch, splines, pair.positions, pair.flux, uncertainty=uncertainty
    )
    usual, plain, sky_weight = batch, splines, batch.weight
    shapes = uncertainty is not None and (uncertainty.ellipticity or uncertainty.size)
    for _ in range(ROUNDS):
        sky = replace(batch, weight=usual.weight)
        # As seen with the noise of the sky alone.
        rest = _rest(known.residual, batch, sky)
        if shapes:
            # A change of shape is linear only where it is small.
            sky = _reshape(sky, pair, known, fwhm, uncertainty)
        weighted = add_star_noise(sky, splines, pair, rest, fwhm)
        if weighted is sky and not shapes:
            break
        rows = _changed(batch, weighted)
        batch, splines = weighted, SplinePSF.of(weighted) if shapes else splines
        if not len(rows):
            break
        better, more = _best_pair(
            batch, splines, rows, pair.positions[rows], largest, uncertainty
        )
        put_rows(pair, rows, better)
        put_rows(known, rows, more)
    # One star and two have equal chances: the same PSFs and noise for both.
    usual = replace(usual, weight=batch.weight)
    drops = compare_alternatives(
        usual,
        plain,
        found,
        pair,
        changed=_changed(replace(usual, weight=sky_weight), usual),
        uncertainty=uncertainty,
        largest=largest,
    )
    there = (batch.weight > 0).flatten(2).any(2)
    statistic, extended = (
        torch.where(there.any(1), signed_root(v), torch.nan).cpu().numpy()
        for v in (drops.single, drops.extended)
    )
    reduced, core, scale = goodness(batch, pair.positions, fwhm, known)
    sky = replace(batch, weight=sky_weight)
    rest = _rest(known.residual, batch, sky)
    gap = (pair.positions[:, 1] - pair.positions[:, 0]).norm(dim=1)
    misfit, light = unexplained(sky, splines, pair, rest, batch.weight, fwhm)
    width = fwhm.amin(1).cpu().numpy()
    bands = there.sum(1).clamp(min=1).cpu().numpy()

    lacking = 0.0 if uncertainty is None else uncertainty.structure

    def chance(values):
        # What is left of a poor fit is not noise, nor is what the PSF lacks.
        return false_alarm_probability(
            values / np.sqrt(scale + (lacking * light) ** 2),
            width * u.arcsec,
            bands=bands,
            max_separation=largest * u.arcsec,
        )

    alarm = chance(statistic)
    third = np.full_like(statistic, np.nan)
    real = np.ones(len(third), dtype=bool)
    chosen = np.flatnonzero(alarm < TRIPLE)
    if triples and len(chosen):
        rows = torch.as_tensor(chosen, device=batch.device)
        if len(rows) < len(batch) or batch is not scan.batch:
            scan = Scan(batch[rows], largest)
        value, apart, share = third_star(
            batch, scan, rows, pair, known.residual, uncertainty=uncertainty
        )
        third[chosen] = value.cpu().numpy()
        if shapes:
            # Faint, or close to another star, it may be what the PSF lacks.
            width_there = fwhm.amin(1)[rows]
            real[chosen] = ((apart > APART * width_there) & (share > SHARE)).cpu()
    return pair_values(
        batch,
        pair,
        known,
        scale=scale,
        statistic=statistic,
        false_alarm=alarm,
        extended=extended,
        reduced_chi2=reduced,
        core_chi2=core,
        at_limit=(gap > EDGE * largest).cpu().numpy(),
        light=light,
        misfit=misfit,
        third=third,
        third_false_alarm=np.where(real, chance(third), 1.0),
        fwhm=width,
    )


def _changed(before, after):
    """Rows that a batch has with other weights or PSFs than another."""
    other = (before.weight != after.weight).flatten(1).any(1)
    if after.psf is not before.psf:
        other |= (before.psf != after.psf).flatten(1).any(1)
        other |= (before.origin != after.origin).flatten(1).any(1)
    return torch.nonzero(other)[:, 0]


def _best_pair(batch, splines, rows, start, largest, uncertainty):
    """Two stars from a start, the brighter one first, and how well they are known."""
    psf = psf_rows(batch)[rows]
    batch = batch[rows]
    pair = fit_stars(
        batch,
        start,
        splines=splines,
        psf=psf,
        uncertainty=uncertainty,
        largest_distance=largest,
        **CAREFUL,
    )
    pair = _brighter_first(pair)
    known = information(
        batch, splines, pair.positions, pair.flux, psf=psf, uncertainty=uncertainty
    )
    return pair, known


def _rest(residual, batch, sky):
    """What a fit leaves, in units of the noise of the sky."""
    ratio = (sky.weight / batch.weight.clamp(min=1e-30)).sqrt()
    return residual * torch.where(batch.weight > 0, ratio, 0.0).flatten(2)


def _reshape(batch, pair, known, fwhm, uncertainty):
    """Give wide pairs the PSFs that their stars have; of close ones leave them."""
    apart = (pair.positions[:, 1] - pair.positions[:, 0]).norm(dim=1)
    wide = (apart > WIDE * fwhm.amax(1))[:, None, None]
    extra = known.extra
    if uncertainty.registration.value:
        # All bands together stay where they are: a common shift is the stars' own.
        light = pair.flux.sum(2).square() * batch.weight.amax((2, 3))
        share = light / light.sum(1, keepdim=True).clamp(min=1e-300)
        shift = extra[..., :2].nan_to_num(0.0)
        shift = shift - (share[..., None] * shift).sum(1, keepdim=True)
        extra = torch.cat([shift, extra[..., 2:]], dim=-1)
    return reshape_psfs(batch, torch.where(wide, extra, 0.0), uncertainty)


def _brighter_first(pair):
    """Stars in the order of their light over all bands."""
    # Bands count by how well each star is measured: relative to the brightest.
    level = pair.flux.sum(2, keepdim=True).amax(1, keepdim=True).clamp(min=1e-300)
    strength = ((pair.flux / level) ** 2).sum(1)
    turned = strength[:, 1] > strength[:, 0]
    return replace(
        pair,
        positions=torch.where(
            turned[:, None, None], pair.positions.flip(1), pair.positions
        ),
        flux=torch.where(turned[:, None, None], pair.flux.flip(2), pair.flux),
    )
