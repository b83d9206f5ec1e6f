"""Large simulated sets, made once in shards that a killed run goes on from."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from astro_vbinary.classification.preprocessing import prepare
from astro_vbinary.exceptions import StampError
from astro_vbinary.simulation import simulate_stack
from astro_vbinary.stamps import GROUP_GRIDS, SkyGrid

__all__ = ["SimulatedSet", "simulate_set"]

#: Stacks in a shard.
SHARD = 500


@dataclass(frozen=True)
class SimulatedSet:
    """Prepared stacks with their truth.

    Attributes
    ----------
    signal : `~numpy.ndarray`
        Shape (n, ny, nx), float16: inverse hyperbolic sine of the signal in
        units of the noise, which half precision holds to a thousandth.
    valid : `~numpy.ndarray` of bool
        Shape (n, ny, nx).
    truth : list of dict
        As in `~astro_vbinary.simulation.SimulatedStack`.
    """

    signal: np.ndarray
    valid: np.ndarray
    truth: list

    def __len__(self):
        return len(self.truth)

    @property
    def labels(self):
        """1 for a pair, else 0; shape (n,), int64."""
        return np.array([row["label"] for row in self.truth], dtype=np.int64)

    def column(self, name):
        """One entry of the truth for every stack.

        Parameters
        ----------
        name : str
            The entry.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,).
        """
        return np.array([row[name] for row in self.truth])

    def take(self, index):
        """A part of the set.

        Parameters
        ----------
        index : `~numpy.ndarray`
            Positions or a mask.

        Returns
        -------
        SimulatedSet
            The part.
        """
        index = np.arange(len(self))[index]
        return SimulatedSet(
            self.signal[index], self.valid[index], [self.truth[i] for i in index]
        )


def simulate_set(
    folder, *, group, mixture, count, seed, psf_seed=0, workers=None, progress=True
):
    """Simulate, align and prepare a set of stacks, or read it where it is made.

    Every stack has its own seed, so that the set is the same however many
    processes make it, and two sets with different seeds share no scene.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Where the shards are kept.
    group : int
        Resolution group, which sets the grid.
    mixture : dict of str to float
        Surveys and their shares.
    count : int
        Number of stacks; a multiple of the shard's 500 is made.
    seed : int
        Seed of the set.
    psf_seed : int, optional
        Which wavefronts space telescopes have.
    workers : int, optional
        Processes; by default one a core.
    progress : bool, optional
        Whether to show a bar.

    Returns
    -------
    SimulatedSet
        The set, without the few stacks that have nothing to classify.

    Raises
    ------
    ValueError
        If the folder holds another set.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_folder(folder, [group, GROUP_GRIDS[group], mixture, seed, psf_seed])
    shards = range(-(-count // SHARD))
    jobs = [
        (folder / f"shard{number:04d}.npz", group, mixture, seed, psf_seed, number)
        for number in shards
    ]
    todo = [job for job in jobs if not job[0].exists()]
    if todo:
        with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
            done = pool.map(_make_shard, todo)
            bar = tqdm(
                done,
                total=len(todo),
                desc=folder.name,
                disable=None if progress else True,
            )
            for _ in bar:
                pass
    signal, valid, truth = [], [], []
    for path, *_ in jobs:
        with np.load(path, allow_pickle=False) as shard:
            signal.append(shard["signal"])
            shape = signal[-1].shape
            bits = np.unpackbits(shard["valid"], count=int(np.prod(shape)))
            valid.append(bits.reshape(shape).astype(bool))
            truth += json.loads(str(shard["truth"]))
    return SimulatedSet(np.concatenate(signal), np.concatenate(valid), truth)


def _check_folder(folder, description):
    """Raise where a folder holds shards of another set."""
    path = folder / "set.json"
    text = json.dumps(description, sort_keys=True)
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise ValueError(f"{folder} holds another set: {path.read_text()}")
    elif any(folder.glob("shard*.npz")):
        raise ValueError(f"{folder} holds shards of an unknown set")
    else:
        path.write_text(text, encoding="utf-8")


def _make_shard(job):
    path, group, mixture, seed, psf_seed, number = job
    surveys = sorted(mixture)
    shares = np.array([mixture[name] for name in surveys])
    signal, valid, truth = [], [], []
    for item in range(number * SHARD, (number + 1) * SHARD):
        rng = np.random.default_rng([seed, group, item])
        survey = str(rng.choice(surveys, p=shares / shares.sum()))
        made = simulate_stack(survey, rng, source=f"{seed}-{item}", psf_seed=psf_seed)
        grid = SkyGrid.for_group(group, made.stack.target)
        try:
            prepared = prepare(made.stack.align(grid))
        except StampError:
            continue
        signal.append(np.arcsinh(prepared.signal).astype(np.float16))
        valid.append(prepared.valid)
        truth.append(made.truth)
    part = path.with_name(path.stem + ".part.npz")
    np.savez(
        part,
        signal=np.array(signal),
        valid=np.packbits(np.array(valid)),
        truth=json.dumps(truth),
    )
    part.replace(path)
    return path
