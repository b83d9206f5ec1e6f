import astropy.units as u
import numpy as np
import pytest

from astro_vbinary.surveys import (
    bands_table,
    get_survey,
    list_surveys,
    resolution_group,
    surveys_table,
)


def test_one_row_a_survey():
    table = surveys_table()
    assert tuple(table["name"]) == list_surveys()
    for row in table:
        survey = get_survey(row["name"])
        assert row["rayleigh"] == survey.rayleigh()
        assert row["fwhm"] == survey.effective_fwhm()
        assert row["group_published"] == resolution_group(survey).number
        assert row["resolves_binaries"] == survey.resolves(2.5 * u.arcsec)
        assert row["bands"].split() == list(survey.band_names)


def test_what_the_paper_does_not_print_is_missing():
    table = surveys_table()
    table.add_index("name")
    for name in ("AllWISE", "Spitzer"):
        assert np.ma.is_masked(table.loc[name]["group_paper"])
        assert np.isnan(table.loc[name]["paper_aperture"])
    assert table.loc["DECaLS"]["group_paper"] == 1
    assert table.loc["DECaLS"]["paper_aperture"] == 0.1 * u.m


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (None, {"group_published", "group_paper", "group_effective"}),
        ("published", {"group_published", "group_paper"}),
        ("effective", {"group_effective"}),
    ],
)
def test_policy_chooses_the_groups_shown(policy, kept):
    columns = surveys_table(policy=policy).colnames
    assert {name for name in columns if name.startswith("group_")} == kept


def test_unknown_policy():
    with pytest.raises(ValueError, match="'x'; allowed: published, effective"):
        surveys_table(policy="x")


def test_bands_of_a_survey():
    table = bands_table("hst")
    hst = get_survey("HST")
    assert tuple(table["band"]) == hst.band_names
    assert u.allclose(
        table["rayleigh"], 1.22 * table["wavelength"] / hst.aperture * u.rad
    )
    assert set(table["instrument"]) == {"ACS/WFC", "WFC3/UVIS", "WFC3/IR"}
    assert np.isnan(table["saturation"]).all()
    decals = bands_table("DECaLS")
    assert (decals["zero_point"] == 22.5).all()
    assert set(decals["magnitude_system"]) == {"AB"}
