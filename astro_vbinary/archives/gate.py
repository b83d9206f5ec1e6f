"""How many requests a server gets, at a time and a second, from all processes."""

import sqlite3
import threading
import time
from collections import defaultdict
from contextlib import contextmanager

from astro_vbinary.exceptions import FetchError

__all__ = ["HostGate"]

#: Seconds between two looks for a free place, and between two for dead processes.
POLL, LOOK = 0.02, 0.5

#: No appointment is later than this (seconds): a clock that was set back must not
#: stop a run.
LONGEST_WAIT = 3600.0

_TABLES = """
CREATE TABLE IF NOT EXISTS hosts (host TEXT PRIMARY KEY, next_free REAL NOT NULL);
CREATE TABLE IF NOT EXISTS places (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, token TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS places_host ON places (host);
"""


class HostGate:
    """Lets requests through to each server, as many as were promised.

    The places taken and the time of the next start are in a file that all processes at
    work on one output share; the places of those that died are free again.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file; made where it is missing.
    life : `~astro_vbinary.archives.lives.Life`
        The sign of life of this process.
    stop : `threading.Event`, optional
        Ends all waiting when it is set.
    """

    def __init__(self, path, life, *, stop=None):
        self._life = life
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._turns = defaultdict(threading.Lock)
        self._freed = defaultdict(threading.Event)
        self._strictest = {}
        self._looked = 0.0
        self._db = sqlite3.connect(
            path, timeout=60, isolation_level=None, check_same_thread=False
        )
        # What is in it means nothing after a crash of the machine.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_TABLES)

    def close(self):
        """Close the file."""
        with self._lock:
            self._db.close()

    def strictest(self, host, limits):
        """The limits of a server that several recipes ask.

        Parameters
        ----------
        host : str
            Name and port.
        limits : `~astro_vbinary.archives.HostLimits`
            Those of the recipe that asks now.

        Returns
        -------
        tuple of int and float
            The fewest requests at a time and a second of all that have asked.
        """
        mine = (limits.concurrency, limits.rate_per_s)
        known = self._strictest.get(host, mine)
        best = self._strictest[host] = tuple(map(min, known, mine))
        return best

    @contextmanager
    def place(self, host, limits):
        """Hold one place at a server for the length of a ``with`` block.

        Parameters
        ----------
        host : str
            Name and port.
        limits : `~astro_vbinary.archives.HostLimits`
            What was promised.

        Yields
        ------
        None
            When the request may start.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If the run is being stopped.
        """
        number, start = self._acquire(host, *self.strictest(host, limits))
        try:
            delay = start - time.time()
            if delay > 0 and self._stop.wait(delay):
                raise FetchError("http_error", "stopped")
            yield
        finally:
            with self._lock:
                self._db.execute("DELETE FROM places WHERE id = ?", (number,))
            self._freed[host].set()

    def pause(self, host, seconds):
        """Let nobody through to a server for a while, as it asked.

        Parameters
        ----------
        host : str
            Name and port.
        seconds : float
            How long.
        """
        until = time.time() + seconds
        with self._lock:
            self._db.execute(
                "INSERT INTO hosts VALUES (?, ?) ON CONFLICT (host) DO UPDATE "
                "SET next_free = max(next_free, excluded.next_free)",
                (host, until),
            )

    def _acquire(self, host, concurrency, rate):
        # One thread of a process asks at a time; the others wait in line.
        with self._turns[host]:
            while not self._stop.is_set():
                self._freed[host].clear()
                got = self._try(host, concurrency, rate)
                if got is not None:
                    return got
                self._look_for_dead()
                self._freed[host].wait(POLL)
        raise FetchError("http_error", "stopped")

    def _try(self, host, concurrency, rate):
        with self._lock:
            db = self._db
            db.execute("BEGIN IMMEDIATE")
            try:
                (taken,) = db.execute(
                    "SELECT count(*) FROM places WHERE host = ?", (host,)
                ).fetchone()
                if taken >= concurrency:
                    return None
                row = db.execute(
                    "SELECT next_free FROM hosts WHERE host = ?", (host,)
                ).fetchone()
                now = time.time()
                start = now if row is None else max(now, row[0])
                start = now if start > now + LONGEST_WAIT else start
                db.execute(
                    "INSERT OR REPLACE INTO hosts VALUES (?, ?)",
                    (host, start + 1.0 / rate),
                )
                number = db.execute(
                    "INSERT INTO places (host, token) VALUES (?, ?)",
                    (host, self._life.token),
                ).lastrowid
                return number, start
            finally:
                db.execute("COMMIT")

    def _look_for_dead(self):
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        with self._lock:
            rows = self._db.execute("SELECT DISTINCT token FROM places").fetchall()
            for (token,) in rows:
                if not self._life.is_alive(token):
                    self._db.execute("DELETE FROM places WHERE token = ?", (token,))
