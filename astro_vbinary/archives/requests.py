"""One request for one stamp, in a form that compares equal where it is equal."""

import hashlib
import json
import math
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

import astropy.units as u
from astropy.coordinates import SkyCoord

from astro_vbinary.surveys import get_survey

__all__ = ["ORIGINS", "StampRequest", "safe_name"]

#: Where a stamp comes from: cut out by the survey's own archive, resampled by a
#: HiPS server, or from files on this machine.
ORIGINS = ("native", "hips", "local")

#: Digits that are kept of degrees (0.4 mas) and of arcsec.
DEGREE_DIGITS, ARCSEC_DIGITS = 7, 3

#: Sides of a stamp that are believed, in arcsec.
SIZES = (1.0, 3600.0)

#: Characters of file names that mean the same on every system.
SAFE = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._ ()=,@"
)

#: Longest name made of a source's name; common file systems take 255 bytes in all.
LONGEST = 150


@dataclass(frozen=True)
class StampRequest:
    """One stamp that is wanted: of which source, survey and band, how large.

    Values are normalised, so that requests for the same stamp are equal, have the
    same `key`, and are asked for once.

    Parameters
    ----------
    survey : str
        Name of the survey; kept as the registry spells it.
    band : str
        Name of the band; kept as the survey spells it.
    source : str
        Name of the source in the user's catalogue, any text.
    ra, dec : float
        ICRS position in degrees; kept to 0.4 mas.
    size : float
        Side of the square in arcsec, 1 to 3600.
    origin : {"native", "hips", "local"}, optional
        Where it is to come from.
    pixel_scale : float, optional
        Side of a pixel in arcsec where the archive resamples; None for the
        survey's own pixels.

    Raises
    ------
    UnknownSurveyError
        If the survey is not in the registry.
    UnknownBandError
        If the survey has no such band.
    ValueError
        If another value is not one of those allowed.

    Examples
    --------
    >>> from astro_vbinary.archives import StampRequest
    >>> request = StampRequest("ps1", "g", "22466", 83.82, -5.39, 20)
    >>> request.file_name
    '22466_g_Pan-STARRS.fits'
    """

    survey: str
    band: str
    source: str
    ra: float
    dec: float
    size: float
    origin: str = field(default="native", kw_only=True)
    pixel_scale: float | None = field(default=None, kw_only=True)

    def __post_init__(self):
        survey = get_survey(self.survey)
        source = unicodedata.normalize("NFC", str(self.source)).strip()
        if not source:
            raise ValueError("a request needs the name of a source")
        ra, dec, size = (float(value) for value in (self.ra, self.dec, self.size))
        if not math.isfinite(ra) or not -90 <= dec <= 90:
            raise ValueError(
                f"source {source!r}: ({ra}, {dec}) is no position; right ascension "
                "must be finite and declination between -90 and 90 deg"
            )
        if not SIZES[0] <= size <= SIZES[1]:
            raise ValueError(
                f"size must be {SIZES[0]:g} to {SIZES[1]:g} arcsec: {size}"
            )
        if self.origin not in ORIGINS:
            raise ValueError(f"origin must be one of {ORIGINS}, not {self.origin!r}")
        scale = None if self.pixel_scale is None else float(self.pixel_scale)
        if scale is not None and not 1e-3 <= scale <= size:
            raise ValueError(f"pixel_scale must be 0.001 arcsec to size, not {scale}")
        for name, value in (
            ("survey", survey.name),
            ("band", survey.band(self.band).name),
            ("source", source),
            # Rounded first: 359.99999999 is 0.
            ("ra", round(ra % 360.0, DEGREE_DIGITS) % 360.0),
            ("dec", round(dec, DEGREE_DIGITS) + 0.0),
            ("size", round(size, ARCSEC_DIGITS)),
            ("pixel_scale", None if scale is None else round(scale, 6)),
        ):
            object.__setattr__(self, name, value)

    @cached_property
    def key(self):
        """SHA-256 of the normalised request (str of 64 hexadecimal digits)."""
        parts = [
            self.survey,
            self.band,
            self.source,
            f"{self.ra:.{DEGREE_DIGITS}f}",
            f"{self.dec:.{DEGREE_DIGITS}f}",
            f"{self.size:.{ARCSEC_DIGITS}f}",
            self.origin,
            None if self.pixel_scale is None else f"{self.pixel_scale:.6f}",
        ]
        text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def position(self):
        """Where it is (`~astropy.coordinates.SkyCoord`, ICRS)."""
        return SkyCoord(self.ra, self.dec, unit="deg")

    @property
    def angle(self):
        """Side of the square, a `~astropy.units.Quantity` in arcsec."""
        return self.size * u.arcsec

    @property
    def scale(self):
        """Side of a pixel in arcsec (float): as asked, else the band's own."""
        if self.pixel_scale is not None:
            return self.pixel_scale
        return float(get_survey(self.survey).band(self.band).pixel_scale.value)

    @property
    def n_pixels(self):
        """Pixels on a side that cover the square (int)."""
        return max(math.ceil(self.size / self.scale - 1e-6), 1)

    @property
    def file_name(self):
        """Name of the file (str), safe on every system.

        It has the form ``{source}_{band}_{survey}.fits``, which
        `~astro_vbinary.StampStack` understands.
        """
        band = safe_name(self.band).replace("_", "%5F")
        survey = safe_name(self.survey).replace("_", "%5F")
        return f"{safe_name(self.source)}_{band}_{survey}.fits"

    @property
    def path(self):
        """Relative path of the file (str): a folder for each survey and origin.

        Stamps of a survey from its own archive and from HiPS are never in one
        folder.
        """
        folder = safe_name(self.survey)
        if self.origin != "native":
            folder += f".{self.origin}"
        return f"{folder}/{self.file_name}"


def safe_name(text):
    """Part of a file name that stands for a text, whatever is in it.

    Letters, digits and plain punctuation of ASCII stay; every other character
    becomes ``%`` and the two hexadecimal digits of its UTF-8 bytes, as in URLs, so
    that different texts have different names. So does a dot at the start. What is
    longer than 150 characters is cut, and ends on a part of its SHA-256.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Never empty, and never with a separator of paths.

    Examples
    --------
    >>> from astro_vbinary.archives import safe_name
    >>> safe_name("../V380 Ori/b")
    '%2E.%2FV380 Ori%2Fb'
    """
    text = str(text)
    name = text if SAFE.issuperset(text) else "".join(map(_encode, text))
    if name.startswith("."):
        name = "%2E" + name[1:]
    if name.startswith(" "):
        name = "%20" + name[1:]
    if len(name) > LONGEST:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name[: LONGEST - 17]}~{digest}"
    return name or "%"


def _encode(letter):
    if letter in SAFE:
        return letter
    code = letter.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in code)
