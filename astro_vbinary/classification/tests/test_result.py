import csv

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from astro_vbinary.classification import ClassificationResult
from astro_vbinary.classification.result import COLUMNS, FORMATS, make_row
from astro_vbinary.classification.tests.helpers_stacks import make_cube
from astro_vbinary.status import Flag, Status
from astro_vbinary.surveys import get_survey


@pytest.fixture
def result(make_card):
    """Two verdicts, one survey that cannot resolve, one file without a name."""
    card = make_card()
    good = make_row(make_cube(), card=card)
    good |= {"probability": 0.97, "label": "binary", "status": Status.OK}
    single = make_row(make_cube(source="6", bands=("g", None)), card=card)
    single |= {"probability": 0.02, "label": "not", "status": Status.OK}
    single["flags"] |= Flag.PARTIAL | Flag.LOW_SIGNAL
    blurred = make_row(
        source="7", survey=get_survey("AllWISE"), group=1, status=Status.UNRESOLVED
    )
    unnamed = make_row(status=Status.UNNAMED) | {"reason": "é.fits: no 'name'"}
    return ClassificationResult([good, single, blurred, unnamed])


@pytest.fixture(params=["full", "empty"])
def any_result(request, result):
    """The result above, and one without rows."""
    return result if request.param == "full" else ClassificationResult([])


def test_columns_are_arrays_of_one_kind(result):
    assert len(result) == 4
    np.testing.assert_array_equal(result.probability[:2], [0.97, 0.02])
    assert np.isnan(result.probability[2:]).all()
    assert list(result.label) == ["binary", "not", "", ""]
    assert list(result.status) == ["ok", "ok", "unresolved", "unnamed"]
    assert result.flags[1] & Flag.PARTIAL
    assert result.flags.dtype.kind == "i"
    assert result.n_failed == 1
    assert result.counts() == {"ok": 2, "unresolved": 1, "unnamed": 1}


def test_rows_say_what_is_known(result):
    table = result.to_table()
    assert table.colnames == [name for name, *_ in COLUMNS]
    assert list(table["source"]) == ["5", "6", "7", ""]
    assert list(table["survey"]) == ["Pan-STARRS", "Pan-STARRS", "AllWISE", ""]
    assert list(table["bands"][:2]) == ["g,r", "g,stacked"]
    assert list(table["group"]) == [3, 3, 1, 0]
    assert table["ra"].unit == table["dec"].unit == u.deg
    assert table["ra"][0].value == pytest.approx(83.8)
    assert table["rayleigh"].unit == table["fwhm"].unit == u.arcsec
    survey = get_survey("Pan-STARRS")
    assert table["rayleigh"][0] == survey.rayleigh()
    assert table["fwhm"][0] == survey.effective_fwhm()
    # Seeing, not the telescope, sets the width of Pan-STARRS images.
    assert result.flags[0] == Flag.SEEING_LIMITED
    assert table["weights"][0] == "tiny-g3"
    assert len(table["weights_sha256"][0]) == 64


def test_every_column_is_described(any_result):
    table = any_result.to_table()
    for name, unit, description in COLUMNS:
        assert table[name].info.description == description
        assert table[name].unit == unit


def test_kinds_of_columns_do_not_depend_on_the_rows(result):
    full, empty = result.to_table(), ClassificationResult([]).to_table()
    for name in full.colnames:
        assert full[name].dtype.kind == empty[name].dtype.kind, name
    # Nor on the order of the rows.
    turned = ClassificationResult(result._rows[::-1]).to_table()
    assert [turned[n].dtype.kind for n in turned.colnames] == [
        full[n].dtype.kind for n in full.colnames
    ]


def plain(column):
    """A column without units and masks: NaN or empty where there is nothing."""
    values = getattr(column, "unmasked", column)
    values = np.ma.getdata(getattr(values, "value", values))
    mask = np.broadcast_to(getattr(column, "mask", False), values.shape)
    if values.dtype.kind in "SUO":
        text = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
        return np.where(mask, "", np.array(text, dtype=str))
    return np.where(mask, np.nan, values) if mask.any() else values


@pytest.mark.parametrize("suffix", [s for s in FORMATS if s != ".csv"])
def test_files_are_read_back_as_they_were_written(any_result, tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"out{suffix}"
    any_result.write(path)
    kind = FORMATS[suffix]
    back = QTable.read(path, format=kind)
    table = any_result.to_table()
    assert back.colnames == table.colnames
    assert len(back) == len(table)
    for name, unit, _ in COLUMNS:
        found = back[name]
        if unit is not None:
            assert found.unit == unit
        found, wanted = plain(found), plain(table[name])
        if wanted.dtype.kind == "U":
            if suffix == ".fits":
                # FITS has ASCII only.
                wanted = [
                    v.encode("ascii", "backslashreplace").decode() for v in wanted
                ]
            np.testing.assert_array_equal(np.char.strip(found), wanted)
        else:
            np.testing.assert_allclose(found, wanted)
    with pytest.raises(OSError, match=r"exists"):
        any_result.write(path)
    any_result.write(path, overwrite=True)


def test_csv_has_a_line_for_each_row(any_result, tmp_path):
    any_result.write(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = any_result.to_table()
    for name in ("source", "status", "reason", "label"):
        assert [row[name] for row in rows] == list(table[name])
    for name in ("probability", "ra"):
        found = [float(row[name]) for row in rows]
        np.testing.assert_allclose(found, plain(table[name]).astype(float))


def test_unknown_ending_names_the_known_ones(result, tmp_path):
    with pytest.raises(ValueError, match=r"'.xlsx' of .*; known: .ecsv, .csv"):
        result.write(tmp_path / "out.xlsx")
    assert not list(tmp_path.glob("out*"))


def test_the_caller_s_rows_are_not_shared(result):
    row = make_row(source="1")
    copied = ClassificationResult([row])
    row["source"] = "2"
    assert copied.to_table()["source"][0] == "1"


def test_repr_is_one_line_and_html_is_escaped(result):
    assert repr(result) == (
        "<ClassificationResult 4 rows (2 ok, 1 unresolved, 1 unnamed), 1 binary>"
    )
    row = make_row(source="<script>alert(1)</script>")
    assert "<script>alert" not in ClassificationResult([row])._repr_html_()
