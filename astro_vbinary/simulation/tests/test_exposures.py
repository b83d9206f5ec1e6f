"""Surveys take pictures as they are said to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation import SIMULATED_SURVEYS, exposures
from astro_vbinary.simulation.exposures import draw_exposures
from astro_vbinary.simulation.instruments import INSTRUMENTS, band_facts
from astro_vbinary.simulation.tests.helpers_sky import make_exposure
from astro_vbinary.surveys import get_survey


def draw_many(survey, *, count=200, **options):
    rng = np.random.default_rng(4)
    return [draw_exposures(survey, rng, **options) for _ in range(count)]


@pytest.mark.parametrize("survey", SIMULATED_SURVEYS)
def test_exposures_are_in_the_survey_s_ranges(survey):
    entry, drawn = INSTRUMENTS[survey], draw_many(survey)
    assert get_survey(survey).name == survey
    assert {e.band for stack in drawn for e in stack} == set(entry.bands)
    counts = {len(stack) for stack in drawn}
    most = exposures.MOST_SPACE_BANDS if survey in SPACE_SURVEYS else len(entry.bands)
    assert counts == set(range(1, most + 1))
    for stack in drawn:
        names = [e.band for e in stack]
        assert names == [band for band in entry.bands if band in names]
        for number, e in enumerate(stack):
            assert e.extra["number"] == number
            assert e.pixel_scale in band_facts(survey, e.band)[0]
            width = e.side * e.pixel_scale
            assert entry.width[0] - e.pixel_scale < width
            assert width < entry.width[1] + e.pixel_scale
            assert max(map(abs, e.target)) <= 0.5
            # All bands have the same orientation.
            assert e.angle == stack[0].angle
            assert entry.rotated or abs(e.angle) < 0.02


@pytest.mark.parametrize("survey", ["Pan-STARRS", "HSCLA"])
def test_bands_are_registered_as_well_as_the_survey_s_are(survey):
    entry, drawn = INSTRUMENTS[survey], draw_many(survey)
    between = np.array(
        [np.subtract(stack[0].shift, stack[1].shift) for stack in drawn if stack[1:]]
    )
    assert between.std() == pytest.approx(np.sqrt(2) * entry.registration, rel=0.15)
    common = np.array([np.mean([e.shift for e in stack], axis=0) for stack in drawn])
    assert common.std() == pytest.approx(entry.centring, rel=0.15)
    # Misregistered ones are off by a tenth to half of the FWHM each.
    wrong = draw_many(survey, misregistered=True)
    between = np.array(
        [np.subtract(stack[0].shift, stack[1].shift) for stack in wrong if stack[1:]]
    )
    assert 0.1 * 0.6 < between.std() < np.sqrt(2) * 0.5 * 1.5


@given(
    east=st.floats(-6, 6),
    north=st.floats(-6, 6),
    angle=st.floats(-7, 7),
    scale=st.floats(0.03, 2),
)
def test_the_sky_and_the_pixels_are_each_other_s_inverse(east, north, angle, scale):
    exposure = make_exposure(angle=angle, scale=scale)
    offset = exposure.pixel_offset(east, north)
    assert exposure.cd @ offset == pytest.approx((east, north), abs=1e-9)
    # East is to the left of north: a sky seen from within.
    assert np.linalg.det(exposure.cd) == pytest.approx(-(scale**2))


@pytest.mark.parametrize("bands", [1, 3, ["i", "g"], ("z",), "r"])
def test_bands_can_be_asked_for(bands):
    for stack in draw_many("Pan-STARRS", bands=bands, count=20):
        names = [e.band for e in stack]
        if isinstance(bands, int):
            assert len(names) == bands
        else:
            assert names == sorted(bands)


def test_bands_asked_for_do_not_change_what_is_drawn_next():
    rngs = [np.random.default_rng(1) for _ in range(3)]
    # As many of them as were drawn: what follows is the same.
    drawn = draw_exposures("SDSS9", rngs[0])
    same = draw_exposures("SDSS9", rngs[1], bands=[e.band for e in drawn])
    assert [(e.side, e.angle, e.shift) for e in same] == [
        (e.side, e.angle, e.shift) for e in drawn
    ]
    assert rngs[0].random() == rngs[1].random()


@pytest.mark.parametrize("bands", [0, 6, ["g", "J"], []])
def test_bands_that_there_are_not_are_told_with_those_there_are(bands):
    with pytest.raises(ValueError, match=r"Pan-STARRS has 1 to 5 bands|known: g, r, i"):
        draw_exposures("Pan-STARRS", np.random.default_rng(1), bands=bands)


def test_an_unknown_survey_names_the_known_ones():
    with pytest.raises(ValueError, match="cannot simulate 'unWISE'; known: 2MASS, ZTF"):
        draw_exposures("unWISE", np.random.default_rng(1))


@pytest.mark.parametrize("seed", [0, 3])
def test_another_bank_has_other_seeds(seed):
    numbers = {e.psf_seed for stack in draw_many("HST", psf_seed=seed) for e in stack}
    assert numbers == {1000 * seed}
