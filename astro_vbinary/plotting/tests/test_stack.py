import astropy.units as u
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.patches import PathPatch

from astro_vbinary import SkyGrid, StampStack, SurveyStamp
from astro_vbinary.exceptions import NoCelestialWCSError
from astro_vbinary.plotting import STRETCHES, plot_source, plot_stack
from astro_vbinary.plotting.panels import pixel_offset, shown_width
from astro_vbinary.plotting.style import image_norm
from astro_vbinary.plotting.tests.conftest import TARGET, rotated, star_image


def circle_of(axes):
    (patch,) = (p for p in axes.patches if p.get_gid() == "aperture")
    return patch


def radius_of(patch):
    box = patch.get_path().get_extents(patch.get_patch_transform())
    return box.width / 2, box.height / 2


@pytest.mark.parametrize("scale", [0.05, 0.25, 0.396])
def test_the_circle_is_2_5_arcsec(scale):
    grid = SkyGrid(TARGET, scale * u.arcsec, (32, 32))
    stamp = SurveyStamp(np.ones(grid.shape), grid.wcs, target=TARGET)
    fig = plot_stack(StampStack([stamp]))
    patch = circle_of(fig.axes[0])
    if isinstance(patch, PathPatch):
        found = radius_of(patch)
    else:
        found = (patch.radius,) * 2
    assert found == pytest.approx((2.5 / scale,) * 2, rel=1e-4)


def test_the_circle_is_around_the_target_and_not_the_middle(grid):
    target = TARGET.directional_offset_by(90 * u.deg, 2 * u.arcsec)
    stamp = SurveyStamp(np.ones(grid.shape), grid.wcs, target=target)
    axes = plot_stack(StampStack([stamp])).axes[0]
    # The target is 2 arcsec, 8 pixels, to the east of the middle: to the left.
    assert circle_of(axes).center == pytest.approx((19.5 - 8, 19.5), abs=1e-3)
    assert np.mean(axes.get_xlim()) == pytest.approx(19.5 - 8, abs=1e-3)


def test_a_star_to_the_east_is_drawn_to_the_left(stamp):
    axes = plot_stack(StampStack([stamp])).axes[0]
    image = axes.images[0].get_array()
    # Mean column of what stands above the middle of the two peaks.
    bright = np.ma.filled(image, 0) > 180
    assert np.nonzero(bright)[1].mean() < 19.5
    assert axes.images[0].origin == "lower"
    low, high = axes.get_xlim()
    assert low < high


