"""When to try again, and how long to wait before."""

import email.utils
import time

from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import FetchError

__all__ = ["RETRY_STATUSES", "Patience", "TransientError", "parse_retry_after"]

#: Statuses that a later request may not meet (RFC 9110 section 15, RFC 6585).
RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class TransientError(FetchError):
    """Something cannot be fetched now, but perhaps in a moment.

    Parameters
    ----------
    outcome : Outcome
        How it ends if it is not tried again.
    reason : str
        In words.
    status : int, optional
        The HTTP status.
    wait_s : float, optional
        Seconds that the server asked to wait.
    """

    def __init__(self, outcome, reason, *, status=None, wait_s=None):
        super().__init__(outcome, reason, status=status)
        self.wait_s = wait_s


class Patience:
    """How often something is tried, and how long is waited in between.

    Waits are random, up to twice as long each time (Brooker 2015, "Exponential Backoff
    And Jitter"), and at least as long as the server asked, up to a limit.

    Parameters
    ----------
    tries : int, optional
        Tries in all; for what timed out, two at most.
    first_s, longest_s : float, optional
        The longest first wait and the longest wait, in seconds.
    longest_asked_s : float, optional
        The longest wait that a server may ask for.
    """

    def __init__(self, tries=4, *, first_s=1.0, longest_s=30.0, longest_asked_s=300.0):
        self.tries = tries
        self.longest_asked_s = longest_asked_s
        self._wait = wait_random_exponential(multiplier=first_s, max=longest_s)

    def asked(self, wait_s):
        """What is granted of a wait that a server asked for.

        Parameters
        ----------
        wait_s : float or None
            Seconds.

        Returns
        -------
        float
            Between zero and the limit.
        """
        return min(max(wait_s or 0.0, 0.0), self.longest_asked_s)

    def retrying(self, stop):
        """What tries again, as tenacity has it.

        Parameters
        ----------
        stop : `threading.Event`
            Ends the waiting.

        Returns
        -------
        `tenacity.Retrying`
            Call it with a function and its arguments.
        """

        def enough(state):
            error = state.outcome.exception()
            late = error.outcome == Outcome.TIMEOUT
            most = min(self.tries, 2) if late else self.tries
            return stop.is_set() or stop_after_attempt(most)(state)

        def wait(state):
            error = state.outcome.exception()
            return max(self._wait(state), self.asked(error.wait_s))

        return Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, TransientError)),
            stop=enough,
            wait=wait,
            sleep=stop.wait,
            reraise=True,
        )


def parse_retry_after(text):
    """Seconds that a ``Retry-After`` header asks to wait (RFC 9110 section 10.2.3).

    Parameters
    ----------
    text : str or None
        The header: seconds, or a date.

    Returns
    -------
    float or None
        Zero at least; None where there is none, or it makes no sense.

    Examples
    --------
    >>> from astro_vbinary.archives.retrying import parse_retry_after
    >>> parse_retry_after("120")
    120.0
    """
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(date.timestamp() - time.time(), 0.0)
