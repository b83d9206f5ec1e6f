"""Companions: how far apart, how much fainter, how well seen.

Two populations. ``training`` is uniform in the logarithm of the detectability, so
that a network sees as many hard pairs as easy ones. ``orion`` is what
surveys of young stars at 400 pc find, for evaluation.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["POPULATIONS", "Companion", "approximate_detectability", "draw_companion"]

#: Populations that companions are drawn from.
POPULATIONS = ("training", "orion")

#: Widest separation of a pair in arcsec: what a visual binary is.
WIDEST = 2.5

#: Closest pair drawn, in units of the FWHM.
CLOSEST = 0.3

#: Matched-filter signal-to-noise ratio of a primary: faintest, and brightest.
SIGNALS = (6.0, 3.0e4)

#: Range of the detectability of the training population, the PSF unknown.
DETECTABILITY = (3.0, 150.0)

#: Standard deviation of the PSF's ellipticity, for the training population.
UNKNOWN_ELLIPTICITY = 0.05

#: Share of the pairs beyond any detection that are kept, and how often is drawn.
HOPELESS, MOST_TRIES = 0.05, 30

#: Magnitude difference of a mass ratio q is this times -2.5 log10 q: luminosities
#: of stars of 1 to 3 Myr on their Hayashi tracks go about as the mass to this power
#: (slope between 0.1 and 1 solar masses of the 2-Myr isochrone of Baraffe et al.
#: 2015, A&A 577, A42, in the near infrared).
LUMINOSITY_SLOPE = 1.6

#: Distance of Orion in pc, and the separation beyond which companions are half as
#: frequent (Reipurth et al. 2007, AJ 134, 2272).
DISTANCE, DROP = 400.0, 0.5


@dataclass(frozen=True)
class Companion:
    """A second star.

    Attributes
    ----------
    separation : float
        In arcsec.
    position_angle : float
        In degrees east of north.
    magnitude_difference : float
        Companion minus primary, not negative.
    signal : float
        Matched-filter signal-to-noise ratio of the primary.
    """

    separation: float
    position_angle: float
    magnitude_difference: float
    signal: float


def approximate_detectability(
    separation, magnitude_difference, signal, fwhm, *, ellipticity=0.0
):
    r"""Detectability d' of a pair by its closed limits, sky-limited.

    :math:`d' = S\,r\,\min(1, 1.96\,(s/\mathrm{FWHM})^2/(1+r))`, with S the
    signal-to-noise ratio of the primary and r the flux ratio: the exact limits for
    small and wide separations of a Gaussian PSF (Prasad 2014, arXiv:1403.4919;
    Helstrom 1973), joined by the smaller of the two. An ellipticity e of the PSF that
    is not known fakes a close pair of :math:`0.49\,(1+r)\,S\,e`, which counts as noise
    as far as the pair is no wider than the PSF. For drawing pairs; the truth in a table
    comes from `astro_vbinary.measurement`.

    Parameters
    ----------
    separation : float or `~numpy.ndarray`
        In arcsec.
    magnitude_difference : float or `~numpy.ndarray`
        Not negative.
    signal : float or `~numpy.ndarray`
        Signal-to-noise ratio of the primary alone.
    fwhm : float or `~numpy.ndarray`
        Width of the PSF in arcsec.
    ellipticity : float, optional
        Standard deviation of what is not known of the PSF's.

    Returns
    -------
    float or `~numpy.ndarray`
        The detectability.
    """
    ratio = 10 ** (-0.4 * np.asarray(magnitude_difference))
    size = np.square(np.asarray(separation) / fwhm)
    signal = np.asarray(signal)
    known = signal * ratio * np.minimum(1.0, 1.96 * size / (1 + ratio))
    faked = 0.49 * (1 + ratio) * signal * ellipticity * np.exp(-0.5 * size)
    return known / np.sqrt(1 + np.square(faked))


def draw_companion(population, rng, *, fwhm, widest=WIDEST):
    """Draw a companion and the brightness of its primary.

    Parameters
    ----------
    population : str
        One of `POPULATIONS`.
    rng : `~numpy.random.Generator`
        Source of randomness.
    fwhm : float
        Of the sharpest band, in arcsec.
    widest : float, optional
        Largest separation in arcsec, where a stamp is small.

    Returns
    -------
    Companion
        The companion.

    Raises
    ------
    ValueError
        If the population is unknown.
    """
    if population not in POPULATIONS:
        known = ", ".join(POPULATIONS)
        raise ValueError(f"unknown population {population!r}; known: {known}")
    angle = rng.uniform(0, 360)
    if population == "orion":
        return Companion(*_orion(rng, fwhm, widest, angle))
    for _ in range(MOST_TRIES):
        separation = _training_separation(rng, fwhm, widest)
        difference = 0.0 if rng.random() < 0.1 else 4.5 * rng.random() ** 1.3
        wanted = log_uniform(rng, *DETECTABILITY)
        signal = _signal_for(wanted, separation, difference, fwhm)
        # Pairs that no signal shows beside an unknown PSF teach nothing.
        if signal is not None or rng.random() < HOPELESS:
            break
    if signal is None or rng.random() < 0.3:
        # Bright pairs too, so that brightness alone says nothing.
        signal = log_uniform(rng, min(max(signal or 0, 30.0), 3000.0), SIGNALS[1])
    return Companion(float(separation), angle, difference, float(signal))


def _training_separation(rng, fwhm, widest):
    kind = rng.random()
    if kind < 0.3:
        return rng.uniform(min(fwhm, 0.8 * widest), widest)
    if kind < 0.5:
        # Where pairs merge: the hardest, and the most telling.
        return rng.uniform(min(0.5 * fwhm, 0.4 * widest), min(2 * fwhm, widest))
    return log_uniform(rng, min(CLOSEST * fwhm, 0.5 * widest), widest)


def _signal_for(wanted, separation, difference, fwhm):
    """Signal that makes a pair as detectable as wanted; None where none does."""
    place = separation, difference
    options = {"ellipticity": UNKNOWN_ELLIPTICITY}
    if approximate_detectability(*place, SIGNALS[1], fwhm, **options) < wanted:
        return None
    one = float(approximate_detectability(*place, 1.0, fwhm))
    # d'^2 = (a S)^2 / (1 + (b S)^2), solved for S.
    far = 1e9
    limit = float(approximate_detectability(*place, far, fwhm, **options))
    squared = (wanted / one) ** 2 / max(1 - (wanted / limit) ** 2, 1e-9)
    return float(np.clip(np.sqrt(squared), SIGNALS[0], SIGNALS[1] / 1.5))


def _orion(rng, fwhm, widest, angle):
    low = min(CLOSEST * fwhm, 0.5 * widest)
    while True:
        # Flat in the logarithm, half as frequent beyond the drop.
        separation = log_uniform(rng, low, widest)
        if separation < DROP or rng.random() < 0.5:
            break
    slope = rng.uniform(0, 2)
    ratio = max(rng.random() ** (1 / (1 + slope)), 0.05)
    difference = -2.5 * LUMINOSITY_SLOPE * np.log10(ratio)
    # Number counts rise as 10^(0.3 m): dN/dlogS as S^-0.75.
    index = -0.75
    low_s, high_s = 8.0, 5000.0
    share = rng.random()
    signal = (low_s**index + share * (high_s**index - low_s**index)) ** (1 / index)
    return float(separation), angle, float(difference), float(signal)


def log_uniform(rng, low, high):
    """A number uniform in its logarithm.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    low, high : float
        Range, positive.

    Returns
    -------
    float
        The number.
    """
    return float(low * (high / low) ** rng.random())
