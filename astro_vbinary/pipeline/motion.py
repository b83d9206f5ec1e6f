r"""How the fainter star of a pair moves relative to the brighter one.

A companion stays: its relative motion is zero but for its orbit. A background star is
left behind: it moves by minus the primary's proper motion, but for its own.
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from scipy import special

__all__ = ["PairMotion", "fit_motion", "judge_motion", "orbital_motion"]

#: Least time in years between the first and the last epoch.
LEAST_SPAN = 0.5

#: Mass of both stars in solar masses and distance in pc, where they are not known.
MASS, DISTANCE = 2.0, 400.0

#: Scatter of the motions of background stars along each axis, in mas/yr, and what the
#: primary's proper motion scatters by where no catalogue tells it.
BACKGROUND, UNKNOWN = 2.0, 10.0

#: A verdict takes a ratio of the likelihoods of so much, and a motion that is not less
#: probable under it than this.
DECISIVE, LEAST_P = 10.0, 1e-3


@dataclass(frozen=True)
class PairMotion:
    """A straight line through the offsets of several epochs.

    Attributes
    ----------
    motion : `~numpy.ndarray`
        Shape (2,): of the fainter star relative to the brighter one, towards east
        (with the cosine of the declination in it) and north, in mas/yr.
    covariance : `~numpy.ndarray`
        Shape (2, 2), (mas/yr) squared.
    offset : `~numpy.ndarray`
        Shape (2,): at ``epoch``, in arcsec.
    epoch : float
        Julian year, the weighted mean.
    chi2 : float
        Of the offsets about the line.
    dof : int
        Its degrees of freedom, 2 (n - 2).
    p_moving : float
        Chance that a pair at rest shows as much motion.
    """

    motion: np.ndarray
    covariance: np.ndarray
    offset: np.ndarray
    epoch: float
    chi2: float
    dof: int
    p_moving: float


def fit_motion(offsets):
    """Weighted linear fit to the offsets of several epochs.

    Parameters
    ----------
    offsets : sequence of PairOffset
        Those without an epoch are left out.

    Returns
    -------
    PairMotion or None
        None where the epochs span less than half a year.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.pipeline import PairOffset, fit_motion
    >>> offsets = [
    ...     PairOffset(survey=s, offset=np.array([x, 0.5]), epoch=t,
    ...                covariance=np.eye(2) * 0.01**2)
    ...     for s, x, t in (("SDSS9", 0.50, 2005.0), ("HST", 0.56, 2015.0))
    ... ]
    >>> print(fit_motion(offsets).motion.round(3))
    [6. 0.]
    """
    known = [one for one in offsets if np.isfinite(one.epoch)]
    if not known:
        return None
    epochs = np.array([one.epoch for one in known])
    if np.ptp(epochs) < LEAST_SPAN:
        return None
    weights = [np.linalg.inv(one.covariance) for one in known]
    trace = np.array([np.trace(weight) for weight in weights])
    middle = float(trace @ epochs / trace.sum())
    normal, right = np.zeros((4, 4)), np.zeros(4)
    designs = [np.hstack([np.eye(2), (t - middle) * np.eye(2)]) for t in epochs]
    for design, weight, one in zip(designs, weights, known, strict=True):
        normal += design.T @ weight @ design
        right += design.T @ weight @ one.offset
    covariance = np.linalg.inv(normal)
    found = covariance @ right
    chi2 = 0.0
    for design, weight, one in zip(designs, weights, known, strict=True):
        left = one.offset - design @ found
        chi2 += float(left @ weight @ left)
    motion, error = 1e3 * found[2:], 1e6 * covariance[2:, 2:]
    return PairMotion(
        motion,
        error,
        found[:2],
        middle,
        chi2,
        2 * (len(known) - 2),
        _chance(motion, error),
    )


def orbital_motion(separation, *, distance=DISTANCE * u.pc, mass=MASS * u.solMass):
    r"""Fastest that a bound companion moves, about.

    The velocity at which two stars escape from each other at their projected
    separation a, :math:`2\pi\sqrt{2M/a}` au/yr (masses in Sun's, a in au): the true
    separation is larger, and so the orbit slower.

    Parameters
    ----------
    separation : `~astropy.units.Quantity`
        An angle.
    distance : `~astropy.units.Quantity`, optional
        By default that of Orion, 400 pc.
    mass : `~astropy.units.Quantity`, optional
        Of both stars; by default two Suns.

    Returns
    -------
    float
        In mas/yr.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.pipeline import orbital_motion
    >>> print(f"{orbital_motion(0.5 * u.arcsec):.1f}")
    2.2
    """
    far = u.Quantity(distance).to_value(u.pc)
    axis = max(u.Quantity(separation).to_value(u.arcsec), 1e-3) * far
    speed = 2 * np.pi * np.sqrt(2 * u.Quantity(mass).to_value(u.solMass) / axis)
    return float(1e3 * speed / far)


def judge_motion(motion, *, orbit, proper_motion=None, proper_motion_error=(0.0, 0.0)):
    r"""Whether a pair moves as a companion or as a background star does.

    The likelihoods of two Gaussians are compared. A companion's motion has the mean
    zero and the orbit's allowance as its scatter along each axis. A background star's
    has minus the primary's proper motion as its mean, and 2 mas/yr as its scatter;
    where the primary's is not known, zero and 10 mas/yr. To both is added the
    covariance of the fit. A ratio of ten decides, if the motion is also not too
    improbable under the likelier of the two (p of at least 0.001).

    Parameters
    ----------
    motion : PairMotion
        From `fit_motion`.
    orbit : float
        Allowance for orbital motion, mas/yr, see `orbital_motion`.
    proper_motion : sequence of float, optional
        The primary's: towards east (with the cosine) and north, mas/yr.
    proper_motion_error : sequence of float, optional
        Its errors, mas/yr.

    Returns
    -------
    verdict : str
        ``companion``, ``background`` or ``unclear``.
    log_ratio : float
        Natural logarithm of the ratio, companion over background.
    """
    bound = motion.covariance + np.eye(2) * orbit**2
    if proper_motion is None:
        mean, scatter = np.zeros(2), np.eye(2) * UNKNOWN**2
    else:
        mean = -np.asarray(proper_motion, dtype=float)
        errors = np.square(np.asarray(proper_motion_error, dtype=float))
        scatter = np.diag(errors) + np.eye(2) * BACKGROUND**2
    passing = motion.covariance + scatter
    log_ratio = float(
        _log_normal(motion.motion, bound) - _log_normal(motion.motion - mean, passing)
    )
    if log_ratio > np.log(DECISIVE) and _chance(motion.motion, bound) > LEAST_P:
        return "companion", log_ratio
    left = motion.motion - mean
    if log_ratio < -np.log(DECISIVE) and _chance(left, passing) > LEAST_P:
        return "background", log_ratio
    return "unclear", log_ratio


def _chance(vector, covariance):
    return float(special.chdtrc(2, vector @ np.linalg.solve(covariance, vector)))


def _log_normal(vector, covariance):
    return float(
        -0.5 * vector @ np.linalg.solve(covariance, vector)
        - 0.5 * np.linalg.slogdet(covariance)[1]
    )
