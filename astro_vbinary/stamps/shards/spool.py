"""Rows of one shard on their way into it.

How many bytes a shard will have is known at the end only, and HDF5 reads best what
lies in one piece. So the bytes wait in plain files, the rows in lines of JSON, and
memory holds neither.
"""

import hashlib
import json
from contextlib import ExitStack
from itertools import islice

import numpy as np

from astro_vbinary.stamps.shards.format import (
    COLUMNS,
    FORMAT,
    NSIDE,
    PARTS,
    SHARD_NAME,
    VERSION,
    pixel_folder,
)
from astro_vbinary.stamps.shards.sink import open_sink

__all__ = ["Spool"]

#: Rows, and bytes, that are in memory at a time.
ROW_BLOCK, BYTE_BLOCK = 10_000, 8 * 2**20

#: Size of what is compressed as one piece, in rows and in bytes.
ROW_CHUNK, BYTE_CHUNK = 4096, 2**18


class Spool:
    """What waits to become one shard.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder of all shards; the shard gets one of its own in it.
    pixel : int
        HEALPix pixel of the shard.
    """

    def __init__(self, folder, pixel):
        self.folder = folder / pixel_folder(pixel)
        self.pixel = pixel
        self.rows = 0
        self._ends = dict.fromkeys(PARTS, 0)

    def add(self, files):
        """Add files, which get rows beside each other.

        Parameters
        ----------
        files : iterable of (dict, bytes)
            Values of the columns as `describe_file` gives them, and the content.
        """
        self.folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            parts = {
                part: stack.enter_context(self._part(part).open("ab")) for part in PARTS
            }
            lines = stack.enter_context(self._part("rows").open("a"))
            for row, content in files:
                row, start = {**row, "healpix": self.pixel}, 0
                for part in PARTS:
                    stop = start + row[f"{part}_size"]
                    row[f"{part}_offset"] = self._ends[part]
                    parts[part].write(content[start:stop])
                    self._ends[part] += stop - start
                    start = stop
                lines.write(json.dumps(row) + "\n")
                self.rows += 1

    def finish(self, *, compression=None):
        """Write the shard, and remove what has waited.

        Parameters
        ----------
        compression : {None, "gzip"}, optional
            How columns and bytes are compressed.

        Returns
        -------
        `~pathlib.Path`
            The shard.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        import h5py

        path = self.folder / SHARD_NAME
        with open_sink(path) as sink, h5py.File(sink, "w") as file:
            file.attrs.update(
                {
                    "format": FORMAT,
                    "version": VERSION,
                    "digest": self._digest(),
                    "healpix": self.pixel,
                    "healpix_nside": NSIDE,
                    "healpix_order": "nested",
                }
            )
            self._write_columns(file, compression)
            for part in PARTS:
                self._write_bytes(file, part, compression, sink)
        for part in (*PARTS, "rows"):
            self._part(part).unlink()
        return path

    def _digest(self):
        """What changes with any of the rows, and so with any of the files."""
        with self._part("rows").open("rb") as rows:
            return hashlib.file_digest(rows, "sha256").hexdigest()

    def _part(self, name):
        return self.folder / f"{name}.part"

    def _write_columns(self, file, compression):
        import h5py

        for column in COLUMNS:
            is_text = column.dtype == "str"
            dataset = file.create_dataset(
                column.name,
                shape=(self.rows,),
                dtype=h5py.string_dtype() if is_text else column.dtype,
                **_storage(compression, self.rows, ROW_CHUNK),
            )
            dataset.attrs["meaning"] = column.meaning
            if column.unit:
                dataset.attrs["unit"] = column.unit
        with self._part("rows").open() as lines:
            start = 0
            while block := [json.loads(line) for line in islice(lines, ROW_BLOCK)]:
                for column in COLUMNS:
                    values = [row.get(column.name, column.default) for row in block]
                    if column.dtype == "str":
                        values = np.array([_encode(text) for text in values], object)
                    else:
                        values = np.array(values, column.dtype)
                    file[column.name][start : start + len(block)] = values
                start += len(block)

    def _write_bytes(self, file, part, compression, sink):
        size = self._ends[part]
        dataset = file.create_dataset(
            f"{part}_bytes",
            shape=(size,),
            dtype="u1",
            **_storage(compression, size, BYTE_CHUNK),
        )
        with self._part(part).open("rb") as source:
            start = 0
            while sink.error is None and (block := source.read(BYTE_BLOCK)):
                dataset[start : start + len(block)] = np.frombuffer(block, "u1")
                start += len(block)


def _storage(compression, size, chunk):
    """How a dataset is laid out: in one piece unless it is compressed."""
    if compression is None or not size:
        return {}
    return {"compression": compression, "chunks": (min(size, chunk),)}


def _encode(text):
    # HDF5 ends text at a zero byte; names of files may be no UTF-8.
    return text.replace("\0", "").encode("utf-8", "surrogateescape")
