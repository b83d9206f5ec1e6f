"""The command: score, compile, print, draw."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.detection.completeness import RATE
from benchmarks.detection.detectors import DETECTORS, load_network
from benchmarks.detection.figures import draw_all
from benchmarks.detection.recipe import train
from benchmarks.detection.report import compile_tables, format_tables, write_tables
from benchmarks.detection.scoring import run
from benchmarks.detection.sets import GROUPS, SETS, groups_of, quick_sets
from benchmarks.detection.store import Models, Store

#: Stamps of each class and epochs of the reference recipe in a quick run.
QUICK_STAMPS, QUICK_EPOCHS = 12, 1

#: False-positive rate of the curves in a quick run.
QUICK_RATE = 1e-2


def main(arguments=None):
    """Run the benchmark.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detection",
        description="All detectors on all simulated populations, against the limit.",
    )
    add = parser.add_argument
    add("folder", type=Path, help="a run that was stopped goes on from what is in it")
    add("--docs", type=Path, help="folder for the documentation's tables and figures")
    add(
        "--detectors",
        default=",".join(DETECTORS),
        help="names with commas between; default: %(default)s",
    )
    add(
        "--network-checkpoint",
        action="append",
        default=[],
        metavar="GROUP=FILE",
        help="of the training, in place of the bundled weights",
    )
    add("--workers", type=int, default=2, help="processes; 0 for this one alone")
    add("--quick", action="store_true", help="a few stacks: says only that it runs")
    add("--quiet", action="store_true", help="no progress bars")
    options = parser.parse_args(arguments)
    detectors = [name for name in DETECTORS if name in options.detectors.split(",")]
    unknown = set(options.detectors.split(",")) - set(DETECTORS)
    if unknown:
        parser.error(f"unknown {sorted(unknown)}; known: {', '.join(DETECTORS)}")
    checkpoints = {}
    for entry in options.network_checkpoint:
        group, _, path = entry.partition("=")
        if group not in map(str, GROUPS) or not Path(path).is_file():
            parser.error(f"--network-checkpoint: not GROUP=FILE: {entry}")
        checkpoints[int(group)] = path
    sets = quick_sets() if options.quick else SETS
    try:
        store = Store(options.folder / "scores")
    except OSError as error:
        parser.error(f"cannot write to {options.folder}: {error}")
    references = {}
    if "reference" in detectors:
        references = _train(sets, options.folder, options.workers, options.quick)
    models = Models(checkpoints, references)
    cards = dict.fromkeys(GROUPS)
    if "network" in detectors:
        cards |= {g: load_network(g)[2] for g in GROUPS if g not in checkpoints}
    scored = {n: one for n, one in sets.items() if not n.startswith("labelled")}
    run(
        scored,
        detectors,
        store,
        models,
        workers=options.workers,
        progress=not options.quiet,
    )
    rate = QUICK_RATE if options.quick else RATE
    tables, mixed = compile_tables(sets, store, detectors, cards, rate=rate)
    print(format_tables(tables))
    write_tables(tables, options.folder, options.docs)
    folders = [options.folder] + ([options.docs] if options.docs else [])
    draw_all(tables, mixed, detectors, cards, folders)
    return 0


def _train(sets, folder, workers, quick):
    """Train the reference recipe for each group, where that is not done."""
    found = {}
    options = {"stamps": QUICK_STAMPS, "epochs": QUICK_EPOCHS} if quick else {}
    todo = [(sets[f"labelled-{g}"], folder / f"reference-{g}") for g in groups_of(sets)]
    if not workers:
        return {one.group: train(one, place, **options) for one, place in todo}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = {
            one.group: pool.submit(train, one, place, **options) for one, place in todo
        }
        for group, task in waiting.items():
            found[group] = task.result()
    return found


if __name__ == "__main__":
    sys.exit(main())
