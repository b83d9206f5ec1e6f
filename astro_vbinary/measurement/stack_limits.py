"""How faint a companion could have been, for many stacks at once."""

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.bounds import required_d_prime
from astro_vbinary.measurement.pair_columns import LIMIT_SEPARATIONS
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import WeightedPixels, star_design
from astro_vbinary.measurement.survey_completeness import scan_threshold

__all__ = ["stack_limits"]

#: Position angles that the median is taken of.
ANGLES = 8

#: Pixels of templates at once.
PIXELS_AT_ONCE = 2**23

#: Steps of magnitude differences, and the largest.
STEP, FAINTEST = 0.01, 10.0


def stack_limits(
    batch,
    fit,
    *,
    completeness=(0.5, 0.9),
    separations=LIMIT_SEPARATIONS,
    false_positive_rate=1e-3,
    uncertainty=None,
    max_separation=2.5 * u.arcsec,
):
    """The largest magnitude difference that would have been found, by separation.

    What a faint star adds to a star's image is compared with what flux, place,
    background and the uncertain shape of the one star can take up; it grows with the
    ratio q of the fluxes as q / (1 + q), and as q / (1 + q)^2 where the pair is close.
    `source_contrast` does without these approximations for one stack.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each, without far neighbours.
    fit : PairFit
        Fits of the same stacks: all their light counts as the star's.
    completeness : sequence of float, optional
        Shares of the companions that are found, c of them.
    separations : sequence of float, optional
        In arcsec, m of them.
    false_positive_rate : float, optional
        Of single stars: the threshold of the scan, by `false_alarm_probability`.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.
    max_separation : `~astropy.units.Quantity`, optional
        Radius that the scan looks at, an angle.

    Returns
    -------
    `~numpy.ndarray`
        Shape (c, n, m), magnitudes, for companions of the star's own colour; NaN where
        not even equal stars are found.
    """
    reach = float(np.abs(fit.position).max(initial=0.0)) + max(separations)
    batch = batch.cutout(min(reach, 4.0) + 1.5 * float(batch.fwhm.max()))
    n = len(batch)
    flux = np.nan_to_num(fit.flux.sum(axis=2))
    step = len(separations) * ANGLES + 1
    chunk = max(PIXELS_AT_ONCE // (batch.images[0].numel() * step), 1)
    power, own = [], []
    for first in range(0, n, chunk):
        rows = slice(first, min(first + chunk, n))
        part = batch[rows]
        there = torch.as_tensor(fit.position[rows, 0], device=batch.device)
        level = torch.as_tensor(flux[rows], device=batch.device)
        found = _power(part, there, level, separations, uncertainty)
        power.append(found[0].cpu().numpy())
        own.append(found[1].cpu().numpy())
    power, own = np.concatenate(power), np.concatenate(own)
    # Noise that the stars' light has brought lies on the stars.
    width = fit.fwhm
    close = np.exp(-((np.asarray(separations) / width[:, None]) ** 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        noisier = np.clip(own / fit.light, 1, None)
    lacking = 0.0 if uncertainty is None else uncertainty.structure
    noise = noisier[:, None] ** close * np.hypot(1, lacking * fit.light)[:, None]
    seen = np.sqrt(power) / noise[..., None]
    ratio = 10 ** (-0.4 * np.arange(0, FAINTEST, STEP))
    shape = ratio / (1 + ratio) ** (1 + close[..., None])
    bands = (batch.weight > 0).flatten(2).any(2).sum(1).cpu().numpy()
    threshold = _thresholds(false_positive_rate, width, bands, max_separation)
    limits = np.full((len(completeness), n, len(separations)), np.nan)
    for number, part in enumerate(completeness):
        wanted = required_d_prime(part, false_positive_rate, threshold=threshold)
        middle = np.median(seen, axis=2)
        good = middle[..., None] * shape >= wanted[:, None, None]
        count = good.sum(axis=2)
        limits[number] = np.where(count > 0, (count - 1) * STEP, np.nan)
    return limits


def _power(batch, place, flux, separations, uncertainty):
    """Square of the signal-to-noise ratio of a companion as bright as the star.

    Of shape (n, separations, angles), less what the star takes up; and the star's own
    signal-to-noise ratio.
    """
    n, k = batch.images.shape[:2]
    pixels, splines = WeightedPixels.make(batch), SplinePSF.of(batch)
    shapes = uncertainty is not None and bool(
        uncertainty.ellipticity or uncertainty.size
    )
    design = star_design(pixels, splines, place[:, None], shapes)
    turn = torch.arange(ANGLES, dtype=torch.float64) * (2 * np.pi / ANGLES)
    way = torch.stack([turn.sin(), turn.cos()], dim=1)
    apart = torch.as_tensor(separations, dtype=torch.float64)
    offset = (apart[:, None, None] * way).view(-1, 2).to(place.device)
    beside = place[:, None] + offset
    others = star_design(pixels, splines, beside, False)[:, : len(offset)]
    level = flux.reshape(n * k, 1, 1)
    star = level * design[:, :1].double()
    lines = torch.cat([star, level * design[:, 2:].double()], dim=1)
    # The background's template needs no factor.
    lines = torch.cat([lines, design[:, 1:2].double()], dim=1)
    gram = lines @ lines.transpose(1, 2)
    if shapes:
        sigma = [uncertainty.ellipticity] * 2 + [uncertainty.size]
        prior = gram.new_tensor([0.0, 0, 0, *sigma, 0]).clamp(min=1e-6) ** -2
        prior[[0, 1, 2, 6]] = 0.0
        gram = gram + torch.diag(prior)
    gram = gram + torch.diag_embed(1e-9 * gram.diagonal(dim1=1, dim2=2) + 1e-30)
    templates = level * others.double()
    cross = templates @ lines.transpose(1, 2)
    taken = (cross * torch.linalg.solve_ex(gram, cross.mT)[0].mT).sum(2)
    left = (templates.square().sum(2) - taken).clamp(min=0)
    total = left.view(n, k, len(separations), ANGLES).sum(1)
    own = star.square().sum((1, 2)).view(n, k).sum(1).sqrt()
    return total, own


def _thresholds(rate, width, bands, largest):
    """The scan's threshold of each stack: widths that differ by a hundredth are one."""
    known = {}
    result = np.empty(len(width))
    for number, (own, count) in enumerate(zip(width, bands, strict=True)):
        key = round(float(np.log(own)), 2), max(int(count), 1)
        if key not in known:
            known[key] = scan_threshold(
                rate, np.exp(key[0]) * u.arcsec, bands=key[1], max_separation=largest
            )
        result[number] = known[key]
    return result
