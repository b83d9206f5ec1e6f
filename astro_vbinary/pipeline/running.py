"""Run a whole catalogue, and go on with it if it was stopped."""

import shutil
import tempfile
import time
from concurrent.futures import BrokenExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tqdm.auto import tqdm

from astro_vbinary.classification.result import check_ending
from astro_vbinary.exceptions import RunExistsError, RunFailedError, VBinaryError
from astro_vbinary.pipeline.assembling import Tally, assemble
from astro_vbinary.pipeline.devices import find_device, needs_a_look
from astro_vbinary.pipeline.dispatch import dispatch
from astro_vbinary.pipeline.executors import (
    SerialExecutor,
    WorkerPool,
    as_executor,
    count_cores,
)
from astro_vbinary.pipeline.journal import Journal
from astro_vbinary.pipeline.lock import hold_lock
from astro_vbinary.pipeline.options import RunOptions
from astro_vbinary.pipeline.parts import hash_file, write_part
from astro_vbinary.pipeline.plan import make_plan
from astro_vbinary.pipeline.summary import RunSummary

__all__ = ["RunInterrupt", "run_catalog", "working_folder"]

#: Added to the name of the output, the folder for what is not finished.
ENDING = ".run"

#: Chunks that wait for each process while it works on another.
IN_RESERVE = 1


class RunInterrupt(KeyboardInterrupt):
    """A run was stopped by Ctrl-C; what was done is kept.

    Attributes
    ----------
    done, total : int
        Stacks that are done, and all of them.
    """

    def __init__(self, done, total):
        super().__init__(f"stopped after {done:,} of {total:,} stacks")
        self.done, self.total = done, total


def working_folder(output):
    """The folder of what is not finished.

    Parameters
    ----------
    output : str or `~pathlib.Path`
        The table that is being made.

    Returns
    -------
    `~pathlib.Path`
        Beside it; it holds the journal, ``journal.sqlite``, and the parts.
    """
    output = Path(output)
    return output.with_name(output.name + ENDING)


def run_catalog(
    stamps,
    output,
    *,
    catalog=None,
    options=None,
    executor=None,
    overwrite=False,
    progress=False,
):
    """Classify a whole catalogue, so that it can be stopped and gone on with.

    The rows are those of `~astro_vbinary.classify`, in the same order, followed by
    one for each source of the catalogue that has no stamp. They are written chunk by
    chunk to a folder beside the output, ``OUTPUT.run``. A run that was stopped, by
    Ctrl-C, a crash or a full disk, goes on where it was when it is called again.

    Parameters
    ----------
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        The stamps.
    output : str or `~pathlib.Path`
        The table; its ending is one of those of
        `~astro_vbinary.classification.ClassificationResult.write`.
    catalog : path, `~astropy.table.Table`, dict of str to SkyCoord, optional
        Sources and their positions, as `~astro_vbinary.stamps.read_targets` reads
        them. Only stamps of these sources are used. Without it every stamp is, and
        its centre stands for the source.
    options : RunOptions, optional
        How it is done.
    executor : `concurrent.futures.Executor` or `distributed.Client`, optional
        Who does it; by default processes of this machine, as ``options.workers`` has
        it. It is not shut down.
    overwrite : bool, optional
        Whether an output that exists is replaced, and an unfinished run of other
        files, options or weights is thrown away. One of the same is gone on with in
        any case.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    RunSummary
        What it came to.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If the output's ending is unknown, the catalogue cannot be read, none of its
        sources has a stamp, there is nothing to do, or there is no such device.
    TypeError
        If the executor is none.
    ~astro_vbinary.exceptions.RunExistsError
        If the output exists, or was begun with other files, options or weights.
    ~astro_vbinary.exceptions.RunInUseError
        If another process is at work on the same output.
    ~astro_vbinary.exceptions.RunFailedError
        If the folder cannot be written to or the run cannot go on.
    OSError
        If the disk is full.
    RunInterrupt
        If Ctrl-C is pressed.

    Notes
    -----
    Processes are spawned, so a script that calls this must do so under
    ``if __name__ == "__main__":``.

    Examples
    --------
    >>> from astro_vbinary.pipeline import RunOptions, run_catalog
    >>> run_catalog(  # doctest: +SKIP
    ...     "stamps/", "verdicts.ecsv", catalog="sources.vot",
    ...     options=RunOptions(prior=0.02, workers=8), progress=True,
    ... )
    """
    started = time.monotonic()
    output, options = Path(output), options or RunOptions()
    check_ending(output)
    if output.is_dir():
        raise RunExistsError(f"{output} is a folder, not a file")
    folder = working_folder(output)
    make_folder(folder)
    try:
        with hold_lock(folder), open_journal(folder, overwrite) as journal:
            run = _Run(output, folder, journal, overwrite, started)
            run.check_output()
            try:
                with _start(executor, options) as (pool, workers, device):
                    run.begin(make_plan(stamps, catalog, options, device=device))
                    run.work(pool, workers, progress)
                # The processes have ended, and given their memory back.
                return run.finish(workers)
            except KeyboardInterrupt:
                if not journal.planned:
                    raise
                total, done = journal.stacks()
                raise RunInterrupt(done, total) from None
    finally:
        # Where nothing was begun, nothing is left behind.
        with suppress(OSError):
            folder.rmdir()


