"""Stamps in files of the plainest kind, read without building any object for them.

Nine stamps in ten are one image in the primary HDU, in the gnomonic projection, with
nothing else to its WCS than a place, a matrix and a reference pixel. Those are read
here straight from the file's bytes. Of anything else nothing is said, and
`astro_vbinary.stamps.read_image` is to be asked, which understands all that can be
understood and tells what is wrong with the rest.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from astro_vbinary.stamps.celestial import SMALLEST_SIDE
from astro_vbinary.stamps.container import BLOCK
from astro_vbinary.stamps.directions import frames, to_angles

__all__ = [
    "PlainImage",
    "pixels_of",
    "read_plain",
    "sky_of",
]

#: Types of pixels by BITPIX, as the FITS standard 4.0 (table 8) lays them out, and in
#: memory: those of `astro_vbinary.stamps.read_image`.
PIXEL_TYPES = {
    8: (">u1", np.float32),
    16: (">i2", np.float32),
    32: (">i4", np.float64),
    -32: (">f4", np.float32),
    -64: (">f8", np.float64),
}

#: Largest side of an image that is read here: others are read in part.
LARGEST_SIDE = 2048

#: Keywords, by their beginnings, of what needs more than this module and an array.
UNUSUAL = (
    b"A_",
    b"B_",
    b"AP_",
    b"BP_",
    b"PV",
    b"QV",
    b"CROTA",
    b"CPDIS",
    b"CPERR",
    b"CQDIS",
    b"D2IM",
    b"DP1",
    b"DP2",
    b"DQ1",
    b"DQ2",
    b"BLANK   ",
    b"ZIMAGE  ",
    b"PC00",
    b"CD00",
)

#: Keywords with the values that change nothing; any other is unusual.
HARMLESS = (
    (b"WCSAXES ", 2.0),
    (b"BSCALE  ", 1.0),
    (b"BZERO   ", 0.0),
    (b"LONPOLE ", 180.0),
)

CD_KEYS = (b"CD1_1   ", b"CD1_2   ", b"CD2_1   ", b"CD2_2   ")
PC_KEYS = (b"PC1_1   ", b"PC1_2   ", b"PC2_1   ", b"PC2_2   ")


@dataclass(slots=True, eq=False, repr=False)
class PlainImage:
    """An image on its own pixels.

    Attributes
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float32 or float64 in native byte order, as the file has it.
    wcs : tuple of float
        Longitude and latitude (deg) of the reference point, its pixel (x, y; zero at
        the centre of the first), and the matrix (1, 1), (1, 2), (2, 1), (2, 2) in deg
        a pixel, of the gnomonic projection (Calabretta & Greisen 2002, A&A 395, 1077).
    fk5 : bool
        Whether the WCS is in FK5 (J2000) and not in ICRS.
    unit : str
        ``BUNIT`` as it is written.
    """

    data: np.ndarray
    wcs: tuple
    fk5: bool
    unit: str

    @property
    def pixel_side(self):
        """Side of a pixel at the reference point in deg."""
        *_, a, b, c, d = self.wcs
        return abs(a * d - b * c) ** 0.5


def read_plain(content):
    """Read a plain image from the bytes of a file.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    PlainImage or None
        None where the file is of another kind, or is damaged.
    """
    end = content.find(b"END" + b" " * 77)
    while end % 80 and end >= 0:
        end = content.find(b"END" + b" " * 77, end + 1)
    if end < 0 or not content.startswith(b"SIMPLE  =                    T"):
        return None
    # The first of several cards counts: the dictionary is filled from the end.
    cards = {content[i : i + 8]: content[i + 10 : i + 80] for i in range(end, -1, -80)}
    try:
        wcs, fk5 = _plain_wcs(cards)
        data = _pixels(content, cards, -(-(end + 80) // BLOCK) * BLOCK)
    except (KeyError, ValueError):
        return None
    unit = _text(cards, b"BUNIT   ")
    return PlainImage(data, wcs, fk5, unit)


def _number(cards, key, default=None):
    if key not in cards and default is not None:
        return default
    return float(cards[key].split(b"/")[0])


def _text(cards, key):
    value = cards.get(key, b"").split(b"'")
    return value[1].decode("ascii", "replace").strip() if len(value) > 2 else ""


def _pixels(content, cards, start):
    """The image in native byte order; raises where it is no plain one or cut short."""
    nx, ny = (int(_number(cards, key)) for key in (b"NAXIS1  ", b"NAXIS2  "))
    bitpix = int(_number(cards, b"BITPIX  "))
    stored, native = PIXEL_TYPES[bitpix]
    size = nx * ny * abs(bitpix) // 8
    if (
        _number(cards, b"NAXIS   ") != 2
        or not SMALLEST_SIDE <= min(ny, nx) <= max(ny, nx) <= LARGEST_SIDE
        or len(content) != start + -(-size // BLOCK) * BLOCK
    ):
        raise ValueError
    return np.frombuffer(content, stored, nx * ny, start).reshape(ny, nx).astype(native)


def _plain_wcs(cards):
    """The WCS as numbers, and whether they are in FK5; raises where more is needed."""
    if _unusual(frozenset(cards)):
        raise ValueError
    if any(key in cards and _number(cards, key) != value for key, value in HARMLESS):
        raise ValueError
    if (
        _text(cards, b"CTYPE1  ") != "RA---TAN"
        or _text(cards, b"CTYPE2  ") != "DEC--TAN"
    ):
        raise ValueError
    for key in (b"CUNIT1  ", b"CUNIT2  "):
        if key in cards and _text(cards, key) != "deg":
            raise ValueError
    has_cd, has_pc = (any(key in cards for key in keys) for keys in (CD_KEYS, PC_KEYS))
    if has_cd and (has_pc or b"CDELT1  " in cards or b"CDELT2  " in cards):
        raise ValueError
    if has_cd:
        matrix = [_number(cards, key, 0.0) for key in CD_KEYS]
    else:
        a, b, c, d = (
            _number(cards, key, default)
            for key, default in zip(PC_KEYS, (1.0, 0.0, 0.0, 1.0), strict=True)
        )
        first, second = _number(cards, b"CDELT1  "), _number(cards, b"CDELT2  ")
        matrix = [first * a, first * b, second * c, second * d]
    place = [_number(cards, key) for key in (b"CRVAL1  ", b"CRVAL2  ")]
    place += [_number(cards, key) - 1 for key in (b"CRPIX1  ", b"CRPIX2  ")]
    a, b, c, d = matrix
    area = abs(a * d - b * c)
    if not 0 < area < 1e-2 or not abs(place[1]) <= 90 or not np.isfinite(place).all():
        raise ValueError
    system, equinox = _text(cards, b"RADESYS "), b"EQUINOX " in cards
    if equinox and _number(cards, b"EQUINOX ") != 2000:
        raise ValueError
    if (
        b"RADECSYS" in cards
        or b"EPOCH   " in cards
        or system not in ("", "ICRS", "FK5")
    ):
        raise ValueError
    # FITS standard 4.0, section 8.3: with an equinox and no system it is FK5.
    return (*place, *matrix), system == "FK5" or (not system and equinox)


# Files of one origin have the same keywords.
@lru_cache(maxsize=64)
def _unusual(keys):
    """Whether any keyword is one that this module does not understand."""
    return any(key.startswith(UNUSUAL) for key in keys)


@lru_cache(maxsize=1)
def _fk5_matrix():
    """Unit vectors of FK5 (J2000) from those of ICRS, (3, 3)."""
    from astropy.coordinates import FK5, ICRS, CartesianRepresentation, SkyCoord

    axes = SkyCoord(CartesianRepresentation(np.eye(3)), frame=ICRS())
    return axes.transform_to(FK5(equinox="J2000")).cartesian.xyz.value


def pixels_of(wcs, fk5, vectors):
    """Pixels of directions on the sky, for many images.

    Parameters
    ----------
    wcs : `~numpy.ndarray`
        Shape (m, 8), as in `PlainImage`.
    fk5 : `~numpy.ndarray` of bool
        Shape (m,).
    vectors : `~numpy.ndarray`
        Shape (m, n, 3), ICRS, of any length.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, n, 2): (x, y); NaN behind the projection's horizon.
    """
    if fk5.any():
        turned = vectors @ _fk5_matrix().T
        vectors = np.where(fk5[:, None, None], turned, vectors)
    radial, east, north = frames(wcs[:, :2])
    along = np.einsum("mnk,mk->mn", vectors, radial)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.where(along > 0, np.rad2deg(1 / along), np.nan)
    sky = [along * np.einsum("mnk,mk->mn", vectors, axis) for axis in (east, north)]
    a, b, c, d = (wcs[:, k, None] for k in range(4, 8))
    area = a * d - b * c
    x = (d * sky[0] - b * sky[1]) / area + wcs[:, 2, None]
    y = (a * sky[1] - c * sky[0]) / area + wcs[:, 3, None]
    return np.stack([x, y], axis=-1)


def sky_of(wcs, fk5, pixels):
    """Positions of pixels, one for each image.

    Parameters
    ----------
    wcs : `~numpy.ndarray`
        Shape (m, 8), as in `PlainImage`.
    fk5 : `~numpy.ndarray` of bool
        Shape (m,).
    pixels : `~numpy.ndarray`
        Shape (m, 2): (x, y).

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, 2): right ascension and declination, ICRS, in deg.
    """
    x, y = (pixels - wcs[:, 2:4]).T
    a, b, c, d = wcs[:, 4:].T
    sky = np.deg2rad([a * x + b * y, c * x + d * y])
    radial, east, north = frames(wcs[:, :2])
    vectors = radial + sky[0][:, None] * east + sky[1][:, None] * north
    vectors = np.where(fk5[:, None], vectors @ _fk5_matrix(), vectors)
    return to_angles(vectors)
