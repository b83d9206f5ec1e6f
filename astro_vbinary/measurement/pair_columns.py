"""Columns of the tables of measured pairs: units, descriptions and UCDs."""

import astropy.units as u
import numpy as np

__all__ = [
    "BAND_COLUMNS",
    "LIMIT_COLUMNS",
    "LIMIT_SEPARATIONS",
    "PAIR_COLUMNS",
    "make_pair_table",
]

#: Separations in arcsec that limits are given for.
LIMIT_SEPARATIONS = (0.5, 1.0, 1.5, 2.0)

#: Columns of the table with one row a source and survey: name, unit, UCD (the IVOA's
#: UCD1+ vocabulary 1.5), what they hold. Intervals are of 68 and 95 %.
PAIR_COLUMNS = (
    ("source", None, "meta.id;meta.main", "name of the source"),
    ("survey", None, "meta.id;instr.obsty", "name of the survey"),
    ("bands", None, "instr.bandpass", "bands that were used, separated by commas"),
    ("ra", u.deg, "pos.eq.ra", "right ascension of the brighter star, ICRS"),
    ("dec", u.deg, "pos.eq.dec", "declination of the brighter star, ICRS"),
    ("epoch", u.yr, "time.epoch", "Julian year of the images; NaN where not known"),
    ("separation", u.arcsec, "pos.angDistance", "from the brighter to the fainter"),
    ("separation_error", u.arcsec, "stat.error;pos.angDistance", "one deviation"),
    ("position_angle", u.deg, "pos.posAng", "of the fainter star, east of north, ICRS"),
    ("position_angle_error", u.deg, "stat.error;pos.posAng", "one deviation"),
    ("reference_band", None, "instr.bandpass", "band of the magnitude difference"),
    (
        "magnitude_difference",
        u.mag,
        "phot.mag;arith.diff",
        "fainter less brighter star in the reference band; NaN where no band shows "
        "both",
    ),
    (
        "magnitude_difference_error",
        u.mag,
        "stat.error;phot.mag",
        "one deviation",
    ),
    (
        "least_difference",
        u.mag,
        "phot.mag;arith.diff;stat.min",
        "the magnitude difference is at least this, at 95 %, in the reference band",
    ),
    (
        "correlation_separation_angle",
        None,
        "stat.correlation",
        "of the errors of separation and position angle",
    ),
    (
        "correlation_separation_difference",
        None,
        "stat.correlation",
        "of the errors of separation and magnitude difference",
    ),
    (
        "correlation_angle_difference",
        None,
        "stat.correlation",
        "of the errors of position angle and magnitude difference",
    ),
    (
        "magnitude_differences",
        None,
        "phot.mag;arith.diff",
        "in each of the bands, separated by commas",
    ),
    (
        "magnitude_difference_errors",
        None,
        "stat.error;phot.mag",
        "of each, separated by commas",
    ),
    (
        "moment",
        u.arcsec**2,
        "pos.angDistance;arith.squared",
        "alpha (1 - alpha) s^2, alpha being the fainter star's share of the light in "
        "the reference band: what is measured where the pair is close",
    ),
    ("moment_error", u.arcsec**2, "stat.error", "one deviation"),
    *(
        (
            f"{name}_{side}_{level}",
            unit,
            f"{kind};{ucd}",
            f"{word} {level} % of the {what}",
        )
        for name, unit, what, kind in (
            ("separation", u.arcsec, "separation", "pos.angDistance"),
            ("position_angle", u.deg, "position angle", "pos.posAng"),
            ("magnitude_difference", u.mag, "magnitude difference", "phot.mag"),
        )
        for level in (68, 95)
        for side, ucd, word in (
            ("low", "stat.min", "lower end of the central"),
            ("high", "stat.max", "upper end of the central"),
        )
    ),
    (
        "intervals",
        None,
        "meta.note",
        "what the intervals are of: gaussian (the errors) or posterior (sampled)",
    ),
    (
        "effective_samples",
        None,
        "meta.number",
        "of the posterior; 0 where it was not sampled",
    ),
    ("degenerate", None, "meta.code", "1 where separation and flux ratio trade off"),
    ("statistic", None, "stat.likelihood", "root of the drop in chi2 by a second star"),
    ("false_alarm", None, "stat.probability", "chance that a single star reaches it"),
    ("reduced_chi2", None, "stat.fit.chi2", "of all pixels of the fit"),
    ("core_chi2", None, "stat.fit.chi2", "the same, within 0.8 FWHM of the stars"),
    (
        "misfit",
        None,
        "stat.fit.residual",
        "share of the stars' light that two stars do not explain, beyond the noise",
    ),
    (
        "extended_statistic",
        None,
        "stat.likelihood",
        "root of the drop in chi2 from one broad source to two stars; negative where "
        "the broad source is the better",
    ),
    ("signal_to_noise", None, "stat.snr", "of the light of both stars, in all bands"),
    ("bad_fit", None, "meta.code", "1 where two stars are not what the image shows"),
    ("triple", None, "meta.code.multip", "1 where a third star improves the fit"),
    ("third_statistic", None, "stat.likelihood", "root of the drop in chi2 by a third"),
    ("psf", None, "meta.note", "model, stars (of the stamp) or given"),
    ("resampled", None, "meta.code", "1 where pixels are finer than the survey's own"),
    ("fwhm", u.arcsec, "instr.det.psf", "effective width of the sharpest band"),
    ("status", None, "meta.code.status", "why there is, or is not, a measurement"),
    (
        "reason",
        None,
        "meta.note",
        "the status in words, where it is not ok, and lost files",
    ),
)

