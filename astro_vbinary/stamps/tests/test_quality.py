import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.exceptions import (
    NoDataError,
)
from astro_vbinary.stamps import read_image
from astro_vbinary.stamps.tests.helpers_fits import (
    SHAPE,
    beside,
    star,
    tan_wcs,
    write,
)

SIGMA = np.linspace(1, 3, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ERR", SIGMA),
        ("err", SIGMA),
        ("RMS", SIGMA),
        ("VAR", SIGMA**2),
        ("VARIANCE", SIGMA**2),
        ("INVVAR", SIGMA**-2),
        ("IVAR", SIGMA**-2),
    ],
)
def test_uncertainties(tmp_path, name, values):
    values = values.copy()
    values[0, :3] = 0, -1, np.nan
    path = write(tmp_path / "a.fits", more=[fits.ImageHDU(values, name=name)])
    raw = read_image(path)
    assert np.isnan(raw.uncertainty[0, :3]).all()
    np.testing.assert_allclose(raw.uncertainty[1:], SIGMA[1:], rtol=1e-5)
    assert raw.mask is None
    cut = read_image(path, around=beside(0.1), size=2 * u.arcsec)
    y0 = (SHAPE[0] - cut.data.shape[0]) // 2
    assert cut.uncertainty.shape == cut.data.shape
    assert (
        cut.uncertainty[0, 0] in SIGMA[y0].astype("f4")
        or np.isclose(SIGMA[y0], cut.uncertainty[0, 0], rtol=1e-5).any()
    )


def test_a_weight_only_says_where_there_are_data(tmp_path):
    weight = np.full(SHAPE, 740.0, dtype=np.float32)
    weight[:, :2] = 0
    raw = read_image(
        write(tmp_path / "a.fits", more=[fits.ImageHDU(weight, name="WHT")])
    )
    assert raw.uncertainty is None
    np.testing.assert_array_equal(raw.mask, weight == 0)


@pytest.mark.parametrize(
    ("cards", "good", "bad"),
    [
        ({}, [], [1, 2, 1 << 14]),
        ({"TELESCOP": "JWST"}, [2, 4, 1 << 12], [1, 1 | 4]),
        ({"TELESCOP": "HST", "INSTRUME": "ACS"}, [64], [1, 16, 256, 4096, 64 | 256]),
        (
            {"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "UVIS"},
            [64, 1024],
            [4, 256, 2048, 8192],
        ),
        (
            {"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR"},
            [64, 512, 2048],
            [4, 256, 4096],
        ),
        ({"TELESCOP": "HST", "INSTRUME": "NICMOS"}, [1024, 2048], [32, 64]),
        ({"TELESCOP": "HST", "INSTRUME": "STIS"}, [], [1, 64, 1024]),
    ],
)
def test_flags_by_telescope(tmp_path, cards, good, bad):
    flags = np.zeros(SHAPE, dtype=np.int16)
    values = [*good, *bad]
    flags[0, : len(values)] = values
    primary = fits.PrimaryHDU()
    primary.header.update(cards)
    dq = fits.ImageHDU(flags, name="DQ")
    raw = read_image(write(tmp_path / "a.fits", first=[primary], more=[dq]))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[0, len(good) : len(values)] = True
    np.testing.assert_array_equal(raw.mask, expected)


def test_the_planes_of_an_hsc_cutout(tmp_path):
    flags = np.zeros(SHAPE, dtype=np.int32)
    planes = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "DETECTED": 5, "NO_DATA": 8}
    for column, bit in enumerate(planes.values()):
        flags[0, column] = 1 << bit
    header = tan_wcs().to_header()
    header["EXTTYPE"] = "IMAGE"
    mask = fits.ImageHDU(flags)
    mask.header["EXTTYPE"] = "MASK"
    mask.header.update({f"HIERARCH MP_{name}": bit for name, bit in planes.items()})
    variance = fits.ImageHDU(SIGMA**2)
    variance.header["EXTTYPE"] = "VARIANCE"
    image = fits.ImageHDU(star(), header)
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), image, mask, variance]).writeto(path)
    raw = read_image(path)
    assert raw.mask[0, :6].tolist() == [True, True, False, True, False, True]
    assert raw.mask.sum() == 4
    np.testing.assert_allclose(raw.uncertainty, SIGMA, rtol=1e-6)


def test_companions_of_other_images_are_left_alone(tmp_path):
    more = [
        fits.ImageHDU(SIGMA, name="B_RMS"),
        fits.ImageHDU(2 * SIGMA, name="A_RMS"),
        fits.ImageHDU(np.ones((9, 9), dtype=np.int16), name="DQ"),
        fits.ImageHDU(np.ones(SHAPE, dtype=np.int16), name="MASK", ver=2),
    ]
    header = tan_wcs().to_header()
    header["EXTNAME"] = "A_SCI"
    raw = read_image(write(tmp_path / "a.fits", header=header, more=more))
    np.testing.assert_array_equal(raw.uncertainty, 2 * SIGMA)
    assert raw.mask is None


def test_a_mask_that_leaves_nothing(tmp_path):
    more = [fits.ImageHDU(np.ones(SHAPE, dtype=np.uint8), name="MASK")]
    with pytest.raises(NoDataError, match="768 pixels are blank or masked"):
        read_image(write(tmp_path / "a.fits", more=more))
