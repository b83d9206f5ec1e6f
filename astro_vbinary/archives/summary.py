"""What a run of fetching did."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FetchInterrupt", "FetchSummary"]


class FetchInterrupt(KeyboardInterrupt):
    """Fetching was stopped by Ctrl-C; what was done is kept.

    Attributes
    ----------
    summary : FetchSummary
        What was done.
    """

    def __init__(self, summary):
        super().__init__("stopped")
        self.summary = summary


@dataclass
class FetchSummary:
    """What a run of `fetch_stamps` did, and where its output stands.

    Parameters
    ----------
    output : `~pathlib.Path`
        The folder.
    counts : dict
        From (survey, band, origin) to a `collections.Counter` of outcomes, of all runs;
        None stands for what is still to do.
    fetched : `collections.Counter`
        Outcomes of this run.
    n_bytes : int
        Bytes of the stamps that this run wrote.
    seconds : float
        How long it took.
    gave_up : tuple of str
        Names of recipes whose archive stopped answering.
    """

    output: Path
    counts: dict = field(default_factory=dict)
    fetched: Counter = field(default_factory=Counter)
    n_bytes: int = 0
    seconds: float = 0.0
    gave_up: tuple[str, ...] = ()

    @property
    def n_files(self):
        """Stamps that are there (int)."""
        return sum(n for o, n in self._all() if o is not None and o.has_file)

    @property
    def n_failures(self):
        """Requests that failed, to be tried again (int)."""
        return sum(n for o, n in self._all() if o is not None and o.is_failure)

    @property
    def n_pending(self):
        """Requests that have no outcome yet (int)."""
        return sum(n for o, n in self._all() if o is None)

    @property
    def troubled(self):
        """Whether the same call would have something left to do (bool)."""
        return bool(self.n_failures or self.n_pending)

    def _all(self):
        return [item for counter in self.counts.values() for item in counter.items()]
