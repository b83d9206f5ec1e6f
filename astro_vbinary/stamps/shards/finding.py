"""Find shards among files, and make entries of an index of their rows."""

from dataclasses import replace
from pathlib import Path

from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps.naming import has_fits_suffix
from astro_vbinary.stamps.shards.format import is_shard_folder
from astro_vbinary.stamps.shards.packed import PackedStamp

__all__ = ["find_packing", "looks_like_shard", "read_entries"]

#: How every HDF5 file begins (HDF5 File Format Specification 3.0, section II.A).
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

#: Endings of shards in a folder. Those of one that is named itself do not matter.
SUFFIXES = (".hdf5", ".h5")


def looks_like_shard(path, *, named=False):
    """Whether a file is a shard, or should be one.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    named : bool, optional
        Whether the user named the file itself, and not its folder: then any HDF5
        file should be one.

    Returns
    -------
    bool
        True also for a damaged one in a folder of shards.
    """
    has_suffix = path.suffix.lower() in SUFFIXES
    if has_suffix and is_shard_folder(path.parent.name):
        return True
    if has_fits_suffix(path.name) or not (named or has_suffix):
        return False
    if not _begins_as_hdf5(path):
        return False
    if named:
        return True
    from astro_vbinary.stamps.shards.reading import Shard

    try:
        Shard.open(path).close()
    except (UnreadableStampError, FileNotFoundError):
        return False
    return True


def find_packing(path):
    """The folder of shards that a shard is one of.

    Parameters
    ----------
    path : `~pathlib.Path`
        A shard.

    Returns
    -------
    `~pathlib.Path`
        The folder with all shards of one packing; the shard where it is alone.
    """
    return path.parent.parent if is_shard_folder(path.parent.name) else path


def read_entries(paths, *, place, check, reject):
    """Entries for the files in the shards of one packing, in their first order.

    Parameters
    ----------
    paths : iterable of `~pathlib.Path`
        The shards.
    place : callable
        Makes the entry of a file from its path, by its name.
    check : callable
        Makes the entry of a file from its path, source, survey, band, HDU and target.
    reject : callable
        Makes the entry of a shard that cannot be read from its path and the reason.

    Returns
    -------
    list
        Of `StampFile` and `RejectedFile`.
    """
    entries, failed = [], []
    for path in paths:
        try:
            entries += _entries(path, place, check)
        except (UnreadableStampError, FileNotFoundError) as error:
            failed.append(reject(path, reason=str(error)))
    entries.sort(key=lambda item: item[0])
    return [entry for _, entry in entries] + failed


def _entries(path, place, check):
    from astro_vbinary.stamps.shards.reading import open_shard

    shard = open_shard(path)
    names = ("number", "name", "object_id", "survey", "image_band", "hdu")
    columns = [shard.column(name) for name in names]
    places = zip(*(shard.column(n) for n in ("ra", "dec", "target_given")), strict=True)
    rows = zip(*columns, places, strict=True)
    where, digest, entries = str(path), shard.digest[:16], []
    for row, (number, name, source, survey, band, hdu, position) in enumerate(rows):
        packed = PackedStamp(where, row, name, digest)
        if source or survey:
            ra, dec, given = position
            target = SkyCoord(ra, dec, unit="deg") if given else None
            hdu = int(hdu) if hdu.isdigit() else hdu or None
            entry = check(
                packed.path, source or None, survey or None, band or None, hdu, target
            )
        else:
            entry = place(packed.path)
        entries.append((number, replace(entry, packed=packed)))
    return entries


def _begins_as_hdf5(path):
    try:
        with Path(path).open("rb") as file:
            return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
    except OSError:
        return False
