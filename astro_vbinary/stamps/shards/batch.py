"""Read many stamps of shards in few, long reads."""

from dataclasses import dataclass

import numpy as np

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps.shards.format import COLUMNS, PIXEL_TYPES
from astro_vbinary.stamps.shards.reading import open_shard

__all__ = ["BATCH_COLUMNS", "PackedBatch", "read_packed"]

#: Columns that a batch has unless others are asked for: all that are numbers, but for
#: where the bytes are.
BATCH_COLUMNS = tuple(
    column.name
    for column in COLUMNS
    if column.dtype in ("f8", "i8", "?")
    and not column.name.endswith(("_offset", "_size", "size", "number", "healpix"))
)

#: Gaps between wanted rows that are read along, in bytes and in rows: a read of its
#: own costs as much.
BYTE_GAP, ROW_GAP = 2**18, 2000

#: Most bytes of one read.
LONGEST_READ = 2**26

_BY_NAME = {column.name: column for column in COLUMNS}


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """Stamps as they are in shards, in the order in which they were asked for.

    Parameters
    ----------
    headers : list of memoryview
        Bytes of the header of each; empty where ``plain`` is False.
    images : list of `~numpy.ndarray` or None
        Pixels of each, shape (ny, nx), in the type and byte order of the file and
        before BSCALE and BZERO; None where ``plain`` is False. They are read-only
        views of what was read together: keep copies, not them.
    columns : dict of str to `~numpy.ndarray` or list of str
        Columns of the index by name (``crpix1``, ``cd1_1``, ``wcs_plain``, ``mjd``...),
        one value a stamp.
    errors : dict of int to `~astro_vbinary.exceptions.UnreadableStampError`
        Stamps whose shard could not be read, by their place; they have defaults in
        ``columns``.
    """

    headers: list
    images: list
    columns: dict
    errors: dict

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        plain = sum(image is not None for image in self.images)
        return f"<PackedBatch of {len(self)} stamps, {plain} plain>"


def read_packed(files, *, columns=BATCH_COLUMNS):
    """Read headers, pixels and columns of many stamps at once.

    Each shard is opened once in a process. The bytes are not checked against their
    SHA-256, as they are where a single stamp is read. Stamps that are not ``plain``
    (compressed files, cubes, several extensions) have only their columns here: read
    them one by one.

    Parameters
    ----------
    files : sequence of `StampFile` or `~astro_vbinary.stamps.PackedStamp`
        Files in shards.
    columns : sequence of str, optional
        Names of the columns that are wanted; by default all numbers.

    Returns
    -------
    `~astro_vbinary.stamps.PackedBatch`
        The stamps, in the order of the files.

    Raises
    ------
    ValueError
        If a file is in no shard, or a column is unknown.
    """
    unknown = set(columns) - set(_BY_NAME)
    if unknown:
        known = ", ".join(_BY_NAME)
        raise ValueError(f"no column {', '.join(sorted(unknown))}; known: {known}")
    places = {}
    for number, file in enumerate(files):
        packed = getattr(file, "packed", file)
        if not hasattr(packed, "shard"):
            raise ValueError(f"{file} is in no shard")
        places.setdefault(packed.shard, ([], []))
        places[packed.shard][0].append(number)
        places[packed.shard][1].append(packed.row)
    total = len(files)
    batch = PackedBatch(
        headers=[memoryview(b"")] * total,
        images=[None] * total,
        columns={name: _empty(name, total) for name in columns},
        errors={},
    )
    for path, (numbers, rows) in places.items():
        try:
            _fill(batch, open_shard(path), np.array(numbers), np.array(rows))
        except (UnreadableStampError, OSError) as error:
            failed = UnreadableStampError(str(error))
            batch.errors.update(dict.fromkeys(numbers, failed))
    return batch


def _empty(name, total):
    column = _BY_NAME[name]
    if column.dtype == "str":
        return [column.default] * total
    return np.full(total, column.default, column.dtype)


def _fill(batch, shard, numbers, rows):
    """Put what one shard holds of a batch in its places."""
    if rows.min() < 0 or rows.max() >= len(shard):
        raise UnreadableStampError(f"the shard {shard.path} has {len(shard)} rows only")
    order = np.argsort(rows, kind="stable")
    numbers, rows = numbers[order], rows[order]
    shape = {
        name: _take(shard, name, rows)
        for name in ("plain", "bitpix", "naxis1", "naxis2")
    }
    headers, images = [memoryview(b"")] * len(rows), [None] * len(rows)
    plain = np.flatnonzero(shape["plain"])
    for number, part in zip(plain, _parts(shard, "header", rows[plain]), strict=True):
        headers[number] = memoryview(part)
    sizes = zip(*(shape[n][plain].tolist() for n in list(shape)[1:]), strict=True)
    parts = _parts(shard, "image", rows[plain])
    for number, part, (bitpix, nx, ny) in zip(plain, parts, sizes, strict=True):
        try:
            images[number] = part.view(PIXEL_TYPES[bitpix]).reshape(ny, nx)
        except (KeyError, ValueError) as error:
            raise UnreadableStampError(
                f"row {rows[number]} of the shard {shard.path} is damaged: an image of "
                f"{nx} x {ny} px of type {bitpix} has {part.size} bytes"
            ) from error
    values = {name: shape.get(name) for name in batch.columns}
    for name in batch.columns:
        if values[name] is None:
            values[name] = _take(shard, name, rows)
    # Only now, so that a stamp has all or nothing.
    for number, header, image in zip(numbers.tolist(), headers, images, strict=True):
        batch.headers[number], batch.images[number] = header, image
    for name, column in batch.columns.items():
        if isinstance(column, list):
            for number, value in zip(numbers.tolist(), values[name], strict=True):
                column[number] = value
        else:
            column[numbers] = values[name]


def _take(shard, name, rows):
    """Values of a column in rows that are in order."""
    taken = []
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > ROW_GAP) + 1):
        values = shard.column(name, slice(int(run[0]), int(run[-1]) + 1))
        if isinstance(values, list):
            taken += [values[row] for row in (run - run[0]).tolist()]
        else:
            taken.append(values[run - run[0]])
    return taken if _BY_NAME[name].dtype == "str" else np.concatenate(taken)


def _parts(shard, part, rows):
    """Bytes of one part of each of the rows, which are in order."""
    if not rows.size:
        return
    offset, size = (values[rows] for values in shard.extent(part))
    if offset.min() < 0 or size.min() < 0 or (np.diff(offset) < 0).any():
        raise UnreadableStampError(
            f"the shard {shard.path} is damaged: its {part} bytes are out of order"
        )
    stop = offset + size
    first = 0
    while first < len(rows):
        # As far as there is no gap and the read is not too long.
        last = int(np.searchsorted(stop, offset[first] + LONGEST_READ, side="right"))
        last = max(last, first + 1)
        gaps = np.flatnonzero(
            offset[first + 1 : last] - stop[first : last - 1] > BYTE_GAP
        )
        last = first + int(gaps[0]) + 1 if gaps.size else last
        begin = int(offset[first])
        values = shard.read_bytes(part, begin, int(stop[first:last].max()))
        values.flags.writeable = False
        starts = (offset[first:last] - begin).tolist()
        stops = (stop[first:last] - begin).tolist()
        for start, end in zip(starts, stops, strict=True):
            yield values[start:end]
        first = last
