"""Questions to services of the Virtual Observatory, put and understood by pyvo.

pyvo makes the parameters and reads the answers. The bytes go through the client of this
package, which knows about limits, retries and hosts.
"""

import io
from urllib.parse import urlsplit

import astropy.units as u

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import FetchError

__all__ = [
    "is_same_site",
    "parse_sia",
    "parse_tap",
    "read_sia",
    "read_tap",
    "sia1_parameters",
    "sia2_parameters",
    "tap_parameters",
]


def sia2_parameters(url, target, radius, **constraints):
    """Parameters of a query by SIA 2.

    Parameters
    ----------
    url : str
        Address of the service.
    target : `~astropy.coordinates.SkyCoord`
        Centre of the circle.
    radius : `~astropy.units.Quantity`
        Its radius, an angle.
    **constraints
        Others that pyvo knows, such as ``collection``.

    Returns
    -------
    dict
        Names and values.
    """
    from pyvo.dal.sia2 import SIA2Query

    query = SIA2Query(url, pos=(target.icrs, u.Quantity(radius)), **constraints)
    return {key: value for key, value in query.items() if value}


def sia1_parameters(url, target, size, **constraints):
    """Parameters of a query by the first version of SIA.

    Parameters
    ----------
    url : str
        Address of the service.
    target : `~astropy.coordinates.SkyCoord`
        Centre of the rectangle.
    size : `~astropy.units.Quantity`
        Its side, an angle.
    **constraints
        Others, such as ``format`` or a service's own.

    Returns
    -------
    dict
        Names and values.
    """
    from pyvo.dal.sia import SIAQuery

    centre = target.icrs
    place = (float(centre.ra.deg), float(centre.dec.deg))
    side = float(u.Quantity(size).to_value(u.deg))
    return dict(SIAQuery(url, pos=place, size=side, **constraints))


def tap_parameters(url, adql):
    """Parameters of a query by TAP, to be answered at once.

    Parameters
    ----------
    url : str
        Address of the service.
    adql : str
        The query.

    Returns
    -------
    dict
        Names and values.
    """
    from pyvo.dal.tap import TAPQuery

    return dict(TAPQuery(url.removesuffix("/sync"), adql))


def parse_tap(content, url):
    """Rows of an answer by TAP.

    Parameters
    ----------
    content : bytes
        The VOTable.
    url : str
        Where it is from.

    Returns
    -------
    list of dict
        One a row.

    Raises
    ------
    ValueError
        If it is no VOTable, or one that reports an error.
    """
    from pyvo.dal.tap import TAPResults

    return [_values(record) for record in _records(TAPResults, content, url)]


def parse_sia(content, url, *, version):
    """Rows of an answer.

    Parameters
    ----------
    content : bytes
        The VOTable.
    url : str
        Where it is from.
    version : {1, 2}
        Of the protocol.

    Returns
    -------
    list of dict
        One an image: the columns, and in ``url`` and ``filter`` what the protocol
        says is the image's address and band.

    Raises
    ------
    ValueError
        If it is no VOTable, or one that reports an error.
    """
    from pyvo.dal.sia import SIAResults
    from pyvo.dal.sia2 import SIA2Results

    kind = SIAResults if version == 1 else SIA2Results
    rows = []
    for record in _records(kind, content, url):
        row = _values(record)
        if version == 1:
            row["url"], row["filter"] = record.acref, record.bandpass_id
        else:
            row["url"] = record.access_url
            row["filter"] = row.get("energy_bandpassname") or row.get("em_band")
        rows.append(row)
    return rows


def read_sia(answer, *, version):
    """Rows of an answer of a service, as `parse_sia` reads them.

    Parameters
    ----------
    answer : `~astro_vbinary.archives.Answer`
        The answer.
    version : {1, 2}
        Of the protocol.

    Returns
    -------
    list of dict
        The rows.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If they cannot be read, as ``not_fits``.
    """
    try:
        return parse_sia(answer.content, answer.url, version=version)
    except ValueError as error:
        raise FetchError(Outcome.NOT_FITS, f"{answer.url}: {error}") from error


def read_tap(answer):
    """Rows of an answer by TAP, as `parse_tap` reads them.

    Parameters
    ----------
    answer : `~astro_vbinary.archives.Answer`
        The answer.

    Returns
    -------
    list of dict
        The rows.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If they cannot be read, as ``not_fits``.
    """
    try:
        return parse_tap(answer.content, answer.url)
    except ValueError as error:
        raise FetchError(Outcome.NOT_FITS, f"{answer.url}: {error}") from error


def _records(kind, content, url):
    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import VOWarning
    from pyvo.dal import DALFormatError, DALQueryError

    try:
        table = parse(io.BytesIO(content), verify="ignore")
        return list(kind(table, url=url))
    except (DALFormatError, DALQueryError, VOWarning, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no list of images, but {reason}") from error
    except Exception as error:  # an HTML page fails in as many ways as there are pages
        raise ValueError(f"no VOTable: {type(error).__name__}") from error


def _values(record):
    names = list(record.keys())
    return {name: _plain(record.get(name)) for name in names}


def _plain(value):
    return value.item() if hasattr(value, "item") else value


def is_same_site(url, base_url, hosts=()):
    """Whether an address that an answer names may be asked.

    Parameters
    ----------
    url : str
        The address.
    base_url : str
        That of the service, whose host may be asked.
    hosts : sequence of str, optional
        Other hosts that may be asked.

    Returns
    -------
    bool
        False for another host or port, for what is not HTTP, and for an address with a
        user's name in it.
    """
    try:
        parts, base = urlsplit(str(url)), urlsplit(base_url)
        port = parts.port
        base_port = base.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None:
        return False
    if base.scheme == "https" and parts.scheme != "https":
        return False
    host = (parts.hostname or "").casefold()
    if host == (base.hostname or "").casefold():
        return port == base_port
    return host in {name.casefold() for name in hosts} and port in (None, 443)
