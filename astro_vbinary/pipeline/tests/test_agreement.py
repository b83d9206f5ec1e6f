"""Do surveys agree where the fainter star is, and does it move?"""

import astropy.units as u
import numpy as np
import pytest
from scipy import stats

from astro_vbinary.measurement.pair_columns import PAIR_COLUMNS
from astro_vbinary.pipeline import (
    PairOffset,
    check_agreement,
    fit_motion,
    judge_motion,
    orbital_motion,
)


def offset(east, north, *, error=0.02, survey="HST", epoch=np.nan, swappable=False):
    return PairOffset(
        survey=survey,
        offset=np.array([east, north]),
        covariance=np.eye(2) * error**2,
        epoch=epoch,
        swappable=swappable,
    )


def test_p_values_are_uniform_where_surveys_agree():
    rng = np.random.default_rng(5)
    covariances = [
        np.array([[4.0, 1.5], [1.5, 1.0]]) * 1e-4,
        np.eye(2) * 9e-4,
        np.array([[1.0, -0.6], [-0.6, 2.0]]) * 1e-4,
    ]
    values = []
    for _ in range(600):
        found = [
            PairOffset(
                survey="HST",
                covariance=c,
                offset=rng.multivariate_normal([0.4, -0.3], c),
            )
            for c in covariances
        ]
        values.append(check_agreement(found).p_value)
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_disagreement_and_the_mean():
    agreed = check_agreement([offset(0.5, 0.1), offset(0.52, 0.1, error=0.01)])
    assert agreed.p_value > 0.1
    assert agreed.offset == pytest.approx([0.516, 0.1])
    assert check_agreement([offset(0.5, 0.1), offset(0.7, 0.1)]).p_value < 1e-6
    assert np.isnan(check_agreement([offset(0.5, 0.1)]).p_value)
    with pytest.raises(ValueError, match="no offset"):
        check_agreement([])


def test_equal_stars_may_be_swapped_unequal_ones_not():
    first = offset(0.5, 0.1)
    swapped = check_agreement([first, offset(-0.5, -0.1, swappable=True)])
    assert swapped.p_value > 0.5
    assert swapped.offset == pytest.approx([0.5, 0.1])
    assert check_agreement([first, offset(-0.5, -0.1)]).p_value < 1e-6
    many = [
        offset(*(np.array([0.5, 0.1]) * (-1) ** i), swappable=True) for i in range(12)
    ]
    assert check_agreement(many).p_value > 0.99


def row(**values):
    entry = {name: np.nan for name, *_ in PAIR_COLUMNS} | {
        "survey": "HST",
        "separation": 0.5,
        "separation_error": 0.01,
        "position_angle": 90.0,
        "position_angle_error": 2.0,
        "correlation_separation_angle": 0.0,
        "magnitude_difference": 1.5,
        "magnitude_difference_error": 0.1,
        "fwhm": 0.1,
    }
    return entry | values


def test_offsets_of_rows_have_the_covariance_of_separation_and_angle():
    rng = np.random.default_rng(0)
    given = row(position_angle=30.0, correlation_separation_angle=0.6)
    made = PairOffset.from_row(given, systematic=0.0)
    errors = np.array([0.01, 2.0])
    covariance = np.outer(errors, errors) * [[1, 0.6], [0.6, 1]]
    s, pa = rng.multivariate_normal([0.5, 30.0], covariance, 200_000).T
    drawn = np.stack([s * np.sin(np.deg2rad(pa)), s * np.cos(np.deg2rad(pa))])
    assert made.offset == pytest.approx(drawn.mean(axis=1), abs=1e-3)
    assert made.covariance == pytest.approx(np.cov(drawn), rel=0.03, abs=2e-6)
    floor = PairOffset.from_row(given).covariance - made.covariance
    assert floor == pytest.approx(np.eye(2) * 0.002**2)
    assert PairOffset.from_row(row()).offset == pytest.approx([0.5, 0], abs=1e-9)
    assert not PairOffset.from_row(row()).swappable
    assert PairOffset.from_row(row(magnitude_difference=0.2)).swappable
    assert PairOffset.from_row(row(separation_error=np.nan)) is None


def epochs(rng, motion, *, years=(2003.0, 2008.0, 2014.0), error=0.01):
    middle = np.mean(years)
    return [
        PairOffset(
            survey="HST",
            offset=np.array([0.5, 0.2])
            + 1e-3 * np.asarray(motion) * (t - middle)
            + rng.normal(0, error, 2),
            covariance=np.eye(2) * error**2,
            epoch=t,
        )
        for t in years
    ]


def test_motions_scatter_as_their_errors_say():
    rng = np.random.default_rng(7)
    found = [fit_motion(epochs(rng, (6.0, -3.0))) for _ in range(500)]
    pulls = [
        (one.motion - [6, -3]) @ np.linalg.solve(one.covariance, one.motion - [6, -3])
        for one in found
    ]
    assert stats.kstest(pulls, stats.chi2(2).cdf).pvalue > 1e-3
    assert stats.kstest([one.chi2 for one in found], stats.chi2(2).cdf).pvalue > 1e-3
    assert found[0].dof == 2


def test_there_is_no_motion_without_time():
    assert fit_motion([offset(0.5, 0), offset(0.6, 0)]) is None
    short = [offset(0.5, 0, epoch=2010.0), offset(0.6, 0, epoch=2010.2)]
    assert fit_motion(short) is None


def test_companions_stay_and_background_stars_are_left_behind():
    rng = np.random.default_rng(3)
    orbit = orbital_motion(0.54 * u.arcsec)
    primary = {"proper_motion": (25.0, -18.0), "proper_motion_error": (0.1, 0.1)}

    def verdicts(motion, **known):
        return [
            judge_motion(fit_motion(epochs(rng, motion)), orbit=orbit, **known)[0]
            for _ in range(100)
        ]

    stays = verdicts(rng.normal(0, orbit / 2, 2), **primary)
    assert stays.count("companion") >= 95
    left = verdicts((-25.0, 18.0), **primary)
    assert left.count("background") >= 95
    # Neither: a third star passing fast.
    assert set(verdicts((80.0, 80.0), **primary)) == {"unclear"}
    # A primary that hardly moves tells nothing.
    still = verdicts((0.0, 0.0), proper_motion=(0.5, 0.5))
    assert still.count("unclear") >= 95
    fast = verdicts((12.0, -9.0))
    assert fast.count("background") > 80
    assert verdicts((0.0, 0.0)).count("background") == 0
