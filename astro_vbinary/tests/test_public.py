"""The public names: they exist, they are listed, they are documented."""

import importlib
import importlib.metadata
import inspect
import pkgutil

import pytest

import astro_vbinary
from astro_vbinary import exceptions, status

ROOMS = [
    "archives",
    "classification",
    "context",
    "exceptions",
    "measurement",
    "pipeline",
    "plotting",
    "psf",
    "simulation",
    "stamps",
    "status",
    "surveys",
    "training",
    "vetting",
]


def room(name):
    return importlib.import_module(f"astro_vbinary.{name}")


def public_objects(name):
    module = room(name)
    return {public: getattr(module, public) for public in module.__all__}


def test_every_public_name_of_the_package_resolves():
    missing = [n for n in astro_vbinary.__all__ if not hasattr(astro_vbinary, n)]
    assert missing == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        astro_vbinary.no_such_name  # noqa: B018


def test_dir_shows_the_public_names():
    assert set(astro_vbinary.__all__) - {"__version__"} <= set(dir(astro_vbinary))


@pytest.mark.parametrize("name", ROOMS)
def test_all_of_a_room_resolves_and_has_no_duplicates(name):
    objects = public_objects(name)
    assert len(objects) == len(room(name).__all__)
    assert objects


@pytest.mark.parametrize("name", ROOMS)
def test_names_of_the_package_are_those_of_its_rooms(name):
    objects = public_objects(name)
    for public in set(objects) & set(astro_vbinary.__all__):
        assert getattr(astro_vbinary, public) is objects[public]


@pytest.mark.parametrize("name", ROOMS)
def test_everything_public_is_documented(name):
    bare = []
    for public, value in public_objects(name).items():
        if not callable(value):
            continue
        if not inspect.getdoc(value):
            bare.append(public)
        # An inherited docstring counts: it says what the method does.
        methods = inspect.getmembers(value, callable) if inspect.isclass(value) else []
        bare += [
            f"{public}.{method}"
            for method, function in methods
            if not method.startswith("_") and not inspect.getdoc(function)
        ]
    assert bare == []


def test_every_room_and_module_imports_without_side_effects_on_all():
    for found in pkgutil.walk_packages(astro_vbinary.__path__, "astro_vbinary."):
        if ".tests" in found.name or found.name.endswith(("conftest", "__main__")):
            continue
        assert inspect.getdoc(importlib.import_module(found.name)), found.name


def test_every_room_is_among_the_submodules():
    packages = {
        found.name
        for found in pkgutil.iter_modules(astro_vbinary.__path__)
        if found.name not in ("cli", "conftest", "tests")
    }
    assert packages == set(ROOMS)
    assert packages <= set(astro_vbinary.__all__)


def test_version_is_that_of_the_metadata():
    try:
        installed = importlib.metadata.version("astro-vbinary")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("astro-vbinary is not installed: run from the source tree")
    assert astro_vbinary.__version__ == installed


ERRORS = [
    value
    for value in vars(exceptions).values()
    if inspect.isclass(value) and value.__module__ == exceptions.__name__
]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_one_of_ours_and_listed(error):
    warning = issubclass(error, Warning)
    base = exceptions.VBinaryWarning if warning else exceptions.VBinaryError
    assert issubclass(error, base)
    assert error.__name__ in exceptions.__all__


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_to_catch_is_also_a_builtin(error):
    if error in (exceptions.VBinaryError, exceptions.StampError):
        assert error.__subclasses__()
    else:
        assert issubclass(error, ValueError | KeyError | OSError | Warning)


def test_a_key_error_reads_as_a_sentence():
    assert str(exceptions.UnknownSurveyError("no survey 'x'")) == "no survey 'x'"


def test_every_status_and_flag_has_a_meaning():
    assert set(status.STATUS_MEANINGS) == set(status.Status)
    assert set(status.FLAG_MEANINGS) == set(status.Flag)


def test_stamp_errors_have_a_status_that_is_a_failure():
    kinds = exceptions.StampError.__subclasses__()
    assert kinds
    for kind in kinds:
        assert kind.status.is_failure, kind


def test_flags_decode_to_their_names():
    everything = sum(status.Flag)
    assert status.decode_flags(0) == ()
    assert len(status.decode_flags(everything)) == len(status.FLAG_MEANINGS)
    with pytest.raises(ValueError, match=str(everything + 1)):
        status.decode_flags(everything + 1)
