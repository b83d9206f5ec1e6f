import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.stats import mad_std

from astro_vbinary.exceptions import AlignmentError
from astro_vbinary.stamps import COADD_METHODS, AlignedStack, SkyGrid, SurveyStamp
from astro_vbinary.stamps.aligned import empty_like
from astro_vbinary.surveys import get_survey

GRID = SkyGrid(SkyCoord(83.8, -5.4, unit="deg"), 0.2 * u.arcsec, (12, 14))


def make(*, n=4, **changes):
    rng = np.random.default_rng(2)
    arguments = {
        "data": rng.normal(5, 1, (n, 12, 14)) * np.arange(1, n + 1)[:, None, None],
        "grid": GRID,
        "bands": "griz"[:n],
        "survey": get_survey("DECaLS"),
        "source": "17",
    }
    return AlignedStack(**(arguments | changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.ones((12, 14))}, "no stack"),
        ({"data": np.ones((4, 12, 13))}, r"\(4, 12, 13\).*\(12, 14\)"),
        ({"data": np.ones((0, 12, 14)), "bands": ()}, "no stack"),
        ({"bands": "gr"}, "2 bands for 4 images"),
        ({"mask": np.zeros((12, 14), bool)}, "mask of shape"),
        ({"uncertainty": np.ones((3, 12, 14))}, "uncertainty of shape"),
        ({"footprint": np.ones((4, 14, 12))}, "footprint of shape"),
    ],
)
def test_constructor_names_what_does_not_fit(change, message):
    with pytest.raises(AlignmentError, match=message):
        make(**change)


def test_what_is_not_finite_is_masked_and_uncovered():
    data = np.ones((4, 12, 14))
    data[1, 2, 3], data[2, 4, 5] = np.nan, np.inf
    mask = np.zeros(data.shape, bool)
    mask[0, 0, 0] = True
    stack = make(data=data, mask=mask)
    assert stack.mask.sum() == 3
    assert stack.footprint[1, 2, 3] == 0
    assert stack.footprint[0, 0, 0] == 1
    assert (len(stack), stack.shape) == (4, data.shape)
    # The caller's arrays are the caller's.
    assert mask.sum() == 1


@pytest.fixture
def holed():
    """A stack in which one pixel lacks a band and one lacks all."""
    stack = make()
    data = stack.data.copy()
    data[1, 3, 4] = np.nan
    data[:, 7, 8] = np.nan
    return make(data=data)


def test_mean_and_median_and_sum_are_those_of_numpy(holed):
    with np.errstate(all="ignore"):
        masked = np.ma.MaskedArray(holed.data, holed.mask)
        wanted = {
            "mean": masked.mean(axis=0).filled(np.nan),
            "median": np.ma.median(masked, axis=0).filled(np.nan),
            "sum": holed.data.sum(axis=0),
        }
    for method, image in wanted.items():
        made = holed.coadd(method)
        np.testing.assert_allclose(made.data, image)
        np.testing.assert_array_equal(made.mask, np.isnan(image))
    assert not holed.coadd("mean").mask[3, 4]
    assert holed.coadd("sum").mask[3, 4]


def test_inverse_variance_is_the_weighted_mean():
    sigma = np.random.default_rng(3).uniform(0.5, 3, (4, 12, 14))
    stack = make(uncertainty=sigma)
    made = stack.coadd("inverse_variance")
    wanted = np.average(stack.data, axis=0, weights=1 / sigma**2)
    np.testing.assert_allclose(made.data, wanted)
    np.testing.assert_allclose(made.sigma, 1 / np.sqrt((1 / sigma**2).sum(axis=0)))


def test_inverse_variance_without_uncertainty_weighs_by_scatter():
    stack = make()
    weights = [1 / mad_std(image) ** 2 for image in stack.data]
    made = stack.coadd("inverse_variance")
    np.testing.assert_allclose(
        made.data, np.average(stack.data, axis=0, weights=weights)
    )
    assert made.uncertainty is None
    np.testing.assert_allclose(stack.noise() ** -2.0, weights)


