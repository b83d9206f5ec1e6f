"""Second moments of an image under a Gaussian weight, fixed or of its own shape."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["WeightedMoments", "adaptive_moments", "weighted_moments"]

#: The weight may grow to this many times the variance that it starts with.
LARGEST_GROWTH = 100.0

#: Relative change of the moments at which the iteration has converged.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class WeightedMoments:
    """Centre and covariance of an object under a Gaussian weight.

    Attributes
    ----------
    x, y : float
        Centre in pixels, zero at the centre of the first.
    xx, xy, yy : float
        Covariance in square pixels: of the weighted object for a fixed weight, of
        the object itself for an adaptive one.
    total : float
        Sum of the weighted pixels, in the image's unit.
    norm : float
        Root of the sum of the squared weights: the total's error, in units of a
        pixel's, where the noise is white.
    spread : float
        Error of ``xx - yy``, and of twice ``xy``, in units of a pixel's white noise
        over the total; square pixels.
    converged : bool
        Whether the iteration came to an end. Where it did not, as for two stars
        that one weight cannot hold, the moments are those of its last step.
    """

    x: float
    y: float
    xx: float
    xy: float
    yy: float
    total: float
    norm: float
    spread: float
    converged: bool

    @property
    def trace(self):
        """Sum of the variances along both axes, in square pixels."""
        return self.xx + self.yy

    @property
    def ellipticity(self):
        """Components (e1, e2) of the distortion (a^2 - b^2) / (a^2 + b^2).

        The first is positive along x, the second along the diagonal x = y
        (Bernstein & Jarvis 2002, AJ 123, 583, section 2).
        """
        return (self.xx - self.yy) / self.trace, 2 * self.xy / self.trace

    def signal_to_noise(self, scatter):
        """Signal-to-noise ratio of the object under its weight.

        Parameters
        ----------
        scatter : float
            Standard deviation of a pixel, of white noise, in the image's unit.

        Returns
        -------
        float
            For a Gaussian under its adaptive weight that of a matched filter.
        """
        return float(self.total / (scatter * self.norm))

    def elongation(self, scatter, *, psf=None):
        """Difference of the variances along the long and the short axis.

        Parameters
        ----------
        scatter : float
            As for `signal_to_noise`.
        psf : `~numpy.ndarray`, optional
            Shape (2, 2), a covariance to be taken off first, in square pixels.

        Returns
        -------
        value, error : float
            In square pixels.
        """
        xx, xy, yy = self.xx, self.xy, self.yy
        if psf is not None:
            xx, xy, yy = xx - psf[0, 0], xy - psf[0, 1], yy - psf[1, 1]
        value = np.hypot(xx - yy, 2 * xy)
        return float(value), float(self.spread * scatter / abs(self.total))


def weighted_moments(data, *, x, y, sigma, max_iter=10):
    """Moments under a round weight of fixed width that is centred on the object.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float, background-subtracted, without NaN.
    x, y : float
        Where to start, in pixels.
    sigma : float
        Standard deviation of the weight in pixels.
    max_iter : int, optional
        Most steps of the centre.

    Returns
    -------
    WeightedMoments
        The moments; not converged where there is no light under the weight.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or the weight has no width.
    """
    frame = _Frame(data, sigma)
    centre, shape = np.array([x, y], dtype=float), frame.start
    for _ in range(max_iter):
        sums = frame.sums(centre, shape)
        if sums is None:
            break
        centre = frame.inside(centre + sums.mean)
        if np.hypot(*sums.mean) < TOLERANCE * sigma:
            break
    sums = frame.sums(centre, shape)
    if sums is None:
        return frame.nothing(centre)
    return frame.result(centre, sums.second, sums, factor=1.0, converged=True)


def adaptive_moments(data, *, x, y, sigma, max_iter=60):
    """Fit the weight to the object that it weighs.

    The weighted covariance of a Gaussian under a weight of the same shape is half
    its own; the iteration seeks the weight for which that holds.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float, background-subtracted, without NaN.
    x, y : float
        Where to start, in pixels.
    sigma : float
        Standard deviation of the weight to start with, in pixels.
    max_iter : int, optional
        Most iterations.

    Returns
    -------
    WeightedMoments
        The moments of the object without its weight.

    Raises
    ------
    ValueError
        If the image is not two-dimensional or the weight has no width.

    References
    ----------
    Bernstein & Jarvis 2002, AJ 123, 583, section 3; Hirata & Seljak 2003,
    MNRAS 343, 459, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.measurement.shapes import adaptive_moments
    >>> y, x = np.mgrid[:41, :41] - 20.0
    >>> blob = np.exp(-0.5 * (x**2 / 16 + y**2 / 9))
    >>> moments = adaptive_moments(blob, x=19, y=21, sigma=3)
    >>> print(f"{moments.xx:.2f} {moments.yy:.2f} {moments.ellipticity[0]:.3f}")
    16.00 9.00 0.280
    """
    frame = _Frame(data, sigma)
    centre, shape = np.array([x, y], dtype=float), frame.start
    converged = False
    for _ in range(max_iter):
        sums = frame.sums(centre, shape)
        if sums is None:
            return frame.nothing(centre)
        wanted = _bounded(2 * sums.second, sigma**2)
        change = np.abs(wanted - shape).max() / np.trace(shape)
        moved = np.hypot(*sums.mean) / np.sqrt(np.trace(shape))
        # Under a weight of its own width a Gaussian's mean moves half way.
        centre, shape = frame.inside(centre + 2 * sums.mean), wanted
        if max(change, moved) < TOLERANCE:
            converged = True
            break
    sums = frame.sums(centre, shape)
    if sums is None:
        return frame.nothing(centre)
    return frame.result(centre, shape, sums, factor=2.0, converged=converged)


class _Sums(NamedTuple):
    """Sums over the weighted pixels, about a centre."""

    total: float
    mean: np.ndarray
    second: np.ndarray
    norm: float
    spread: float


class _Frame:
    """An image with the coordinates of its pixels."""

    def __init__(self, data, sigma):
        self.data = np.asarray(data, dtype=float)
        if self.data.ndim != 2:
            raise ValueError(f"an image has two dimensions, not {self.data.ndim}")
        if not sigma > 0:
            raise ValueError(f"sigma must be positive, not {sigma}")
        ny, nx = self.data.shape
        self.x, self.y = np.arange(nx)[None, :], np.arange(ny)[:, None]
        self.start = np.eye(2) * sigma**2

    def inside(self, centre):
        ny, nx = self.data.shape
        return np.clip(centre, 0, [nx - 1, ny - 1])

    def sums(self, centre, shape):
        """Sums under a weight, or None where there is no light."""
        dx, dy = self.x - centre[0], self.y - centre[1]
        inverse = np.linalg.inv(shape)
        weight = np.exp(
            -0.5 * (inverse[0, 0] * dx**2 + inverse[1, 1] * dy**2)
            - inverse[0, 1] * dx * dy
        )
        weighted = weight * self.data
        total = weighted.sum()
        if not total > 0:
            return None
        mean = np.array([(weighted * dx).sum(), (weighted * dy).sum()]) / total
        cross = (weighted * dx * dy).sum()
        second = np.array(
            [[(weighted * dx**2).sum(), cross], [cross, (weighted * dy**2).sum()]]
        )
        second = second / total - np.outer(mean, mean)
        norm = np.sqrt((weight**2).sum())
        # The mean of what white noise does to both components.
        spread = np.sqrt(
            (weight**2 * ((dx**2 - dy**2) ** 2 + (2 * dx * dy) ** 2)).sum() / 2
        )
        return _Sums(total, mean, second, norm, spread)

    def result(self, centre, shape, sums, *, factor, converged):
        return WeightedMoments(
            *map(float, centre),
            float(shape[0, 0]),
            float(shape[0, 1]),
            float(shape[1, 1]),
            float(sums.total),
            float(sums.norm),
            # An adaptive weight follows the noise: the linear response of the
            # iteration's fixed point to it is twice that of the weighted moments.
            float(sums.spread * factor**2),
            converged,
        )

    def nothing(self, centre):
        return WeightedMoments(
            *map(float, centre), *[float("nan")] * 3, 0.0, 1.0, 0.0, False
        )


def _bounded(shape, scale):
    """A covariance with axes that are neither nothing nor everything."""
    values, axes = np.linalg.eigh(shape)
    values = np.clip(values, 0.05 * scale, LARGEST_GROWTH * scale)
    return axes * values @ axes.T
