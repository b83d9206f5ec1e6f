"""``astro-vbinary measure`` and ``astro-vbinary completeness``."""

import numpy as np
import pytest
from astropy.table import QTable, Table
from click.testing import CliRunner

from astro_vbinary.cli import main
from astro_vbinary.measurement.tests.test_pairs import PAIR, make_stamp


@pytest.fixture
def stamps(tmp_path):
    folder = tmp_path / "stamps"
    folder.mkdir()
    for source in ("7", "8"):
        stamp = make_stamp(PAIR, source=source)
        stamp.write(folder / f"{source}_i_Pan-STARRS.fits")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_measures_a_folder(stamps, tmp_path):
    done = run(
        "measure", stamps, "-o", tmp_path / "p.ecsv", "--bands", tmp_path / "b.fits"
    )
    assert done.exit_code == 0, done.output
    assert "2 pairs with a false-alarm probability below 0.001" in done.output
    table = QTable.read(tmp_path / "p.ecsv")
    assert table["separation"].to_value("arcsec") == pytest.approx(1.273, abs=0.05)
    assert len(Table.read(tmp_path / "b.fits")) == 2
    again = run("measure", stamps, "-o", tmp_path / "p.ecsv")
    assert again.exit_code == 1
    assert "--overwrite" in again.output


def test_says_what_companions_would_have_been_found(stamps, tmp_path):
    done = run("measure", stamps, "-o", tmp_path / "p.ecsv", "-q", "--contrast")
    assert done.exit_code == 0, done.output
    table = QTable.read(tmp_path / "p.ecsv")
    half, most = (
        np.array([table[f"{name}_{s}"].to_value("mag")[0] for s in ("1.0", "2.0")])
        for name in ("limit", "limit90")
    )
    assert (half > most).all()
    assert half[1] > half[0] > 0


def test_measures_what_is_called_binary(stamps, tmp_path):
    verdicts = Table(
        {
            "source": ["7", "8"],
            "survey": ["Pan-STARRS"] * 2,
            "label": ["not", "binary"],
            "probability": [0.4, 0.9],
        }
    )
    verdicts.write(tmp_path / "v.ecsv")
    common = ("measure", stamps, "-q", "--results", tmp_path / "v.ecsv", "-o")
    done = run(*common, tmp_path / "a.ecsv")
    assert done.exit_code == 0, done.output
    assert list(Table.read(tmp_path / "a.ecsv")["source"]) == ["8"]
    done = run(*common, tmp_path / "b.ecsv", "--min-probability", 0.3)
    assert done.exit_code == 0, done.output
    assert len(Table.read(tmp_path / "b.ecsv")) == 2
    verdicts.remove_column("label")
    verdicts.write(tmp_path / "w.ecsv")
    done = run(
        "measure", stamps, "--results", tmp_path / "w.ecsv", "-o", tmp_path / "c.ecsv"
    )
    assert done.exit_code == 1
    assert "no column label" in done.output


def test_a_damaged_file_is_a_row_and_an_exit_code(stamps, tmp_path):
    (stamps / "9_i_Pan-STARRS.fits").write_bytes(b"nothing")
    done = run("measure", stamps, "-q", "-o", tmp_path / "p.ecsv")
    assert done.exit_code == 3, done.output
    table = Table.read(tmp_path / "p.ecsv")
    assert list(table["status"]) == ["ok", "ok", "unreadable"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--psf", "nowhere"], "no folder nowhere"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(stamps, tmp_path, options, message):
    done = run("measure", stamps, "-o", tmp_path / "p.ecsv", *options)
    assert done.exit_code == 1
    assert message in done.output
    assert not (tmp_path / "p.ecsv").exists()


def test_maps_completeness(tmp_path):
    table, figure = tmp_path / "map.ecsv", tmp_path / "map.png"
    done = run(
        *("completeness", "--survey", "Pan-STARRS", "--band", "i", "-o", table),
        *("--figure", figure, "--separations", "0.4,1.5", "--differences", "1:6:2"),
        *("--snr", 150, "--trials", 20),
    )
    assert done.exit_code == 0, done.output
    assert figure.read_bytes().startswith(b"\x89PNG")
    found = QTable.read(table)
    assert len(found) == 4
    assert found.meta["band"] == "i"
    share = np.asarray(found["completeness"])
    # An easy pair, and one that nothing could see.
    wide = found["separation"].to_value("arcsec") > 1
    assert share[wide & (found["magnitude_difference"].value == 1)] == 1
    assert share[found["magnitude_difference"].value == 6].max() < 0.2
    inside = (found["predicted"] > found["low"] - 0.05) & (
        found["predicted"] < found["high"] + 0.05
    )
    assert inside.all()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--band", "Q"], 1, "Q"),
        (["--separations", "0.5,3"], 1, "at most 2.5"),
        (["--separations", "wide"], 2, "wide"),
        (["--figure", "map.bmp"], 1, ".png"),
    ],
)
def test_maps_that_cannot_be_made(tmp_path, options, code, message):
    output = tmp_path / "map.ecsv"
    done = run("completeness", "--survey", "SDSS9", "-o", output, *options)
    assert done.exit_code == code
    assert message in done.output
