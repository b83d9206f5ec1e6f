"""Read many stamps of shards in few, long reads."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps.shards.format import COLUMNS, PIXEL_TYPES
from astro_vbinary.stamps.shards.reading import KEPT_ROWS, open_shard

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


def read_packed(files, *, columns=BATCH_COLUMNS, headers=True):
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
    headers : bool, optional
        Whether the headers are wanted.

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
        numbers, rows = places.setdefault((packed.shard, packed.digest), ([], []))
        numbers.append(number)
        rows.append(packed.row)
    total = len(files)
    batch = PackedBatch(
        headers=[memoryview(b"")] * total,
        images=[None] * total,
        columns={name: _empty(name, total) for name in columns},
        errors={},
    )
    for (path, digest), (numbers, rows) in places.items():
        try:
            shard = open_shard(path, digest=digest)
            _fill(batch, shard, np.array(numbers), np.array(rows), headers)
        except (UnreadableStampError, OSError) as error:
            failed = UnreadableStampError(str(error))
            batch.errors.update(dict.fromkeys(numbers, failed))
    return batch


def _empty(name, total):
    column = _BY_NAME[name]
    if column.dtype == "str":
        return [column.default] * total
    return np.full(total, column.default, column.dtype)


def _fill(batch, shard, numbers, rows, wanted):
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
    plain = np.flatnonzero(shape.pop("plain"))
    if wanted:
        parts = _headers(shard, rows[plain])
        for number, part in zip(plain.tolist(), parts, strict=True):
            headers[number] = part
    shapes = {name: values[plain] for name, values in shape.items()}
    for number, image in zip(
        plain.tolist(), _images(shard, rows[plain], **shapes), strict=True
    ):
        images[number] = image
    values = {name: _take(shard, name, rows) for name in batch.columns}
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
    if len(shard) <= KEPT_ROWS and _BY_NAME[name].dtype != "str":
        return shard.column(name)[rows]
    taken = []
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > ROW_GAP) + 1):
        values = shard.column(name, slice(int(run[0]), int(run[-1]) + 1))
        if isinstance(values, list):
            taken += [values[row] for row in (run - run[0]).tolist()]
        else:
            taken.append(values[run - run[0]])
    return taken if _BY_NAME[name].dtype == "str" else np.concatenate(taken)


def _headers(shard, rows):
    for content, starts, stops in _reads(shard, "header", rows):
        view = memoryview(content)
        pairs = zip(starts.tolist(), stops.tolist(), strict=True)
        yield from [view[start:stop] for start, stop in pairs]


def _images(shard, rows, bitpix, naxis1, naxis2):
    """Images of the rows, which are in order and plain."""
    done = 0
    for content, starts, stops in _reads(shard, "image", rows):
        part = slice(done, done + len(starts))
        kinds = np.stack([bitpix[part], naxis2[part], naxis1[part]], axis=1)
        # Images of one kind that lie beside each other are one array.
        differ = (np.diff(kinds, axis=0) != 0).any(axis=1)
        differ |= starts[1:] != stops[:-1]
        edges = [0, *(np.flatnonzero(differ) + 1).tolist(), len(starts)]
        for first, last in pairwise(edges):
            kind, ny, nx = kinds[first].tolist()
            values = content[starts[first] : stops[last - 1]]
            count = last - first
            pixel = np.dtype(PIXEL_TYPES.get(kind, "V"))
            if min(ny, nx) < 1 or values.size != count * ny * nx * pixel.itemsize:
                raise UnreadableStampError(
                    f"the shard {shard.path} is damaged: {count} images of {ny} x {nx} "
                    f"px of type {kind} have {values.size} bytes"
                )
            yield from values.view(pixel).reshape(count, ny, nx)
        done += len(starts)


def _reads(shard, part, rows):
    """One part of the rows, which are in order, in as few reads as make sense.

    Yields the bytes of many rows, and where in them each row's begin and end.
    """
    if not rows.size:
        return
    offset, size = (values[rows] for values in shard.extent(part))
    stop = offset + size
    if size.min() < 0 or (np.diff(offset) < 0).any() or (np.diff(stop) < 0).any():
        raise UnreadableStampError(
            f"the shard {shard.path} is damaged: its {part} bytes are out of order"
        )
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
        content = shard.read_bytes(part, begin, int(stop[last - 1]))
        yield content, offset[first:last] - begin, stop[first:last] - begin
        first = last
