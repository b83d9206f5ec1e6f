"""Positions as plain numbers: a `SkyCoord` is large, and slow to send."""

import astropy.units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

__all__ = ["from_numbers", "to_numbers"]


def to_numbers(position):
    """The numbers of a position.

    Parameters
    ----------
    position : `~astropy.coordinates.SkyCoord`
        One position, perhaps with a proper motion and its epoch.

    Returns
    -------
    tuple of float
        Right ascension and declination (ICRS, deg); with a motion also ``pm_ra_cosdec``
        and ``pm_dec`` (mas/yr) and the epoch (Julian year).
    """
    position = position.icrs
    numbers = (float(position.ra.deg), float(position.dec.deg))
    if position.obstime is None or not position.data.differentials:
        return numbers
    rates = (position.pm_ra_cosdec, position.pm_dec)
    motion = (float(rate.to_value(u.mas / u.yr)) for rate in rates)
    return (*numbers, *motion, float(position.obstime.jyear))


def from_numbers(numbers):
    """The position of some numbers.

    Parameters
    ----------
    numbers : sequence of float
        As `to_numbers` returns them.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        In ICRS.
    """
    if len(numbers) == 2:
        return SkyCoord(*numbers, unit="deg")
    ra, dec, pmra, pmdec, year = numbers
    return SkyCoord(
        ra,
        dec,
        unit="deg",
        pm_ra_cosdec=pmra * u.mas / u.yr,
        pm_dec=pmdec * u.mas / u.yr,
        obstime=Time(year, format="jyear"),
    )
