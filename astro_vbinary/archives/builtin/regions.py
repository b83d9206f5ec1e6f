"""Requests near each other, which the same large images serve."""

import astropy.units as u
import numpy as np
from astropy.wcs import WCS

from astro_vbinary.archives.builtin.helping import in_batches
from astro_vbinary.archives.cutting import cut_image
from astro_vbinary.archives.recipe import Job

__all__ = ["by_region", "cut_from"]


def by_region(name, requests, count):
    """Jobs of requests near each other, as tiles are about so large.

    Parameters
    ----------
    name : str
        The recipe.
    requests : iterable of StampRequest
        The requests.
    count : int
        Requests of a job at most.

    Yields
    ------
    Job
        Requests of one HEALPix cell of 1.8 degrees, all bands of a source together.
    """
    from astropy_healpix import HEALPix

    requests = sorted(requests, key=lambda r: (r.source, r.ra, r.dec))
    cells = HEALPix(nside=32, order="nested")
    ra = np.array([request.ra for request in requests]) * u.deg
    dec = np.array([request.dec for request in requests]) * u.deg
    groups = {}
    for cell, request in zip(
        cells.lonlat_to_healpix(ra, dec) if requests else (), requests, strict=True
    ):
        groups.setdefault(int(cell), []).append(request)
    for cell in sorted(groups):
        for batch in in_batches(groups[cell], count):
            yield Job(name, batch)


def cut_from(hdu, request):
    """The stamp of a request, cut from an image of which only that part is read.

    Parameters
    ----------
    hdu : image HDU
        Of an open file.
    request : StampRequest
        The request.

    Returns
    -------
    `~astropy.io.fits.PrimaryHDU` or None
        None where the target is outside.
    """
    wcs = WCS(hdu.header)
    data = hdu.section if hasattr(hdu, "section") else hdu.data
    return cut_image(data, wcs, request.position, request.angle, header=hdu.header)
