from dataclasses import replace

import pytest

from astro_vbinary.archives import (
    HostLimits,
    get_recipe,
    recipes,
    register_recipe,
    registry,
)
from astro_vbinary.archives.planning import choose_recipes
from astro_vbinary.archives.tests.helpers_loopback import LoopbackRecipe
from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownArchiveError,
    UnknownBandError,
    UnknownSurveyError,
    VBinaryWarning,
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(registry, "_known", None)


def make(**fields):
    return LoopbackRecipe(base_url="http://127.0.0.1:1/", **fields)


def test_every_recipe_has_what_its_page_needs():
    for recipe in recipes():
        assert recipe.bands
        assert recipe.what
        assert recipe.citation
        assert get_recipe(recipe.name) is recipe


def test_a_recipe_is_registered_once():
    register_recipe(make())
    assert get_recipe("Loop-Back").name == "loopback"
    with pytest.raises(DuplicateNameError, match="loopback"):
        register_recipe(make(name="LOOP_BACK"))
    with pytest.raises(TypeError, match="Recipe"):
        register_recipe("loopback")


def test_unknown_names_list_the_known():
    register_recipe(make())
    with pytest.raises(UnknownArchiveError, match=r"did you mean 'loopback'.*known"):
        get_recipe("lopback")


def test_another_package_brings_recipes(monkeypatch):
    class Entry:
        value = "package:recipes"

        def __init__(self, found):
            self._found = found

        def load(self):
            if self._found is None:
                raise ImportError("it is broken")
            return self._found

    entries = [Entry(lambda: [make()]), Entry(make(name="two")), Entry(None)]
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: entries)
    with pytest.warns(VBinaryWarning, match="it is broken"):
        assert get_recipe("two").name == "two"
    assert get_recipe("loopback").survey == "Pan-STARRS"


def test_values_of_a_recipe_are_checked():
    assert make(survey="ps1").survey == "Pan-STARRS"
    assert make().base_url == "http://127.0.0.1:1"
    with pytest.raises(UnknownBandError):
        make(bands=("W1",))
    with pytest.raises(UnknownSurveyError):
        make(survey="nosuch")
    with pytest.raises(ValueError, match="origin"):
        make(origin="sky")
    with pytest.raises(ValueError, match="unit"):
        make(unit="florins")
    with pytest.raises(ValueError, match="rate_per_s"):
        HostLimits(rate_per_s=0)


def test_recipes_are_chosen_by_survey_or_by_name():
    register_recipe(make())
    (choice,) = choose_recipes(["loopback"], ["r"])
    assert (choice.recipe.name, choice.bands) == ("loopback", ("r",))
    (choice,) = choose_recipes(["loopback"], base_urls={"loopback": "http://else:2"})
    assert choice.recipe.base_url == "http://else:2"
    with pytest.raises(UnknownBandError, match="W1"):
        choose_recipes(["loopback"], ["g", "W1"])
    with pytest.raises(UnknownArchiveError, match="nowhere"):
        choose_recipes(["loopback"], base_urls={"nowhere": "http://else"})
    with pytest.raises(UnknownSurveyError, match="known"):
        choose_recipes(["nosuch"])
    with pytest.raises(ValueError, match="origin"):
        choose_recipes(["loopback"], origin="sky")


def test_hips_stands_in_only_when_asked():
    native = make(survey="JWST", bands=("F115W",))
    hips = replace(native, name="loopback-hips", origin="hips")
    known = {r.survey for r in recipes(origin="native")}
    if "JWST" in known:
        wanted = {"auto": "native", "native": "native", "hips": "hips"}
        for origin, expected in wanted.items():
            (choice,) = choose_recipes(["JWST"], origin=origin)
            assert choice.recipe.origin == expected
            assert choice.fallback is None
        (choice,) = choose_recipes(["JWST"], origin="mixed")
        assert choice.fallback.origin == "hips"
    (choice,) = choose_recipes(own=[hips])
    assert choice.recipe is hips
