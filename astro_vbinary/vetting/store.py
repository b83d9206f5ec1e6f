"""Where labels are kept: one SQLite file, written at once and never overwritten.

Every label and every skip is a row of its own. Undoing marks a row and removes none, so
that the file tells the whole story. The newest row that is not undone counts.
"""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np

from astro_vbinary.exceptions import LabelStoreError
from astro_vbinary.vetting.annotations import Annotation, now

__all__ = ["SKIPPED", "LabelStore"]

#: What a row has in place of a label where the source was passed over.
SKIPPED = "skip"

#: How the file says what it is (`PRAGMA application_id`): "vbin" in ASCII.
APPLICATION_ID = 0x7662696E

#: Layout of the tables.
VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS views (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    survey TEXT NOT NULL DEFAULT '',
    label TEXT NOT NULL,
    annotator TEXT NOT NULL,
    time TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    images TEXT NOT NULL DEFAULT '',
    ra REAL,
    dec REAL,
    look INTEGER NOT NULL DEFAULT 1,
    imported INTEGER NOT NULL DEFAULT 0,
    undone TEXT
);
CREATE INDEX IF NOT EXISTS of_annotator ON views (annotator, source);
CREATE INDEX IF NOT EXISTS of_source ON views (source);
"""

_COLUMNS = "source, survey, label, annotator, time, note, images, ra, dec, look"

# The newest row of each annotator, source, survey and look.
_CURRENT = f"""
SELECT {_COLUMNS} FROM views WHERE id IN (
    SELECT max(id) FROM views
    WHERE undone IS NULL AND label != '{SKIPPED}' {{where}}
    GROUP BY annotator, source, survey, look
) ORDER BY id
"""


class LabelStore:
    """Labels in an SQLite file.

    Nothing is opened before `open`, or a ``with`` block. A label is on the disk when
    `add` returns. Several threads may use one store, and several processes one file.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file; made by `open` where it is missing.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from astro_vbinary.vetting import Annotation, LabelStore
    >>> folder = tempfile.TemporaryDirectory()
    >>> with LabelStore(pathlib.Path(folder.name) / "labels.sqlite") as store:
    ...     store.add(Annotation("22466", label="binary", annotator="ada"))
    ...     [label.source for label in store.labels()]
    ['22466']
    >>> folder.cleanup()
    """

    def __init__(self, path):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._connection = None

    def open(self):
        """Open the file, and make it where it is missing.

        Returns
        -------
        LabelStore
            The store itself.

        Raises
        ------
        LabelStoreError
            If it is no file of labels, or of a later version of the package.
        """
        if self._connection is not None:
            return self
        try:
            connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise LabelStoreError(f"cannot open {self.path}: {error}") from error
        try:
            self._prepare(connection)
        except (sqlite3.Error, LabelStoreError) as error:
            connection.close()
            if isinstance(error, LabelStoreError):
                raise
            reason = f"{self.path} is no file of labels: {error}"
            raise LabelStoreError(reason) from error
        self._connection = connection
        return self

    def _prepare(self, connection):
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if mark != APPLICATION_ID and tables:
            raise LabelStoreError(f"{self.path} is another program's SQLite file")
        if version > VERSION:
            raise LabelStoreError(
                f"{self.path} is of version {version}; this package knows {VERSION}"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        # A label outlives a loss of power too; it costs a few milliseconds.
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")

    def close(self):
        """Close the file; nothing is lost without."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self):
        return self.open()

    def __exit__(self, *exception):
        self.close()

    def add(self, annotation):
        """Keep one label, at once.

        Parameters
        ----------
        annotation : Annotation
            The label; without a time it gets the present one.
        """
        self._insert([annotation])

    def skip(self, source, *, annotator, look=1):
        """Note that somebody saw a source and passed it over.

        Parameters
        ----------
        source : str
            Name of the source.
        annotator : str
            Who.
        look : int, optional
            As for `Annotation`.
        """
        with self._lock:
            self._open_connection().execute(
                "INSERT INTO views (source, label, annotator, time, look) "
                "VALUES (?, ?, ?, ?, ?)",
                (source, SKIPPED, annotator, now(), look),
            )

    def import_labels(self, annotations):
        """Keep many labels, all or none; those that are there already stay as they are.

        Parameters
        ----------
        annotations : iterable of Annotation
            The labels.

        Returns
        -------
        int
            How many were new.
        """
        known = {_identity(label) for label in self.labels(looks=True)}
        new = [label for label in annotations if _identity(label) not in known]
        self._insert(new, imported=True)
        return len(new)

    def _insert(self, annotations, *, imported=False):
        rows = [
            (
                label.source,
                label.survey,
                label.label,
                label.annotator,
                label.time or now(),
                label.note,
                "/".join(label.images),  # which no file's name can hold
                *(None if np.isnan(v) else float(v) for v in (label.ra, label.dec)),
                label.look,
                int(imported),
            )
            for label in annotations
        ]
        marks = ", ".join("?" * 11)
        with self._lock:
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany(
                    f"INSERT INTO views ({_COLUMNS}, imported) VALUES ({marks})", rows
                )

    def undo(self, *, annotator):
        """Take back the last thing that somebody did on the page.

        Parameters
        ----------
        annotator : str
            Who.

        Returns
        -------
        tuple of (str, int) or None
            The source and the look that are without it now; None where there is
            nothing to take back.
        """
        with self._lock:
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                row = connection.execute(
                    "SELECT id, source, look FROM views WHERE annotator = ? "
                    "AND undone IS NULL AND NOT imported ORDER BY id DESC LIMIT 1",
                    (annotator,),
                ).fetchone()
                if row is None:
                    return None
                connection.execute(
                    "UPDATE views SET undone = ? WHERE id = ?", (now(), row[0])
                )
        return row[1], row[2]

    def labels(self, *, annotator=None, source=None, looks=False):
        """Labels that count: the newest of each annotator, source and survey.

        Parameters
        ----------
        annotator, source : str, optional
            Only of these.
        looks : bool, optional
            Whether those of sources that were shown again are among them.

        Returns
        -------
        list of Annotation
            In the order in which they were given.
        """
        where, values = [], []
        for name, value in (("annotator", annotator), ("source", source)):
            if value is not None:
                where.append(f"AND {name} = ?")
                values.append(value)
        if not looks:
            where.append("AND look = 1")
        rows = self._fetch(_CURRENT.format(where=" ".join(where)), values)
        return [_from_row(row) for row in rows]

    def seen(self, annotator):
        """What somebody has labelled or skipped.

        Parameters
        ----------
        annotator : str
            Who.

        Returns
        -------
        dict of (str, int) to str
            The newest label, or ``skip``, by source and look.
        """
        rows = self._fetch(
            "SELECT source, look, label FROM views WHERE annotator = ? "
            "AND undone IS NULL ORDER BY id",
            (annotator,),
        )
        found = {}
        for source, look, label in rows:
            # Passing over a source again takes no label from it.
            if label != SKIPPED or (source, look) not in found:
                found[source, look] = label
        return found

    def annotators(self):
        """Who has labelled or skipped anything.

        Returns
        -------
        list of str
            Their names, sorted.
        """
        rows = self._fetch(
            "SELECT DISTINCT annotator FROM views WHERE undone IS NULL ORDER BY 1", ()
        )
        return [name for (name,) in rows]

    def _fetch(self, statement, values):
        with (
            self._lock,
            closing(self._open_connection().execute(statement, values)) as cursor,
        ):
            return cursor.fetchall()

    def _open_connection(self):
        if self._connection is None:
            raise LabelStoreError(f"{self.path} is not open")
        return self._connection

    def __repr__(self):
        return f"<LabelStore {self.path}>"


def _from_row(row):
    source, survey, label, annotator, time, note, images, ra, dec, look = row
    return Annotation(
        source,
        survey,
        label,
        annotator,
        time,
        note,
        tuple(name for name in images.split("/") if name),
        np.nan if ra is None else ra,
        np.nan if dec is None else dec,
        look,
    )


def _identity(label):
    """What makes two labels the same one, exported and imported again."""
    note = " ".join(label.note.split())
    return label.source, label.survey, label.label, label.annotator, label.time, note
