import sys

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from astro_vbinary.measurement.peer_detectors import (
    _daofind_kernel,
    count_peaks,
    daofind_pairs,
    deblend_pairs,
)
from astro_vbinary.measurement.peer_image import PeerImage, gaussian_kernel
from astro_vbinary.measurement.peer_shape import moment_shape
from astro_vbinary.measurement.peers import PEERS, run_peer
from astro_vbinary.measurement.shapes import adaptive_moments, weighted_moments
from astro_vbinary.psf import MoffatPSF

SCALE, SIDE, FWHM = 0.1, 64, 0.7
NAMES = [
    pytest.param(n, marks=pytest.mark.skipif(not ok, reason="sep is not installed"))
    for n, ok in [
        (name, name != "deblend_pairs" or __import__("importlib").util.find_spec("sep"))
        for name in PEERS
    ]
]
#: Those that name two sources, and can tell how far apart they are.
FINDERS = [param for param in NAMES if "moment" not in param.values[0]]


def scene(stars, *, scale=SCALE, side=SIDE, seed=0, noise=1.0, fwhm=FWHM):
    """Stars at offsets (right, up) in arcsec with total signals, and white noise."""
    psf = MoffatPSF(fwhm * u.arcsec)
    image = np.zeros((side, side))
    for right, up, flux in stars:
        place = tuple((side - 1) / 2 + v / scale for v in (right, up))
        image += flux * psf.image(image.shape, scale * u.arcsec, position=place)
    return image + noise * np.random.default_rng(seed).normal(size=image.shape)


SINGLE = [(0.05, -0.03, 4000.0)]
PAIR = [(0.05, -0.03, 4000.0), (1.0, 0.8, 2500.0)]
APART = np.hypot(0.95, 0.83)


def score(name, image, valid=None, *, scale=SCALE, fwhm=FWHM):
    return PEERS[name].detect(image, valid, scale, fwhm)


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_is_told_from_a_star(name):
    singles = np.array([scene(SINGLE, seed=n) for n in range(12)])
    pairs = np.array([scene(PAIR, seed=100 + n) for n in range(12)])
    one, two = (
        run_peer(name, images, None, SCALE, FWHM) for images in (singles, pairs)
    )
    if name == "adaptive_moments":
        # Its weight settles on one star of so wide a pair.
        assert np.isfinite([one, two]).all()
        return
    assert (one < PEERS[name].threshold).all()
    assert (two >= PEERS[name].threshold).all()


def test_adaptive_moments_see_a_blend_that_has_one_peak():
    blend = scene([(-0.2, -0.13, 3000.0), (0.2, 0.13, 3000.0)])
    assert not score("count_peaks", blend).binary
    assert score("adaptive_moments", blend).binary
    assert not score("adaptive_moments", scene(SINGLE)).binary


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize("angle", [0, 40, 90, 200])
def test_the_separation_is_told(name, angle):
    right, up = 1.3 * np.cos(np.deg2rad(angle)), 1.3 * np.sin(np.deg2rad(angle))
    found = score(name, scene([(0, 0, 4000.0), (right, up, 2500.0)]))
    assert found.separation == pytest.approx(1.3, abs=1.5 * SCALE)
    assert found.reason == ""


