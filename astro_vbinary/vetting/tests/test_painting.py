import io

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from matplotlib.image import imread

from astro_vbinary.exceptions import StampError
from astro_vbinary.stamps import StampFile, StampIndex, pack
from astro_vbinary.vetting import VettingProject
from astro_vbinary.vetting.cache import ByteCache
from astro_vbinary.vetting.look import CUTS, FIELDS, Look
from astro_vbinary.vetting.painting import SIDE, Painter
from astro_vbinary.vetting.tests.helpers_page import TARGET, write_stamp


def picture(painter, number, view, **look):
    png = painter.picture(number, view, Look(colours="gray", **look))
    return imread(io.BytesIO(png))[..., 0]


def brightest(image, field):
    """Offset of the brightest pixels to the east and north, in arcsec."""
    row, column = np.nonzero(image == image.max())
    step = field / SIDE
    east, north = SIDE / 2 - (column.mean() + 0.5), SIDE / 2 - (row.mean() + 0.5)
    return east * step, north * step


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("rotation", "flipped"), [(0, False), (70, False), (-130, True)]
)
@pytest.mark.parametrize("scale", [0.03, 0.4])
def test_a_star_is_where_the_sky_has_it(tmp_path, scale, rotation, flipped, field):
    write_stamp(
        tmp_path,
        "1",
        "HST",
        "F814W",
        scale,
        star=(1.8, 0.9),
        rotation=rotation,
        flipped=flipped,
    )
    project = VettingProject(StampIndex.from_paths(tmp_path), targets={"1": TARGET})
    # Linear, and white only at the top: all above would be equally bright.
    image = picture(Painter(project), 0, 0, field=field, stretch="linear", cut="100")
    east, north = brightest(image, field)
    assert east == pytest.approx(1.8, abs=0.6 * scale + field / SIDE)
    assert north == pytest.approx(0.9, abs=0.6 * scale + field / SIDE)


def test_the_field_is_around_the_target_and_not_the_image(tmp_path):
    write_stamp(tmp_path, "1", "SDSS9", "g", 0.4)
    target = SkyCoord(TARGET.spherical_offsets_by(-2 * u.arcsec, 0 * u.arcsec))
    project = VettingProject(StampIndex.from_paths(tmp_path), targets={"1": target})
    east, _ = brightest(picture(Painter(project), 0, 0, cut="100"), 10)
    assert east == pytest.approx(2.0, abs=0.3)


def test_a_manifests_position_counts(tmp_path):
    path = write_stamp(tmp_path, "1", "SDSS9", "g", 0.4)
    place = SkyCoord(TARGET.spherical_offsets_by(0 * u.arcsec, 3 * u.arcsec))
    index = StampIndex([StampFile(path, "1", "SDSS9", "g", target=place)])
    _, north = brightest(picture(Painter(VettingProject(index)), 0, 0, cut="100"), 10)
    assert north == pytest.approx(-3.0, abs=0.3)


def test_pixels_without_a_measurement_are_blank_and_no_others(tmp_path):
    write_stamp(tmp_path, "1", "SDSS9", "g", 0.4)
    project = VettingProject(StampIndex.from_paths(tmp_path))
    image = Painter(project).picture(0, 0, Look(field=20.0))
    colours = imread(io.BytesIO(image))
    blank = np.isclose(colours[..., :3], 0.55, atol=0.01).all(axis=-1)
    # The image is 12 of the 20 arcsec wide.
    assert blank[:, : round(SIDE * 3.9 / 20)].all()
    assert blank.mean() == pytest.approx(1 - 0.6**2, abs=0.02)


def test_a_narrower_cut_leaves_more_white(project):
    painter = Painter(project)
    shares = []
    for cut in CUTS:
        image = picture(painter, 0, 0, cut=cut, field=6.0, stretch="linear")
        shares.append((image == image.max()).mean())
    # After "auto" they are from the widest to the narrowest.
    assert (np.diff(shares[1:]) > 0).all()


def test_shards_look_like_the_files_that_they_hold(folder, tmp_path, project):
    pack(folder, tmp_path / "shards")
    packed = VettingProject(StampIndex.from_paths(tmp_path / "shards"))
    assert [s.name for s in packed.sources][:4] == [s.name for s in project.sources][:4]
    assert packed.sources[0].views[0].name == project.sources[0].views[0].name
    one, other = Painter(packed), Painter(project)
    for view in range(3):
        assert one.picture(1, view, Look()) == other.picture(1, view, Look())


def test_bad_stamps_have_a_reason_and_the_second_time_at_once(folder, tmp_path):
    path = write_stamp(tmp_path, "1", "SDSS9", "g", 0.4)
    far = SkyCoord(10, 10, unit="deg")
    project = VettingProject(StampIndex.from_paths(tmp_path), targets={"1": far})
    painter = Painter(project)
    assert painter.reason(0, 0) == ""
    with pytest.raises(StampError, match="target"):
        painter.picture(0, 0, Look())
    path.unlink()
    assert "target" in painter.reason(0, 0)
    gone = Painter(project)
    with pytest.raises(StampError):
        gone.picture(0, 0, Look())


def test_files_without_a_place_are_shown_with_their_reason(tmp_path):
    (tmp_path / "1_g_NoSuchSurvey.fits").touch()
    write_stamp(tmp_path, "1", "SDSS9", "g", 0.4)
    (tmp_path / "nonsense.fits").touch()
    project = VettingProject(StampIndex.from_paths(tmp_path))
    assert project.unnamed == 1
    view = project.sources[0].views[-1]
    assert (view.survey, view.file) == ("NoSuchSurvey", None)
    with pytest.raises(StampError, match="NoSuchSurvey"):
        Painter(project).picture(0, 1, Look())


def test_what_is_unknown_is_refused():
    for name, value in {
        "stretch": "x",
        "cut": "x",
        "colours": "jet",
        "field": 1,
    }.items():
        with pytest.raises(ValueError, match=f"unknown {name} .*; known"):
            Look(**{name: value})


def test_memory_is_bounded(project):
    painter = Painter(project, pixel_memory=20_000, picture_memory=30_000)
    for field in FIELDS:
        for number in range(4):
            for view in range(3):
                painter.picture(number, view, Look(field=field))
    assert painter._pictures.size <= 30_000
    assert painter._cutouts.size <= 20_000
    assert len(painter._pictures) > 0


def test_the_cache_forgets_what_was_asked_for_longest_ago():
    cache = ByteCache(10)
    for key in "abc":
        cache.put(key, key.upper(), 3)
    assert cache.get("a") == "A"
    cache.put("d", "D", 3)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    cache.put("e", "E", 11)
    assert cache.get("e") is None
    cache.put("a", "new", 10)
    assert (cache.get("a"), cache.size, len(cache)) == ("new", 10, 1)
