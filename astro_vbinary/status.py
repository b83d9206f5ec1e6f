"""What a catalogue row can say: one closed list of statuses and of flags.

A row has exactly one `Status` (why there is, or is not, a verdict) and any
number of `Flag` bits (what to know about a verdict that was given). Code, docs
and the decoder all read the tables here.
"""

from enum import IntFlag, StrEnum

__all__ = ["FLAG_MEANINGS", "STATUS_MEANINGS", "Flag", "Status", "decode_flags"]


class Status(StrEnum):
    """Why a row has, or does not have, a verdict."""

    OK = "ok"
    UNRESOLVED = "unresolved"
    NO_WEIGHTS = "no_weights"
    NO_STAMP = "no_stamp"
    UNKNOWN_SURVEY = "unknown_survey"
    UNNAMED = "unnamed"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    NO_IMAGE = "no_image"
    NO_WCS = "no_wcs"
    NO_DATA = "no_data"
    TARGET_OUTSIDE = "target_outside"
    ERROR = "error"

    @property
    def is_failure(self):
        """Whether the input was at fault (bool), and not what surveys can do."""
        return self not in (
            Status.OK,
            Status.UNRESOLVED,
            Status.NO_WEIGHTS,
            Status.NO_STAMP,
        )


STATUS_MEANINGS = {
    Status.OK: "classified: the row has a probability and a label",
    Status.UNRESOLVED: "the survey cannot resolve two stars 2.5 arcsec apart",
    Status.NO_WEIGHTS: "no weights are installed for the survey's resolution group",
    Status.NO_STAMP: "the catalogue names the source, and there is no stamp of it",
    Status.UNKNOWN_SURVEY: "the survey's name is not in the registry",
    Status.UNNAMED: "the file name does not tell source, survey and band",
    Status.DUPLICATE: "another file of the same source, survey and band came first",
    Status.UNREADABLE: "not a FITS file, cut short, empty, or not to be opened",
    Status.NO_IMAGE: "no two-dimensional image of a usable size in the file",
    Status.NO_WCS: "no celestial world coordinate system in the header",
    Status.NO_DATA: "no usable pixel around the target: blank, masked or constant",
    Status.TARGET_OUTSIDE: "the target is not on the image",
    Status.ERROR: "an unexpected error; the reason has its message",
}


class Flag(IntFlag):
    """What to know about a row beyond its status; bits that can be combined."""

    NONE = 0
    FILES_DROPPED = 1
    PARTIAL = 2
    CORE_MASKED = 4
    LOW_SIGNAL = 8
    TARGET_ASSUMED = 16
    SEEING_LIMITED = 32
    UNTRAINED_SURVEY = 64


FLAG_MEANINGS = {
    Flag.FILES_DROPPED: "at least one file of the stack could not be used",
    Flag.PARTIAL: "more than 5 % of the 2.5-arcsec circle has no valid data",
    Flag.CORE_MASKED: "bright pixels surround one without data: a saturated core",
    Flag.LOW_SIGNAL: "no pixel of the circle stands 5 sigma above the background",
    Flag.TARGET_ASSUMED: "no position was given: the image centre was taken",
    Flag.SEEING_LIMITED: "the image is broader than the Rayleigh limit by over 2 times",
    Flag.UNTRAINED_SURVEY: "the weights were not trained on this survey",
}


def decode_flags(value):
    """Names of the bits set in a flags value.

    Parameters
    ----------
    value : int or `Flag`
        The ``flags`` column of a result.

    Returns
    -------
    tuple of str
        Lower-case names in the order of the bits; empty where none is set.

    Raises
    ------
    ValueError
        If ``value`` has a bit that no flag uses.

    Examples
    --------
    >>> from astro_vbinary.status import decode_flags
    >>> decode_flags(3)
    ('files_dropped', 'partial')
    """
    known = sum(FLAG_MEANINGS)
    if int(value) & ~known:
        raise ValueError(f"flags value {int(value)} has bits beyond {known}")
    return tuple(flag.name.lower() for flag in FLAG_MEANINGS if int(value) & flag)
