"""Regions of DS9 and CASA: a circle for a source, a line to its companion."""

from urllib.parse import quote, unquote

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.pipeline.formats.columns import (
    has_pair,
    numbers,
    require,
    texts,
)
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["REGION_FORMATS", "make_regions", "unescape_label", "write_regions"]

#: Endings of region files, and the formats of `regions` that they stand for.
REGION_FORMATS = {".reg": "ds9", ".crtf": "crtf"}

#: Colours by label; both programs know the names.
COLOURS = {"binary": "red", "undecided": "yellow"}

#: Of everything else.
OTHER = "cyan"

#: What a label may hold as it is: neither program gives it a meaning.
SAFE = " +-.:*()/@"

#: Decimals of degrees: a ten-thousandth of a milliarcsecond or so.
DIGITS = 10


def make_regions(table):
    """Circles around sources, and lines to their companions.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, verdicts or measured pairs: with ``source``, ``ra`` and ``dec``,
        and perhaps ``label``, ``separation`` and ``position_angle``. Rows without a
        position are left out.

    Returns
    -------
    `~regions.Regions`
        For each row a circle of 2.5 arcsec with the source's name, red for pairs,
        yellow where undecided, cyan otherwise; and a line from the source to the
        companion where one is measured.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    from regions import (
        CircleSkyRegion,
        LineSkyRegion,
        RegionMeta,
        Regions,
        RegionVisual,
    )

    require(table, ("source", "ra", "dec"), "regions")
    ra, dec = numbers(table, "ra", "deg"), numbers(table, "dec", "deg")
    apart = numbers(table, "separation", "arcsec") * u.arcsec
    angle = numbers(table, "position_angle", "deg") * u.deg
    measured = has_pair(table)
    found = []
    for row, (source, label) in enumerate(
        zip(texts(table, "source"), texts(table, "label"), strict=True)
    ):
        if not np.isfinite(ra[row] + dec[row]):
            continue
        place = SkyCoord(ra[row], dec[row], unit="deg")
        about = {
            "meta": RegionMeta(text=_escape(source), label=_escape(source)),
            "visual": RegionVisual(color=COLOURS.get(label, OTHER)),
        }
        found.append(CircleSkyRegion(place, VISUAL_BINARY_LIMIT, **about))
        if measured[row]:
            other = place.directional_offset_by(angle[row], apart[row])
            found.append(LineSkyRegion(place, other, **about))
    return Regions(found)


def write_regions(table, path):
    """Write the regions of a catalogue.

    Names of sources stand in the labels. What would mean something to DS9 or CASA,
    such as braces and quotes, is written as in addresses (``%7B``), see
    `unescape_label`.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As for `make_regions`.
    path : str or `~pathlib.Path`
        Ends in ``.reg`` for DS9 or ``.crtf`` for CASA; replaced if it exists.

    Raises
    ------
    ValueError
        If a column is missing or the ending is unknown.
    """
    from pathlib import Path

    path = Path(path)
    if path.suffix not in REGION_FORMATS:
        known = ", ".join(REGION_FORMATS)
        raise ValueError(f"unknown ending {path.suffix!r} of {path}; known: {known}")
    kind = REGION_FORMATS[path.suffix]
    exact = {"precision": DIGITS}
    if kind == "crtf":
        exact = {"fmt": f".{DIGITS}f", "coordsys": "icrs"}
    text = make_regions(table).serialize(format=kind, **exact)
    path.write_text(text, encoding="utf-8")


def unescape_label(text):
    """The source's name that a label of `make_regions` stands for.

    Parameters
    ----------
    text : str
        The label.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> from astro_vbinary.pipeline.formats import unescape_label
    >>> unescape_label("a%7Bb%7D")
    'a{b}'
    """
    # Some readers make numbers of what looks like one.
    return unquote(str(text))


def _escape(name):
    text = quote(name, safe=SAFE)
    # Readers make numbers of what looks like one: 007 would become 7.
    if _is_number(text) and not (text.isdecimal() and str(int(text)) == text):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    return text


def _is_number(text):
    try:
        complex(text)
    except ValueError:
        return False
    return True