@given(angle=st.floats(0, 360), flip=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_offsets_follow_the_sky(grid, angle, flip):
    wcs = rotated(grid.wcs, angle)
    if flip:
        wcs.wcs.cdelt = [-wcs.wcs.cdelt[0], wcs.wcs.cdelt[1]]
        wcs.wcs.set()
    stamp = SurveyStamp(np.ones(grid.shape), wcs, target=TARGET)
    x, y = pixel_offset(stamp, 1.2, -0.7)
    sky = wcs.pixel_to_world(x, y)
    east, north = TARGET.spherical_offsets_to(sky)
    assert east.to_value(u.arcsec) == pytest.approx(1.2, abs=1e-4)
    assert north.to_value(u.arcsec) == pytest.approx(-0.7, abs=1e-4)


@pytest.mark.parametrize(
    ("angle", "north"), [(0, (0, 1)), (90, (1, 0)), (180, (0, -1))]
)
def test_the_compass_points_north(grid, angle, north):
    wcs = rotated(grid.wcs, angle)
    stamp = SurveyStamp(np.ones(grid.shape), wcs, target=TARGET)
    axes = plot_stack(StampStack([stamp])).axes[0]
    arrows = {a.get_gid(): a for a in axes.texts if a.get_gid()}
    arrow = arrows["compass N"]
    direction = np.subtract(arrow.xy, arrow.get_position())
    x0, y0 = wcs.world_to_pixel(TARGET)
    x, y = wcs.world_to_pixel(TARGET.directional_offset_by(0 * u.deg, 1 * u.arcsec))
    expected = np.array([x - x0, y - y0])
    expected /= np.hypot(*expected)
    assert direction / np.hypot(*direction) == pytest.approx(expected, abs=1e-3)
    assert np.abs(expected) == pytest.approx(np.abs(north), abs=1e-3)


@pytest.mark.parametrize(("side", "length"), [(10, 2), (6, 2), (20, 5)])
def test_the_scale_bar_is_as_long_as_it_says(stamp, side, length):
    axes = plot_stack(StampStack([stamp]), width=side * u.arcsec).axes[0]
    (bar,) = (line for line in axes.lines if line.get_gid() == "scale bar")
    share = np.ptp(bar.get_xdata())
    assert f'{length}"' in [t.get_text() for t in axes.texts]
    assert share * side == pytest.approx(length, rel=1e-3)


def test_masked_pixels_are_blank(stamp):
    image = plot_stack(StampStack([stamp])).axes[0].images[0]
    shown = np.ma.masked_invalid(image.get_array())
    assert np.ma.getmaskarray(shown)[:6, :8].all()
    assert np.ma.getmaskarray(shown).sum() == 48


@pytest.mark.parametrize("fill", [np.nan, 0.0, 7.0, -1.3e5])
def test_an_image_without_contrast_is_drawn(grid, fill):
    stamp = SurveyStamp(np.full(grid.shape, fill), grid.wcs, target=TARGET)
    fig = plot_stack(StampStack([stamp]))
    fig.canvas.draw()
    assert len(fig.axes) == 1


def test_a_stamp_without_a_wcs_is_named():
    stamp = SurveyStamp(np.ones((9, 9)), None, target=TARGET)
    with pytest.raises((NoCelestialWCSError, AttributeError)):
        plot_stack(StampStack([stamp]))


def test_an_aligned_stack_shows_its_mean_too(stack):
    fig = plot_stack(stack.align())
    labels = [axes.texts[-1].get_text() for axes in fig.axes]
    assert labels == ["g", "i", "mean"]
    names = [text.get_text() for axes in fig.axes for text in axes.texts]
    assert "22466 · Pan-STARRS" in fig.get_suptitle()
    assert names.count("N") == 3


def test_panels_go_into_rows(stack):
    fig = plot_stack(stack.align(), columns=2)
    assert fig.axes[0].get_gridspec().get_geometry() == (2, 2)


def test_draws_into_a_given_figure(stack):
    own = mpl.figure.Figure(figsize=(3, 2))
    assert plot_stack(stack, fig=own) is own
    assert tuple(own.get_size_inches()) == (3, 2)


def test_leaves_the_settings_of_matplotlib_alone(stack):
    before = dict(mpl.rcParams)
    plot_stack(stack)
    assert dict(mpl.rcParams) == before


def test_one_source_in_many_surveys_is_on_one_scale(stack, grid):
    fine = SkyGrid(TARGET, 0.05 * u.arcsec, (80, 80))
    sharp = SurveyStamp(
        star_image(fine, [(0, 0, 50.0)], fwhm=0.1),
        fine.wcs,
        survey="HST",
        band="F814W",
        source="22466",
        target=TARGET,
    )
    fig = plot_source([stack, StampStack([sharp])])
    widths = [
        np.ptp(axes.get_xlim()) * scale
        for axes, scale in zip(fig.axes, (0.05, 0.25, 0.25), strict=True)
    ]
    # The sharper survey comes first, and all show the same field.
    assert widths == pytest.approx([10, 10, 10], rel=1e-3)
    assert fig.axes[0].texts[-2].get_text() == "HST"


def test_source_needs_stacks_of_one_source(stack, stamp):
    other = SurveyStamp(
        stamp.data, stamp.wcs, survey="SDSS9", source="1", target=TARGET
    )
    with pytest.raises(ValueError, match="more than one source: 1, 22466"):
        plot_source([stack, StampStack([other])])
    with pytest.raises(ValueError, match="at least one"):
        plot_source([])


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"stretch": "cosh"}, "unknown stretch 'cosh'; known: asinh, linear"),
        ({"width": 3 * u.m}, "positive angle"),
        ({"width": -3 * u.arcsec}, "positive angle"),
        ({"columns": 0}, "columns"),
    ],
)
def test_bad_options_are_named(stack, kwargs, match):
    with pytest.raises(ValueError, match=match):
        plot_stack(stack, **kwargs)


def test_a_stamp_is_no_stack(stamp):
    with pytest.raises(TypeError, match="SurveyStamp"):
        plot_stack(stamp)


@pytest.mark.parametrize("stretch", STRETCHES)
def test_stretches_rise_from_noise_to_peak(stretch):
    values = np.concatenate(
        [np.random.default_rng(0).normal(10, 1, 5000), [500.0] * 50]
    )
    norm = image_norm(values, stretch=stretch)
    shown = norm([10.0, 20.0, 100.0, norm.vmax])
    assert (np.diff(shown) > 0).all()
    assert shown[-1] == pytest.approx(1)
    assert norm.vmin < 10 < norm.vmax


def test_width_is_never_less_than_the_circle(grid):
    small = SurveyStamp(np.ones((8, 8)), grid.wcs, target=TARGET)
    assert shown_width([small]) > 5 * u.arcsec
    assert shown_width([small], 1 * u.arcmin) == 60 * u.arcsec


@pytest.mark.mpl_image_compare(
    filename="stack.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_a_stack(stack):
    return plot_stack(stack)


@pytest.mark.mpl_image_compare(
    filename="source.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_a_source(stack):
    return plot_source([stack.align(), stack])
