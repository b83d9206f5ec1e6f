"""Names and positions of the sources whose stamps are fetched."""

from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astro_vbinary.stamps.tables import read_table
from astro_vbinary.stamps.targets import read_positions

__all__ = ["list_positions", "name_of"]


def list_positions(sources):
    """Names and positions, as plain numbers.

    Parameters
    ----------
    sources : `~astropy.table.Table`, path, or `~astropy.coordinates.SkyCoord`
        A catalogue, a file with one, or positions.

    Returns
    -------
    list of tuple
        Name, right ascension and declination (ICRS, deg), each source once.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If the sources are something else.
    ValueError
        If the catalogue cannot be understood, there is no source, or one stands at two
        positions.
    """
    if isinstance(sources, SkyCoord):
        found = _from_coordinates(sources)
    else:
        found = _from_table(sources)
    if not found:
        raise ValueError("there is no source with a name and a position")
    return [(name, ra, dec) for name, (ra, dec) in found.items()]


def name_of(position):
    """A name made of a position, to 0.1 arcsec.

    Parameters
    ----------
    position : `~astropy.coordinates.SkyCoord`
        One position.

    Returns
    -------
    str
        Such as ``J053516.50-052314.0``.
    """
    icrs = position.icrs
    ra = icrs.ra.to_string(unit="hourangle", sep="", precision=2, pad=True)
    dec = icrs.dec.to_string(unit="deg", sep="", precision=1, pad=True, alwayssign=True)
    return f"J{ra}{dec}"


def _from_coordinates(sources):
    found = {}
    for position in np.atleast_1d(sources).ravel():
        icrs = position.icrs
        found[name_of(icrs)] = (float(icrs.ra.deg), float(icrs.dec.deg))
    return found


def _from_table(sources):
    label = "the table"
    if isinstance(sources, str | Path):
        label = str(sources)
        sources = read_table(sources, "catalogue")
    if not isinstance(sources, Table):
        raise TypeError(f"sources must be a table, a file or SkyCoord, not {sources!r}")
    return read_positions(sources, label=label)
