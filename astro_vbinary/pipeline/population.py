"""The pairs that a verdict is about: how wide and how unequal they are."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from scipy import special

from astro_vbinary.measurement.bounds import GLRT_THRESHOLDS
from astro_vbinary.simulation.companions import approximate_detectability
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["PairPopulation"]

#: d' that half of the pairs are found at: the scan at a false-positive rate of 1e-3.
THRESHOLD = GLRT_THRESHOLDS[1e-3]

#: What is not known of a PSF's ellipticity, one standard deviation.
ELLIPTICITY = 0.05

#: The default grid: closest pair in arcsec, largest difference, cells of each.
CLOSEST, UNEQUAL, CELLS = 0.03, 5.0, (40, 20)


@dataclass(frozen=True, eq=False)
class PairPopulation:
    """How often pairs have which separation and magnitude difference.

    A prevalence is the share of the sources that are pairs of this population.

    Parameters
    ----------
    separation : `~numpy.ndarray`
        Shape (m,), float64: in arcsec, of the cells.
    magnitude_difference : `~numpy.ndarray`
        Shape (m,), float64: not negative.
    weight : `~numpy.ndarray`
        Shape (m,), float64: share of the pairs; brought to a sum of one.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is negative or not finite.

    Examples
    --------
    >>> from astro_vbinary.pipeline import PairPopulation
    >>> population = PairPopulation.log_uniform()
    >>> seen = population.weight @ population.detected(fwhm=3.0, snr=100)
    >>> bool(seen < population.weight @ population.detected(fwhm=0.1, snr=100))
    True
    """

    separation: np.ndarray
    magnitude_difference: np.ndarray
    weight: np.ndarray
    _seen: dict = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self):
        names = ("separation", "magnitude_difference", "weight")
        values = [np.asarray(getattr(self, name), dtype=float) for name in names]
        if len({value.shape for value in values}) > 1 or values[0].ndim != 1:
            raise ValueError(
                f"{', '.join(names)} must be of one shape (m,), not "
                f"{', '.join(str(value.shape) for value in values)}"
            )
        for name, value in zip(names, values, strict=True):
            if not (np.isfinite(value) & (value >= 0)).all():
                raise ValueError(f"{name} must be finite and not negative")
        if not values[2].sum() > 0:
            raise ValueError("the weights of a population must not all be zero")
        values[2] = values[2] / values[2].sum()
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    def __len__(self):
        return len(self.weight)

    @classmethod
    def log_uniform(
        cls,
        closest=CLOSEST * u.arcsec,
        widest=VISUAL_BINARY_LIMIT,
        *,
        largest_difference=UNEQUAL,
        slope=0.0,
    ):
        """Pairs uniform in the logarithm of the separation.

        Parameters
        ----------
        closest, widest : `~astropy.units.Quantity`, optional
            Range of the separation, angles.
        largest_difference : float, optional
            Largest magnitude difference.
        slope : float, optional
            Of the frequency with magnitude difference: exp(slope times it). None by
            default, as companions of all mass ratios roughly have it.

        Returns
        -------
        PairPopulation
            On a grid.
        """
        wide, unequal = CELLS
        ends = [u.Quantity(one).to_value(u.arcsec) for one in (closest, widest)]
        edges = np.geomspace(*ends, wide + 1)
        separation = np.sqrt(edges[1:] * edges[:-1])
        difference = (np.arange(unequal) + 0.5) * largest_difference / unequal
        s, dm = np.meshgrid(separation, difference, indexing="ij")
        return cls(s.ravel(), dm.ravel(), np.exp(slope * dm).ravel())

    @classmethod
    def from_table(cls, table):
        """Pairs of a table, such as a simulated or a known sample.

        Parameters
        ----------
        table : `~astropy.table.Table`
            With the columns ``separation`` (arcsec without a unit) and
            ``magnitude_difference``, and perhaps ``weight``.

        Returns
        -------
        PairPopulation
            One cell a row.
        """
        s = u.Quantity(table["separation"], u.arcsec).value
        dm = u.Quantity(table["magnitude_difference"], u.mag).value
        weight = table["weight"] if "weight" in table.colnames else np.ones(len(s))
        return cls(s, dm, np.asarray(weight))

    def detected(self, fwhm, snr):
        r"""Share of the pairs of each cell that an image shows.

        :math:`e = \Phi(d' - t)` with t the threshold of the scan, 4.4 at a
        false-positive rate of 1e-3, and d' that of a sky-limited pair beside a PSF
        whose ellipticity is known to 0.05:
        :math:`d' = S\,r\,\min(1, 1.96\,(s/W)^2/(1+r))`, less what the PSF fakes.

        Parameters
        ----------
        fwhm : float
            Width W of the PSF in arcsec.
        snr : float
            Signal-to-noise ratio S of the primary, all bands together.

        Returns
        -------
        `~numpy.ndarray`
            Shape (m,), float64.
        """
        key = float(f"{fwhm:.4g}"), float(f"{snr:.3g}")
        if key not in self._seen:
            self._seen[key] = detected_share(
                self.separation, self.magnitude_difference, snr=key[1], fwhm=key[0]
            )
        return self._seen[key]


def detected_share(separation, difference, *, snr, fwhm):
    """Share of pairs that an image shows.

    Parameters
    ----------
    separation, difference : `~numpy.ndarray`
        Arcsec and magnitudes.
    snr : float or `~numpy.ndarray`
        Of the primary.
    fwhm : float
        In arcsec.

    Returns
    -------
    `~numpy.ndarray`
        From 0 to 1.
    """
    d = approximate_detectability(
        separation, difference, snr, fwhm, ellipticity=ELLIPTICITY
    )
    return special.ndtr(d - THRESHOLD)
