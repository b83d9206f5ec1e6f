"""``astro-vbinary fraction``: its tables, and what it refuses."""

import numpy as np
import pytest
from astropy.table import QTable, Table

from astro_vbinary.simulation import Scene, Star, simulate_stack


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Stamps of three bright single stars, and their catalogue."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "stamps").mkdir()
    rows = []
    for number in range(3):
        star = Scene(kind="single", label=0, stars=(Star(0.0, 0.0, 900.0),))
        made = simulate_stack(
            "DECaLS",
            np.random.default_rng(number),
            scene=star,
            bands=["r"],
            source=f"s{number}",
            hips_share=0,
        )
        made.stack[0].write(folder / "stamps" / f"s{number}_r_DECaLS.fits")
        rows.append((f"s{number}", made.truth["ra"], made.truth["dec"]))
    table = Table(rows=rows, names=("source", "ra", "dec"))
    table["status"], table["label"] = "ok", "not_binary"
    table["prevalence"], table["threshold"] = 0.2, 0.5
    table.write(folder / "catalog.ecsv")
    return folder


def test_tables_and_the_map_are_written_and_not_replaced(run, sample, tmp_path):
    arguments = ("fraction", sample, "--stamps", sample / "stamps", "-o", tmp_path)
    options = ("--count", 10, "--workers", 0, "--closest", 1.2)
    done = run(*arguments, *options, "--largest-difference", 1.0)
    assert done.exit_code == 0, done.output
    assert "0 of 3 sources are called binary" in done.output
    assert "Companion fraction: 0.0 %" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "completeness.ecsv",
        "completeness.png",
        "fraction.ecsv",
        "injected.ecsv",
    ]
    row = QTable.read(tmp_path / "fraction.ecsv")[0]
    assert (row["found"], row["sources"], row["n_companion"]) == (0, 3, 10)
    injected = Table.read(tmp_path / "injected.ecsv")
    own = injected[injected["set"] == "companion"]
    assert row["completeness"] == pytest.approx((own["label"] == "binary").mean())
    # Wide pairs of nearly equal stars, 900 times the noise, are easy.
    assert row["completeness"] > 0.8
    assert own["separation"].min() > 1.1
    again = run(*arguments, *options)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--closest", 2, "--widest", 1), "must be below"),
        (("--population", "nothing.csv"), "does not exist"),
    ],
)
def test_what_cannot_be_is_said(run, sample, tmp_path, options, words):
    done = run(
        "fraction", sample, "--stamps", sample / "stamps", "-o", tmp_path, *options
    )
    assert done.exit_code in (1, 2)
    assert words in done.output


def test_a_table_that_is_no_catalogue(run, sample, tmp_path):
    Table({"source": ["1"]}).write(tmp_path / "other.csv")
    done = run(
        *("fraction", tmp_path / "other.csv", "--stamps", sample / "stamps"),
        *("-o", tmp_path / "out"),
    )
    assert done.exit_code == 1
    assert "status" in done.output
    assert len(done.output.splitlines()) == 1
