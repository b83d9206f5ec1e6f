"""Where images lie on the sky, as archives say it, and how far inside a target is."""

import re

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

__all__ = ["edge_distance", "parse_region"]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def parse_region(text):
    """Corners of a polygon in STC-S, as ObsCore's ``s_region`` has it.

    Parameters
    ----------
    text : str
        ``POLYGON ICRS ra dec ra dec ...`` in degrees; the frame may be left out.

    Returns
    -------
    `~astropy.coordinates.SkyCoord` or None
        The corners in ICRS; None for anything else, such as a circle or nothing.

    Examples
    --------
    >>> from astro_vbinary.archives.footprints import parse_region
    >>> len(parse_region("POLYGON ICRS 10 1 11 1 11 2 10 2"))
    4
    """
    text = str(text or "").strip()
    if not text.upper().startswith("POLYGON"):
        return None
    numbers = [float(word) for word in _NUMBER.findall(text.upper().replace("FK5", ""))]
    text = text.upper()
    if "GALACTIC" in text or len(numbers) < 6 or len(numbers) % 2:
        return None
    corners = np.array(numbers).reshape(-1, 2)
    if np.abs(corners[:, 1]).max() > 90:
        return None
    return SkyCoord(corners[:, 0], corners[:, 1], unit="deg")


def edge_distance(corners, target):
    """How far a position is from the nearest edge of a polygon.

    Parameters
    ----------
    corners : `~astropy.coordinates.SkyCoord`
        Three or more corners, in order.
    target : `~astropy.coordinates.SkyCoord`
        The position.

    Returns
    -------
    `~astropy.units.Quantity`
        In arcsec; negative where the position is outside.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from astro_vbinary.archives.footprints import edge_distance, parse_region
    >>> corners = parse_region("POLYGON ICRS 10 0 10.2 0 10.2 0.1 10 0.1")
    >>> edge_distance(corners, SkyCoord(10.1, 0.02, unit="deg")).round(1)
    <Quantity 72. arcsec>
    """
    # On the tangent plane at the target, edges of great circles are straight.
    offsets = corners.transform_to("icrs").transform_to(target.skyoffset_frame())
    near = np.cos(offsets.lon) * np.cos(offsets.lat)
    if not np.all(near > 0.1):
        return -np.inf * u.arcsec
    x = (np.cos(offsets.lat) * np.sin(offsets.lon) / near).value
    y = (np.sin(offsets.lat) / near).value
    x1, y1 = np.roll(x, -1), np.roll(y, -1)
    length2 = np.maximum((x1 - x) ** 2 + (y1 - y) ** 2, 1e-30)
    along = np.clip(-(x * (x1 - x) + y * (y1 - y)) / length2, 0, 1)
    distance = np.hypot(x + along * (x1 - x), y + along * (y1 - y)).min()
    crossing = (y > 0) != (y1 > 0)
    with np.errstate(all="ignore"):
        where = x - y * (x1 - x) / (y1 - y)
    inside = np.count_nonzero(crossing & (where > 0)) % 2
    return ((distance if inside else -distance) * u.rad).to(u.arcsec)
