"""Bytes that should be a FITS file: are they, and are they all there."""

import gzip
import io
import re
import zlib

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import FetchError, UnreadableStampError
from astro_vbinary.stamps.container import FITS_MAGIC, image_extent

__all__ = ["MemoryFile", "plain_fits"]

#: Unit of a FITS file's structure, in bytes (FITS standard 4.0, section 3.1).
BLOCK = 2880

_GZIP = b"\x1f\x8b"

#: Characters of an error page that are worth telling.
SNIPPET = 120


class MemoryFile:
    """Bytes that are opened and named like a file.

    Parameters
    ----------
    content : bytes
        The content.
    name : str, optional
        What messages call it.
    """

    def __init__(self, content, name="the answer"):
        self.content, self.name = content, name

    def open(self, mode="rb"):
        """A stream of the bytes.

        Parameters
        ----------
        mode : str, optional
            Not used.

        Returns
        -------
        `io.BytesIO`
            At the start.
        """
        return io.BytesIO(self.content)

    def __str__(self):
        return self.name


def plain_fits(content, *, max_bytes):
    """A FITS file's own bytes, of which nothing is missing.

    Parameters
    ----------
    content : bytes
        The file, perhaps gzipped.
    max_bytes : int
        The most that it may hold.

    Returns
    -------
    bytes
        The file, no longer gzipped.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        As ``not_fits`` or ``truncated``.
    """
    if content.startswith(_GZIP):
        content = _gunzip(content, max_bytes)
    if not content:
        raise FetchError(Outcome.TRUNCATED, "the answer is empty")
    if not content.startswith(FITS_MAGIC):
        raise FetchError(Outcome.NOT_FITS, f"not FITS but {describe(content)}")
    if len(content) % BLOCK:
        raise FetchError(
            Outcome.TRUNCATED, f"{len(content)} bytes are no whole blocks of {BLOCK}"
        )
    try:
        image_extent(io.BytesIO(content), "the answer")  # every HDU is all there
    except UnreadableStampError as error:
        cut = "cut short" in str(error)
        raise FetchError(
            Outcome.TRUNCATED if cut else Outcome.NOT_FITS, str(error)
        ) from error
    return content


def describe(content):
    """What bytes are that are no FITS file, for a message.

    Parameters
    ----------
    content : bytes
        The bytes.

    Returns
    -------
    str
        Such as ``an HTML page: 'Service is down'``.
    """
    start = content[:4096].lstrip()
    text = start.decode("utf-8", "replace")
    if start[:1] == b"<":
        kind = "an HTML page" if re.search("<html|<!doctype", text, re.I) else "XML"
        text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text)
    elif all(letter.isprintable() or letter.isspace() for letter in text):
        kind = "text"
    else:
        return f"{len(content)} bytes that begin with {content[:8]!r}"
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"{kind}: {text[:SNIPPET]!r}"


def _gunzip(content, max_bytes):
    packed = gzip.GzipFile(fileobj=io.BytesIO(content))
    try:
        plain = packed.read(max_bytes + 1)
    except EOFError as error:
        raise FetchError(Outcome.TRUNCATED, f"cut short: {error}") from error
    except (OSError, zlib.error) as error:
        raise FetchError(Outcome.NOT_FITS, f"damaged gzip: {error}") from error
    if len(plain) > max_bytes:
        raise FetchError(
            Outcome.NOT_FITS, f"decompressed it is more than {max_bytes} bytes"
        )
    return plain
