"""Completeness of the scan for a survey's usual images, found and predicted."""

import astropy.units as u
import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary.measurement.bounds import clairvoyant_bound
from astro_vbinary.measurement.completeness import completeness_map
from astro_vbinary.measurement.glrt import glrt
from astro_vbinary.measurement.injection import Injector
from astro_vbinary.measurement.limit import detectability, pair_flux
from astro_vbinary.measurement.pair_psfs import model_psf
from astro_vbinary.measurement.significance import false_alarm_probability
from astro_vbinary.measurement.stack_model import PixelBatch
from astro_vbinary.surveys import get_survey

__all__ = ["survey_completeness"]

#: Half side in arcsec of the images, and position angles of the prediction.
HALF, ANGLES = 4.5, 6

#: Single stars that companions are put beside.
STARS = 64


def survey_completeness(
    survey,
    band,
    snr,
    separations,
    magnitude_differences,
    *,
    false_positive_rate=1e-3,
    trials=20,
    seed=0,
    progress=False,
):
    """Share of companions that the scan finds in a survey's usual images.

    Parameters
    ----------
    survey : str
        Name of the survey.
    band : str or None
        One of its bands; None for the sharpest.
    snr : float
        Signal-to-noise ratio of the primary, on the sky.
    separations, magnitude_differences : `~astropy.units.Quantity`
        Shape (s,) and (m,): the grid.
    false_positive_rate : float, optional
        Of single stars.
    trials : int, optional
        Companions injected for each cell.
    seed : int, optional
        Of stars, noise and angles.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    `~astropy.table.QTable`
        One row a cell, as of `CompletenessMap.to_table`, with ``predicted``: the
        share that d' and the threshold lead to. ``meta`` has ``survey``, ``band``,
        ``snr``, ``threshold`` and ``false_positive_rate``.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownBandError
        If the survey has no such band.
    """
    entry = get_survey(survey)
    bands = [b for b in entry.bands if b.fwhm is not None]
    known = entry.band(band) if band else min(bands, key=lambda b: b.fwhm)
    rng = np.random.default_rng(seed)
    blank = _blank(entry.name, known, STARS, rng)
    threshold = scan_threshold(false_positive_rate, float(blank.fwhm.min()) * u.arcsec)
    # A star of no companion at all.
    flux = pair_flux(blank, snr=snr, ratio=0.0)
    singles = _with_stars(blank, flux[..., 0], rng)
    bar = tqdm(
        total=len(separations) * len(magnitude_differences),
        unit="cell",
        desc="completeness",
        disable=None if progress else True,
    )

    def scan(pairs):
        bar.update()
        return glrt(pairs).statistic

    found = completeness_map(
        scan,
        Injector(singles),
        separations,
        magnitude_differences,
        threshold=threshold,
        rng=rng,
        trials=trials,
    )
    bar.close()
    table = found.to_table()
    table["predicted"] = _predicted(blank, table, flux[0, :, 0], threshold)
    table.meta.update(
        survey=entry.name,
        band=known.name,
        snr=float(snr),
        threshold=float(threshold),
        false_positive_rate=float(false_positive_rate),
    )
    return table


def scan_threshold(rate, fwhm, **options):
    """The statistic that a share of single stars exceeds.

    Parameters
    ----------
    rate : float
        The share.
    fwhm : `~astropy.units.Quantity`
        Effective width of the PSF, an angle.
    **options : dict
        As for `false_alarm_probability`.

    Returns
    -------
    float
        By `false_alarm_probability`.
    """
    from scipy import optimize

    def above(level):
        return float(false_alarm_probability(level, fwhm, **options)) - rate

    return float(optimize.brentq(above, 1.0, 12.0, xtol=1e-3))


def _blank(survey, band, count, rng):
    scale = band.pixel_scale.to_value(u.arcsec)
    psf = model_psf(survey, band.name, round(scale, 4))
    half = int(np.ceil(HALF / scale))
    target = half + rng.uniform(-0.5, 0.5, (count, 1, 2))
    images = np.zeros((count, 1, 2 * half + 1, 2 * half + 1))
    return PixelBatch.from_arrays(images, 1.0, [psf], np.diag([-scale, scale]), target)


def _with_stars(batch, flux, rng):
    from dataclasses import replace

    from astro_vbinary.measurement.fitting import draw_stars
    from astro_vbinary.measurement.rendering import SplinePSF

    place = torch.zeros(len(batch), 2, dtype=torch.float64)
    star = draw_stars(batch, SplinePSF.of(batch), place)
    noise = rng.standard_normal(tuple(star.shape), dtype=np.float32)
    level = torch.as_tensor(flux, dtype=star.dtype)[..., None, None]
    return replace(batch, images=star * level + torch.from_numpy(noise))


def _predicted(blank, table, primary, threshold):
    """Share found by theory, over position angles."""
    n = len(table)
    rows = torch.zeros(n * ANGLES, dtype=torch.long)
    ratio = 10 ** (-0.4 * np.repeat(table["magnitude_difference"].value, ANGLES))
    flux = np.stack([np.ones_like(ratio), ratio], axis=1)[:, None] * primary[:, None]
    d = detectability(
        blank[rows],
        np.repeat(table["separation"], ANGLES),
        np.tile(np.arange(ANGLES) * 360 / ANGLES, n) * u.deg,
        flux,
    )
    share = clairvoyant_bound(d - threshold, 0.5)
    return share.reshape(n, ANGLES).mean(axis=1)
