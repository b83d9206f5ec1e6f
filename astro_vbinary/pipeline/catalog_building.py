"""Build the folder of a catalogue, and go on with it if it was stopped."""

import shutil
import time
from collections import Counter, deque
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from astropy.table import QTable, Table
from tqdm.auto import tqdm

from astro_vbinary.exceptions import RunExistsError, RunFailedError
from astro_vbinary.pipeline.catalog import make_catalog
from astro_vbinary.pipeline.catalog_plan import (
    join_parts,
    make_catalog_plan,
    measure,
)
from astro_vbinary.pipeline.executors import SerialExecutor, WorkerPool, count_cores
from astro_vbinary.pipeline.lock import hold_lock
from astro_vbinary.pipeline.parts import hash_file, whole_file
from astro_vbinary.pipeline.running import (
    RunInterrupt,
    make_folder,
    open_journal,
    working_folder,
)
from astro_vbinary.stamps.tables import (
    FORMATS,
    load_table,
    read_table,
    save_table,
    write_table,
)

__all__ = ["CatalogSummary", "build_catalog", "write_catalog"]

#: Files of a catalogue's folder.
CATALOG, VERDICTS, PAIRS = "catalog.ecsv", "verdicts.ecsv", "pairs.ecsv"


@dataclass(frozen=True, kw_only=True)
class CatalogSummary:
    """What a catalogue came to.

    Attributes
    ----------
    folder : str
        Where it is.
    sources : int
        Its rows.
    labels : dict of str to int
        Rows of each label.
    flags : dict of str to int
        Rows of each flag.
    measured : int
        Stacks that were measured.
    failed : int
        Stacks that should have been and could not.
    seconds : float
        How long this call took.
    """

    folder: str
    sources: int
    labels: dict
    flags: dict
    measured: int
    failed: int
    seconds: float = field(compare=False)


def build_catalog(
    verdicts,
    stamps,
    folder,
    *,
    min_probability=None,
    psf="model",
    posterior="auto",
    contrast=True,
    targets=None,
    seed=0,
    settings=None,
    neighbours=None,
    gaia=None,
    wds=None,
    formats=(),
    workers=0,
    chunk_size=64,
    overwrite=False,
    progress=False,
):
    """Measure the candidates among verdicts, and write the catalogue of the sources.

    What is measured is kept, chunk by chunk, in ``catalog.ecsv.run`` in the folder, so
    that a catalogue that was stopped by Ctrl-C, a crash or a full disk goes on where it
    was when this is called again, and ends up the same.

    Parameters
    ----------
    verdicts : path or `~astropy.table.Table`
        As `~astro_vbinary.classify` or `run_catalog` give them.
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        The stamps.
    folder : str or `~pathlib.Path`
        Gets ``catalog.ecsv``, ``verdicts.ecsv`` and ``pairs.ecsv``.
    min_probability : float, optional
        A source is measured, in all surveys that have a verdict on it, where one of
        these is at least so probable; by default where one is labelled ``binary``. With
        0 everything is.
    psf, posterior, contrast : object, optional
        As for `~astro_vbinary.measurement.measure_pairs`. Without ``contrast`` sources
        have no limits.
    targets : dict of str to `~astropy.coordinates.SkyCoord`, optional
        Positions of sources by name, used instead of the stamps' centres.
    seed : int, optional
        Of sampled posteriors.
    settings, neighbours, gaia, wds : object, optional
        As for `make_catalog`.
    formats : sequence of str, optional
        Endings in which the catalogue is written too, such as ``.vot`` or ``.fits``.
    workers : int or None, optional
        Processes that measure; with 0 this one does, None is one a core.
    chunk_size : int, optional
        Sources that are measured together.
    overwrite : bool, optional
        Whether a catalogue that exists is replaced, and an unfinished one of other
        verdicts, files or options thrown away. One of the same is gone on with.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    CatalogSummary
        What it came to.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If a table cannot be understood, or an ending is unknown.
    ~astro_vbinary.exceptions.RunExistsError
        If the catalogue exists, or was begun otherwise.
    ~astro_vbinary.exceptions.RunInUseError
        If another process is at work on it.
    ~astro_vbinary.exceptions.RunFailedError
        If the folder cannot be written to, or the work cannot go on.
    RunInterrupt
        If Ctrl-C is pressed.
    """
    started = time.monotonic()
    _check_formats(formats)
    folder = Path(folder)
    verdicts, digest = _read_verdicts(verdicts)
    folder.mkdir(parents=True, exist_ok=True)
    working = working_folder(folder / CATALOG)
    make_folder(working)
    try:
        with hold_lock(working), open_journal(working, overwrite) as journal:
            if (folder / CATALOG).exists() and not overwrite and not journal.planned:
                raise RunExistsError(
                    f"{folder / CATALOG} exists; give --overwrite to replace it"
                )
            plan = make_catalog_plan(
                verdicts,
                stamps,
                min_probability=min_probability,
                targets=targets,
                options={
                    "psf": psf,
                    "posterior": posterior,
                    "contrast": contrast,
                    "seed": seed,
                },
                chunk_size=chunk_size,
                digest=digest,
            )
            parts = _begin(journal, plan, working, overwrite)
            try:
                with _pool(workers) as (pool, count):
                    _work(journal, plan, parts, pool, count, progress)
            except KeyboardInterrupt:
                total, done = journal.stacks()
                raise RunInterrupt(done, total) from None
            names = [name for _, _, name, _ in journal.parts()]
            pairs, inputs = join_parts(
                load_table(parts / name, QTable) for name in names
            )
            pairs = _no_pairs() if pairs is None else pairs
            catalog = make_catalog(
                verdicts,
                pairs,
                settings=settings,
                neighbours=neighbours,
                gaia=gaia,
                wds=wds,
                inputs=inputs,
            )
            write_catalog(folder, catalog, verdicts, pairs, formats=formats)
        shutil.rmtree(working)
    finally:
        # Where nothing was begun, nothing is left behind.
        with suppress(OSError):
            working.rmdir()
    return _summary(folder, catalog, pairs, time.monotonic() - started)


