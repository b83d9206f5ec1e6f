"""The truth is true: what is simulated is measured back from the stamps."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astro_vbinary.simulation import (
    KINDS,
    SIMULATED_SURVEYS,
    Scene,
    simulate_batch,
    simulate_stack,
    write_folder,
)
from astro_vbinary.simulation.simulate import stacks_of
from astro_vbinary.simulation.sky import Star
from astro_vbinary.simulation.tests.helpers_sky import windowed_centroid
from astro_vbinary.simulation.tests.test_batch import few_bands
from astro_vbinary.stamps import StampIndex, StampStack
from astro_vbinary.surveys import get_survey


def wide_pair(survey, angle, *, form):
    """A bright pair, several FWHM apart, as stamps; and its separation in arcsec."""
    fwhm = max(band.fwhm.to_value(u.arcsec) for band in get_survey(survey).bands)
    separation = max(1.5, 2.2 * fwhm) if fwhm > 0.3 else 1.5
    east, north = separation * np.sin(angle), separation * np.cos(angle)
    scene = Scene(
        "pair",
        1,
        (Star(-east / 2, -north / 2, 6000.0), Star(east / 2, north / 2, 4000.0)),
        separation=separation,
        position_angle=np.rad2deg(angle) % 360,
        magnitude_difference=2.5 * np.log10(1.5),
    )
    batch = simulate_batch(
        survey,
        1,
        np.random.default_rng(3),
        scenes=[scene],
        bands=few_bands(survey),
        hips_share=float(form == "hips"),
        clean=True,
    )
    return stacks_of(batch, ["1"])[0], separation


@pytest.mark.parametrize("form", ["native", "hips"])
@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_a_pair_is_in_the_pixels_as_the_truth_says(survey, form):
    angle = 0.6 + SIMULATED_SURVEYS.index(survey)
    made, separation = wide_pair(survey, angle, form=form)
    truth = made.truth
    target = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    turn = truth["position_angle"] * u.deg
    ends = [
        target.directional_offset_by(turn + 180 * u.deg, separation / 2 * u.arcsec),
        target.directional_offset_by(turn, separation / 2 * u.arcsec),
    ]
    for stamp in made.stack:
        pixel = stamp.pixel_scale.to_value(u.arcsec)
        fwhm = get_survey(survey).band(stamp.band).fwhm.to_value(u.arcsec)
        image = np.array(stamp.data, dtype=float)
        image = np.nan_to_num(image - np.nanmedian(image))
        starts = [stamp.wcs.world_to_pixel(end) for end in ends]
        if not all(_on(start, image.shape, fwhm / pixel) for start in starts):
            continue
        width = max(0.35 * fwhm / pixel, 0.8)
        found = [windowed_centroid(image, start, width) for start in starts]
        one, two = (stamp.wcs.pixel_to_world(*place) for place in found)
        # Each star lies in the other's wings, and pixels are coarse.
        slack = 0.06 * fwhm + 0.05 * pixel
        assert one.separation(two).to_value(u.arcsec) == pytest.approx(
            separation, abs=slack
        )
        off = (one.position_angle(two) - turn).wrap_at(180 * u.deg).to_value(u.rad)
        assert abs(off) * separation < slack
        # All bands show the pair near the target: registration and centring.
        assert one.separation(ends[0]).to_value(u.arcsec) < 1.0


def _on(place, shape, margin):
    """Whether a star is on the image with its core."""
    return all(
        margin < p < n - 1 - margin for p, n in zip(place, shape[::-1], strict=True)
    )


@pytest.mark.parametrize("survey", ["2MASS", "Pan-STARRS"])
def test_the_same_seed_gives_the_same_stamps(survey):
    first, again, other = (
        simulate_stack(survey, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert str(first.truth) == str(again.truth)
    for one, two in zip(first.stack, again.stack, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        assert one.wcs.to_header() == two.wcs.to_header()
    assert str(first.truth) != str(other.truth)


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_stamps_are_as_read_from_files(survey):
    made = simulate_stack(
        survey, np.random.default_rng(4), source="42", bands=few_bands(survey),
        hips_share=0,
    )  # fmt: skip
    assert isinstance(made.stack, StampStack)
    assert made.stack.survey.name == survey
    assert made.stack.source == made.truth["source"] == "42"
    assert len(made.stack) == made.truth["bands"]
    assert not made.stack.target_assumed
    for stamp in made.stack:
        # North is up, or turned as an archive's image is; east is to its left.
        assert np.linalg.det(stamp.wcs.pixel_scale_matrix) < 0
        x, y = stamp.target_pixel()
        ny, nx = stamp.shape
        assert abs(x - (nx - 1) / 2) < 1.1
        assert abs(y - (ny - 1) / 2) < 1.1
    assert 0.99 < stamp.pixel_scale.to_value(u.arcsec) / _pixel(made) < 1.01


def _pixel(made):
    """Side of the last band's pixels in arcsec, by its WCS's matrix."""
    matrix = made.stack[-1].wcs.pixel_scale_matrix * 3600
    return np.sqrt(abs(np.linalg.det(matrix)))


@pytest.mark.parametrize("survey", ["Pan-STARRS", "SDSS9"])
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
    for share in (0, 1):
        made = simulate_stack(
            "SDSS9", np.random.default_rng(1), target=target, hips_share=share
        )
        assert made.truth["ra"] == pytest.approx(target.icrs.ra.deg)
        assert made.stack.target.separation(target).arcsec < 1e-6
        for stamp in made.stack:
            x, y = stamp.target_pixel()
            ny, nx = stamp.shape
            assert abs(x - (nx - 1) / 2) < 1.1
            assert abs(y - (ny - 1) / 2) < 1.1


def test_unknown_names_are_told_with_the_known_ones():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="cannot simulate 'WISE'; known: 2MASS, ZTF"):
        simulate_stack("WISE", rng)
    with pytest.raises(ValueError, match="unknown kind 'planet'; known: pair"):
        simulate_stack("HSCLA", rng, kind="planet")
    with pytest.raises(ValueError, match="unknown population 'sky'"):
        simulate_stack("HSCLA", rng, kind="pair", population="sky")
    with pytest.raises(ValueError, match="cannot simulate bands"):
        simulate_stack("HSCLA", rng, bands="K")


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
    units = dict.fromkeys(("separation", "fwhm", "nearest"), u.arcsec)
    units |= dict.fromkeys(("position_angle", "ra", "dec"), u.deg)
    for name, unit in (units | {"magnitude_difference": u.mag}).items():
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
    mine, theirs = made.stack.align(), read.align()
    np.testing.assert_array_equal(mine.mask, theirs.mask)
    scale = np.nanmax(np.abs(mine.data))
    np.testing.assert_allclose(theirs.data, mine.data, rtol=1e-4, atol=1e-4 * scale)


def test_files_are_not_replaced(written):
    folder, _ = written
    with pytest.raises(OSError, match="exists"):
        write_folder(folder, {"Pan-STARRS": 1}, seed=9)


def test_a_survey_that_cannot_be_simulated_is_told(tmp_path):
    with pytest.raises(ValueError, match="cannot simulate 'unWISE'"):
        write_folder(tmp_path, {"unWISE": 1})


def test_a_folder_of_one_kind_and_form(tmp_path):
    table = write_folder(tmp_path / "one", {"HSCLA": 2}, kind="empty", hips_share=1)
    assert list(table["kind"]) == ["empty", "empty"]
    assert list(table["form"]) == ["hips", "hips"]
    assert np.isnan(table["separation"]).all()
    with pytest.raises(ValueError, match="unknown kind 'planet'"):
        write_folder(tmp_path / "two", {"HSCLA": 1}, kind="planet")


def test_a_folder_does_not_depend_on_what_else_is_in_it(tmp_path):
    one = write_folder(tmp_path / "one", {"ZTF": 3}, seed=2)
    two = write_folder(tmp_path / "two", {"2MASS": 1, "ZTF": 2}, seed=2)
    assert list(one["kind"][:2]) == list(two["kind"][1:])
    np.testing.assert_array_equal(one["ra"][:2], two["ra"][1:])
