"""Everything that goes over the network, and how it is kept polite and finite."""

import hashlib
import io
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from astro_vbinary.archives.content import plain_fits
from astro_vbinary.archives.foreign import call_in_thread
from astro_vbinary.archives.gate import HostGate
from astro_vbinary.archives.lives import Life
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.receiving import (
    Answer,
    check_fits_file,
    cut_range,
    outcomes_of_httpx,
    take_body,
    user_agent,
)
from astro_vbinary.archives.recipe import HostLimits
from astro_vbinary.archives.retrying import (
    RETRY_STATUSES,
    Patience,
    TransientError,
    parse_retry_after,
)
from astro_vbinary.archives.transport import Deadline, make_http
from astro_vbinary.exceptions import FetchError

__all__ = ["Client"]

#: Redirects that are followed.
MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)


class Client:
    """Asks servers for things: retries, waits, time-outs and limits are here.

    Every method raises `~astro_vbinary.exceptions.FetchError` where the answer cannot
    be had, after the retries; its ``outcome`` says how it ended. A recipe lets it pass,
    unless it knows better.

    It is open for the length of a ``with`` block.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Where the processes at work on one output keep what they share: the places at
        each server, and files that many jobs need. It is made where it is missing.
    limits : HostLimits, optional
        What is asked of a server at most.
    contact : str, optional
        A mail address or page by which the people who run the servers can reach you,
        in the ``User-Agent``; by default that of the environment variable
        ``ASTRO_VBINARY_CONTACT``.
    patience : Patience, optional
        How often something is tried.
    stop : `threading.Event`, optional
        Ends all work when it is set.
    """

    def __init__(self, folder, *, limits=None, contact=None, patience=None, stop=None):
        self.folder = Path(folder)
        self.limits = limits or HostLimits()
        self.user_agent = user_agent(contact)
        self.stop = stop or threading.Event()
        self.life = None
        self._patience = patience or Patience()
        self._cache_locks = {}
        self._lock = threading.Lock()

    def __enter__(self):
        for name in ("lives", "cache", "temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.life = Life(self.folder / "lives")
        self._gate = HostGate(self.folder / "gate.sqlite", self.life, stop=self.stop)
        self._http = make_http(self.user_agent)
        return self

    def __exit__(self, *args):
        self._http.close()
        self._gate.close()
        self.life.end()

    def within(self, limits):
        """The same client with other limits; it shares everything else.

        Parameters
        ----------
        limits : HostLimits
            The limits.

        Returns
        -------
        Client
            It is open as long as this one is.
        """
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, limits=limits)
        return other

    def abort(self):
        """Break off what is on its way, after ``stop`` was set."""
        self._http.close()

    def get(self, url, *, check=None, **options):
        """Get an answer.

        Parameters
        ----------
        url : str
            Where from.
        check : callable, optional
            Called with the answer; where it raises
            `~astro_vbinary.exceptions.FetchError`, it is tried again.
        **options
            ``params`` (dict), the query; ``headers`` (dict); ``auth`` (user and
            password); ``no_coverage_on`` (tuple of int), statuses by which this server
            says that it has no data there, such as 404; ``max_bytes`` and
            ``timeout_s``, instead of those of the limits.

        Returns
        -------
        Answer
            The answer.
        """
        return self._patiently(self._into_memory, "GET", url, _and(check), options)

    def get_fits(self, url, **options):
        """Get a FITS file, all of it; an HTML page or half a file is tried again.

        Parameters
        ----------
        url : str
            Where from.
        **options
            As for `get`.

        Returns
        -------
        Answer
            The answer; its content is a whole FITS file, no longer gzipped.
        """
        most = options.get("max_bytes") or self.limits.max_bytes

        def check(answer):
            return replace(answer, content=plain_fits(answer.content, max_bytes=most))

        return self._patiently(self._into_memory, "GET", url, check, options)

    def post(self, url, *, check=None, **options):
        """Post something.

        Parameters
        ----------
        url : str
            Where to.
        check : callable, optional
            Called with the answer; where it raises
            `~astro_vbinary.exceptions.FetchError`, it is tried again.
        **options
            As for `get`; and ``data`` (dict), fields of a form; ``files`` (dict of name
            to file name and bytes), files of a form; or ``content`` (bytes), the body.

        Returns
        -------
        Answer
            The answer.
        """
        return self._patiently(self._into_memory, "POST", url, _and(check), options)

    def get_range(self, url, start, stop, *, check=None, **options):
        """Bytes of a large file.

        Parameters
        ----------
        url : str
            Where from.
        start, stop : int
            The first byte, and the one after the last.
        check : callable, optional
            Called with the bytes; where it raises
            `~astro_vbinary.exceptions.FetchError`, they are asked for again.
        **options
            As for `get`.

        Returns
        -------
        content : bytes
            Exactly ``stop - start`` of them, or fewer at the end of the file.
        length : int
            Bytes of the whole file.
        """
        headers = {
            **(options.pop("headers", None) or {}),
            "Range": f"bytes={start}-{stop - 1}",
        }

        def take(answer):
            part = cut_range(answer, start, stop)
            if check is not None:
                check(part[0])
            return part

        options["headers"] = headers
        return self._patiently(self._into_memory, "GET", url, take, options)

    def stream_to_file(self, url, path, *, fits=False, **options):
        """Write a large answer to a file, which appears when it is whole.

        Parameters
        ----------
        url : str
            Where from.
        path : `~pathlib.Path`
            Where to.
        fits : bool, optional
            Whether it must be a whole FITS file (it may be gzipped).
        **options
            As for `get`.

        Returns
        -------
        `~pathlib.Path`
            The path.
        """
        path = Path(path)

        def stream(method, url, check, options):
            number, temp = tempfile.mkstemp(
                dir=self.folder / "temp", prefix=f"{self.life.token}-"
            )
            try:
                with os.fdopen(number, "wb") as file:
                    self._stream(method, url, file, options)
                if fits:
                    check_fits_file(Path(temp), url)
                Path(temp).replace(path)
            finally:
                with suppress(OSError):
                    Path(temp).unlink()
            return path

        return self._patiently(stream, "GET", url, None, options)

    def cached_file(self, url, *, fits=False, **options):
        """A file that many jobs need, fetched once: a tile, a map, a list of images.

        It lies in the client's folder, which the processes on one output share.

        Parameters
        ----------
        url : str
            Where from.
        fits : bool, optional
            Whether it must be a whole FITS file.
        **options
            As for `get`.

        Returns
        -------
        `~pathlib.Path`
            The file; do not change it.
        """
        name = str(httpx.URL(url, params=options.get("params") or None))
        path = self.folder / "cache" / hashlib.sha256(name.encode()).hexdigest()
        with self._lock:
            lock = self._cache_locks.setdefault(path.name, threading.Lock())
        with lock:
            if not path.exists():
                self.stream_to_file(url, path, fits=fits, **options)
        return path

    def clear_cache(self):
        """Remove the files that were fetched once for many jobs."""
        for file in (self.folder / "cache").iterdir():
            with suppress(OSError):
                file.unlink()

    def call(self, function, *args, host, **kwargs):
        """Call a library that does its own network (astroquery, pyvo), politely.

        The call is held to the limits of the host, retried as our own requests are,
        and its exceptions become outcomes: a connection that breaks off, a status, a
        time-out, and what astroquery makes of an HTML page (``AttributeError``) or a
        cut file (``TypeError``).

        Parameters
        ----------
        function : callable
            What to call.
        *args
            Its arguments.
        host : str
            URL of the server that it asks.
        **kwargs
            Its keyword arguments.

        Returns
        -------
        object
            What it returns.
        """
        place = partial(self._gate.place, urlsplit(host).netloc, self.limits)
        work = partial(function, *args, **kwargs)
        return self._patience.retrying(self.stop)(
            call_in_thread, work, place, self.limits.timeout_s
        )

    def _patiently(self, function, method, url, check, options):
        return self._patience.retrying(self.stop)(function, method, url, check, options)

    def _into_memory(self, method, url, check, options):
        body = io.BytesIO()
        answer = self._stream(method, url, body, options)
        answer = replace(answer, content=body.getvalue())
        if check is None:
            return answer
        try:
            return check(answer)
        except FetchError as error:
            raise TransientError(error.outcome, f"{url}: {error.reason}") from error

    def _stream(self, method, url, sink, options):
        """Write one answer to a file; redirects are followed, each politely."""
        options = dict(options)
        timeout = options.pop("timeout_s", None) or self.limits.timeout_s
        most = options.pop("max_bytes", None) or self.limits.max_bytes
        absent = options.pop("no_coverage_on", ())
        home = urlsplit(url)[:2]
        for _ in range(MAX_REDIRECTS + 1):
            host = urlsplit(url).netloc
            if urlsplit(url).scheme not in ("http", "https") or not host:
                raise FetchError(Outcome.HTTP_ERROR, f"{url!r} is no web address")
            if urlsplit(url)[:2] != home:
                # A password is for one server only, and not to be sent in the clear.
                options.pop("auth", None)
            with (
                self._gate.place(host, self.limits),
                Deadline(timeout) as deadline,
                outcomes_of_httpx(url, timeout),
                self._http.stream(method, url, **options) as response,
            ):
                if response.status_code not in _REDIRECTS:
                    self._check_status(response, url, host, absent)
                    take_body(response, sink, most, deadline, self.stop)
                    headers = {k.lower(): v for k, v in response.headers.items()}
                    return Answer(str(response.url), response.status_code, headers)
                target = response.headers.get("location", "")
                url = str(response.url.join(target))
            options.pop("params", None)  # they are in the address
            if response.status_code in (301, 302, 303) and method == "POST":
                method = "GET"
                for name in ("data", "files", "content"):
                    options.pop(name, None)
        raise FetchError(
            Outcome.HTTP_ERROR, f"more than {MAX_REDIRECTS} redirects, last to {url}"
        )

    def _check_status(self, response, url, host, absent):
        status = response.status_code
        if status in absent:
            raise FetchError(
                Outcome.NO_COVERAGE, f"{url}: status {status}", status=status
            )
        if 200 <= status < 300:
            return
        reason = f"{url}: status {status} {response.reason_phrase}".rstrip()
        if status not in RETRY_STATUSES:
            raise FetchError(Outcome.HTTP_ERROR, reason, status=status)
        asked = parse_retry_after(response.headers.get("retry-after"))
        if asked:
            # All threads and processes wait, not only the one that was told.
            self._gate.pause(host, self._patience.asked(asked))
        raise TransientError(Outcome.HTTP_ERROR, reason, status=status, wait_s=asked)


def _and(check):
    """A function that checks an answer and gives it back."""

    def checked(answer):
        if check is not None:
            check(answer)
        return answer

    return checked
