"""A catalogue in every format, read back by an independent reader."""

import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import votable
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.cli import main
from astro_vbinary.pipeline.formats import (
    make_regions,
    read_measure_lines,
    unescape_label,
    write_catalog,
    write_measure_lines,
)

#: Names that mean something to one format or another.
NAMES = [
    "22466",
    "007",
    "a{b}c",
    "x\"y'z\\",
    "two\nlines",
    "# text={no} ; |, [0]",
    "two  words",
    "\u202eRTL",
    "<script>alert(1)</script>",
]

#: Columns with their unit and UCD.
COLUMNS = {
    "ra": (u.deg, "pos.eq.ra;meta.main"),
    "dec": (u.deg, "pos.eq.dec;meta.main"),
    "separation": (u.arcsec, "pos.angDistance"),
    "separation_error": (u.arcsec, "stat.error;pos.angDistance"),
    "position_angle": (u.deg, "pos.posAng"),
    "magnitude_difference": (u.mag, "phot.mag;arith.diff"),
    "epoch": (u.yr, "time.epoch"),
}


def make_catalog(names=NAMES):
    """A catalogue whose last source has no pair, and whose last but one no epoch."""
    n = len(names)
    rng = np.random.default_rng(4)
    values = {
        "ra": np.concatenate([[359.9999999, 0.0000003], rng.uniform(0, 360, n)])[:n],
        "dec": np.concatenate([[-0.0001234567], rng.uniform(-89, 89, n)])[:n],
        "separation": rng.uniform(0.05, 2.5, n),
        "separation_error": rng.uniform(0.001, 0.1, n),
        "position_angle": rng.uniform(0, 360, n),
        "magnitude_difference": rng.uniform(0, 6, n),
        "epoch": rng.uniform(1998, 2024, n),
    }
    if n > 1:
        for name in ("separation", "position_angle", "magnitude_difference"):
            values[name][-1] = np.nan
        values["epoch"][-2] = np.nan
    table = QTable({"source": np.array(names, dtype=str)})
    table["source"].info.description = "its name"
    table["source"].info.meta = {"ucd": "meta.id;meta.main"}
    for name, (unit, ucd) in COLUMNS.items():
        table[name] = values[name] * unit
        table[name].info.description = f"the {name}"
        table[name].info.meta = {"ucd": ucd}
    table["label"] = (["binary", "not_binary", "undecided"] * n)[:n]
    table["degenerate"] = np.arange(n) % 2 == 1
    table["n_surveys"] = np.arange(n, dtype=np.int32)
    table["reference_band"] = ["F814W"] * n
    table["best_survey"] = (["HST", "Pan-STARRS", "elsewhere"] * n)[:n]
    return table


def offsets(table):
    """Where companions are."""
    place = SkyCoord(table["ra"], table["dec"])
    return place.directional_offset_by(table["position_angle"], table["separation"])


@pytest.mark.parametrize("kind", ["ds9", "crtf"])
def test_regions_come_back_without_loss(tmp_path, kind):
    from regions import CircleSkyRegion, LineSkyRegion, Regions

    table = make_catalog()
    path = tmp_path / {"ds9": "all.reg", "crtf": "all.crtf"}[kind]
    assert write_catalog(table, path) == len(table)
    found = Regions.read(path, format=kind)
    circles = [r for r in found if isinstance(r, CircleSkyRegion)]
    lines = [r for r in found if isinstance(r, LineSkyRegion)]
    assert len(circles) == len(table)
    assert len(lines) == len(table) - 1
    assert len(found) == len(circles) + len(lines)
    key = {"ds9": "text", "crtf": "label"}[kind]
    assert [unescape_label(r.meta[key]) for r in circles] == NAMES
    assert [unescape_label(r.meta[key]) for r in lines] == NAMES[:-1]
    assert [r.radius.to_value(u.arcsec) for r in circles] == pytest.approx(
        [2.5] * len(table)
    )
    colour = {"ds9": "edgecolor", "crtf": "color"}[kind]
    assert [r.visual[colour] for r in circles][:3] == ["red", "cyan", "yellow"]
    centers = SkyCoord([r.center for r in circles])
    places = SkyCoord(table["ra"], table["dec"])
    assert centers.separation(places).max() < 0.01 * u.mas
    starts = SkyCoord([r.start for r in lines])
    ends = SkyCoord([r.end for r in lines])
    assert starts.separation(places[:-1]).max() < 0.01 * u.mas
    assert ends.separation(offsets(table)[:-1]).max() < 0.01 * u.mas


