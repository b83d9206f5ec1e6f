import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.exceptions import VBinaryWarning
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.stamps.tables import read_table
from astro_vbinary.stamps.targets import TARGET_COLUMNS, read_targets


@pytest.mark.parametrize(
    "names",
    [
        ("source", "ra", "dec"),
        ("ID", "RAJ2000", "DEJ2000"),
        ("Name", "_RAJ2000", "_DEJ2000"),
        ("SOURCE_ID", "RA_ICRS", "DE_ICRS"),
        ("main_id", "RAdeg", "DEdeg"),
    ],
)
def test_columns_are_known_by_their_usual_names(names):
    table = Table([[22466], [83.82], [-5.39]], names=names)
    (name, target), *rest = read_targets(table).items()
    assert rest == []
    assert name == "22466"
    assert target.icrs.ra.deg == pytest.approx(83.82, abs=1e-12)
    assert target.icrs.dec.deg == pytest.approx(-5.39, abs=1e-12)


def test_the_better_name_is_taken_of_two():
    table = Table({"Name": ["x"], "Source": ["a"], "RA": [1.0], "DEC": [2.0]})
    assert list(read_targets(table)) == ["a"]


@given(
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
    unit=st.sampled_from([u.deg, u.rad, u.arcmin]),
)
def test_units_are_those_of_the_columns(ra, dec, unit):
    table = QTable({"source": ["a"], "ra": [ra] * u.deg, "dec": [dec] * u.deg})
    table["ra"] = table["ra"].to(unit)
    table["dec"] = np.clip(table["dec"], -89.9999 * u.deg, 89.9999 * u.deg).to(unit)
    target = read_targets(table)["a"]
    expected = np.clip(dec, -89.9999, 89.9999)
    assert target.dec.deg == pytest.approx(expected, abs=1e-9)
    assert np.cos(target.ra.rad - np.deg2rad(ra)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("05:35:16.8", "-05:23:24"),
        ("05 35 16.8", "-05 23 24"),
        ("5h35m16.8s", "-5d23m24s"),
        ("83.82", "-5.39"),
    ],
)
def test_text_is_sexagesimal_or_degrees(ra, dec):
    table = Table({"source": ["a"], "ra": [ra], "dec": [dec]})
    target = read_targets(table)["a"]
    assert target.ra.deg == pytest.approx(83.82, abs=1e-9)
    assert target.dec.deg == pytest.approx(-5.39, abs=1e-9)


def moving(**columns):
    start = {"source": ["a", "b"], "ra": [80.0, 80.0], "dec": [60.0, 60.0]}
    return QTable({**start, **columns})


def test_a_star_moves_as_its_proper_motion_says():
    table = moving(pmra=[100.0, np.nan], pmdec=[-50.0, 3.0], ref_epoch=[2016.0, 2016.0])
    targets = read_targets(table)
    then = position_at(targets["a"], Time(2006, format="jyear"))
    east, north = position_at(targets["a"], None).spherical_offsets_to(then)
    # Ten years back: a second of arc to the west, half of one to the north.
    assert east.to_value(u.arcsec) == pytest.approx(-1.0, abs=1e-4)
    assert north.to_value(u.arcsec) == pytest.approx(0.5, abs=1e-4)
    # Without a whole motion a star stays where it is.
    assert "s" not in targets["b"].data.differentials


def test_units_and_times_of_motions_are_those_of_the_columns():
    table = moving(
        pmra=[0.1, 0.1] * u.arcsec / u.yr,
        pmdec=[-0.05, -0.05] * u.arcsec / u.yr,
        ref_epoch=Time([2016.0, 2016.0], format="jyear"),
    )
    target = read_targets(table)["a"]
    assert target.pm_ra_cosdec.to_value(u.mas / u.yr) == pytest.approx(100)
    assert target.obstime.jyear == pytest.approx(2016.0)


def test_motions_without_an_epoch_are_told():
    with pytest.warns(VBinaryWarning, match="no ref_epoch"):
        targets = read_targets(moving(pmra=[1.0, 1.0], pmdec=[1.0, 1.0]))
    assert "s" not in targets["a"].data.differentials


def test_rows_without_a_name_or_a_position_are_left_out():
    table = Table(
        {
            "source": MaskedColumn([1, 2, 3, 4], mask=[0, 0, 1, 0]),
            "ra": MaskedColumn([1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0]),
            "dec": [1.0, 2.0, 3.0, np.nan],
        }
    )
    assert list(read_targets(table)) == ["1"]


def test_a_source_may_be_repeated_in_its_place():
    table = Table({"source": ["a", "a"], "ra": [1.0, 1.0], "dec": [2.0, 2.0]})
    assert len(read_targets(table)) == 1
    table["ra"][1] = 1.001
    with pytest.raises(ValueError, match="'a' at two positions"):
        read_targets(table)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": ["a"], "x": [1.0]}, "no column ra, dec; it has source, x"),
        ({"source": ["a"], "ra": [1.0], "dec": [-95.0]}, r"declination -95 deg.*'a'"),
        ({"source": ["a"], "ra": ["east"], "dec": ["1"]}, "ra 'east' is no angle"),
        ({"source": ["a"], "ra": [1] * u.m, "dec": [1.0]}, "ra in m"),
        ({"ID": ["a"], "id": ["b"], "ra": [1.0], "dec": [1.0]}, "more than one"),
    ],
)
def test_what_makes_no_sense_is_named(columns, message):
    with pytest.raises(ValueError, match=message):
        read_targets(QTable(columns))


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".vot"])
def test_files_of_every_format(tmp_path, suffix):
    table = Table({"source": ["a", "b"], "ra": [1.0, 2.0], "dec": [3.0, 4.0]})
    path = tmp_path / f"t{suffix}"
    table.write(path, format="votable" if suffix == ".vot" else None)
    targets = read_targets(path)
    assert {name: target.dec.deg for name, target in targets.items()} == {
        "a": pytest.approx(3.0),
        "b": pytest.approx(4.0),
    }


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="no catalogue"):
        read_targets(tmp_path / "none.csv")
    path = tmp_path / "bad.fits"
    path.write_text("no table")
    with pytest.raises(ValueError, match=r"bad\.fits cannot be read"):
        read_targets(path)


def test_names_of_columns_are_plain_and_not_shared():
    names = [name for known in TARGET_COLUMNS.values() for name in known]
    assert len(names) == len(set(names))
    assert all(name.isalnum() and name == name.casefold() for name in names)


def test_names_with_leading_zeros_stay_as_they_are_written(tmp_path):
    path = tmp_path / "sources.csv"
    path.write_text("source,ra,dec,n\n007,83.8,-5.3,0\n042,83.9,-5.4,12\n,84,-5,3\n")
    assert list(read_targets(path)) == ["007", "042"]
    table = read_table(path, "table")
    assert table["n"].dtype.kind == "i"
    assert table["source"].mask.tolist() == [False, False, True]
