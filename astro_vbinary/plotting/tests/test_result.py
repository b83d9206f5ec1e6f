import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from astro_vbinary.classification import ClassificationResult
from astro_vbinary.plotting import plot_result


@pytest.fixture
def truth():
    table = QTable()
    table["source"] = [str(number) for number in range(8)]
    table["survey"] = ["HST"] * 4 + ["SDSS9"] * 4
    table["label"] = [1, 1, 0, 0, 1, 1, 1, 0]
    table["separation"] = [0.3, 0.4, np.nan, np.nan, 1.1, 1.2, 1.3, np.nan] * u.arcsec
    return table


@pytest.fixture
def catalogue(truth):
    table = truth["source", "survey"]
    table["probability"] = [0.9, 0.2, 0.1, 0.3, 0.99, 0.8, 0.7, np.nan]
    table["label"] = ["binary", "not", "not", "not", "binary", "binary", "binary", ""]
    return table


def heights(axes):
    return sorted(y for line in axes.lines for y in line.get_ydata())


def test_every_verdict_is_one_point(catalogue):
    (axes,) = plot_result(catalogue).axes
    assert heights(axes) == [0.1, 0.2, 0.3, 0.7, 0.8, 0.9, 0.99]
    assert axes.get_title() == "7 verdicts"


def test_completeness_is_counted_by_separation(catalogue, truth):
    _, axes = plot_result(catalogue, truth=truth).axes
    assert [text.get_text() for text in axes.texts] == ["1/2", "3/3"]
    assert axes.get_title() == "4 of 5 pairs found"


def test_separations_of_another_unit_are_converted(catalogue, truth):
    truth["separation"] = truth["separation"].to(u.mas)
    _, axes = plot_result(catalogue, truth=truth).axes
    assert [text.get_text() for text in axes.texts] == ["1/2", "3/3"]


def test_a_row_without_truth_is_named(catalogue, truth):
    with pytest.raises(ValueError, match=r"'0' in 'HST' \(1 of 7 are missing\)"):
        plot_result(catalogue, truth=truth[1:])


def test_an_empty_result_is_drawn():
    fig = plot_result(ClassificationResult([]))
    fig.canvas.draw()
    assert fig.axes[0].get_title() == "0 verdicts"


@pytest.mark.mpl_image_compare(
    filename="result.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_a_result(catalogue, truth):
    return plot_result(catalogue, truth=truth)
