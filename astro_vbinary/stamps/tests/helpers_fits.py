"""FITS files for the tests: small images of one star, written by astropy."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

CENTER = SkyCoord(83.8221, -5.3911, unit="deg")
SHAPE = (24, 32)
SCALE = 0.25


def tan_wcs(shape=SHAPE, *, center=CENTER, scale=SCALE, angle=0.0, projection="TAN"):
    """A WCS of ``scale`` arcsec per pixel with a position at the image's centre."""
    ny, nx = shape
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = f"RA---{projection}", f"DEC--{projection}"
    wcs.wcs.crpix = (nx + 1) / 2, (ny + 1) / 2
    wcs.wcs.crval = center.ra.deg, center.dec.deg
    wcs.wcs.cdelt = -scale / 3600, scale / 3600
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[cos, -sin], [sin, cos]]
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.radesys = "ICRS"
    return wcs


def star(shape=SHAPE, *, dtype=np.float32, seed=0, flux=2000.0):
    """A noisy image of a star at the centre, every pixel of it another value."""
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx]
    r2 = (x - (nx - 1) / 2) ** 2 + (y - (ny - 1) / 2) ** 2
    rng = np.random.default_rng(seed)
    image = flux * np.exp(-r2 / 8) + rng.normal(100, 3, shape)
    if np.dtype(dtype).kind == "f":
        return image.astype(dtype)
    top = np.iinfo(dtype).max
    return np.clip(np.round(image), 0, min(top, 2**40)).astype(dtype)


def write(path, data=None, *, header=None, wcs=None, first=(), more=()):
    """Write an image as the HDU after ``first`` and before ``more``; return its path.

    A name that ends in ``.fz`` makes it a compressed HDU, without loss.
    """
    data = star() if data is None else data
    if header is None:
        header = (tan_wcs(data.shape[-2:]) if wcs is None else wcs).to_header(
            relax=True
        )
    if path.name.endswith(".fz"):
        exact = {"compression_type": "GZIP_2", "quantize_level": 0.0}
        exact = exact if data.dtype.kind == "f" else {}
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data, header, **exact)]
    elif first:
        hdus = [*first, fits.ImageHDU(data, header, name="SCI")]
    else:
        hdus = [fits.PrimaryHDU(data, header)]
    fits.HDUList([*hdus, *more]).writeto(path)
    return path


def beside(separation, angle=90.0, *, center=CENTER):
    """A position ``separation`` arcsec from the centre."""
    return center.directional_offset_by(angle * u.deg, separation * u.arcsec)
