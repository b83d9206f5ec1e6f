"""Measures of pairs one a line, in the manner of the Washington Double Star Catalog.

Conventions (Besselian epoch, position angle from north through east, magnitude
difference of the fainter star, aperture in metres, code of the method) are those of the
observation lines of the Fourth Catalog of Interferometric Measurements (Hartkopf,
McAlister & Mason 2001, AJ 122, 3480, doi:10.1086/323923); the columns are our own.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.time import Time

from astro_vbinary.exceptions import UnknownSurveyError
from astro_vbinary.pipeline.formats.columns import (
    has_pair,
    numbers,
    require,
    texts,
)
from astro_vbinary.surveys import get_survey

__all__ = ["MEASURE_COLUMNS", "read_measure_lines", "write_measure_lines"]

#: Columns: name, first and last character (counted from 1), format, unit, meaning.
MEASURE_COLUMNS = (
    ("wds", 1, 10, "s", None, "WDS designation of the position, J2000: HHMMm+DDMM"),
    ("position", 12, 29, "s", None, "of the brighter star, ICRS: HHMMSS.ss+DDMMSS.s"),
    ("epoch_flag", 31, 31, "s", None, "colon where the epoch is not known"),
    ("epoch", 32, 40, ".4f", u.yr, "Besselian year"),
    ("angle_flag", 42, 42, "s", None, "colon where separation and flux trade off"),
    ("position_angle", 43, 49, ".3f", u.deg, "of the fainter star, east of north"),
    ("position_angle_error", 51, 57, ".3f", u.deg, "one deviation"),
    ("separation", 59, 66, ".4f", u.arcsec, "from the brighter to the fainter star"),
    ("separation_error", 68, 75, ".4f", u.arcsec, "one deviation"),
    ("magnitude_difference", 77, 83, ".3f", u.mag, "fainter less brighter star"),
    ("magnitude_difference_error", 85, 91, ".3f", u.mag, "one deviation"),
    ("band", 93, 100, "s", None, "band of the magnitude difference"),
    ("aperture", 102, 105, ".1f", u.m, "of the telescope"),
    ("method", 107, 108, "s", None, "C: CCD or other two-dimensional imaging"),
    ("survey", 110, 121, "s", None, "whose images were measured"),
    ("source", 123, None, "s", None, "name, with Python's escapes for odd characters"),
)


def write_measure_lines(table, path):
    """Write the measured pairs of a table, one a line.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, or pairs as of `~astro_vbinary.measurement.measure_pairs`, with
        ``source``, ``ra``, ``dec``, ``separation`` and ``position_angle`` and perhaps
        the rest; rows without a measurement are left out.
    path : str or `~pathlib.Path`
        Where to; replaced if it exists. Lines that begin with ``#`` say what the
        columns are.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    require(
        table, ("source", "ra", "dec", "separation", "position_angle"), "measure lines"
    )
    lines = ["# Measures of pairs; characters from-to, column, unit: meaning"]
    for name, first, last, _, unit, meaning in MEASURE_COLUMNS:
        shown = f" ({unit})" if unit else ""
        lines.append(f"# {first:3d}-{last or 'end':<3} {name}{shown}: {meaning}")
    rows = np.flatnonzero(has_pair(table))
    if rows.size:
        columns = _columns(table[rows])
        lines += [
            _line({name: values[row] for name, values in columns.items()})
            for row in range(len(rows))
        ]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


def read_measure_lines(path):
    """Read the lines that `write_measure_lines` writes.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.

    Returns
    -------
    `~astropy.table.QTable`
        One row a line, columns as in the head of the file; blank numbers are NaN. The
        position is in the columns ``ra`` and ``dec`` (deg) as well.

    Raises
    ------
    ValueError
        If a line is too short or has no number where one belongs.
    """
    lines = Path(path).read_text(encoding="ascii").split("\n")
    kept = [(n, v) for n, v in enumerate(lines, 1) if v and not v.startswith("#")]
    table = QTable()
    for name, first, last, form, unit, meaning in MEASURE_COLUMNS:
        cells = [_cell(number, line, first, last) for number, line in kept]
        if form == "s":
            table[name] = np.array(
                [_unescape(v) if last is None else v.strip() for v in cells], dtype=str
            )
        else:
            values = [
                _number(v, name, n) for v, (n, _) in zip(cells, kept, strict=True)
            ]
            table[name] = np.array(values, dtype=float) * unit
        table[name].info.description = meaning
    places = _places(table["position"])
    table["ra"], table["dec"] = places.ra.to(u.deg), places.dec.to(u.deg)
    return table


