import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.vetting import (
    ANNOTATION_LABELS,
    Annotation,
    read_annotations,
    write_annotations,
)

words = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), max_size=12
)


def test_the_labels_are_those_that_training_reads():
    assert list(ANNOTATION_LABELS) == ["binary", "not_binary", "unsure", "bad_image"]


def test_the_table_has_the_columns_that_training_reads(tmp_path):
    path = tmp_path / "labels.ecsv"
    write_annotations([Annotation("007", label="binary", ra=83.8, dec=-5.4)], path)
    table = Table.read(path)
    assert table.colnames == [
        "source", "survey", "label", "annotator", "time", "note", "images", "ra", "dec"
    ]  # fmt: skip
    assert table["source"][0] == "007"
    assert str(table["ra"].unit) == "deg"


@settings(max_examples=25)
@given(
    source=words.filter(bool),
    label=st.sampled_from(list(ANNOTATION_LABELS)),
    note=words,
    annotator=words,
    ra=st.floats(0, 360),
    ending=st.sampled_from([".ecsv", ".csv"]),
)
def test_labels_come_back_as_they_were(
    tmp_path_factory, source, label, note, annotator, ra, ending
):
    path = tmp_path_factory.mktemp("labels") / f"labels{ending}"
    given_ = Annotation(source, "HST", label, annotator, "t", note, ("a.fits", "b"), ra)
    write_annotations([given_, Annotation("1", label="unsure")], path)
    first, second = read_annotations(path)
    assert first.source == source
    assert (first.label, first.note, first.annotator) == (label, note, annotator)
    assert (first.images, first.survey) == (("a.fits", "b"), "HST")
    assert first.ra == ra
    assert np.isnan(first.dec)
    assert (second.source, second.images) == ("1", ())


def test_no_labels_make_a_table_without_rows(tmp_path):
    write_annotations([], tmp_path / "labels.ecsv")
    assert read_annotations(tmp_path / "labels.ecsv") == []


def test_a_small_table_of_a_users_own_is_enough(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "source,label,survey\n007,binary,panstarrs\nx,not_binary,My Survey\n"
    )
    first, second = read_annotations(path, annotator="ada")
    assert (first.source, first.survey, first.annotator) == ("007", "Pan-STARRS", "ada")
    assert second.survey == "My Survey"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,kind\n1,binary\n", "no column label"),
        ("source,label\n1,binary\n2,maybe\n", "row 2: unknown label 'maybe'"),
        ("source,label\n,binary\n", "row 1: .*source"),
        ("source,label,ra\n1,binary,east\n", "row 1"),
    ],
)
def test_a_wrong_table_says_where(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_annotations(path)


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.ecsv, \.csv"):
        write_annotations([], tmp_path / "labels.txt")


def touch(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


def test_folders_are_labels(tmp_path):
    touch(tmp_path / "Binary", "1_g_SDSS9.fits", "1_r_SDSS9.fits", "2_stacked_HST.fits")
    touch(tmp_path / "else" / "more", "1_g_panstarrs.fits", "notes.txt", "odd.fits")
    labels = {(v.source, v.survey): v for v in read_annotations(tmp_path)}
    assert {key: v.label for key, v in labels.items()} == {
        ("1", "SDSS9"): "binary",
        ("2", "HST"): "binary",
        ("1", "Pan-STARRS"): "not_binary",
    }
    assert labels["1", "SDSS9"].images == ("1_g_SDSS9.fits", "1_r_SDSS9.fits")
    assert labels["1", "SDSS9"].time.endswith("Z")


def test_a_source_in_both_folders_is_refused(tmp_path):
    touch(tmp_path / "binary", "1_g_SDSS9.fits")
    touch(tmp_path / "else", "1_r_SDSS9.fits")
    with pytest.raises(ValueError, match="'1' in SDSS9 lies in both"):
        read_annotations(tmp_path)


def test_a_folder_without_them_is_refused(tmp_path):
    with pytest.raises(ValueError, match="binary or else"):
        read_annotations(tmp_path)
