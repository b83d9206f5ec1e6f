"""Kill trainings with SIGKILL at random moments, and compare with one left alone.

``python -m astro_vbinary.training.tests.helpers_kills DIR KILLS [SEED [EPOCHS]]``. Each
run is a child of a process that has torch loaded and has computed nothing yet, so that
a start costs little and no thread is lost in it.
"""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from astro_vbinary.training import train_weights
from astro_vbinary.training.tests.helpers_labelled import RECIPE, blob_stacks


def in_child(work):
    """Start work in a child; its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def kill_runs(work, output, whole, kills, rng):
    """Start and kill runs; yields what happened."""
    done = 0
    while done < kills:
        child = in_child(work)
        delay = rng.uniform(0, whole)
        time.sleep(delay)
        ended, _ = os.waitpid(child, os.WNOHANG)
        if ended:
            # It was quicker than we thought: once more from the beginning.
            for path in output.iterdir():
                path.unlink()
            yield f"had ended after {delay:.2f} s"
            continue
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        done += 1
        kept = (output / ".work" / "checkpoint.pt").exists()
        yield f"kill {done} after {delay:.2f} s; checkpoint: {'yes' if kept else 'no'}"


def compare(one, two):
    """Whether two finished outputs hold the same weights and card."""
    for ending in ("safetensors", "toml"):
        first, second = (next(folder.glob(f"*.{ending}")) for folder in (one, two))
        if first.read_bytes() != second.read_bytes():
            return f"THE .{ending} DIFFER"
    return "the weights are identical"


def run(folder, kills, seed=0, epochs=RECIPE.epochs, make=None):
    """Everything; yields what happened, at last whether the weights are the same."""
    torch.set_num_threads(1)
    recipe = replace(RECIPE, epochs=epochs)

    def train(output):
        train_weights(
            blob_stacks(40), output, recipe=recipe, name="killed", progress=False
        )

    work = make or train
    folder = Path(folder)
    alone, killed = folder / "alone", folder / "killed"
    started = time.monotonic()
    _, code = os.waitpid(in_child(lambda: work(alone)), 0)
    if code:
        raise SystemExit("the undisturbed run failed")
    whole = time.monotonic() - started
    killed.mkdir()
    rng = np.random.default_rng(seed)
    yield from kill_runs(lambda: work(killed), killed, whole, kills, rng)
    _, code = os.waitpid(in_child(lambda: work(killed)), 0)
    if code:
        raise SystemExit("the last run failed")
    yield compare(alone, killed)


if __name__ == "__main__":
    for told in run(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:])):
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
