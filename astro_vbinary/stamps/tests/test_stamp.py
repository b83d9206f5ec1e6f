import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty
from astropy.time import Time
from regions import CircleSkyRegion

from astro_vbinary.exceptions import NoImageError, UnknownSurveyError
from astro_vbinary.stamps import SurveyStamp
from astro_vbinary.stamps.stamp import position_at, thumbnail
from astro_vbinary.stamps.tests.helpers_sky import make_wcs
from astro_vbinary.surveys import get_survey

TARGET = SkyCoord(83.8, -5.4, unit="deg")
MOVING = SkyCoord(
    83.8 * u.deg,
    -5.4 * u.deg,
    pm_ra_cosdec=300 * u.mas / u.yr,
    pm_dec=-400 * u.mas / u.yr,
    distance=20 * u.pc,
    obstime=Time("J2016"),
)


def make(**changes):
    arguments = {
        "data": np.random.default_rng(1).normal(size=(20, 30)),
        "wcs": make_wcs((83.8, -5.4), 0.25, 20),
        "survey": "PanSTARRS",
        "band": "g",
        "source": 22466,
        "target": TARGET,
    }
    return SurveyStamp(**(arguments | changes))


def test_a_stamp_is_nddata_with_its_names():
    stamp = make(unit="MJy/sr", meta={"a": 1})
    assert isinstance(stamp, NDData)
    assert stamp.survey is get_survey("Pan-STARRS")
    assert (stamp.band, stamp.source, stamp.shape) == ("g", "22466", (20, 30))
    assert stamp.unit == u.MJy / u.sr
    assert stamp.meta["a"] == 1
    assert make(survey=get_survey("HST")).survey.name == "HST"
    assert make(survey=None).survey is None


@pytest.mark.parametrize("shape", [(5,), (2, 5, 5), ()])
def test_only_images_of_two_dimensions(shape):
    with pytest.raises(NoImageError, match=f"not {len(shape)}"):
        make(data=np.ones(shape))


def test_unknown_survey_is_told():
    with pytest.raises(UnknownSurveyError, match="'Pan'"):
        make(survey="Pan")


def test_uncertainty_becomes_one_sigma():
    assert make().sigma is None
    assert isinstance(
        make(uncertainty=np.ones((20, 30))).uncertainty, StdDevUncertainty
    )
    stamp = make(uncertainty=InverseVariance(np.full((20, 30), 4.0)))
    np.testing.assert_allclose(stamp.sigma, 0.5)


def test_bad_pixels_are_masked_ones_not_finite_ones_and_blank_patches():
    data = make().data
    data[0, 0], data[1, 1] = np.nan, np.inf
    data[10:14, 10:14] = 0
    mask = np.zeros(data.shape, bool)
    mask[5, 5] = True
    wanted = mask | ~np.isfinite(data) | (data == 0)
    np.testing.assert_array_equal(make(data=data, mask=mask).bad, wanted)
    assert make(data=data).bad.sum() == wanted.sum() - 1


def test_aperture_is_the_circle_of_a_visual_binary():
    region = make().aperture
    assert isinstance(region, CircleSkyRegion)
    assert region.radius.to_value(u.arcsec) == 2.5
    assert region.center.separation(TARGET) < 1e-6 * u.arcsec
    stamp = make()
    inside = region.contains(stamp.center, stamp.wcs)
    assert inside
    assert region.to_pixel(stamp.wcs).radius == pytest.approx(10, rel=1e-3)


def test_the_centre_stands_for_a_target_that_is_not_given():
    stamp = make(target=None)
    assert stamp.target_assumed
    assert not make().target_assumed
    assert stamp.target.separation(stamp.center) == 0
    x, y = stamp.target_pixel()
    assert (x, y) == pytest.approx((14.5, 9.5), abs=1e-6)


@pytest.mark.parametrize("frame", ["galactic", "fk5", "barycentrictrueecliptic"])
def test_targets_in_any_frame(frame):
    stamp = make(target=TARGET.transform_to(frame))
    assert stamp.target_pixel() == pytest.approx(make().target_pixel(), abs=1e-5)
    assert stamp.aperture.center.separation(TARGET) < 1e-6 * u.arcsec


def test_proper_motion_brings_the_target_to_the_epoch():
    epoch = Time("J2026")
    stamp = make(target=MOVING, epoch=epoch)
    x0, y0 = make().target_pixel()
    # 3 arcsec east, which is to the left, and 4 south in ten years.
    wanted = (x0 - 3 / 0.25, y0 - 4 / 0.25)
    assert stamp.target_pixel() == pytest.approx(wanted, abs=0.02)
    assert stamp.aperture.center.separation(TARGET).to_value(u.arcsec) == pytest.approx(
        5, abs=0.01
    )
    assert make(target=MOVING).target_pixel() == pytest.approx((x0, y0), abs=1e-6)


