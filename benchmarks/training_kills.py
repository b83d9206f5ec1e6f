"""Kill a training at random moments, go on, and compare with one left alone.

Usage: python -m benchmarks.training_kills [--kills N] [--seed N] [--epochs N]
           [--bundled]

A training of a small network on drawn stars, or with ``--bundled`` a fine-tuning of the
bundled weights of group 3 on 60 simulated stacks, on one thread. It is killed with
SIGKILL at moments that are uniform over its length, and started again. Printed is what
each kill left behind, and whether weights and card are those of an undisturbed run,
byte for byte.
"""

import argparse
import tempfile
from dataclasses import replace

from astro_vbinary.training.tests.helpers_kills import run


def finetune(output, epochs):
    """A fine-tuning; the same on every call."""
    from astro_vbinary.classification import find_weights
    from astro_vbinary.training import TUNING_RECIPES, simulate_stacks, train_weights

    card = find_weights(group=3)
    grid = card.entries["grid"]
    stacks = simulate_stacks(
        ["SDSS9"], 60, seed=9500, grid=(grid["pixel_scale"], grid["side"])
    )
    recipe = replace(TUNING_RECIPES["finetune"], epochs=epochs)
    train_weights(
        stacks, output, recipe=recipe, initial=card, name="killed", progress=False
    )


def main():
    """Print the outcome of every kill, and whether the weights are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--bundled", action="store_true")
    options = parser.parse_args()

    def make(output):
        finetune(output, options.epochs)

    with tempfile.TemporaryDirectory() as folder:
        for told in run(
            folder,
            options.kills,
            options.seed,
            options.epochs,
            make if options.bundled else None,
        ):
            print(told, flush=True)


if __name__ == "__main__":
    main()
