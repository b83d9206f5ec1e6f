"""Members of a tar or zip that a server sent, read in memory, within limits."""

import io
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import FetchError

__all__ = ["read_members"]

#: How many members are looked at, and how many bytes are taken of all of them.
MAX_COUNT, MAX_BYTES = 10_000, 1 << 30

#: How zips and compressed tars begin.
_BEGINNINGS = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")


def read_members(content, *, max_count=MAX_COUNT, max_bytes=MAX_BYTES):
    """The regular files in a tar or zip, without writing any.

    A name tells what a member is, and is never to be made part of a path.

    Parameters
    ----------
    content : bytes
        The tar (plain, ``.gz``, ``.bz2`` or ``.xz``) or zip.
    max_count : int, optional
        The most members there may be, of any kind.
    max_bytes : int, optional
        The most bytes that all may hold together, unpacked.

    Yields
    ------
    name : str
        The member's name.
    data : bytes
        Its content.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        As ``not_fits`` where it is neither tar nor zip, exceeds a limit, or has a
        link, a device, or a name that leads out of its folder; as ``truncated`` where
        it is cut short.
    """
    try:
        if content.startswith(b"PK"):
            yield from _from_zip(content, max_count, max_bytes)
        else:
            yield from _from_tar(content, max_count, max_bytes)
    except (tarfile.ReadError, zipfile.BadZipFile) as error:
        # What begins as one and cannot be read to its end is taken to be cut short.
        begun = content.startswith(_BEGINNINGS) or content[257:262] == b"ustar"
        outcome = Outcome.TRUNCATED if begun else Outcome.NOT_FITS
        raise FetchError(outcome, f"no whole tar or zip: {error}") from error
    except EOFError as error:
        raise FetchError(Outcome.TRUNCATED, f"cut short: {error}") from error
    except (OSError, zlib.error, tarfile.TarError, RuntimeError) as error:
        if isinstance(error, FetchError):
            raise
        raise FetchError(Outcome.NOT_FITS, f"damaged archive: {error}") from error


def check_name(name):
    """Refuse a member's name that leads out of its folder.

    Parameters
    ----------
    name : str
        The name.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If it does, as ``not_fits``.
    """
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    outside = windows.is_absolute() or posix.is_absolute() or windows.drive
    if outside or ".." in windows.parts or "\0" in name or windows.root:
        raise FetchError(
            Outcome.NOT_FITS, f"a member of the archive is called {name!r}"
        )


class _Budget:
    def __init__(self, max_count, max_bytes):
        self.max_count, self.max_bytes = max_count, max_bytes
        self.count, self.bytes = 0, 0

    def take(self, size):
        self.count += 1
        self.bytes += size
        if self.count > self.max_count:
            raise FetchError(
                Outcome.NOT_FITS, f"an archive of more than {self.max_count} members"
            )
        if self.bytes > self.max_bytes:
            raise FetchError(
                Outcome.NOT_FITS,
                f"an archive that unpacks to more than {self.max_bytes} bytes",
            )


def _from_tar(content, max_count, max_bytes):
    budget = _Budget(max_count, max_bytes)
    # As a stream, so that a huge list of members is never made; each is dropped.
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|*") as tar:
        for member in tar:
            tar.members = []
            budget.take(max(member.size, 0))
            check_name(member.name)
            if member.isdir():
                continue
            if not member.isreg():
                raise FetchError(
                    Outcome.NOT_FITS,
                    f"member {member.name!r} of the archive is a link or a device",
                )
            data = tar.extractfile(member).read()
            if len(data) != member.size:
                raise FetchError(Outcome.TRUNCATED, f"{member.name!r} is cut short")
            yield member.name, data


def _from_zip(content, max_count, max_bytes):
    budget = _Budget(max_count, max_bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            budget.take(info.file_size)
            check_name(info.filename)
            if info.is_dir():
                continue
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                raise FetchError(
                    Outcome.NOT_FITS,
                    f"member {info.filename!r} of the archive is a link or a device",
                )
            with archive.open(info) as member:
                # The size that it states may be a lie.
                data = member.read(info.file_size + 1)
            if len(data) != info.file_size:
                raise FetchError(
                    Outcome.NOT_FITS, f"{info.filename!r} is not of the size it states"
                )
            yield info.filename, data
