"""What several recipes need."""

import io
import re
from urllib.parse import urlencode, urlsplit, urlunsplit

import numpy as np
from astropy.io import fits

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Failure
from astro_vbinary.exceptions import FetchError, UnknownBandError
from astro_vbinary.surveys import get_survey

__all__ = [
    "ask",
    "in_batches",
    "match_band",
    "number_in",
    "open_image",
    "refuse",
    "with_query",
]


def ask(client, url, read, **options):
    """Get an answer that is understood; nonsense is asked for again.

    Parameters
    ----------
    client : Client
        What is asked through.
    url : str
        Where from.
    read : callable
        Called with the answer; what it returns is wanted. It raises `FetchError` where
        the answer makes no sense.
    **options
        As for the client's ``get``.

    Returns
    -------
    answer : `~astro_vbinary.archives.Answer`
        The answer.
    found : object
        What was read from it.
    """
    found = []

    def check(answer):
        found[:] = [read(answer)]

    answer = client.get(url, check=check, **options)
    return answer, found[0]


def in_batches(requests, count):
    """Requests, so many at a time.

    Parameters
    ----------
    requests : iterable
        The requests.
    count : int
        How many at most.

    Yields
    ------
    tuple
        Some of them.
    """
    batch = []
    for request in requests:
        batch.append(request)
        if len(batch) == count:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def match_band(survey, text):
    """The band that an archive means.

    Parameters
    ----------
    survey : str
        Name of the survey.
    text : str
        What the archive calls it; of several names (``F444W;F470N``) the narrowest
        filter counts.

    Returns
    -------
    str or None
        The band's name in the registry; None where it has none such.
    """
    found = []
    for word in re.split(r"[;/,&\s]+", str(text or "")):
        try:
            found.append(get_survey(survey).band(word).name)
        except UnknownBandError:
            continue
    # Of two filters in the beam, the narrower one decides: N, M, W.
    return min(found, key=lambda name: "NMW".find(name[-1]), default=None)


def with_query(url, parameters):
    """An address with parameters added to those that it has.

    Parameters
    ----------
    url : str
        The address.
    parameters : dict
        Names and values.

    Returns
    -------
    str
        The longer address.
    """
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(parameters, safe=",:/"))))
    return urlunsplit(parts._replace(query=query))


def number_in(headers, keyword):
    """A number from the first of some headers that has it.

    Parameters
    ----------
    headers : sequence of `~astropy.io.fits.Header`
        The headers.
    keyword : str
        Which.

    Returns
    -------
    float or None
        A finite number.
    """
    for header in headers:
        value = header.get(keyword)
        if isinstance(value, int | float) and np.isfinite(value):
            return float(value)
    return None


def open_image(content, url):
    """The HDUs of a FITS file in memory.

    Parameters
    ----------
    content : bytes
        The file.
    url : str
        Where it is from, for messages.

    Returns
    -------
    list
        HDUs with their data read.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If it is no FITS file, or cut short.
    """
    try:
        with fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=False) as file:
            hdus = [hdu.copy() for hdu in file]
            for hdu in hdus:
                hdu.data  # noqa: B018 - reads it
    except Exception as error:  # damaged files fail in many ways
        reason = f"{url}: {type(error).__name__}: {error}"
        raise FetchError(Outcome.NOT_FITS, reason) from error
    return hdus


def refuse(requests, outcome, reason):
    """The same end for several requests.

    Parameters
    ----------
    requests : iterable of `~astro_vbinary.archives.StampRequest`
        The requests.
    outcome : `~astro_vbinary.archives.Outcome`
        How they end.
    reason : str
        Why.

    Yields
    ------
    `~astro_vbinary.archives.Failure`
        One a request.
    """
    for request in requests:
        yield Failure(request, outcome, reason)
