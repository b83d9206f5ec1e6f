"""Coverage maps: where a survey has been, so that nothing is asked elsewhere."""

import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import FetchError, VBinaryWarning

__all__ = ["CoverageMap", "read_coverage"]

#: Directions around a position in which a map is looked at as well, since a map's
#: cells are coarse and a stamp may reach into it.
N_AROUND = 8


class CoverageMap:
    """A map of what a survey covers.

    Parameters
    ----------
    moc : `mocpy.MOC`
        The map.
    """

    def __init__(self, moc):
        self._moc = moc

    def touches(self, ra, dec, size):
        """Whether stamps may hold anything.

        Parameters
        ----------
        ra, dec : `~numpy.ndarray`
            ICRS positions in degrees, shape (n,).
        size : float
            Side of the stamps in arcsec.

        Returns
        -------
        `~numpy.ndarray` of bool
            Shape (n,): whether the position, or one of eight at the corners and sides
            of the stamp, is on the map.
        """
        centre = SkyCoord(ra, dec, unit="deg")
        inside = self._moc.contains_skycoords(centre)
        angles = np.arange(N_AROUND) * 360 / N_AROUND * u.deg
        for angle in angles:
            if inside.all():
                break
            around = centre.directional_offset_by(angle, size / 2**0.5 * u.arcsec)
            inside |= self._moc.contains_skycoords(around)
        return inside


def read_coverage(location, client=None):
    """Read a coverage map, if it can be had.

    Parameters
    ----------
    location : str or `~pathlib.Path` or None
        A MOC in FITS: a file or a URL.
    client : `~astro_vbinary.archives.Client`, optional
        What fetches it, once; without it, a URL is not read.

    Returns
    -------
    CoverageMap or None
        None where there is none, it cannot be read, or mocpy is not installed: then
        the archive is asked.

    Warns
    -----
    ~astro_vbinary.exceptions.VBinaryWarning
        If there is one that cannot be read.
    """
    if location is None:
        return None
    try:
        from mocpy import MOC
    except ImportError:
        return None
    try:
        if "://" in str(location):
            if client is None:
                return None
            location = client.cached_file(str(location), fits=True)
        return CoverageMap(MOC.from_fits(Path(location)))
    except (FetchError, OSError, ValueError, KeyError) as error:
        warnings.warn(
            f"the coverage map {location} is not used: {error}",
            VBinaryWarning,
            stacklevel=2,
        )
        return None
