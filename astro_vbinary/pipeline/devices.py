"""Which device a name stands for, told by a process of its own.

Importing torch takes seconds and hundreds of megabytes, and a process that has touched
a GPU holds memory of it. So the process that only hands out work does neither.
"""

import os
import sys
from pathlib import Path

__all__ = ["find_device", "needs_a_look", "visible_gpus"]

#: On Linux, what is there where a GPU is: NVIDIA's, AMD's, and that of WSL.
GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def needs_a_look(device):
    """Whether only torch can tell what a device is.

    Parameters
    ----------
    device : str
        Its name, such as ``auto``.

    Returns
    -------
    bool
        False where it is the CPU without any doubt.
    """
    if device == "auto" and sys.platform == "linux":
        return any(Path(name).exists() for name in GPU_FILES)
    return device != "cpu"


def find_device(device):
    """The device that a name stands for, here.

    Parameters
    ----------
    device : str
        Its name, such as ``auto``.

    Returns
    -------
    device : str
        A name that torch knows.
    gpus : tuple of str
        The GPUs that processes can share, as ``CUDA_VISIBLE_DEVICES`` names them.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if not needs_a_look(device):
        return "cpu", ()
    import torch

    from astro_vbinary.classification.classifier import choose_device

    chosen = choose_device(device)
    if chosen.type != "cuda" or chosen.index is not None:
        return str(chosen), ()
    return "cuda", visible_gpus(torch.cuda.device_count())


def visible_gpus(count):
    """Names of the GPUs that this process may use.

    Parameters
    ----------
    count : int
        How many torch sees.

    Returns
    -------
    tuple of str
        As ``CUDA_VISIBLE_DEVICES`` has them: numbers, or the names of its entries.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in named.split(",") if name.strip()]
    return tuple(names[:count] if names else map(str, range(count)))
