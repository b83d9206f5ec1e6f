"""Fetch the stamps of a whole catalogue, and go on where it was left."""

import sqlite3
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import astropy.units as u
from astropy.utils.exceptions import AstropyWarning

from astro_vbinary.archives.client import Client
from astro_vbinary.archives.coverage import read_coverage
from astro_vbinary.archives.manifest import Manifest
from astro_vbinary.archives.planning import (
    DEFAULT_SIZE,
    choose_recipes,
    make_requests,
)
from astro_vbinary.archives.records import MANIFEST_NAME, SHARED_FOLDER
from astro_vbinary.archives.sources import list_positions
from astro_vbinary.archives.summary import FetchInterrupt, FetchSummary
from astro_vbinary.archives.working import Crew
from astro_vbinary.archives.writing import StampWriter
from astro_vbinary.exceptions import MixedOriginsError, RunFailedError

__all__ = ["fetch_stamps"]

# Seconds that threads have to write what they hold when a run is stopped; what takes
# longer is left to the next run, which clears it away.
LAST_WORDS = 10


def fetch_stamps(
    sources,
    output,
    *,
    surveys=None,
    bands=None,
    size=DEFAULT_SIZE,
    origin="auto",
    pixel_scale=None,
    recipes=(),
    base_urls=None,
    contact=None,
    offline=False,
    use_coverage=True,
    patience=None,
    progress=False,
):
    """Fetch stamps of sources from the archives of surveys.

    What is in the output is not fetched again, and neither is what a survey does not
    have; what failed is tried again. Several processes can work on one output at a
    time: they share the requests, and the limits of each server hold for all together.

    Parameters
    ----------
    sources : `~astropy.table.Table`, path, or `~astropy.coordinates.SkyCoord`
        A catalogue, or a file with one, with columns as for
        `~astro_vbinary.stamps.read_targets`; or positions, in any frame, whose sources
        are called after their coordinates.
    output : str or `~pathlib.Path`
        Folder for the stamps and their manifest; made where it is missing.
    surveys : sequence of str, optional
        Which surveys, or names of archives; by default all surveys that have one.
    bands : sequence of str, optional
        Which bands; by default all.
    size : `~astropy.units.Quantity`, optional
        Side of the stamps, an angle.
    origin : {"auto", "native", "hips", "mixed"}, optional
        Whether stamps come from the survey's own archive, with HiPS for surveys that
        have none; only from one of them; or from HiPS too where the archive gave none.
    pixel_scale : `~astropy.units.Quantity`, optional
        Side of a pixel of stamps from HiPS; by default the survey's own.
    recipes : sequence of `Recipe`, optional
        Archives of your own, which go before the known ones for their surveys.
    base_urls : dict of str to str, optional
        Other servers, by name of recipe.
    contact : str, optional
        Mail address or page that servers are told; by default that of the environment
        variable ``ASTRO_VBINARY_CONTACT``.
    offline : bool, optional
        Whether to use the network not at all: only files of this machine are fetched.
    use_coverage : bool, optional
        Whether to look at coverage maps first, where there are any and mocpy is
        installed.
    patience : Patience, optional
        How often a request is tried.
    progress : bool, optional
        Whether to show a progress bar on a terminal.

    Returns
    -------
    FetchSummary
        What was done.

    Raises
    ------
    FetchInterrupt
        On Ctrl-C; the same call goes on.
    ~astro_vbinary.exceptions.MixedOriginsError
        If the output has stamps of a survey from another origin, and the origin is not
        ``mixed``.
    ~astro_vbinary.exceptions.UnknownArchiveError
        If a survey has no such archive.
    ~astro_vbinary.exceptions.RunFailedError
        If the manifest cannot be used.
    ValueError
        If the sources cannot be understood, or another value is not allowed.
    """
    started, since = time.monotonic(), time.time()
    size = u.Quantity(size).to_value(u.arcsec)
    scale = None if pixel_scale is None else u.Quantity(pixel_scale).to_value(u.arcsec)
    choices = choose_recipes(
        surveys, bands, origin=origin, base_urls=base_urls, own=tuple(recipes)
    )
    positions = list_positions(sources)
    output = Path(output)
    (output / SHARED_FOLDER).mkdir(parents=True, exist_ok=True)
    summary = FetchSummary(output)
    shared = output / SHARED_FOLDER
    with (
        Client(shared, contact=contact, patience=patience) as client,
        Manifest(output / MANIFEST_NAME, token=client.life.token) as manifest,
        _progress(progress) as bar,
        _quiet(),
    ):
        _tidy(client, manifest, StampWriter(output, shared / "temp", client.life.token))
        if origin != "mixed":
            for choice in choices:
                _refuse_mixture(manifest, choice)
        run = _Run(client, manifest, output, since, bar, summary)
        try:
            for choice in choices:
                asked = client if use_coverage and not offline else None
                coverage = _coverage(choice, asked) if use_coverage else {}
                requests = make_requests(
                    positions, choice, size=size, pixel_scale=scale, coverage=coverage
                )
                run.plan(choice.recipe, requests)
            run.work([(c.recipe, c.bands) for c in choices if _may(c.recipe, offline)])
            second = [c for c in choices if c.fallback and _may(c.fallback, offline)]
            for choice in second:
                run.plan_fallback(choice, scale)
            run.work([(c.fallback, c.bands) for c in second])
        except KeyboardInterrupt:
            run.finish(started, choices)
            raise FetchInterrupt(summary) from None
        except sqlite3.Error as error:
            raise RunFailedError(f"{output}: {error}; what was done is kept") from error
        run.finish(started, choices)
    return summary


