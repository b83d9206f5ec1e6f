"""The populations that companions are drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.simulation.companions import (
    CLOSEST,
    DETECTABILITY,
    DROP,
    LUMINOSITY_SLOPE,
    SIGNALS,
    UNKNOWN_ELLIPTICITY,
    approximate_detectability,
    draw_companion,
)

FWHM = 0.3
COUNT = 4000


def draw_many(population, *, count=COUNT, fwhm=FWHM, widest=2.5):
    rng = np.random.default_rng(7)
    drawn = [
        draw_companion(population, rng, fwhm=fwhm, widest=widest) for _ in range(count)
    ]
    names = ("separation", "position_angle", "magnitude_difference", "signal")
    return {name: np.array([getattr(c, name) for c in drawn]) for name in names}


@pytest.mark.parametrize("population", ["training", "orion"])
@pytest.mark.parametrize("widest", [0.6, 2.5])
def test_companions_are_within_their_limits_at_any_angle(population, widest):
    made = draw_many(population, widest=widest, count=1500)
    assert made["separation"].min() >= min(CLOSEST * FWHM, 0.5 * widest)
    assert made["separation"].max() <= widest
    assert (made["magnitude_difference"] >= 0).all()
    # Rayleigh's test of uniformity: n R^2 exceeds 9 once in 8000.
    turns = np.exp(1j * np.deg2rad(made["position_angle"]))
    assert len(turns) * np.abs(turns.mean()) ** 2 < 9


def test_training_pairs_are_spread_evenly_over_their_detectability():
    made = draw_many("training")
    place = made["separation"], made["magnitude_difference"]
    seen = approximate_detectability(
        *place, made["signal"], FWHM, ellipticity=UNKNOWN_ELLIPTICITY
    )
    # Where neither the faintest nor the brightest star had to be taken.
    low, high = SIGNALS[0], SIGNALS[1] / 1.5
    free = (made["signal"] > low * 1.001) & (made["signal"] < high * 0.999)
    inside = (seen >= DETECTABILITY[0] * 0.999) & (seen <= DETECTABILITY[1])
    assert (inside & free).mean() > 0.6
    counts, _ = np.histogram(np.log(seen[inside & free]), bins=5)
    # As many hard pairs as easy ones, within a factor of two.
    assert counts.max() < 2 * counts.min()
    # Bright ones, in which the companion is seen at once, and few hopeless ones.
    assert 0.1 < (seen > DETECTABILITY[1]).mean() < 0.4
    best = approximate_detectability(
        *place, SIGNALS[1], FWHM, ellipticity=UNKNOWN_ELLIPTICITY
    )
    assert 0 < (best < DETECTABILITY[0]).mean() < 0.05


def test_orion_has_half_as_many_companions_beyond_half_an_arcsecond():
    made = draw_many("orion")
    separation = made["separation"]
    inner, outer = separation < DROP, separation >= DROP
    # A number for each unit of ln(separation).
    rate = [
        inner.sum() / np.log(DROP / (CLOSEST * FWHM)),
        outer.sum() / np.log(2.5 / DROP),
    ]
    assert rate[0] / rate[1] == pytest.approx(2, rel=0.15)


def test_orion_has_faint_stars_as_number_counts_have_them_and_equal_masses_rarely():
    made = draw_many("orion")
    low, high = 8.0, 5000.0
    assert made["signal"].min() >= low
    assert made["signal"].max() <= high
    # Above S there are as many as S^-0.75, less those beyond the brightest.
    for level in (20.0, 100.0, 500.0):
        wanted = (level**-0.75 - high**-0.75) / (low**-0.75 - high**-0.75)
        found = (made["signal"] > level).mean()
        assert found == pytest.approx(wanted, abs=4 * np.sqrt(wanted / COUNT))
    # Mass ratios from 0.05 to 1, whose density rises as q^0 to q^2.
    ratio = 10 ** (-0.4 * made["magnitude_difference"] / LUMINOSITY_SLOPE)
    assert 0.049 < ratio.min() < ratio.max() <= 1
    wanted = np.mean([2.0 ** -(1 + slope) for slope in np.linspace(0, 2, 201)])
    assert (ratio < 0.5).mean() == pytest.approx(wanted, abs=0.03)


@given(
    separation=st.floats(0.01, 2.5),
    difference=st.floats(0, 6),
    signal=st.floats(5, 3e4),
    fwhm=st.floats(0.03, 3),
)
def test_detectability_has_its_limits(separation, difference, signal, fwhm):
    made = approximate_detectability(separation, difference, signal, fwhm)
    companion = signal * 10 ** (-0.4 * difference)
    # Nothing is seen better than the companion would be by itself.
    assert 0 < made <= companion * (1 + 1e-12)
    twice = approximate_detectability(separation, difference, 2 * signal, fwhm)
    assert twice == pytest.approx(2 * made)
    wide = approximate_detectability(5 * fwhm, difference, signal, fwhm)
    assert wide == pytest.approx(companion)
    # What is not known of the PSF can only hide a pair, and of all pairs close ones.
    blind = [
        approximate_detectability(k * fwhm, 0.0, signal, fwhm, ellipticity=0.05)
        / approximate_detectability(k * fwhm, 0.0, signal, fwhm)
        for k in (0.3, 1.0, 5.0)
    ]
    assert blind[0] <= blind[1] <= blind[2] <= 1
    assert blind[2] > 0.99
    # Of close pairs it goes as the square of the separation.
    close = [approximate_detectability(k * fwhm, 0.0, signal, fwhm) for k in (0.1, 0.2)]
    assert close[1] == pytest.approx(4 * close[0])


def test_close_pairs_of_equal_stars_are_as_detectable_as_the_photons_allow():
    # A Gaussian PSF, finely sampled: the residual of the best single star.
    axis = np.arange(-60, 61) / 10
    x, y = axis[None, :], axis[:, None]

    def star(at):
        return np.exp(-((x - at) ** 2 + y**2) / 2) / (2 * np.pi) * 0.01

    fwhm, separation = 2.3548, 0.25 * 2.3548
    signal = 1 / np.sqrt((star(0.0) ** 2).sum())
    pair = star(-separation / 2) + star(separation / 2)
    slope = (star(1e-3) - star(-1e-3)) / 2e-3
    basis = np.stack([star(0.0).ravel(), slope.ravel(), np.ones(x.size * y.size)], 1)
    left = pair.ravel() - basis @ np.linalg.lstsq(basis, pair.ravel(), rcond=None)[0]
    exact = np.sqrt((left**2).sum())
    # In units where one star has a signal-to-noise ratio of 1 / signal on unit noise.
    made = approximate_detectability(separation, 0.0, 1 / signal, fwhm)
    assert made == pytest.approx(exact, rel=0.1)


def test_an_unknown_ellipticity_is_a_floor_that_no_signal_overcomes():
    place = 0.3 * FWHM, 0.0
    faint, bright, brightest = (
        approximate_detectability(*place, signal, FWHM, ellipticity=0.05)
        for signal in (10.0, 1e5, 1e7)
    )
    assert faint < bright
    assert brightest == pytest.approx(bright, rel=1e-3)
    # 1.96 (s/FWHM)^2 / 2 for equal stars, against 0.49 x 2 e.
    floor = 0.98 * 0.09 / (0.98 * 0.05 * np.exp(-0.045))
    assert brightest == pytest.approx(floor, rel=1e-3)


def test_an_unknown_population_names_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown population 'sky'; known: training, o"
    ):
        draw_companion("sky", np.random.default_rng(1), fwhm=1)
