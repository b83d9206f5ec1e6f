"""Write many FITS files into few shards."""

import os
import shutil
from glob import escape
from itertools import chain
from pathlib import Path

import numpy as np

from astro_vbinary.stamps.index import StampIndex
from astro_vbinary.stamps.shards.describing import describe_file
from astro_vbinary.stamps.shards.format import NO_PIXEL, NSIDE, is_shard_folder
from astro_vbinary.stamps.shards.report import PackingReport
from astro_vbinary.stamps.shards.spool import Spool

__all__ = ["COMPRESSIONS", "pack"]

#: How shards can be compressed.
COMPRESSIONS = ("none", "gzip")


def pack(
    stamps, output, *, root=None, compression="none", overwrite=False, progress=False
):
    """Write stamps into shards: HDF5 files with one row for each FITS file.

    The files are kept bit for bit, so `~astro_vbinary.stamps.unpack` restores them,
    and whatever takes a folder of stamps takes the folder of shards. All files of a
    source go to the shard of one HEALPix pixel (nside 16, nested): that of its
    target, else of the centre of its first image. Damaged files and those whose names
    tell nothing are packed too; what is no stamp is not.

    Parameters
    ----------
    stamps : path, sequence of paths, or `StampIndex`
        Files, folders, or the index of them.
    output : str or `~pathlib.Path`
        Folder of the shards; it is there whole or not at all.
    root : str or `~pathlib.Path`, optional
        The folder from which files are named in the shards; by default the folder
        that was given, or the deepest one that holds all files.
    compression : {"none", "gzip"}, optional
        How shards are compressed. Reading is fastest from those that are not.
    overwrite : bool, optional
        Whether a folder of shards may be replaced. Nothing else ever is.
    progress : bool, optional
        Whether a terminal shows a progress bar.

    Returns
    -------
    `~astro_vbinary.stamps.PackingReport`
        How many files and shards, and which files could not be read.

    Raises
    ------
    FileExistsError
        If the output exists, unless it is a folder of shards to be replaced.
    FileNotFoundError
        If a path does not exist.
    OSError
        If the output cannot be written.
    ValueError
        If there is nothing to pack, two files have one name, or the compression is
        unknown.
    """
    if compression not in COMPRESSIONS:
        known = ", ".join(COMPRESSIONS)
        raise ValueError(f"unknown compression {compression!r}; known: {known}")
    output = Path(output)
    check_output(output, overwrite=overwrite)
    if not isinstance(stamps, StampIndex):
        if root is None and isinstance(stamps, str | Path) and Path(stamps).is_dir():
            root = stamps
        stamps = StampIndex.from_paths(stamps)
    entries = [*stamps, *stamps.rejected]
    names = _names(entries, root)
    output.parent.mkdir(parents=True, exist_ok=True)
    _check_room(entries, output)
    _remove_leftovers(output)
    part = _beside(output, "part")
    part.mkdir()
    try:
        report = _write(entries, names, part, compression, progress)
        _put(part, output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return report


def check_output(output, *, overwrite):
    """Raise unless shards can be written to a folder.

    Parameters
    ----------
    output : `~pathlib.Path`
        The folder.
    overwrite : bool
        Whether a folder of shards may be replaced.

    Raises
    ------
    FileExistsError
        If there is a file, or a folder with anything in it that is not to be
        replaced.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise FileExistsError(f"{output} exists and is no folder")
    items = list(output.iterdir())
    if not items:
        return
    strange = [item for item in items if not _is_ours(item)]
    if strange:
        raise FileExistsError(
            f"{output} holds other things than shards, such as {strange[0].name}; "
            "give another folder"
        )
    if not overwrite:
        raise FileExistsError(
            f"{output} has shards already; give overwrite to replace them"
        )


def _is_ours(item):
    """Whether a folder is that of a pixel, with nothing but shards in it."""
    return (
        item.is_dir()
        and is_shard_folder(item.name)
        and all(path.suffix == ".hdf5" for path in item.iterdir())
    )


def _names(entries, root):
    """Name of each file in the shards."""
    paths = {
        entry.path: _absolute(entry.path) for entry in entries if entry.packed is None
    }
    if root is None and paths:
        root = os.path.commonpath([Path(path).parent for path in paths.values()])
    names, seen = [], {}
    for entry in entries:
        if entry.packed is not None:
            name = entry.packed.member
        else:
            name = Path(os.path.relpath(paths[entry.path], root)).as_posix()
            if name.startswith("../"):
                raise ValueError(f"{entry.path} is not in the folder {root}")
        # A table may list one file for several bands.
        if seen.setdefault(name, entry.path) != entry.path:
            raise ValueError(
                f"{seen[name]} and {entry.path} would both be named {name}: pack them "
                "apart"
            )
        names.append(name)
    return names


def _absolute(path):
    # Links are not followed: a file has the name by which it was found.
    return os.path.normpath(Path(path).absolute())


def _check_room(entries, output):
    """Raise where it is plain from the start that the disk is too small."""
    needed = 0
    for entry in entries:
        if entry.packed is None and entry.path.is_file():
            needed += entry.path.stat().st_size
    free = shutil.disk_usage(output.parent).free
    if free < needed:
        raise OSError(
            f"no room for {output}: the stamps have {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free"
        )


def _write(entries, names, folder, compression, progress):
    from tqdm import tqdm

    spools, lost, size = {}, [], 0
    with tqdm(
        total=len(entries), unit="file", disable=None if progress else True
    ) as bar:
        for group in _sources(entries):
            files = []
            for number in group:
                entry = entries[number]
                try:
                    content, origin = _read(entry)
                except OSError as error:
                    reason = getattr(entry, "reason", None) or str(error)
                    lost.append((entry.path, reason))
                    continue
                row = _identity(entry) | {
                    "number": number,
                    "name": names[number],
                    "origin": origin,
                }
                row |= describe_file(
                    content,
                    entry.path,
                    hdu=getattr(entry, "hdu", None),
                    target=getattr(entry, "target", None),
                )
                files.append((row, content))
                size += len(content)
            pixel = _pixel([row for row, _ in files])
            if files:
                if pixel not in spools:
                    spools[pixel] = Spool(folder, pixel)
                spools[pixel].add(files)
            bar.update(len(group))
    if not spools:
        reason = f": {lost[0][0]}: {lost[0][1]}" if lost else ""
        raise ValueError(f"there is nothing to pack{reason}")
    for spool in tqdm(
        spools.values(), unit="shard", disable=None if progress else True
    ):
        spool.finish(compression=None if compression == "none" else compression)
    count = sum(spool.rows for spool in spools.values())
    return PackingReport(count, len(spools), size, tuple(lost))


def _sources(entries):
    """Numbers of the entries of each source, those of one survey beside each other."""
    groups = {}
    for number, entry in enumerate(entries):
        surveys = groups.setdefault(entry.source or number, {})
        surveys.setdefault(entry.survey, []).append(number)
    return [list(chain(*surveys.values())) for surveys in groups.values()]


def _read(entry):
    """Content of a file, and where it was to begin with."""
    if entry.packed is None:
        return entry.path.read_bytes(), _absolute(entry.path)
    from astro_vbinary.stamps.shards.reading import open_shard

    row = entry.packed.row
    shard = open_shard(entry.packed.shard, digest=entry.packed.digest)
    return shard.content(row), shard.column("origin", slice(row, row + 1))[0]


def _identity(entry):
    row = {
        "object_id": entry.source,
        "survey": entry.survey,
        "image_band": entry.band,
        "hdu": getattr(entry, "hdu", None),
    }
    return {name: str(value) for name, value in row.items() if value is not None}


def _pixel(rows):
    """The pixel of a source: that of its first position."""
    from astropy_healpix.healpy import ang2pix

    for row in rows:
        if "ra" in row and np.isfinite([row["ra"], row["dec"]]).all():
            return int(ang2pix(NSIDE, row["ra"], row["dec"], nest=True, lonlat=True))
    return NO_PIXEL


def _beside(output, what):
    """A hidden folder of this process beside the output."""
    return output.absolute().with_name(f".{output.name}.{os.getpid()}.{what}")


def _remove_leftovers(output):
    """Remove what runs that were killed have left."""
    prefix = f".{output.name}."
    for path in output.absolute().parent.glob(f"{escape(prefix)}*.part"):
        owner = path.name.removeprefix(prefix).removesuffix(".part")
        if owner.isdigit() and path.is_dir() and not _is_running(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process):
    if process == os.getpid():
        return False
    if os.name != "posix":  # there, signal 0 is not harmless
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _put(part, output):
    """Put a finished folder in its place."""
    old = _beside(output, "old")
    if output.exists():
        output.replace(old)
    try:
        part.replace(output)
    except OSError:
        if old.exists():
            old.replace(output)
        raise
    shutil.rmtree(old, ignore_errors=True)
