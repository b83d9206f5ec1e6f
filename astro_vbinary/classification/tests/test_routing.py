import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from astro_vbinary.classification import BinaryClassifier, classify
from astro_vbinary.classification.tests.helpers_stacks import (
    TARGET,
    make_cube,
    make_stack,
)
from astro_vbinary.stamps import StampIndex, StampStack, SurveyStamp
from astro_vbinary.status import Flag

pytestmark = pytest.mark.usefixtures("bundled")


def run(stacks, **options):
    return classify(stacks, **({"device": "cpu"} | options))


def test_every_survey_goes_to_its_group_and_nothing_is_lost():
    surveys = ["Pan-STARRS", "2MASS", "HSCLA", "ZTF", "AllWISE", "JWST", "SDSS9"]
    bands = {"2MASS": "J", "AllWISE": ["W1"], "JWST": ["F200W"]}
    stacks = [
        make_stack(str(number), survey, bands.get(survey, "g"))
        for number, survey in enumerate(surveys)
    ]
    table = run(stacks).to_table()
    assert list(table["source"]) == [str(number) for number in range(7)]
    assert list(table["survey"]) == surveys
    assert list(table["group"]) == [3, 2, 4, 2, 1, 4, 3]
    assert list(table["status"]) == [
        "ok", "unresolved", "ok", "unresolved", "unresolved", "ok", "ok",
    ]  # fmt: skip
    assert list(table["weights"]) == [
        "tiny-g3", "", "tiny-g4", "", "", "tiny-g4", "tiny-g3",
    ]  # fmt: skip
    reasons = dict(zip(table["survey"], table["reason"], strict=True))
    assert "images of 2MASS are" in reasons["2MASS"]
    assert "images of ZTF are" in reasons["ZTF"]
    assert "no weights for group 2 of policy 'published'" in reasons["ZTF"]
    assert reasons["Pan-STARRS"] == ""


def test_the_effective_policy_groups_by_what_images_resolve():
    table = run([make_stack("1", "HST", ["F606W"]), make_stack()], policy="effective")
    assert list(table.to_table()["group"]) == [4, 3]
    with pytest.raises(ValueError, match="unknown policy 'best'"):
        run([make_stack()], policy="best")


def test_verdicts_are_those_of_the_group_s_classifier(bundled):
    stack = make_stack()
    classifier = BinaryClassifier.for_group(3, device="cpu")
    aligned = stack.align(classifier.grid(TARGET))
    wanted = classifier.predict(aligned).probability
    np.testing.assert_allclose(run([stack]).probability, wanted)
    # A stack that is aligned already is taken as it is.
    np.testing.assert_allclose(run([aligned]).probability, wanted)
    np.testing.assert_allclose(run(aligned).probability, wanted)
    np.testing.assert_allclose(run(stack).probability, wanted)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_order_is_kept_and_batches_change_nothing(batch_size):
    surveys = ["Pan-STARRS", "HSCLA", "2MASS", "SDSS9", "HSCLA", "SDSS9", "Pan-STARRS"]
    stacks = [
        make_stack(str(number), survey, "J" if survey == "2MASS" else "g", seed=number)
        for number, survey in enumerate(surveys)
    ]
    result = run(stacks, batch_size=batch_size)
    assert list(result.to_table()["source"]) == [str(number) for number in range(7)]
    alone = np.concatenate([run([stack]).probability for stack in stacks])
    np.testing.assert_allclose(result.probability, alone, rtol=1e-4)
    assert np.isnan(result.probability[2])


def test_stacks_that_cannot_be_used_become_rows():
    away = TARGET.directional_offset_by(0 * u.deg, 1 * u.arcmin)
    grid = make_stack()[0].wcs
    blank = StampStack(
        [SurveyStamp(np.full((32, 32), np.nan), grid, survey="SDSS9", band="g")]
    )
    nameless = StampStack([SurveyStamp(np.ones((32, 32)), grid, band="g")])
    stacks = [
        make_stack("far", target=away),
        blank,
        nameless,
        make_cube(),
        make_stack(),
    ]
    result = run(stacks)
    assert list(result.status) == [
        "target_outside", "no_data", "unknown_survey", "ok", "ok",
    ]  # fmt: skip
    assert all(result.to_table()["reason"][:3])
    assert result.n_failed == 3


