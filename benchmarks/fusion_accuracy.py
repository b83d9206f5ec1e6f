"""What fusing surveys gains: areas under the ROC curve, reliability, labels.

Usage: python -m benchmarks.fusion_accuracy [-n 160] [--surveys Pan-STARRS,HSCLA]
           [--prevalence 0.02] [--seed N]

Scenes are drawn with the frequencies of the training, half of them pairs, and each is
seen by all surveys. The bundled networks judge the stamps, and every stack is measured.
Printed are the areas under the ROC curve of each survey's probabilities and of the
fused ones: of the networks alone, with the agreement of places (the default), and with
the fits as evidence. Then the share of pairs by fused probability at a prevalence of
one half, which is that of the scenes, and the labels at the prevalence that was asked
for.
"""

import argparse
import itertools
import warnings

import numpy as np
from astropy.utils.exceptions import AstropyWarning
from scipy import stats
from tqdm import tqdm

from astro_vbinary import classify
from astro_vbinary.measurement import measure_pairs
from astro_vbinary.pipeline import FusionSettings, make_catalog
from astro_vbinary.simulation import draw_scene, simulate_stack
from astro_vbinary.simulation.scenes import draw_kind
from astro_vbinary.surveys import get_survey

#: Ways to fuse that are compared.
WAYS = {
    "networks": {"agreement": 1.0},
    "and places": {},
    "and fits": {"use_fits": True},
}

#: Edges of the bins of probability.
EDGES = (0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.000001)


def make_sample(options):
    """Stacks of each scene in each survey, and whether each is a pair."""
    rng = np.random.default_rng(options.seed)
    surveys = [get_survey(name) for name in options.surveys.split(",")]
    sharpest = min(survey.effective_fwhm().value for survey in surveys)
    stacks, truth = [], {}
    for number in tqdm(range(options.n), desc="simulate", disable=None):
        scene = draw_scene(draw_kind(rng), rng, fwhm=sharpest, radius=5.0)
        target = None
        for survey in surveys:
            made = simulate_stack(
                survey.name,
                rng,
                scene=scene,
                target=target,
                source=str(number),
                bands=2,
                hips_share=0.0,
            )
            target = made.stack.target
            stacks.append(made.stack)
            truth[str(number)] = made.truth["label"] == 1
    return stacks, truth


def roc_area(probability, pair):
    """Share of (pair, single) of which the pair has the larger probability."""
    value = np.nan_to_num(probability)
    found = stats.mannwhitneyu(value[pair], value[~pair]).statistic
    return found / (pair.sum() * (~pair).sum())


def main():
    """Print areas, reliability and labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=160, help="scenes")
    parser.add_argument("--surveys", default="Pan-STARRS,HSCLA")
    parser.add_argument("--prevalence", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore", AstropyWarning)
    stacks, truth = make_sample(options)
    verdicts = classify(stacks, device="cpu").to_table()
    pairs = measure_pairs(stacks, posterior="none", progress=True)

    print("area under the ROC curve")
    for name in options.surveys.split(","):
        own = verdicts[verdicts["survey"] == name]
        pair = np.array([truth[source] for source in own["source"]])
        print(f"  {name}: {roc_area(own['probability'], pair):.3f}")
    for name, way in WAYS.items():
        settings = FusionSettings(prevalence=0.5, **way)
        catalog = make_catalog(verdicts, pairs, settings=settings)
        pair = np.array([truth[source] for source in catalog["source"]])
        print(f"  fused, {name}: {roc_area(catalog['probability'], pair):.3f}")
        for low, high in itertools.pairwise(EDGES):
            p = catalog["probability"]
            here = (p >= low) & (p < high)
            if here.any():
                print(
                    f"    {low:.2f} to {high:.2f}: {here.sum()} sources, "
                    f"mean {p[here].mean():.2f}, pairs {pair[here].mean():.2f}"
                )
    for name, way in WAYS.items():
        settings = FusionSettings(prevalence=options.prevalence, **way)
        catalog = make_catalog(verdicts, pairs, settings=settings)
        print(f"labels at a prevalence of {options.prevalence:g}, {name}")
        for label in ("binary", "undecided", "not_binary"):
            here = catalog["label"] == label
            print(f"  {label}: {pair[here].sum()} pairs, {(~pair[here]).sum()} others")
    many = catalog["n_measured"] > 1
    agree = catalog["consistency"] > 1e-3
    print(
        f"of {pair[many].sum()} pairs and {(~pair[many]).sum()} others that two surveys"
    )
    print(f"measure, {pair[agree].sum()} and {(~pair[agree]).sum()} are at one place")


if __name__ == "__main__":
    main()
