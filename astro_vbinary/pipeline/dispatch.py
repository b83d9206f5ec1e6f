"""Hand chunks out, a few at a time, and gather what comes back."""

from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass

from astro_vbinary.exceptions import RunFailedError, VBinaryError
from astro_vbinary.pipeline.executors import is_death
from astro_vbinary.pipeline.work import failed_columns, work

__all__ = ["MOST_DEATHS", "dispatch"]

#: Times that a chunk may take its process with it before its rows say so.
MOST_DEATHS = 3

#: Chunks given up one after another that mean that nothing works.
MOST_GIVEN_UP = 3


@dataclass
class _Job:
    """A chunk on its way, and what happened to it so far."""

    number: int
    deaths: int = 0
    reason: str = ""


def dispatch(executor, numbers, plan, *, in_flight):
    """Have chunks done, and yield each as it is.

    When a process dies, any of the chunks at work may have been the cause. So these
    are done again, one at a time, and only one that is alone when a process dies is
    given up.

    Parameters
    ----------
    executor : `concurrent.futures.Executor`
        Who does the work.
    numbers : iterable of int
        The chunks.
    plan : `~astro_vbinary.pipeline.plan.Plan`
        Where they are made from.
    in_flight : int
        Most chunks that are handed out at a time.

    Yields
    ------
    number : int
        The chunk.
    columns : dict of str to list
        Its rows.
    seconds : dict of str to float
        Time spent on each stage.

    Raises
    ------
    RunFailedError
        If several chunks in a row cannot be done, or the executor is lost.
    VBinaryError
        If the weights are not there or not those of the plan.
    """
    return _Dispatcher(executor, plan, in_flight).run(deque(map(_Job, numbers)))


class _Dispatcher:
    def __init__(self, executor, plan, in_flight):
        self.executor, self.plan, self.in_flight = executor, plan, in_flight
        self.suspects = deque()
        self.at_work = {}
        self.given_up = []

    def run(self, waiting):
        try:
            while True:
                self._hand_out(waiting)
                if not self.at_work:
                    break
                alone = len(self.at_work) == 1
                done, _ = wait(self.at_work, return_when=FIRST_COMPLETED)
                for future in done:
                    job = self.at_work.pop(future)
                    outcome = self._outcome(future, job, alone)
                    if outcome is not None:
                        yield from self._give_up_earlier()
                        yield job.number, *outcome
            yield from self._give_up_earlier()
        finally:
            for future in self.at_work:
                future.cancel()

    def _hand_out(self, waiting):
        if self.suspects:
            # Alone, so that it is known who is to blame if a process dies again.
            if not self.at_work:
                self._submit(self.suspects.popleft())
            return
        while waiting and len(self.at_work) < self.in_flight:
            self._submit(waiting.popleft())

    def _submit(self, job):
        chunk = self.plan.chunk(job.number)
        try:
            future = self.executor.submit(work, chunk, self.plan.settings)
        except RuntimeError as error:
            # What is not a pool of ours cannot be made anew.
            raise RunFailedError(
                f"the executor takes no more work: {error}; run again to go on"
            ) from error
        self.at_work[future] = job

    def _outcome(self, future, job, alone):
        """Columns and seconds; None where the chunk must be done again, or cannot."""
        try:
            return future.result()
        except CancelledError:
            raise RunFailedError(
                "the executor dropped a chunk: is the Dask scheduler still there? "
                "Run again to go on"
            ) from None
        except (VBinaryError, ImportError):
            raise  # the weights or the installation: so it would be for every chunk
        except Exception as error:
            dead = is_death(error)
            job.deaths += 1
            job.reason = (
                f"the process that worked on it died {job.deaths} times"
                if dead
                else f"{type(error).__name__}: {error}"
            )
            if job.deaths >= MOST_DEATHS and (alone or not dead):
                self._give_up(job)
            else:
                self.suspects.append(job)
            return None

    def _give_up(self, job):
        self.given_up.append(job)
        if len(self.given_up) >= MOST_GIVEN_UP:
            raise RunFailedError(
                f"{len(self.given_up)} chunks in a row were not done: {job.reason}; "
                "what was done before is kept, and running again goes on"
            )

    def _give_up_earlier(self):
        """Failures of single chunks, known as such by what was done since."""
        for job in self.given_up:
            chunk = self.plan.chunk(job.number)
            columns = failed_columns(chunk, self.plan.settings, job.reason)
            yield job.number, columns, {}
        self.given_up = []
