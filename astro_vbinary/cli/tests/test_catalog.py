"""``astro-vbinary catalog``, and ``run`` that ends with it."""

import numpy as np
import pytest
from astropy.table import QTable, Table
from click.testing import CliRunner

from astro_vbinary.cli import main
from astro_vbinary.measurement.tests.test_pairs import PAIR, make_stamp


@pytest.fixture(scope="session")
def stamps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stamps")
    for source, stars in (("7", PAIR), ("8", PAIR[:1])):
        stamp = make_stamp(stars, source=source)
        stamp.write(folder / f"{source}_i_Pan-STARRS.fits")
    return folder


@pytest.fixture
def verdicts(tmp_path):
    path = tmp_path / "verdicts.ecsv"
    Table(
        {
            "source": ["7", "8"],
            "survey": ["Pan-STARRS"] * 2,
            "ra": [83.8, 83.8],
            "dec": [-5.4, -5.4],
            "label": ["binary", "not"],
            "probability": [0.99, 0.1],
            "status": ["ok", "ok"],
            "fwhm": [1.02, 1.02],
        }
    ).write(path)
    return path


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_a_catalogue_with_all_that_can_be_around(stamps, verdicts, tmp_path):
    rng = np.random.default_rng(0)
    stars = Table(
        {
            "source_id": np.arange(4000) + 1,
            "ra": rng.uniform(83.6, 84.0, 4000),
            "dec": rng.uniform(-5.6, -5.2, 4000),
            "phot_g_mean_mag": rng.uniform(12, 20, 4000),
        }
    )
    stars["ra"][0], stars["dec"][0] = 83.8, -5.4
    stars.write(tmp_path / "gaia.fits")
    Table({"WDS": ["05352-0524"], "ra": [83.8], "dec": [-5.4], "sep2": [1.3]}).write(
        tmp_path / "wds.csv"
    )
    out = tmp_path / "out"
    done = run(
        "catalog", verdicts, "--stamps", stamps, "-o", out, "--workers", 0,
        "--gaia", tmp_path / "gaia.fits", "--neighbours", tmp_path / "gaia.fits",
        "--wds", tmp_path / "wds.csv", "--format", "vot", "--prevalence", 0.1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 sources: 1 binary, 1 not_binary" in done.output
    assert "1 stack measured" in done.output
    catalog = QTable.read(out / "catalog.ecsv")
    assert list(catalog["label"]) == ["binary", "not_binary"]
    assert list(catalog["gaia_source_id"]) == [1, 1]
    assert catalog["prevalence"][0] == 0.1
    assert catalog["chance"][0] == pytest.approx(
        np.pi * 1.273**2 * 4000 / 1440**2 / np.cos(np.deg2rad(5.4)), rel=0.4
    )
    assert catalog["wds_separation"][0].to_value("arcsec") == 1.3
    assert {path.name for path in out.iterdir()} == {
        "catalog.ecsv", "catalog.vot", "verdicts.ecsv", "pairs.ecsv", "report.html",
    }  # fmt: skip
    again = run("catalog", verdicts, "--stamps", stamps, "-o", out)
    assert again.exit_code == 1
    assert "--overwrite" in again.output


def test_what_cannot_be_is_one_line(stamps, verdicts, tmp_path):
    common = ("catalog", verdicts, "--stamps", stamps, "--workers", 0, "-o")
    missing = run(*common, tmp_path / "a", "--neighbours", tmp_path / "none.fits")
    assert missing.exit_code == 1
    assert "there is no table of neighbours" in missing.output
    Table({"x": [1.0]}).write(tmp_path / "x.fits")
    wrong = run(*common, tmp_path / "a", "--gaia", tmp_path / "x.fits", "-q")
    assert wrong.exit_code == 1
    assert "no column for ra" in wrong.output
    assert run("catalog", verdicts, "-o", tmp_path / "a").exit_code == 2
    assert run(*common, verdicts).exit_code == 2
    no_psfs = run(*common, tmp_path / "a", "--psf", tmp_path / "none")
    assert no_psfs.exit_code == 1
    assert "none" in no_psfs.output


def test_damaged_stamps_are_an_exit_code(stamps, verdicts, tmp_path):
    copy = tmp_path / "stamps"
    copy.mkdir()
    (copy / "7_i_Pan-STARRS.fits").write_bytes(b"SIMPLE  = no")
    done = run(
        "catalog", verdicts, "--stamps", copy, "-o", tmp_path / "out", "--workers", 0
    )
    assert done.exit_code == 3, done.output
    assert "1 could not be" in done.output
    assert len(QTable.read(tmp_path / "out" / "catalog.ecsv")) == 2


def test_run_ends_with_the_catalogue(stamps, tmp_path):
    done = run(
        "run", stamps, "-o", tmp_path / "v.ecsv", "--catalog", tmp_path / "out",
        "--workers", 0, "--min-probability", 0.0, "--prior", 0.1, "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 stacks measured" in done.output
    catalog = QTable.read(tmp_path / "out" / "catalog.ecsv")
    assert list(catalog["source"]) == ["7", "8"]
    assert catalog["prevalence"][0] == 0.1
    assert len(QTable.read(tmp_path / "out" / "verdicts.ecsv")) == 2
    # It was finished: the verdicts need not be made again to go on.
    again = run("run", stamps, "-o", tmp_path / "v.ecsv", "--catalog", tmp_path / "out")
    assert again.exit_code == 1
    assert "finished" in again.output
    lone = run("run", stamps, "-o", tmp_path / "w.ecsv", "--gaia", tmp_path / "x")
    assert lone.exit_code == 2
    assert "--catalog" in lone.output
