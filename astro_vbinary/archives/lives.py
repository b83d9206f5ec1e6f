"""Which of the processes at work on one output are alive.

Each holds a lock that the operating system takes back when it dies, however it does,
so that what a dead one left behind is known at once and needs no clock.
"""

import os
import sqlite3
import threading
import uuid
from contextlib import closing, suppress

__all__ = ["Life"]


class Life:
    """The sign of life of this process, and those of others.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where the signs lie; it exists.

    Attributes
    ----------
    token : str
        Name of this life: of this process, and of no other before or after.
    """

    def __init__(self, folder):
        self._folder = folder
        self._lock = threading.Lock()
        self.token = f"{os.getpid()}-{uuid.uuid4().hex[:16]}"
        self._held = self._take(self.token)

    def _file(self, token):
        return self._folder / f"{token}.life"

    def _take(self, token):
        """A lock of SQLite's, since these work on every system."""
        connection = sqlite3.connect(
            self._file(token), timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            connection.close()
            raise
        return connection

    def tokens(self):
        """Every token that has a sign here, dead or alive.

        Returns
        -------
        list of str
            In no order.
        """
        return [file.stem for file in self._folder.glob("*.life")]

    def is_alive(self, token):
        """Whether the process of a token is at work.

        Parameters
        ----------
        token : str
            The token.

        Returns
        -------
        bool
            True also for this process.
        """
        if token == self.token:
            return True
        # POSIX drops all locks of a process on a file when it closes the file once,
        # but this one never opens its own sign again.
        with self._lock:
            if not self._file(token).exists():
                return False
            try:
                with closing(self._take(token)):
                    return False
            except sqlite3.OperationalError:
                return True

    def bury(self, token):
        """Remove the sign of a dead process.

        Parameters
        ----------
        token : str
            The token.
        """
        with suppress(OSError):
            self._file(token).unlink()

    def end(self):
        """Give up this process's own sign."""
        self._held.close()
        self.bury(self.token)