def test_position_at_moves_only_what_can_move():
    epoch = Time("J2026")
    assert position_at(TARGET, epoch).separation(TARGET) == 0
    moved = position_at(MOVING, epoch)
    assert moved.separation(TARGET).to_value(u.arcsec) == pytest.approx(5, abs=0.01)
    assert not moved.data.differentials
    timeless = SkyCoord(
        83.8 * u.deg,
        -5.4 * u.deg,
        pm_ra_cosdec=1 * u.arcsec / u.yr,
        pm_dec=0 * u.mas / u.yr,
    )
    assert position_at(timeless, epoch).separation(TARGET) < 1e-9 * u.deg


def test_proper_motion_without_a_distance():
    star = SkyCoord(
        83.8 * u.deg,
        -5.4 * u.deg,
        pm_ra_cosdec=300 * u.mas / u.yr,
        pm_dec=-400 * u.mas / u.yr,
        obstime=Time("J2016"),
    )
    moved = position_at(star, Time("J2026"))
    assert moved.separation(TARGET).to_value(u.arcsec) == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
@pytest.mark.parametrize("distortion", [None, "SIP"])
def test_what_is_written_is_read_back(tmp_path, suffix, distortion):
    data = make().data
    data[3, 3] = np.nan
    mask = np.zeros(data.shape, bool)
    mask[4:6, 7] = True
    stamp = make(
        data=data,
        wcs=make_wcs((83.8, -5.4), 0.25, 20, rotation=30, distortion=distortion),
        mask=mask,
        uncertainty=np.full(data.shape, 0.5),
        unit="MJy/sr",
        epoch=Time(58000.25, format="mjd"),
    )
    path = tmp_path / f"22466_g_PanSTARRS{suffix}"
    stamp.write(path)
    back = SurveyStamp.read(path, target=TARGET)
    np.testing.assert_allclose(back.data, data, rtol=1e-6)
    np.testing.assert_array_equal(back.bad, stamp.bad)
    np.testing.assert_allclose(back.sigma, 0.5)
    assert (back.source, back.survey, back.band) == ("22466", stamp.survey, "g")
    assert back.unit == stamp.unit
    assert back.epoch.mjd == pytest.approx(58000.25)
    assert back.target_pixel() == pytest.approx(stamp.target_pixel(), abs=1e-6)
    corner = stamp.wcs.pixel_to_world(29, 0)
    assert back.wcs.pixel_to_world(29, 0).separation(corner) < 1e-6 * u.arcsec
    with pytest.raises(OSError, match="exists"):
        stamp.write(path)
    stamp.write(path, overwrite=True)


def test_integers_stay_integers_in_the_file(tmp_path):
    data = np.arange(600, dtype=np.int16).reshape(20, 30)
    make(data=data).write(tmp_path / "1_g_SDSS9.fits")
    back = SurveyStamp.read(tmp_path / "1_g_SDSS9.fits")
    np.testing.assert_array_equal(back.data, data)


def test_arguments_go_before_the_name_of_the_file(tmp_path):
    make().write(tmp_path / "22466_g_PanSTARRS.fits")
    stamp = SurveyStamp.read(tmp_path / "22466_g_PanSTARRS.fits", band="r", source="x")
    assert (stamp.source, stamp.band, stamp.survey.name) == ("x", "r", "Pan-STARRS")
    make().write(tmp_path / "nothing.fits")
    stamp = SurveyStamp.read(tmp_path / "nothing.fits")
    assert (stamp.source, stamp.band, stamp.survey) == (None, None, None)
    with pytest.raises(FileNotFoundError):
        SurveyStamp.read(tmp_path / "missing.fits")


def test_a_coadd_keeps_its_history(tmp_path):
    make(meta={"history": ["mean of g+r"]}).write(tmp_path / "a.fits")
    header = SurveyStamp.read(tmp_path / "a.fits").meta["header"]
    assert "mean of g+r" in list(header["HISTORY"])


def test_repr_is_one_line_and_html_is_escaped():
    assert repr(make()) == "<SurveyStamp 22466 Pan-STARRS g 20 x 30 px of 0.25 arcsec>"
    plain = make(survey=None, band=None, source=None)
    assert repr(plain) == "<SurveyStamp 20 x 30 px of 0.25 arcsec>"
    shown = make(source='"><img src=x onerror=alert(1)>')._repr_html_()
    assert shown.count("<img") == 1
    assert "onerror=alert(1)&gt;" in shown


@pytest.mark.parametrize(
    "data", [np.full((9, 9), np.nan), np.zeros((9, 9)), np.eye(9) * 1e30, np.eye(9) > 0]
)
def test_thumbnails_of_odd_images(data):
    assert thumbnail(data).startswith("<img")
    assert thumbnail(data, np.ones(data.shape, bool)).startswith("<img")
