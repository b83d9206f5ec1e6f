"""From kept scores to tables, a summary and the text that is printed."""

import csv
import json
from pathlib import Path

import numpy as np
from astropy.table import Table

from benchmarks.detection.completeness import RATE, measure
from benchmarks.detection.contaminants import kind_rows, orion_rows, single_rows
from benchmarks.detection.reliability import reliability_rows
from benchmarks.detection.sets import CURVE_SURVEYS, groups_of
from benchmarks.detection.views import TARGETS, VIEWS
from benchmarks.detection.visual import by_survey, visible_row, visual_rows

__all__ = ["compile_tables", "format_tables", "write_tables"]

#: Tables that are too long for the terminal and the documentation.
LONG = ("curves", "kinds")


def compile_tables(sets, store, detectors, cards, *, rate=RATE):
    """All tables from the kept scores.

    Parameters
    ----------
    sets : dict of str to ~benchmarks.detection.sets.TestSet
        The sets that were scored.
    store : ~benchmarks.detection.store.Store
        The scores.
    detectors : sequence of str
        The detectors.
    cards : dict of int to object
        Card of each group's network, or None for a checkpoint.
    rate : float, optional
        False-positive rate of the completeness curves.

    Returns
    -------
    tables : dict of str to list of dict
        ``visual``, ``surveys``, ``singles``, ``kinds``, ``orion``, ``efficiency``,
        ``curves``, ``above`` (what is above the bound) and ``reliability``.
    mixed : dict of int to dict
        Truth and scores of each group's natural mix, and ``held``, its validation
        set, for the figures.
    """
    tables = {name: [] for name in (*VIEWS, "above")}
    mixed = {}

    def read(name, asked=detectors):
        return store.table(sets[name], asked)

    for group in groups_of(sets):
        held, test = read(f"mixed-validation-{group}"), read(f"mixed-test-{group}")
        mixed[group] = {"test": test, "held": held}
        rows, thresholds = visual_rows(held, test, detectors)
        tables["visual"] += [{"group": group} | row for row in rows]
        tables["visible"].append(visible_row(test, group))
        rows = by_survey(test, detectors, thresholds)
        tables["surveys"] += [{"group": group} | row for row in rows]
        for key, make, name in (
            ("singles", single_rows, "singles-test"),
            ("kinds", kind_rows, "kinds-test"),
            ("orion", orion_rows, "orion-test"),
        ):
            tables[key] += make(read(f"{name}-{group}"), detectors, thresholds, group)
        if "network" in detectors:
            tables["reliability"] += reliability_rows(
                test, group, card=cards[group], held=held
            )
    others = [name for name in detectors if name != "reference"]
    for survey in CURVE_SURVEYS:
        names = ("stars-validation", "pairs-validation", "stars-test", "pairs-test")
        if all(f"{name}-{survey}" in sets for name in names):
            parts = {name: read(f"{name}-{survey}", others) for name in names}
            curves = measure(survey, parts, others, rate=rate)
            tables["curves"] += curves.rows
            tables["efficiency"] += curves.summary
            tables["above"] += curves.above
    return tables, mixed


def verdicts(tables):
    """Each target beside what was measured of the network.

    Parameters
    ----------
    tables : dict of str to list of dict
        As from `compile_tables`.

    Returns
    -------
    list of dict
        ``target``, ``of``, ``value``, ``wanted`` and ``met``.
    """
    lines = []

    def add(target, of, value, *, least):
        wanted = TARGETS[target]
        met = bool(value >= wanted if least else value <= wanted)
        lines.append(
            {"target": target, "of": of, "value": float(value), "wanted": wanted}
            | {"met": met}
        )

    own = {
        key: [row for row in rows if row.get("detector") == "network"]
        for key, rows in tables.items()
    }
    for row in own["visual"]:
        add("accuracy", f"group {row['group']}", row["accuracy_low"], least=True)
    for row in own["kinds"]:
        if row["n"]:
            of = f"group {row['group']}, {row['kind']}"
            add("contaminants", of, row["fpr"], least=False)
    for row in own["singles"]:
        add("singles", f"group {row['group']}", row["fpr"], least=False)
    for row in tables["efficiency"]:
        name = {"network": "network", "network+glrt": "both"}.get(row["detector"])
        if name:
            add(f"eta_{name}", row["survey"], row["eta"], least=True)
            add(f"half_{name}", row["survey"], row["half_at"], least=False)
    for row in tables["reliability"]:
        of = f"group {row['group']}, {row['prevalence']:.0%}"
        add("calibration", of, row["calibration_error"], least=False)
    return lines


