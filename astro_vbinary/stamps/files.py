"""Find files in folders, without being led astray by what else is there."""

from pathlib import Path

from astro_vbinary.stamps.container import FITS_MAGIC

__all__ = ["begins_as_fits", "find_files"]


def begins_as_fits(path):
    """Whether a file's first bytes are those of a FITS file.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Returns
    -------
    bool
        False also where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(FITS_MAGIC)) == FITS_MAGIC
    except OSError:
        return False


def find_files(paths, *, recursive=True):
    """Files among the paths and in the folders among them, each once.

    Parameters
    ----------
    paths : iterable of str or `~pathlib.Path`
        Files and folders.
    recursive : bool, optional
        Whether folders in folders are searched too. A folder is entered once, so
        that links may form loops.

    Yields
    ------
    path : `~pathlib.Path`
        A file, or a folder that cannot be listed.
    named : bool
        Whether it is one of the paths themselves.
    reason : str or None
        Why it cannot be read, where that is plain to see.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    """
    seen, entered = set(), set()
    for given in paths:
        given = Path(given)
        if not given.exists():
            raise FileNotFoundError(f"there is no file or folder {given}")
        found = [(given, True, None)]
        if given.is_dir():
            found = _walk(given, recursive, entered)
        for path, named, reason in found:
            key = path.absolute()
            if key not in seen:
                seen.add(key)
                yield path, named, reason


def _walk(folder, recursive, entered):
    status = folder.stat()
    if (status.st_dev, status.st_ino) in entered:
        return
    entered.add((status.st_dev, status.st_ino))
    try:
        items = sorted(folder.iterdir())
    except OSError as error:
        yield folder, True, f"the folder cannot be listed: {error}"
        return
    for item in items:
        if item.name.startswith("."):
            continue
        if item.is_dir():
            if recursive:
                yield from _walk(item, recursive, entered)
        elif item.is_file():
            yield item, False, None
        elif not item.exists():
            yield item, False, "the link leads nowhere"
        # Pipes, sockets and devices are no files: reading one may never end.
