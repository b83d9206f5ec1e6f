"""What a process does: one chunk of a catalogue."""

import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from astro_vbinary.classification.result import (
    COLUMNS,
    ClassificationResult,
    make_row,
)
from astro_vbinary.exceptions import UnknownSurveyError, WeightsError
from astro_vbinary.pipeline.heap import give_back
from astro_vbinary.pipeline.positions import from_numbers
from astro_vbinary.stamps import StampIndex
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey, register_survey, resolution_group

__all__ = ["Chunk", "Settings", "Weights", "failed_columns", "work"]


@dataclass(frozen=True)
class Weights:
    """Which weights a group has, wherever they lie.

    Attributes
    ----------
    group : int
        Resolution group.
    id, version, sha256 : str
        As on the card.
    path : str
        The card's file where the run was planned.
    """

    group: int
    id: str
    version: str
    sha256: str
    path: str


@dataclass(frozen=True)
class Settings:
    """What is the same for every chunk of a run.

    Attributes
    ----------
    policy, device, precision, engine, prior, batch_size
        As in `~astro_vbinary.pipeline.RunOptions`.
    weights : tuple of Weights
        One for each group that has any.
    surveys : tuple of `~astro_vbinary.surveys.Survey`
        Those that the stamps are of; a process that does not know one learns it.
    """

    policy: str
    device: str
    precision: str
    engine: str
    prior: float | None
    batch_size: int | None
    weights: tuple[Weights, ...]
    surveys: tuple = ()


@dataclass(frozen=True)
class Chunk:
    """Some stacks of a catalogue, and what else becomes a row.

    Attributes
    ----------
    number : int
        Place in the order of the rows.
    files : tuple of `~astro_vbinary.stamps.StampFile`
        Files of the stacks.
    positions : dict of str to tuple of float
        Positions by source, as `~astro_vbinary.pipeline.positions.to_numbers` gives
        them.
    rejected : tuple of `~astro_vbinary.stamps.RejectedFile`
        Files that become rows of their own.
    missing : tuple of (str, tuple of float)
        Sources of the catalogue without stamps, with their positions.
    n_stacks : int
        Stacks, rejected files and missing sources together: what progress counts.
    """

    number: int
    files: tuple = ()
    positions: dict = field(default_factory=dict)
    rejected: tuple = ()
    missing: tuple = ()
    n_stacks: int = 0


def work(chunk, settings):
    """Classify a chunk.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    settings : Settings
        What holds for every chunk.

    Returns
    -------
    columns : dict of str to list
        The columns of a result, of plain text and numbers, with the rows in the order
        of `~astro_vbinary.classify`.
    seconds : dict of str to float
        Time spent on each stage.

    Raises
    ------
    WeightsError
        If the weights are not those that the run was planned with.
    """
    from astropy.utils.exceptions import AstropyWarning

    from astro_vbinary.classification import classify

    started = time.perf_counter()
    for survey in settings.surveys:
        learn_survey(survey)
    seconds = {}
    index = StampIndex(chunk.files, rejected=chunk.rejected)
    # What is odd about a file is in its row; a process has no terminal to tell it on.
    with warnings.catch_warnings(), one_thread() if chunk.files else nullcontext():
        warnings.simplefilter("ignore", AstropyWarning)
        result = classify(
            index,
            policy=settings.policy,
            targets={name: from_numbers(p) for name, p in chunk.positions.items()},
            device=settings.device,
            precision=settings.precision,
            engine=settings.engine,
            prior=settings.prior,
            batch_size=settings.batch_size,
            classifiers=_classifiers(settings, seconds),
            timings=seconds,
        )
    columns = _columns(result, _missing_rows(chunk))
    del result
    give_back()
    rest = time.perf_counter() - started - sum(seconds.values())
    return columns, seconds | {"other": max(rest, 0.0)}


def failed_columns(chunk, settings, reason):
    """The rows of a chunk that no process could do.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    settings : Settings
        What holds for every chunk.
    reason : str
        Why.

    Returns
    -------
    dict of str to list
        As from `work`; every stack has the status ``error``.
    """
    from astro_vbinary.classification import classify

    rows = []
    for source, name in StampIndex(chunk.files).groups():
        survey = get_survey(name)
        group = resolution_group(survey, policy=settings.policy).number
        row = make_row(source=source, survey=survey, group=group, status=Status.ERROR)
        row["reason"] = reason
        rows.append(row)
    # The others need no network.
    rejected = classify(StampIndex((), rejected=chunk.rejected), device="cpu")
    rows = ClassificationResult(rows)
    return _columns(rows, rejected, _missing_rows(chunk))


def _columns(*results):
    """Columns of results, one after another, as lists of text and numbers."""
    columns = {name: [] for name, _, _ in COLUMNS}
    for result in results:
        if len(result):
            table = result.to_table()
            for name, values in columns.items():
                values += getattr(table[name], "value", table[name]).tolist()
    return columns


def _missing_rows(chunk):
    rows = []
    for source, position in chunk.missing:
        row = make_row(source=source, status=Status.NO_STAMP)
        row["ra"], row["dec"] = position[:2]
        row["reason"] = "no stamp of this source of the catalogue was found"
        rows.append(row)
    return ClassificationResult(rows)


def learn_survey(survey):
    """Make a survey known where it is not, as in a new process.

    Parameters
    ----------
    survey : `~astro_vbinary.surveys.Survey`
        The survey.
    """
    try:
        get_survey(survey.name)
    except UnknownSurveyError:
        register_survey(survey)


def _classifiers(settings, seconds):
    """Classifiers of every group, None where there are no weights."""
    started = time.perf_counter()
    groups = {
        resolution_group(survey, policy=settings.policy).number
        for survey in settings.surveys
    }
    found = dict.fromkeys(groups)
    for weights in settings.weights:
        found[weights.group] = _classifier(weights, settings.device, settings.precision)
    if settings.weights:
        seconds["load"] = time.perf_counter() - started
    return found


@cache
def _classifier(weights, device, precision):
    """Loaded once in the life of a process."""
    from astro_vbinary.classification import BinaryClassifier, load_card
    from astro_vbinary.classification.weights import find_weights

    # On another machine the package, and its weights with it, may lie elsewhere.
    here = Path(weights.path).is_file()
    card = load_card(weights.path) if here else find_weights(weights.id)
    if card.sha256 != weights.sha256:
        raise WeightsError(
            f"weights {weights.id} at {card.path} have sha256 {card.sha256}; the run "
            f"was planned with {weights.sha256}"
        )
    return BinaryClassifier.from_file(card.path, device=device, precision=precision)


@contextmanager
def one_thread():
    """One thread for the network on a CPU.

    The processes share the cores already, and the order of additions, and so the
    last digit of a probability, depends on the number of threads.

    Yields
    ------
    None
        For the length of a ``with`` block.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