@settings(deadline=None, max_examples=60)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
        # numpy drops what ends a text, and cells are stripped everywhere.
        lambda name: name.strip().strip("\0") == name
    )
)
def test_labels_of_regions_hold_any_name(name):
    from regions import Regions

    table = make_catalog([name, "other"])
    for kind, key in (("ds9", "text"), ("crtf", "label")):
        text = make_regions(table).serialize(format=kind)
        found = Regions.parse(text, format=kind)
        assert len(found) == 3
        assert unescape_label(found[0].meta[key]) == name


def test_measure_lines_come_back_to_their_last_digit(tmp_path):
    table, path = make_catalog(), tmp_path / "pairs.wds"
    assert write_catalog(table, path) == len(table) - 1
    found = read_measure_lines(path)
    kept = table[:-1]
    assert list(found["source"]) == NAMES[:-1]
    assert np.allclose(found["separation"], kept["separation"], atol=5e-5 * u.arcsec)
    assert np.allclose(
        found["position_angle"], kept["position_angle"], atol=5.1e-4 * u.deg
    )
    assert np.allclose(
        found["magnitude_difference"],
        kept["magnitude_difference"],
        atol=5.1e-4 * u.mag,
    )
    places = SkyCoord(found["ra"], found["dec"])
    apart = places.separation(SkyCoord(kept["ra"], kept["dec"]))
    # A hundredth of a second of time, a tenth of an arcsecond.
    assert apart.max() < 0.1 * u.arcsec
    epoch = Time(kept["epoch"][:-1].value, format="jyear").byear
    assert np.allclose(found["epoch"][:-1].value, epoch, atol=6e-5)
    assert np.isnan(found["epoch"][-1])
    assert list(found["epoch_flag"]) == [""] * (len(kept) - 1) + [":"]
    assert list(found["angle_flag"]) == ["", ":"] * 4
    assert found["aperture"][0] == 2.4 * u.m
    assert np.isnan(found["aperture"][2])
    assert set(found["method"]) == {"C"}
    # Written again they are the same.
    found["best_survey"] = found["survey"]
    lines = [v for v in path.read_text().splitlines() if not v.startswith("#")]
    assert lines[0][58:66].strip() == f"{kept['separation'][0].value:.4f}"


def test_names_of_the_wds_are_cut_off_and_not_rounded(tmp_path):
    # Sirius and, south of the equator by less than a degree, a place of its own.
    table = make_catalog(["Sirius", "near zero", "none"])
    table["ra"] = [101.28715533, 359.99999, 10] * u.deg
    table["dec"] = [-16.71611586, -0.0166, 0] * u.deg
    write_measure_lines(table, tmp_path / "m.txt")
    assert list(read_measure_lines(tmp_path / "m.txt")["wds"]) == [
        "06451-1642",
        "23599-0000",
    ]


@pytest.mark.parametrize("line", ["06451-1642 too short", "x" * 140])
def test_damaged_measure_lines_are_named(tmp_path, line):
    (tmp_path / "m.wds").write_text("# head\n" + line + "\n")
    with pytest.raises(ValueError, match="line 2"):
        read_measure_lines(tmp_path / "m.wds")


def test_no_measures_make_an_empty_file(tmp_path):
    table = make_catalog()[-1:]
    assert write_catalog(table, tmp_path / "m.wds") == 0
    assert len(read_measure_lines(tmp_path / "m.wds")) == 0


