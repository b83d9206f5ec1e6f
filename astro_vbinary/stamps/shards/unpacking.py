"""Restore FITS files from shards."""

import os
from pathlib import Path, PurePosixPath

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps.files import find_files
from astro_vbinary.stamps.shards.finding import looks_like_shard
from astro_vbinary.stamps.shards.packed import PackedStamp
from astro_vbinary.stamps.shards.reading import Shard
from astro_vbinary.stamps.shards.report import PackingReport

__all__ = ["unpack"]


def unpack(shards, output, *, overwrite=False, progress=False):
    """Restore the FITS files that are in shards, bit for bit.

    Every file is checked against its SHA-256. One that is damaged is not written, and
    does not stop the others.

    Parameters
    ----------
    shards : path or sequence of paths
        Shards, or folders of them.
    output : str or `~pathlib.Path`
        Folder for the files, and for the folders in which they were.
    overwrite : bool, optional
        Whether existing files may be replaced.
    progress : bool, optional
        Whether a terminal shows a progress bar.

    Returns
    -------
    `~astro_vbinary.stamps.PackingReport`
        How many files and shards, and what could not be restored.

    Raises
    ------
    FileExistsError
        If a file exists that is not to be replaced; nothing is written then.
    FileNotFoundError
        If a path does not exist.
    OSError
        If a file cannot be written.
    ValueError
        If there is no shard.
    """
    paths = [shards] if isinstance(shards, str | Path) else list(shards)
    found = [
        path
        for path, named, reason in find_files(paths)
        if reason is None and looks_like_shard(path, named=named)
    ]
    if not found:
        raise ValueError(f"there is no shard in {', '.join(map(str, paths))}")
    output, jobs, lost = Path(output), [], []
    for path in found:
        try:
            with Shard.open(path) as shard:
                names = shard.column("name")
        except UnreadableStampError as error:
            lost.append((path, str(error)))
            continue
        jobs.append((path, names))
    if not overwrite:
        _check_new(jobs, output)
    count, size, more = _restore(jobs, output, progress)
    return PackingReport(count, len(jobs), size, tuple(lost + more))


def _check_new(jobs, output):
    if not output.exists():
        return
    for _, names in jobs:
        for name in names:
            if _is_inside(name) and (output / name).exists():
                raise FileExistsError(
                    f"{output / name} exists; give overwrite to replace it"
                )


def _restore(jobs, output, progress):
    """Number and length of the files that were written, and what was not."""
    from tqdm import tqdm

    size, lost, written = 0, [], {}
    total = sum(len(names) for _, names in jobs)
    with tqdm(total=total, unit="file", disable=None if progress else True) as bar:
        for path, names in jobs:
            with Shard.open(path) as shard:
                for row, name in enumerate(names):
                    bar.update()
                    where = PackedStamp(str(path), row, name).path
                    try:
                        content = shard.content(row)
                        _check_name(name, shard, row)
                    except UnreadableStampError as error:
                        lost.append((where, str(error)))
                        continue
                    if name not in written:
                        _write(output / name, content)
                        written[name] = hash(content)
                        size += len(content)
                    # One file that holds several bands has several rows.
                    elif written[name] != hash(content):
                        lost.append((where, "another file of that name came first"))
    return len(written), size, lost


def _check_name(name, shard, row):
    if not _is_inside(name):
        raise UnreadableStampError(
            f"row {row} of the shard {shard.path} is damaged: {name!r} is no name of "
            "a file in a folder"
        )


def _is_inside(name):
    """Whether a name cannot lead out of the folder."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _write(path, content):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
