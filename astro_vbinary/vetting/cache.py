"""What was made lately, in no more than so many bytes."""

import threading
from collections import OrderedDict

__all__ = ["ByteCache"]


class ByteCache:
    """The values asked for last, whose sizes together stay below a limit.

    Threads may share one.

    Parameters
    ----------
    limit : int
        Bytes. A value that is larger by itself is not kept.
    """

    def __init__(self, limit):
        self.limit = int(limit)
        self.size = 0
        self._values = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key):
        """The value of a key.

        Parameters
        ----------
        key : hashable
            The key.

        Returns
        -------
        object or None
            None where it is not kept.
        """
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key, value, size):
        """Keep a value, and forget those asked for longest ago.

        Parameters
        ----------
        key : hashable
            The key.
        value : object
            The value.
        size : int
            What it takes, in bytes.
        """
        with self._lock:
            if key in self._values:
                self.size -= self._values.pop(key)[1]
            if size > self.limit:
                return
            self._values[key] = (value, size)
            self.size += size
            while self.size > self.limit:
                _, (_, old) = self._values.popitem(last=False)
                self.size -= old

    def __len__(self):
        return len(self._values)
