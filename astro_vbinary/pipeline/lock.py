"""One process at a time: a lock that the system takes back when its owner dies."""

import json
import os
import socket
import sqlite3
import time
from contextlib import contextmanager, suppress

from astro_vbinary.exceptions import RunFailedError, RunInUseError

__all__ = ["hold_lock"]

#: The file that is locked, and the one that says by whom.
LOCK, OWNER = "lock.sqlite", "owner.json"


@contextmanager
def hold_lock(folder):
    """Keep other processes from a run for the length of a ``with`` block.

    The lock is one of SQLite's, since these work on every system: the operating system
    releases it when the process ends, however it does, so that none is left behind.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The run's folder; it exists.

    Yields
    ------
    None
        While the lock is held.

    Raises
    ------
    RunInUseError
        If another process, or another thread of this one, holds it.
    RunFailedError
        If nothing can be locked in the folder.
    """
    owner = folder / OWNER
    connection = None
    try:
        connection = sqlite3.connect(
            folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False
        )
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if "locked" in str(error) and "protocol" not in str(error):
            raise RunInUseError(_in_use(folder, owner)) from None
        raise RunFailedError(f"cannot lock {folder}: {error}") from error
    try:
        who = {
            "process": os.getpid(),
            "machine": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        owner.write_text(json.dumps(who), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
        connection.close()


def _in_use(folder, owner):
    try:
        who = json.loads(owner.read_text(encoding="utf-8"))
        name = f"process {who['process']} on {who['machine']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        name = "another process"
    return f"{folder} is in use by {name}: wait until it is done, or stop it"
