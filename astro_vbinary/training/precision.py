"""Whether a device computes faster in bfloat16 than in single precision."""

import time
from functools import cache

__all__ = ["gains_from_bfloat16"]


@cache
def gains_from_bfloat16(device="cpu"):
    """Whether convolutions gain from bfloat16.

    A GPU is asked; on a CPU a few small products are timed in both, which takes
    milliseconds: processors without instructions for bfloat16 emulate them, and are
    many times slower so.

    Parameters
    ----------
    device : str, optional
        Device of torch.

    Returns
    -------
    bool
        Always the same for one device within one process.
    """
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported()
    if kind != "cpu":
        return False
    times = []
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones((256, 256), dtype=dtype)
        spent = []
        for _ in range(4):
            start = time.perf_counter()
            matrix @ matrix
            spent.append(time.perf_counter() - start)
        times.append(min(spent))
    return times[1] < times[0]
