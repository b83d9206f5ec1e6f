"""The bundled weights on real, labelled stamps that were never trained on.

Usage: python benchmarks/real_stamps.py FOLDER
FOLDER holds ``stamps/`` and ``labels.ecsv`` with the columns source, survey,
label (1 pair, 0 not, -1 not scored), separation, evidence. Prints the share that
is right for each survey, every pair one by one, and every wrong row.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary import classify, get_survey
from astro_vbinary.training import binomial_interval


def load(folder, **options):
    """Classify the folder's stamps and join the labels.

    Parameters
    ----------
    folder : `~pathlib.Path`
        With ``stamps/`` and ``labels.ecsv``.
    **options : dict
        For `~astro_vbinary.classify`.

    Returns
    -------
    `~astropy.table.Table`
        One row a label, with ``probability``, ``verdict`` and ``status``.
    """
    labels = Table.read(folder / "labels.ecsv")
    result = classify(folder / "stamps", **options)
    rows = {(row["source"], row["survey"]): row for row in result.to_table()}
    found = [rows[str(row["source"]), get_survey(row["survey"]).name] for row in labels]
    labels["survey"] = [str(row["survey"]) for row in found]
    labels["probability"] = [float(row["probability"]) for row in found]
    labels["verdict"] = [str(row["label"]) for row in found]
    labels["status"] = [str(row["status"]) for row in found]
    print(result)
    return labels


def report(table):
    """Print the scores of a table made by `load`.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    """
    scored = table[(table["label"] >= 0) & (table["verdict"] != "")]
    right = (scored["verdict"] == "binary") == (scored["label"] == 1)
    chosen = np.isin(scored["survey"], ["SDSS9", "DECaLS", "HST"])
    groups = {name: scored["survey"] == name for name in sorted(set(scored["survey"]))}
    groups["SDSS9 + DECaLS + HST"] = chosen
    for name, part in groups.items():
        count, good = int(part.sum()), int(right[part].sum())
        low, high = binomial_interval(good, count)
        called = int((part & (scored["label"] == 0) & ~right).sum())
        print(
            f"{name}: {good} of {count} right ({low:.2f} to {high:.2f}, 95 %); "
            f"{called} of {int((part & (scored['label'] == 0)).sum())} that are no "
            "pair called binary"
        )
    print("pairs:")
    _show(scored[scored["label"] == 1])
    print("wrong:")
    _show(scored[~right])
    unscored = table[(table["label"] >= 0) & (table["verdict"] == "")]
    print(f"without a verdict: {len(unscored)}")
    for status in sorted(set(unscored["status"])):
        part = unscored[unscored["status"] == status]
        surveys = ", ".join(sorted(set(part["survey"])))
        print(f"  {len(part)} {status} ({surveys})")


def _show(table):
    for row in table:
        print(
            f"  {row['source']:10} {row['survey']:10} label {row['label']} "
            f"p = {row['probability']:.3f}  {row['separation']:.2f} arcsec  "
            f"{row['evidence']}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    report(load(parser.parse_args().folder))
