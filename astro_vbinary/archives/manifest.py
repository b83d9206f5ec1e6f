"""The manifest: what was asked for, and how each request ended."""

import sqlite3
import threading
import time
from collections import Counter
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.records import TABLES, VERSION, Record
from astro_vbinary.archives.requests import StampRequest
from astro_vbinary.exceptions import RunFailedError

__all__ = ["Manifest"]

#: Rows that are read or written at a time.
CHUNK = 500

_REQUEST = ("survey", "band", "source", "ra", "dec", "size", "origin", "pixel_scale")
_ABSENT = ", ".join(f"'{o}'" for o in Outcome if o.is_absence)
_FILES = ", ".join(f"'{o}'" for o in Outcome if o.has_file)
_OPEN = f"(outcome IS NULL OR (outcome NOT IN ({_FILES}, {_ABSENT}) AND ended < ?))"


class Manifest:
    """A table in SQLite with one row a request, which several processes share.

    A row is claimed by the process that is at work on it, and has an outcome when it is
    done. The file is written before the row, so that a row never speaks of a file that
    is not there.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file; made where it is missing.
    token : str, optional
        Name under which rows are claimed.

    Raises
    ------
    ~astro_vbinary.exceptions.RunFailedError
        If the file is something else, or cannot be written.
    """

    def __init__(self, path, *, token=""):
        self.path = Path(path)
        self._token = token
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            path, timeout=60, isolation_level=None, check_same_thread=False
        )
        try:
            self._make_tables()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise RunFailedError(f"{path} cannot be used: {error}") from error

    def _make_tables(self):
        # A commit survives the death of the process; the machine's may cost the last
        # rows, whose stamps are then fetched again.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for statement in TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={VERSION}")

    def close(self):
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def add(self, requests, archive, *, outcome=None, reason=""):
        """Add requests that are not there yet.

        One for a file that another request had made, such as one of another size, takes
        its place.

        Parameters
        ----------
        requests : iterable of `~astro_vbinary.archives.StampRequest`
            The requests.
        archive : str
            Name of the recipe.
        outcome : Outcome, optional
            How they end without being sent.
        reason : str, optional
            Why.
        """
        names = ", ".join(("key", "path", "archive", *_REQUEST))
        marks = ", ".join("?" * (len(_REQUEST) + 3))
        requests = iter(requests)
        while chunk := list(islice(requests, CHUNK)):
            rows = [
                (r.key, r.path, archive, *(getattr(r, name) for name in _REQUEST))
                for r in chunk
            ]
            with self._lock, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(
                    "DELETE FROM stamps WHERE path = ? AND key != ?",
                    [(r.path, r.key) for r in chunk],
                )
                self._db.executemany(
                    f"INSERT OR IGNORE INTO stamps ({names}) VALUES ({marks})", rows
                )
                # What another archive did not have, this one may.
                self._db.executemany(
                    "UPDATE stamps SET archive = ?, outcome = NULL, reason = '' "
                    "WHERE key = ? AND archive != ? AND "
                    f"(outcome IS NULL OR outcome NOT IN ({_FILES}))",
                    [(archive, r.key, archive) for r in chunk],
                )
                if outcome is not None:
                    self._db.executemany(
                        "UPDATE stamps SET outcome = ?, reason = ?, ended = ? "
                        "WHERE key = ? AND outcome IS NULL",
                        [(str(outcome), reason, time.time(), r.key) for r in chunk],
                    )

    def pending(self, archive, since, *, bands):
        """Requests that have no outcome yet, or failed before this run.

        Parameters
        ----------
        archive : str
            Name of the recipe.
        since : float
            When this run began, in seconds of `time.time`.
        bands : collection of str
            Only those in these bands.

        Yields
        ------
        `~astro_vbinary.archives.StampRequest`
            In the order in which they were added.
        """
        yield from self._paged(f"claim IS NULL AND {_OPEN}", archive, bands, since)

    def without_file(self, archive, *, bands):
        """Requests of a recipe that ended, but for a stamp.

        Parameters
        ----------
        archive : str
            Name of the recipe.
        bands : collection of str
            Only those in these bands.

        Yields
        ------
        `~astro_vbinary.archives.StampRequest`
            In the order in which they were added.
        """
        ended = f"outcome IS NOT NULL AND outcome NOT IN ({_FILES})"
        yield from self._paged(ended, archive, bands)

    def _paged(self, condition, archive, bands, *values):
        """Requests of a recipe, some at a time, so that memory does not grow."""
        last = 0
        while True:
            with self._lock:
                rows = self._db.execute(
                    f"SELECT id, {', '.join(_REQUEST)} FROM stamps WHERE archive = ? "
                    f"AND id > ? AND {condition} ORDER BY id LIMIT ?",
                    (archive, last, *values, CHUNK),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for row in rows:
                if row[2] in bands:
                    yield StampRequest(*row[1:7], origin=row[7], pixel_scale=row[8])

    def leave_out_done(self, requests):
        """Requests that are not there, or failed.

        Parameters
        ----------
        requests : iterable of `~astro_vbinary.archives.StampRequest`
            Requests.

        Yields
        ------
        `~astro_vbinary.archives.StampRequest`
            Those that would be sent.
        """
        for request in requests:
            with self._lock:
                row = self._db.execute(
                    "SELECT outcome FROM stamps WHERE key = ?", (request.key,)
                ).fetchone()
            if row is None or row[0] is None or Outcome(row[0]).is_failure:
                yield request

    def claim(self, requests, since):
        """Take requests for this process, unless another has them or they are done.

        Parameters
        ----------
        requests : sequence of `~astro_vbinary.archives.StampRequest`
            The requests.
        since : float
            When this run began.

        Returns
        -------
        list of `~astro_vbinary.archives.StampRequest`
            Those that are this process's now.
        """
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            return [
                request
                for request in requests
                if self._db.execute(
                    f"UPDATE stamps SET claim = ? WHERE key = ? AND claim IS NULL "
                    f"AND {_OPEN}",
                    (self._token, request.key, since),
                ).rowcount
            ]

    def release(self, tokens=None):
        """Give up claims.

        Parameters
        ----------
        tokens : iterable of str, optional
            Of these processes; by default of this one.
        """
        tokens = [self._token] if tokens is None else tokens
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "UPDATE stamps SET claim = NULL WHERE claim = ?", [(t,) for t in tokens]
            )

    def claimants(self):
        """Who has claims.

        Returns
        -------
        list of str
            Tokens of processes, dead or alive.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT claim FROM stamps WHERE claim IS NOT NULL"
            )
            return [token for (token,) in rows]

    def record(self, request, record):
        """Note how a request ended, and give it up.

        Parameters
        ----------
        request : `~astro_vbinary.archives.StampRequest`
            The request.
        record : Record
            How it ended.
        """
        names = [field.name for field in fields(Record)]
        values = [v if v is None else _plain(v) for v in astuple(record)]
        sets = ", ".join(f"{name} = ?" for name in names)
        with self._lock:
            self._db.execute(
                f"UPDATE stamps SET {sets}, attempts = attempts + 1, ended = ?, "
                "claim = NULL WHERE key = ?",
                (*values, time.time(), request.key),
            )

    def count(self, archives=None):
        """How many requests of each survey and band ended how.

        Parameters
        ----------
        archives : collection of str, optional
            Only those of these recipes.

        Returns
        -------
        dict
            From (survey, band, origin) to a `collections.Counter` of outcomes, in
            which None stands for those that have none yet.
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT survey, band, origin, outcome, archive, count(*) FROM stamps "
                "GROUP BY survey, band, origin, outcome, archive ORDER BY min(id)"
            ).fetchall()
        counts = {}
        for survey, band, origin, outcome, archive, number in rows:
            if archives is None or archive in archives:
                counter = counts.setdefault((survey, band, origin), Counter())
                counter[outcome and Outcome(outcome)] += number
        return counts

    def origins_with_files(self, survey):
        """Origins of the stamps of a survey.

        Parameters
        ----------
        survey : str
            Name of the survey.

        Returns
        -------
        set of str
            Those of which there is a file.
        """
        with self._lock:
            rows = self._db.execute(
                f"SELECT DISTINCT origin FROM stamps WHERE survey = ? "
                f"AND outcome IN ({_FILES})",
                (survey,),
            )
            return {origin for (origin,) in rows}

    def rows(self, *, files_only=False):
        """All rows, as they are in the table.

        Parameters
        ----------
        files_only : bool, optional
            Only those that have a file.

        Returns
        -------
        names : list of str
            Names of the columns.
        rows : list of tuple
            In the order in which they were added.
        """
        where = f"WHERE outcome IN ({_FILES})" if files_only else ""
        with self._lock:
            cursor = self._db.execute(f"SELECT * FROM stamps {where} ORDER BY id")
            names = [column[0] for column in cursor.description]
            return names, cursor.fetchall()


def _plain(value):
    return str(value) if isinstance(value, Outcome) else value
