import astropy.units as u
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.surveys import (
    Band,
    Survey,
    get_survey,
    groups_table,
    list_surveys,
    resolution_group,
)

#: The groups of the reference work for the surveys of its Table 1.
PAPER = {
    "DECaLS": 1,
    "unWISE": 1,
    "NEOWISER": 1,
    "2MASS": 2,
    "ZTF": 2,
    "SkyMapper": 2,
    "Pan-STARRS": 3,
    "SDSS9": 3,
    "HST": 3,
    "JWST": 4,
    "HSCLA": 4,
}


@pytest.mark.parametrize(("name", "number"), PAPER.items())
def test_the_papers_apertures_give_the_papers_groups(name, number):
    assert resolution_group(name, apertures="paper").number == number


def test_table_1_has_no_other_survey():
    listed = {n for n in list_surveys() if get_survey(n).paper_aperture is not None}
    assert listed == set(PAPER)


def test_only_decals_moves_with_its_true_aperture():
    moved = {n: resolution_group(n).number for n in PAPER}
    assert {n: g for n, g in moved.items() if g != PAPER[n]} == {"DECaLS": 3}
    assert get_survey("DECaLS").paper_aperture == 0.1 * u.m


@pytest.mark.parametrize("name", ["AllWISE", "unWISE", "NEOWISER", "2MASS"])
def test_who_cannot_resolve_a_visual_binary(name):
    assert not get_survey(name).resolves(2.5 * u.arcsec)
    group = resolution_group(name, policy="effective")
    assert group.number == 1
    assert "cannot" in group.description


def test_the_effective_policy_sees_the_atmosphere():
    # The larger telescope is the blunter one: it stands on the ground.
    assert get_survey("HSCLA").aperture > get_survey("HST").aperture
    hscla = resolution_group("HSCLA", policy="effective").number
    assert hscla < resolution_group("HST", policy="effective").number


def telescope(aperture, fwhm):
    band = Band("b", 0.5 * u.um, 0.1 * u.arcsec, fwhm=fwhm * u.arcsec)
    return Survey("T", aperture * u.m, (band,))


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_every_telescope_has_one_group_and_a_larger_one_no_coarser(one, other):
    small, large = sorted((one, other))
    coarse = resolution_group(telescope(small, 1.0)).number
    fine = resolution_group(telescope(large, 1.0)).number
    assert 1 <= coarse <= fine <= 4


@pytest.mark.parametrize(
    ("fwhm", "number"), [(2.5, 1), (2.499, 2), (1.6, 2), (1.59, 3), (0.3, 3), (0.29, 4)]
)
def test_a_cut_belongs_to_the_coarser_group(fwhm, number):
    group = resolution_group(telescope(1.0, fwhm), policy="effective")
    assert group.number == number
    assert group.contains(fwhm * u.arcsec)


def test_unknown_choices_list_the_allowed_ones():
    with pytest.raises(ValueError, match="'best'; allowed: published, effective"):
        resolution_group("HST", policy="best")
    with pytest.raises(ValueError, match="'real'; allowed: true, paper"):
        groups_table(apertures="real")
    with pytest.raises(ValueError, match="the paper prints no aperture of Spitzer"):
        resolution_group("Spitzer", apertures="paper")


def test_table_names_every_survey_once():
    for policy in ("published", "effective"):
        names = ", ".join(filter(None, groups_table(policy=policy)["surveys"]))
        assert sorted(names.split(", ")) == sorted(list_surveys())
    paper = groups_table(apertures="paper")
    for row in paper:
        expected = {n for n, g in PAPER.items() if g == row["group"]}
        assert set(row["surveys"].split(", ")) == expected


def test_groups_leave_no_gap():
    for policy in ("published", "effective"):
        table = groups_table(policy=policy)
        assert (table["upper"][1:] == table["lower"][:-1]).all()
        assert table["upper"][0] > 1e9 * u.arcsec
        assert table["lower"][-1] == 0 * u.arcsec


def test_repr():
    assert repr(resolution_group("HST")) == (
        "<ResolutionGroup 3 (published): 0.03-0.09 arcsec>"
    )
