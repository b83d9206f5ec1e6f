"""Cut a stamp from a larger image, with its WCS kept exactly."""

import re

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import Cutout2D, NoOverlapError

from astro_vbinary.stamps.grid import pixel_area, sky_to_pixel

__all__ = ["cut_image"]

#: Cards that describe the file or its numbers, and those of distortions in tables,
#: which are of the size of the whole image.
_LEFT_OUT = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|EXTNAME|EXTVER|BSCALE|BZERO"
    r"|BLANK|CHECKSUM|DATASUM|(CPDIS|CPERR|CQDIS|DP|DQ|D2IM)\w*|Z(IMAGE|CMP|TILE)\w*"
)

#: The reference pixel, also of alternative descriptions (``CRPIX1A``).
_CRPIX = re.compile(r"CRPIX([12])[A-Z]?")


def cut_image(data, wcs, target, size, *, header):
    """The square of an image around a position.

    Parameters
    ----------
    data : array-like
        Shape (ny, nx); also an ``ImageHDU.section``, of which only the part is read.
    wcs : `~astropy.wcs.WCS`
        Its celestial WCS.
    target : `~astropy.coordinates.SkyCoord`
        The position.
    size : `~astropy.units.Quantity`
        Side of the square, an angle.
    header : `~astropy.io.fits.Header`
        The image's cards, all of which are kept; but the reference pixel is moved, and
        distortions in tables are not kept (polynomials, as of SIP and TPV, are).

    Returns
    -------
    `~astropy.io.fits.PrimaryHDU` or None
        The part of the square that is on the image, in native pixels; None where the
        position is not on it.
    """
    ny, nx = data.shape
    x, y = (float(value) for value in sky_to_pixel(wcs, target))
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        return None
    scale = np.sqrt(pixel_area(wcs, target.icrs))
    side = int(np.ceil((size / scale).to_value(u.one)))
    side += 1 - side % 2
    try:
        cutout = Cutout2D(data, (round(x), round(y)), (side, side), mode="trim")
    except NoOverlapError:
        return None
    # The cards themselves, as astropy does not write back all WCS that it reads.
    kept = header.copy()
    for keyword in set(kept):
        axis = _CRPIX.fullmatch(keyword)
        if _LEFT_OUT.fullmatch(keyword):
            kept.remove(keyword, ignore_missing=True, remove_all=True)
        elif axis:
            kept[keyword] -= cutout.origin_original[int(axis[1]) - 1]
    return fits.PrimaryHDU(np.array(cutout.data), kept)
