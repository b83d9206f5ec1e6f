"""What is reported: sources with their verdicts and measured pairs."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary.pipeline.formats.columns import numbers, texts
from astro_vbinary.stamps.tables import FORMATS, read_table

__all__ = ["ReportedResults", "ReportedSource", "load_results"]

#: Tables of a folder of results, by what they hold.
TABLES = ("catalog", "verdicts", "pairs")

#: What has a pair that the report can show: measured, with a place on the sky.
MEASURED = ("separation", "position_angle", "ra", "dec")

#: How labels are named here, by how tables name them.
LABELS = {"not": "not_binary", "": "no_verdict"}

#: What a source without a catalogue gets from its best measured pair.
FROM_PAIR = (
    "separation",
    "separation_error",
    "position_angle",
    "position_angle_error",
    "magnitude_difference",
    "magnitude_difference_error",
    "reference_band",
    "epoch",
    "degenerate",
    "triple",
    "statistic",
    "false_alarm",
    "core_chi2",
)


@dataclass
class ReportedSource:
    """One source: its row, its verdicts and its measured pairs.

    Attributes
    ----------
    row : dict
        Columns of the catalogue: numbers and text, without units.
    verdicts : dict of str to dict
        Rows of the table of verdicts, by survey.
    pairs : dict of str to dict
        Rows of the table of pairs, by survey.
    """

    row: dict
    verdicts: dict = field(default_factory=dict)
    pairs: dict = field(default_factory=dict)

    @property
    def name(self):
        """Name of the source (str)."""
        return self.row["source"]

    @property
    def label(self):
        """``binary``, ``undecided``, ``not_binary`` or ``no_verdict`` (str)."""
        return self.row["label"]

    @property
    def probability(self):
        """Of two stars (float), NaN where not known."""
        return self.row.get("probability", np.nan)

    @property
    def surveys(self):
        """Names of its surveys (list of str)."""
        return list(dict.fromkeys([*self.verdicts, *self.pairs]))


@dataclass
class ReportedResults:
    """All sources, and what the columns of their rows are.

    Attributes
    ----------
    sources : list of ReportedSource
        In the order of the tables.
    units, descriptions : dict of str to str
        Of the columns of the rows; empty where there is none.
    fused : bool
        Whether there was a catalogue with one verdict a source.
    """

    sources: list
    units: dict
    descriptions: dict
    fused: bool

    def candidates(self):
        """The sources that are, or may be, pairs.

        Returns
        -------
        list of ReportedSource
            Binary ones first, then undecided ones, the most probable first.
        """
        order = {"binary": 0, "undecided": 1}
        chosen = [source for source in self.sources if source.label in order]
        return sorted(
            chosen,
            key=lambda s: (order[s.label], -np.nan_to_num(s.probability, nan=-1.0)),
        )


def load_results(results):
    """Read what is to be reported.

    Parameters
    ----------
    results : str, `~pathlib.Path` or `~astropy.table.Table`
        A folder with ``catalog``, ``verdicts`` and ``pairs`` tables, of which pairs
        and one of the others may be missing; or one table, a catalogue or verdicts.

    Returns
    -------
    ReportedResults
        The sources.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, or no table in it.
    ValueError
        If a table cannot be read or is none of results.
    """
    tables = _tables(results)
    catalog, verdicts, pairs = (tables.get(name) for name in TABLES)
    by_source = _by_survey(verdicts)
    measured = _by_survey(pairs)
    if catalog is None:
        sources = _without_catalog(by_source, measured)
        described = [table for table in (verdicts, pairs) if table is not None]
    else:
        sources = [
            ReportedSource(
                row,
                by_source.get(row["source"], {}),
                measured.get(row["source"], {}),
            )
            for row in _rows(catalog)
        ]
        described = [catalog]
    for source in sources:
        label = str(source.row.get("label", ""))
        source.row["label"] = LABELS.get(label, label)
    units, descriptions = {}, {}
    for name, column in ((n, t[n]) for t in described for n in t.colnames):
        units.setdefault(name, str(column.unit) if column.unit else "")
        descriptions.setdefault(name, column.info.description or "")
    return ReportedResults(sources, units, descriptions, catalog is not None)


def _tables(results):
    if isinstance(results, Table):
        return {_kind(results, "the table"): results}
    path = Path(results)
    if not path.is_dir():
        table = read_table(path, "table of results")
        return {_kind(table, str(path)): table}
    found = {}
    for name in TABLES:
        files = [path / f"{name}{ending}" for ending in FORMATS]
        file = next((file for file in files if file.is_file()), None)
        if file is not None:
            found[name] = read_table(file, f"table of {name}")
            if "source" not in found[name].colnames:
                raise ValueError(f"{file} has no column source")
    if not {"catalog", "verdicts"} & set(found):
        raise FileNotFoundError(f"no catalog.ecsv and no verdicts.ecsv in {path}")
    return found


def _kind(table, name):
    """Which of the tables one without a name is."""
    columns = set(table.colnames)
    if {"source", "survey", "probability"} <= columns:
        return "verdicts"
    if {"source", "label", "probability"} <= columns:
        return "catalog"
    raise ValueError(
        f"{name} is no table of results: it needs source, probability, and survey "
        "(verdicts) or label (a catalogue)"
    )


def _rows(table):
    """A table as dictionaries of plain numbers and text."""
    columns = {
        name: numbers(table, name).tolist()
        if table[name].dtype.kind in "fiub"
        else texts(table, name)
        for name in table.colnames
    }
    columns["source"] = texts(table, "source")
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*columns.values(), strict=True)
    ]


def _by_survey(table):
    """Rows by source and survey; of two with the same names the first counts."""
    found = {}
    for row in [] if table is None else _rows(table):
        found.setdefault(row["source"], {}).setdefault(row.get("survey", ""), row)
    found.pop("", None)
    return found


def _without_catalog(verdicts, pairs):
    """Sources whose label is what any survey says: no fusion, and said to be none."""
    sources = []
    for name, rows in verdicts.items():
        labels = [row.get("label", "") for row in rows.values()]
        known = [r for r in rows.values() if np.isfinite(r["probability"])]
        best = max(known, key=lambda row: row["probability"], default=None)
        place = next((r for r in rows.values() if np.isfinite(r.get("ra", np.nan))), {})
        row = {
            "source": name,
            "ra": place.get("ra", np.nan),
            "dec": place.get("dec", np.nan),
            "label": next((v for v in ("binary", "not") if v in labels), ""),
            "probability": best["probability"] if best else np.nan,
            "n_surveys": float(len(known)),
            "surveys": ",".join(row["survey"] for row in known),
            "n_binary": float(labels.count("binary")),
            "weights": ",".join(sorted({r.get("weights", "") for r in known} - {""})),
        }
        own = pairs.get(name, {})
        if measured := best_pair(own):
            row |= {key: measured[key] for key in FROM_PAIR if key in measured}
            row["best_survey"] = measured.get("survey", "")
        sources.append(ReportedSource(row, rows, own))
    return sources


def best_pair(pairs):
    """The measurement to quote of a source: the surest, then the most precise.

    Parameters
    ----------
    pairs : dict of str to dict
        Rows of the table of pairs, by survey.

    Returns
    -------
    dict or None
        None where nothing is measured.
    """
    measured = [row for row in pairs.values() if is_measured(row)]
    return min(
        measured,
        key=lambda row: (
            np.nan_to_num(row.get("false_alarm", 1.0), nan=1.0) > 1e-3,
            row.get("degenerate", 0) > 0,
            np.nan_to_num(row.get("separation_error", np.inf), nan=np.inf),
        ),
        default=None,
    )


def is_measured(row):
    """Whether a row says where the companion is.

    Parameters
    ----------
    row : dict
        Of the table of pairs.

    Returns
    -------
    bool
        Whether all that is needed is finite.
    """
    return all(np.isfinite(row.get(name, np.nan)) for name in MEASURED)
