"""Stamps with a star where it is said, and what a browser sends."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from astro_vbinary.stamps import SurveyStamp

TARGET = SkyCoord(83.8, -5.4, unit="deg")

PORT, TOKEN = 8123, "a-token-for-tests"

#: What a browser adds to the forms of the page itself.
OWN = {"Origin": f"http://127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"}


def make_wcs(scale, side, *, rotation=0.0, flipped=False):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [TARGET.ra.deg, TARGET.dec.deg]
    wcs.wcs.crpix = [(side + 1) / 2, (side + 1) / 2]
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    parity = np.diag([1.0 if flipped else -1.0, 1.0])
    wcs.wcs.cd = turn @ parity * scale / 3600
    return wcs


def write_stamp(
    folder, name, survey, band, scale, *, star=(0, 0), second=None, width=0.6, **how
):
    """Write a stamp 12 arcsec wide, with stars so far east and north (arcsec)."""
    side = round(12 / scale)
    wcs = make_wcs(scale, side, **how)
    row, column = np.mgrid[:side, :side]
    data = np.random.default_rng(len(name + band)).normal(size=(side, side))
    for (east, north), peak in ((star, 500), (second or star, 250 if second else 0)):
        place = TARGET.spherical_offsets_by(east * u.arcsec, north * u.arcsec)
        x, y = wcs.world_to_pixel(place)
        distance = np.hypot(column - x, row - y) * scale
        data += peak / (1 + (2 * distance / width) ** 2) ** 2.5
    path = folder / f"{name}_{band}_{survey}.fits"
    SurveyStamp(data, wcs, survey=survey, band=band, source=name).write(path)
    return path


def post(client, path, **form):
    return client.post(path, data=form, headers=OWN)
