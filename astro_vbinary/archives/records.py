"""Rows of the manifest: their columns, and where they are."""

from dataclasses import dataclass
from pathlib import Path

from astro_vbinary.archives.outcomes import Outcome

__all__ = ["MANIFEST_NAME", "SHARED_FOLDER", "TABLES", "Record", "manifest_path"]

#: Name of the manifest, and of the folder of what processes share, in an output.
MANIFEST_NAME, SHARED_FOLDER = "manifest.sqlite", ".fetch"

#: Version of the tables.
VERSION = 1

TABLES = """
CREATE TABLE IF NOT EXISTS stamps (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,
    archive TEXT NOT NULL,
    survey TEXT NOT NULL,
    band TEXT NOT NULL,
    source TEXT NOT NULL,
    ra REAL NOT NULL,
    dec REAL NOT NULL,
    size REAL NOT NULL,
    origin TEXT NOT NULL,
    pixel_scale REAL,
    outcome TEXT,
    reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER,
    sha256 TEXT,
    file_sha256 TEXT,
    url TEXT,
    unit TEXT,
    zero_point REAL,
    epoch REAL,
    ended REAL,
    claim TEXT
);
CREATE INDEX IF NOT EXISTS stamps_archive ON stamps (archive, id);
CREATE INDEX IF NOT EXISTS stamps_claim ON stamps (claim) WHERE claim IS NOT NULL;
"""


@dataclass(frozen=True)
class Record:
    """How one request ended.

    Parameters
    ----------
    outcome : Outcome
        The outcome.
    reason : str
        In words.
    bytes : int or None
        Size of the stamp's file.
    sha256 : str or None
        Of the file as received.
    file_sha256 : str or None
        Of the stamp's file, which has a label in its header.
    url : str or None
        Where it came from.
    unit : str or None
        Unit of the pixels.
    zero_point : float or None
        Magnitude of one unit of flux.
    epoch : float or None
        Modified Julian Date (UTC).
    """

    outcome: Outcome
    reason: str = ""
    bytes: int | None = None
    sha256: str | None = None
    file_sha256: str | None = None
    url: str | None = None
    unit: str | None = None
    zero_point: float | None = None
    epoch: float | None = None


def manifest_path(output):
    """Where the manifest of an output is.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The folder of stamps, or the manifest itself.

    Returns
    -------
    `~pathlib.Path`
        The file.
    """
    output = Path(output)
    return output if output.suffix == ".sqlite" else output / MANIFEST_NAME
