"""A folder of stamps and truth: nobody's files are replaced, a stopped run's are."""

import numpy as np
import pytest

from astro_vbinary.simulation import folders, simulate_stack, write_folder
from astro_vbinary.simulation.folders import TRUTH_FILE, TruthFolder
from astro_vbinary.stamps import StampStack


def sample(source, seed=1):
    made = simulate_stack(
        "DECaLS", np.random.default_rng(seed), kind="single", source=source
    )
    return made.stack, made.truth


def test_a_stopped_run_is_begun_anew(tmp_path, monkeypatch):
    stopped = TruthFolder(tmp_path)
    stopped.add(*sample("a", seed=1))
    stopped.add(*sample("b", seed=2))
    # Stopped here. The next run has other pixels, and no source b.
    again = TruthFolder(tmp_path)
    stack, truth = sample("a", seed=3)
    again.add(stack, truth)
    table = again.finish()
    assert list(table["source"]) == ["a"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"a_{band}_DECaLS.fits" for band in stack.bands} | {TRUTH_FILE}
    back = StampStack.read(tmp_path, source="a")
    np.testing.assert_array_equal(back[0].data, stack[0].data)


def test_other_files_are_kept(tmp_path):
    stack, truth = sample("a")
    own = tmp_path / f"a_{stack.bands[-1]}_DECaLS.fits"
    own.write_text("mine")
    folder = TruthFolder(tmp_path)
    for _ in range(2):
        with pytest.raises(FileExistsError, match="exists; give another folder"):
            folder.add(stack, truth)
        folder = TruthFolder(tmp_path)
    assert own.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [own.name]


def test_a_finished_folder_is_kept(tmp_path):
    folder = TruthFolder(tmp_path)
    folder.add(*sample("a"))
    folder.finish()
    with pytest.raises(FileExistsError, match=TRUTH_FILE):
        TruthFolder(tmp_path)


def test_a_simulation_that_was_stopped_can_be_repeated(tmp_path, monkeypatch):
    class Stopping(TruthFolder):
        def add(self, stack, truth):
            if self.rows:
                raise KeyboardInterrupt
            super().add(stack, truth)

    with monkeypatch.context() as patch:
        patch.setattr("astro_vbinary.simulation.simulate.TruthFolder", Stopping)
        with pytest.raises(KeyboardInterrupt):
            write_folder(tmp_path, {"DECaLS": 2}, seed=4)
    assert (tmp_path / folders.JOURNAL).exists()
    table = write_folder(tmp_path, {"DECaLS": 2}, seed=4)
    other = write_folder(tmp_path / "other", {"DECaLS": 2}, seed=4)
    assert list(table["signal"]) == list(other["signal"])
    for path in (tmp_path / "other").glob("*.fits"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
