"""Rows of a result from the fits of a batch."""

import astropy.units as u
import numpy as np

from astro_vbinary.measurement.pair_values import PairFit
from astro_vbinary.status import Status

__all__ = ["fit_row", "is_bad", "is_degenerate"]

#: Half widths of central 68 and 95 % intervals of a normal distribution, in
#: deviations; the levels are exactly 0.6827 and 0.95.
LEVELS = {68: 1.0, 95: 1.959964}

#: A pair is degenerate below this many effective FWHM, or where the error of the
#: separation exceeds this share of it, or that of the magnitude difference this much.
CLOSE, UNSURE, UNEQUAL = 0.5, 0.1, 0.35

#: Share of the light left by two stars above which they are not what is there.
POOR = 0.25


def is_degenerate(fit: PairFit):
    """Where separation and magnitude difference trade off.

    Parameters
    ----------
    fit : PairFit
        Fits of n stacks.

    Returns
    -------
    `~numpy.ndarray` of bool
        Shape (n,).
    """
    error = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    every = np.arange(len(fit))
    difference = error[every, 2 + fit.reference]
    close = fit.separation < CLOSE * fit.fwhm
    with np.errstate(invalid="ignore"):
        sure = (error[:, 0] < UNSURE * fit.separation) & (difference < UNEQUAL)
    return close | ~sure


def is_bad(fit: PairFit):
    """Where two stars are not what the images show.

    Parameters
    ----------
    fit : PairFit
        Fits of n stacks.

    Returns
    -------
    `~numpy.ndarray` of bool
        Shape (n,): a broad source fits better, or what is left is too much, or the
        second star would be too far away if it could.
    """
    return (fit.extended < 0) | (fit.misfit > POOR) | fit.at_limit


def fit_row(fit, number, bands, target):
    """What the fit of one stack says, as an entry of a table.

    Parameters
    ----------
    fit : PairFit
        Fits of n stacks of k bands.
    number : int
        Which of them.
    bands : sequence of str
        Names of the stack's bands, at most k.
    target : `~astropy.coordinates.SkyCoord`
        What positions are relative to.

    Returns
    -------
    dict
        Values without units; intervals are those of the errors.
    """
    k = len(bands)
    reference = int(fit.reference[number])
    covariance = fit.covariance[number][: 2 + k, : 2 + k]
    error = np.sqrt(np.diagonal(covariance))
    difference = fit.magnitude_difference[number, :k]
    kept = [0, 1, 2 + reference]
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance[np.ix_(kept, kept)] / np.outer(
            error[kept], error[kept]
        )
    east, north = fit.position[number, 0]
    place = star_position(target, east, north)
    row = {
        "bands": ",".join(bands),
        "ra": place.ra.deg,
        "dec": place.dec.deg,
        "separation": fit.separation[number],
        "separation_error": error[0],
        "position_angle": fit.position_angle[number],
        "position_angle_error": error[1],
        "reference_band": bands[reference],
        "magnitude_difference": difference[reference],
        "magnitude_difference_error": error[2 + reference],
        "least_difference": fit.least_difference[number, reference],
        "correlation_separation_angle": correlation[0, 1],
        "correlation_separation_difference": correlation[0, 2],
        "correlation_angle_difference": correlation[1, 2],
        "magnitude_differences": ",".join(f"{v:.4f}" for v in difference),
        "magnitude_difference_errors": ",".join(f"{v:.4f}" for v in error[2:]),
        "moment": fit.moment[number, reference],
        "moment_error": fit.moment_error[number, reference],
        "intervals": "gaussian",
        "statistic": fit.statistic[number],
        "false_alarm": fit.false_alarm[number],
        "reduced_chi2": fit.reduced_chi2[number],
        "core_chi2": fit.core_chi2[number],
        "triple": bool(fit.triple[number]),
        "third_statistic": fit.third[number],
        "extended_statistic": fit.extended[number],
        "misfit": fit.misfit[number],
        "signal_to_noise": fit.light[number],
        "fwhm": fit.fwhm[number],
        "status": Status.OK,
        "covariance": covariance,
    }
    values = {
        "separation": (row["separation"], error[0]),
        "position_angle": (row["position_angle"], error[1]),
        "magnitude_difference": (difference[reference], error[2 + reference]),
    }
    for name, (value, one) in values.items():
        for level, width in LEVELS.items():
            row[f"{name}_low_{level}"] = value - width * one
            row[f"{name}_high_{level}"] = value + width * one
    row["band_rows"] = list(_bands(fit, number, bands))
    return row


def star_position(target, east, north):
    """A place near a target, by its offsets on the tangent plane.

    Parameters
    ----------
    target : `~astropy.coordinates.SkyCoord`
        The target.
    east, north : float
        Offsets in arcsec.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ICRS.
    """
    return target.icrs.directional_offset_by(
        np.arctan2(east, north) * u.rad, np.hypot(east, north) * u.arcsec
    )


def _bands(fit, number, bands):
    variance = np.diagonal(fit.fisher[number])
    covariance = fit.covariance[number]
    for index, name in enumerate(bands):
        first, second = 4 + 2 * index, 5 + 2 * index
        yield {
            "band": name,
            "flux_primary": fit.flux[number, index, 0],
            "flux_primary_error": np.sqrt(variance[first]),
            "flux_secondary": fit.flux[number, index, 1],
            "flux_secondary_error": np.sqrt(variance[second]),
            "magnitude_difference": fit.magnitude_difference[number, index],
            "least_difference": fit.least_difference[number, index],
            "magnitude_difference_error": np.sqrt(covariance[2 + index, 2 + index]),
            "moment": fit.moment[number, index],
            "moment_error": fit.moment_error[number, index],
            "covariance_separation": covariance[0, 2 + index],
            "covariance_angle": covariance[1, 2 + index],
        }
