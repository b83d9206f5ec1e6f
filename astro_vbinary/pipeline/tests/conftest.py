import pytest

from astro_vbinary.classification import weights
from astro_vbinary.classification.tests.conftest import tiny_entries, tiny_network
from astro_vbinary.classification.tests.helpers_stacks import make_stack
from astro_vbinary.pipeline import RunOptions, dispatch, executors, run_catalog
from astro_vbinary.pipeline.tests.helpers_work import light_work


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for group in (3, 4):
        weights.save_weights(folder, tiny_network(), tiny_entries(group))
    return folder


@pytest.fixture(autouse=True)
def bundled(monkeypatch, tiny_weights):
    """Groups 3 and 4 have tiny weights in place of the bundled ones."""
    monkeypatch.setattr(weights, "_bundled_folder", lambda: tiny_weights)
    monkeypatch.setattr(weights, "_registered", {})
    return tiny_weights


@pytest.fixture(scope="session")
def good_stamps(tmp_path_factory):
    """Nine stacks of two surveys with weights and one without, and stray files."""
    folder = tmp_path_factory.mktemp("stamps")
    for number in range(6):
        for stamp in make_stack(str(number), seed=number):
            stamp.write(folder / f"{number}_{stamp.band}_PanSTARRS.fits")
    for number in (1, 4):
        stamp = make_stack(str(number), "HSCLA", "g", seed=number)[0]
        stamp.write(folder / f"{number}_g_HSCLA.fits")
    make_stack("2", "2MASS", "J")[0].write(folder / "2_J_2MASS.fits")
    (folder / "3_z_PanSTARRS.fits").write_bytes(b"")
    (folder / "7_g_SDSS9.fits").write_bytes(b"<html>503</html>")
    make_stack()[0].write(folder / "8_g_Kepler.fits")
    return folder


@pytest.fixture
def stamps(good_stamps, tmp_path):
    """A copy of them, to be changed."""
    folder = tmp_path / "stamps"
    folder.mkdir()
    for path in good_stamps.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def empty_stamps(tmp_path):
    """A function that makes a folder of files without content, one a source."""

    def make(names, folder="empty"):
        made = tmp_path / folder
        made.mkdir(exist_ok=True)
        for name in names:
            (made / f"{name}_g_SDSS9.fits").touch()
        return made

    return make


@pytest.fixture
def run():
    """Run a folder in this process, two stacks a chunk."""

    def call(
        stamps, output, *, executor=None, overwrite=False, catalog=None, **options
    ):
        options = {"workers": 0, "chunk_size": 2, "device": "cpu"} | options
        return run_catalog(
            stamps,
            output,
            catalog=catalog,
            options=RunOptions(**options),
            executor=executor,
            overwrite=overwrite,
        )

    return call


@pytest.fixture
def light(monkeypatch):
    """Work that needs no network, also in other processes."""
    monkeypatch.setattr(dispatch, "work", light_work)
    monkeypatch.setattr(executors, "PRELOAD", ())


@pytest.fixture
def stopping(monkeypatch):
    """Ctrl-C, or another error, comes when a number of chunks is done."""

    def stop_after(number, error=KeyboardInterrupt):
        from astro_vbinary.pipeline import running

        write, calls = running.write_part, []

        def write_or_stop(path, columns):
            if len(calls) == number:
                raise error
            calls.append(path)
            return write(path, columns)

        monkeypatch.setattr(running, "write_part", write_or_stop)
        return lambda: monkeypatch.setattr(running, "write_part", write)

    return stop_after