def test_a_stack_on_another_grid_is_a_row_with_the_error():
    cube = make_stack().align()
    result = run([cube, make_stack()])
    assert list(result.status) == ["error", "ok"]
    assert "AlignmentError" in result.to_table()["reason"][0]


def test_an_unknown_engine_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="unknown engine 'best'"):
        run([make_stack()], engine="best")


def test_what_is_no_stack_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="cannot classify a int"):
        run(5)
    with pytest.raises(TypeError, match="cannot classify a str"):
        run([make_stack(), "g"])


# ----------------------------------------------------------------------- files
@pytest.fixture
def folder(tmp_path):
    """Two good sources, one band of them broken, and files without a place."""
    place = tmp_path / "stamps"
    place.mkdir()
    for source in ("1", "2"):
        for stamp in make_stack(source, seed=int(source)):
            stamp.write(place / f"{source}_{stamp.band}_PanSTARRS.fits")
    make_stack("1", "2MASS", "J")[0].write(place / "1_J_2MASS.fits")
    (place / "2_z_PanSTARRS.fits").write_bytes(b"")
    (place / "3_g_PanSTARRS.fits").write_bytes(b"<html>503</html>")
    make_stack()[0].write(place / "4_g_Kepler.fits")
    make_stack()[0].write(place / "image.fits")
    return place


def test_a_folder_gives_a_row_for_every_source_survey_and_stray_file(folder):
    result = run(folder)
    table = result.to_table()
    found = {
        (row["source"], row["survey"]): (row["status"], row["reason"]) for row in table
    }
    assert len(table) == 6
    assert found["1", "Pan-STARRS"][0] == "ok"
    assert found["1", "2MASS"][0] == "unresolved"
    assert found["2", "Pan-STARRS"][0] == "ok"
    assert found["3", "Pan-STARRS"][0] == "unreadable"
    assert found["4", "Kepler"][0] == "unknown_survey"
    assert "image.fits" in found["", ""][1]
    assert found["", ""][0] == "unnamed"
    # A band that was lost is told beside the verdict.
    row = table[table["source"] == "2"][0]
    assert row["flags"] & Flag.FILES_DROPPED
    assert "2_z_PanSTARRS.fits" in row["reason"]
    assert row["bands"] == "g,r"
    assert result.n_failed == 3


def test_paths_and_an_index_are_the_same(folder):
    every = run(folder).to_table()
    for stacks in (str(folder), [folder], StampIndex.from_paths(folder)):
        table = run(stacks).to_table()
        assert list(table["source"]) == list(every["source"])
        np.testing.assert_allclose(table["probability"], every["probability"])
    with pytest.raises(FileNotFoundError):
        run(folder / "missing")


def test_targets_by_name_are_used_and_others_assumed(folder):
    near = SkyCoord(TARGET.ra, TARGET.dec + 0.5 * u.arcsec)
    table = run(folder, targets={"1": near}).to_table()
    one, two = (
        table[(table["source"] == name) & (table["survey"] == "Pan-STARRS")][0]
        for name in ("1", "2")
    )
    assert one["dec"] == near.dec
    assert not one["flags"] & Flag.TARGET_ASSUMED
    assert two["flags"] & Flag.TARGET_ASSUMED


def test_an_empty_folder_gives_an_empty_table(tmp_path):
    result = run(tmp_path)
    assert len(result) == 0
    assert len(result.to_table()) == 0


# ------------------------------------------------- for callers with many calls
def test_classifiers_are_loaded_once_and_those_given_are_used():
    known = {}
    first = run([make_stack()], classifiers=known)
    assert set(known) == {3}
    again = run([make_stack()], classifiers=known | {3: None})
    assert list(first.status) == ["ok"]
    assert list(again.status) == ["no_weights"]


def test_timings_add_up():
    timings = {}
    run([make_stack()], timings=timings)
    assert set(timings) == {"load", "read", "align", "prepare", "classify"}
    once = timings["align"]
    run([make_stack()], timings=timings)
    assert timings["align"] > once > 0