@pytest.mark.parametrize("name", FINDERS)
def test_a_neighbour_outside_the_circle_does_not_count(name):
    inside = scene([(0, 0, 4000.0), (1.7, 1.7, 4000.0)], side=80)
    outside = scene([(0, 0, 4000.0), (1.9, 1.9, 4000.0)], side=80)
    assert score(name, inside).binary
    found = score(name, outside)
    assert not found.binary
    assert found.score < 4


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12)
@given(
    factor=st.floats(1e-4, 1e6), level=st.floats(-50, 50), turns=st.integers(0, 3),
    mirror=st.booleans(),
)  # fmt: skip
def test_units_backgrounds_and_orientation_do_not_matter(
    name, factor, level, turns, mirror
):
    image = scene(PAIR)
    wanted = score(name, image)
    turned = np.rot90(image, turns)
    turned = turned[:, ::-1] if mirror else turned
    found = score(name, factor * (turned + level))
    # Kernels and blocks are symmetric; sums and ties of floats are not quite.
    assert found.score == pytest.approx(wanted.score, rel=0.05)
    np.testing.assert_allclose(found.separation, wanted.separation, atol=SCALE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((SIDE, SIDE), np.nan), "no usable data"),
        (np.full((SIDE, SIDE), np.inf), "no usable data"),
        (np.zeros((SIDE, SIDE)), "constant"),
        (np.full((SIDE, SIDE), -7.5), "constant"),
        (np.ones((3, 3)), "constant"),
        (np.ones((1, 300)), "constant"),
        (np.eye(1), "constant"),
        (np.zeros((0, 0)), "smaller than a star"),
    ],
)
def test_nothing_to_measure_is_nan_with_a_reason(name, image, reason):
    found = score(name, image)
    assert np.isnan(found.score)
    assert not found.binary
    assert reason in found.reason


@pytest.mark.parametrize("name", NAMES)
def test_damaged_images_have_a_score(name):
    image = scene(PAIR)
    rng = np.random.default_rng(3)
    damaged = [
        np.where(rng.random(image.shape) < 0.3, np.nan, image),
        np.where(np.arange(SIDE) < 25, np.nan, image),
        np.where(image > 40, np.nan, image),
        np.where(np.arange(SIDE) < 25, 0.0, image),
        -image,
        image * 1e30,
        np.where(rng.random(image.shape) < 1e-3, 1e12, image),
        image.astype(">f4"),
        image.astype(np.int16),
        np.where(np.hypot(*(np.mgrid[:SIDE, :SIDE] - 31.5)) < 1, 1.0, 0.0),
    ]
    for number, one in enumerate(damaged):
        found = score(name, one)
        assert np.isfinite(found.score), number


@pytest.mark.parametrize("name", NAMES)
def test_what_is_masked_is_not_seen(name):
    hidden = scene(PAIR)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    valid = np.hypot(x - 10, y - 8) > 9
    assert score(name, hidden).score > score(name, hidden, valid).score
    # Not even by what stands under the mask.
    wild = np.where(valid, hidden, 1e9)
    assert score(name, wild, valid) == score(name, hidden, valid)


@pytest.mark.parametrize("name", FINDERS)
def test_a_masked_core_is_no_pair(name):
    star = scene([(0, 0, 40_000.0)])
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    assert not score(name, star, np.hypot(x, y) > 2.5).binary


def correlated(stars, seed):
    """As resampled to pixels five times finer: the noise is correlated."""
    coarse = scene(stars, scale=0.25, side=26, seed=seed)
    return ndimage.zoom(coarse, 5, order=1, grid_mode=True, mode="nearest")


@pytest.mark.parametrize("name", NAMES)
def test_correlated_noise_makes_no_pairs(name):
    images = np.array([correlated([(0, 0, 1200.0)], seed) for seed in range(30)])
    called = run_peer(name, images, None, 0.05, 1.0) >= PEERS[name].threshold
    assert called.mean() <= 0.1
    empty = np.array([correlated([], seed) for seed in range(30)])
    called = run_peer(name, empty, None, 0.05, 1.0) >= PEERS[name].threshold
    assert called.mean() <= 0.1


def test_the_noise_of_a_filter_is_measured_and_not_assumed():
    white = PeerImage.make(scene([], side=128), None, 0.1, 0.5)
    kernel = gaussian_kernel(white.fwhm)
    scatter = white.filter(kernel)[1]
    assert scatter == pytest.approx(np.sqrt((kernel**2).sum()), rel=0.2)
    assert white.correlation() < 1.25
    # Smoothed noise: the formula for white noise would be off by a factor of two.
    smooth = ndimage.gaussian_filter(scene([], side=128), 2)
    assert PeerImage.make(smooth, None, 0.1, 0.5).correlation() > 2


