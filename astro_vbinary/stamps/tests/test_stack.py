import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from astro_vbinary.exceptions import (
    AlignmentError,
    NoDataError,
    TargetOutsideError,
    UnreadableStampError,
)
from astro_vbinary.stamps import (
    GROUP_GRIDS,
    AlignedStack,
    SkyGrid,
    StampStack,
    SurveyStamp,
)
from astro_vbinary.stamps.tests.helpers_sky import make_wcs, measure, render

TARGET = SkyCoord(83.8, -5.4, unit="deg")

#: Pixels (arcsec) and side of the grid that Pan-STARRS is classified on.
SCALE, SIDE = GROUP_GRIDS[3]
MIDDLE = ((SIDE - 1) / 2, (SIDE - 1) / 2)


def make_stamp(band="g", *, star=TARGET, side=40, scale=0.25, **changes):
    wcs = make_wcs((83.8, -5.4), scale, side, rotation=changes.pop("rotation", 0))
    arguments = {
        "data": render(wcs, (side, side), star, 4.0),
        "wcs": wcs,
        "survey": "PanSTARRS",
        "band": band,
        "source": "7",
        "target": TARGET,
    }
    return SurveyStamp(**(arguments | changes))


def make_stack(bands="gri", **changes):
    return StampStack([make_stamp(band, **changes) for band in bands])


def test_a_stack_is_a_sequence_of_stamps():
    stack = make_stack()
    assert (len(stack), stack.bands, stack.source) == (3, ("g", "r", "i"), "7")
    assert [stamp.band for stamp in stack] == ["g", "r", "i"]
    assert stack[1].band == "r"
    assert stack.survey.name == "Pan-STARRS"
    assert stack.dropped == ()


def test_what_does_not_belong_together_is_told():
    with pytest.raises(AlignmentError, match="at least one"):
        StampStack([])
    with pytest.raises(AlignmentError, match=r"more than one survey.*HST.*Pan-STARRS"):
        StampStack([make_stamp(), make_stamp(survey="HST")])
    with pytest.raises(AlignmentError, match="more than one source: 7, 8"):
        StampStack([make_stamp(), make_stamp(source="8")])


def test_the_target_is_the_one_given_then_the_stamps_then_the_centre():
    other = TARGET.directional_offset_by(0 * u.deg, 1 * u.arcsec)
    assert StampStack([make_stamp()], target=other).target is other
    late = StampStack([make_stamp(target=None), make_stamp("r")])
    assert late.target is TARGET
    assert not late.target_assumed
    alone = StampStack([make_stamp(target=None)])
    assert alone.target_assumed
    assert alone.target.separation(alone[0].center) == 0
    assert alone.align().target_assumed


def test_bands_of_any_pixels_land_on_the_grid_of_the_group():
    stamps = [
        make_stamp("g", rotation=40),
        make_stamp("r", scale=0.4, side=30, rotation=200),
        make_stamp("i", scale=0.1, side=90),
    ]
    cube = StampStack(stamps).align()
    assert isinstance(cube, AlignedStack)
    assert cube.shape == (3, SIDE, SIDE)
    assert (cube.bands, cube.source, cube.survey.name) == (
        ("g", "r", "i"), "7", "Pan-STARRS",
    )  # fmt: skip
    for image, bad in zip(cube.data, cube.mask, strict=True):
        flux, x, y = measure(np.where(bad, 0, image))
        assert (x, y) == pytest.approx(MIDDLE, abs=0.02)
        assert flux == pytest.approx(1000, rel=0.005)


def test_a_galactic_target_lands_in_the_middle():
    cube = make_stack("g", target=TARGET.galactic).align()
    _, x, y = measure(cube.data[0])
    assert (x, y) == pytest.approx(MIDDLE, abs=0.02)
    assert cube.grid.center.separation(TARGET) < 1e-6 * u.arcsec


def test_every_band_is_centred_at_its_own_epoch():
    star = SkyCoord(
        83.8 * u.deg,
        -5.4 * u.deg,
        pm_ra_cosdec=60 * u.mas / u.yr,
        pm_dec=-80 * u.mas / u.yr,
        distance=50 * u.pc,
        obstime=Time("J2016"),
    )
    stamps = []
    for band, year in (("g", 2006), ("r", 2016), ("i", 2026)):
        epoch = Time(f"J{year}")
        moved = star.apply_space_motion(new_obstime=epoch)
        where = SkyCoord(moved.ra, moved.dec)
        assert (
            abs(where.separation(TARGET).to_value(u.arcsec) - abs(year - 2016) / 10)
            < 0.01
        )
        stamps.append(make_stamp(band, star=where, target=star, epoch=epoch))
    cube = StampStack(stamps).align()
    for image in cube.data:
        _, x, y = measure(image)
        assert (x, y) == pytest.approx(MIDDLE, abs=0.03)
    # Without epochs the images stay where they are on the sky.
    still = StampStack([make_stamp(star=where, target=star)]).align()
    assert abs(measure(still.data[0])[1] - MIDDLE[0]) > 5


