"""Columns of the catalogue: units, descriptions and UCDs."""

import astropy.units as u
import numpy as np
from astropy.table import MaskedColumn, QTable
from astropy.utils.masked import Masked

from astro_vbinary.measurement.pair_columns import LIMIT_SEPARATIONS

__all__ = ["CATALOG_COLUMNS", "CATALOG_FLAGS", "make_catalog_table"]

MAS_YR = u.mas / u.yr

#: What a row can be flagged with.
CATALOG_FLAGS = {
    "surveys_disagree": "a survey that should see the pair says that there is none",
    "measures_disagree": "surveys put the fainter star at different places (p < 0.001)",
    "likely_chance": "0.1 or more chance neighbours are expected as near and bright",
    "moving": "the stars move relative to each other (p < 0.001)",
    "triple": "a third star improves the fit",
    "degenerate": "too close for a magnitude difference: it trades off with separation",
    "bad_fit": "two stars do not describe the core (chi2 above 2 per pixel)",
}

#: Columns of the table with one row a source: name, unit, UCD (the IVOA's UCD1+
#: vocabulary 1.5), what they hold.
CATALOG_COLUMNS = (
    ("source", None, "meta.id;meta.main", "name of the source"),
    ("ra", u.deg, "pos.eq.ra;meta.main", "right ascension, ICRS"),
    ("dec", u.deg, "pos.eq.dec;meta.main", "declination, ICRS"),
    ("status", None, "meta.code.status", "ok, or no_verdict: no survey has one"),
    ("reason", None, "meta.note", "why there is no verdict, survey by survey"),
    ("label", None, "meta.code.class", "binary, not_binary or undecided"),
    ("probability", None, "stat.probability", "of a pair, all surveys together"),
    ("prevalence", None, "stat.probability", "share of pairs that it assumes"),
    ("n_surveys", None, "meta.number", "surveys with a verdict"),
    ("surveys", None, "meta.id;instr.obsty", "their names, separated by commas"),
    ("n_binary", None, "meta.number", "of them, those that say binary"),
    ("best_survey", None, "meta.id;instr.obsty", "whose measurement is quoted"),
    ("separation", u.arcsec, "pos.angDistance", "from the brighter to the fainter"),
    ("separation_error", u.arcsec, "stat.error;pos.angDistance", "one deviation"),
    ("position_angle", u.deg, "pos.posAng", "of the fainter star, east of north, ICRS"),
    ("position_angle_error", u.deg, "stat.error;pos.posAng", "one deviation"),
    (
        "magnitude_difference",
        u.mag,
        "phot.mag;arith.diff",
        "fainter less brighter star in the reference band",
    ),
    ("magnitude_difference_error", u.mag, "stat.error;phot.mag", "one deviation"),
    ("reference_band", None, "instr.bandpass", "band of the magnitude difference"),
    ("epoch", u.yr, "time.epoch", "Julian year of the measurement"),
    ("degenerate", None, "meta.code", "whether separation and flux ratio trade off"),
    ("triple", None, "meta.code.multip", "whether a third star improves the fit"),
    ("statistic", None, "stat.likelihood", "root of the drop in chi2 by a second star"),
    ("false_alarm", None, "stat.probability", "chance that a single star reaches it"),
    ("core_chi2", None, "stat.fit.chi2", "within 0.8 FWHM of the stars, per pixel"),
    (
        "consistency",
        None,
        "stat.probability",
        "p-value that separations and angles of the surveys agree",
    ),
    ("n_measured", None, "meta.number", "surveys with a measurement that is a pair"),
    ("flags", None, "meta.code", "what was noticed, separated by commas"),
    ("pm_separation", MAS_YR, "pos.pm", "motion of the fainter star, see motion_ra"),
    (
        "motion_ra",
        MAS_YR,
        "pos.pm;pos.eq.ra",
        "of the fainter star relative to the brighter, times cos(dec)",
    ),
    ("motion_dec", MAS_YR, "pos.pm;pos.eq.dec", "the same, towards north"),
    ("motion_ra_error", MAS_YR, "stat.error;pos.pm;pos.eq.ra", "one deviation"),
    ("motion_dec_error", MAS_YR, "stat.error;pos.pm;pos.eq.dec", "one deviation"),
    (
        "motion",
        None,
        "meta.code.class",
        "companion, background or unclear; empty without two epochs",
    ),
    (
        "chance",
        None,
        "meta.number;stat.mean",
        "expected chance neighbours within the separation and no fainter",
    ),
    (
        "chance_probability",
        None,
        "stat.probability",
        "of at least one of them, 1 - exp(-chance)",
    ),
    ("gaia_source_id", None, "meta.id.cross", "nearest Gaia source; 0 for none"),
    ("gaia_ruwe", None, "stat.fit.goodness", "its renormalised unit weight error"),
    (
        "gaia_ipd_frac_multi_peak",
        None,
        "stat.value",
        "percent of its transits that have several peaks",
    ),
    ("gaia_neighbours", None, "meta.number", "other Gaia sources within 5 arcsec"),
    (
        "gaia_agreement",
        None,
        "stat.probability",
        "p-value that parallax and motion of both stars agree, where Gaia has both",
    ),
    ("wds_id", None, "meta.id.cross", "entry of the Washington catalogue"),
    ("wds_separation", u.arcsec, "pos.angDistance", "its last separation"),
    ("wds_position_angle", u.deg, "pos.posAng", "its last position angle"),
    *(
        (
            f"{name}_{s}",
            u.mag,
            "phot.mag;arith.diff;stat.max",
            f"magnitude difference that {share} of companions at {s} arcsec are found "
            "to, in the survey that goes deepest",
        )
        for name, share in (("limit", "half"), ("limit90", "nine tenths"))
        for s in LIMIT_SEPARATIONS
    ),
    ("limit_survey", None, "meta.id;instr.obsty", "survey of limit_1.0"),
    ("limit90_survey", None, "meta.id;instr.obsty", "survey of limit90_1.0"),
    ("weights", None, "meta.id;meta.software", "ids and hashes (12 digits) of weights"),
    ("version", None, "meta.version;meta.software", "of astro_vbinary"),
    ("threshold", None, "stat.probability", "probability from which label is binary"),
    ("inputs", None, "meta.checksum", "hash of the files: names, sizes and contents"),
)

