"""A companion put beside one source in the stamps of all its surveys."""

import zlib
from dataclasses import dataclass, field

import numpy as np

from astro_vbinary.simulation.injection import SingleStar, inject_companion
from astro_vbinary.simulation.pairs import COLOUR_SCATTER
from astro_vbinary.simulation.template import InjectionError

__all__ = ["InjectedSource", "inject_source"]


@dataclass
class InjectedSource:
    """Stamps of a source with a companion, and where it could not be put.

    Attributes
    ----------
    stamps : list of `~astro_vbinary.stamps.SurveyStamp`
        All stamps of all surveys.
    signals : dict of str to float
        Matched-filter signal-to-noise ratio of the star in each survey whose stamps
        have the companion.
    left_out : dict of str to str
        Why the stamps of each of the other surveys are as they were.
    """

    stamps: list = field(default_factory=list)
    signals: dict = field(default_factory=dict)
    left_out: dict = field(default_factory=dict)


def inject_source(stacks, separation, position_angle, magnitude_difference, *, seed=0):
    """Put the same companion beside a star in each of its surveys.

    Stamps in which the star cannot be copied stay as they are: where it is too faint,
    so is its companion; where it is saturated or blended, or the companion would be
    off the stamp, it counts as missed.

    Parameters
    ----------
    stacks : sequence of `~astro_vbinary.stamps.StampStack`
        Of one single star, one a survey.
    separation, position_angle : `~astropy.units.Quantity`
        Of the companion, angles, as for `inject_companion`.
    magnitude_difference : float
        By how much it is fainter; its colours scatter about the star's by 0.15 mag.
    seed : int, optional
        Of the colours, with the bands' names.

    Returns
    -------
    InjectedSource
        The stamps, also those that stayed as they were.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astro_vbinary.simulation import Scene, Star, inject_source, simulate_stack
    >>> scene = Scene(kind="single", label=0, stars=(Star(0.0, 0.0, 500.0),))
    >>> rng = np.random.default_rng(4)
    >>> stack = simulate_stack("DECaLS", rng, scene=scene, hips_share=0).stack
    >>> made = inject_source([stack], 1.5 * u.arcsec, 90 * u.deg, 1.0)
    >>> list(made.signals)
    ['DECaLS']
    """
    made = InjectedSource()
    for stack in stacks:
        survey = stack.survey.name if stack.survey is not None else ""
        changed = {}
        try:
            star = SingleStar.from_stack(stack, drop=True)
            pair = inject_companion(
                star,
                separation,
                position_angle,
                magnitude_difference,
                colour={s.band: _colour(seed, survey, s.band) for s in star.stack},
            )
            changed = {stamp.band: stamp for stamp in pair}
            made.signals[survey] = star.signal
        except InjectionError as error:
            made.left_out[survey] = str(error)
        made.stamps += [changed.get(stamp.band, stamp) for stamp in stack]
    return made


def _colour(seed, survey, band):
    key = zlib.crc32(f"{survey} {band}".encode())
    return float(np.random.default_rng([seed, key]).normal(0, COLOUR_SCATTER))
