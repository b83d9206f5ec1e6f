"""What a classical detector returns, and how a second source is scored."""

from dataclasses import dataclass

import numpy as np

from astro_vbinary.exceptions import NoDataError
from astro_vbinary.measurement.peer_image import PeerImage
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["PeerResult"]

#: Significance above which sources are listed at all, so that scores go on below the
#: default verdict's threshold.
LOWEST = 3.0

#: Share of the brighter source that is not trusted (speckles, spikes, wings):
#: SExtractor's default contrast.
STRUCTURE = 0.005

#: Score from which on the verdict is a pair: five times the noise.
THRESHOLD = 5.0


@dataclass(frozen=True)
class PeerResult:
    """What a classical detector says of one image.

    Attributes
    ----------
    score : float
        Higher is more like a pair; 0 where no second source was found, NaN where
        there is nothing to measure.
    separation : float
        Of the two sources, in arcsec; NaN where there are not two, or the detector
        does not tell.
    reason : str
        Why there is no score, or no second source; else empty.
    threshold : float
        Score from which on the verdict is a pair.
    """

    score: float
    separation: float = float("nan")
    reason: str = ""
    threshold: float = THRESHOLD

    @property
    def binary(self):
        """The verdict at the default threshold (bool)."""
        return bool(self.score >= self.threshold)


def judge(image, noun, x, y, brightness, strength, noise):
    """Score the best second source within 2.5 arcsec beside the brightest there.

    Parameters
    ----------
    image : PeerImage
        The image.
    noun : str
        What the sources are, in the plural.
    x, y : `~numpy.ndarray`
        Their positions in pixels.
    brightness : `~numpy.ndarray`
        By which the first is chosen.
    strength, noise : `~numpy.ndarray` or float
        What a second source is judged by, and its standard deviation.

    Returns
    -------
    PeerResult
        With the strength over the noise and 0.5 per cent of the first source, in
        quadrature.
    """
    right = np.interp(x, np.arange(len(image.x)), image.x)
    up = np.interp(y, np.arange(len(image.y)), image.y)
    near = np.flatnonzero(np.hypot(right, up) <= VISUAL_BINARY_LIMIT.value)
    if len(near) < 2:
        count = "no" if not len(near) else "one"
        return PeerResult(0.0, reason=f"{count} of the {noun} within 2.5 arcsec")
    first = near[brightness[near].argmax()]
    score = strength / np.hypot(noise, STRUCTURE * brightness[first])
    others = near[near != first]
    second = others[score[others].argmax()]
    apart = np.hypot(right[second] - right[first], up[second] - up[first])
    return PeerResult(float(max(score[second], 0.0)), separation=float(apart))


def guard(detect, image, valid, pixel_scale, fwhm, **settings):
    """Run a detector where there is something to measure.

    Parameters
    ----------
    detect : callable
        Called with a `PeerImage` and the settings.
    image, valid, pixel_scale, fwhm : array, float
        As for `PeerImage.make`.
    **settings
        Passed on.

    Returns
    -------
    PeerResult
        The detector's, or a score of NaN with the reason.
    """
    try:
        made = PeerImage.make(image, valid, pixel_scale, fwhm)
    except NoDataError as error:
        return PeerResult(float("nan"), reason=str(error))
    return detect(made, **settings)
