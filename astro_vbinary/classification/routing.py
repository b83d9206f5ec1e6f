"""Route stacks to their groups' classifiers and gather one row for each."""

import time
from collections.abc import Iterable
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tqdm.auto import tqdm

from astro_vbinary.classification.batches import judge_stacks
from astro_vbinary.classification.choosing import choose_weights
from astro_vbinary.classification.classifier import BinaryClassifier, check_prior
from astro_vbinary.classification.result import ClassificationResult, make_row
from astro_vbinary.exceptions import (
    StampError,
    UnknownWeightsError,
    VBinaryError,
)
from astro_vbinary.stamps import AlignedStack, StampIndex, StampStack
from astro_vbinary.stamps.alignment import check_engine
from astro_vbinary.stamps.light import LightStack
from astro_vbinary.stamps.light_reading import read_light, read_shards
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.stamps.stack import READ_SIZE, tell_dropped
from astro_vbinary.status import Flag, Status
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT, get_survey, resolution_group
from astro_vbinary.surveys.groups import check_policy

__all__ = ["classify"]

#: Stacks whose images are read of shards together.
TOGETHER = 64

#: Width of a star, over the widest separation of a pair, above which a survey that has
#: no weights is said not to resolve pairs.
BARELY_RESOLVED = 0.6


def classify(
    stacks,
    *,
    policy="published",
    targets=None,
    device="auto",
    precision="auto",
    engine="batch",
    prior=None,
    batch_size=None,
    progress=False,
    weights=(),
    classifiers=None,
    timings=None,
):
    """Classify stacks of any surveys, each by its resolution group's network.

    Parameters
    ----------
    stacks : path, `StampIndex`, or iterable of `StampStack` or `AlignedStack`
        What to classify. Of a path or an index the files are read one stack at
        a time; those that cannot be used become rows with a reason.
    policy : str, optional
        How surveys are put into groups: ``published`` or ``effective``; see
        `~astro_vbinary.surveys.resolution_group`.
    targets : dict of str to `~astropy.coordinates.SkyCoord`, optional
        Positions of sources by name, used instead of the stamps' centres.
    device, precision : str, optional
        As for `BinaryClassifier`.
    engine : str, optional
        Alignment engine, one of `~astro_vbinary.stamps.ENGINES`. ``batch`` aligns
        many stacks at once, the others go one by one.
    prior : float, optional
        Share of binaries among the sources, before anything is seen of them; by
        default what the weights' calibration assumed.
    batch_size : int, optional
        Stacks that a network sees at a time; by default 32 on a CPU, and on a GPU as
        many as fit into half of the memory that is free, at most 1024.
    progress : bool, optional
        Whether to show a bar on a terminal.
    weights : str, path, or sequence of them, optional
        Ids or cards of weights to use for their groups, instead of the bundled ones.
    classifiers : dict of int to `BinaryClassifier` or None, optional
        Classifiers by group, None where a group has none, to use instead of those
        that are installed. Groups that it lacks are loaded into it, so that a later
        call with the same dict need not load them again.
    timings : dict of str to float, optional
        The seconds spent on ``load`` (weights), ``read``, ``align``, ``prepare`` and
        ``classify`` are added to it.

    Returns
    -------
    ClassificationResult
        One row for each source and survey, in the order of the input, then one
        for each file that belongs to none.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If the policy or engine is unknown, the prior not between 0 and 1, or two sets
        of weights are for one group.
    UnknownWeightsError
        If no weights have a given id.
    """
    check_prior(prior)
    if isinstance(stacks, str | Path) or (
        isinstance(stacks, list | tuple)
        and stacks
        and all(isinstance(item, str | Path) for item in stacks)
    ):
        stacks = StampIndex.from_paths(stacks)
    check_engine(engine)
    check_policy(policy)
    chosen = choose_weights(weights, policy)
    if chosen:
        classifiers = {} if classifiers is None else classifiers
        for group, card in chosen.items():
            classifiers[group] = BinaryClassifier.from_file(
                card.path, device=device, precision=precision
            )
    rejected = stacks.rejected if isinstance(stacks, StampIndex) else ()
    router = _Router(
        policy, device, precision, engine, prior, batch_size, classifiers, timings
    )
    items = _items(stacks, targets or {})
    bar = tqdm(
        items,
        total=_count(stacks),
        unit="stack",
        desc="classify",
        disable=None if progress else True,
    )
    for item in bar:
        router.add(*item)
    rows = router.finish()
    for file in rejected:
        rows.append(_rejected_row(file))
    return ClassificationResult(rows)


