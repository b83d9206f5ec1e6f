"""See, classify, measure and fuse sources, a chunk at a time."""

import multiprocessing
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.table import Table, join
from tqdm.auto import tqdm

from astro_vbinary.context import NeighbourCounts
from astro_vbinary.pipeline import (
    FusionSettings,
    RunOptions,
    build_catalog,
    run_catalog,
)
from astro_vbinary.training.reference import ReferenceClassifier
from benchmarks.orion.sky import FRACTION, WIDEST, draw_plan, draw_stars
from benchmarks.orion.stamps import write_stamps

__all__ = ["CHUNK", "SETTINGS", "count_neighbours", "judge", "run_chunks"]

#: Sources in a chunk.
CHUNK = 500

#: Of a sample like this, the share of pairs is known about: networks and fusion are
#: told the same.
SETTINGS = FusionSettings(prevalence=FRACTION, prior=FRACTION)

#: What is kept of the catalogue.
KEPT = (
    "source",
    "label",
    "probability",
    "best_survey",
    "separation",
    "separation_error",
    "position_angle",
    "position_angle_error",
    "magnitude_difference",
    "magnitude_difference_error",
    "false_alarm",
    "degenerate",
    "flags",
)


def run_chunks(folder, count, seed, *, references, workers=1, most=None):
    """Do what is not done yet.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where chunks are kept: a file is whole, or not there.
    count : int
        Sources of the sample.
    seed : int
        Of everything.
    references : dict of int to str
        Folders of the networks by the reference recipe, by group.
    workers : int, optional
        Processes.
    most : int, optional
        Chunks to do, in their random order; all by default.

    Returns
    -------
    list of `~astropy.table.Table`
        One a chunk: what was drawn, and what was found.
    """
    plan = draw_plan(count, seed)
    numbers = range(-(-len(plan) // CHUNK))[:most]
    paths = {number: folder / f"chunk-{number:05d}.ecsv" for number in numbers}
    left = [number for number, path in paths.items() if not path.exists()]
    context = multiprocessing.get_context("spawn")
    bar = tqdm(total=len(paths), initial=len(paths) - len(left), unit="chunk")
    with bar, ProcessPoolExecutor(workers, context) as pool:
        jobs = [
            pool.submit(_keep_chunk, paths[number], number, count, seed, references)
            for number in left
        ]
        for job in as_completed(jobs):
            job.result()
            bar.update()
    return [Table.read(path) for path in paths.values()]


def judge(stamps, folder, *, neighbours=None, settings=SETTINGS):
    """Verdicts and the catalogue of a folder of stamps, by the library.

    Parameters
    ----------
    stamps, folder : `~pathlib.Path`
        The stamps, and where the tables go.
    neighbours : `~astro_vbinary.context.NeighbourCounts`, optional
        Of a catalogue.
    settings : `~astro_vbinary.pipeline.FusionSettings`, optional
        How verdicts are made one.

    Returns
    -------
    `~astropy.table.Table`
        The catalogue.
    """
    verdicts = folder / "verdicts.ecsv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_catalog(
            stamps, verdicts, options=RunOptions(workers=0, prior=settings.prior)
        )
        build_catalog(
            verdicts,
            stamps,
            folder,
            settings=settings,
            neighbours=neighbours,
            posterior="none",
            contrast=False,
            chunk_size=CHUNK,
        )
    return Table.read(folder / "catalog.ecsv")


def count_neighbours(count, seed):
    """Neighbours by chance of the whole sample, and their expected number.

    Parameters
    ----------
    count, seed : int
        As for `run_chunks`.

    Returns
    -------
    tuple of (int, float)
        Within 2.5 arcsec.
    """
    plan = draw_plan(count, seed)
    sample = plan[plan["role"] == "sample"]
    apart = np.ma.filled(sample["neighbour_separation"], np.inf)
    within = np.full(len(sample), WIDEST)
    expected = _counts(count, seed).expected(sample["ra"], sample["dec"], within)
    return int((apart <= WIDEST).sum()), float(np.nansum(expected))


def _keep_chunk(path, number, count, seed, references):
    import torch

    torch.set_num_threads(1)
    rows = draw_plan(count, seed)[number * CHUNK : (number + 1) * CHUNK]
    with tempfile.TemporaryDirectory(prefix="orion-") as temporary:
        folder = Path(temporary)
        (stamps := folder / "stamps").mkdir()
        seen = write_stamps(
            rows, stamps, [seed, number], references=_load(tuple(references.items()))
        )
        found = judge(stamps, folder)[list(KEPT)]
    # A source that no survey has looked at is one of which nothing is known.
    table = join(join(rows, seen, "source"), found, "source", join_type="left")
    table["probability"] = np.ma.filled(table["probability"], 0.0)
    table["chance"] = _counts(count, seed).expected(
        table["ra"], table["dec"], np.full(len(table), WIDEST)
    )
    part = path.with_suffix(".part")
    table.write(part, format="ascii.ecsv", overwrite=True)
    part.replace(path)


@lru_cache(maxsize=1)
def _counts(count, seed):
    return NeighbourCounts.from_table(draw_stars(count, seed))


@lru_cache(maxsize=1)
def _load(references):
    return {group: ReferenceClassifier.load(path) for group, path in references}
