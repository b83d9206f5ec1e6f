"""One archive's share of a run: threads that fetch, check, write and record."""

import hashlib
import threading
from dataclasses import replace

from astro_vbinary.archives.checking import check_delivered
from astro_vbinary.archives.labelling import label_stamp, make_label
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Failure
from astro_vbinary.archives.records import Record
from astro_vbinary.exceptions import FetchError

__all__ = ["Crew"]

#: Requests in a row without any answer, after which an archive is taken to be down.
GIVE_UP = 40

#: Checks are work for the processor, and the libraries below change the process's
#: list of warning filters while they work: one thread at a time loses nothing.
_checking = threading.Lock()


class Crew:
    """The threads that work for one recipe.

    Parameters
    ----------
    recipe : `~astro_vbinary.archives.Recipe`
        The recipe.
    bands : collection of str
        The bands that are wanted.
    client : `~astro_vbinary.archives.Client`
        What everything of the network goes through.
    manifest : `~astro_vbinary.archives.manifest.Manifest`
        Where the requests are, and their outcomes go.
    writer : `~astro_vbinary.archives.writing.StampWriter`
        What writes files.
    since : float
        When the run began.
    told : callable
        Called with a request and its `Record`, from any thread.

    Attributes
    ----------
    gave_up : bool
        Whether the archive did not answer at all any more.
    error : BaseException or None
        What went wrong that is no outcome of a request.
    """

    def __init__(self, recipe, bands, client, manifest, writer, *, since, told):
        self.recipe = recipe
        self._client = client.within(recipe.limits)
        self._manifest, self._writer = manifest, writer
        self._since, self._told = since, told
        self._lock = threading.Lock()
        self._silent = 0
        self.gave_up, self.error = False, None
        self._jobs = iter(
            recipe.plan(manifest.pending(recipe.name, since, bands=bands))
        )
        self._threads = [
            threading.Thread(
                target=self._work, name=f"fetch-{recipe.name}", daemon=True
            )
            for _ in range(recipe.limits.concurrency)
        ]

    def start(self):
        """Start to work."""
        for thread in self._threads:
            thread.start()

    def join(self, timeout=None):
        """Wait until the work is done.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for each thread.

        Returns
        -------
        bool
            Whether it is done.
        """
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def _stopped(self):
        return self._client.stop.is_set() or self.gave_up or self.error is not None

    def _work(self):
        try:
            while not self._stopped:
                with self._lock:
                    job = next(self._jobs, None)
                if job is None:
                    return
                mine = self._manifest.claim(job.requests, self._since)
                if mine:
                    self._do(replace(job, requests=tuple(mine)))
        except BaseException as error:
            self.error = error

    def _do(self, job):
        left = {request.key: request for request in job.requests}
        end = Record(Outcome.HTTP_ERROR, f"{self.recipe.name} said nothing of it")
        try:
            for item in self.recipe.fetch(job, self._client):
                request = left.pop(item.request.key, None)
                if request is not None:
                    self._take(request, item)
                if self._client.stop.is_set():
                    return
        except FetchError as error:
            end = Record(Outcome(error.outcome), error.reason)
        except Exception as error:
            # A mistake in one recipe must not end a night's work of twelve others.
            end = Record(
                Outcome.HTTP_ERROR,
                f"{self.recipe.name} failed: {type(error).__name__}: {error}",
            )
        if self._client.stop.is_set():
            return  # not an outcome: the next run asks again
        for request in left.values():
            self._record(request, end)

    def _take(self, request, item):
        if isinstance(item, Failure):
            self._record(request, Record(Outcome(item.outcome), item.reason))
            return
        try:
            with _checking:
                content, record = self._prepare(item)
        except FetchError as error:
            self._record(request, Record(error.outcome, error.reason, url=item.url))
            return
        self._writer.write(request.path, content)
        self._record(request, record)

    def _prepare(self, item):
        checked = check_delivered(
            item,
            max_bytes=self.recipe.limits.max_bytes,
            scale_tolerance=self.recipe.scale_tolerance,
        )
        label = make_label(item, checked, self.recipe)
        content = label_stamp(checked.content, item.request, label, self.recipe)
        record = Record(
            checked.outcome,
            checked.reason,
            bytes=len(content),
            sha256=label.sha256,
            file_sha256=hashlib.sha256(content).hexdigest(),
            url=label.url,
            unit=label.unit,
            zero_point=label.zero_point,
            epoch=None if label.epoch is None else float(label.epoch.utc.mjd),
        )
        return content, record

    def _record(self, request, record):
        if not record.outcome.has_file:
            # A run that was killed may have written it, and not said so.
            self._writer.remove(request.path)
        self._manifest.record(request, record)
        silent = record.outcome in (Outcome.HTTP_ERROR, Outcome.TIMEOUT)
        with self._lock:
            self._silent = self._silent + 1 if silent else 0
            self.gave_up = self.gave_up or self._silent >= GIVE_UP
        self._told(request, record)
