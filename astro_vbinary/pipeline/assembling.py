"""From parts to the one table that was asked for."""

import sys
from collections import Counter

from astro_vbinary.classification.result import (
    COLUMNS,
    KINDS,
    make_table,
    write_table,
)
from astro_vbinary.pipeline.parts import read_part, whole_file
from astro_vbinary.status import Flag, Status

__all__ = ["Tally", "assemble"]

#: Rows that are written to a Parquet file together.
ROW_GROUP = 32_768

#: Columns of text, and those of them in which the same texts come again and again.
TEXT = [name for name, _, _ in COLUMNS if name not in KINDS]
SAME = frozenset(TEXT) - {"source", "reason"}


class Tally:
    """Counts over the parts of a run, one part in memory at a time.

    Parameters
    ----------
    parts : sequence of `~pathlib.Path`
        The parts.

    Attributes
    ----------
    rows, binaries, dropped, troubled : int
        As in `~astro_vbinary.pipeline.RunSummary`.
    statuses : dict of str to int
        Rows of each status.
    sources, surveys, weights : set of str
        Names that occur.
    lengths : dict of str to int
        The longest text of each column, in characters.
    """

    def __init__(self, parts):
        self.rows = self.binaries = self.dropped = self.troubled = 0
        self.sources, self.surveys, self.weights = set(), set(), set()
        self.lengths = dict.fromkeys(TEXT, 0)
        found = Counter()
        for path in parts:
            columns = read_part(path, [*TEXT, "flags"]).to_pydict()
            self.rows += len(columns["flags"])
            self.binaries += columns["label"].count("binary")
            self.sources.update(columns["source"])
            self.surveys.update(columns["survey"])
            self.weights.update(columns["weights"])
            found.update(columns["status"])
            for name, longest in self.lengths.items():
                here = max(map(len, columns[name]), default=0)
                self.lengths[name] = max(longest, here)
            for status, flags in zip(columns["status"], columns["flags"], strict=True):
                dropped = bool(flags & Flag.FILES_DROPPED)
                self.dropped += dropped
                self.troubled += dropped or Status(status).is_failure
        self.statuses = {str(name): found[name] for name in Status if found[name]}
        for names in (self.sources, self.surveys, self.weights):
            names.discard("")


def assemble(parts, output, tally):
    """Write the table of all parts, whole or not at all.

    Parameters
    ----------
    parts : sequence of `~pathlib.Path`
        The parts, in the order of the rows.
    output : `~pathlib.Path`
        Where to; what is there is replaced.
    tally : Tally
        Of the same parts.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with whole_file(output) as part:
        if output.suffix == ".parquet":
            _write_parquet(parts, part, tally)
        else:
            write_table(make_table(_gather(parts)), part)


def _gather(parts):
    columns = {name: [] for name, _, _ in COLUMNS}
    for path in parts:
        table = read_part(path)
        for name, values in columns.items():
            # Few different texts fill most columns: keep each of them once.
            cells = table[name].to_pylist()
            values += map(sys.intern, cells) if name in SAME else cells
    return columns


def _write_parquet(parts, path, tally):
    """Part after part, as astropy would write the whole table."""
    import pyarrow.parquet as pq

    # Astropy notes units, descriptions and the lengths of texts in the file. It is
    # shown one row that has them all, and asked what it would note.
    sample = {name: [0] for name in KINDS}
    sample |= {name: ["x" * length] for name, length in tally.lengths.items()}
    table = make_table(sample)
    table.meta["weights"] = sorted(tally.weights)
    write_table(table, path, overwrite=True)
    schema = pq.read_schema(path)
    with pq.ParquetWriter(path, schema, version="2.4") as writer:
        for group in _groups(parts):
            writer.write_table(group.cast(schema))


def _groups(parts):
    import pyarrow as pa

    held, count = [], 0
    for path in parts:
        held.append(read_part(path))
        count += held[-1].num_rows
        if count >= ROW_GROUP:
            yield pa.concat_tables(held)
            held, count = [], 0
    if held:
        yield pa.concat_tables(held)
