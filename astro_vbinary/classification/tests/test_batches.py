"""Whole batches are judged as stacks one by one are."""

from itertools import product

import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.classification import classify
from astro_vbinary.classification import routing as module
from astro_vbinary.simulation import simulate_stack
from astro_vbinary.status import Flag

pytestmark = pytest.mark.usefixtures("bundled")

SURVEYS = ("Pan-STARRS", "HST", "HSCLA")
KINDS = ("pair", "single", "edge", "cosmic_rays", "saturated", "empty")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Simulated stamps, and some that are damaged, blank or constant."""
    folder = tmp_path_factory.mktemp("stamps")
    for number, (survey, kind) in enumerate(product(SURVEYS, KINDS)):
        rng = np.random.default_rng(number)
        stack = simulate_stack(survey, rng, kind=kind, source=str(number)).stack
        for stamp in stack:
            stamp.write(folder / f"{number}_{stamp.band}_{survey}.fits")
    paths = sorted(folder.glob("*.fits"))
    paths[0].write_bytes(paths[0].read_bytes()[:4000])
    with fits.open(paths[5], mode="update") as hdulist:
        hdulist[0].data[:] = np.nan
    with fits.open(paths[9], mode="update") as hdulist:
        hdulist[0].data[:] = 7
    for path in folder.glob("4_*.fits"):
        with fits.open(path, mode="update") as hdulist:
            hdulist[0].data[:, : hdulist[0].data.shape[1] // 2 + 3] = np.nan
    for path in folder.glob("3_*.fits"):
        path.write_bytes(path.read_bytes()[:3000])
    for path in folder.glob("8_*.fits"):
        with fits.open(path, mode="update") as hdulist:
            hdulist[0].data[:] = np.nan
    # There are pixels, and none of them near the target.
    for path in folder.glob("14_*.fits"):
        with fits.open(path, mode="update") as hdulist:
            hdulist[0].data[2:, 2:] = np.nan
    return folder


def compare(one, other):
    for name in one.colnames:
        if name in ("probability", "ra", "dec"):
            continue
        assert [str(v) for v in one[name]] == [str(v) for v in other[name]], name
    for name, margin in (("probability", 0.01), ("ra", 1e-11), ("dec", 1e-11)):
        pair = (np.array(table[name]) for table in (one, other))
        np.testing.assert_allclose(*pair, atol=margin, rtol=0)


def test_every_row_is_the_same_one_by_one(folder):
    batch = classify(folder, device="cpu", batch_size=7).to_table()
    single = classify(folder, device="cpu", engine="auto").to_table()
    compare(batch, single)
    assert {"ok", "no_data", "unreadable"} == set(batch["status"])
    flags = np.bitwise_or.reduce(np.asarray(batch["flags"]))
    assert flags & Flag.FILES_DROPPED
    assert flags & Flag.PARTIAL


def test_the_size_of_a_batch_changes_nothing(folder):
    whole = classify(folder, device="cpu", batch_size=1000).to_table()
    compare(classify(folder, device="cpu", batch_size=1).to_table(), whole)


def test_a_batch_that_fails_goes_one_by_one(folder, monkeypatch):
    wanted = classify(folder, device="cpu").to_table()

    def fail(*arguments, **options):
        raise RuntimeError("no memory")

    monkeypatch.setattr(module, "judge_stacks", fail)
    compare(classify(folder, device="cpu").to_table(), wanted)
