r"""From the share of sources that are found to the share that have a companion.

A source is found because of its companion, of a neighbour by chance, or of neither:

.. math:: k / n = 1 - (1 - f e) (1 - c g) (1 - p)

f being the fraction, e and g the completeness for companions and for neighbours, c the
expected number of neighbours of a source and p the share of single stars that are
found, too.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["CompanionFraction", "companion_fraction"]

#: Draws of the interval.
DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class CompanionFraction:
    """The share of sources with a companion.

    Attributes
    ----------
    fraction : float
        The share, from 0 to 1; NaN where no companion that was put in was found, or
        every single star was.
    low, high : float
        Ends of its interval, from 0 to 1.
    level : float
        Of the interval.
    completeness, false_positives, neighbours : tuple of float
        e, p and g: the share that is found of companions, of single stars and of
        neighbours, each with the ends of its interval at the same level.
    """

    fraction: float
    low: float
    high: float
    level: float
    completeness: tuple
    false_positives: tuple
    neighbours: tuple


def companion_fraction(
    found,
    sources,
    *,
    companions,
    singles=(0, 0),
    neighbours=(0, 0),
    chance=0.0,
    level=0.95,
    rng=None,
):
    """Correct a count for what was missed, and for what is no companion.

    Parameters
    ----------
    found, sources : int
        Sources that were called binary, and all.
    companions : tuple of int
        Companions that were found by the same means, and all that were put in.
    singles : tuple of int, optional
        Single stars that were called binary, and all that were asked. Without any, no
        false positives are taken off.
    neighbours : tuple of int, optional
        Neighbours that were found, and all that were put in; needed with ``chance``.
    chance : float, optional
        Expected number of neighbours of a source, on average.
    level : float, optional
        Of the interval.
    rng : `~numpy.random.Generator`, optional
        Source of randomness.

    Returns
    -------
    CompanionFraction
        The interval is that of the uncertainty of every count (Jeffreys's posterior of
        a binomial share; Brown, Cai & DasGupta 2001, Stat. Sci. 16, 101), and of
        nothing else.

    Raises
    ------
    ValueError
        If a count is larger than its total, or no companion was put in.

    Examples
    --------
    >>> from astro_vbinary.pipeline import companion_fraction
    >>> put_in = {"companions": (600, 1000), "singles": (20, 1000)}
    >>> result = companion_fraction(80, 1000, **put_in)
    >>> print(f"{result.fraction:.3f}")
    0.102
    >>> result.low < 0.102 < result.high
    True
    """
    rng = np.random.default_rng(0) if rng is None else rng
    counts = {
        "sources": (found, sources),
        "companions": companions,
        "singles": singles,
        "neighbours": neighbours,
    }
    for name, (k, n) in counts.items():
        if not 0 <= k <= n:
            raise ValueError(f"{k} of {n} {name} cannot have been found")
    if not sources or not companions[1]:
        raise ValueError("a fraction needs sources, and companions that were put in")
    if chance and not neighbours[1]:
        raise ValueError("chance neighbours are expected, but none was put in")
    tails = 50 * (1 - level), 50 * (1 + level)

    def share(name):
        k, n = counts[name]
        if not n:
            return (0.0, 0.0, 0.0), np.zeros(DRAWS)
        drawn = rng.beta(k + 0.5, n - k + 0.5, DRAWS)
        return (k / n, *map(float, np.percentile(drawn, tails))), drawn

    def solve(seen, complete, false, near):
        return (1 - (1 - seen) / ((1 - chance * near) * (1 - false))) / complete

    shares = {name: share(name) for name in counts}
    drawn = np.clip(solve(*(own for _, own in shares.values())), 0, 1)
    low, high = np.percentile(drawn, tails)
    best = np.nan
    if companions[0] and (not singles[1] or singles[0] < singles[1]):
        best = np.clip(solve(*(own[0] for own, _ in shares.values())), 0, 1)
    return CompanionFraction(
        fraction=float(best),
        low=float(low),
        high=float(high),
        level=level,
        completeness=shares["companions"][0],
        false_positives=shares["singles"][0],
        neighbours=shares["neighbours"][0],
    )