#: Columns that are there where limits were asked for.
LIMIT_COLUMNS = tuple(
    (
        f"{name}_{separation}",
        u.mag,
        "phot.mag;arith.diff;stat.max",
        f"a companion at {separation} arcsec would have been found {share} of the time "
        "down to this magnitude difference; NaN where none would",
    )
    for name, share in (("limit", "half"), ("limit90", "nine tenths"))
    for separation in LIMIT_SEPARATIONS
)

#: Columns of the table with one row a band.
BAND_COLUMNS = (
    ("source", None, "meta.id;meta.main", "name of the source"),
    ("survey", None, "meta.id;instr.obsty", "name of the survey"),
    ("band", None, "instr.bandpass", "name of the band"),
    ("flux_primary", None, "phot.flux", "of the brighter star, in the image's unit"),
    ("flux_primary_error", None, "stat.error;phot.flux", "one deviation"),
    ("flux_secondary", None, "phot.flux", "of the fainter star"),
    ("flux_secondary_error", None, "stat.error;phot.flux", "one deviation"),
    (
        "magnitude_difference",
        u.mag,
        "phot.mag;arith.diff",
        "fainter less brighter star; NaN where the band does not show both",
    ),
    (
        "least_difference",
        u.mag,
        "phot.mag;arith.diff;stat.min",
        "the magnitude difference is at least this, at 95 %",
    ),
    ("magnitude_difference_error", u.mag, "stat.error;phot.mag", "one deviation"),
    ("moment", u.arcsec**2, "pos.angDistance;arith.squared", "alpha (1 - alpha) s^2"),
    ("moment_error", u.arcsec**2, "stat.error", "one deviation"),
    (
        "covariance_separation",
        u.arcsec * u.mag,
        "stat.covariance",
        "of magnitude difference and separation",
    ),
    (
        "covariance_angle",
        u.deg * u.mag,
        "stat.covariance",
        "of magnitude difference and position angle",
    ),
)

#: Columns of text, and of whole numbers.
TEXT = {
    "source",
    "survey",
    "band",
    "bands",
    "reference_band",
    "magnitude_differences",
    "magnitude_difference_errors",
    "intervals",
    "psf",
    "status",
    "reason",
}
WHOLE = {"bad_fit", "degenerate", "triple", "resampled", "effective_samples"}


def make_pair_table(rows, columns):
    """A table of rows with units, descriptions and UCDs.

    Parameters
    ----------
    rows : sequence of dict
        Values without units; what is missing becomes NaN, 0 or an empty text.
    columns : tuple
        `PAIR_COLUMNS` or `BAND_COLUMNS`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each.
    """
    from astropy.table import QTable

    table = QTable()
    for name, unit, ucd, description in columns:
        if name in TEXT:
            values = np.array([str(row.get(name, "")) for row in rows], dtype=str)
        elif name in WHOLE:
            values = np.array([int(row.get(name, 0)) for row in rows], dtype=np.int32)
        else:
            values = np.array(
                [float(row.get(name, np.nan)) for row in rows], dtype=np.float64
            )
        table[name] = values if unit is None else values * unit
        table[name].info.description = description
        table[name].info.meta = {"ucd": ucd}
    return table
