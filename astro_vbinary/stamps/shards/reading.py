"""Open a shard and read what is in it."""

import hashlib
import os
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps.shards.format import COLUMNS, FORMAT, PARTS, VERSION

__all__ = ["Shard", "open_shard"]

#: Shards that a process keeps open.
MOST_OPEN = 16

#: Rows up to which the columns of an open shard are kept in memory.
KEPT_ROWS = 20_000

_open_shards = OrderedDict()


class Shard:
    """One shard, open for reading.

    Use `open`, which checks that the file is one.

    Parameters
    ----------
    file : `h5py.File`
        The open file.
    path : str
        Its path.

    Attributes
    ----------
    path : str
        Path of the shard.
    digest : str
        What changes with any of the files.
    """

    def __init__(self, file, path):
        self.path = path
        self.digest = ""
        self._file = file
        self._rows = 0
        self._pieces = {}
        self._extents = {}
        self._columns = {}

    @classmethod
    def open(cls, path):
        """Open a shard.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The shard.

        Returns
        -------
        Shard
            The shard; close it, or use it in a ``with`` statement.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If it is no shard, is damaged, or is of another version.
        FileNotFoundError
            If there is no such file.
        """
        import h5py

        path = os.fspath(path)
        if not Path(path).exists():
            raise FileNotFoundError(f"there is no shard {path}")
        try:
            file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise UnreadableStampError(
                f"the shard {path} cannot be opened: {_reason(error)}"
            ) from error
        shard = cls(file, path)
        try:
            shard._check()
        except BaseException:
            shard.close()
            raise
        return shard

    def _check(self):
        """Raise unless all columns are there, of one length, and so are the bytes."""
        with self._reads("its structure"):
            attributes = dict(self._file.attrs)
            if attributes.get("format") != FORMAT:
                raise UnreadableStampError(
                    f"{self.path} is an HDF5 file, but not a shard of stamps"
                )
            version = attributes.get("version")
            if version != VERSION:
                raise UnreadableStampError(
                    f"the shard {self.path} has version {version} of the format; this "
                    f"release reads version {VERSION}"
                )
            needed = [column.name for column in COLUMNS]
            missing = {*needed, *(f"{part}_bytes" for part in PARTS)} - set(self._file)
            if missing:
                raise UnreadableStampError(
                    f"the shard {self.path} is damaged: it has no "
                    f"{', '.join(sorted(missing))}"
                )
            lengths = {self._file[name].shape for name in needed}
        if len(lengths) != 1 or len(min(lengths)) != 1:
            raise UnreadableStampError(
                f"the shard {self.path} is damaged: its columns differ in length"
            )
        (self._rows,) = lengths.pop()
        self.digest = str(attributes.get("digest", ""))

    def __len__(self):
        return self._rows

    def column(self, name, rows=slice(None)):
        """Values of a column.

        Parameters
        ----------
        name : str
            One of `~astro_vbinary.stamps.shards.COLUMNS`.
        rows : slice, optional
            Which rows, without a step.

        Returns
        -------
        `~numpy.ndarray` or list of str
            One value a row; a list for text.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If the shard is damaged there.
        """
        if self._rows > KEPT_ROWS:
            return self._column(name, rows)
        if name not in self._columns:
            self._columns[name] = self._column(name, slice(None))
        return self._columns[name][rows]

    def _column(self, name, rows):
        with self._reads(f"the column {name}"):
            values = self._slice(name, *rows.indices(len(self))[:2])
            if values.dtype.kind != "O":
                return values
            # Names of files may be no UTF-8.
            return [value.decode("utf-8", "surrogateescape") for value in values]

    def extent(self, part):
        """Where each row's part of the bytes is.

        Parameters
        ----------
        part : str
            One of `~astro_vbinary.stamps.shards.format.PARTS`.

        Returns
        -------
        offset, size : `~numpy.ndarray` of int
            One value a row, in bytes.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If the shard is damaged there.
        """
        if part not in self._extents:
            offset, size = self.column(f"{part}_offset"), self.column(f"{part}_size")
            self._extents[part] = offset, size
        return self._extents[part]

    def read_bytes(self, part, start, stop):
        """Bytes of many rows in one go.

        Parameters
        ----------
        part : str
            One of `~astro_vbinary.stamps.shards.format.PARTS`.
        start, stop : int
            Where they are.

        Returns
        -------
        `~numpy.ndarray` of uint8
            Of length ``stop - start``.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If they are not all there.
        """
        with self._reads(f"the {part} bytes {start} to {stop}"):
            return self._slice(f"{part}_bytes", start, stop)

    def _slice(self, name, start, stop):
        """Part of a dataset, by the shortest way there is."""
        if name not in self._pieces:
            dataset = self._file[name]
            self._pieces[name] = dataset, dataset.dtype, len(dataset), _begin(dataset)
        dataset, dtype, length, begin = self._pieces[name]
        if not 0 <= start <= stop <= length:
            raise UnreadableStampError(
                f"the shard {self.path} is damaged: it has no {name} {start} to {stop}"
            )
        if begin is None:
            values = dataset[start:stop]
            values.flags.writeable = False
            return values
        # What lies in one piece needs no HDF5, whose every call costs more than
        # reading a stamp.
        descriptor = self._file.id.get_vfd_handle()
        size = (stop - start) * dtype.itemsize
        content = _read_at(descriptor, begin + start * dtype.itemsize, size)
        return np.frombuffer(content, dtype)

    def content(self, row):
        """A file as it was.

        Parameters
        ----------
        row : int
            The row.

        Returns
        -------
        bytes
            The content of the file.

        Raises
        ------
        ~astro_vbinary.exceptions.UnreadableStampError
            If it cannot be read, or is not what was packed.
        """
        if not 0 <= row < len(self):
            raise UnreadableStampError(f"the shard {self.path} has no row {row}")
        parts = []
        for part in PARTS:
            offset, size = (int(values[row]) for values in self.extent(part))
            if size:
                parts.append(self.read_bytes(part, offset, offset + size).tobytes())
        content = b"".join(parts)
        with self._reads(f"row {row}"):
            expected = self._slice("sha256", row, row + 1)[0].decode("ascii", "replace")
        if hashlib.sha256(content).hexdigest() != expected:
            raise UnreadableStampError(
                f"row {row} of the shard {self.path} is damaged: its bytes are not "
                "those that were packed (SHA-256)"
            )
        return content

    def close(self):
        """Close the file."""
        self._pieces.clear()
        self._file.close()

    @contextmanager
    def _reads(self, what):
        """Turn whatever a damaged file makes of h5py into one error."""
        try:
            yield
        except UnreadableStampError:
            raise
        # Damage can surface as nearly any of them.
        except Exception as error:
            raise UnreadableStampError(
                f"the shard {self.path} is damaged: {what} cannot be read: "
                f"{_reason(error)}"
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        return f"<Shard {self.path}: {len(self)} rows>"


def open_shard(path, *, digest=""):
    """A shard that is kept open for the next time, in this process.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The shard.
    digest : str, optional
        What its ``digest`` must begin with.

    Returns
    -------
    Shard
        The shard; it is not to be closed.

    Raises
    ------
    ~astro_vbinary.exceptions.UnreadableStampError
        If it is no shard, is damaged, is of another version, or was replaced.
    FileNotFoundError
        If there is no such file.
    """
    path = os.fspath(path)
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no shard {path}") from None
    except OSError as error:
        raise UnreadableStampError(f"the shard {path} cannot be opened: {error}") from (
            error
        )
    # A forked process opens its own, and a file that was replaced is opened anew.
    key = os.getpid(), path, status.st_ino, status.st_mtime_ns, status.st_size
    shard = _open_shards.get(key)
    if shard is None:
        shard = _open_shards[key] = Shard.open(path)
        while len(_open_shards) > MOST_OPEN:
            (owner, *_), oldest = _open_shards.popitem(last=False)
            if owner == os.getpid():
                oldest.close()
    _open_shards.move_to_end(key)
    if not shard.digest.startswith(digest):
        raise UnreadableStampError(
            f"the shard {path} was replaced since it was looked through: make the "
            "index anew"
        )
    return shard


def _begin(dataset):
    """Where a dataset begins in the file, if all of it lies there as it is."""
    plain = dataset.dtype.kind != "O" and dataset.chunks is None
    if not plain or dataset.external or not hasattr(os, "pread"):
        return None
    return dataset.id.get_offset()


def _read_at(descriptor, begin, size):
    """Bytes at a place of an open file."""
    content = os.pread(descriptor, size, begin)
    while len(content) < size:  # one call reads 2 GiB at most
        more = os.pread(descriptor, size - len(content), begin + len(content))
        if not more:
            raise OSError("it is cut short")
        content += more
    return content


def _reason(error):
    """What HDF5 says, without its own place in the code."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated file" in text:
        return "it is cut short"
    if "signature not found" in text:
        return "it is not an HDF5 file"
    return text