def _count(stacks):
    if isinstance(stacks, StampIndex):
        return len(stacks.groups())
    return len(stacks) if hasattr(stacks, "__len__") else None


def _items(stacks, targets):
    """(source, survey, function that makes the stack) for every row to come.

    The function takes whether the batch engine is to have it.
    """
    if isinstance(stacks, StampIndex):
        for (source, survey), files, images in _with_shards(stacks.groups()):
            survey, target = get_survey(survey), targets.get(source)

            def read(batch, files=files, survey=survey, target=target, images=images):
                if batch:
                    return read_light(
                        files,
                        survey=survey,
                        size=READ_SIZE,
                        target=target,
                        images=images(),
                    )
                return StampStack.read_files(files, target=target, on_error="drop")

            yield source, survey, read
        return
    if isinstance(stacks, StampStack | AlignedStack):
        stacks = [stacks]
    if not isinstance(stacks, Iterable):
        raise TypeError(f"cannot classify a {type(stacks).__name__}")
    for stack in stacks:
        if not isinstance(stack, StampStack | AlignedStack):
            raise TypeError(f"cannot classify a {type(stack).__name__}")
        yield stack.source or "", stack.survey, lambda batch, stack=stack: stack


def _with_shards(groups):
    """Every group with what reads its images together with others'."""
    groups = list(groups.items())
    for first in range(0, len(groups), TOGETHER):
        part = groups[first : first + TOGETHER]

        @cache
        def images(part=tuple(files for _, files in part)):
            return read_shards([file for files in part for file in files])

        for key, files in part:
            yield key, files, images


