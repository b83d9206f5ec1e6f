import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astro_vbinary.simulation import (
    KINDS,
    SIMULATED_SURVEYS,
    simulate_stack,
    write_folder,
)
from astro_vbinary.stamps import StampIndex, StampStack
from astro_vbinary.surveys import get_survey

GROUND = [name for name in SIMULATED_SURVEYS if not get_survey(name).space]


def test_the_surveys_are_known_ones():
    assert set(SIMULATED_SURVEYS) == {
        "Pan-STARRS", "SDSS9", "DECaLS", "HSCLA", "HST", "JWST",
    }  # fmt: skip
    for name in SIMULATED_SURVEYS:
        assert get_survey(name).name == name


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_the_same_seed_gives_the_same_pixels(survey):
    first, again, other = (
        simulate_stack(survey, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert str(first.truth) == str(again.truth)
    for one, two in zip(first.stack, again.stack, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        assert one.wcs.to_header() == two.wcs.to_header()
    assert str(first.truth) != str(other.truth)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("survey", ["Pan-STARRS", "JWST"])
def test_every_kind_becomes_stamps_with_its_truth(kind, survey):
    rng = np.random.default_rng([3, len(kind)])
    for _ in range(2):
        made = simulate_stack(survey, rng, kind=kind, source="42")
        truth = made.truth
        assert isinstance(made.stack, StampStack)
        assert (truth["kind"], truth["label"]) == (kind, KINDS[kind][0])
        assert (truth["survey"], truth["source"]) == (survey, "42")
        assert truth["bands"] == len(made.stack)
        assert made.stack.survey.name == survey
        assert set(made.stack.bands) <= set(get_survey(survey).band_names)
        assert np.isfinite(truth["separation"]) == bool(truth["label"])
        assert np.isfinite(truth["companion_signal"]) == bool(truth["label"])
        for stamp in made.stack:
            assert stamp.data.dtype == np.float32
            assert np.isfinite(stamp.data).any()
        # The target is where the truth says, and can be aligned to.
        target = SkyCoord(truth["ra"], truth["dec"], unit="deg")
        assert made.stack.target.separation(target) < 1e-6 * u.arcsec
        assert not made.stack.align().mask.all()


def test_kinds_come_as_often_as_they_should():
    rng = np.random.default_rng(11)
    kinds = [
        simulate_stack("HSCLA", rng, hips_share=0.0).truth["kind"] for _ in range(300)
    ]
    pairs = sum(KINDS[kind][0] for kind in kinds)
    # Four standard deviations of a binomial around one half.
    assert abs(pairs - 150) < 4 * np.sqrt(75)
    assert len(set(kinds)) >= 8


@pytest.mark.parametrize("survey", GROUND)
def test_the_oversampled_form_is_as_the_reference_work_keeps_it(survey):
    rng = np.random.default_rng(12)
    made = simulate_stack(survey, rng, kind="single", hips_share=1.0)
    assert made.truth["form"] == "hips"
    for stamp in made.stack:
        assert stamp.shape == (322, 322)
        scale = stamp.pixel_scale.to_value(u.arcsec)
        assert scale == pytest.approx(0.031, abs=1e-3)
    native = simulate_stack(survey, rng, kind="single", hips_share=0.0)
    assert native.truth["form"] == "native"
    band = native.stack[0]
    pixel = get_survey(survey).band(band.band).pixel_scale
    assert abs(band.pixel_scale / pixel - 1) < 1e-3


def test_a_given_target_is_kept_in_any_frame():
    target = SkyCoord(209.0, -19.4, unit="deg", frame="galactic")
    made = simulate_stack("SDSS9", np.random.default_rng(1), target=target)
    assert made.truth["ra"] == pytest.approx(target.icrs.ra.deg)
    for stamp in made.stack:
        x, y = stamp.target_pixel()
        ny, nx = stamp.shape
        assert abs(x - (nx - 1) / 2) < 0.6
        assert abs(y - (ny - 1) / 2) < 0.6


def test_a_bright_star_peaks_at_the_target():
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        made = simulate_stack("DECaLS", rng, kind="single", hips_share=0.0)
        if made.truth["signal"] < 300:
            continue
        stack = made.stack.align()
        image = np.where(stack.mask, -np.inf, stack.data)[0]
        y, x = np.unravel_index(image.argmax(), image.shape)
        # Hot pixels can be brighter; most stamps have none.
        found += stack.grid.radius()[y, x] < 0.7
    assert found >= 4


def test_a_test_set_has_other_wavefronts():
    one, two = (
        simulate_stack(
            "HST", np.random.default_rng(5), kind="single", psf_seed=seed, hips_share=0
        )
        for seed in (0, 1)
    )
    assert one.stack.bands == two.stack.bands
    assert not np.array_equal(one.stack[0].data, two.stack[0].data)


def test_unknown_names_are_told_with_the_known_ones():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="cannot simulate '2MASS'; known: Pan-STARRS"):
        simulate_stack("2MASS", rng)
    with pytest.raises(ValueError, match="unknown kind 'triple'; known: pair"):
        simulate_stack("HSCLA", rng, kind="triple")


# ---------------------------------------------------------------------- folders
@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "stamps"
    return folder, write_folder(folder, {"Pan-STARRS": 4, "HSCLA": 3}, seed=9)


def test_a_folder_has_a_file_for_each_stamp_and_a_row_for_each_stack(written):
    folder, table = written
    assert len(table) == 7
    assert table["bands"].sum() == len(list(folder.glob("*.fits")))
    index = StampIndex.from_paths(folder)
    assert set(index.groups()) == {(r["source"], r["survey"]) for r in table}
    assert not index.rejected


def test_the_truth_table_is_read_back_with_units(written):
    folder, table = written
    back = QTable.read(folder / "truth.ecsv")
    assert back.colnames == table.colnames
    for name, unit in (("separation", u.arcsec), ("position_angle", u.deg),
                       ("magnitude_difference", u.mag), ("ra", u.deg)):  # fmt: skip
        assert back[name].unit == unit
        np.testing.assert_allclose(back[name].value, table[name].value)
    assert list(back["label"]) == [KINDS[kind][0] for kind in back["kind"]]


def test_written_stamps_are_those_that_were_simulated(written):
    folder, table = written
    row = table[0]
    target = SkyCoord(row["ra"], row["dec"])
    read = StampStack.read(
        folder, source=row["source"], survey=row["survey"], target=target
    )
    number = sum(map(ord, row["survey"]))
    made = simulate_stack(row["survey"], np.random.default_rng([9, number, 0]))
    np.testing.assert_allclose(
        read.align().data, made.stack.align().data, rtol=1e-4, atol=1e-3
    )


def test_files_are_not_replaced(written):
    folder, _ = written
    with pytest.raises(OSError, match="exists"):
        write_folder(folder, {"Pan-STARRS": 1}, seed=9)


def test_a_survey_that_cannot_be_simulated_is_told(tmp_path):
    with pytest.raises(ValueError, match="cannot simulate 'ZTF'"):
        write_folder(tmp_path, {"ZTF": 1})


def test_a_folder_of_one_kind(tmp_path):
    table = write_folder(tmp_path / "one", {"HSCLA": 2}, kind="empty")
    assert list(table["kind"]) == ["empty", "empty"]
    assert np.isnan(table["separation"]).all()
    with pytest.raises(ValueError, match="unknown kind 'triple'"):
        write_folder(tmp_path / "two", {"HSCLA": 1}, kind="triple")