#: Columns of text, of whole numbers and of yes and no.
TEXT = {
    "source",
    "status",
    "reason",
    "label",
    "surveys",
    "best_survey",
    "reference_band",
    "flags",
    "motion",
    "wds_id",
    "limit_survey",
    "limit90_survey",
    "weights",
    "version",
    "inputs",
}
WHOLE = {
    "n_surveys": np.int32,
    "n_binary": np.int32,
    "n_measured": np.int32,
    "gaia_source_id": np.int64,
    "gaia_neighbours": np.int32,
}
LOGICAL = {"degenerate", "triple"}

#: Columns that are masked where no such catalogue was given, or it has no match.
MASKED = {name for name, *_ in CATALOG_COLUMNS if name.startswith(("gaia_", "wds_"))}


def make_catalog_table(rows):
    """A table of rows with units, descriptions and UCDs.

    Parameters
    ----------
    rows : sequence of dict
        Values without units; what is missing becomes NaN, 0, an empty text, or masked.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each.
    """
    table = QTable()
    for name, unit, ucd, description in CATALOG_COLUMNS:
        table[name] = _column(name, unit, rows)
        table[name].info.description = description
        table[name].info.meta = {"ucd": ucd}
    return table


def _column(name, unit, rows):
    missing = [row.get(name) is None for row in rows]
    if name in TEXT:
        values = [str(row.get(name) or "") for row in rows]
        values = np.array(values, dtype=str if rows else "U1")
    elif name in LOGICAL:
        values = np.array([bool(row.get(name)) for row in rows], dtype=bool)
    elif name in WHOLE:
        values = np.array([int(row.get(name) or 0) for row in rows], dtype=WHOLE[name])
    else:
        values = [np.nan if row.get(name) is None else row[name] for row in rows]
        values = np.array(values, dtype=np.float64)
    if name not in MASKED:
        return values if unit is None else values * unit
    if unit is not None:
        return Masked(values * unit, mask=missing)
    return MaskedColumn(values, name=name, mask=missing)
