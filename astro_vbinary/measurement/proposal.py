"""Where to draw the places of two stars from, so that few draws are wasted."""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

__all__ = ["PairProposal"]

#: Degrees of freedom of the heavy tails.
TAILS = 4

#: By how much draws are broader than the errors.
BROADER = 1.3


@dataclass
class PairProposal:
    """A mixture: around the best fit, and along the curve of equal moments.

    Close pairs whose product of distances to the photocentre, alpha (1 - alpha) s^2,
    and whose axis are the same look alike, however their light is shared: half of
    the draws follow that curve, the others a t-distribution about the fit.

    Attributes
    ----------
    position : `~numpy.ndarray`
        Shape (4,): (east, north) of both stars in arcsec.
    covariance : `~numpy.ndarray`
        Shape (4, 4), of them.
    center : `~numpy.ndarray`
        Shape (2,): the photocentre.
    width : float
        Error of the photocentre across the axis, arcsec.
    angle, angle_error : float
        Of the axis, radians from north through east.
    moment, moment_error : float
        Product of the stars' distances to the photocentre, square arcsec.
    largest : float
        Largest separation in arcsec.
    """

    position: np.ndarray
    covariance: np.ndarray
    center: np.ndarray
    width: float
    angle: float
    angle_error: float
    moment: float
    moment_error: float
    largest: float

    def draw(self, count, rng):
        """Draw places.

        Parameters
        ----------
        count : int
            How many.
        rng : `~numpy.random.Generator`
            Source of randomness.

        Returns
        -------
        places : `~numpy.ndarray`
            Shape (count, 4).
        density : `~numpy.ndarray`
            Shape (count,): logarithm of the mixture's density there.
        """
        half = count // 2
        about = self._about.rvs(count - half, random_state=rng).reshape(-1, 4)
        along = self._along(half, rng)
        places = np.concatenate([about, along])
        both = np.stack([self._about.logpdf(places), self._log_along(places)])
        return places, special.logsumexp(both, axis=0) - np.log(2)

    @property
    def _about(self):
        values, axes = np.linalg.eigh(self.covariance)
        values = np.clip(values * BROADER**2, 1e-12, (self.largest / 3) ** 2)
        shape = axes * values @ axes.T
        return stats.multivariate_t(self.position, shape, df=TAILS)

    @property
    def _moments(self):
        scale = BROADER * np.clip(self.moment_error, 1e-3 * self.moment, self.moment)
        low = (1e-9 - self.moment) / scale
        high = ((self.largest / 2) ** 2 - self.moment) / scale
        return scale, stats.t.cdf(low, TAILS), stats.t.cdf(high, TAILS)

    @property
    def _spread(self):
        return BROADER * min(max(self.angle_error, 1e-4), 1.0)

    def _reach(self, moment):
        """Largest logarithm of the ratio of the distances."""
        return 2 * np.arccosh(np.maximum(self.largest / (2 * np.sqrt(moment)), 1.0001))

    def _along(self, count, rng):
        scale, low, high = self._moments
        share = low + (high - low) * rng.random(count)
        moment = self.moment + scale * stats.t.ppf(share, TAILS)
        moment = np.clip(moment, 1e-9, (self.largest / 2) ** 2)
        reach = self._reach(moment)
        ratio = rng.uniform(-1, 1, count) * reach
        first = np.sqrt(moment) * np.exp(-ratio / 2)
        second = np.sqrt(moment) * np.exp(ratio / 2)
        angle = self.angle + self._spread * rng.standard_t(TAILS, count)
        aside = BROADER * self.width * rng.standard_t(TAILS, count)
        axis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        across = np.stack([axis[:, 1], -axis[:, 0]], axis=1)
        middle = self.center + aside[:, None] * across
        one = middle - first[:, None] * axis
        two = middle + second[:, None] * axis
        return np.concatenate([one, two], axis=1)

    def _log_along(self, places):
        one, two = places[:, :2], places[:, 2:]
        offset = two - one
        apart = np.hypot(*offset.T)
        with np.errstate(divide="ignore", invalid="ignore"):
            axis = offset / apart[:, None]
            across = np.stack([axis[:, 1], -axis[:, 0]], axis=1)
            first = ((self.center - one) * axis).sum(axis=1)
            second = ((two - self.center) * axis).sum(axis=1)
            aside = ((one - self.center) * across).sum(axis=1)
            angle = np.arctan2(offset[:, 0], offset[:, 1]) - self.angle
            angle = (angle + np.pi) % (2 * np.pi) - np.pi
            moment = first * second
            ratio = np.log(second / first)
            scale, low, high = self._moments
            density = stats.t.logpdf((moment - self.moment) / scale, TAILS)
            density -= np.log(scale * (high - low))
            reach = self._reach(moment)
            density -= np.log(2 * reach)
            density += stats.t.logpdf(angle / self._spread, TAILS)
            density -= np.log(self._spread)
            width = BROADER * self.width
            density += stats.t.logpdf(aside / width, TAILS) - np.log(width)
            # From (aside, angle, moment, ratio) to the four coordinates.
            density += np.log(2 / apart)
            inside = (first > 0) & (second > 0) & (np.abs(ratio) <= reach)
            inside &= moment <= (self.largest / 2) ** 2
        return np.where(inside, density, -np.inf)
