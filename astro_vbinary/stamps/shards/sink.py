"""A file that HDF5 can write to on a disk that fills up.

HDF5 does not survive a write that fails: it cannot close the file then, and may end
the process. So it is told that all went well, and the error is raised afterwards.
"""

import io
from contextlib import contextmanager

__all__ = ["open_sink"]


class Sink(io.RawIOBase):
    """A file whose writes never fail for the one who writes.

    Parameters
    ----------
    file : `io.FileIO`
        Where to, open for reading and writing, without a buffer.

    Attributes
    ----------
    error : OSError or None
        The first error; what is written after it is thrown away.
    """

    def __init__(self, file):
        super().__init__()
        self.error = None
        self._file = file

    def write(self, data):
        """Write bytes where the file is.

        Parameters
        ----------
        data : bytes-like
            The bytes.

        Returns
        -------
        int
            How many: all of them.
        """
        rest = memoryview(data).cast("B")
        size = len(rest)
        while self.error is None and len(rest):
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                self.error = error
        return size

    def truncate(self, size=None):
        """Set the length of the file.

        Parameters
        ----------
        size : int, optional
            The length; by default where the file is.

        Returns
        -------
        int
            The length.
        """
        size = self._file.tell() if size is None else size
        if self.error is None:
            try:
                self._file.truncate(size)
            except OSError as error:
                self.error = error
        return size

    def readinto(self, buffer):
        """Read bytes where the file is.

        Parameters
        ----------
        buffer : bytes-like
            Where to put them.

        Returns
        -------
        int
            How many.
        """
        return self._file.readinto(buffer)

    def seek(self, offset, whence=io.SEEK_SET):
        """Go to a place in the file.

        Parameters
        ----------
        offset : int
            How far.
        whence : int, optional
            From where, as for files.

        Returns
        -------
        int
            The place.
        """
        return self._file.seek(offset, whence)

    def tell(self):
        """Where the file is (int)."""
        return self._file.tell()


@contextmanager
def open_sink(path):
    """Open a new file for HDF5 to write to.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file; one that is there is emptied.

    Yields
    ------
    Sink
        The file.

    Raises
    ------
    OSError
        At the end, if not all could be written.
    """
    with path.open("w+b", buffering=0) as file:
        sink = Sink(file)
        yield sink
    if sink.error is not None:
        raise OSError(f"cannot write {path}: {sink.error.strerror}") from sink.error
