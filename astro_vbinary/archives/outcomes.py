"""How a request ends: one closed list."""

from enum import StrEnum

__all__ = ["OUTCOME_MEANINGS", "Outcome"]


class Outcome(StrEnum):
    """How a request for a stamp ended.

    "No data there" and "failed" are never confused: an absence is final, and a
    failure is tried again on the next run.
    """

    OK = "ok"
    PARTIAL = "partial"
    SATURATED = "saturated"
    BLANK = "blank"
    NO_COVERAGE = "no_coverage"
    NOT_FITS = "not_fits"
    TRUNCATED = "truncated"
    HTTP_ERROR = "http_error"
    TIMEOUT = "timeout"

    @property
    def has_file(self):
        """Whether a stamp was written (bool)."""
        return self in (Outcome.OK, Outcome.PARTIAL, Outcome.SATURATED)

    @property
    def is_absence(self):
        """Whether the survey has no data there (bool): final, never asked again."""
        return self in (Outcome.BLANK, Outcome.NO_COVERAGE)

    @property
    def is_failure(self):
        """Whether the answer is not known (bool): tried again on the next run."""
        return not (self.has_file or self.is_absence)


OUTCOME_MEANINGS = {
    Outcome.OK: "the stamp is there, whole, and was checked",
    Outcome.PARTIAL: "the stamp is there; a part of the square has no data",
    Outcome.SATURATED: "the stamp is there; the core of a star on it has no data",
    Outcome.BLANK: "the archive sent an image without a measurement at the target",
    Outcome.NO_COVERAGE: "the survey has no image of the target in this band",
    Outcome.NOT_FITS: "the answer is no FITS image, or not the one that was asked for",
    Outcome.TRUNCATED: "the answer is cut short",
    Outcome.HTTP_ERROR: "the server refused, broke off or was not there",
    Outcome.TIMEOUT: "the answer did not come in time",
}
