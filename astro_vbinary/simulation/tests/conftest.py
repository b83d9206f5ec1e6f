import pytest

from astro_vbinary.simulation import exposures


@pytest.fixture(autouse=True, scope="package")
def few_psfs():
    """One PSF for each band of a space telescope: they take a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exposures, "PSF_BANK_SIZE", 1)
        yield
