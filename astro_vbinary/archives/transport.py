"""A transport of httpx that keeps to a time by which all must be over.

httpx limits each read, so that a server which sends one byte now and then is never
late. Here every read also ends at the request's own deadline.
"""

import threading
import time

import httpcore
import httpx

__all__ = ["Deadline", "make_http"]

_now = threading.local()


class Deadline:
    """A time by which everything that this thread reads and writes must be over.

    Parameters
    ----------
    seconds : float
        From now.
    """

    def __init__(self, seconds):
        self.at = time.monotonic() + seconds

    def __enter__(self):
        _now.deadline = self.at
        return self

    def __exit__(self, *args):
        _now.deadline = None

    @property
    def passed(self):
        """Whether it is over (bool)."""
        return time.monotonic() >= self.at


def _limit(timeout, error):
    deadline = getattr(_now, "deadline", None)
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the time is over")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream):
        self._stream = stream

    def read(self, max_bytes, timeout=None):
        return self._stream.read(max_bytes, _limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer, timeout=None):
        self._stream.write(buffer, _limit(timeout, httpcore.WriteTimeout))

    def close(self):
        self._stream.close()

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        timeout = _limit(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info):
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend):
        self._backend = backend

    def connect_tcp(
        self, host, port, timeout=None, local_address=None, socket_options=None
    ):
        timeout = _limit(timeout, httpcore.ConnectTimeout)
        return _Stream(
            self._backend.connect_tcp(
                host, port, timeout, local_address, socket_options
            )
        )

    def sleep(self, seconds):
        self._backend.sleep(seconds)


def make_http(user_agent, *, connect_s=15.0, read_s=60.0):
    """A client of httpx that follows no redirect and keeps to a `Deadline`.

    Proxies are taken from the environment (``HTTPS_PROXY``, ``NO_PROXY``...) as
    everywhere, but never for this machine itself.

    Parameters
    ----------
    user_agent : str
        Who asks.
    connect_s, read_s : float, optional
        Seconds for a connection, and for each read.

    Returns
    -------
    `httpx.Client`
        The client; it can be used by many threads.
    """
    http = httpx.Client(
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
        timeout=httpx.Timeout(read_s, connect=connect_s, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        follow_redirects=False,
        mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
    )
    # httpx has no option for it; a test tells if a release moves it.
    for transport in [http._transport, *http._mounts.values()]:
        if transport is not None:
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend)
    return http
