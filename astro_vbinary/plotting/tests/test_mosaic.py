import pytest

from astro_vbinary.plotting import plot_mosaic


def test_every_stamp_has_its_panel_and_label(stamp):
    fig = plot_mosaic([stamp] * 5, labels="abcde", colours=["red"] * 5, columns=3)
    assert fig.axes[0].get_gridspec().get_geometry() == (2, 3)
    assert [axes.texts[-1].get_text() for axes in fig.axes] == list("abcde")
    assert {axes.texts[-1].get_color() for axes in fig.axes} == {"red"}


def test_labels_are_source_and_survey_by_default(stamp):
    (axes,) = plot_mosaic([stamp]).axes
    assert axes.texts[-1].get_text() == "22466\nPan-STARRS"


@pytest.mark.parametrize(
    ("count", "labels", "match"), [(0, None, "at least one"), (2, ["a"], "not 1 and 2")]
)
def test_stamps_and_labels_must_match(stamp, count, labels, match):
    with pytest.raises(ValueError, match=match):
        plot_mosaic([stamp] * count, labels=labels)


@pytest.mark.mpl_image_compare(
    filename="mosaic.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_a_mosaic(stamp):
    return plot_mosaic([stamp] * 4, columns=3)
