"""Keep the memory of a process that works for hours as small as it was at first."""

import ctypes
import sys
from functools import cache

__all__ = ["give_back"]


@cache
def _libc():
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None


def give_back():
    """Give what is free of the heap back to the system, where there is glibc.

    What images leave behind is mostly free, but in pieces, and glibc gives only the
    heap's free end back by itself. That it does not take large arrays from the heap at
    all could be had with mallopt; every array then costs page faults, and a run takes
    half as long again.
    """
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)
