import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary.exceptions import LabelError
from astro_vbinary.training import combine_labels, read_labels, soft_label
from astro_vbinary.training.labels import COLUMNS


def table_of(*rows, names=("source", "survey", "label", "annotator", "time")):
    return Table(rows=rows, names=names)


@pytest.mark.parametrize("ending", ["ecsv", "csv", "fits", "vot"])
def test_any_format_that_astropy_reads(tmp_path, ending):
    table = table_of(
        ("a1", "panstarrs", "binary", "ada", "2026-01-01T00:00:00"),
        ("a1", "", "not_binary", "bob", "2026-01-01T00:00:00"),
    )
    table["ra"], table["dec"] = [83.1, 83.1], [-5.2, -5.2]
    path = tmp_path / f"labels.{ending}"
    table.write(path, **({"format": "votable"} if ending == "vot" else {}))
    made = read_labels(path)
    assert made.colnames[: len(COLUMNS)] == list(COLUMNS)
    assert list(made["survey"]) == ["Pan-STARRS", ""]
    labels = combine_labels(made)
    assert labels["a1", "Pan-STARRS"].value == 1.0
    assert labels["a1", ""].position == (83.1, -5.2)


def test_names_of_numbers_in_csv_stay_as_they_are_written(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("source,label\n007,binary\n042,0\n")
    made = read_labels(path)
    assert list(made["source"]) == ["007", "042"]


def test_words_of_other_tables():
    table = Table({"source": list("abcdefg"), "label": [1, 0, 1, 0, -1, 0, 1]})
    assert list(read_labels(table)["label"]) == ["binary", "not_binary"] * 2 + [
        "not_binary",
        "binary",
    ]
    table = Table({"source": ["a", "b", "c"], "label": ["else", "", "Bad image"]})
    assert list(read_labels(table)["label"]) == ["not_binary", "bad_image"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": ["a"]}, "no column label"),
        ({"label": ["binary"]}, "no column source"),
        ({"source": ["a"], "label": ["maybe"]}, "'maybe' is none of binary"),
        ({"source": ["a"], "label": [""]}, "no label"),
        ({"source": [""], "label": ["binary"]}, "without a source"),
    ],
)
def test_what_is_wrong_is_told(columns, message):
    with pytest.raises(LabelError, match=message):
        read_labels(Table(columns))


def test_what_is_no_table_is_told(tmp_path):
    path = tmp_path / "labels.ecsv"
    path.write_bytes(b"\0\1\2")
    with pytest.raises(LabelError, match="cannot be read"):
        read_labels(path)
    with pytest.raises(FileNotFoundError):
        read_labels(tmp_path / "nothing.csv")


def test_soft_labels():
    assert soft_label(["binary", "not_binary"]) == 0.5
    assert soft_label(["binary", "unsure"]) == 0.75
    assert soft_label(["unsure"], unsure="drop") is None
    assert soft_label(["binary", "binary", "bad_image"]) is None
    with pytest.raises(ValueError, match="half or drop"):
        soft_label(["binary"], unsure="both")


def test_the_last_word_of_each_annotator_counts():
    labels = combine_labels(
        read_labels(
            table_of(
                ("a", "", "binary", "ada", "2026-01-02T00:00:00"),
                ("a", "", "not_binary", "ada", "2026-01-01T00:00:00"),
                ("a", "", "not_binary", "bob", "2026-01-01T00:00:00"),
                ("b", "", "binary", "", ""),
                ("b", "", "not_binary", "", ""),
            )
        )
    )
    assert labels["a", ""].value == 0.5
    assert labels["a", ""].annotators == ("ada", "bob")
    # Two without a name may be two people.
    assert labels["b", ""].value == 0.5


def test_other_columns_go_along():
    table = Table({"source": ["a"], "label": [1], "separation": [0.7]})
    extra = combine_labels(read_labels(table))["a", ""].extra
    assert extra == {"separation": 0.7}
    assert type(extra["separation"]) is float
    masked = Table({"source": ["a"], "label": [1], "ra": [np.nan], "dec": [1.0]})
    assert combine_labels(read_labels(masked))["a", ""].position is None


def test_folders_are_labels(tmp_path):
    for folder, name in (("binary", "1_g_SDSS9.fits"), ("else", "2_g_SDSS9.fits")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"SIMPLE  =")
    table = read_labels(tmp_path)
    assert list(table["source"]) == ["1", "2"]
    assert list(table["label"]) == ["binary", "not_binary"]
    (tmp_path / "else" / "1_r_SDSS9.fits").write_bytes(b"SIMPLE  =")
    with pytest.raises(LabelError, match="both binary and else"):
        read_labels(tmp_path)
    with pytest.raises(LabelError, match="no folder binary, else"):
        read_labels(tmp_path / "else")
