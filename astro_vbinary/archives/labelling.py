"""Write into a stamp's header what it is and where it came from."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import astropy.units as u
from astropy.io import fits
from astropy.time import Time

from astro_vbinary.archives.checking import parse_fits
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.requests import safe_name
from astro_vbinary.exceptions import FetchError, UnreadableStampError
from astro_vbinary.stamps.container import astropy_reads
from astro_vbinary.stamps.headers import unit_from_header, zero_point_from_header

__all__ = ["HEADER_CARDS", "Label", "label_stamp", "make_label"]

#: Cards that every stamp that was fetched has, and what they say.
HEADER_CARDS = {
    "OBJECT": "source",
    "SURVEY": "survey",
    "FILTER": "band",
    "BUNIT": "unit of the pixels",
    "MAGZP": "[mag] magnitude of one unit of flux",
    "MAGSYS": "what MAGZP is in, AB or Vega",
    "MJD-AVG": "[d] epoch",
    "VBORIGIN": "native, hips or local",
    "VBARCH": "recipe that fetched it",
    "VBTRANS": "transfer function of the pixels",
    "VBRA": "[deg] ICRS right ascension asked for",
    "VBDEC": "[deg] ICRS declination asked for",
    "VBSIZE": "[arcsec] side asked for",
    "VBREQ": "sha256 of the request",
    "VBSHA256": "sha256 of the file as received",
    "VBURL": "where it came from",
}


@dataclass(frozen=True)
class Label:
    """What is known of a stamp beside its pixels.

    Parameters
    ----------
    unit : str or None
        Unit of the pixels.
    zero_point : float or None
        Magnitude of one unit of flux.
    epoch : `~astropy.time.Time` or None
        When it was taken.
    url : str
        Where it came from, without a password.
    sha256 : str
        Of the file as received.
    """

    unit: str | None
    zero_point: float | None
    epoch: Time | None
    url: str
    sha256: str


def make_label(delivered, checked, recipe):
    """What is known of a stamp: the recipe knows best, then the header.

    Parameters
    ----------
    delivered : `~astro_vbinary.archives.Delivered`
        What the recipe says of this image.
    checked : `~astro_vbinary.archives.checking.Checked`
        The image.
    recipe : `~astro_vbinary.archives.Recipe`
        What it says of all of them.

    Returns
    -------
    Label
        What is known.
    """
    band = delivered.request.band
    unit = delivered.unit or recipe.unit
    if unit is None:
        found = unit_from_header(checked.image.header)
        unit = recipe.pixel_unit() if found is None else found.to_string()
    zero_point = delivered.zero_point
    if zero_point is None:
        zero_point = recipe.zero_points.get(band)
    if zero_point is None:
        zero_point = zero_point_from_header(checked.image.header)
    if zero_point is None:
        zero_point = recipe.zero_point(band)
    return Label(
        unit=None if unit is None else u.Unit(unit).to_string(),
        zero_point=None if zero_point is None else float(zero_point),
        epoch=checked.image.epoch if delivered.epoch is None else delivered.epoch,
        url=_plain_url(delivered.url),
        sha256=hashlib.sha256(checked.content).hexdigest(),
    )


def label_stamp(content, request, label, recipe):
    """A FITS file with its label in its headers; its data stay byte for byte.

    Parameters
    ----------
    content : bytes
        The whole file.
    request : `~astro_vbinary.archives.StampRequest`
        What was asked for.
    label : Label
        What is known of it.
    recipe : `~astro_vbinary.archives.Recipe`
        What fetched it.

    Returns
    -------
    bytes
        The file. `~astro_vbinary.SurveyStamp` keeps the cards in its header, and
        understands unit, epoch and zero point.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If a header cannot be written, as ``not_fits``.
    """
    parts, place = [], 0
    try:
        with astropy_reads("the answer"), parse_fits(content) as hdus:
            for number, hdu in enumerate(hdus):
                if number and not _holds_image(hdu):
                    continue
                where = hdu.fileinfo()
                header = hdu.header.copy()
                _set_cards(header, request, label, recipe)
                text = header.tostring(sep="", endcard=True, padding=True)
                parts += [content[place : where["hdrLoc"]], text.encode("ascii")]
                place = where["datLoc"]
    except (UnreadableStampError, UnicodeEncodeError) as error:
        raise FetchError(Outcome.NOT_FITS, str(error)) from error
    return b"".join([*parts, content[place:]])


def _holds_image(hdu):
    return isinstance(hdu, fits.ImageHDU) or "ZIMAGE" in hdu.header


def _set_cards(header, request, label, recipe):
    values = {
        "OBJECT": safe_name(request.source),
        "SURVEY": request.survey,
        "FILTER": request.band,
        "BUNIT": label.unit,
        "MAGZP": label.zero_point,
        "MAGSYS": None if label.zero_point is None else recipe.system(request.band),
        "MJD-AVG": _mjd(label.epoch, header),
        "VBORIGIN": request.origin,
        "VBARCH": recipe.name,
        "VBTRANS": "linear",
        "VBRA": request.ra,
        "VBDEC": request.dec,
        "VBSIZE": request.size,
        "VBREQ": request.key,
        "VBSHA256": label.sha256,
        "VBURL": label.url or None,
    }
    # The sum over the header no longer holds; that over the data does.
    header.remove("CHECKSUM", ignore_missing=True)
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, str) and not (value.isascii() and value.isprintable()):
            value = safe_name(value)
        # A comment beside a long text would not fit.
        comment = HEADER_CARDS[name] if len(str(value)) < 40 else ""
        header.remove(name, ignore_missing=True, remove_all=True)
        header[name] = (value, comment) if comment else value


def _mjd(epoch, header):
    """The epoch on the time scale that the header is in."""
    if epoch is None:
        return None
    scale = str(header.get("TIMESYS") or "utc").strip().lower()
    scale = scale if scale in Time.SCALES and scale != "local" else "utc"
    return float(getattr(epoch, scale).mjd)


def _plain_url(url):
    """A URL without a name and password in it, and in ASCII."""
    parts = urlsplit(str(url))
    if "@" in parts.netloc:
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    text = urlunsplit(parts)
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)[:2000]
