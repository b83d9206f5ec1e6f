"""What a run came to."""

import json
from dataclasses import asdict, dataclass, field

from astro_vbinary.status import Status

__all__ = ["RunSummary"]


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run over a catalogue came to.

    Attributes
    ----------
    output : str
        The table.
    rows : int
        Its rows.
    sources, surveys : int
        How many different ones it has.
    statuses : dict of str to int
        Rows of each status, in the order of `~astro_vbinary.status.Status`.
    binaries : int
        Rows that are labelled ``binary``.
    dropped : int
        Rows that lost a file, and perhaps have a verdict nevertheless.
    troubled : int
        Rows whose input could not be used, or not all of it.
    left_out : int
        Stacks of sources that the catalogue does not name; they are not in the table.
    seconds : float
        How long this call took.
    stacks : int
        Stacks, stray files and sources without stamps that this call worked on.
    stacks_before : int
        Those that earlier, unfinished calls had done.
    stages : dict of str to float
        Seconds spent on each stage, all calls and processes together.
    workers : int
        Chunks that were worked on at a time.
    device : str
        Where the networks ran.
    """

    output: str
    rows: int
    sources: int
    surveys: int
    statuses: dict = field(repr=False)
    binaries: int
    dropped: int
    troubled: int
    left_out: int
    seconds: float
    stacks: int
    stacks_before: int
    stages: dict = field(repr=False)
    workers: int
    device: str

    @property
    def rate(self):
        """Stacks a second of this call (float)."""
        return self.stacks / self.seconds if self.seconds > 0 else 0.0

    @property
    def n_failed(self):
        """Number of rows whose input could not be used (int)."""
        counts = self.statuses.items()
        return sum(number for name, number in counts if Status(name).is_failure)

    def to_json(self):
        """The summary as text.

        Returns
        -------
        str
            A JSON object.
        """
        return json.dumps(asdict(self))
