"""How many stacks a network sees at a time."""

__all__ = ["CPU_BATCH", "choose_batch_size"]

#: On a CPU more stacks at a time are no faster, and take more memory
#: (``benchmarks.throughput.inference``).
CPU_BATCH = 32

#: On a GPU: at most so many, with so much of the memory that is free (bytes).
LARGEST, SHARE = 1024, 0.5

#: Bands of a stack and its sum, and bytes that a network of the width of ResNet34
#: needs for a pixel of each: 64 channels at a quarter of the pixels, single precision,
#: some four of them at a time.
IMAGES, PIXEL_BYTES = 6, 256


def choose_batch_size(device, side):
    """Stacks that fit on a device, and keep it busy.

    Parameters
    ----------
    device : `torch.device`
        Where the network is.
    side : int
        Pixels along each axis of the stacks' grid.

    Returns
    -------
    int
        At least 1.
    """
    if device.type != "cuda":
        return CPU_BATCH
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return fitting(free, side)


def fitting(free, side):
    """Stacks that fit into the memory of a GPU.

    Parameters
    ----------
    free : int
        Bytes that are free.
    side : int
        Pixels along each axis of the stacks' grid.

    Returns
    -------
    int
        At least 1, a power of two.
    """
    most = int(SHARE * free / (IMAGES * PIXEL_BYTES * side**2))
    most = max(min(most, LARGEST), 1)
    return 1 << (most.bit_length() - 1)
