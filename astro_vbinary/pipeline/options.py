"""What a user chooses about a run."""

from dataclasses import dataclass

from astro_vbinary.classification.classifier import PRECISIONS, check_prior
from astro_vbinary.stamps.alignment import check_engine
from astro_vbinary.surveys.groups import check_policy

__all__ = ["RunOptions"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How the stacks of a catalogue are classified, and by how many processes.

    Attributes
    ----------
    policy : str
        How surveys are put into groups: ``published`` or ``effective``.
    device, precision : str
        As for `~astro_vbinary.classification.BinaryClassifier`. With ``cuda`` each
        process has a GPU of its own, as far as there are GPUs.
    engine : str
        Alignment engine, one of `~astro_vbinary.stamps.ENGINES`.
    prior : float or None
        Share of binaries among the sources, before anything is seen of them; None is
        what the weights' calibration assumed.
    batch_size : int or None
        Stacks that a network sees at a time; None is what suits the device: 32 on a
        CPU, on a GPU what fits into its memory.
    chunk_size : int
        Stacks that a process is given at a time. What is lost when a run is stopped
        is at most what was at work: a chunk for each process, and as many that wait.
    workers : int or None
        Number of processes; None is one for each GPU or, without GPUs, for each core.
        With 0 the work is done in the process that asks for it.
    weights : tuple of str or path
        Ids or cards of weights to use for their groups, instead of the bundled ones.

    Raises
    ------
    ValueError
        If a value is not one of those that are allowed.

    Examples
    --------
    >>> from astro_vbinary.pipeline import RunOptions
    >>> RunOptions(prior=0.02, workers=2).prior
    0.02
    """

    policy: str = "published"
    device: str = "auto"
    precision: str = "auto"
    engine: str = "batch"
    prior: float | None = None
    batch_size: int | None = None
    chunk_size: int = 256
    workers: int | None = None
    weights: tuple = ()

    def __post_init__(self):
        check_policy(self.policy)
        check_engine(self.engine)
        check_prior(self.prior)
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ValueError(f"unknown precision {self.precision!r}; known: {known}")
        for name in ("batch_size", "chunk_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers must be at least 0, not {self.workers}")
