"""What packing or unpacking came to."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PackingReport"]


@dataclass(frozen=True)
class PackingReport:
    """What `~astro_vbinary.stamps.pack` or `~astro_vbinary.stamps.unpack` did.

    Parameters
    ----------
    files : int
        Number of FITS files that were packed, or restored.
    shards : int
        Number of shards that were written, or read.
    size : int
        Length of the FITS files in bytes.
    lost : tuple of (`~pathlib.Path`, str), optional
        What could not be packed or restored, with the reason.
    """

    files: int
    shards: int
    size: int
    lost: tuple[tuple[Path, str], ...] = ()