def test_unknown_uncertainties_are_replaced_by_the_scatter():
    sigma = np.ones((4, 12, 14))
    sigma[0] = np.nan
    stack = make(uncertainty=sigma)
    weights = [stack.noise()[0] ** -2, 1, 1, 1]
    made = stack.coadd("inverse_variance")
    np.testing.assert_allclose(
        made.data, np.average(stack.data, axis=0, weights=weights)
    )


@pytest.mark.parametrize("method", COADD_METHODS)
def test_errors_are_what_the_noise_does(method):
    rng = np.random.default_rng(4)
    sigma = np.array([1.0, 2.0, 3.0, 1.5])[:, None, None]
    if method == "median":
        sigma = np.ones_like(sigma)
    grid = SkyGrid(GRID.center, 1 * u.arcsec, (100, 100))
    data = sigma * rng.normal(size=(4, 100, 100))
    spread = np.broadcast_to(sigma, data.shape)
    stack = AlignedStack(data, grid, bands="griz", uncertainty=spread)
    made = stack.coadd(method)
    # The asymptotic efficiency of a median is reached slowly: 9 % off at four.
    tolerance = 0.15 if method == "median" else 0.03
    assert made.data.std() == pytest.approx(np.median(made.sigma), rel=tolerance)


def test_a_coadd_is_a_stamp_of_the_same_source(holed):
    made = holed.coadd()
    assert isinstance(made, SurveyStamp)
    assert (made.source, made.survey.name, made.band) == ("17", "DECaLS", None)
    assert made.target.separation(GRID.center) < 1e-9 * u.deg
    assert made.meta["bands"] == ("g", "r", "i", "z")
    assert made.pixel_scale.to_value(u.arcsec) == pytest.approx(0.2)


def test_unknown_method_names_the_known_ones():
    with pytest.raises(ValueError, match="'max'; known: mean, median"):
        make().coadd("max")


def test_a_band_without_pixels_has_no_noise_and_no_say():
    data = make().data.copy()
    data[2] = np.nan
    stack = make(data=data)
    assert np.isnan(stack.noise()[2])
    assert np.isfinite(stack.noise()[[0, 1, 3]]).all()
    made = stack.coadd("inverse_variance")
    assert np.isfinite(made.data).all()


def test_written_as_one_cube(tmp_path, holed):
    path = tmp_path / "stack.fits"
    sigma = np.full(holed.shape, 2.0)
    make(data=holed.data, uncertainty=sigma, bands=("g", "r", None, "z")).write(path)
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "FOOTPRINT", "ERR"]
        np.testing.assert_allclose(hdus[0].data, holed.data, rtol=1e-6)
        np.testing.assert_array_equal(hdus["MASK"].data, holed.mask)
        header = hdus[0].header
        assert [header[f"FILTER{n}"] for n in (1, 3)] == ["g", "stacked"]
        assert (header["OBJECT"], header["SURVEY"]) == ("17", "DECaLS")
    with pytest.raises(OSError, match="exists"):
        make().write(path)
    make().write(path, overwrite=True)


def test_repr_is_one_line_and_html_is_escaped():
    stack = make(source='<script>alert("1")</script>', bands=("g", "r", "i", None))
    assert repr(make()) == "<AlignedStack 17 DECaLS [g,r,i,z] 12 x 14 px of 0.2 arcsec>"
    shown = stack._repr_html_()
    assert "<script>" not in shown
    assert shown.count("<img") == 4
    many = AlignedStack(np.ones((9, 12, 14)), GRID, bands="abcdefghi")
    assert many._repr_html_().count("<img") == 5


def test_empty_arrays_are_of_the_grid():
    data, mask, sigma, footprint = empty_like(GRID, 3)
    assert data.shape == (3, 12, 14)
    assert np.isnan(data).all()
    assert mask.all()
    assert np.isnan(sigma).all()
    assert not footprint.any()
    with pytest.raises(AlignmentError, match="SkyGrid, not tuple"):
        empty_like((12, 14), 3)