def test_oversampled_images_are_averaged():
    made = PeerImage.make(scene(SINGLE), None, SCALE, 2.2)
    assert made.data.shape == (16, 16)
    assert made.pixel_scale == pytest.approx(0.4)
    assert made.fwhm == pytest.approx(5.5)
    assert made.x.mean() == made.y.mean() == pytest.approx(0)
    # With a rest that does not fill a block, offsets are still those of the pixels.
    odd = PeerImage.make(scene(SINGLE)[:62, :63], None, SCALE, 2.2)
    assert odd.data.shape == (15, 15)
    assert odd.y[0] == pytest.approx(SCALE * (1 + 1.5 - 30.5))
    assert odd.x[0] == pytest.approx(SCALE * (1 + 1.5 - 31))


def test_daofinds_filter():
    for fwhm in (1.5, 3.0, 6.7):
        kernel, error = _daofind_kernel(fwhm)
        assert kernel.sum() == pytest.approx(0, abs=1e-12)
        assert error == pytest.approx(np.sqrt((kernel**2).sum()))
        # Fitted to its own Gaussian it gives the amplitude.
        half = len(kernel) // 2
        y, x = np.mgrid[-half : half + 1, -half : half + 1]
        gauss = np.exp(-0.5 * (x**2 + y**2) * 8 * np.log(2) / fwhm**2)
        assert (kernel * gauss).sum() == pytest.approx(1)


def test_without_sep_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sep", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'astro-vbinary\[peers"):
        deblend_pairs(scene(PAIR), None, SCALE, FWHM)


