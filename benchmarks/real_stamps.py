"""Weights on real, labelled stamps, and on companions injected beside real stars.

Usage: python benchmarks/real_stamps.py FOLDER [-o DIR] [--weights CARD] [--stamps-only]

FOLDER holds ``stamps/`` and ``labels.ecsv`` with the columns source, survey, label
(1 pair, 0 not, -1 not scored), separation, evidence. None of it was trained on. Every
stamp is judged on its own pixels and in the oversampled form of a HiPS server. Prints,
per survey, the share that is right and the area under the ROC curve with 95 %
intervals, every pair, every wrong row, and the recall of injected pairs (separation
from 1.2 FWHM to 2.4 arcsec, magnitude difference below 2.5). With ``-o`` the table and
the figures are kept.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary import BinaryClassifier, StampStack, classify, get_survey
from astro_vbinary.simulation.hips import to_hips
from astro_vbinary.simulation.pairs import find_singles, inject_many
from astro_vbinary.surveys import resolution_group
from astro_vbinary.training.evaluation import binomial_interval, roc_area

#: Words in the evidence of rows that are no single stars.
NOT_STARS = ("galaxy", "saturated")

#: Groups that the weights must be good at.
GROUPS = (3, 4)


#: What is taken from an injected pair's truth.
ROW_KEYS = (
    "source",
    "star",
    "survey",
    "label",
    "separation",
    "magnitude_difference",
    "fwhm",
    "companion_signal",
)


class Judge:
    """Classifies stacks with the bundled weights, or with weights under test."""

    def __init__(self, policy, cards=()):
        self.policy = policy
        made = [BinaryClassifier.from_file(path, device="cpu") for path in cards]
        self.own = {classifier.card.group: classifier for classifier in made}

    def __call__(self, stacks):
        """Probability, verdict and status of stacks, in order."""
        rows = [None] * len(stacks)
        for group in {self.group(stack) for stack in stacks}:
            places = [n for n, s in enumerate(stacks) if self.group(s) == group]
            part = [stacks[n] for n in places]
            if group in self.own:
                own = self.own[group]
                result = own.predict([s.align(own.grid(s.target)) for s in part])
            else:
                result = classify(part, policy=self.policy, device="cpu")
            for place, row in zip(places, result.to_table(), strict=True):
                rows[place] = {
                    "group": group,
                    "probability": float(row["probability"]),
                    "verdict": str(row["label"]),
                    "status": str(row["status"]),
                }
        return rows

    def group(self, stack):
        """Number of a stack's resolution group."""
        return resolution_group(stack.survey, policy=self.policy).number


def _judge_labelled(folder, labels, judge):
    """The labelled stamps, in both forms."""
    rows, stacks = [], []
    for row in labels:
        survey, source = get_survey(str(row["survey"])).name, str(row["source"])
        stack = StampStack.read(
            folder / "stamps", source=source, survey=survey, on_error="drop"
        )
        evidence = str(row["evidence"])
        for form in ("native", "hips"):
            stacks.append(stack if form == "native" else to_hips(stack))
            rows.append(
                {
                    "set": "labelled",
                    "form": form,
                    "source": source,
                    "star": source,
                    "survey": survey,
                    "label": int(row["label"]),
                    "is_star": not any(word in evidence for word in NOT_STARS),
                    "separation": float(row["separation"]),
                    "magnitude_difference": np.nan,
                    "fwhm": np.nan,
                    "companion_signal": np.nan,
                    "evidence": evidence,
                }
            )
    _join(rows, judge(stacks))
    return rows, stacks


def _judge_injected(folder, labels, judge, *, count, seed):
    """Companions beside the labelled single stars, in both forms."""
    singles, refused = find_singles(folder / "stamps", labels, exclude=NOT_STARS)
    rows, stacks = [], []
    for stack, truth in inject_many(singles, count, seed=seed):
        for form in ("native", "hips"):
            stacks.append(stack if form == "native" else to_hips(stack))
            rows.append(
                {
                    "set": "injected",
                    "form": form,
                    "is_star": True,
                    "evidence": (
                        f"injected at {truth['position_angle']:.0f} deg, "
                        f"{truth['magnitude_difference']:.2f} mag fainter"
                    ),
                }
                | {key: truth[key] for key in ROW_KEYS}
            )
    _join(rows, judge(stacks))
    used = {row["star"] for row in rows}
    without = [s.stack.source for s in singles if s.stack.source not in used]
    print(
        f"injection: {len(used)} stars used; {len(without)} where 1.2 FWHM leave no "
        f"room ({', '.join(without)}); {len(refused)} refused:"
    )
    for row in refused:
        print(f"  {row['source']} {row['survey']}: {row['reason']}")
    return rows, stacks


def _join(rows, verdicts):
    for row, verdict in zip(rows, verdicts, strict=True):
        row.update(verdict)


def _bootstrap_auc(table, *, draws=400, seed=0):
    """Area under the ROC curve and its interval, stars drawn with replacement."""
    labels, p = np.array(table["label"]), np.array(table["probability"])
    if len(set(labels)) < 2:
        return (np.nan,) * 3
    area = roc_area(labels, p)
    stars, index = np.unique(np.array(table["star"]), return_inverse=True)
    members = [np.flatnonzero(index == n) for n in range(len(stars))]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        chosen = rng.integers(0, len(stars), len(stars))
        rows = np.concatenate([members[n] for n in chosen])
        if len(set(labels[rows])) == 2:
            found.append(roc_area(labels[rows], p[rows]))
    return (area, *np.quantile(found, [0.025, 0.975]))


