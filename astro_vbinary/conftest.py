"""What every test of the package can use; nothing here is for users."""

import locale
import os
import signal
from pathlib import Path

# Before anything imports matplotlib: no test may open a window.
os.environ.setdefault("MPLBACKEND", "agg")

import hypothesis
import pytest
from pytest_astropy_header.display import PYTEST_HEADER_MODULES, TESTED_VERSIONS

# The same examples in every run, so that a failure can be repeated anywhere;
# HYPOTHESIS_PROFILE=thorough looks for new ones.
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config):
    from astro_vbinary import __version__

    # A shell that starts the tests in the background has them ignore Ctrl-C, and so
    # would the processes that tests start and stop.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.option.astropy_header = True
    for name in ("Pandas", "h5py"):
        PYTEST_HEADER_MODULES.pop(name, None)
    for name in ("astropy", "reproject", "regions", "photutils", "torch"):
        PYTEST_HEADER_MODULES[name] = name
    TESTED_VERSIONS["astro_vbinary"] = __version__


@pytest.fixture(autouse=True)
def the_locale_stays():
    """What a test's threads leave of the locale is undone.

    astropy reads and writes numbers in the locale C; a thread that asks for the
    preferred encoding meanwhile puts C back for good, and text is ASCII from then on.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    yield
    if locale.setlocale(locale.LC_CTYPE) != before:
        locale.setlocale(locale.LC_CTYPE, before)


@pytest.fixture(scope="session")
def real_data(request):
    """Folder of real survey images (pathlib.Path); skips where there is none.

    It is what ASTRO_VBINARY_REAL_DATA names, or ``shared/real`` beside the
    checkout. The images are not the project's to give away, so it holds none.
    """
    named = os.environ.get("ASTRO_VBINARY_REAL_DATA")
    beside = request.config.rootpath.parent / "shared" / "real"
    folder = Path(named) if named else beside
    if not folder.is_dir():
        pytest.skip(f"no real images: {folder} is not a folder")
    return folder