def test_angles_are_quantities_or_arcsec():
    image = scene(PAIR)
    wanted = count_peaks(image, None, SCALE, FWHM)
    assert count_peaks(image, None, 100 * u.mas, FWHM * u.arcsec) == wanted
    images = np.array([image, image])
    scores = run_peer("count_peaks", images, None, SCALE * u.arcsec, [FWHM, 0.9])
    assert scores[0] == wanted.score
    assert scores[1] != wanted.score


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "eye"}, "unknown peer 'eye'; known: count_peaks"),
        ({"images": np.zeros((4, 4))}, r"\(n, ny, nx\), not \(4, 4\)"),
        ({"valid": np.ones((2, 8, 8), bool)}, "masks"),
        ({"pixel_scale": 0}, "pixel_scale must be a positive angle, not 0"),
        ({"fwhm": np.nan}, "fwhm must be a positive angle"),
        ({"fwhm": [1.0, 1.0]}, "one an image"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    given = {
        "name": "count_peaks", "images": np.zeros((3, 8, 8)), "valid": None,
        "pixel_scale": 0.1, "fwhm": 1.0,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        run_peer(**(given | change))
    with pytest.raises(ValueError, match="two dimensions"):
        daofind_pairs(np.zeros(5), None, 0.1, 1.0)


def blob(xx, xy, yy, *, side=61, centre=(31.3, 28.9), flux=1.0):
    y, x = np.mgrid[:side, :side].astype(float)
    dx, dy = x - centre[0], y - centre[1]
    inverse = np.linalg.inv([[xx, xy], [xy, yy]])
    r2 = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2
    return flux * np.exp(-0.5 * r2) / (2 * np.pi * np.sqrt(xx * yy - xy**2))


@given(
    a=st.floats(2.0, 5.0), ratio=st.floats(0.5, 1.0), angle=st.floats(0, np.pi)
)  # fmt: skip
def test_moments_of_a_gaussian_are_its_own(a, ratio, angle):
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (xx, xy), (_, yy) = axes * [a**2, (a * ratio) ** 2] @ axes.T
    image = blob(xx, xy, yy)
    found = adaptive_moments(image, x=30, y=30, sigma=3)
    assert found.converged
    assert (found.x, found.y) == pytest.approx((31.3, 28.9), abs=1e-2)
    wanted = pytest.approx((xx, xy, yy), rel=2e-3, abs=5e-3)
    assert (found.xx, found.xy, found.yy) == wanted
    # A fixed weight leaves a Gaussian of the inverse of the summed inverses.
    seen = weighted_moments(image, x=30, y=30, sigma=4)
    left = np.linalg.inv(np.linalg.inv([[xx, xy], [xy, yy]]) + np.eye(2) / 16)
    assert (seen.xx, seen.xy, seen.yy) == pytest.approx(
        (left[0, 0], left[0, 1], left[1, 1]), rel=5e-3, abs=2e-2
    )
    e1, e2 = found.ellipticity
    wanted = (1 - ratio**2) / (1 + ratio**2)
    assert np.hypot(e1, e2) == pytest.approx(wanted, abs=2e-3)


def test_a_close_pair_adds_alpha_times_its_rest_times_the_square_of_its_separation():
    # Moments add: alpha (1 - alpha) s^2 along the line between the two.
    alpha, s = 0.3, 1.5
    image = blob(9, 0, 9, centre=(30, 30), flux=1 - alpha)
    image += blob(9, 0, 9, centre=(30 + s, 30), flux=alpha)
    found = adaptive_moments(image, x=30, y=30, sigma=3)
    assert found.xx - 9 == pytest.approx(alpha * (1 - alpha) * s**2, rel=0.1)
    assert found.yy == pytest.approx(9, rel=2e-3)


@pytest.mark.parametrize(
    ("measure", "sigma"), [(adaptive_moments, 3), (weighted_moments, 5)]
)
def test_the_errors_of_the_moments_are_what_noise_makes(measure, sigma):
    rng = np.random.default_rng(5)
    clean = blob(9, 0, 9, side=41, centre=(20, 20), flux=60 * np.sqrt(4 * np.pi * 9))
    found = [
        measure(clean + rng.normal(size=clean.shape), x=20, y=20, sigma=sigma)
        for _ in range(500)
    ]
    spread = np.std([[f.xx - f.yy, 2 * f.xy] for f in found])
    wanted = np.mean([f.elongation(1.0)[1] for f in found])
    assert spread == pytest.approx(wanted, rel=0.1)
    snr = np.mean([f.signal_to_noise(1.0) for f in found])
    if measure is adaptive_moments:
        assert snr == pytest.approx(60, rel=0.02)
        # Bernstein & Jarvis 2002: the error of the distortion is 2 / (S/N).
        ellipticity = np.std([f.ellipticity for f in found])
        assert ellipticity * snr == pytest.approx(2, rel=0.1)
    else:
        spread = np.std([f.total for f in found])
        assert spread == pytest.approx(found[0].norm, rel=0.1)


def test_moments_where_there_is_no_light():
    for measure in (adaptive_moments, weighted_moments):
        found = measure(-np.ones((9, 9)), x=4, y=4, sigma=2)
        assert not found.converged
        assert np.isnan(found.trace)
        assert found.signal_to_noise(1.0) == 0
        with pytest.raises(ValueError, match="two dimensions, not 1"):
            measure(np.ones(9), x=4, y=4, sigma=2)
        with pytest.raises(ValueError, match="sigma must be positive, not 0"):
            measure(np.ones((9, 9)), x=4, y=4, sigma=0)


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_psfs_own_shape_is_no_pair(adaptive):
    # An elongated PSF: a pair by the default, a star once its moments are given.
    scale, rng = 0.05, np.random.default_rng(2)
    xx, yy = (0.36 / scale) ** 2, (0.30 / scale) ** 2
    star = blob(xx, 0, yy, side=129, centre=(64, 64), flux=60_000)
    star += rng.normal(size=star.shape)
    plain = moment_shape(star, None, scale, 0.75, adaptive=adaptive)
    moments = tuple(np.array([xx, 0, yy]) * scale**2)
    told = moment_shape(star, None, scale, 0.75, adaptive=adaptive, psf_moments=moments)
    blind = moment_shape(
        star, None, scale, 0.75, adaptive=adaptive, psf_moments=(0.108, 0.0, 0.108)
    )
    assert told.score < plain.score
    assert told.score < 5 < blind.score
