"""Read positions of sources, with their proper motions, from a table."""

import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from astro_vbinary.exceptions import VBinaryWarning
from astro_vbinary.stamps.tables import cell_text, read_table

__all__ = ["TARGET_COLUMNS", "read_positions", "read_targets"]

#: Names that a column may have, whatever their case and separators. They are those
#: of Gaia, of VizieR's tables, and of SIMBAD.
TARGET_COLUMNS = {
    "source": ("source", "sourceid", "id", "name", "mainid", "object", "target"),
    "ra": ("ra", "raj2000", "raicrs", "radeg", "radeg2000", "ra2000", "alpha"),
    "dec": (
        "dec",
        "de",
        "decj2000",
        "dej2000",
        "decicrs",
        "deicrs",
        "decdeg",
        "dedeg",
        "dec2000",
        "delta",
    ),
    "pmra": ("pmra", "pmracosdec"),
    "pmdec": ("pmdec", "pmde"),
    "ref_epoch": ("refepoch", "epoch"),
}

#: Columns that a table cannot do without.
REQUIRED = ("source", "ra", "dec")


def read_targets(table):
    """Positions of sources by name.

    Parameters
    ----------
    table : `~astropy.table.Table`, str or `~pathlib.Path`
        A table, or a file that astropy reads as one. Its columns are known by any of
        the names in ``TARGET_COLUMNS``, whatever their case, ``_`` and ``-``:
        ``source``; ``ra`` and ``dec`` (ICRS; degrees without a unit, or text such
        as ``05:35:16.5`` in hours and ``-05:23:14`` in degrees); and perhaps
        ``pmra`` (with the cosine of the declination in it), ``pmdec`` (mas/yr
        without a unit) and ``ref_epoch`` (Julian year, or a time column).

    Returns
    -------
    dict of str to `~astropy.coordinates.SkyCoord`
        In ICRS; with proper motion and ``obstime`` where the row has them. Rows
        without a name or a position are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, lacks a column or has two of a kind, a position makes
        no sense, or a source stands at two positions.

    Warns
    -----
    ~astro_vbinary.exceptions.VBinaryWarning
        If there are proper motions without an epoch; they are not used.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astro_vbinary.stamps.targets import read_targets
    >>> table = Table({"ID": [22466], "RAJ2000": [83.82], "DEJ2000": [-5.39]})
    >>> read_targets(table)
    {'22466': <SkyCoord (ICRS): (ra, dec) in deg
        (83.82, -5.39)>}
    """
    label = "the table"
    if isinstance(table, str | Path):
        label = str(table)
        table = read_table(table, "catalogue")
    columns, names, ra, dec = _read_angles(table, label)
    motion = _motions(table, columns, label)
    targets = {}
    for number, name in enumerate(names):
        if name is None or not np.isfinite(ra[number] + dec[number]):
            continue
        target = _target(ra[number], dec[number], motion, number)
        known = targets.setdefault(name, target)
        if known is not target:
            _check_same(name, known, target, label)
    return targets


def read_positions(table, *, label="the table"):
    """Positions of sources as plain numbers, which is much quicker.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As for `read_targets`.
    label : str, optional
        What messages call it.

    Returns
    -------
    dict of str to tuple of float
        Right ascension and declination (ICRS, deg) as they stand in the table, without
        the proper motion.

    Raises
    ------
    ValueError
        As for `read_targets`.
    """
    _, names, ra, dec = _read_angles(table, label)
    found = {}
    for number, name in enumerate(names):
        here = float(ra[number]), float(dec[number])
        if name is None or not np.isfinite(sum(here)):
            continue
        known = found.setdefault(name, here)
        if known is not here and known != here:
            one, other = (SkyCoord(*p, unit="deg") for p in (known, here))
            _check_same(name, one, other, label)
    return found