def test_masks_uncertainties_and_units_come_along():
    mask = np.zeros((40, 40), bool)
    mask[:, :15] = True
    stamps = [
        make_stamp("g", mask=mask, uncertainty=np.full((40, 40), 2.0)),
        make_stamp("r", unit="MJy/sr"),
    ]
    cube = StampStack(stamps).align()
    assert cube.mask[0, :, -1].all() or cube.mask[0, :, 0].all()
    assert not cube.mask[1].any()
    known = cube.uncertainty[0][~cube.mask[0]]
    np.testing.assert_allclose(known, 2 * (SCALE / 0.25) ** 2, rtol=1e-3)
    assert np.isnan(cube.uncertainty[1]).all()
    # Surface brightness is as high on more pixels.
    total = cube.data[1].sum() * (SCALE / 0.25) ** 2
    assert total == pytest.approx(1000, rel=0.005)
    assert make_stack().align().uncertainty is None


def test_a_grid_can_be_given_and_must_be_for_no_survey():
    grid = SkyGrid(TARGET, 0.2 * u.arcsec, (20, 24))
    cube = make_stack("g", survey=None).align(grid, engine="exact")
    assert cube.shape == (1, 20, 24)
    assert cube.meta["engine"] == "exact"
    with pytest.raises(AlignmentError, match="need a grid"):
        make_stack("g", survey=None).align()
    with pytest.raises(ValueError, match="unknown engine 'best'"):
        make_stack("g").align(engine="best")


def test_a_target_on_no_stamp_is_told_and_on_one_is_enough():
    far = TARGET.directional_offset_by(30 * u.deg, 1 * u.arcmin)
    with pytest.raises(TargetOutsideError, match="none of the 3 stamps"):
        StampStack(list(make_stack()), target=far).align()
    wcs = make_wcs((far.ra.deg, far.dec.deg), 0.25, 40)
    away = SurveyStamp(
        np.random.default_rng(1).normal(size=(40, 40)), wcs, survey="PanSTARRS",
        band="y", source="7",
    )  # fmt: skip
    cube = StampStack([make_stamp(), away], target=TARGET).align()
    assert not cube.mask[0].any()
    assert cube.mask[1].all()


@pytest.mark.parametrize("distortion", ["SIP", "TPV", None])
@pytest.mark.parametrize("degrees", [5, 60, 120, 180])
def test_a_target_at_the_other_end_of_the_sky_is_outside(distortion, degrees):
    wcs = make_wcs((83.8, -5.4), 0.25, 40, distortion=distortion)
    image = np.random.default_rng(1).normal(size=(40, 40))
    stamp = SurveyStamp(image, wcs, survey="PanSTARRS")
    target = TARGET.directional_offset_by(100 * u.deg, degrees * u.deg)
    with pytest.raises(TargetOutsideError):
        StampStack([stamp], target=target).align()


def test_nothing_valid_around_the_target_is_told():
    with pytest.raises(NoDataError, match="no stamp has a valid pixel"):
        make_stack("g", data=np.full((40, 40), np.nan)).align()
    with pytest.raises(NoDataError, match="no stamp has a valid pixel"):
        make_stack("g", mask=np.ones((40, 40), bool)).align()


# ----------------------------------------------------------------------- files
@pytest.fixture
def folder(tmp_path):
    """Three good bands, one of another source, and a broken file."""
    for stamp in make_stack():
        stamp.write(tmp_path / f"7_{stamp.band}_PanSTARRS.fits")
    make_stamp().write(tmp_path / "8_g_PanSTARRS.fits")
    (tmp_path / "7_z_PanSTARRS.fits").write_bytes(b"SIMPLE  = nonsense")
    return tmp_path


def test_read_raises_or_drops(folder):
    with pytest.raises(UnreadableStampError, match="7_z_PanSTARRS"):
        StampStack.read(folder, source="7")
    stack = StampStack.read(folder, source=7, survey="panstarrs", on_error="drop")
    assert stack.bands == ("g", "r", "i")
    ((path, error),) = stack.dropped
    assert path.name == "7_z_PanSTARRS.fits"
    assert isinstance(error, UnreadableStampError)
    assert stack.align().meta["dropped"] == stack.dropped
    with pytest.raises(ValueError, match="'raise' or 'drop', not 'ignore'"):
        StampStack.read(folder, source="7", on_error="ignore")


def test_read_needs_one_stack(folder):
    with pytest.raises(AlignmentError, match="found 7 in Pan-STARRS, 8 in Pan-STARRS"):
        StampStack.read(folder)
    with pytest.raises(AlignmentError, match=r"source '9'.*found none"):
        StampStack.read(folder, source="9")
    with pytest.raises(UnreadableStampError):
        StampStack.read(folder / "7_z_PanSTARRS.fits", on_error="drop")
    with pytest.raises(FileNotFoundError):
        StampStack.read(folder / "missing")


def test_read_aligns_to_what_was_written(folder):
    paths = [folder / f"7_{band}_PanSTARRS.fits" for band in "gri"]
    found = StampStack.read(paths, target=TARGET).align()
    np.testing.assert_allclose(found.data, make_stack().align().data, atol=1e-4)


def test_repr_is_one_line_and_html_is_escaped():
    assert repr(make_stack()) == "<StampStack 7 Pan-STARRS [g,r,i]>"
    assert repr(make_stack([None], source=None)) == "<StampStack Pan-STARRS [stacked]>"
    shown = make_stack("grizyw", source="<b>&")._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;&amp;" in shown
    assert shown.count("<img") == 5
