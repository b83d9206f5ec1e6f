"""Cut a stamp from a larger image, with its WCS kept exactly."""

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import Cutout2D, NoOverlapError

from astro_vbinary.stamps.grid import pixel_area, sky_to_pixel

__all__ = ["cut_image", "strip_wcs"]

#: Cards of a WCS that a cutout replaces.
_WCS_CARDS = (
    *("CRPIX", "CRVAL", "CDELT", "CTYPE", "CUNIT", "CROTA", "PC", "CD", "PV", "PS"),
    *("A_", "B_", "AP_", "BP_", "CPDIS", "CQDIS", "DP", "DQ", "D2IMARR", "D2IMDIS"),
    *("LONPOLE", "LATPOLE", "WCSAXES", "WCSNAME", "RADESYS", "EQUINOX", "NAXIS"),
)


def cut_image(data, wcs, target, size, *, header=None):
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
    header : `~astropy.io.fits.Header`, optional
        Cards to keep; those of a WCS are replaced.

    Returns
    -------
    `~astropy.io.fits.PrimaryHDU` or None
        The part of the square that is on the image, in native pixels; None where the
        position is not on it. Distortions that a table describes are those of the whole
        image, and are not kept: a header of polynomials (SIP, TPV) is.
    """
    ny, nx = data.shape
    x, y = sky_to_pixel(wcs, target)
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        return None
    scale = np.sqrt(pixel_area(wcs, target.icrs))
    side = int(np.ceil((size / scale).to_value(u.one)))
    side += 1 - side % 2
    centre = (round(float(x)), round(float(y)))
    try:
        cutout = Cutout2D(data, centre, (side, side), wcs=wcs, mode="trim", copy=True)
    except NoOverlapError:
        return None
    kept = fits.Header() if header is None else strip_wcs(header)
    kept.update(cutout.wcs.to_header(relax=True))
    return fits.PrimaryHDU(np.asarray(cutout.data), kept)


def strip_wcs(header):
    """A header without the cards that place its pixels on the sky.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Any.

    Returns
    -------
    `~astropy.io.fits.Header`
        A copy, also without structural cards, checksums and scaling.
    """
    kept = fits.Header()
    for card in header.cards:
        word = card.keyword.upper()
        stem = word.rstrip("0123456789_")
        numbered = word != stem or "_" in word
        if word in ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "SIMPLE"):
            continue
        if word in ("XTENSION", "BITPIX", "EXTEND", "PCOUNT", "GCOUNT", "EXTNAME"):
            continue
        if word in _WCS_CARDS or (numbered and word.startswith(_WCS_CARDS)):
            continue
        kept.append(card, end=True)
    return kept
