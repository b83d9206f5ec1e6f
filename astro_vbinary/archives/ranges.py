"""A file on a server of which only parts are read."""

import io

__all__ = ["RangeFile"]

#: Bytes that are asked for at least, so that headers come with few requests.
BLOCK = 256 * 1024


class RangeFile(io.RawIOBase):
    """A file behind a function that gets bytes, as astropy opens it.

    Parameters
    ----------
    get : callable
        Called with the first byte and the one after the last, gives the bytes and the
        length of the file.
    block : int, optional
        Bytes that are asked for at least.

    Attributes
    ----------
    size : int
        Bytes of the file.
    """

    def __init__(self, get, *, block=BLOCK):
        super().__init__()
        self._get = get
        self._block = block
        self._parts = {}
        self._place = 0
        first, self.size = get(0, block)
        self._parts[0] = first

    def prefetch(self, start, stop):
        """Get a part with one request.

        Parameters
        ----------
        start, stop : int
            The first byte and the one after the last.
        """
        start, stop = max(start, 0), min(stop, self.size)
        if start < stop and self._find(start, stop) is None:
            self._parts[start] = self._get(start, stop)[0]

    def _find(self, start, stop):
        for first, part in self._parts.items():
            if first <= start and stop <= first + len(part):
                return part[start - first : stop - first]
        return None

    def readinto(self, buffer):
        """Read from where the file stands, as `io.RawIOBase` has it.

        Parameters
        ----------
        buffer : writable buffer
            Where to.

        Returns
        -------
        int
            Bytes that were read.
        """
        stop = min(self._place + len(buffer), self.size)
        if stop <= self._place:
            return 0
        found = self._find(self._place, stop)
        if found is None:
            self.prefetch(self._place, max(stop, self._place + self._block))
            found = self._find(self._place, stop)
        if found is None:  # the server gave less than it was asked for
            raise OSError(f"bytes {self._place} to {stop} did not arrive")
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def readable(self):
        """Whether it can be read: yes."""
        return True

    def seekable(self):
        """Whether it can be read from anywhere: yes."""
        return True

    def tell(self):
        """Where it stands.

        Returns
        -------
        int
            A number of bytes.
        """
        return self._place

    def seek(self, offset, whence=io.SEEK_SET):
        """Go to a place.

        Parameters
        ----------
        offset : int
            Bytes.
        whence : int, optional
            From the start, from here or from the end.

        Returns
        -------
        int
            The place.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}
        self._place = max(base[whence] + offset, 0)
        return self._place
