"""Two hundred damaged files do not cost one good one its verdict."""

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner

from astro_vbinary.cli import main
from astro_vbinary.cli.tests.damaged import EXPECTED, good_stamp, write_damaged

GOOD, ROUNDS = 30, 18


@pytest.fixture(scope="module")
def classified(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stamps")
    good = []
    for number in range(GOOD):
        stamp = good_stamp(1000 + number)
        stamp.write(folder / f"good{number:03d}_{stamp.band}_Pan-STARRS.fits")
        good.append(f"good{number:03d}")
    odd = {
        write_damaged(folder, number, kind): kind
        for number in range(ROUNDS)
        for kind in EXPECTED
    }
    (folder / "README.txt").write_text("not a stamp, and not one of the rows")
    output = folder.parent / "out.ecsv"
    run = CliRunner().invoke(main, ["classify", str(folder), "-o", str(output)])
    return run, Table.read(output), good, odd


def test_enough_files(classified):
    _, _, _, odd = classified
    assert len(odd) >= 200


def test_exit_code_says_that_some_failed(classified):
    run, *_ = classified
    assert run.exit_code == 3, run.output


def test_every_file_has_one_row(classified):
    _, table, good, odd = classified
    assert sorted(table["source"]) == sorted([*good, *odd])


def test_good_ones_are_classified(classified):
    _, table, good, _ = classified
    part = table[np.isin(table["source"], good)]
    assert len(part) == GOOD
    assert set(part["status"]) == {"ok"}
    assert np.isfinite(part["probability"]).all()


@pytest.mark.parametrize("kind", EXPECTED)
def test_odd_ones_have_status_and_reason(classified, kind):
    _, table, _, odd = classified
    part = table[[odd.get(str(name)) == kind for name in table["source"]]]
    assert len(part) == ROUNDS
    expected = EXPECTED[kind]
    assert set(part["status"]) == {"ok" if expected is None else str(expected)}
    if expected is not None:
        assert all(len(reason) > 10 for reason in part["reason"])
        assert np.isnan(np.ma.filled(part["probability"].astype(float), np.nan)).all()
