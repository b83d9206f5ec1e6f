import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import MixturePSF, MoffatPSF, measure_psf


@given(share=st.floats(0, 1), wider=st.floats(1.2, 4), x=st.floats(38, 42))
def test_images_add_up(share, wider, x):
    core, halo = MoffatPSF(1 * u.arcsec), MoffatPSF(wider * u.arcsec, beta=2.5)
    mixture = MixturePSF([core, halo], [1 - share, share])
    arguments = (81, 81), 0.25 * u.arcsec
    wanted = (1 - share) * core.image(*arguments, position=(x, 40))
    wanted = wanted + share * halo.image(*arguments, position=(x, 40))
    np.testing.assert_allclose(
        mixture.image(*arguments, position=(x, 40)), wanted, atol=1e-12
    )


@given(share=st.floats(0.05, 0.4), wider=st.floats(1.5, 3))
def test_the_width_is_that_of_the_sum(share, wider):
    core, halo = MoffatPSF(1 * u.arcsec, beta=4), MoffatPSF(wider * u.arcsec, beta=2.2)
    mixture = MixturePSF([core, halo], [1 - share, share])
    image = mixture.image((161, 161), 0.05 * u.arcsec)
    found = measure_psf(image, 0.05 * u.arcsec, [] * u.arcsec).fwhm
    assert mixture.fwhm.value == pytest.approx(found.value, rel=0.01)
    assert 1 <= mixture.fwhm.value < wider


def test_weights_are_scaled():
    parts = [MoffatPSF(1 * u.arcsec), MoffatPSF(2 * u.arcsec)]
    np.testing.assert_allclose(MixturePSF(parts, [3, 1]).weights, [0.75, 0.25])


@pytest.mark.parametrize(
    ("count", "weights", "message"),
    [
        (0, [], "as many weights as components"),
        (2, [1], "as many weights as components"),
        (2, [1, -1], "0 or more"),
        (2, [0, 0], "0 or more"),
        (1, [np.nan], "0 or more"),
    ],
)
def test_weights_must_fit(count, weights, message):
    with pytest.raises(ValueError, match=message):
        MixturePSF([MoffatPSF(1 * u.arcsec)] * count, weights)
