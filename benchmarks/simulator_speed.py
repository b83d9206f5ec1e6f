"""How many aligned stacks a second the simulator makes, in batch and one by one.

Usage: python benchmarks/simulator_speed.py [--survey NAME] [--bands N] [--side PX]
           [--scale ARCSEC] [--processes N] [--seconds S] [--rounds N] [--form FORM]

Both ways draw the same kinds of scenes, render them in the survey's own pixels and
align them to the grid:

batch       ``align_batch(simulate_batch(...))``, 64 stacks at a time
one by one  ``simulate_stack(...).stack.align(grid)``, as a user calls it

Every process has one thread. The two are timed in turn, in several rounds, so that
what else the machine does meets both; printed are the medians over the rounds, the
range, the rates for a second of one core, and the ratio. The goal is 2,000 stacks a
second of 64 px and one band on two cores.
"""

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

# Before torch and numpy are imported, here and in the processes.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

#: Stacks that are simulated together.
BATCH = 64

#: Stacks a second of 64 px and one band that two processes are to make.
GOAL = 2000


def batch_way(options, rng):
    """Simulate and align 64 stacks together; returns how many there are."""
    from astro_vbinary.simulation import align_batch, simulate_batch

    batch = simulate_batch(
        options.survey,
        BATCH,
        rng,
        bands=options.bands,
        hips_share=options.hips_share,
        field=1.45 * options.side * options.scale,
    )
    align_batch(batch, options.scale, options.side)
    return BATCH


def single_way(options, rng):
    """Simulate and align one stack; returns one."""
    import astropy.units as u

    from astro_vbinary.simulation import simulate_stack
    from astro_vbinary.stamps import SkyGrid

    made = simulate_stack(
        options.survey, rng, bands=options.bands, hips_share=options.hips_share
    )
    stack = made.stack
    shape = (options.side, options.side)
    stack.align(SkyGrid(stack.target, options.scale * u.arcsec, shape))
    return 1


def rate(way, options, seed):
    """Stacks a second of one process.

    Parameters
    ----------
    way : callable
        `batch_way` or `single_way`.
    options : `argparse.Namespace`
        As from the command line.
    seed : int
        Of the scenes.

    Returns
    -------
    wall, cpu : float
        Stacks for a second on the clock, and for a second of the processor.
    """
    import numpy as np
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    # Space telescopes' PSFs and the imports are made once for each process.
    way(options, rng)
    made, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < options.seconds:
        made += way(options, rng)
    wall = time.perf_counter() - start
    return made / wall, made / (time.process_time() - used)


def measure(pool, way, options, number):
    """Stacks a second of all processes together, and for a second of one core."""
    jobs = [
        pool.submit(rate, way, options, 1000 * number + worker)
        for worker in range(options.processes)
    ]
    found = [job.result() for job in jobs]
    wall, cpu = zip(*found, strict=True)
    return sum(wall), statistics.mean(cpu)


def main():
    """Time both ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--survey", default="Pan-STARRS")
    parser.add_argument("--bands", type=int, default=1)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--form", choices=("native", "hips"), default="native")
    options = parser.parse_args()
    options.hips_share = float(options.form == "hips")
    ways = {"batch": batch_way, "one by one": single_way}
    rates = {name: [] for name in ways}
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for number in range(options.rounds + 1):
            for name, way in ways.items():
                found = measure(pool, way, options, number)
                # The first round warms up.
                if number:
                    rates[name].append(found)
    print(
        f"{options.survey}, {options.bands} band(s), {options.side} px of "
        f"{options.scale:g} arcsec, {options.form}, {options.processes} processes of "
        f"one thread, {options.rounds} rounds of {options.seconds:g} s"
    )
    print(f"{'':12}{'stacks/s':>10}{'range':>16}{'stacks/CPU s':>14}")
    middle = {}
    for name, found in rates.items():
        wall, cpu = zip(*found, strict=True)
        middle[name] = statistics.median(wall), statistics.median(cpu)
        span = f"{min(wall):,.0f}-{max(wall):,.0f}"
        print(f"{name:12}{middle[name][0]:10,.0f}{span:>16}{middle[name][1]:14,.0f}")
    ratio = [middle["batch"][k] / middle["one by one"][k] for k in (0, 1)]
    print(f"{'ratio':12}{ratio[0]:10.1f}{'':16}{ratio[1]:14.1f}")
    asked = options.survey, options.bands, options.side, options.form
    if asked == ("Pan-STARRS", 1, 64, "native") and options.processes == 2:
        verdict = "reached" if middle["batch"][0] >= GOAL else "missed"
        print(f"goal of {GOAL:,} stacks/s: {verdict}")


if __name__ == "__main__":
    main()
