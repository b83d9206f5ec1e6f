"""How many threads torch uses."""

from contextlib import contextmanager

import torch

__all__ = ["one_thread"]


@contextmanager
def one_thread(device="cpu"):
    """Have torch use one thread: arrays of this size gain nothing from more.

    Where other programs want the same processors, threads that wait for each other
    at every step take several times as long.

    Parameters
    ----------
    device : str, optional
        Only the CPU's threads are changed.

    Yields
    ------
    None
        For the length of a ``with`` block.
    """
    before = torch.get_num_threads()
    if str(device) == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