@pytest.mark.parametrize("ending", ["ecsv", "fits", "parquet", "vot"])
def test_tables_come_back_without_loss(tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pandas")
    # FITS holds ASCII only, and no table format but ECSV every control character.
    names = [n for n in NAMES if n.isascii()] if ending == "fits" else NAMES
    table = make_catalog(names)
    path = tmp_path / f"catalog.{ending}"
    write_catalog(table, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = QTable.read(path)
    assert found.colnames == table.colnames
    for name in table.colnames:
        # astropy reads text of FITS as bytes that compare as text.
        kind = "S" if ending == "fits" and table[name].dtype.kind == "U" else ""
        assert found[name].dtype.kind == kind or table[name].dtype.kind, name
        assert getattr(found[name], "unit", None) == getattr(table[name], "unit", None)
        if table[name].dtype.kind in "fiub":
            assert np.array_equal(
                np.asarray(found[name]), np.asarray(table[name]), equal_nan=True
            ), name
        else:
            assert list(found[name]) == list(table[name])
        description = table[name].info.description
        assert (found[name].info.description or None) == description, name
        meta = dict(found[name].info.meta or {})
        assert meta.get("ucd") == (table[name].info.meta or {}).get("ucd"), name


def test_the_votable_is_valid_and_keeps_the_ucds(tmp_path):
    path = tmp_path / "catalog.vot"
    write_catalog(make_catalog(), path)
    parsed = votable.parse(path, verify="exception")
    fields = {field.name: field for field in parsed.get_first_table().fields}
    assert {n: fields[n].ucd for n in COLUMNS} == {n: v[1] for n, v in COLUMNS.items()}
    assert fields["source"].ucd == "meta.id;meta.main"
    assert fields["separation"].unit == u.arcsec
    assert votable.validate(path, output=None)


def test_what_fits_cannot_hold_is_escaped_and_keeps_its_mask(tmp_path):
    table = make_catalog(["\u03b2 Pic", "two", "three"])
    table["note"] = MaskedColumn(["\u03b2", "", "b"], mask=[False, True, False])
    table["note"].info.meta = {"ucd": "meta.note"}
    write_catalog(table, tmp_path / "c.fits")
    found = QTable.read(tmp_path / "c.fits")
    assert list(found["source"]) == ["\\u03b2 Pic", "two", "three"]
    assert list(found["note"].mask) == [False, True, False]
    assert found["note"].info.meta["ucd"] == "meta.note"
    # What was given stays as it was.
    assert table["source"][0] == "\u03b2 Pic"


def test_what_cannot_be_written_is_said(tmp_path):
    table = make_catalog()
    with pytest.raises(ValueError, match="unknown ending"):
        write_catalog(table, tmp_path / "x.doc")
    with pytest.raises(ValueError, match="need the columns ra"):
        write_catalog(table["source", "dec"], tmp_path / "x.reg")
    write_catalog(table, tmp_path / "x.reg")
    with pytest.raises(FileExistsError):
        write_catalog(table, tmp_path / "x.reg")


def test_the_command_filters_by_label(tmp_path):
    make_catalog().write(tmp_path / "c.ecsv")

    def run(*arguments):
        return CliRunner().invoke(main, ["export", *map(str, arguments)])

    out = tmp_path / "b.ecsv"
    done = run(tmp_path / "c.ecsv", "-o", out, "--label", "binary")
    assert done.exit_code == 0, done.output
    assert "3 rows as table" in done.output
    assert set(Table.read(out)["label"]) == {"binary"}
    assert run(tmp_path / "c.ecsv", "-o", out).exit_code == 1
    done = run(tmp_path / "c.ecsv", "-o", tmp_path / "m.wds")
    assert "8 rows as measure lines" in done.output
    assert "1 rows of c.ecsv are left out" in done.output
    done = run(tmp_path / "c.ecsv", "-o", tmp_path / "m.doc")
    assert done.exit_code == 1
    assert "unknown ending '.doc'" in done.output
