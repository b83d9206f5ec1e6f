"""Where the bytes of a packed stamp are."""

import io
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PackedStamp"]


@dataclass(frozen=True, slots=True)
class PackedStamp:
    """One FITS file in a shard; whatever reads a stamp takes it instead of a path.

    It holds no open file, so that it can be sent to other processes.

    Parameters
    ----------
    shard : str
        Path of the shard.
    row : int
        Row of the file in the shard.
    member : str
        The file, from the folder that was packed, with ``/`` between folders.
    digest : str, optional
        What the shard's attribute ``digest`` begins with, so that a row of a shard
        that was replaced is not taken for what it was. Not compared where it is empty.
    """

    shard: str
    row: int
    member: str
    digest: str = ""

    @property
    def name(self):
        """Name of the file without its folder (str)."""
        return self.member.rpartition("/")[2]

    @property
    def path(self):
        """The shard's path and in it the file's (`~pathlib.Path`), for messages."""
        return Path(self.shard, self.member)

    def open(self, mode="rb"):
        """The content of the file, as a stream.

        Parameters
        ----------
        mode : {"rb"}, optional
            As for files.

        Returns
        -------
        io.BytesIO
            The bytes of the file, checked against their SHA-256.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If the shard cannot be read, or the bytes are not those that were packed.
        FileNotFoundError
            If there is no such shard.
        ValueError
            If the mode is another one.
        """
        from astro_vbinary.stamps.shards.reading import open_shard

        if mode != "rb":
            raise ValueError(f"a packed stamp is opened with mode 'rb', not {mode!r}")
        return io.BytesIO(open_shard(self.shard, digest=self.digest).content(self.row))

    def __str__(self):
        return str(self.path)