def _columns(table):
    """Values of every column, by name."""
    places = SkyCoord(
        numbers(table, "ra", "deg"), numbers(table, "dec", "deg"), unit="deg"
    )
    epoch = numbers(table, "epoch", "yr")
    known = np.isfinite(epoch)
    epoch[known] = Time(epoch[known], format="jyear", scale="tt").byear
    survey = texts(table, "survey" if "survey" in table.colnames else "best_survey")
    degenerate = numbers(table, "degenerate")
    return {
        "wds": [_wds_name(place) for place in places],
        "position": [_precise(place) for place in places],
        "epoch_flag": np.where(known, "", ":"),
        "epoch": epoch,
        "angle_flag": np.where(degenerate > 0, ":", ""),
        "position_angle": numbers(table, "position_angle", "deg") % 360,
        "position_angle_error": numbers(table, "position_angle_error", "deg"),
        "separation": numbers(table, "separation", "arcsec"),
        "separation_error": numbers(table, "separation_error", "arcsec"),
        "magnitude_difference": numbers(table, "magnitude_difference", "mag"),
        "magnitude_difference_error": numbers(
            table, "magnitude_difference_error", "mag"
        ),
        "band": texts(table, "reference_band"),
        "aperture": [_aperture(name) for name in survey],
        "method": ["C"] * len(table),
        "survey": survey,
        "source": texts(table, "source"),
    }


def _line(row):
    line = ""
    for name, first, last, form, _, _ in MEASURE_COLUMNS:
        line = line.ljust(first - 1)
        value = row[name]
        if last is None:
            line += str(value).encode("unicode_escape").decode("ascii")
            continue
        width = last - first + 1
        if form == "s":
            text = str(value).encode("ascii", "replace").decode("ascii")
            text = " ".join(text.split())[:width]
        else:
            text = f"{value:{width}{form}}" if np.isfinite(value) else ""
            # A number that does not fit is not cut short, but left out.
            text = text if len(text) <= width else ""
        line += text.ljust(width)
    return line


def _cell(number, line, first, last):
    if len(line) < MEASURE_COLUMNS[-1][1] - 1:
        raise ValueError(f"line {number} is too short for a measure: {line!r}")
    return line[first - 1 : last]


def _number(text, name, number):
    try:
        return float(text) if text.strip() else np.nan
    except ValueError:
        raise ValueError(f"line {number}: {name} is no number: {text!r}") from None


def _unescape(text):
    return text.encode("ascii").decode("unicode_escape")


def _wds_name(place):
    """Designation of the WDS: cut off, not rounded, at a tenth of a minute of time."""
    minutes = np.floor(round(place.ra.hour * 600, 6)) % 14400
    sign = "-" if place.dec.deg < 0 else "+"
    arcmin = int(np.floor(round(abs(place.dec.deg) * 60, 6)))
    return (
        f"{int(minutes // 600):02d}{int(minutes % 600):03d}"
        f"{sign}{arcmin // 60:02d}{arcmin % 60:02d}"
    )


def _precise(place):
    time = round(place.ra.hour * 360000) % (24 * 360000)
    arc = round(abs(place.dec.deg) * 36000)
    sign = "-" if place.dec.deg < 0 else "+"
    minutes, second = divmod(time, 6000)
    arcmin, arcsec = divmod(arc, 600)
    return (
        f"{minutes // 60:02d}{minutes % 60:02d}{second / 100:05.2f}"
        f"{sign}{arcmin // 60:02d}{arcmin % 60:02d}{arcsec / 10:04.1f}"
    )


def _places(texts):
    if not len(texts):
        return SkyCoord([], [], unit="deg")
    ra = [f"{t[:2]}h{t[2:4]}m{t[4:9]}s" for t in texts]
    dec = [f"{t[9:12]}d{t[12:14]}m{t[14:]}s" for t in texts]
    return SkyCoord(ra, dec)


def _aperture(name):
    try:
        return get_survey(name).aperture.to_value(u.m)
    except UnknownSurveyError:
        return np.nan