def write_catalog(folder, catalog, verdicts, pairs=None, *, formats=()):
    """Write the files of a catalogue, each whole or not at all, the catalogue last.

    Parameters
    ----------
    folder : `~pathlib.Path`
        It exists; what is there is replaced.
    catalog, verdicts, pairs : `~astropy.table.Table`
        The tables.
    formats : sequence of str, optional
        Endings in which the catalogue is written too.
    """
    for name, table in ((VERDICTS, verdicts), (PAIRS, pairs)):
        if table is not None:
            _write(folder / name, table)
    for ending in formats:
        _write(folder / f"catalog{ending}", catalog)
    _write(folder / CATALOG, catalog)


def _write(path, table):
    with whole_file(path) as part:
        # The writer takes out of a table what the format cannot hold.
        write_table(table.copy(), part, overwrite=True)


def _check_formats(formats):
    for ending in formats:
        if ending not in FORMATS:
            known = ", ".join(FORMATS)
            raise ValueError(f"unknown ending {ending!r} of a table; known: {known}")


def _read_verdicts(verdicts):
    """The table, and a hash of it."""
    if isinstance(verdicts, Table):
        from hashlib import sha256

        rows = repr([tuple(map(str, row)) for row in verdicts])
        return verdicts, sha256(rows.encode()).hexdigest()
    table = read_table(verdicts, "table of verdicts")
    missing = {"source", "survey", "probability", "label"} - set(table.colnames)
    if missing:
        raise ValueError(f"{verdicts} has no column {', '.join(sorted(missing))}")
    return QTable(table), hash_file(verdicts)


def _no_pairs():
    from astro_vbinary.measurement import PairResult

    return PairResult([]).to_table()


def _begin(journal, plan, working, overwrite):
    """Go on with what is in the journal, or begin anew; the folder of the parts."""
    parts = working / "parts"
    if journal.planned:
        differences = journal.differences(plan)
        if not differences:
            parts.mkdir(exist_ok=True)
            done = journal.parts()
            lost = [n for n, _, name, sha in done if hash_file(parts / name) != sha]
            journal.forget(lost)
            return parts
        if not overwrite:
            raise RunExistsError(
                f"{working.parent} was begun otherwise: {'; '.join(differences)}. "
                "Undo this to go on, or give --overwrite to start anew"
            )
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    journal.begin(plan, overwrite=overwrite)
    return parts


@contextmanager
def _pool(workers):
    """Who measures, and how many chunks at a time."""
    if workers == 0:
        yield SerialExecutor(), 1
        return
    count = workers or count_cores()
    pool = WorkerPool(count)
    try:
        yield pool, count
    except BaseException:
        pool.kill()
        raise
    pool.shutdown()


def _work(journal, plan, parts, pool, count, progress):
    """Measure the chunks that are not done."""
    total, before = journal.stacks()
    sizes, waiting, running = plan.sizes(), deque(journal.waiting()), deque()
    bar = tqdm(
        total=total,
        initial=before,
        unit="source",
        desc="measure",
        disable=None if progress else True,
    )
    with bar:
        while waiting or running:
            # In order: parts are small, and chunks take about as long.
            while waiting and len(running) < 2 * count:
                number = waiting.popleft()
                running.append((number, pool.submit(measure, plan.chunk(number))))
            number, future = running.popleft()
            started = time.perf_counter()
            try:
                table = future.result()
            except BrokenExecutor as error:
                raise RunFailedError(
                    f"a process died while it measured sources: {error}. What was "
                    "done is kept; run again to go on"
                ) from error
            path = parts / f"{number:06d}.ecsv"
            with whole_file(path) as part:
                save_table(table, part, overwrite=True)
                digest = hash_file(part)
            spent = {"measure": time.perf_counter() - started}
            journal.done(number, path.name, digest, len(table), spent)
            bar.update(sizes[number])


def _summary(folder, catalog, pairs, seconds):
    from astro_vbinary.status import Status

    flags = Counter(
        name for cell in catalog["flags"] for name in str(cell).split(",") if name
    )
    statuses = [Status(str(status)) for status in pairs["status"]]
    return CatalogSummary(
        folder=str(folder),
        sources=len(catalog),
        labels=dict(Counter(str(label) for label in catalog["label"])),
        flags=dict(flags),
        measured=sum(status is Status.OK for status in statuses),
        failed=sum(status.is_failure for status in statuses),
        seconds=seconds,
    )
