"""The fit of a pair drawn again from its row of the table."""

import astropy.units as u
import numpy as np

from astro_vbinary.measurement import model_psf, star_psf
from astro_vbinary.stamps import SurveyStamp
from astro_vbinary.surveys import get_survey

__all__ = ["draw_fit", "pair_places"]

#: Pixels within this many arcsec of the target take part.
REACH = 3.5


def pair_places(row, target):
    """Where the two stars of a measured pair are.

    Parameters
    ----------
    row : dict
        Of the table of pairs, measured.
    target : `~astropy.coordinates.SkyCoord`
        What offsets are from.

    Returns
    -------
    `~numpy.ndarray`
        Shape (2, 2): (east, north) in arcsec of the brighter and the fainter star.
    """
    # Within arcseconds the sky is flat.
    east = (row["ra"] - target.icrs.ra.deg + 180) % 360 - 180
    east *= 3600 * np.cos(np.deg2rad(row["dec"]))
    north = 3600 * (row["dec"] - target.icrs.dec.deg)
    angle = np.deg2rad(row["position_angle"])
    step = row["separation"] * np.array([np.sin(angle), np.cos(angle)])
    return np.array([[east, north], [east + step[0], north + step[1]]])


def draw_fit(file, cutout, row, target, places):
    """The model of a pair on the pixels of a cutout.

    Separation, angle and flux ratio are those of the table, the PSF is the survey's
    usual one or that of the stamp's own stars, as the table says; the light of both
    together and the background are fitted again.

    Parameters
    ----------
    file : `~astro_vbinary.stamps.StampFile`
        The image.
    cutout : `~astro_vbinary.vetting.painting.Cutout`
        Its pixels.
    row : dict
        Of the table of pairs, measured.
    target : `~astropy.coordinates.SkyCoord`
        Where the cutout's centre is.
    places : `~numpy.ndarray`
        As from `pair_places`.

    Returns
    -------
    model : `~numpy.ndarray` or None
        Shape of the cutout. None where the PSF is not to be had or nothing can be
        fitted.
    noise : float
        Scatter of the residuals beyond the circle.
    """
    ratio = _flux_ratio(row, file.band or "stacked")
    if row.get("psf", "model") == "given" or not np.isfinite(ratio):
        return None, np.nan
    scale = 1 / np.sqrt(abs(np.linalg.det(cutout.matrix)))
    psf = model_psf(file.survey, file.band, round(float(scale), 4))
    if row.get("psf") == "stars":
        psf = _own_psf(file, target, psf)
    shape, center = cutout.data.shape, np.array(cutout.center)
    pair = sum(
        light * psf.image(shape, scale * u.arcsec, position=center + cutout.matrix @ at)
        for light, at in zip((1.0, ratio), places, strict=True)
    )
    y, x = np.indices(shape)
    distance = np.hypot(x - center[0], y - center[1]) * scale
    good = np.isfinite(cutout.data)
    near = good & (distance < REACH)
    if near.sum() < 5:
        return None, np.nan
    design = np.stack([pair[near], np.ones(near.sum())], axis=1)
    flux, level = np.linalg.lstsq(design, cutout.data[near], rcond=None)[0]
    model = flux * pair + level
    outside = good & (distance > 2.5)
    rest = (cutout.data - model)[outside if outside.sum() >= 20 else good]
    return model, float(1.4826 * np.median(np.abs(rest - np.median(rest))))


def _flux_ratio(row, band):
    """Fainter over brighter star in a band; that of the reference band otherwise."""
    difference = row.get("magnitude_difference", np.nan)
    bands = str(row.get("bands", "")).split(",")
    given = str(row.get("magnitude_differences", "")).split(",")
    if band in bands and len(bands) == len(given):
        own = float(given[bands.index(band)])
        difference = own if np.isfinite(own) else difference
    return float(10 ** (-0.4 * difference))


def _own_psf(file, target, usual):
    stamp = SurveyStamp.read(
        file.location,
        survey=file.survey,
        band=file.band,
        source=file.source,
        hdu=file.hdu,
        target=target,
    )
    found, count = star_psf(stamp, usual)
    return found if count else usual


def shown_band(files, row):
    """The file to show of a survey: that of the reference band, else the sharpest.

    Parameters
    ----------
    files : sequence of `~astro_vbinary.stamps.StampFile`
        Of one source and survey.
    row : dict or None
        Of the table of pairs.

    Returns
    -------
    `~astro_vbinary.stamps.StampFile`
        One of them.
    """
    wanted = (row or {}).get("reference_band", "")
    for file in files:
        if wanted and (file.band or "stacked") == wanted:
            return file
    known = {band.name: band.fwhm for band in get_survey(files[0].survey).bands}

    def width(file):
        fwhm = known.get(file.band)
        return np.inf if fwhm is None else fwhm.to_value(u.arcsec)

    return min(files, key=width)