def _share(good):
    """Count, number and 95 % interval as text."""
    good = np.asarray(good, dtype=bool)
    if not len(good):
        return "-"
    low, high = binomial_interval(int(good.sum()), len(good))
    return f"{int(good.sum())} of {len(good)} ({low:.3f} to {high:.3f})"


def summarise(table):
    """The scores by form and survey.

    Parameters
    ----------
    table : `~astropy.table.Table`
        As written to ``real_stamps.ecsv``.

    Returns
    -------
    `~astropy.table.Table`
        Text, with 95 % intervals in brackets.
    """
    judged = table[(table["label"] >= 0) & (table["verdict"] != "")]
    called = judged["verdict"] == "binary"
    right = called == (judged["label"] == 1)
    surveys = sorted(set(judged["survey"]))
    parts = {name: judged["survey"] == name for name in surveys}
    for group in GROUPS:
        parts[f"group {group}"] = judged["group"] == group
    parts["groups 3 and 4"] = np.isin(judged["group"], GROUPS)
    rows = []
    for form in ("native", "hips"):
        for name, part in parts.items():
            part = part & (judged["form"] == form)
            known = part & (judged["set"] == "labelled")
            stars = known & (judged["label"] == 0) & judged["is_star"]
            pairs = part & (judged["set"] == "injected")
            if not known.any():
                continue
            area = "-"
            if pairs.any():
                found = _bootstrap_auc(judged[part])
                area = f"{found[0]:.4f} ({found[1]:.4f} to {found[2]:.4f})"
            rows.append(
                {
                    "pixels": form,
                    "survey": name,
                    "labelled stamps right": _share(right[known]),
                    "single stars called binary": _share(called[stars]),
                    "injected pairs found": _share(called[pairs]),
                    "of stars": len(set(judged["star"][pairs])),
                    "area under the ROC": area,
                }
            )
    return Table(rows=rows)


def _report(table):
    """Print the scores."""
    print("95 % intervals in brackets")
    summarise(table).pprint_all()
    judged = table[(table["label"] >= 0) & (table["verdict"] != "")]
    right = (judged["verdict"] == "binary") == (judged["label"] == 1)
    labelled = judged["set"] == "labelled"
    print("\nlabelled pairs, one by one:")
    _show(judged[labelled & (judged["label"] == 1)])
    print("wrong labelled rows:")
    _show(judged[labelled & ~right])
    print("injected pairs that were missed:")
    _show(judged[~labelled & ~right])
    rest = table[(table["label"] >= 0) & (table["verdict"] == "")]
    print("without a verdict:")
    for key in sorted({tuple(row) for row in rest["form", "survey", "status"]}):
        part = (rest["form"] == key[0]) & (rest["survey"] == key[1])
        print(f"  {int(part.sum())} {' '.join(key)}")


def _show(table):
    for row in table:
        print(
            f"  {row['form']:6} {row['source']:12} {row['survey']:10} label "
            f"{row['label']} p = {row['probability']:.3f}  "
            f"{row['separation']:.2f} arcsec  {row['evidence']}"
        )


def _draw(table, stacks, folder):
    """Draw the figures."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from astro_vbinary.plotting import plot_mosaic

    pairs = table[(table["set"] == "injected") & (table["verdict"] != "")]
    if len(pairs):
        fig, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, squeeze=False)
        for axes, form in zip(panels[0], ("native", "hips"), strict=True):
            for name in sorted(set(pairs["survey"])):
                part = pairs[(pairs["survey"] == name) & (pairs["form"] == form)]
                ratio = part["separation"] / part["fwhm"]
                axes.semilogx(ratio, part["probability"], ".", label=name)
            axes.set(title=form, xlabel="separation / FWHM")
            axes.set_xticks([1, 2, 5, 10, 20], [1, 2, 5, 10, 20])
            axes.minorticks_off()
        panels[0][0].set_ylabel("probability of a pair")
        panels[0][0].legend(frameon=False)
        fig.tight_layout()
        fig.savefig(folder / "injected.png", dpi=120)
    right = (table["verdict"] == "binary") == (table["label"] == 1)
    wrong = np.flatnonzero((table["label"] >= 0) & (table["verdict"] != "") & ~right)
    if len(wrong):
        # Most of what is wrong, and no endless page.
        wrong = wrong[:60]
        images = [stacks[n].align().coadd("inverse_variance") for n in wrong]
        names = [
            f"{table['source'][n]} {table['form'][n]}\n{table['survey'][n]} "
            f"p = {table['probability'][n]:.2f}"
            for n in wrong
        ]
        plot_mosaic(images, labels=names).savefig(folder / "wrong.png", dpi=90)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="folder for table, figures")
    parser.add_argument("--weights", type=Path, action="append", default=[])
    parser.add_argument("--policy", default="published")
    parser.add_argument("--stamps-only", action="store_true", help="no injection")
    parser.add_argument("--count", type=int, default=6, help="pairs for each star")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not (options.folder / "labels.ecsv").is_file():
        parser.error(
            f"{options.folder} has no labels.ecsv; it should be a folder with "
            "that table and the stamps in stamps/"
        )
    labels = Table.read(options.folder / "labels.ecsv")
    judge = Judge(options.policy, options.weights)
    rows, stacks = _judge_labelled(options.folder, labels, judge)
    if not options.stamps_only:
        more = _judge_injected(
            options.folder, labels, judge, count=options.count, seed=options.seed
        )
        rows, stacks = rows + more[0], stacks + more[1]
    table = Table(rows=rows)
    _report(table)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        table.write(options.output / "real_stamps.ecsv", overwrite=True)
        summarise(table).write(
            options.output / "real_stamps.csv", format="ascii.csv", overwrite=True
        )
        _draw(table, stacks, options.output)


if __name__ == "__main__":
    main()
