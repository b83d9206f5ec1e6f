"""Let all detectors look at all sets, block by block, in several processes."""

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from time import monotonic

import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary.training.pixels import pair_detectability
from benchmarks.detection.detectors import EYE, SLOW, View, score
from benchmarks.detection.store import COLUMNS
from benchmarks.detection.visual import part_of_task

__all__ = ["LIMITS", "run", "score_block", "truth_of"]

#: Blocks that slow detectors look at, by the first words of a set's name; and those
#: that the scan does, which takes longest where pixels are small.
LIMITS = {
    "singles-test": 20,
    "kinds-test": 30,
    "stars-validation": 40,
    "stars-test": 16,
}
SCAN_LIMITS = LIMITS | {
    "mixed-validation": 24,
    "mixed-test": 60,
    "orion-test": 12,
    "singles-test": 12,
    "kinds-test": 16,
}

#: Others of the natural mix that slow detectors look at in a block of a visual set.
QUOTA = 14

#: In each so many blocks of a visual set the detectability with the PSFs known is
#: computed, too.
KNOWN = 4

#: Seconds between two times that scores are written.
INTERVAL = 30.0


def limit(one, name):
    """Blocks of a set that a detector looks at.

    Parameters
    ----------
    one : ~benchmarks.detection.sets.TestSet
        The set.
    name : str
        The detector.

    Returns
    -------
    int
        At most all of them.
    """
    if name == "reference" and one.scene != "drawn":
        return 0
    if name not in SLOW:
        return one.blocks
    limits = SCAN_LIMITS if name == "glrt" else LIMITS
    return min(one.blocks, limits.get("-".join(one.name.split("-")[:2]), one.blocks))


def run(sets, detectors, store, models, *, workers=2, progress=True):
    """Score whatever is not scored yet.

    Parameters
    ----------
    sets : dict of str to ~benchmarks.detection.sets.TestSet
        The sets.
    detectors : sequence of str
        The detectors.
    store : ~benchmarks.detection.store.Store
        Where scores are kept.
    models : ~benchmarks.detection.store.Models
        The trained ones.
    workers : int, optional
        Processes; 0 for this one.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Raises
    ------
    ValueError
        If kept scores are of stacks that the simulator no longer makes.
    """
    versions = {
        (name, group): models.identity(name, group)
        for name in detectors
        for group in {one.group for one in sets.values()}
    }
    tasks = list(_tasks(sets, detectors, store, versions))
    if not tasks:
        return
    written = monotonic()
    bar = tqdm(
        total=len(tasks), unit="block", desc="score", disable=None if progress else True
    )
    try:
        for task, found in _work(tasks, models, workers):
            _keep(store, *task[:3], found, versions)
            bar.update()
            if monotonic() - written > INTERVAL:
                store.write()
                written = monotonic()
    finally:
        # What was scored is kept.
        store.write()
    bar.close()


def _work(tasks, models, workers):
    """Score blocks here, or in other processes; in any order."""
    if not workers:
        _start(models)
        for task in tasks:
            yield task, score_block(*task)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(models,)
    ) as pool:
        waiting = {pool.submit(score_block, *task): task for task in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            # An error does not wait for all the rest.
            pool.shutdown(wait=False, cancel_futures=True)


def _tasks(sets, detectors, store, versions):
    for one in sets.values():
        truth = store.part(one.name)
        parts = {
            name: store.part(f"{one.name}.{name}", versions[name, one.group])
            for name in detectors
        }
        for number in range(one.blocks):
            names = [
                name
                for name, part in parts.items()
                if number < limit(one, name) and number not in part
            ]
            if names or number not in truth:
                yield one, number, tuple(names), number not in truth


def _keep(store, one, number, names, found, versions):
    truth, scores = found
    known = store.part(one.name)
    if number in known:
        old, new = float(known[number]["checksum"]), float(truth["checksum"])
        if not np.isclose(old, new, rtol=1e-3):
            raise ValueError(
                f"block {number} of {one.name} in {store.folder} is of another "
                "simulator; name another folder"
            )
    else:
        known[number] = truth
    for name in names:
        store.part(f"{one.name}.{name}")[number] = {
            "scores": scores[name],
            "identity": versions[name, one.group],
        }


#: What a worker has loaded.
_WORKER = {}


def _start(models):
    torch.set_num_threads(1)
    _WORKER["models"] = models


def _model(name, group):
    key = name, group
    if key not in _WORKER:
        _WORKER[key] = _WORKER["models"].load(name, group)
    return _WORKER[key]


def score_block(one, number, names, fresh):
    """Make a block and let detectors look at it.

    Parameters
    ----------
    one : ~benchmarks.detection.sets.TestSet
        The set.
    number : int
        Which block.
    names : tuple of str
        The detectors.
    fresh : bool
        Whether the truth is not known yet.

    Returns
    -------
    truth : dict of str to `~numpy.ndarray`
        Columns, and the ``checksum`` of the pixels.
    scores : dict of str to `~numpy.ndarray`
        Shape (64,) each.
    """
    view = View(one.batch(number), one.group, clean=one.scene != "drawn")
    truth = truth_of(
        view,
        limit=fresh or one.visual,
        close=not one.visual,
        known=fresh and (not one.visual or number % KNOWN == 0),
    )
    everything = np.arange(len(view.batch))
    some = everything
    if one.visual:
        part = part_of_task(truth)
        others = np.flatnonzero((part == "other") & truth["usable"])[:QUOTA]
        some = np.flatnonzero((part == "pair") | (part == "edge"))
        some = np.sort(np.concatenate([some, others]))
    for name in ("network", "reference"):
        if name in names:
            view.models[name] = _model(name, one.group)
    scores = {
        name: score(name, view, some if name in SLOW else everything) for name in names
    }
    return truth, scores


def truth_of(view, *, limit=True, close=False, known=False):
    """The truth about a block's stacks.

    Parameters
    ----------
    view : ~benchmarks.detection.detectors.View
        The block.
    limit : bool, optional
        Whether to compute the exact detectability of its pairs.
    close : bool, optional
        Whether also of those that are no farther apart than a FWHM, which the visual
        task leaves out anyway.
    known : bool, optional
        Whether also with the PSFs known.

    Returns
    -------
    dict of str to `~numpy.ndarray`
        Shape (64,) each: what the simulator tells, ``usable``, and the detectability
        with the PSFs known, ``d_prime``, and as for an eye, ``d_prime_eye``; and the
        ``checksum``, a number.
    """
    rows = view.batch.truth
    truth = {name: np.array([row[name] for row in rows]) for name in COLUMNS}
    for name, width in (("kind", 20), ("survey", 16), ("form", 8)):
        truth[name] = truth[name].astype(f"U{width}")
    limits = np.full((len(rows), 2), np.nan)
    with np.errstate(invalid="ignore"):
        apart = truth["separation"] > (0.0 if close else truth["fwhm"])
    if limit and apart.any():
        asked = (EYE, None) if known else (EYE,)
        found = pair_detectability(
            view.batch, np.flatnonzero(apart), uncertainties=asked
        )
        limits[:, : len(asked)] = found
    return truth | {
        "d_prime": limits[:, 1],
        "d_prime_eye": limits[:, 0],
        "usable": view.usable,
        "checksum": np.float64(view.prepared.signal.double().abs().mean()),
    }