def format_tables(tables):
    """The tables as text.

    Parameters
    ----------
    tables : dict of str to list of dict
        As from `compile_tables`.

    Returns
    -------
    str
        Many lines.
    """
    blocks = []
    for name, view in VIEWS.items():
        rows = tables[name]
        if not rows or name == "curves":
            continue
        if name == "kinds":
            rows = _worst(rows)
        cells = [[heading for heading, _ in view.values()]]
        cells += [_cells(row, view) for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) for cell, width in zip(line, widths, strict=True)
            )
            for line in cells
        ]
        blocks.append("\n".join([f"== {name}", *lines]))
    above = tables["above"]
    lines = [f"above the bound: {len(above)}", *map(str, above)]
    lines += [
        f"{'met   ' if line['met'] else 'MISSED'} {line['target']:12} {line['of']:28} "
        f"{line['value']:.4f}  wanted {line['wanted']}"
        for line in verdicts(tables)
    ]
    return "\n\n".join([*blocks, "\n".join(["== targets", *lines])])


def _worst(rows):
    """Of every detector and group the three kinds that it takes for pairs most."""
    chosen = []
    for key in dict.fromkeys((row["group"], row["detector"]) for row in rows):
        own = [row for row in rows if (row["group"], row["detector"]) == key]
        own = [row for row in own if row["n"]]
        chosen += sorted(own, key=lambda row: -row["fpr"])[:3]
    return chosen


def _cells(row, view):
    made = []
    for key, (_, style) in view.items():
        value = row[key]
        if isinstance(value, float) and not np.isfinite(value):
            made.append("-")
        else:
            made.append(style.format(value))
    return made


def write_tables(tables, folder, docs=None):
    """Write tables and summary, and the documentation's tables.

    Parameters
    ----------
    tables : dict of str to list of dict
        As from `compile_tables`.
    folder : str or `~pathlib.Path`
        Gets one ECSV file a table and ``summary.json``.
    docs : str or `~pathlib.Path`, optional
        Gets one CSV file a table, as the documentation shows it.
    """
    folder = Path(folder)
    for name, rows in tables.items():
        if rows:
            Table(rows=rows).write(folder / f"{name}.ecsv", overwrite=True)
    summary = {"targets": verdicts(tables), "visual": tables["visual"]}
    text = json.dumps(summary, indent=1, default=float)
    (folder / "summary.json").write_text(text + "\n")
    if docs is None:
        return
    docs = Path(docs)
    docs.mkdir(parents=True, exist_ok=True)
    for name, view in VIEWS.items():
        rows = [r for r in tables[name] if name not in LONG or _shown(name, r)]
        if rows:
            _write_csv(docs / f"{name}.csv", [h for h, _ in view.values()],
                       [_cells(row, view) for row in rows])  # fmt: skip
    lines = verdicts(tables)
    headings = ["Target", "Of", "Measured", "Wanted", "Met"]
    cells = [
        [line["target"], line["of"], f"{line['value']:.4f}", line["wanted"],
         "yes" if line["met"] else "no"]
        for line in lines
    ]  # fmt: skip
    _write_csv(docs / "targets.csv", headings, cells)


def _shown(name, row):
    """Whether a row of a long table is in the documentation: the network's are."""
    return row["detector"] in (("network",) if name == "kinds" else ())


def _write_csv(path, headings, cells):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(cells)
