"""Completeness of the scan for a survey's usual images, found and predicted."""

import astropy.units as u
import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary.measurement.bounds import scan_completeness
from astro_vbinary.measurement.completeness import completeness_map
from astro_vbinary.measurement.glrt import glrt
from astro_vbinary.measurement.injection import Injector
from astro_vbinary.measurement.limit import detectability, pair_flux
from astro_vbinary.measurement.pair_psfs import model_psf
from astro_vbinary.measurement.significance import false_alarm_probability
from astro_vbinary.measurement.stack_model import PixelBatch
from astro_vbinary.surveys import get_survey

__all__ = ["survey_completeness"]

#: Most single stars that companions are put beside: as many as trials, if possible, for
#: one star's noise is the same at all angles of a close pair.
STARS = 400

#: Pairs of the prediction in each cell, and by how much the angle of one differs from
#: the last's, in degrees: the golden angle, so that any number is spread evenly.
PREDICTED, TURN = 32, 137.508


def survey_completeness(
    survey,
    band,
    snr,
    separations,
    magnitude_differences,
    *,
    false_positive_rate=1e-3,
    trials=20,
    max_separation=2.5 * u.arcsec,
    seed=0,
    progress=False,
):
    r"""Share of companions that the scan finds in a survey's usual images.

    The prediction is the chance that the likelihood ratio T of a pair, a noncentral
    :math:`\chi^2` with the noncentrality d'^2 (`scan_completeness`), or else that of
    noise alone is above the threshold; its mean is taken over position angles and over
    where in a pixel the star is, which matters where pixels are coarse. It holds for
    stars whose PSF is known, as that of these images is.

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
    max_separation : `~astropy.units.Quantity`, optional
        Radius that the scan looks at, an angle: what the threshold is for. A smaller
        one is quicker.
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
    ValueError
        If a separation is larger than the scan's.

    References
    ----------
    Wald, A. 1943, Trans. Am. Math. Soc. 54, 426, doi:10.2307/1990256.
    """
    separations = np.atleast_1d(u.Quantity(separations))
    largest = u.Quantity(max_separation).to(u.arcsec)
    if separations.max() > largest:
        raise ValueError(
            f"separations are at most {largest:g}, as the scan, not "
            f"{separations.max():g}"
        )
    entry = get_survey(survey)
    bands = [b for b in entry.bands if b.fwhm is not None]
    known = entry.band(band) if band else min(bands, key=lambda b: b.fwhm)
    rng = np.random.default_rng(seed)
    count = min(max(trials, PREDICTED), STARS)
    blank = _blank(entry.name, known, count, largest.value, rng)
    width = float(blank.fwhm.min()) * u.arcsec
    threshold = scan_threshold(false_positive_rate, width, max_separation=largest)
    # A star of no companion at all.
    flux = pair_flux(blank, snr=snr, ratio=0.0)[..., 0]
    singles = _with_stars(blank, flux, rng)
    search = min(largest, 1 * u.arcsec)
    bar = tqdm(
        total=len(separations) * len(magnitude_differences),
        unit="cell",
        desc="completeness",
        disable=None if progress else True,
    )

    def scan(pairs):
        bar.update()
        found = glrt(pairs, max_separation=largest, search_radius=search)
        return found.statistic

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
    share = _predicted(blank, table, flux, threshold)
    table["predicted"] = share + (1 - share) * false_positive_rate
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


def _blank(survey, band, count, largest, rng):
    scale = band.pixel_scale.to_value(u.arcsec)
    psf = model_psf(survey, band.name, round(scale, 4))
    # What the scan looks at, and the companion's own light.
    width = band.fwhm.to_value(u.arcsec)
    half = int(np.ceil((largest + 0.6 + 1.5 * width) / scale))
    target = half + rng.uniform(-0.5, 0.5, (count, 1, 2))
    images = np.zeros((count, 1, 2 * half + 1, 2 * half + 1))
    return PixelBatch.from_arrays(images, 1.0, [psf], np.diag([-scale, scale]), target)


def _with_stars(batch, flux, rng):
    from dataclasses import replace

    from astro_vbinary.measurement.rendering import SplinePSF
    from astro_vbinary.measurement.star_design import draw_stars

    place = torch.zeros(len(batch), 2, dtype=torch.float64)
    star = draw_stars(batch, SplinePSF.of(batch), place)
    noise = rng.standard_normal(tuple(star.shape), dtype=np.float32)
    level = torch.as_tensor(flux, dtype=star.dtype)[..., None, None]
    return replace(batch, images=star * level + torch.from_numpy(noise))


def _predicted(blank, table, flux, threshold):
    """Share found by theory, over position angles and places in a pixel."""
    cells = len(table)
    rows = torch.arange(PREDICTED).repeat(cells)
    angle = np.tile(np.arange(PREDICTED) * TURN, cells)
    ratio = 10 ** (-0.4 * np.repeat(table["magnitude_difference"].value, PREDICTED))
    primary = flux[rows.numpy()]
    d = detectability(
        blank[rows],
        np.repeat(table["separation"], PREDICTED),
        angle * u.deg,
        np.stack([primary, primary * ratio[:, None]], axis=2),
    )
    share = scan_completeness(d, threshold, bands=flux.shape[1])
    return share.reshape(cells, PREDICTED).mean(axis=1)