class _Run:
    """What the parts of one call share."""

    def __init__(self, client, manifest, output, since, bar, summary):
        self.client, self.manifest, self.summary = client, manifest, summary
        self.since, self.bar = since, bar
        self.writer = StampWriter(
            output, output / SHARED_FOLDER / "temp", client.life.token
        )
        self._lock = threading.Lock()
        self.crews = []

    def plan(self, recipe, requests):
        for chunk, outcome in requests:
            reason = "" if outcome is None else "outside the survey's coverage map"
            self.manifest.add(chunk, recipe.name, outcome=outcome, reason=reason)

    def plan_fallback(self, choice, scale):
        """Ask HiPS for what the archive did not give."""
        bands = set(choice.bands) & set(choice.fallback.bands)
        left = self.manifest.without_file(choice.recipe.name, bands=bands)
        origin = choice.fallback.origin
        asked = (replace(r, origin=origin, pixel_scale=scale) for r in left)
        self.manifest.add(asked, choice.fallback.name)

    def work(self, shares):
        """Let the crews of some recipes work side by side, until all are done."""
        counts = self.manifest.count({recipe.name for recipe, _ in shares})
        self.bar.total = (self.bar.total or 0) + sum(
            number
            for counter in counts.values()
            for outcome, number in counter.items()
            if outcome is None or outcome.is_failure
        )
        self.bar.refresh()
        crews = [
            Crew(
                recipe,
                bands,
                self.client,
                self.manifest,
                self.writer,
                since=self.since,
                told=self.told,
            )
            for recipe, bands in shares
        ]
        self.crews += crews
        for crew in crews:
            crew.start()
        try:
            # With a time-out, so that Ctrl-C is heard on every system.
            while not all(crew.join(0.1) for crew in crews):
                pass
        except KeyboardInterrupt:
            self.client.stop.set()
            for crew in crews:
                crew.join(1.0)
            self.client.abort()  # what is still waiting for an answer
            deadline = time.monotonic() + LAST_WORDS
            for crew in crews:
                crew.join(max(deadline - time.monotonic(), 0))
            raise
        for crew in crews:
            if crew.error is not None:
                raise crew.error

    def told(self, request, record):
        with self._lock:
            self.summary.fetched[record.outcome] += 1
            self.summary.n_bytes += record.bytes or 0
            self.bar.update()

    def finish(self, started, choices):
        self.manifest.release()
        names = {choice.recipe.name for choice in choices}
        names |= {choice.fallback.name for choice in choices if choice.fallback}
        self.summary.counts = self.manifest.count(names)
        self.summary.seconds = time.monotonic() - started
        self.summary.gave_up = tuple(c.recipe.name for c in self.crews if c.gave_up)
        if not self.summary.n_pending and not self.summary.n_failures:
            self.client.clear_cache()


def _may(recipe, offline):
    return recipe.offline or not offline


def _tidy(client, manifest, writer):
    """Free what dead processes held, and remove what they left unfinished."""
    alive = client.life.is_alive
    dead = [token for token in manifest.claimants() if not alive(token)]
    manifest.release(dead)
    writer.clean(alive)
    for token in client.life.tokens():
        if not alive(token):
            client.life.bury(token)


def _refuse_mixture(manifest, choice):
    there = manifest.origins_with_files(choice.recipe.survey) - {choice.recipe.origin}
    if there:
        raise MixedOriginsError(
            f"the output has stamps of {choice.recipe.survey} of origin "
            f"{', '.join(sorted(there))}, and {choice.recipe.origin} are asked for: "
            'use another folder, or origin "mixed"'
        )


def _coverage(choice, client):
    """Maps of the bands that have one."""
    found = {}
    for band in choice.bands:
        read = read_coverage(choice.recipe.coverage(band), client)
        if read is not None:
            found[band] = read
    return found


@contextmanager
def _quiet():
    """No warnings about odd headers while threads read them.

    Filters belong to the process: threads that set their own for a while would
    otherwise let others' warnings through.
    """
    with warnings.catch_warnings():
        for category in (AstropyWarning, UserWarning, RuntimeWarning):
            warnings.simplefilter("ignore", category)
        yield


@contextmanager
def _progress(shown):
    from tqdm import tqdm

    hidden = None if shown else True  # None: shown on a terminal only
    with tqdm(total=0, unit="stamp", desc="fetch", disable=hidden, leave=False) as bar:
        yield bar
