"""From separation and position angle to offsets on the sky, with their errors."""

from dataclasses import dataclass

import numpy as np

__all__ = ["PairOffset"]

#: What the error of a place misses, as a share of the PSF's width: pixel scales,
#: distortions, and PSFs that are not quite the stars'.
SYSTEMATIC = 0.02

#: A pair may be turned by 180 degrees in another survey where the magnitude difference
#: is within so many deviations of zero, of which colours make up so many magnitudes.
ALIKE, COLOUR = 2.0, 0.3


@dataclass(frozen=True, kw_only=True)
class PairOffset:
    """Where one survey puts the fainter star, relative to the brighter one.

    Attributes
    ----------
    survey : str
        Its name.
    offset : `~numpy.ndarray`
        Shape (2,): east and north, in arcsec.
    covariance : `~numpy.ndarray`
        Shape (2, 2), arcsec squared.
    epoch : float
        Julian year; NaN where not known.
    swappable : bool
        Whether the other star could be the fainter one.
    """

    survey: str
    offset: np.ndarray
    covariance: np.ndarray
    epoch: float = np.nan
    swappable: bool = False

    @classmethod
    def from_row(cls, row, *, systematic=SYSTEMATIC):
        """The offset of a row of a table of measured pairs.

        Parameters
        ----------
        row : mapping
            With the columns of a `~astro_vbinary.measurement.PairResult`, as numbers
            without units.
        systematic : float, optional
            Added to the error along each axis, in units of the PSF's width.

        Returns
        -------
        PairOffset or None
            None where separation or position angle have no error.
        """
        s, pa = float(row["separation"]), np.deg2rad(float(row["position_angle"]))
        s_error = float(row["separation_error"])
        # Across the pair; a close pair's angle may be unknown altogether.
        across = s * np.deg2rad(float(row["position_angle_error"]))
        if not np.isfinite([s, pa, s_error, across]).all():
            return None
        correlation = float(row["correlation_separation_angle"])
        correlation = correlation if np.isfinite(correlation) else 0.0
        both = np.clip(correlation, -0.99, 0.99) * s_error * across
        along = np.array([[s_error**2, both], [both, across**2]])
        sin, cos = np.sin(pa), np.cos(pa)
        turn = np.array([[sin, cos], [cos, -sin]])
        width = float(row["fwhm"])
        floor = np.square(systematic * width) if np.isfinite(width) else 0.0
        difference = float(row["magnitude_difference"])
        error = np.hypot(float(row["magnitude_difference_error"]), COLOUR)
        return cls(
            survey=str(row["survey"]),
            offset=s * np.array([sin, cos]),
            covariance=turn @ along @ turn.T + floor * np.eye(2),
            epoch=float(row["epoch"]),
            swappable=bool(difference < ALIKE * error),
        )

    def swapped(self):
        """The same with the stars' roles exchanged.

        Returns
        -------
        PairOffset
            At the opposite position angle.
        """
        return PairOffset(
            survey=self.survey,
            offset=-self.offset,
            covariance=self.covariance,
            epoch=self.epoch,
            swappable=self.swappable,
        )
