"""Shared by the tests of the measurement room."""

import astropy.units as u
import pytest
import torch

from astro_vbinary.measurement.tests.helpers_pairs import rotated
from astro_vbinary.psf import MoffatPSF


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors gain nothing from more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def ground():
    """One band of a ground-based survey: PSFs and CD matrices."""
    psf = MoffatPSF(1.1 * u.arcsec, beta=3.0, ellipticity=0.08, angle=30 * u.deg)
    return [psf], [rotated(0.25, 0)]


@pytest.fixture(scope="session")
def mixed():
    """Three bands that differ in pixel scale, rotation and PSF."""
    psfs = [
        MoffatPSF(1.2 * u.arcsec, beta=3.0, ellipticity=0.1, angle=10 * u.deg),
        MoffatPSF(1.0 * u.arcsec, beta=2.6),
        MoffatPSF(1.4 * u.arcsec, beta=4.0),
    ]
    return psfs, [rotated(0.25, 0), rotated(0.262, 75), rotated(0.396, 200)]
