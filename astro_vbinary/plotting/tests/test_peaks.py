import astropy.units as u
import numpy as np
import pytest

from astro_vbinary import SkyGrid, SurveyStamp
from astro_vbinary.plotting import plot_peaks
from astro_vbinary.plotting.peaks import _face_colours, _power, _surface
from astro_vbinary.plotting.style import image_norm
from astro_vbinary.plotting.tests.conftest import TARGET, rotated, star_image


def test_the_surface_peaks_where_the_stars_are(stamp):
    east, north, height = _surface(stamp, 9 * u.arcsec)
    top = np.unravel_index(np.nanargmax(height), height.shape)
    assert (east[top], north[top]) == pytest.approx((0.1, 0), abs=0.26)
    near = np.hypot(east - 1.5, north) < 0.3
    assert np.nanmax(height[near]) > 200
    # Nothing is on the other side.
    far = np.hypot(east + 1.5, north) < 0.3
    assert np.nanmax(height[far]) < 130


@pytest.mark.parametrize("angle", [30, 135, 270])
def test_the_surface_is_on_the_sky_whatever_the_orientation(grid, angle):
    wcs = rotated(grid.wcs, angle)
    image = np.zeros(grid.shape)
    image[25, 30] = 1.0
    stamp = SurveyStamp(image + 1, wcs, target=TARGET)
    east, north, height = _surface(stamp, 10 * u.arcsec)
    top = np.unravel_index(np.argmax(height), height.shape)
    offsets = TARGET.spherical_offsets_to(wcs.pixel_to_world(30, 25))
    expected = [value.to_value(u.arcsec) for value in offsets]
    assert (east[top], north[top]) == pytest.approx(expected, abs=1e-3)


def test_large_images_are_averaged_and_keep_their_mean():
    grid = SkyGrid(TARGET, (10 / 322) * u.arcsec, (322, 322))
    stamp = SurveyStamp(star_image(grid, [(0, 0, 50.0)]), grid.wcs, target=TARGET)
    _, _, height = _surface(stamp, 10 * u.arcsec)
    assert max(height.shape) <= 110
    assert height.mean() == pytest.approx(stamp.data.mean(), rel=1e-2)


def test_masked_pixels_have_no_face(stamp):
    _, _, height = _surface(stamp, 10 * u.arcsec)
    assert np.isnan(height[:6, :8]).all()
    colours = _face_colours(height, image_norm(height))
    # Faces with a corner that is blank are not drawn; the last row has none.
    assert (colours[:6, :8, 3] == 0).all()
    assert (colours[6:-1, 8:-1, 3] == 1).all()


@pytest.mark.parametrize("fill", [np.nan, 0.0, 5.0])
def test_an_image_without_contrast_is_drawn(grid, fill):
    stamp = SurveyStamp(np.full(grid.shape, fill), grid.wcs, target=TARGET)
    fig = plot_peaks(stamp)
    fig.canvas.draw()
    assert len(fig.axes) == 2


def test_a_target_off_the_image_is_drawn(grid):
    away = TARGET.directional_offset_by(0 * u.deg, 30 * u.arcsec)
    stamp = SurveyStamp(np.ones(grid.shape), grid.wcs, target=away)
    fig = plot_peaks(stamp)
    fig.canvas.draw()
    assert len(fig.axes) == 2


def test_labels_have_units(stamp):
    fig = plot_peaks(stamp)
    assert fig.axes[1].get_zlabel() == "Pixel value (adu)"
    assert fig.axes[1].get_xlabel() == "East (arcsec)"
    low, high = fig.axes[1].get_xlim()
    assert low > high  # east is to the left


@pytest.mark.parametrize(
    ("value", "power"), [(0.0, 0), (50, 0), (-1.3e5, 5), (2e-9, -9), (9999, 0)]
)
def test_powers_of_ten(value, power):
    assert _power(np.array([value])) == power


def test_a_stack_is_no_stamp(stack):
    with pytest.raises(TypeError, match=r"StampStack; AlignedStack\.coadd makes one"):
        plot_peaks(stack)


@pytest.mark.mpl_image_compare(
    filename="peaks.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_peaks(stamp):
    return plot_peaks(stamp)
