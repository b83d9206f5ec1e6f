"""An answer as it comes in: what it is, and when it is refused."""

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.retrying import TransientError
from astro_vbinary.exceptions import FetchError, UnreadableStampError
from astro_vbinary.stamps.container import open_fits

__all__ = [
    "Answer",
    "check_fits_file",
    "cut_range",
    "outcomes_of_httpx",
    "take_body",
    "user_agent",
]

#: Environment variable with the address that servers are told.
CONTACT_VARIABLE = "ASTRO_VBINARY_CONTACT"

#: Bytes that are taken at a time.
CHUNK = 2**16


@dataclass(frozen=True)
class Answer:
    """What a server sent, with a good status and in full.

    Parameters
    ----------
    url : str
        Where it came from, after redirects.
    status : int
        The HTTP status, 200 to 299.
    headers : dict of str to str
        Names in lower case.
    content : bytes
        The body, decompressed where the transfer was compressed.
    """

    url: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def text(self):
        """The body as text (str); what is not UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")


def user_agent(contact=None):
    """What servers are told of who asks.

    Parameters
    ----------
    contact : str, optional
        A mail address or page; by default that of the environment.

    Returns
    -------
    str
        Such as ``astro_vbinary/1.0 (someone@example.org)``.

    Raises
    ------
    ValueError
        If it cannot be part of a header.
    """
    from astro_vbinary import __version__

    contact = contact or os.environ.get(CONTACT_VARIABLE, "")
    if not (contact.isascii() and contact.isprintable()) or len(contact) > 200:
        raise ValueError(
            f"contact {contact!r} must be at most 200 printable ASCII characters"
        )
    name = f"astro_vbinary/{__version__}"
    return f"{name} ({contact})" if contact else name


@contextmanager
def outcomes_of_httpx(url, timeout):
    """Exceptions of httpx as outcomes.

    Parameters
    ----------
    url : str
        What is asked for.
    timeout : float
        Seconds that it may take.

    Yields
    ------
    None
        For the length of a ``with`` block.

    Raises
    ------
    FetchError
        For every exception of httpx.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        reason = f"{url}: no whole answer in {timeout:g} s"
        raise TransientError(Outcome.TIMEOUT, reason) from error
    except httpx.RemoteProtocolError as error:
        cut = "complete message body" in str(error)
        outcome = Outcome.TRUNCATED if cut else Outcome.HTTP_ERROR
        raise TransientError(outcome, f"{url}: {error}") from error
    except httpx.DecodingError as error:
        raise TransientError(Outcome.NOT_FITS, f"{url}: {error}") from error
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise TransientError(Outcome.HTTP_ERROR, f"{url}: {reason}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(Outcome.HTTP_ERROR, f"{url}: {error}") from error


def take_body(response, sink, most, deadline, stop):
    """Write a body to a file, no more of it and no longer than allowed.

    Parameters
    ----------
    response : `httpx.Response`
        The answer, whose body is not read yet.
    sink : file-like
        Where to.
    most : int
        Bytes that are allowed.
    deadline : `~astro_vbinary.archives.transport.Deadline`
        When it must be over.
    stop : `threading.Event`
        Ends it when it is set.

    Raises
    ------
    FetchError
        If it is too large, cut short, or stopped.
    """
    stated = response.headers.get("content-length", "")
    stated = int(stated) if stated.isdigit() else None
    if stated is not None and stated > most:
        raise FetchError(
            Outcome.NOT_FITS,
            f"{response.url}: an answer of {stated} bytes; {most} are allowed",
        )
    size = 0
    for chunk in response.iter_bytes(CHUNK):
        size += len(chunk)
        if size > most:
            raise FetchError(
                Outcome.NOT_FITS, f"{response.url}: an answer of more than {most} bytes"
            )
        if stop.is_set():
            raise FetchError(Outcome.HTTP_ERROR, "stopped")
        if deadline.passed:
            raise httpx.ReadTimeout("the time is over")
        sink.write(chunk)
    if stated is not None and response.num_bytes_downloaded < stated:
        raise TransientError(
            Outcome.TRUNCATED,
            f"{response.url}: {response.num_bytes_downloaded} of {stated} bytes",
        )


def check_fits_file(path, url):
    """Raise unless a file is FITS and all there.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    url : str
        Where it came from, for the message.

    Raises
    ------
    FetchError
        As ``not_fits`` or ``truncated``.
    """
    try:
        with open_fits(path):
            pass
    except UnreadableStampError as error:
        cut = "cut short" in str(error)
        outcome = Outcome.TRUNCATED if cut else Outcome.NOT_FITS
        reason = str(error).replace(str(path), url)
        raise TransientError(outcome, reason) from error


def cut_range(answer, start, stop):
    """The bytes that were asked for, of a server that may have sent all.

    Parameters
    ----------
    answer : Answer
        What it sent.
    start, stop : int
        The first byte, and the one after the last.

    Returns
    -------
    content : bytes
        The range.
    length : int
        Bytes of the whole file.

    Raises
    ------
    FetchError
        If it is another range, or cut short.
    """
    if answer.status != 206:  # a server that knows no ranges sends all
        content, length = answer.content[start:stop], len(answer.content)
    else:
        told = answer.headers.get("content-range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", told)
        if found is None or int(found.group(1)) != start:
            raise FetchError(Outcome.HTTP_ERROR, f"not the range asked for: {told!r}")
        content, length = answer.content, int(found.group(2))
    if len(content) != max(min(stop, length) - start, 0):
        raise FetchError(Outcome.TRUNCATED, "the range is cut short")
    return content, length
