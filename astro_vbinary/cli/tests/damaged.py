"""A folder of damaged and odd files among good ones, as archives deliver them."""

import astropy.units as u
import numpy as np
from astropy.io import fits

from astro_vbinary.simulation import simulate_stack
from astro_vbinary.stamps import SkyGrid
from astro_vbinary.status import Status

#: What each kind of file must come back as; None for a verdict.
EXPECTED = {
    "truncated": Status.UNREADABLE,
    "zerobytes": Status.UNREADABLE,
    "html": Status.UNREADABLE,
    "jpegnamedfits": Status.UNREADABLE,
    "fitsnameddat": None,
    "nowcs": Status.NO_WCS,
    "allnan": Status.NO_DATA,
    "constant": Status.NO_DATA,
    "cube": Status.NO_IMAGE,
    "wrongsurvey": Status.UNKNOWN_SURVEY,
    "onepixel": Status.NO_IMAGE,
    "wide": None,
}


def good_stamp(number):
    """One simulated Pan-STARRS stamp with a single band."""
    rng = np.random.default_rng([77, number])
    made = simulate_stack("Pan-STARRS", rng, kind="single", hips_share=0)
    return made.stack[0]


def write_damaged(folder, number, kind):
    """Write one odd file; returns the source's name."""
    source = f"{kind}{number:03d}"
    path = folder / f"{source}_g_Pan-STARRS.fits"
    stamp = good_stamp(number)
    header = stamp.wcs.to_header()
    image = stamp.data
    if kind == "truncated":
        fits.writeto(path, image, header)
        content = path.read_bytes()
        # Within the pixels, however small the image: beyond them is only padding.
        start = len(content) - (-(-image.nbytes // 2880)) * 2880
        path.write_bytes(content[: start + image.nbytes * (1 + number % 5) // 6])
    elif kind == "zerobytes":
        path.write_bytes(b"")
    elif kind == "html":
        path.write_text("<html><body><h1>503 Service Unavailable</h1></body></html>")
    elif kind == "jpegnamedfits":
        path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 8)
    elif kind == "fitsnameddat":
        fits.writeto(path.with_suffix(".dat"), image, header)
    elif kind == "nowcs":
        fits.writeto(path, image)
    elif kind == "allnan":
        fits.writeto(path, np.full_like(image, np.nan), header)
    elif kind == "constant":
        fits.writeto(path, np.full_like(image, 7.0), header)
    elif kind == "cube":
        fits.writeto(path, np.stack([image, image, image]), header)
    elif kind == "wrongsurvey":
        path = folder / f"{source}_g_NoSuchSurvey.fits"
        fits.writeto(path, image, header)
    elif kind == "onepixel":
        fits.writeto(path, image[:1, :1], header)
    elif kind == "wide":
        _write_wide(path, stamp, number)
    else:
        raise ValueError(kind)
    return source


def _write_wide(path, stamp, number):
    """The star in the middle of an image of 20,000 by 60 pixels."""
    rng = np.random.default_rng([78, number])
    grid = SkyGrid(stamp.target, 0.25 * u.arcsec, (60, 20_000))
    image = rng.normal(100, 1, grid.shape).astype(np.float32)
    y, x = np.mgrid[:60, :60]
    star = 500 * np.exp(-0.5 * ((x - 29.5) ** 2 + (y - 29.5) ** 2) / 2.0**2)
    image[:, 9_970:10_030] += star
    fits.writeto(path, image, grid.wcs.to_header())
