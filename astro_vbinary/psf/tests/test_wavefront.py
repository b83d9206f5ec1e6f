import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.psf import hst_pupil, jwst_pupil, jwst_segments
from astro_vbinary.psf.wavefront import (
    remove_tilt,
    rough_surface,
    segment_errors,
    zernike,
)

NAMES = ["defocus", "astigmatism", "coma", "trefoil", "spherical"]


@pytest.fixture(scope="module")
def pupil():
    return hst_pupil()[0]


@pytest.mark.parametrize("name", NAMES)
def test_polynomials_have_unit_rms(name, pupil):
    screen = zernike(name, pupil, angle=0.7)
    inside = screen[pupil > 0.5]
    assert inside.mean() == pytest.approx(0, abs=1e-9)
    assert inside.std() == pytest.approx(1)


def test_polynomials_have_their_symmetry(pupil):
    full = np.ones_like(pupil)
    for name, even in [("defocus", True), ("astigmatism", True), ("coma", False)]:
        screen = zernike(name, full, angle=0.3)
        sign = 1 if even else -1
        np.testing.assert_allclose(screen[::-1, ::-1], sign * screen, atol=1e-9)
    # A quarter turn of astigmatism is its opposite.
    one, other = (zernike("astigmatism", full, angle=a) for a in (0, np.pi / 2))
    np.testing.assert_allclose(one, -other, atol=1e-9)


def test_an_unknown_polynomial_is_refused(pupil):
    with pytest.raises(ValueError, match="'tilt'; known: defocus, astigmatism"):
        zernike("tilt", pupil)


@given(seed=st.integers(0, 1000), slope=st.floats(0, 3))
def test_rough_surfaces_are_rough_at_the_right_scale(seed, slope):
    pupil = np.ones((128, 128))
    rng = np.random.default_rng(seed)
    screen = rough_surface(pupil, rng, slope=slope, longest=0.25, shortest=0.05)
    assert screen.std() == pytest.approx(1)
    # A window keeps what leaks over the edges out of the other frequencies.
    window = np.hanning(128)[:, None] * np.hanning(128)
    power = np.abs(np.fft.fft2(screen * window)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(128) * 128, np.fft.fftfreq(128) * 128))
    inside = (f > 2) & (f < 22)
    assert power[inside].sum() > 0.95 * power.sum()


def test_segments_move_as_a_whole():
    segments = jwst_segments()
    rng = np.random.default_rng(1)
    screen = segment_errors(segments, rng, piston=5, tilt=0, power=0)
    for number in range(1, 19):
        assert np.ptp(screen[segments == number]) < 1e-9
    assert screen[segments == 0].std() == 0
    assert np.unique(screen).size == 19


@pytest.mark.parametrize("kind", ["piston", "tilt", "power"])
def test_segment_errors_have_their_size(kind):
    segments = jwst_segments()
    sizes = {"piston": 0, "tilt": 0, "power": 0, kind: 3.0}
    rms = [
        segment_errors(segments, np.random.default_rng(seed), **sizes)[segments > 0]
        for seed in range(12)
    ]
    assert np.sqrt(np.mean(np.square(rms))) == pytest.approx(3, rel=0.15)


def test_eighteen_segments_cover_the_mirror():
    segments = jwst_segments()
    pupil, _ = jwst_pupil()
    counts = np.bincount(segments.ravel())
    assert len(counts) == 19
    assert np.ptp(counts[1:]) < 0.03 * counts[1:].mean()
    # Only struts shadow what belongs to a segment.
    assert pupil[segments == 0].max() == 0
    assert pupil[segments > 0].mean() > 0.9


@settings(max_examples=20)
@given(a=st.floats(-5, 5), b=st.floats(-1, 1), c=st.floats(-1, 1))
def test_tilt_is_removed_and_nothing_else(a, b, c):
    pupil = hst_pupil()[0]
    y, x = np.mgrid[:256, :256] - 127.5
    bowl = remove_tilt(zernike("defocus", pupil), pupil)
    found = remove_tilt(bowl + a + b * x + c * y, pupil)
    inside = pupil > 0.5
    np.testing.assert_allclose(found[inside], bowl[inside], atol=1e-8)
    assert found[0, 0] == 0