def _read_angles(table, label):
    """Its columns, the sources' names, and their coordinates in degrees."""
    columns = _find_columns(table, label)
    names = [cell_text(value) for value in table[columns["source"]]]
    ra = _angles(table, columns["ra"], u.hourangle, label)
    dec = _angles(table, columns["dec"], u.deg, label)
    outside = np.flatnonzero(np.abs(dec) > 90)
    if outside.size:
        row = outside[0]
        raise ValueError(
            f"{label}: declination {dec[row]:g} deg of source {names[row]!r} is not "
            "between -90 and 90"
        )
    return columns, names, ra, dec


def _check_same(name, known, target, label):
    if known.separation(target) > 0.1 * u.arcsec:
        raise ValueError(
            f"{label} has source {name!r} at two positions: "
            f"{known.to_string()} and {target.to_string()} deg"
        )


def _find_columns(table, label):
    """The table's own name for each kind of column."""
    found = {}
    for kind, known in TARGET_COLUMNS.items():
        plain = {name: _plain(name) for name in table.colnames}
        # The name that comes first in the list is taken before the others.
        best = min((known.index(p) for p in plain.values() if p in known), default=None)
        if best is None:
            continue
        named = [name for name, p in plain.items() if p == known[best]]
        if len(named) > 1:
            raise ValueError(f"{label} has more than one column {kind}: {named}")
        found[kind] = named[0]
    missing = [kind for kind in REQUIRED if kind not in found]
    if missing:
        raise ValueError(
            f"{label} has no column {', '.join(missing)}; it has "
            f"{', '.join(table.colnames) or 'none'}, and needs source, ra, dec (and "
            "may have pmra, pmdec, ref_epoch)"
        )
    return found


def _plain(name):
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _angles(table, name, text_unit, label):
    """A column of angles in degrees; NaN where there is none."""
    column = table[name]
    dtype = getattr(column, "dtype", np.dtype(float))
    if dtype.kind not in "OSU":
        return _numbers(column, u.deg, label, name)
    values = []
    for cell in column:
        text = cell_text(cell)
        try:
            values.append(np.nan if text is None else _angle(text, text_unit))
        except ValueError as error:
            raise ValueError(f"{label}: {name} {text!r} is no angle") from error
    return np.array(values, dtype=float)


def _angle(text, unit):
    from astropy.coordinates import Angle

    try:
        return float(text)
    except ValueError:
        return Angle(text, unit=unit).to_value(u.deg)


def _numbers(column, unit, label, name):
    own = getattr(column, "unit", None) or unit
    values = np.ma.filled(
        np.ma.asarray(getattr(column, "value", column), dtype=float), np.nan
    )
    # A masked Quantity keeps its mask beside its values.
    mask = getattr(column, "mask", None)
    if mask is not None:
        values = np.where(np.asarray(mask), np.nan, np.asarray(values, dtype=float))
    try:
        return (values * u.Unit(own)).to_value(unit)
    except u.UnitConversionError as error:
        raise ValueError(f"{label}: {name} in {own} is not in {unit}") from error


def _motions(table, columns, label):
    """Proper motions (mas/yr) and epochs of all rows, or None."""
    if "pmra" not in columns or "pmdec" not in columns:
        return None
    if "ref_epoch" not in columns:
        warnings.warn(
            f"{label} has proper motions and no ref_epoch: they are not used",
            VBinaryWarning,
            stacklevel=3,
        )
        return None
    epochs = table[columns["ref_epoch"]]
    if isinstance(epochs, Time):
        years = np.asarray(epochs.jyear, dtype=float)
    else:
        years = _numbers(epochs, u.yr, label, columns["ref_epoch"])
    rates = [
        _numbers(table[columns[kind]], u.mas / u.yr, label, columns[kind])
        for kind in ("pmra", "pmdec")
    ]
    return (*rates, years)


def _target(ra, dec, motion, number):
    if motion is None or not np.isfinite(sum(part[number] for part in motion)):
        return SkyCoord(ra, dec, unit="deg")
    pmra, pmdec, year = (float(part[number]) for part in motion)
    return SkyCoord(
        ra,
        dec,
        unit="deg",
        pm_ra_cosdec=pmra * u.mas / u.yr,
        pm_dec=pmdec * u.mas / u.yr,
        obstime=Time(year, format="jyear"),
    )
