"""Tests of ``astro-vbinary inject``."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astro_vbinary import SkyGrid, StampStack, SurveyStamp
from astro_vbinary.cli import exits
from astro_vbinary.psf import MoffatPSF
from astro_vbinary.simulation.folders import TRUTH_FILE

TARGET = SkyCoord(83.8, -5.4, unit="deg")
SCALE = 0.25 * u.arcsec
SHAPE = (61, 61)


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """A folder of a bright star in two bands, and of a source that is not there."""
    folder = tmp_path_factory.mktemp("stars")
    wcs = SkyGrid(TARGET, SCALE, SHAPE).wcs
    for source, band, flux in (("7", "g", 3e4), ("7", "i", 5e4), ("8", "i", 0.0)):
        rng = np.random.default_rng(len(band) + int(source))
        image = rng.normal(20, 1, SHAPE)
        image += flux * MoffatPSF(1.1 * u.arcsec, beta=3).image(SHAPE, SCALE)
        stamp = SurveyStamp(image.astype("f4"), wcs, survey="PS1", band=band)
        stamp.write(folder / f"{source}_{band}_PanSTARRS.fits")
    return folder


def test_pairs_are_written_with_their_truth(run, stars, tmp_path):
    output = tmp_path / "pairs"
    done = run("inject", stars, "-o", output, "--count", 3)
    assert done.exit_code == exits.PARTLY
    assert "not used: 8 in Pan-STARRS" in done.output
    assert "3 pairs from 1 of 2 stacks" in done.output
    truth = QTable.read(output / TRUTH_FILE)
    assert list(truth["source"]) == ["7i000", "7i001", "7i002"]
    assert set(truth["label"]) == {1}
    star = StampStack.read(stars, source="7")
    for row in truth:
        pair = StampStack.read(output, source=row["source"])
        assert pair.bands == star.bands
        for before, after in zip(star, pair, strict=True):
            added = after.data - before.data
            y, x = np.unravel_index(np.argmax(added), added.shape)
            place = TARGET.directional_offset_by(
                row["position_angle"], row["separation"]
            )
            assert after.wcs.pixel_to_world(x, y).separation(place) < SCALE


def test_the_same_seed_gives_the_same_pairs(run, stars, tmp_path):
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("inject", stars, "-o", tmp_path / name, "--count", 1, "--seed", seed)
        made.append(StampStack.read(tmp_path / name, source="7i000")[0].data)
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 100


def test_earlier_pairs_are_kept(run, stars, tmp_path):
    run("inject", stars, "-o", tmp_path, "--count", 1)
    again = run("inject", stars, "-o", tmp_path)
    assert again.exit_code == exits.FAILED
    assert "give another folder" in again.output


def test_every_file_that_is_not_used_is_named(run, stars, tmp_path):
    folder = tmp_path / "stars"
    folder.mkdir()
    for path in stars.glob("7_*"):
        (folder / path.name).write_bytes(path.read_bytes())
    whole = (stars / "7_i_PanSTARRS.fits").read_bytes()
    (folder / "7_z_PanSTARRS.fits").write_bytes(whole[:5000])
    done = run("inject", folder, "-o", tmp_path / "out", "--count", 1)
    assert done.exit_code == exits.PARTLY
    assert "not used: 7_z_PanSTARRS.fits: " in done.output
    assert "1 pairs from 1 of 1 stacks" in done.output


def test_a_folder_without_stars_gives_nothing(run, stars, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "8_i_PS1.fits").write_bytes((stars / "8_i_PanSTARRS.fits").read_bytes())
    done = run("inject", empty, "-o", tmp_path / "out")
    assert done.exit_code == exits.FAILED
    assert not (tmp_path / "out" / TRUTH_FILE).exists()


def test_the_demo_reads_it(run, stars, tmp_path, bundled):
    run("inject", stars, "-o", tmp_path / "pairs", "--count", 2)
    done = run("demo", tmp_path / "pairs", "-o", tmp_path / "out")
    assert done.exit_code == exits.DONE, done.output
    assert "7i001" in done.output
