"""What one star's image on a stamp is like: its width, shape, place and noise."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

__all__ = ["StarShape", "azimuthal_orders", "measure_star", "noise_correlation"]

#: Radius of the fit in FWHM, and the least in pixels.
FIT_RADIUS, FIT_PIXELS = 2.5, 3.0

#: No profile is exact: pixels are trusted to these shares of their own light and of
#: the peak, so that in a bright star neither the brightest pixel nor the wings, of
#: which there are many, decide alone.
PROFILE_ERROR, PEAK_ERROR = 0.03, 0.01

#: Radius in FWHM from where on pixels are background, where there are enough.
SKY_RADIUS = 4.0


@dataclass(frozen=True)
class StarShape:
    """An elliptical Moffat profile fitted to a star's pixels.

    Attributes
    ----------
    x, y : float
        Centre in pixels, zero at the centre of the first pixel.
    flux : float
        Of the profile, in the image's unit.
    background, noise : float
        Level and scatter of a background pixel, in the image's unit.
    fwhm : float
        Geometric mean of both axes in pixels, pixel included.
    beta : float
        Slope of the wings.
    e1, e2 : float
        Ellipticity 1 - b/a times the cosine and sine of twice the long axis's
        angle from x towards y.
    residual : float
        Absolute misfit within one FWHM over the light there, less what the
        background's noise adds to it.
    """

    x: float
    y: float
    flux: float
    background: float
    noise: float
    fwhm: float
    beta: float
    e1: float
    e2: float
    residual: float

    @property
    def ellipticity(self):
        """1 - b/a (float)."""
        return float(np.hypot(self.e1, self.e2))

    @property
    def peak(self):
        """Height of the profile above the background (float)."""
        return float(self.profile(np.zeros(1), np.zeros(1))[0])

    @property
    def signal(self):
        """Matched-filter signal-to-noise ratio on the background's noise (float)."""
        reach = int(np.ceil(3 * self.fwhm))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        return float(np.sqrt((self.profile(x, y) ** 2).sum()) / self.noise)

    def profile(self, dx, dy):
        """The profile without background at offsets from the centre.

        Parameters
        ----------
        dx, dy : `~numpy.ndarray`
            In pixels.

        Returns
        -------
        `~numpy.ndarray`
            Light a pixel, in the image's unit.
        """
        return self.flux * _moffat(dx, dy, self.fwhm, self.beta, self.e1, self.e2)


def measure_star(data, position, *, bad=None, width=None):
    """Fit the star at a position.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx).
    position : tuple of float
        (x, y) in pixels near which the star is.
    bad : `~numpy.ndarray` of bool, optional
        Shape (ny, nx), True where a pixel has no measurement.
    width : float, optional
        About the FWHM in pixels; 3 by default.

    Returns
    -------
    StarShape or None
        None where there is no star: nothing stands out, or no profile fits.

    References
    ----------
    Moffat, A. F. J. 1969, A&A 3, 455 (the profile).
    """
    data = np.asarray(data, dtype=float)
    good = np.isfinite(data) if bad is None else np.isfinite(data) & ~bad
    width = 3.0 if width is None else float(width)
    y, x = np.indices(data.shape)
    near = good & (np.hypot(x - position[0], y - position[1]) < max(1.5 * width, 2.5))
    if near.sum() < 5:
        return None
    smooth = ndimage.gaussian_filter(np.where(good, data, np.median(data[good])), 0.7)
    top = np.argmax(np.where(near, smooth, -np.inf))
    centre = [float(x.flat[top]), float(y.flat[top])]
    shape = None
    # Twice: the second time on the window that the first width asks for.
    for _ in range(2):
        sky = _sky(data, good, x - centre[0], y - centre[1], width)
        if sky is None:
            return None
        shape = _fit(data, good, x, y, centre, width, *sky)
        if shape is None:
            return None
        width, centre = shape.fwhm, [shape.x, shape.y]
    return shape


def azimuthal_orders(data, shape, *, bad=None, ring=(0.7, 1.2)):
    """What the profile leaves in a ring, as waves around the star.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx).
    shape : StarShape
        The star.
    bad : `~numpy.ndarray` of bool, optional
        Shape (ny, nx).
    ring : tuple of float, optional
        Inner and outer radius in FWHM.

    Returns
    -------
    tuple of float
        Amplitudes of the waves with one period around the star (coma), two
        (astigmatism) and three (trefoil), over the profile's peak; NaN where too few
        pixels are in the ring.
    """
    y, x = np.indices(data.shape)
    dx, dy = x - shape.x, y - shape.y
    radius = np.hypot(dx, dy) / shape.fwhm
    use = np.isfinite(data) & (radius >= ring[0]) & (radius < ring[1])
    if bad is not None:
        use &= ~bad
    if use.sum() < 10:
        return (np.nan, np.nan, np.nan)
    angle = np.arctan2(dy, dx)[use]
    waves = [f(order * angle) for order in (1, 2, 3) for f in (np.cos, np.sin)]
    rest = (data - shape.background - shape.profile(dx, dy))[use] / shape.peak
    found = np.linalg.lstsq(
        np.stack([np.ones_like(angle), *waves], 1), rest, rcond=None
    )
    return tuple(float(a) for a in np.hypot(found[0][1::2], found[0][2::2]))


