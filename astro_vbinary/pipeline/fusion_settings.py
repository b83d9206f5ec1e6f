"""How the verdicts of surveys are made one: what a user chooses."""

from dataclasses import dataclass

import astropy.units as u

from astro_vbinary.pipeline.fusion import CORRELATION
from astro_vbinary.pipeline.population import PairPopulation

__all__ = ["FusionSettings"]


@dataclass(frozen=True, kw_only=True)
class FusionSettings:
    """How the surveys' verdicts are made one.

    Attributes
    ----------
    prevalence : float
        Share of pairs among the sources.
    prior : float or None
        Share that the verdicts' probabilities assume; None is what their weights were
        calibrated at.
    population : PairPopulation or None
        Uniform in the logarithm of the separation by default.
    correlation : float
        Of the errors of two surveys.
    threshold : float
        Probability from which a source is called binary.
    agreement : float
        What it is worth, as a factor to the odds, that two surveys or more measure a
        pair at one place (consistency of at least 0.001).
    use_fits : bool
        Whether the false-alarm probability of each survey's fit counts as evidence
        besides the network's. Galaxies and nebulae, too, are more like two stars than
        like one.
    distance : `~astropy.units.Quantity`
        Of sources without a parallax, for their orbits.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1.
    """

    prevalence: float = 0.02
    prior: float | None = None
    population: PairPopulation | None = None
    correlation: float = CORRELATION
    threshold: float = 0.5
    agreement: float = 5.0
    use_fits: bool = False
    distance: u.Quantity = 400.0 * u.pc

    def __post_init__(self):
        for name in ("prevalence", "prior", "threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name} must be between 0 and 1, not {value}")
        if not 0 <= self.correlation < 1:
            raise ValueError(
                f"correlation must be from 0 to below 1, not {self.correlation}"
            )
        if not self.agreement >= 1:
            raise ValueError(f"agreement must be at least 1, not {self.agreement}")
