"""What a catalogue measures, in chunks that can be gone on with."""

import hashlib
import warnings
from dataclasses import dataclass, field
from itertools import chain

from astropy.table import vstack
from astropy.utils.exceptions import AstropyWarning

from astro_vbinary import __version__
from astro_vbinary.pipeline.plan import file_state
from astro_vbinary.pipeline.positions import from_numbers, to_numbers
from astro_vbinary.pipeline.work import learn_survey, one_thread
from astro_vbinary.stamps import StampIndex
from astro_vbinary.stamps.tables import cell_text
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey

__all__ = ["CatalogPlan", "MeasureChunk", "join_parts", "make_catalog_plan", "measure"]


@dataclass(frozen=True, kw_only=True)
class MeasureChunk:
    """Sources that one process measures.

    Attributes
    ----------
    files : tuple of `~astro_vbinary.stamps.StampFile`
        All files of these sources.
    candidates : frozenset of tuple
        (source, survey) of the stacks to measure.
    positions : dict of str to tuple of float
        Positions of sources where they are given.
    surveys : tuple of `~astro_vbinary.surveys.Survey`
        Surveys that occur, for processes that lack them.
    options : dict
        Of `~astro_vbinary.measurement.measure_pairs`.
    """

    files: tuple
    candidates: frozenset
    positions: dict
    surveys: tuple
    options: dict


@dataclass(frozen=True, kw_only=True)
class CatalogPlan:
    """The work that a catalogue takes.

    Attributes
    ----------
    sources : list of tuple of `~astro_vbinary.stamps.StampFile`
        Files of each source that the verdicts name.
    candidates : set of tuple
        (source, survey) of what is measured.
    positions : dict of str to tuple of float
        Positions of sources.
    options : dict
        Of the measurement.
    verdicts : str
        Hash of the table of verdicts.
    chunk_size : int
        Sources of a chunk.
    """

    sources: list = field(repr=False)
    candidates: set = field(repr=False)
    positions: dict = field(repr=False)
    options: dict
    verdicts: str
    chunk_size: int

    def sizes(self):
        """Sources of each chunk.

        Returns
        -------
        list of int
            As many as there are chunks.
        """
        size, total = self.chunk_size, len(self.sources)
        return [min(size, total - start) for start in range(0, total, size)]

    def chunk(self, number):
        """One of the chunks.

        Parameters
        ----------
        number : int
            Its place, from 0.

        Returns
        -------
        MeasureChunk
            The chunk.
        """
        start = number * self.chunk_size
        groups = self.sources[start : start + self.chunk_size]
        files = tuple(file for group in groups for file in group)
        keys = {(file.source, file.survey) for file in files}
        names = {file.source for file in files}
        return MeasureChunk(
            files=files,
            candidates=frozenset(keys & self.candidates),
            positions={n: self.positions[n] for n in names if n in self.positions},
            surveys=tuple(get_survey(name) for name in sorted({s for _, s in keys})),
            # A chunk's samples do not depend on those before it.
            options=self.options | {"seed": [self.options["seed"], number]},
        )

    def files(self):
        """Every file that the result depends on.

        Yields
        ------
        tuple of (str, int, int)
            Path, size in bytes and time of the last change in ns.
        """
        shards = {}
        for group in self.sources:
            for file in group:
                yield str(file.path), *file_state(file.path, shards)

    def fingerprint(self):
        """What determines the measurements, but for the files.

        Returns
        -------
        dict of str to str
            In words, so that a difference can be told.
        """
        places = hashlib.sha256()
        for group in self.sources:
            for file in group:
                place = (str(file.path), file.source, file.survey, file.band, file.hdu)
                places.update(repr(place).encode())
        positions = hashlib.sha256(repr(sorted(self.positions.items())).encode())
        candidates = hashlib.sha256(repr(sorted(self.candidates)).encode())
        return {
            "version of astro_vbinary": __version__,
            "verdicts": self.verdicts,
            "candidates": candidates.hexdigest(),
            "measurement": repr(sorted(self.options.items())),
            "chunk size": str(self.chunk_size),
            "positions": positions.hexdigest() if self.positions else "none",
            "what files are of": places.hexdigest(),
        }


