import os
import re

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from astro_vbinary.exceptions import UnknownSurveyError
from astro_vbinary.stamps import NamingTemplate, StampFile, StampIndex
from astro_vbinary.stamps.tests.helpers_fits import write
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey

# No file is opened, so nearly any content will do.
CONTENT = b"not read"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "stamps"
    folder.mkdir()
    return folder


def fill(folder, *names, content=CONTENT):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(index):
    return [file.path.name for file in index]


def test_bands_of_one_source_are_one_group_in_the_surveys_order(folder):
    fill(folder, *(f"7_{band}_PanSTARRS.fits" for band in "grizy"))
    fill(folder, "7_stacked_PS1.fits", "7_odd_pan-starrs.fits", "8_Ks_2MASS.fits.gz")
    index = StampIndex.from_paths(folder)
    groups = index.groups()
    assert list(groups) == [("7", "Pan-STARRS"), ("8", "2MASS")]
    bands = [file.band for file in groups["7", "Pan-STARRS"]]
    assert bands == [None, *get_survey("Pan-STARRS").band_names, "odd"]
    assert sum(map(len, groups.values())) == len(index) == 8
    assert index.rejected == ()
    assert repr(index) == "<StampIndex: 8 files, 2 stacks, 0 rejected, 0 ignored>"


def test_what_counts_in_a_folder(folder):
    fill(folder, "1_g_SDSS9.fits", "2_g_SDSS9.txt", "3_g_SDSS9", "unnamed.fits")
    fill(folder, "4_g_Palomar.fits", ".5_g_SDSS9.fits", ".x/6_g_SDSS9.fits")
    fill(folder, "README.md", "7_g_Palomar.txt", "notes_of_mine.txt")
    write(folder / "8_g_SDSS9.dat.fits").rename(folder / "8_g_SDSS9.dat")
    write(folder / "noname.fits").rename(folder / "noname.dat")
    index = StampIndex.from_paths(folder)
    assert names(index) == [
        *("1_g_SDSS9.fits", "2_g_SDSS9.txt", "3_g_SDSS9", "8_g_SDSS9.dat"),
    ]
    rejected = {file.path.name: file.status for file in index.rejected}
    assert rejected == {
        "4_g_Palomar.fits": Status.UNKNOWN_SURVEY,
        "noname.dat": Status.UNNAMED,
        "unnamed.fits": Status.UNNAMED,
    }
    assert index.ignored == 3


def test_reasons_name_the_file_and_what_was_allowed(folder):
    fill(folder, "4_g_Palomar.fits", "unnamed.fits")
    unknown, unnamed = StampIndex.from_paths(folder).rejected
    assert (unknown.source, unknown.band, unknown.survey) == ("4", "g", "Palomar")
    with pytest.raises(UnknownSurveyError) as caught:
        get_survey("Palomar")
    assert unknown.reason == str(caught.value)
    assert "unnamed.fits" in unnamed.reason
    assert "{source}_{band}_{survey}" in unnamed.reason


def test_a_named_file_is_never_ignored(folder):
    fill(folder, "README.md", ".hidden_g_SDSS9.fits", "1_g_Palomar.txt")
    index = StampIndex.from_paths(
        [
            folder / "README.md",
            folder / ".hidden_g_SDSS9.fits",
            folder / "1_g_Palomar.txt",
        ]
    )
    assert names(index) == [".hidden_g_SDSS9.fits"]
    assert [file.status for file in index.rejected] == [
        Status.UNNAMED,
        Status.UNKNOWN_SURVEY,
    ]
    assert index.ignored == 0


