"""The journal of a run: what was planned, and what is done."""

import errno
import json
import sqlite3
from contextlib import contextmanager, suppress

from astro_vbinary.exceptions import RunExistsError, RunFailedError

__all__ = ["Journal"]

#: Layout of the tables below; a journal of another one is not gone on with.
LAYOUT = "1"

TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fingerprint (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (
    number INTEGER PRIMARY KEY,
    stacks INTEGER NOT NULL,
    part TEXT,
    sha256 TEXT,
    row_count INTEGER,
    seconds TEXT
);
"""

#: Differing files that a message names.
MOST_NAMED = 3


class Journal:
    """What a run has done, in an SQLite file that anybody can look into.

    Each change is on the disk before the method that makes it returns.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file; `open` makes it where it is missing.
    """

    def __init__(self, path):
        self.path = path
        self._connection = None

    def open(self):
        """Open the file, which is made where it is missing.

        Returns
        -------
        Journal
            This one.

        Raises
        ------
        RunFailedError
            If it is damaged or cannot be opened.
        RunExistsError
            If another release of the package wrote it, in another layout.
        """
        with self._errors():
            self._connection = sqlite3.connect(
                self.path, isolation_level=None, timeout=10
            )
            # Not in WAL mode, whose shared memory network file systems lack.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(TABLES)
        if self.about("layout", LAYOUT) != LAYOUT:
            raise RunExistsError(
                f"{self.path} is of another release of astro_vbinary, and cannot be "
                "gone on with: start anew with overwrite"
            )
        return self

    def close(self):
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self):
        return self.open()

    def __exit__(self, *error):
        self.close()

    @contextmanager
    def _errors(self):
        """SQLite's errors as those that a user can do something about."""
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "full" in text:
                raise OSError(
                    errno.ENOSPC, "No space left on device", str(self.path)
                ) from error
            damaged = isinstance(error, sqlite3.DatabaseError) and (
                "malformed" in text or "not a database" in text
            )
            advice = "; it is damaged: start anew with overwrite" if damaged else ""
            raise RunFailedError(f"the journal {self.path}: {text}{advice}") from error

    @contextmanager
    def _change(self):
        """All the changes of a ``with`` block, or none of them."""
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query, values=()):
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    # ------------------------------------------------------------ about the run
    def about(self, name, default=None):
        """Something noted about the run.

        Parameters
        ----------
        name : str
            What.
        default : str, optional
            What is returned where nothing is noted.

        Returns
        -------
        str or None
            The note.
        """
        rows = self._rows("SELECT value FROM about WHERE name = ?", (name,))
        return rows[0][0] if rows else default

    def note(self, **values):
        """Note something about the run.

        Parameters
        ----------
        **values
            Text by name.
        """
        with self._change() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO about VALUES (?, ?)", list(values.items())
            )

    @property
    def planned(self):
        """Whether it holds a plan (bool)."""
        return self.about("planned") == "yes"

    @property
    def finished(self):
        """Whether the run is complete (bool)."""
        return self.about("finished") == "yes"

    # -------------------------------------------------------------- the plan
    def begin(self, plan, *, overwrite):
        """Write down a plan, all of it or nothing.

        Parameters
        ----------
        plan : `~astro_vbinary.pipeline.plan.Plan`
            The plan.
        overwrite : bool
            Whether the run may replace an output that exists.
        """
        with self._change() as connection:
            for table in ("about", "fingerprint", "files", "chunks"):
                connection.execute(f"DELETE FROM {table}")
            connection.executemany(
                "INSERT INTO fingerprint VALUES (?, ?)",
                list(plan.fingerprint().items()),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO files VALUES (?, ?, ?)", plan.files()
            )
            connection.executemany(
                "INSERT INTO chunks (number, stacks) VALUES (?, ?)",
                enumerate(plan.sizes()),
            )
            notes = {
                "layout": LAYOUT,
                "planned": "yes",
                "overwrite": "yes" if overwrite else "no",
            }
            connection.executemany("INSERT INTO about VALUES (?, ?)", notes.items())

    def differences(self, plan):
        """What of a plan is not as it was written down.

        Parameters
        ----------
        plan : `~astro_vbinary.pipeline.plan.Plan`
            The plan of today.

        Returns
        -------
        list of str
            In words; empty where all is the same.
        """
        before = dict(self._rows("SELECT name, value FROM fingerprint"))
        today = plan.fingerprint()
        found = []
        for name in dict.fromkeys([*before, *today]):
            old, new = before.get(name, "not known"), today.get(name, "not known")
            if old != new and name not in ("positions", "what files are of"):
                found.append(f"{name}: {old} before, {new} now")
        if before.get("positions") != today["positions"]:
            found.append("the positions in the catalogue")
        files = self._changed_files(plan)
        if not files and before.get("what files are of") != today["what files are of"]:
            files = ["which source, survey and band files are of"]
        return found + files

    def _changed_files(self, plan):
        with self._errors():
            connection = self._connection
            connection.execute(
                "CREATE TEMP TABLE today (path TEXT PRIMARY KEY, size, changed)"
            )
            try:
                connection.executemany(
                    "INSERT OR IGNORE INTO today VALUES (?, ?, ?)", plan.files()
                )
                found = []
                for what, query in (
                    ("gone", "SELECT path FROM files EXCEPT SELECT path FROM today"),
                    ("new", "SELECT path FROM today EXCEPT SELECT path FROM files"),
                    (
                        "changed",
                        "SELECT path FROM files JOIN today USING (path) "
                        "WHERE files.size != today.size "
                        "OR files.changed != today.changed",
                    ),
                ):
                    paths = [row[0] for row in connection.execute(query)]
                    if paths:
                        found.append(_name_files(what, paths))
                return found
            finally:
                connection.execute("DROP TABLE today")

    # ------------------------------------------------------------- the chunks
    def parts(self):
        """The chunks that are done.

        Returns
        -------
        list of tuple
            Number, stacks, name of the part and its SHA-256, in order.
        """
        return self._rows(
            "SELECT number, stacks, part, sha256 FROM chunks "
            "WHERE part IS NOT NULL ORDER BY number"
        )

    def waiting(self):
        """Numbers of the chunks that are not done, in order.

        Returns
        -------
        list of int
            The numbers.
        """
        rows = self._rows(
            "SELECT number FROM chunks WHERE part IS NULL ORDER BY number"
        )
        return [row[0] for row in rows]

    def stacks(self):
        """How many stacks there are, and how many are done.

        Returns
        -------
        total, done : int
            Stacks.
        """
        return self._rows(
            "SELECT COALESCE(SUM(stacks), 0), "
            "COALESCE(SUM(CASE WHEN part IS NULL THEN 0 ELSE stacks END), 0) "
            "FROM chunks"
        )[0]

    def done(self, number, part, sha256, row_count, seconds):
        """Note that the part of a chunk is written.

        Parameters
        ----------
        number : int
            The chunk.
        part : str
            Name of the file.
        sha256 : str
            Its hash.
        row_count : int
            Its rows.
        seconds : dict of str to float
            Time spent on each stage.
        """
        with self._change() as connection:
            connection.execute(
                "UPDATE chunks SET part = ?, sha256 = ?, row_count = ?, seconds = ? "
                "WHERE number = ?",
                (part, sha256, row_count, json.dumps(seconds), number),
            )

    def forget(self, numbers):
        """Let chunks be done again, since their parts are lost or damaged.

        Parameters
        ----------
        numbers : iterable of int
            The chunks.
        """
        with self._change() as connection:
            connection.executemany(
                "UPDATE chunks SET part = NULL, sha256 = NULL WHERE number = ?",
                [(number,) for number in numbers],
            )

    def seconds(self):
        """Time spent on each stage of the chunks that are done.

        Returns
        -------
        dict of str to float
            Seconds, all processes together.
        """
        total = {}
        for (text,) in self._rows("SELECT seconds FROM chunks WHERE part IS NOT NULL"):
            for stage, spent in json.loads(text).items():
                total[stage] = total.get(stage, 0.0) + spent
        return total

    def finish(self, record):
        """Note that the run is complete, and keep no more of it than a record.

        Parameters
        ----------
        record : str
            The summary, as JSON.
        """
        with self._change() as connection:
            connection.execute("DELETE FROM files")
            connection.executemany(
                "INSERT OR REPLACE INTO about VALUES (?, ?)",
                [("finished", "yes"), ("summary", record)],
            )
        # Only gives space back, so that a full disk does not matter.
        with suppress(sqlite3.Error):
            self._connection.execute("VACUUM")


def _name_files(what, paths):
    some = ", ".join(paths[:MOST_NAMED]) + (", ..." if len(paths) > MOST_NAMED else "")
    noun = "file is" if len(paths) == 1 else "files are"
    return f"{len(paths):,} {noun} {what} ({some})"
