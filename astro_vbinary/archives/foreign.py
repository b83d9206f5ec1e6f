"""Libraries that do their own network: how they are called, and what they mean."""

import re
import socket
import threading

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.retrying import RETRY_STATUSES, TransientError
from astro_vbinary.exceptions import FetchError

__all__ = ["call_in_thread", "translate"]

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


def call_in_thread(function, place, timeout_s):
    """Call a function that may never end, while holding a place at a server.

    A library without a time-out cannot be stopped, but it need not be waited for. Its
    place stays taken until it is done.

    Parameters
    ----------
    function : callable
        What to call.
    place : callable
        Makes the context in which it is called.
    timeout_s : float
        Seconds that it may take.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    FetchError
        For what `translate` understands, and where it takes too long.
    """
    told, started = {}, threading.Event()

    def work():
        try:
            with place():
                started.set()
                told["value"] = function()
        except BaseException as error:
            told["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    started.wait()
    thread.join(timeout_s)
    if thread.is_alive():
        raise TransientError(Outcome.TIMEOUT, f"no answer in {timeout_s:g} s")
    if "error" not in told:
        return told["value"]
    meant = translate(told["error"])
    if meant is None:
        raise told["error"]
    raise meant from told["error"]


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
