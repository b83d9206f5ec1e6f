r"""One probability out of what several surveys say, and could have seen.

A survey's calibrated probability p at a prior share q of pairs is a likelihood ratio,
averaged over the pairs that it was calibrated with:

.. math:: L = \frac{p}{1-p}\,\frac{1-q}{q} = (1 - \bar e) + \bar e R

A share :math:`\bar e` of those pairs shows in its images, the others look like single
stars, whose ratio is one. R is the ratio for a pair that shows. For a pair of
separation s and magnitude difference m, of which a share e(s, m) shows in this survey,
what the survey says is worth :math:`1 - e + e R`. The ratios of all surveys are
multiplied, cell by cell of the population, and then averaged over it.

Surveys share mistakes: a galaxy is no star in any of them. With logarithms
:math:`l_i` of n ratios whose errors correlate by :math:`\rho`, the best sum is
:math:`\sum l_i / (1 + (n - 1)\rho)`, which for Gaussian evidence of equal strength is
exact; n counts those that say anything, :math:`(\sum |l_i|)^2 / \sum l_i^2`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from astro_vbinary.pipeline.population import PairPopulation, detected_share
from astro_vbinary.simulation.companions import draw_companion

__all__ = ["CORRELATION", "Look", "PairPlace", "fuse_looks", "pair_ratio"]

#: Correlation of the errors of two surveys' evidence, and of the network and the fit
#: to one survey's pixels.
CORRELATION, SAME_PIXELS = 0.3, 0.7

#: Range of R: no image is so good that it could not be wrong once in a thousand.
RANGE = (1e-3, 1e3)

#: Pairs that stand for those of the calibration.
DRAWN = 1000

#: Share of pairs seen where the model says none is: it may be wrong.
LEAST_SEEN = 1e-3

#: Errors that a measured place is given at least: a share of the separation (the cells
#: of a population are that wide), and magnitudes (bands of surveys differ).
LEAST_ERRORS = (0.1, 0.3)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one survey says of a source, and how well it sees.

    Attributes
    ----------
    ratio : float
        R: how much likelier what is seen is for a pair that shows than for one star.
    fwhm : float
        Width of the PSF in arcsec.
    snr : float
        Signal-to-noise ratio of the source, all bands together.
    """

    ratio: float
    fwhm: float
    snr: float


@dataclass(frozen=True, kw_only=True)
class PairPlace:
    """The separation and magnitude difference that a look measured.

    Attributes
    ----------
    look : int
        Number of the look.
    separation, separation_error : float
        In arcsec.
    magnitude_difference, magnitude_difference_error : float
        In magnitudes; NaN where it is not known.
    """

    look: int
    separation: float
    separation_error: float
    magnitude_difference: float = np.nan
    magnitude_difference_error: float = np.nan

    def weights(self, population):
        """How well each cell of a population fits, relative to the best.

        Parameters
        ----------
        population : PairPopulation
            Of m cells.

        Returns
        -------
        `~numpy.ndarray`
            Shape (m,), float64, from 0 to 1.
        """
        share, magnitudes = LEAST_ERRORS
        chi2 = np.zeros(len(population))
        for values, value, error, least in (
            (
                population.separation,
                self.separation,
                self.separation_error,
                share * self.separation,
            ),
            (
                population.magnitude_difference,
                self.magnitude_difference,
                self.magnitude_difference_error,
                magnitudes,
            ),
        ):
            width = np.hypot(error, least)
            if np.isfinite(value) and np.isfinite(width) and width > 0:
                chi2 += np.square((values - value) / width)
        return np.exp(-0.5 * (chi2 - chi2.min()))


def pair_ratio(probability, prior, share):
    """The likelihood ratio R of a verdict for a pair that shows.

    Parameters
    ----------
    probability : float
        The verdict's, calibrated at ``prior``.
    prior : float
        Share of pairs that it assumes.
    share : float
        Share of the calibration's pairs that show.

    Returns
    -------
    float
        Between 0.001 and 1000.

    Raises
    ------
    ValueError
        If the prior is not between 0 and 1.
    """
    if not 0 < prior < 1:
        raise ValueError(f"prior must be between 0 and 1, not {prior}")
    p = min(max(float(probability), 1e-12), 1 - 1e-12)
    ratio = p / (1 - p) * (1 - prior) / prior
    return float(np.clip((ratio - (1 - share)) / share, *RANGE))