def test_folders_in_folders_and_links_in_circles(folder):
    fill(folder, "a/1_g_SDSS9.fits", "a/b/2_g_SDSS9.fits", "3_g_SDSS9.fits")
    (folder / "a" / "b" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to("self")
    (folder / "4_g_SDSS9.fits").symlink_to(folder / "nowhere")
    index = StampIndex.from_paths(folder)
    assert sorted(names(index)) == [f"{n}_g_SDSS9.fits" for n in (1, 2, 3)]
    assert [(f.path.name, f.status) for f in index.rejected] == [
        ("4_g_SDSS9.fits", Status.UNREADABLE)
    ]
    flat = StampIndex.from_paths(folder, recursive=False)
    assert names(flat) == ["3_g_SDSS9.fits"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_block(folder):
    os.mkfifo(folder / "1_g_SDSS9.fits")
    fill(folder, "2_g_SDSS9.fits")
    assert names(StampIndex.from_paths(folder)) == ["2_g_SDSS9.fits"]


def test_a_path_that_is_given_twice_counts_once(folder):
    fill(folder, "1_g_SDSS9.fits", "2_g_SDSS9.fits")
    index = StampIndex.from_paths([folder / "2_g_SDSS9.fits", folder, str(folder)])
    assert names(index) == ["2_g_SDSS9.fits", "1_g_SDSS9.fits"]
    assert index.rejected == ()


def test_duplicates(folder):
    fill(folder, "1_K_2MASS.fits", "1_Ks_2mass.fit", "1_Ks_TWOMASS.fits.gz")
    index = StampIndex.from_paths(folder)
    assert names(index) == ["1_K_2MASS.fits"]
    assert {file.path.name for file in index.rejected} == {
        "1_Ks_2mass.fit",
        "1_Ks_TWOMASS.fits.gz",
    }
    for file in index.rejected:
        assert file.status is Status.DUPLICATE
        assert file.reason == f"duplicate of {folder / '1_K_2MASS.fits'}"
        assert (file.source, file.survey, file.band) == ("1", "2MASS", "Ks")


def test_own_templates(folder):
    fill(folder, "SDSS9-r-a_b.fits", "22_g_SDSS9.fits")
    index = StampIndex.from_paths(
        folder, templates=[NamingTemplate("{survey}-{band}-{source}.fits")]
    )
    assert list(index) == [StampFile(folder / "SDSS9-r-a_b.fits", "a_b", "SDSS9", "r")]
    assert [file.path.name for file in index.rejected] == ["22_g_SDSS9.fits"]
    no_survey = StampIndex.from_paths(folder, templates="{source}.fits")
    assert {file.status for file in no_survey.rejected} == {Status.UNNAMED}
    assert all("survey" in file.reason for file in no_survey.rejected)


def test_missing_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        StampIndex.from_paths([tmp_path, tmp_path / "nowhere"])


def test_an_empty_folder_is_an_empty_index(tmp_path):
    index = StampIndex.from_paths(tmp_path)
    assert (len(index), index.groups(), index.ignored) == (0, {}, 0)


def test_sequence(folder):
    fill(folder, "1_g_SDSS9.fits", "2_g_SDSS9.fits")
    index = StampIndex.from_paths(folder)
    assert index[-1].source == "2"
    assert index[0] in index
    assert [file.source for file in index[:1]] == ["1"]


def manifest(**columns):
    table = Table(
        {
            "path": ["a.fits", "sub/b.fits", "c.fits"],
            "source": [22466, 22466, 7],
            "survey": ["sdss9", "SDSS9", "JWST"],
            "band": ["g", "stacked", ""],
        }
    )
    for name, values in columns.items():
        table[name] = values
    return table


@pytest.mark.parametrize("form", ["ecsv", "csv", "fits"])
def test_manifest_from_a_file(folder, form):
    fill(folder, "a.fits", "sub/b.fits", "c.fits")
    path = folder / f"manifest.{form}"
    manifest(hdu=["1", "SCI", ""]).write(path)
    index = StampIndex.from_manifest(path)
    assert list(index) == [
        StampFile(folder / "a.fits", "22466", "SDSS9", "g", 1),
        StampFile(folder / "sub/b.fits", "22466", "SDSS9", None, "SCI"),
        StampFile(folder / "c.fits", "7", "JWST", None, None),
    ]


def test_manifest_with_positions_and_gaps(folder):
    fill(folder, "a.fits", "sub/b.fits", "c.fits")
    band = MaskedColumn(["g", "r", "i"], mask=[False, False, True])
    table = manifest(band=band, ra=[10.0, 20.0, np.nan], dec=[-5.0, 91.0, 0.0])
    table["dec"][1] = 5.0
    index = StampIndex.from_manifest(table, root=folder)
    assert [file.band for file in index] == ["g", "r", None]
    assert index[0].target.ra.deg == 10
    assert index[1].target.dec.deg == 5
    assert index[2].target is None


def test_manifest_units_of_positions(folder):
    fill(folder, "a.fits", "sub/b.fits", "c.fits")
    table = manifest(ra=np.radians([10.0, 20.0, 30.0]), dec=[0.0, 0.0, 0.0])
    table["ra"].unit = "rad"
    index = StampIndex.from_manifest(table, root=folder)
    assert [round(file.target.ra.deg, 9) for file in index] == [10, 20, 30]


def test_rows_that_cannot_be_placed(folder):
    fill(folder, "a.fits")
    table = manifest(survey=["SDSS9", "SDSS9", "Palomar"])
    table.add_row(["", "9", "JWST", "F090W"])
    index = StampIndex.from_manifest(table, root=folder)
    assert len(index) == 1
    assert [file.status for file in index.rejected] == [
        Status.UNREADABLE,
        Status.UNKNOWN_SURVEY,
        Status.UNNAMED,
    ]


def test_manifest_without_its_columns(tmp_path):
    table = Table({"path": ["a"], "filter": ["g"]})
    with pytest.raises(ValueError, match=re.escape("source, survey, band")) as caught:
        StampIndex.from_manifest(table)
    assert "path, filter" in str(caught.value)


def test_manifest_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        StampIndex.from_manifest(tmp_path / "nowhere.ecsv")
    (tmp_path / "m.ecsv").write_text("# %ECSV 1.0\nno table")
    with pytest.raises(ValueError, match="cannot be read"):
        StampIndex.from_manifest(tmp_path / "m.ecsv")


def test_real_folder(real_data):
    index = StampIndex.from_paths(real_data / "stamps")
    labels = Table.read(real_data / "labels.ecsv")
    wanted = set(zip(labels["source"], labels["survey"], strict=True))
    assert set(index.groups()) == wanted
    assert len(index) == len(list((real_data / "stamps").iterdir()))
    assert index.rejected == ()
