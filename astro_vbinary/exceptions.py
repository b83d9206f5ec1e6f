"""Every error and warning of the package.

Errors derive from `VBinaryError` and from the builtin exception that they
resemble, so that ``except ValueError`` works as a caller would expect. A
problem with one stamp is a `StampError`: it carries the
`~astro_vbinary.status.Status` that the stamp's row gets in a catalogue, so that
one bad file never stops a run.

==========================  ==============  ========================================
exception                   also a          raised when
==========================  ==============  ========================================
`UnknownSurveyError`        `KeyError`      a survey name is not in the registry
`UnknownBandError`          `KeyError`      a survey has no band of that name
`DuplicateNameError`        `ValueError`    a survey or weights id is registered twice
`StampNameError`            `ValueError`    a file name does not fit the template
`UnreadableStampError`      `OSError`       a file is no FITS file, or is cut short
`NoImageError`              `ValueError`    there is no two-dimensional image in it
`NoCelestialWCSError`       `ValueError`    its header has no celestial WCS
`NoDataError`               `ValueError`    no pixel of it can be used
`TargetOutsideError`        `ValueError`    the target is not on the image
`AlignmentError`            `ValueError`    stamps cannot be brought to one grid
`UnknownWeightsError`       `KeyError`      no weights have that id
`WeightsError`              `ValueError`    weights do not fit their card or network
`RunExistsError`            `OSError`       a run's output is there, or is another run's
`RunInUseError`             `OSError`       another process is at work on a run
`RunFailedError`            `OSError`       a run cannot go on; nothing done is lost
`UnknownArchiveError`       `KeyError`      no archive is known by that name
`FetchError`                `OSError`       a stamp, or anything else, cannot be fetched
`MixedOriginsError`         `ValueError`    stamps of one survey would be of two origins
`LabelStoreError`           `OSError`       a file of labels cannot be used
`LabelError`                `ValueError`    labels cannot be understood or trained on
`LeakError`                 `ValueError`    a split has the same thing on two sides
==========================  ==============  ========================================
"""

from astropy.utils.exceptions import AstropyUserWarning

from astro_vbinary.status import Status

__all__ = [
    "AlignmentError",
    "DuplicateNameError",
    "FetchError",
    "LabelError",
    "LabelStoreError",
    "LeakError",
    "MixedOriginsError",
    "NoCelestialWCSError",
    "NoDataError",
    "NoImageError",
    "RunExistsError",
    "RunFailedError",
    "RunInUseError",
    "StampError",
    "StampNameError",
    "TargetOutsideError",
    "UnknownArchiveError",
    "UnknownBandError",
    "UnknownSurveyError",
    "UnknownWeightsError",
    "UnreadableStampError",
    "VBinaryError",
    "VBinaryWarning",
    "WeightsError",
]


class VBinaryError(Exception):
    """Base class of every error raised on purpose by `astro_vbinary`."""

    # KeyError.__str__ shows the repr of its argument, which spoils a sentence.
    def __str__(self):
        return str(self.args[0]) if self.args else ""


class VBinaryWarning(AstropyUserWarning):
    """Base class of every warning issued by `astro_vbinary`."""


class UnknownSurveyError(VBinaryError, KeyError):
    """A survey name is not in the registry; the message lists the known ones."""


class UnknownBandError(VBinaryError, KeyError):
    """A survey has no band of that name; the message lists those it has."""


class DuplicateNameError(VBinaryError, ValueError):
    """A survey or a set of weights is registered under a name already taken."""


class StampError(VBinaryError):
    """One stamp cannot be used.

    Attributes
    ----------
    status : `~astro_vbinary.status.Status`
        What a catalogue row says about the stamp.
    """

    status = Status.ERROR


class StampNameError(StampError, ValueError):
    """A file name does not tell its source, survey and band."""

    status = Status.UNNAMED


class UnreadableStampError(StampError, OSError):
    """A file is not FITS, is cut short or cannot be opened."""

    status = Status.UNREADABLE


class NoImageError(StampError, ValueError):
    """A FITS file holds no two-dimensional image of a usable size."""

    status = Status.NO_IMAGE


class NoCelestialWCSError(StampError, ValueError):
    """An image's header has no celestial world coordinate system."""

    status = Status.NO_WCS


class NoDataError(StampError, ValueError):
    """An image has no usable pixel: all are NaN, masked or one constant."""

    status = Status.NO_DATA


class TargetOutsideError(StampError, ValueError):
    """The target's position does not fall on the image."""

    status = Status.TARGET_OUTSIDE


class AlignmentError(VBinaryError, ValueError):
    """Stamps or stacks cannot be brought to, or compared on, one grid."""


class UnknownWeightsError(VBinaryError, KeyError):
    """No weights have that id; the message lists the known ones."""


class WeightsError(VBinaryError, ValueError):
    """A weights file does not fit its card or the network it is for."""


class RunExistsError(VBinaryError, FileExistsError):
    """A run's output exists, or was begun with other files, options or weights."""


class RunInUseError(VBinaryError, OSError):
    """Another process is at work on the same output; the message names it."""


class RunFailedError(VBinaryError, OSError):
    """A run over a catalogue cannot go on; what was done is kept."""


class UnknownArchiveError(VBinaryError, KeyError):
    """No archive's recipe has that name; the message lists the known ones."""


class FetchError(VBinaryError, OSError):
    """Something cannot be fetched, now or at all.

    Parameters
    ----------
    outcome : `~astro_vbinary.archives.Outcome` or str
        How it ended: a failure, or an absence.
    reason : str
        In words.

    Attributes
    ----------
    outcome : `~astro_vbinary.archives.Outcome` or str
        How it ended.
    reason : str
        In words.
    status : int or None
        The HTTP status, where there was one.
    """

    def __init__(self, outcome, reason, *, status=None):
        super().__init__(f"{outcome}: {reason}")
        self.outcome, self.reason, self.status = outcome, reason, status


class MixedOriginsError(VBinaryError, ValueError):
    """A folder would get stamps of one survey of two origins, unasked."""


class LabelStoreError(VBinaryError, OSError):
    """A file of labels is not one, is of a later version, or is not open."""


class LabelError(VBinaryError, ValueError):
    """Labels cannot be understood, or are too few to train or test on."""


class LeakError(VBinaryError, ValueError):
    """A split has one source, place or image on two sides; the message names it."""
