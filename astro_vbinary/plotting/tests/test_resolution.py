import pytest

from astro_vbinary import get_survey, list_surveys
from astro_vbinary.plotting import plot_resolution


@pytest.mark.parametrize("policy", ["published", "effective"])
def test_every_survey_is_where_its_numbers_are(policy):
    axes = plot_resolution(policy=policy).axes[0]
    points = {line.get_gid(): line for line in axes.lines if line.get_gid()}
    for name in list_surveys():
        survey = get_survey(name)
        (x,), (y,) = points[name].get_data()
        assert x == pytest.approx(survey.rayleigh().value)
        assert y == pytest.approx(survey.effective_fwhm().value)
        low, high = axes.get_xlim()
        assert low < x < high
        low, high = axes.get_ylim()
        assert low < y < high
    assert set(points["limit"].get_ydata()) == {2.5}


def test_every_survey_has_a_label():
    axes = plot_resolution().axes[0]
    shown = ", ".join(text.get_text() for text in axes.texts)
    assert [name for name in list_surveys() if name not in shown] == []


def test_an_unknown_policy_is_named():
    with pytest.raises(ValueError, match="'best'; known: published, effective"):
        plot_resolution(policy="best")


@pytest.mark.mpl_image_compare(
    filename="resolution.png", style="default", savefig_kwargs={"dpi": 60}
)
def test_figure_of_the_published_policy():
    return plot_resolution()