class _Router:
    """Keeps the rows in order while batches fill up."""

    def __init__(
        self,
        policy,
        device,
        precision,
        engine,
        prior,
        batch_size,
        classifiers=None,
        timings=None,
    ):
        self.policy, self.device, self.precision = policy, device, precision
        self.engine, self.prior, self.batch_size = engine, prior, batch_size
        self.rows = []
        self.classifiers = {} if classifiers is None else classifiers
        self.timings = {} if timings is None else timings
        self.pending = {}
        self.facts = {}

    def add(self, source, survey, read):
        row, prepared, group = self._row(source, survey, read)
        self.rows.append(row)
        if prepared is None:
            return
        key = group, isinstance(prepared, LightStack)
        waiting = self.pending.setdefault(key, [])
        waiting.append((row, prepared, read))
        if len(waiting) >= (self.batch_size or self.classifiers[group].batch_size):
            self._judge(key, waiting)

    def finish(self):
        for key, waiting in self.pending.items():
            self._judge(key, waiting)
        return self.rows

    def _judge(self, key, waiting):
        group, light = key
        if not waiting:
            return
        if light:
            self._judge_together(group, waiting)
        else:
            pending = [(row, prepared) for row, prepared, _ in waiting]
            with self._timed("classify"):
                self.classifiers[group].judge(pending, prior=self.prior)
        waiting.clear()

    def _judge_together(self, group, waiting):
        rows, stacks, reads = zip(*waiting, strict=True)
        before = [dict(row) for row in rows]
        try:
            judge_stacks(
                self.classifiers[group],
                rows,
                stacks,
                prior=self.prior,
                timed=self._timed,
            )
        # One that is odd beyond expectation must not cost the others: each by itself.
        except Exception:
            for row, old, stack, read in zip(rows, before, stacks, reads, strict=True):
                row.update(old)
                found, prepared, _ = self._one(row, stack.survey, read, group)
                row.update(found)
                if prepared is not None:
                    self.classifiers[group].judge([(row, prepared)], prior=self.prior)

    @contextmanager
    def _timed(self, stage):
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.timings[stage] = self.timings.get(stage, 0.0) + spent

    def _row(self, source, survey, read):
        """A row, its image where there is one, and its group."""
        if survey is None:
            row = make_row(source=source, status=Status.UNKNOWN_SURVEY)
            row["reason"] = "the stack does not say which survey it is of"
            return row, None, None
        group, resolves, blank = self._facts(survey)
        row = blank | {"source": source}
        if not resolves:
            row["status"] = Status.UNRESOLVED
            row["reason"] = (
                f"images of {survey.name} are {survey.effective_fwhm():.2f} wide; "
                f"two stars {VISUAL_BINARY_LIMIT:.1f} apart are one in them"
            )
            return row, None, None
        classifier = self._classifier(group)
        if classifier is None:
            self._explain(row, survey, group)
            return row, None, None
        if self.engine != "batch":
            return self._one(row, survey, read, group)
        try:
            with self._timed("read"):
                stack = read(True)
        except StampError as error:
            row["status"], row["reason"] = error.status, str(error)
            return row, None, None
        except Exception:
            stack = None
        if not isinstance(stack, LightStack):
            return self._one(row, survey, read, group)
        row |= {"weights": classifier.card.id, "weights_sha256": classifier.card.sha256}
        if survey.name not in classifier.card.surveys:
            row["flags"] |= Flag.UNTRAINED_SURVEY
        _tell_dropped(row, stack.dropped)
        return row, stack, group

    def _facts(self, survey):
        """Group of a survey, whether it resolves pairs, and its rows' common part."""
        if survey.name not in self.facts:
            group = resolution_group(survey, policy=self.policy).number
            blank = make_row(survey=survey, group=group)
            resolves = survey.resolves(VISUAL_BINARY_LIMIT)
            self.facts[survey.name] = group, resolves, blank
        return self.facts[survey.name]

    def _one(self, row, survey, read, group):
        """One stack by itself, through all of the classes."""
        classifier = self.classifiers[group]
        try:
            with self._timed("read"):
                stack = read(False)
            dropped = (
                stack.meta.get("dropped", ())
                if isinstance(stack, AlignedStack)
                else stack.dropped
            )
            if isinstance(stack, StampStack):
                with self._timed("align"):
                    grid = classifier.grid(position_at(stack.target, None))
                    stack = stack.align(grid, engine=self.engine)
            classifier.check(stack)
            with self._timed("prepare"):
                row, prepared = classifier.prepare(stack)
        except StampError as error:
            row["status"], row["reason"] = error.status, str(error)
            return row, None, None
        # Whatever is wrong with one stack must not stop the others.
        except Exception as error:
            row["reason"] = f"{type(error).__name__}: {error}"
            return row, None, None
        _tell_dropped(row, dropped)
        return row, prepared, group

    def _explain(self, row, survey, group):
        """Why there is no verdict without weights."""
        missing = f"no weights for group {group} of policy {self.policy!r}"
        width = survey.effective_fwhm()
        if width > BARELY_RESOLVED * VISUAL_BINARY_LIMIT:
            row["status"] = Status.UNRESOLVED
            row["reason"] = (
                f"images of {survey.name} are {width:.2f} wide: few pairs within "
                f"{VISUAL_BINARY_LIMIT:.1f} are two stars in them; {missing}"
            )
        else:
            row["status"], row["reason"] = Status.NO_WEIGHTS, missing

    def _classifier(self, group):
        if group not in self.classifiers:
            try:
                with self._timed("load"):
                    self.classifiers[group] = BinaryClassifier.for_group(
                        group,
                        policy=self.policy,
                        device=self.device,
                        precision=self.precision,
                    )
            except UnknownWeightsError:
                self.classifiers[group] = None
        return self.classifiers[group]


def _tell_dropped(row, dropped):
    """Note the files of a stack that could not be used."""
    if dropped:
        row["flags"] |= Flag.FILES_DROPPED
        lost = tell_dropped(dropped)
        row["reason"] = (row["reason"] + "; " if row["reason"] else "") + lost


def _rejected_row(file):
    try:
        survey = get_survey(file.survey) if file.survey else None
    except VBinaryError:
        survey = file.survey
    row = make_row(source=file.source or "", survey=survey, status=file.status)
    row["bands"] = file.band or ""
    row["reason"] = f"{file.path.name}: {file.reason}"
    return row
