"""
From stamps to weights of your own
==================================

A folder of stamps, labels of two people, weights that are fine-tuned on them, what they
are worth, and a catalogue. Everything is done here on a small scale, while this page is
built; :doc:`/user/training` says what each step does and which commands do the same.

The stamps stand for those of a telescope that the bundled weights do not know: it
tracks badly, so that every star is a short trail, and its rows are offset from each
other.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from scipy import ndimage

from astro_vbinary import BinaryClassifier
from astro_vbinary.classification import classify, find_weights
from astro_vbinary.classification.weights import load_network
from astro_vbinary.simulation import write_folder
from astro_vbinary.training import (
    TUNING_RECIPES,
    compare_verdicts,
    draw_evaluation,
    draw_history,
    evaluate_weights,
    find_seen,
    read_labels,
    read_stacks,
    report_parts,
    train_weights,
)
from astro_vbinary.training.evaluation_text import format_comparison, format_parts

# %%
# Stamps
# ------
#
# Yours are files named ``{source}_{band}_{survey}.fits``. These are simulated, and then
# trailed along the rows and made stripy.

folder = Path(tempfile.mkdtemp())
stamps = folder / "stamps"
truth = write_folder(stamps, {"SDSS9": 220}, seed=11, hips_share=0)

rng = np.random.default_rng(12)
for path in sorted(stamps.glob("*.fits")):
    with fits.open(path, mode="update") as hdus:
        image = hdus[0].data
        good = np.isfinite(image)
        if not good.any():
            continue
        level = np.median(image[good])
        noise = 1.4826 * np.median(np.abs(image[good] - level))
        trailed = ndimage.uniform_filter1d(np.where(good, image, level), 4, axis=1)
        trailed += rng.normal(0, noise, (len(image), 1))
        hdus[0].data = np.where(good, trailed, image).astype(image.dtype)

# %%
# Labels
# ------
#
# A table with one row for each thing that somebody said. Here two people look at every
# source; the second is wrong on one in twenty and unsure of as many.
# ``astro-vbinary inspect`` is a page to make such a table on.

rows = []
for row in truth:
    label = "binary" if row["label"] else "not_binary"
    rows.append((row["source"], label, "ada"))
    luck = rng.random()
    if luck < 0.05:
        label = "not_binary" if row["label"] else "binary"
    elif luck < 0.1:
        label = "unsure"
    rows.append((row["source"], label, "bob"))
table = Table(rows=rows, names=("source", "label", "annotator"))
table.write(folder / "labels.ecsv")
labels = read_labels(folder / "labels.ecsv")
print(labels["source", "label", "annotator"][:4])

# %%
# Training
# --------
#
# The bands of every labelled source are aligned once. Then the stacks are split by
# source and by cell of the sky, and the bundled weights are trained on 70 per cent of
# them. Six epochs have to do here; by default there are up to thirty. The last 90
# sources are kept for later.

bundled = find_weights(group=3)
grid = bundled.entries["grid"]
stacks = read_stacks(
    stamps, labels, group=3, grid=(grid["pixel_scale"], grid["side"]), progress=False
)
first = stacks.take(range(130))
recipe = replace(TUNING_RECIPES["finetune"], epochs=6)
made = train_weights(
    first,
    folder / "mine",
    recipe=recipe,
    initial=bundled,
    name="trailed-g3",
    progress=False,
)
print(sorted(path.name for path in (folder / "mine").iterdir()))
draw_history(made.history, best=made.card.entries["training"]["epoch"])

# %%
# Evaluation
# ----------
#
# What was trained on says nothing about how good the weights are; ``split.ecsv`` beside
# the card knows it, also under another name. On what is left both sets are scored. With
# so few stacks the intervals are wide: McNemar's test says whether the two differ.

seen = find_seen(made.card, stacks)
others = stacks.take(np.flatnonzero(~seen))
results = {
    card.id: evaluate_weights(card, load_network(card), others)
    for card in (made.card, bundled)
}
for result in results.values():
    print(format_parts(result, report_parts(result)), "\n")
print(format_comparison(list(results), compare_verdicts(*results.values())))

# %%
# ROC, precision against recall where half of the stacks are pairs and where 2 per cent
# are, and how far the probabilities can be trusted:

draw_evaluation(results)

# %%
# A catalogue
# -----------
#
# The weights are a folder: `~astro_vbinary.classification.BinaryClassifier` reads it,
# and so does everything that classifies. ``astro-vbinary weights add`` makes them known
# by their id.

classifier = BinaryClassifier.from_file(folder / "mine", device="cpu")
print(classifier.card.id, classifier.card.entries["training"]["initial"][:21])
catalogue = classify(stamps, weights=folder / "mine", device="cpu").to_table()
print(catalogue["source", "survey", "probability", "label", "weights"][:5])