def noise_correlation(data, shape, *, bad=None):
    """Correlation of neighbouring background pixels.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx).
    shape : StarShape
        The star whose light is taken off first.
    bad : `~numpy.ndarray` of bool, optional
        Shape (ny, nx).

    Returns
    -------
    tuple of float
        Between neighbours along x, along y, and along the diagonals; NaN where
        there are too few background pixels.
    """
    y, x = np.indices(data.shape)
    dx, dy = x - shape.x, y - shape.y
    rest = data - shape.background - shape.profile(dx, dy)
    use = np.isfinite(data) & (np.hypot(dx, dy) > SKY_RADIUS * shape.fwhm)
    if bad is not None:
        use &= ~bad
    # Other sources, with what surrounds them, are no noise.
    use &= ~ndimage.binary_dilation(np.abs(rest) > 3.5 * shape.noise, iterations=1)
    if use.sum() < 60:
        return (np.nan, np.nan, np.nan)
    # A slope over the stamp is no noise either.
    plane = np.column_stack([np.ones(use.sum()), x[use], y[use]])
    fit = np.linalg.lstsq(plane, rest[use], rcond=None)[0]
    rest = rest - fit[0] - fit[1] * x - fit[2] * y
    variance = (rest[use] ** 2).mean()

    def pairs(a, b):
        both = use[a] & use[b]
        return float((rest[a] * rest[b])[both].mean() / variance)

    one, other, every = slice(None, -1), slice(1, None), slice(None)
    along_x = pairs((every, one), (every, other))
    along_y = pairs((one, every), (other, every))
    diagonal = 0.5 * (
        pairs((one, one), (other, other)) + pairs((one, other), (other, one))
    )
    return along_x, along_y, diagonal


def _sky(data, good, dx, dy, width):
    """Level and scatter of the background: of the lower half, twice."""
    radius = np.hypot(dx, dy)
    far = good & (radius > SKY_RADIUS * width)
    if far.sum() < 40:
        far = good & (radius > np.quantile(radius[good], 0.7))
    sample = data[far]
    if sample.size < 8:
        return None
    level = np.median(sample)
    spread = 1.4826 * np.median(level - sample[sample <= level])
    for _ in range(2):
        kept = sample[np.abs(sample - level) <= 3 * spread]
        if kept.size < 8 or not spread > 0:
            break
        level = np.median(kept)
        spread = 1.4826 * np.median(np.abs(kept - level))
    return (float(level), float(spread)) if spread > 0 else None


def _moffat(dx, dy, fwhm, beta, e1, e2):
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    e = np.hypot(e1, e2)
    cos, sin = (e1 / e, e2 / e) if e > 0 else (1.0, 0.0)
    # Squared radius in units of the core, from the profile's quadratic form.
    q = 1 - e
    same, turned = (q + 1 / q) / 2, (q - 1 / q) / 2
    r2 = same * (dx**2 + dy**2) + turned * (cos * (dx**2 - dy**2) + 2 * sin * dx * dy)
    norm = (beta - 1) / (np.pi * core**2)
    return norm * (1 + r2 / core**2) ** -beta


def _fit(data, good, x, y, centre, width, level, noise):
    radius = np.hypot(x - centre[0], y - centre[1])
    use = good & (radius < max(FIT_RADIUS * width, FIT_PIXELS))
    if use.sum() < 12:
        return None
    x, y, values = x[use], y[use], data[use] - level
    height = values.max()
    if height < 5 * noise:
        return None
    flux = height * 1.5 * width**2
    inexact = PROFILE_ERROR * np.clip(values, 0, None)
    error = np.sqrt(noise**2 + inexact**2 + (PEAK_ERROR * height) ** 2)

    def model(p):
        e = np.hypot(p[5], p[6])
        limit = np.tanh(e) / e if e > 0 else 1.0
        shape = np.exp(p[3]), 1.2 + np.exp(p[4]), p[5] * limit, p[6] * limit
        return shape, p[2] * flux * _moffat(x - p[0], y - p[1], *shape) + p[7] * noise

    start = [*centre, 1.0, np.log(width), np.log(2.0), 0.02, 0.0, 0.0]
    # A background that is free within its own scatter only.
    low = [centre[0] - width, centre[1] - width, 0, -1.5, -3, -1.2, -1.2, -1]
    high = [centre[0] + width, centre[1] + width, 60, 4, 3, 1.2, 1.2, 1]
    try:
        found = optimize.least_squares(
            lambda p: (model(p)[1] - values) / error, start, bounds=(low, high)
        )
    except ValueError:
        return None
    p = found.x
    (fwhm, beta, e1, e2), light = model(p)
    if not found.success or p[2] <= 0 or fwhm > 0.5 * np.ptp(x) + np.ptp(y):
        return None
    inside = np.hypot(x - p[0], y - p[1]) < max(fwhm, 1.5)
    # The mean of a normal deviate's absolute value.
    usual = np.sqrt(2 / np.pi) * noise * inside.sum()
    misfit = np.abs(light - values)[inside].sum() - usual
    misfit = max(misfit / np.abs(values[inside]).sum(), 0.0)
    return StarShape(
        float(p[0]),
        float(p[1]),
        float(p[2] * flux),
        float(level + p[7] * noise),
        float(noise),
        float(fwhm),
        float(beta),
        float(e1),
        float(e2),
        float(misfit),
    )
