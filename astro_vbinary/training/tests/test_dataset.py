import numpy as np
import pytest

from astro_vbinary.simulation import KINDS
from astro_vbinary.stamps import GROUP_GRIDS
from astro_vbinary.training import SimulatedSet, dataset, simulate_set

MIXTURE = {"HSCLA": 0.5, "DECaLS": 0.5}


class SamePool:
    """Runs in this process, where what a test has patched is patched."""

    def __init__(self, workers):
        self.workers = workers

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def map(self, function, jobs):
        return map(function, jobs)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 6)
    monkeypatch.setattr(dataset, "ProcessPoolExecutor", SamePool)


def make(folder, *, count=12, seed=1, **options):
    options = {"group": 3, "mixture": MIXTURE, "progress": False} | options
    return simulate_set(folder, count=count, seed=seed, **options)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A set of 12 stacks, and its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "SHARD", 6)
        patch.setattr(dataset, "ProcessPoolExecutor", SamePool)
        folder = tmp_path_factory.mktemp("set")
        return folder, make(folder)


def names(data):
    return [row["source"] for row in data.truth]


def test_a_set_has_images_with_their_truth(shared):
    _, data = shared
    side = GROUP_GRIDS[3][1]
    assert 8 <= len(data) <= 12
    assert data.signal.shape == data.valid.shape == (len(data), side, side)
    assert (data.signal.dtype, data.valid.dtype) == (np.float16, bool)
    assert np.isfinite(data.signal).all()
    assert not data.signal[~data.valid].any()
    assert list(data.labels) == [KINDS[kind][0] for kind in data.column("kind")]
    assert set(data.column("survey")) <= set(MIXTURE)


def test_a_set_is_read_back_and_the_same_when_made_again(shared, tmp_path):
    folder, data = shared
    stamps = sorted(path.stat().st_mtime_ns for path in folder.iterdir())
    again, other = make(folder), make(tmp_path)
    assert stamps == sorted(path.stat().st_mtime_ns for path in folder.iterdir())
    for found in (again, other):
        np.testing.assert_array_equal(found.signal, data.signal)
        np.testing.assert_array_equal(found.valid, data.valid)
        assert str(found.truth) == str(data.truth)


def test_a_killed_run_goes_on_with_the_shard_that_is_missing(shared, tmp_path):
    _, data = shared
    make(tmp_path)
    (tmp_path / "shard0001.npz").unlink()
    (tmp_path / "shard0001.part.npz").write_bytes(b"cut short")
    kept = (tmp_path / "shard0000.npz").stat().st_mtime_ns
    np.testing.assert_array_equal(make(tmp_path).signal, data.signal)
    assert (tmp_path / "shard0000.npz").stat().st_mtime_ns == kept


def test_sets_of_different_seeds_share_no_scene(shared, tmp_path):
    _, data = shared
    other = make(tmp_path, seed=2)
    assert not set(names(data)) & set(names(other))
    positions = [{(row["ra"], row["dec"]) for row in s.truth} for s in (data, other)]
    assert not positions[0] & positions[1]
    # Nor does a set share a scene with itself.
    assert len(positions[0]) == len(data)
    images = np.concatenate([data.signal, other.signal])
    assert len(np.unique(images, axis=0)) == len(images)


def test_a_larger_set_begins_with_the_smaller(shared, tmp_path):
    _, data = shared
    part = make(tmp_path, count=6)
    assert names(part) == names(data)[: len(part)]
    np.testing.assert_array_equal(part.signal, data.signal[: len(part)])


def test_parts_of_a_set(shared):
    _, data = shared
    pairs = data.take(data.labels == 1)
    assert isinstance(pairs, SimulatedSet)
    assert pairs.labels.all()
    turned = data.take(np.arange(len(data))[::-1])
    assert names(turned) == names(data)[::-1]
    np.testing.assert_array_equal(turned.signal, data.signal[::-1])
    assert len(data.take(slice(0, 3))) == 3
