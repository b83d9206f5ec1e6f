"""The command: draw, see, classify, measure, count."""

import argparse
import json
import sys
import time
from pathlib import Path

from astropy.table import vstack

from benchmarks.detection.recipe import train
from benchmarks.detection.sets import SETS
from benchmarks.orion.chunks import CHUNK, count_neighbours, run_chunks
from benchmarks.orion.report import make_tables
from benchmarks.orion.sky import draw_plan

#: Resolution groups of the surveys.
GROUPS = (3, 4)


def main(arguments=None):
    """Run it.

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
        prog="python -m benchmarks.orion",
        description="A simulated Orion, from stamps to a corrected companion fraction.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sources", type=int, default=27_730)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument(
        "--chunks", type=int, help=f"only so many of {CHUNK} sources, chosen at random"
    )
    parser.add_argument("--docs", type=Path, help="folder for the tables and figures")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    plan = {"sources": options.sources, "seed": options.seed}
    path = options.output / "plan.json"
    if path.exists() and json.loads(path.read_text()) != plan:
        print(f"{options.output} holds another run: {path.read_text()}")
        return 1
    path.write_text(json.dumps(plan))
    references = {
        group: train(SETS[f"labelled-{group}"], options.output / f"reference-{group}")
        for group in GROUPS
    }
    start = time.perf_counter()
    tables = run_chunks(
        options.output,
        options.sources,
        options.seed,
        references=references,
        workers=options.workers,
        most=options.chunks,
    )
    table = vstack(tables, metadata_conflicts="silent")
    whole = len(draw_plan(options.sources, options.seed))
    print(
        f"{len(table):,} of {whole:,} sources, {time.perf_counter() - start:.0f} s for "
        "what was not there"
    )
    neighbours = count_neighbours(options.sources, options.seed)
    make_tables(table, neighbours, options.docs, seed=options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
