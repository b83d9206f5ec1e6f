"""What the exceptions of other libraries mean."""

import re
import socket

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.retrying import RETRY_STATUSES, TransientError
from astro_vbinary.exceptions import FetchError

__all__ = ["translate"]

#: Names of exceptions, of the libraries that recipes call, by what they mean. Names,
#: so that none of the libraries is imported for it.
_TIMEOUTS = ("Timeout", "TimeoutError", "ReadTimeout", "ConnectTimeout")
_NOT_FITS = ("JSONDecodeError", "DALFormatError", "VOParseError", "E19", "W24")
_SERVICE = (
    "ConnectionError",
    "ChunkedEncodingError",
    "HTTPError",
    "RequestException",
    "RemoteServiceError",
    "DALServiceError",
    "DALQueryError",
    "URLError",
    "RemoteDisconnected",
    "IncompleteRead",
    "ProtocolError",
)


def translate(error):
    """An exception of astroquery, pyvo, requests or astropy as one of ours.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    FetchError or None
        What to raise instead; None where it is a mistake in a program.
    """
    if isinstance(error, FetchError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if isinstance(error, TimeoutError | socket.timeout) or kinds & set(_TIMEOUTS):
        return TransientError(Outcome.TIMEOUT, reason)
    if kinds & set(_NOT_FITS):
        # astroquery reads an error page as JSON, pyvo one as VOTable.
        return TransientError(Outcome.NOT_FITS, reason)
    if kinds & set(_SERVICE):
        status = _status(error)
        if status is None or status in RETRY_STATUSES:
            return TransientError(Outcome.HTTP_ERROR, reason, status=status)
        return FetchError(Outcome.HTTP_ERROR, reason, status=status)
    if isinstance(error, AttributeError):
        # hips2fits with an HTML page of status 200.
        return TransientError(Outcome.NOT_FITS, reason)
    if isinstance(error, TypeError) and "buffer" in str(error):
        return TransientError(Outcome.TRUNCATED, reason)  # hips2fits with half a file
    if isinstance(error, OSError):
        return TransientError(Outcome.NOT_FITS, reason)  # astropy with no FITS file
    return None


def _status(error):
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "code", None)
    if isinstance(status, int):
        return status
    found = re.search(r"\b([45]\d\d) (Client|Server) Error", str(error))
    return int(found.group(1)) if found else None
