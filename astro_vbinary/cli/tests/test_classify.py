import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from astro_vbinary.cli import exits


@pytest.fixture(autouse=True)
def _weights(bundled):
    """Verdicts of an untrained network: quick, and worth nothing."""


def test_one_row_for_each_source_and_survey(run, stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    done = run("classify", stamps, "-o", output)
    assert done.exit_code == exits.DONE, done.output
    table = Table.read(output)
    assert sorted(zip(table["source"], table["survey"], strict=True)) == [
        ("P0", "Pan-STARRS"),
        ("P1", "Pan-STARRS"),
        ("S0", "SDSS9"),
    ]
    assert set(table["status"]) == {"ok"}
    assert np.isfinite(table["probability"]).all()
    assert "3 rows: 3 sources, 2 surveys" in done.output
    assert f"Catalogue: {output}" in done.output


@pytest.mark.parametrize("suffix", [".csv", ".vot", ".fits", ".parquet"])
def test_every_format_has_the_same_rows(run, stamps, tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    output = tmp_path / f"out{suffix}"
    done = run("classify", stamps, "-o", output, "--quiet")
    assert (done.exit_code, done.output) == (exits.DONE, "")
    names = [str(np.asarray(v).astype(str)) for v in Table.read(output)["source"]]
    assert sorted(names) == ["P0", "P1", "S0"]
    assert list(tmp_path.iterdir()) == [output]


def test_a_bad_file_is_a_row_and_an_exit_code(run, some_damaged, tmp_path):
    output, rejects = tmp_path / "out.ecsv", tmp_path / "bad.csv"
    done = run("classify", some_damaged, "-o", output, "--rejects", rejects)
    assert done.exit_code == exits.PARTLY, done.output
    assert "unreadable" in done.output
    assert len(Table.read(output)) == 4
    (row,) = Table.read(rejects)
    assert (row["source"], row["status"]) == ("bad", "unreadable")
    assert row["reason"]


def test_a_dropped_band_is_told_too(run, stamps, some_damaged, tmp_path):
    (some_damaged / "bad_g_SDSS9.fits").rename(some_damaged / "S0_odd_SDSS9.fits")
    done = run("classify", some_damaged, "-o", tmp_path / "out.ecsv")
    assert done.exit_code == exits.PARTLY, done.output
    assert "1 row lost a file or more" in done.output


def test_no_weights_are_no_failure(run, stamps, tmp_path, no_weights):
    done = run("classify", stamps, "-o", tmp_path / "out.ecsv")
    assert done.exit_code == exits.DONE, done.output
    assert "no_weights" in done.output
    assert "0 of 0 verdicts are binary." in done.output


def test_an_existing_output_is_kept(run, stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    output.write_text("precious")
    done = run("classify", stamps, "-o", output)
    assert done.exit_code == exits.FAILED
    assert "--overwrite" in done.output
    assert output.read_text() == "precious"
    assert run("classify", stamps, "-o", output, "--overwrite").exit_code == exits.DONE
    assert len(Table.read(output)) == 3


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("out.txt", "unknown ending '.txt'"),
        ("missing/out.ecsv", "there is no folder"),
        ("folder.fits", "is a folder"),
    ],
)
def test_the_output_is_checked_before_the_work(
    run, stamps, tmp_path, monkeypatch, output, message
):
    (tmp_path / "folder.fits").mkdir()
    monkeypatch.setattr(
        "astro_vbinary.classification.routing.classify",
        lambda *args, **kwargs: pytest.fail("the work was begun"),
    )
    done = run("classify", stamps, "-o", tmp_path / output)
    assert done.exit_code == exits.FAILED
    assert message in done.output


def test_a_failed_write_leaves_what_was_there(run, stamps, tmp_path, monkeypatch):
    output = tmp_path / "out.ecsv"
    output.write_text("precious")

    def fail(self, path, **kwargs):
        path.write_text("half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        "astro_vbinary.classification.result.ClassificationResult.write", fail
    )
    done = run("classify", stamps, "-o", output, "--overwrite")
    assert done.exit_code == exits.FAILED
    assert "No space left" in done.output
    assert [p.read_text() for p in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "out.ecsv"], exits.USAGE, "give either PATH or --manifest"),
        (["no-such-folder", "-o", "out.ecsv"], exits.USAGE, "does not exist"),
        (["."], exits.USAGE, "Missing option"),
        ([".", "-o", "out.ecsv"], exits.FAILED, "no stamps in"),
        ([".", "-o", "o.csv", "--policy", "best"], exits.USAGE, "known: published"),
        ([".", "-o", "o.csv", "--template", "{x}"], exits.FAILED, "{x}"),
        ([".", "-o", "o.csv", "--rejects", "o.csv"], exits.USAGE, "same file"),
    ],
)
def test_what_cannot_be_done(run, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    done = run("classify", *arguments)
    assert done.exit_code == code, done.output
    assert message in done.output


def test_an_unknown_device_is_one_line(run, stamps, tmp_path):
    done = run("classify", stamps, "-o", tmp_path / "o.csv", "--device", "abacus")
    assert done.exit_code == exits.FAILED
    assert "no device 'abacus'" in done.output


def test_positions_of_a_catalogue_are_used(run, stamps, tmp_path):
    catalog, output = tmp_path / "positions.csv", tmp_path / "out.ecsv"
    first = Table.read(_classified(run, stamps, tmp_path))
    ra, dec = first["ra"][0], first["dec"][0]
    # One arcsecond to the north; the second source stands nowhere near.
    catalog.write_text(
        f"ID,RAJ2000,DEJ2000\nP0,{ra},{dec + 1 / 3600}\nP1,10,10\nQ,1,1\n"
    )
    done = run("classify", stamps, "-o", output, "--catalog", catalog)
    assert done.exit_code == exits.PARTLY, done.output
    rows = {row["source"]: row for row in Table.read(output)}
    assert rows["P0"]["dec"] == pytest.approx(dec + 1 / 3600, abs=1e-8)
    assert rows["P1"]["status"] == "target_outside"
    assert "1 source not in the catalogue of positions" in done.output
    assert "1 position without stamps: Q" in done.output


def _classified(run, stamps, folder):
    output = folder / "first.ecsv"
    assert run("classify", stamps, "-o", output).exit_code == exits.DONE
    return output


def test_a_bad_catalogue_is_one_line(run, stamps, tmp_path):
    catalog = tmp_path / "positions.csv"
    catalog.write_text("source,x,y\nP0,1,2\n")
    done = run("classify", stamps, "-o", tmp_path / "o.csv", "--catalog", catalog)
    assert done.exit_code == exits.FAILED
    assert "no column ra, dec; it has source, x, y" in done.output


def test_a_manifest_says_what_files_are(run, stamps, tmp_path):
    path = next(stamps.glob("P0_*"))
    manifest = tmp_path / "files.csv"
    manifest.write_text(f"path,source,survey,band\n{path},mine,SDSS9,r\n")
    output = tmp_path / "out.ecsv"
    done = run("classify", "--manifest", manifest, "-o", output)
    assert done.exit_code == exits.DONE, done.output
    (row,) = Table.read(output)
    assert (row["source"], row["survey"], row["bands"]) == ("mine", "SDSS9", "r")
    both = run("classify", stamps, "--manifest", manifest, "-o", tmp_path / "b.ecsv")
    assert both.exit_code == exits.USAGE


def test_a_template_says_how_files_are_named(run, stamps, tmp_path):
    folder = tmp_path / "named"
    folder.mkdir()
    with fits.open(next(stamps.glob("P0_*"))) as hdus:
        hdus.writeto(folder / "SDSS9-r-22466.fits")
    output = tmp_path / "out.ecsv"
    done = run(
        "classify", folder, "-o", output, "--template", "{survey}-{band}-{source}"
    )
    assert done.exit_code == exits.DONE, done.output
    assert list(Table.read(output)["source"]) == ["22466"]


def test_a_name_that_fits_cannot_hold_does_not_cost_the_table(run, stamps, tmp_path):
    folder = tmp_path / "stamps"
    folder.mkdir()
    content = next(stamps.glob("P0_*")).read_bytes()
    (folder / "größe_g_SDSS9.fits").write_bytes(content)
    output = tmp_path / "out.fits"
    done = run("classify", folder, "-o", output)
    assert done.exit_code == exits.DONE, done.output
    (row,) = Table.read(output)
    assert row["source"].encode("ascii").decode("unicode_escape") == "größe"
