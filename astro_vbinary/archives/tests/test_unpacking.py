"""Tars and zips from outside: read in memory, and never trusted."""

import io
import tarfile
import zipfile

import pytest

from astro_vbinary.archives import Outcome, read_members
from astro_vbinary.exceptions import FetchError


def make_tar(members, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for member, data in members:
            if isinstance(member, str):
                member = tarfile.TarInfo(member)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_zip(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


GOOD = [("a/1.fits", b"one"), ("2.fits", b"two" * 1000)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_are_read(mode):
    assert list(read_members(make_tar(GOOD, mode))) == GOOD


def test_zips_are_read():
    assert list(read_members(make_zip(GOOD))) == GOOD


NAMES = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "C:\\x",
    "\\\\host\\x",
    "..\\x",
    "a\\..\\x",
]


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_are_refused(make, name):
    with pytest.raises(FetchError, match="called") as caught:
        list(read_members(make([(name, b"x")])))
    assert caught.value.outcome == Outcome.NOT_FITS


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(kind):
    member = tarfile.TarInfo("innocent.fits")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(FetchError, match="link or a device"):
        list(read_members(make_tar([(member, b"")])))


def test_a_link_in_a_zip_is_refused():
    info = zipfile.ZipInfo("innocent.fits")
    info.external_attr = 0o120777 << 16
    with pytest.raises(FetchError, match="link or a device"):
        list(read_members(make_zip([(info, b"/etc/passwd")])))


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_too_many_members_are_not_read(make):
    content = make([(f"{n}.fits", b"") for n in range(50)])
    seen = []
    with pytest.raises(FetchError, match="more than 20 members"):
        seen.extend(read_members(content, max_count=20))
    assert len(list(read_members(content, max_count=50))) == 50


@pytest.mark.parametrize("make", [lambda members: make_tar(members, "w:gz"), make_zip])
def test_too_many_bytes_are_not_read(make):
    content = make([(f"{n}.fits", bytes(10**6)) for n in range(20)])
    assert len(content) < 10**6
    seen = []
    members = read_members(content, max_bytes=5 * 10**6)
    with pytest.raises(FetchError, match="more than 5000000 bytes"):
        seen.extend(members)
    assert sum(len(data) for _, data in seen) <= 5 * 10**6


def test_a_million_files_are_stopped_early():
    # As a million of them would begin.
    member = tarfile.TarInfo("x").tobuf()
    content = member * 100_000
    with pytest.raises(FetchError, match="more than 10000 members"):
        list(read_members(content))


def test_half_an_archive_is_truncated():
    for content in (make_tar(GOOD, "w:gz"), make_zip(GOOD)):
        with pytest.raises(FetchError) as caught:
            list(read_members(content[: len(content) // 2]))
        assert caught.value.outcome == Outcome.TRUNCATED


def test_an_error_page_is_no_archive():
    with pytest.raises(FetchError) as caught:
        list(read_members(b"<html>Service is down</html>"))
    assert caught.value.outcome == Outcome.NOT_FITS


def test_a_zip_that_lies_about_sizes_is_refused():
    content = bytearray(make_zip([("a", bytes(10**6))]))
    lie = (100).to_bytes(4, "little")
    for start in (22, content.index(b"PK\x01\x02") + 24):
        content[start : start + 4] = lie
    with pytest.raises(FetchError):
        list(read_members(bytes(content)))
