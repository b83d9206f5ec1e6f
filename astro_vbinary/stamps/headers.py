"""What FITS headers say beside the WCS: epoch, unit and zero point.

Every function takes a header as it is and gives None for what the header does not
say, or says in a way that cannot be understood: none of it decides whether a stamp
can be used.
"""

import re
import warnings

import astropy.units as u
import numpy as np
from astropy.io.fits import VerifyError
from astropy.time import Time
from erfa import ErfaWarning

__all__ = ["epoch_from_header", "unit_from_header", "zero_point_from_header"]

#: Keywords of a Modified Julian Date: those of mid-exposure first, a pair is
#: averaged. FITS standard 4.0, table 35, and the HST and JWST keyword dictionaries.
MJD_KEYWORDS = (
    ("MJD-AVG",),
    ("EXPMID",),
    ("EXPSTART", "EXPEND"),
    ("MJD-BEG", "MJD-END"),
    ("MJD-OBS",),
    ("MJD_OBS",),
    ("MJD",),
)

#: Keywords of a date, tried where there is no Modified Julian Date.
DATE_KEYWORDS = ("DATE-AVG", "DATE-OBS", "DATE_OBS", "DATE-BEG")

#: Keywords of the time that goes with a date without one.
TIME_KEYWORDS = ("TIME-OBS", "UT", "UTC-OBS")

#: Modified Julian Dates of 1900-01-01 and 2100-01-01: nothing else is believed.
MJD_RANGE = (15020.0, 88069.0)

#: J2000.0 on the UTC scale, 2000-01-01T11:58:55.816, is no date of observation:
#: coadds and cutouts, those of HSC among them, carry it as a filler. The margin
#: (days) takes in noon by any scale.
J2000_FILLER = (51544.4992571308, 1e-3)

#: Keywords of the magnitude of a source of one unit of flux: 2MASS, WISE and ZTF;
#: VISTA and UKIDSS; NOAO and DES; Megapipe. PHOTZPT of HST is another quantity, the
#: constant of the system of magnitudes.
ZERO_POINT_KEYWORDS = ("MAGZP", "MAGZPT", "MAGZERO", "PHOTZP")

#: Flux of magnitude zero: HSC.
FLUX_ZERO_KEYWORD = "FLUXMAG0"

#: Zero points (mag) that are believed: beyond are fillers such as -99.
ZERO_POINT_RANGE = (0.0, 60.0)

#: Names of units that archives use and astropy does not know.
UNIT_NAMES = {
    "adu": "adu",
    "dn": "DN",
    "e-": "electron",
    "e": "electron",
    "electrons": "electron",
    "counts": "count",
    "cts": "count",
    "nanomaggies": "nmgy",
    "seconds": "s",
    "sec": "s",
}


def epoch_from_header(header):
    """When an image was taken.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
        The header.

    Returns
    -------
    `~astropy.time.Time` or None
        Mid-exposure where the header says so, else the start, in the header's
        ``TIMESYS`` (UTC if it has none). None where there is no date, where it is
        not between 1900 and 2100, and where it is J2000.0, which coadds carry as a
        filler.

    Examples
    --------
    >>> from astro_vbinary.stamps.headers import epoch_from_header
    >>> epoch_from_header({"MJD-OBS": 56101.5}).isot
    '2012-06-23T12:00:00.000'
    """
    scale = str(_get(header, "TIMESYS") or "utc").strip().lower()
    scale = scale if scale in Time.SCALES and scale != "local" else "utc"
    for keywords in MJD_KEYWORDS:
        values = [_number(header, keyword) for keyword in keywords]
        if None not in values and _is_date(np.mean(values)):
            return Time(float(np.mean(values)), format="mjd", scale=scale)
    for keyword in DATE_KEYWORDS:
        epoch = _parse_date(_get(header, keyword), header, scale)
        if epoch is not None:
            return epoch
    return None


def unit_from_header(header):
    """Unit of an image's pixels.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
        The header.

    Returns
    -------
    `~astropy.units.UnitBase` or None
        What ``BUNIT`` says; None where it is missing, dimensionless or unknown.

    Examples
    --------
    >>> from astro_vbinary.stamps.headers import unit_from_header
    >>> unit_from_header({"BUNIT": "ELECTRONS/S"})
    Unit("electron / s")
    """
    text = _get(header, "BUNIT")
    if not isinstance(text, str) or not text.strip():
        return None
    renamed = re.sub(
        r"[a-z]+-?(?![a-z0-9])",
        lambda match: UNIT_NAMES.get(match.group(), match.group()),
        text.strip().lower(),
    )
    for spelling in (text.strip(), renamed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)
            try:
                unit = u.Unit(spelling)
            except (ValueError, TypeError):
                continue
        return None if unit == u.dimensionless_unscaled else unit
    return None


def zero_point_from_header(header):
    """Magnitude of a source whose flux is one unit.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
        The header.

    Returns
    -------
    float or None
        In mag, in the survey's own system (AB or Vega). None where the header does
        not say.

    Examples
    --------
    >>> from astro_vbinary.stamps.headers import zero_point_from_header
    >>> zero_point_from_header({"MAGZP": 20.5})
    20.5
    """
    found = [_number(header, keyword) for keyword in ZERO_POINT_KEYWORDS]
    flux = _number(header, FLUX_ZERO_KEYWORD)
    if flux is not None and flux > 0:
        found.append(float(2.5 * np.log10(flux)))
    low, high = ZERO_POINT_RANGE
    return next((z for z in found if z is not None and low < z < high), None)


def _get(header, keyword):
    try:
        return header.get(keyword)
    except (VerifyError, ValueError):  # a card that is not FITS
        return None


def _number(header, keyword):
    value = _get(header, keyword)
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _is_date(mjd):
    filler, margin = J2000_FILLER
    return MJD_RANGE[0] <= mjd <= MJD_RANGE[1] and abs(mjd - filler) > margin


def _parse_date(text, header, scale):
    if not isinstance(text, str):
        return None
    text = text.strip().rstrip("Z")
    old = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d)", text)
    if old:  # dd/mm/yy of the 1900s: FITS standard 4.0, section 4.4.2.1
        text = "19{2}-{1}-{0}".format(*old.groups())
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        times = [_get(header, keyword) for keyword in TIME_KEYWORDS]
        clock = re.compile(r"\d\d:\d\d:\d\d(\.\d*)?")
        found = [t for t in times if isinstance(t, str) and clock.fullmatch(t.strip())]
        text += f"T{found[0].strip()}" if found else ""
    with warnings.catch_warnings():
        # Years before 1960 are dubious in UTC: a proper motion does not care.
        warnings.simplefilter("ignore", ErfaWarning)
        try:
            epoch = Time(text, format="fits", scale=scale)
            return epoch if _is_date(epoch.mjd) else None
        except ValueError:
            return None