def make_folder(folder):
    """Make a folder where it is missing, and see whether it can be written to.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder; the one it is in exists.

    Raises
    ------
    RunFailedError
        If it cannot be made or written to.
    """
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileNotFoundError:
        raise RunFailedError(f"there is no folder {folder.parent}") from None
    except OSError as error:
        raise RunFailedError(f"cannot write in {folder}: {error.strerror}") from error


@contextmanager
def open_journal(folder, overwrite):
    """The journal of a folder; one that holds no plan in the end is removed.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The folder.
    overwrite : bool
        Whether a journal that cannot be read is replaced.

    Yields
    ------
    Journal
        It is open in the ``with`` block.
    """
    path = folder / "journal.sqlite"
    journal = Journal(path)
    try:
        journal.open()
    except (RunFailedError, RunExistsError):
        journal.close()
        if not overwrite:
            raise
        path.unlink(missing_ok=True)
        journal.open()
    planned = True
    try:
        yield journal
    finally:
        with suppress(RunFailedError):
            planned = journal.planned
        journal.close()
        if not planned:
            with suppress(OSError):
                path.unlink()
                (folder / "lock.sqlite").unlink()


@contextmanager
def _start(executor, options):
    """Who does the work, how many chunks at a time, and on which device."""
    if executor is not None:
        executor, workers = as_executor(executor)
        device = options.device
        if device != "cpu":
            device, _ = executor.submit(find_device, device).result()
        yield executor, workers, device
        return
    if options.workers == 0:
        yield SerialExecutor(), 1, find_device(options.device)[0]
        return
    pool = WorkerPool(options.workers or count_cores())
    try:
        try:
            # Also tells whether processes can be started at all.
            device, gpus = pool.submit(find_device, options.device).result()
        except BrokenExecutor as error:
            raise RunFailedError(
                "processes cannot be started; a script must call run_catalog under "
                '`if __name__ == "__main__":`'
            ) from error
        workers = options.workers or len(gpus) or count_cores()
        if needs_a_look(options.device):
            # The process that looked at the GPUs holds memory of one.
            pool.resize(workers, gpus=gpus)
        yield pool, workers, device
    except BaseException:
        pool.kill()
        raise
    pool.shutdown()