@lru_cache(maxsize=64)
def calibrated_share(fwhm):
    """Share of the pairs of the training population that show.

    Parameters
    ----------
    fwhm : float
        Width of the PSF in arcsec: the population is drawn for it.

    Returns
    -------
    float
        From 0 to 1.
    """
    rng = np.random.default_rng(0)
    drawn = [draw_companion("training", rng, fwhm=fwhm) for _ in range(DRAWN)]
    s, dm, snr = np.array(
        [(one.separation, one.magnitude_difference, one.signal) for one in drawn]
    ).T
    return float(detected_share(s, dm, snr=snr, fwhm=fwhm).mean())


def fit_ratio(false_alarm):
    r"""The likelihood ratio R of a two-star fit.

    The most that a p-value can say, :math:`1/(-e\,p \ln p)` (Sellke, Bayarri & Berger
    2001, Am. Stat. 55, 62); above 1/e, where that ends, it falls to nothing, since of
    pairs that show few are missed.

    Parameters
    ----------
    false_alarm : float
        How often a single star does as much.

    Returns
    -------
    float
        Between 0.001 and 1000.
    """
    p = min(max(float(false_alarm), 1e-300), 1.0)
    if p < np.exp(-1):
        ratio = -1 / (np.e * p * np.log(p))
    else:
        ratio = (1 - p) / (1 - np.exp(-1))
    return float(np.clip(ratio, *RANGE))


def join_ratios(network, fit):
    """The ratio of two looks at the same pixels.

    Parameters
    ----------
    network, fit : float
        R of each.

    Returns
    -------
    float
        Their product, tempered.
    """
    return float(np.exp((np.log(network) + np.log(fit)) / (1 + SAME_PIXELS)))


def fuse_looks(
    looks, *, prevalence=0.02, population=None, correlation=CORRELATION, place=None
):
    """Probability that a source is a pair, by all that was seen of it.

    Parameters
    ----------
    looks : sequence of Look
        One a survey. One that could not have seen any pair changes nothing.
    prevalence : float, optional
        Share of pairs among the sources, before anything is seen of them.
    population : PairPopulation, optional
        What pairs there are; uniform in the logarithm of the separation by default.
    correlation : float, optional
        Of the errors of two surveys' evidence; with 0 they are independent.
    place : PairPlace, optional
        What one of them measured. Either that look missed the pair, which then is
        anywhere, or it saw it, and it is at that place: there the other looks are
        asked.

    Returns
    -------
    float
        The probability; NaN without looks.

    Raises
    ------
    ValueError
        If the prevalence or the correlation is not between 0 and 1.

    Examples
    --------
    A survey of 3 arcsec that shows nothing says little about pairs of half an
    arcsecond, and one of 0.1 arcsec much:

    >>> from astro_vbinary.pipeline import Look, PairPopulation, fuse_looks
    >>> half = PairPopulation([0.5], [0.5], [1.0])
    >>> blurred = Look(ratio=0.01, fwhm=3.0, snr=100)
    >>> sharp = Look(ratio=0.01, fwhm=0.1, snr=100)
    >>> print(f"{fuse_looks([blurred], prevalence=0.5, population=half):.2f}")
    0.50
    >>> print(f"{fuse_looks([sharp], prevalence=0.5, population=half):.2f}")
    0.01
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must be between 0 and 1, not {prevalence}")
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation must be from 0 to below 1, not {correlation}")
    if not looks:
        return np.nan
    population = population or default_population()
    seen = np.stack([population.detected(look.fwhm, look.snr) for look in looks])
    ratio = np.clip([look.ratio for look in looks], *RANGE)[:, None]
    log = np.log1p(seen * (ratio - 1))
    weight = population.weight
    if place is None:
        total = weight @ np.exp(_temper(log, correlation))
    else:
        own = seen[place.look]
        missed, found = log.copy(), log.copy()
        missed[place.look] = 0
        found[place.look] = np.log(ratio[place.look])
        near = (weight + 1e-12) * (own + LEAST_SEEN) * place.weights(population)
        total = (weight * (1 - own)) @ np.exp(_temper(missed, correlation))
        total += (weight @ own) * (
            (near / near.sum()) @ np.exp(_temper(found, correlation))
        )
    odds = prevalence / (1 - prevalence) * total
    return float(odds / (1 + odds))


@lru_cache(maxsize=1)
def default_population():
    """The population that is meant where none is given.

    Returns
    -------
    PairPopulation
        Uniform in the logarithm of the separation.
    """
    return PairPopulation.log_uniform()


def _temper(log, correlation):
    """Sum of (n, m) logarithms of ratios whose errors correlate."""
    total = log.sum(axis=0)
    squares = np.square(log).sum(axis=0)
    count = np.square(np.abs(log).sum(axis=0)) / np.maximum(squares, 1e-300)
    return total / (1 + np.maximum(count - 1, 0) * correlation)