def make_catalog_plan(
    verdicts, stamps, *, min_probability, targets, options, chunk_size, digest
):
    """Find out what there is to measure.

    Parameters
    ----------
    verdicts : `~astropy.table.Table`
        The table of verdicts.
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        The stamps.
    min_probability : float or None
        A source is measured, in all surveys that have a verdict on it, where one of
        these is at least so probable; None is where one is labelled ``binary``.
    targets : dict of str to `~astropy.coordinates.SkyCoord` or None
        Positions.
    options : dict
        Of the measurement.
    chunk_size : int
        Sources of a chunk.
    digest : str
        Hash of the table.

    Returns
    -------
    CatalogPlan
        The plan.
    """
    index = stamps
    if not isinstance(stamps, StampIndex):
        index = StampIndex.from_paths(stamps)
    wanted, judged = set(), {}
    for row in verdicts:
        source, survey = cell_text(row["source"]), cell_text(row["survey"])
        status = cell_text(row["status"]) if "status" in verdicts.colnames else "ok"
        if source is None or status != Status.OK:
            continue
        judged.setdefault(source, set()).add((source, survey))
        if min_probability is not None:
            good = float(row["probability"]) >= min_probability
        else:
            good = cell_text(row["label"]) == "binary"
        if good:
            wanted.add(source)
    names = {cell_text(name) for name in verdicts["source"]}
    sources = {}
    for (source, _), files in index.groups().items():
        if source in names:
            sources.setdefault(source, []).extend(files)
    positions = {n: to_numbers(t) for n, t in (targets or {}).items() if n in sources}
    # Together they are measured faster; of the others files are only hashed.
    ordered = sorted(sources, key=lambda name: name not in wanted)
    return CatalogPlan(
        sources=[tuple(sources[name]) for name in ordered],
        candidates=set().union(*(judged[name] for name in wanted)),
        positions=positions,
        options=options,
        verdicts=digest,
        chunk_size=chunk_size,
    )


def measure(chunk):
    """Measure a chunk, and hash its files.

    Parameters
    ----------
    chunk : MeasureChunk
        The chunk.

    Returns
    -------
    `~astropy.table.QTable`
        Its measured pairs; ``meta["inputs"]`` has a hash for each source.
    """
    for survey in chunk.surveys:
        learn_survey(survey)
    wanted = [f for f in chunk.files if (f.source, f.survey) in chunk.candidates]
    targets = {name: from_numbers(own) for name, own in chunk.positions.items()}
    # What is odd about a file is in its row.
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore", AstropyWarning)
        table = _measure(wanted, targets, chunk.options)
    table.meta["inputs"] = {}
    for source in dict.fromkeys(file.source for file in chunk.files):
        own = [file for file in chunk.files if file.source == source]
        table.meta["inputs"][source] = hash_inputs(own)
    return table


def _measure(files, targets, options):
    """Measured pairs of files; one stack that fails does not cost the others."""
    from astro_vbinary.measurement import PairResult, measure_pairs

    index = StampIndex(files)
    try:
        return measure_pairs(index, targets=targets, **options).to_table()
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:
        groups = index.groups()
        if len(groups) > 1:
            both = list(groups.values())
            both = both[: len(both) // 2], both[len(both) // 2 :]
            halves = [_measure(list(chain(*own)), targets, options) for own in both]
            return vstack(halves, metadata_conflicts="silent")
        ((source, survey),) = groups
        row = {"source": source, "survey": survey, "status": Status.ERROR}
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return PairResult([row | {"reason": reason}]).to_table()


def hash_inputs(files):
    """A hash of the files of a source.

    Parameters
    ----------
    files : sequence of `~astro_vbinary.stamps.StampFile`
        The files, in any order.

    Returns
    -------
    str
        The first 16 hexadecimal digits of the SHA-256 of their names, sizes and
        SHA-256.
    """
    lines = []
    for file in files:
        try:
            with file.location.open("rb") as stream:
                content = stream.read()
            told = f"{len(content)} {hashlib.sha256(content).hexdigest()}"
        except OSError:
            told = "unreadable"
        lines.append(f"{file.path.name} {told}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def join_parts(tables):
    """The measured pairs of all chunks.

    Parameters
    ----------
    tables : iterable of `~astropy.table.QTable`
        What `measure` returned, in order.

    Returns
    -------
    table : `~astropy.table.QTable` or None
        All rows; None where there is none.
    inputs : dict of str to str
        Hash of the files of each source.
    """
    inputs, kept = {}, []
    for table in tables:
        inputs |= table.meta.pop("inputs", {})
        if len(table):
            kept.append(table)
    return (vstack(kept, metadata_conflicts="silent") if kept else None), inputs
