import astropy.units as u
import numpy as np
import pytest
from scipy import stats

from astro_vbinary.measurement import (
    PixelBatch,
    clairvoyant_bound,
    scan_completeness,
    survey_completeness,
)
from astro_vbinary.psf import MoffatPSF


@pytest.mark.parametrize("bands", [1, 3])
def test_maximum_over_place_and_fluxes(bands):
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((40_000, bands + 2))
    for d, threshold in ((0.0, 3.0), (3.0, 4.4), (4.4, 4.4), (6.0, 4.4)):
        field = noise.copy()
        field[:, 0] += d
        share = np.mean((field**2).sum(1) > threshold**2)
        assert scan_completeness(d, threshold, bands=bands) == pytest.approx(
            share, abs=0.01
        )


def test_scan_finds_more_than_d_prime_at_its_threshold():
    d = np.linspace(0.5, 8, 20)
    known = clairvoyant_bound(d, stats.norm.sf(4.4))
    assert (scan_completeness(d, 4.4) > known).all()
    # But no more than a detector that knows the pair, at the same rate.
    assert (scan_completeness(d, 4.4) < clairvoyant_bound(d, 1e-3)).all()
    with pytest.raises(ValueError, match="at least one band, not 0"):
        scan_completeness(d, 4.4, bands=0)


@pytest.mark.parametrize(
    ("survey", "band", "snr", "cell", "options"),
    [
        # Below half of the width in wings that are wide, where a scan goes astray.
        ("HSCLA", "i", 300, (0.39, 3.93), {}),
        ("HST", "F814W", 300, (0.058, 3.62), {"max_separation": 0.3 * u.arcsec}),
        # Undersampled pixels, whose phase tells, and a core half as wide as fwhm.
        ("JWST", "F070W", 30, (0.054, 1.86), {"max_separation": 0.3 * u.arcsec}),
    ],
)
def test_as_many_are_found_as_predicted(survey, band, snr, cell, options):
    found = survey_completeness(
        survey, band, snr, cell[:1] * u.arcsec, cell[1:] * u.mag, trials=400, **options
    )
    assert found.meta["band"] == band
    assert 0.4 < found["predicted"][0] < 0.75
    # The error of 400 is 0.025; without the maximum 0.09 less were predicted.
    assert found["completeness"][0] == pytest.approx(found["predicted"][0], abs=0.06)


def test_rate_of_false_alarms_is_the_least_that_is_predicted():
    found = survey_completeness(
        "HSCLA",
        "i",
        30,
        [0.3, 1.2] * u.arcsec,
        [0, 9] * u.mag,
        false_positive_rate=0.01,
        trials=5,
    )
    assert found["predicted"][[1, 3]] == pytest.approx(0.01, abs=0.002)
    assert (found["trials"] == 5).all()
    assert found["completeness"][2] == 1


def test_no_separation_beyond_the_scan():
    with pytest.raises(ValueError, match=r"at most 0\.4 arcsec.*not 0\.5 arcsec"):
        survey_completeness(
            "HST",
            None,
            30,
            [0.1, 0.5] * u.arcsec,
            [0] * u.mag,
            max_separation=0.4 * u.arcsec,
        )


def test_width_of_the_core_is_not_that_of_wings():
    def batch(beta):
        psf = MoffatPSF(1 * u.arcsec, beta=beta)
        blank = np.zeros((1, 1, 81, 81))
        return PixelBatch.from_arrays(
            blank, 1.0, [psf], np.diag([-0.1, 0.1]), [40, 40], oversampling=2
        )

    gaussian, winged = batch(300), batch(1.6)
    # The pixel adds its own variance.
    wanted = np.hypot(1, 2.3548 * 0.1 / np.sqrt(12))
    assert float(gaussian.core_width) == pytest.approx(wanted, rel=0.01)
    assert float(gaussian.fwhm) == pytest.approx(wanted, rel=0.01)
    assert float(winged.fwhm) > 1.5
    assert float(winged.core_width) < 1.25


def test_star_too_wide_for_a_grid_of_companions():
    # SkyMapper's u: the ring of wide companions is narrower than the grid's step.
    found = survey_completeness(
        "SkyMapper", "u", 300, [2.4] * u.arcsec, [0] * u.mag, trials=4
    )
    assert found["completeness"][0] == 1