class _Run:
    """One call of `run_catalog`, with its journal open and locked."""

    def __init__(self, output, folder, journal, overwrite, started):
        self.output, self.folder, self.journal = output, folder, journal
        self.overwrite, self.started = overwrite, started
        self.parts = folder / "parts"
        self.plan = None
        self.before = 0

    def check_output(self):
        """Raise if the output must not be replaced; before the work."""
        if self.overwrite or not self.output.exists():
            return
        if self.journal.finished:
            shutil.rmtree(self.parts, ignore_errors=True)
            raise RunExistsError(
                f"{self.output} is finished; give --overwrite to run it anew"
            )
        if not self.journal.planned:
            raise RunExistsError(
                f"{self.output} exists; give --overwrite to replace it"
            )
        own = self.journal.about("assembling") or self.journal.about("overwrite")
        if own != "yes":
            raise RunExistsError(
                f"{self.output} exists and is not of the unfinished run in "
                f"{self.folder}: move it away, or give --overwrite"
            )

    def begin(self, plan):
        """Go on with the run in the journal, or begin a new one."""
        self.plan = plan
        if self.journal.planned and not self.journal.finished:
            differences = self.journal.differences(plan)
            if not differences:
                self._check_parts()
                return
            if not self.overwrite:
                raise RunExistsError(
                    f"{self.output} was begun otherwise: {'; '.join(differences)}. "
                    "Undo this to go on, or give --overwrite to start anew"
                )
        with self._keeping():
            shutil.rmtree(self.parts, ignore_errors=True)
            self.parts.mkdir(exist_ok=True)
            self.journal.begin(plan, overwrite=self.overwrite)

    def _check_parts(self):
        """Parts that are not as they were written are made again."""
        self.parts.mkdir(exist_ok=True)
        lost = [
            number
            for number, _, name, sha256 in self.journal.parts()
            if hash_file(self.parts / name) != sha256
        ]
        if lost:
            self.journal.forget(lost)

    def work(self, pool, workers, progress):
        """Do the chunks that are not done."""
        total, self.before = self.journal.stacks()
        sizes = self.plan.sizes()
        results = dispatch(
            pool,
            self.journal.waiting(),
            self.plan,
            in_flight=(1 + IN_RESERVE) * workers,
        )
        bar = tqdm(
            total=total,
            initial=self.before,
            unit="stack",
            desc="run",
            disable=None if progress else True,
        )
        with bar, closing(results), self._keeping():
            for number, columns, seconds in results:
                self._write(number, columns, seconds)
                bar.update(sizes[number])

    def _write(self, number, columns, seconds):
        started = time.perf_counter()
        name = f"{number:06d}.parquet"
        digest = write_part(self.parts / name, columns)
        seconds = seconds | {"write": time.perf_counter() - started}
        rows = len(columns["source"])
        # Last: a part without an entry is made again, an entry without a part is lost.
        self.journal.done(number, name, digest, rows, seconds)

    def finish(self, workers):
        """Put the parts together and say what it came to."""
        started = time.perf_counter()
        parts = [self.parts / name for _, _, name, _ in self.journal.parts()]
        tally = Tally(parts)
        with self._keeping():
            self.journal.note(assembling="yes")
            assemble(parts, self.output, tally)
        total, _ = self.journal.stacks()
        stages = self.journal.seconds()
        stages["assemble"] = time.perf_counter() - started
        summary = RunSummary(
            output=str(self.output),
            rows=tally.rows,
            sources=len(tally.sources),
            surveys=len(tally.surveys),
            statuses=tally.statuses,
            binaries=tally.binaries,
            dropped=tally.dropped,
            troubled=tally.troubled,
            left_out=self.plan.left_out,
            seconds=time.monotonic() - self.started,
            stacks=total - self.before,
            stacks_before=self.before,
            stages=stages,
            workers=workers,
            device=self.plan.settings.device,
        )
        with self._keeping():
            self.journal.finish(summary.to_json())
        shutil.rmtree(self.parts, ignore_errors=True)
        return summary

    @contextmanager
    def _keeping(self):
        """Say of a failure of the disk that nothing is lost by it."""
        try:
            yield
        except VBinaryError:
            raise
        except OSError as error:
            raise RunFailedError(
                f"cannot write to {self.folder}: {error.strerror or error}. What was "
                "done is kept; once there is room, run again to go on"
            ) from error
