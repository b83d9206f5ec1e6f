"""Small labelled stacks and a small recipe, so that a training takes seconds."""

from dataclasses import replace

import numpy as np
import torch

from astro_vbinary.training import TUNING_RECIPES, LabelledStacks
from astro_vbinary.training.identity import pixel_hash
from astro_vbinary.training.labelled import MARGIN

SIDE, SCALE = 24, 0.25

#: From random weights; eight channels are the fewest that oneDNN's backward can take.
RECIPE = replace(
    TUNING_RECIPES["gezer"], epochs=3, batch=16, width=8, rate=3e-3, noise=0.3, blur=0.1
)


def blob_stacks(n, seed=0, *, bands=2, side=SIDE, survey="Pan-STARRS"):
    """Stars in pairs far apart, and single ones, in turn."""
    rng = np.random.default_rng(seed)
    size = side + 2 * MARGIN
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images, hashes = [], []
    for number in range(n):
        angle = rng.uniform(0, 2 * np.pi)
        places = [(0, 0), (7 * np.cos(angle), 7 * np.sin(angle))]
        own = []
        for _ in range(bands):
            image = rng.normal(size=(size, size)) + rng.normal(0, 50)
            for place in places[: 1 + number % 2]:
                image += 60 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 6)
            own.append(image.astype(np.float32))
        images += own
        hashes.append(tuple(pixel_hash(image) for image in own))
    return LabelledStacks(
        bands=torch.from_numpy(np.array(images)),
        owner=torch.repeat_interleave(torch.arange(n), bands),
        spread=torch.ones(n * bands),
        labels=np.array([float(number % 2) for number in range(n)]),
        sources=[f"{seed}-{number}" for number in range(n)],
        surveys=[survey] * n,
        positions=np.stack([80 + 0.1 * np.arange(n), np.full(n, -5.0 + seed)], axis=1),
        hashes=hashes,
        annotators=[("ada", "bob") if number % 3 else ("ada",) for number in range(n)],
        truth=[{"separation": 1.75 if number % 2 else np.nan} for number in range(n)],
        pixel_scale=SCALE,
    )
