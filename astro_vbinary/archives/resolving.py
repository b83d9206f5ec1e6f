"""Sources that are named on a command line: files, coordinates, or names."""

import re
import warnings
from pathlib import Path

from astropy.coordinates import SkyCoord
from astropy.table import Table

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.sources import list_positions, name_of
from astro_vbinary.exceptions import FetchError

__all__ = ["find_sources", "parse_position", "resolve_name"]

#: Two numbers, or two sexagesimal angles, as a user writes coordinates.
_COORDINATES = re.compile(
    r"""\s*(?P<ra>[-+]?\d[\d.:hms]*(?:\s+\d[\d.]*\s+\d[\d.]*(?=[\s,]))?)[d°]?
    [\s,;]+(?P<dec>[-+]?\d[\d.:dms'"°]*(?:\s+\d[\d.]*\s+\d[\d.]*)?)\s*""",
    re.VERBOSE | re.IGNORECASE,
)

#: Largest list of coordinates that is read, in bytes.
LARGEST_LIST = 64 * 2**20


def parse_position(text):
    """A position from a text such as ``83.82 -5.39`` or ``05:35:16.5 -05:23:14``.

    Parameters
    ----------
    text : str
        Right ascension and declination (ICRS): both in degrees, or in hours and
        degrees where the first is sexagesimal.

    Returns
    -------
    `~astropy.coordinates.SkyCoord` or None
        None where it is something else.

    Examples
    --------
    >>> from astro_vbinary.archives.resolving import parse_position
    >>> parse_position("83.82, -5.39")
    <SkyCoord (ICRS): (ra, dec) in deg
        (83.82, -5.39)>
    """
    found = _COORDINATES.fullmatch(text)
    if found is None:
        return None
    sexagesimal = re.search(r"[:hms\s]", found["ra"], re.IGNORECASE)
    try:
        return SkyCoord(
            found["ra"],
            found["dec"],
            unit=("hourangle" if sexagesimal else "deg", "deg"),
        )
    except ValueError:
        return None


def resolve_name(name, *, url=None):
    """The position of an object by its name, from CDS's Sesame.

    Parameters
    ----------
    name : str
        Name of the object.
    url : str, optional
        Another server of the same kind.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        In ICRS.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If there is no answer, or no such object.
    """
    from astropy.coordinates import get_icrs_coordinates
    from astropy.coordinates.name_resolve import NameResolveError, sesame_url

    servers = sesame_url.get() if url is None else (url.rstrip("/") + "/",)
    try:
        with sesame_url.set(servers), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return get_icrs_coordinates(name)
    except NameResolveError as error:
        raise FetchError(Outcome.HTTP_ERROR, str(error)) from error


def find_sources(texts, *, resolver=None, offline=False):
    """Sources from files, coordinates and names.

    Parameters
    ----------
    texts : sequence of str
        Each a file (a catalogue as for `~astro_vbinary.stamps.read_targets`, or one
        position a line), a position, or a name that Sesame knows.
    resolver : str, optional
        Another server instead of Sesame.
    offline : bool, optional
        Whether names cannot be resolved.

    Returns
    -------
    `~astropy.table.Table`
        Columns ``source``, ``ra`` and ``dec`` (ICRS, deg).

    Raises
    ------
    FileNotFoundError
        If a text looks like a file that does not exist.
    ~astro_vbinary.exceptions.FetchError
        If a name cannot be resolved.
    ValueError
        If a file cannot be understood, or nothing is in it.
    """
    rows = []
    for text in texts:
        path = Path(text)
        if path.is_file():
            rows += _from_file(path)
            continue
        position = parse_position(text)
        if position is not None:
            rows.append(_row(name_of(position), position))
            continue
        if path.suffix[1:2].isalpha() or "/" in text or "\\" in text:
            raise FileNotFoundError(f"there is no file {text}")
        if offline:
            raise FetchError(
                Outcome.HTTP_ERROR, f"the name {text!r} cannot be resolved offline"
            )
        position = resolve_name(text, url=resolver)
        rows.append(_row(text, position))
    return Table(rows=rows, names=("source", "ra", "dec"))


def _from_file(path):
    """Rows of a catalogue, or of a list of positions."""
    try:
        return list_positions(path)
    except ValueError as error:
        rows = _from_lines(path)
        if rows is None:
            raise error from None
        return rows


def _from_lines(path):
    """Rows of a list of positions; None where the file is none."""
    if path.stat().st_size > LARGEST_LIST:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError):
        return None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    positions = [parse_position(line) for line in lines]
    if not positions or any(position is None for position in positions):
        return None
    return [_row(name_of(position), position) for position in positions]


def _row(name, position):
    return name, float(position.ra.deg), float(position.dec.deg)
