"""What is known of a fitted pair."""

from dataclasses import dataclass

import numpy as np

from astro_vbinary.measurement.pair_terms import pair_errors, pair_terms

__all__ = ["TRIPLE", "PairFit", "pair_values"]

#: False-alarm probability below which a third star is one.
TRIPLE = 1e-4

#: Error of the separation in arcsec above which nothing is known of it.
UNKNOWN = 100.0

#: Least flux in errors of a star that a magnitude is given for, and how many of them
#: make a one-sided limit of 95 %.
FAINTEST, UPPER = 1.0, 1.645


@dataclass(frozen=True)
class PairFit:
    """Two stars fitted to each of n stacks of k bands.

    Attributes
    ----------
    position : `~numpy.ndarray`
        Shape (n, 2, 2): (east, north) of the brighter and of the fainter star from
        the target, in arcsec.
    flux : `~numpy.ndarray`
        Shape (n, k, 2): of both in each band, in the images' unit.
    fisher : `~numpy.ndarray`
        Shape (n, 4 + 2 k, 4 + 2 k): covariance of both, scaled where the fit is poor.
    separation, position_angle : `~numpy.ndarray`
        Shape (n,), arcsec and degrees from north through east.
    magnitude_difference : `~numpy.ndarray`
        Shape (n, k); NaN where a band does not show both stars.
    least_difference : `~numpy.ndarray`
        Shape (n, k): by how much the second star is fainter at least, at 95 %.
    covariance : `~numpy.ndarray`
        Shape (n, 2 + k, 2 + k): of separation, angle and magnitude differences.
    moment, moment_error : `~numpy.ndarray`
        Shape (n, k), square arcsec: alpha (1 - alpha) s^2.
    statistic, false_alarm : `~numpy.ndarray`
        Shape (n,): square root of the drop in chi2 from one star to two, and how
        often noise does that to a single star.
    extended : `~numpy.ndarray`
        Shape (n,): square root of the drop in chi2 from one broad source to two
        stars, negative where it is a rise; infinite where it was not tried.
    reduced_chi2, core_chi2 : `~numpy.ndarray`
        Shape (n,): chi2 over degrees of freedom, of all pixels and of those near the
        stars.
    at_limit : `~numpy.ndarray`
        Shape (n,), bool: whether the separation is the largest that was allowed.
    light : `~numpy.ndarray`
        Shape (n,): signal-to-noise ratio of both stars' light.
    misfit : `~numpy.ndarray`
        Shape (n,): what two stars leave near them beyond the noise of the sky, as a
        share of their light, root mean square.
    third, third_false_alarm : `~numpy.ndarray`
        Shape (n,): the same statistic of three stars against two, and its chance; NaN
        where none was looked for.
    signal : `~numpy.ndarray`
        Shape (n, k): the lesser of both stars' fluxes over their errors; 0 without
        data.
    fwhm : `~numpy.ndarray`
        Shape (n,): effective full width at half maximum of the sharpest band, arcsec.
    """

    position: np.ndarray
    flux: np.ndarray
    fisher: np.ndarray
    separation: np.ndarray
    position_angle: np.ndarray
    magnitude_difference: np.ndarray
    least_difference: np.ndarray
    covariance: np.ndarray
    moment: np.ndarray
    moment_error: np.ndarray
    statistic: np.ndarray
    false_alarm: np.ndarray
    extended: np.ndarray
    reduced_chi2: np.ndarray
    core_chi2: np.ndarray
    at_limit: np.ndarray
    light: np.ndarray
    misfit: np.ndarray
    third: np.ndarray
    third_false_alarm: np.ndarray
    signal: np.ndarray
    fwhm: np.ndarray

    def __len__(self):
        return len(self.separation)

    @property
    def reference(self):
        """Number of the band that shows both stars best, shape (n,)."""
        return self.signal.argmax(axis=1)

    @property
    def triple(self):
        """Whether a third star improves the fit significantly, (n,) bool."""
        return self.third_false_alarm < TRIPLE

    def __repr__(self):
        return f"<PairFit of {len(self)} stacks>"


def pair_values(batch, pair, known, *, scale, **values):
    """Separations, angles, magnitude differences, and their errors.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    pair : StarFit
        Two stars fitted to each, the brighter one first.
    known : `~astro_vbinary.measurement.information.Information`
        How well they are known.
    scale : `~numpy.ndarray`
        Shape (n,): by what variances grow.
    **values : dict
        The other attributes of `PairFit`.

    Returns
    -------
    PairFit
        Of every stack.
    """
    position, flux, fisher = (
        v.cpu().numpy() for v in (pair.positions, pair.flux, known.covariance)
    )
    fisher = fisher * scale[:, None, None]
    there = (batch.weight > 0).flatten(2).any(2).cpu().numpy()
    separation, angle, difference, moment = pair_terms(position, flux)
    covariance, moment_error = pair_errors(position, flux, fisher)
    error = np.sqrt(np.diagonal(fisher, axis1=1, axis2=2)[:, 4:].reshape(flux.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        signal = np.nan_to_num(np.where(there[..., None], flux / error, 0.0))
        brightest = flux[..., 1] + UPPER * error[..., 1]
        least = -2.5 * np.log10(brightest / flux[..., 0])
    # Without a star's light there is no magnitude.
    seen = signal.min(axis=2) > FAINTEST
    known = there & (signal[..., 0] > FAINTEST)
    # Where there is no second star, its place is unknown, not known to 1e70 arcsec.
    lost = ~(covariance[:, 0, 0] < UNKNOWN**2)
    covariance[lost] = np.nan
    covariance[:, 2:][~seen] = np.nan
    covariance.transpose(0, 2, 1)[:, 2:][~seen] = np.nan
    return PairFit(
        position=position,
        flux=np.where(there[..., None], flux, np.nan),
        fisher=fisher,
        separation=separation,
        position_angle=angle,
        magnitude_difference=np.where(seen, difference, np.nan),
        least_difference=np.where(known, least, np.nan),
        covariance=covariance,
        moment=np.where(there, moment, np.nan),
        moment_error=np.where(there, moment_error, np.nan),
        signal=signal.min(axis=2),
        **values,
    )
