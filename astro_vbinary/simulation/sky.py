"""What can be on the sky: stars, galaxies, and the scenes made of them."""

from dataclasses import dataclass, field

__all__ = ["SATURATIONS", "Galaxy", "Scene", "Star"]

#: How a saturated core looks.
SATURATIONS = ("flat", "masked", "zeroed", "bleeding", "bled_masked")


@dataclass(frozen=True, slots=True)
class Star:
    """A point source.

    Attributes
    ----------
    east, north : float
        Offset from the target in arcsec.
    signal : float
        Matched-filter signal-to-noise ratio over all bands on a dark sky.
    """

    east: float
    north: float
    signal: float


@dataclass(frozen=True, slots=True)
class Galaxy:
    """A Sersic galaxy, perhaps with clumps.

    Attributes
    ----------
    east, north : float
        Offset of its centre from the target in arcsec.
    signal : float
        Signal-to-noise ratio that a point source of its flux would have.
    radius : float
        Half-light radius in arcsec.
    axis_ratio : float
        Short over long axis.
    angle : float
        Of the long axis, in rad.
    index : float
        Sersic's n.
    clumps : int
        Knots of star formation.
    """

    east: float
    north: float
    signal: float
    radius: float
    axis_ratio: float
    angle: float
    index: float
    clumps: int = 0


@dataclass(frozen=True)
class Scene:
    """What is drawn, and the truth about it.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    label : int
        1 for two or more stars within 2.5 arcsec, else 0.
    stars : tuple of Star
        Brightest of the pair, or the target, first.
    separation, position_angle, magnitude_difference : float
        Of the pair, in arcsec, degrees east of north and magnitudes; NaN where
        there is none.
    nearest : float
        Distance in arcsec of the nearest star beyond the target's circle; NaN
        where there is none.
    galaxy : Galaxy or None
        A galaxy.
    gradient : float
        Amplitude of a sloping background in units of the noise.
    nebula : tuple or None
        (form, amplitude in units of the noise): ``cloud``, ``knots``,
        ``filament`` or ``silhouette``.
    saturation : str or None
        ``flat``, ``masked``, ``zeroed``, ``bleeding`` or ``bled_masked``.
    defects : frozenset of str
        Names of defects of the picture that are certain here: ``cosmic_rays``,
        ``hot_pixels``, ``strip``, ``gap``, ``ghost``, ``stripes``,
        ``misregistered``, ``trailed``, ``spikes``.
    """

    kind: str
    label: int
    stars: tuple[Star, ...] = ()
    separation: float = float("nan")
    position_angle: float = float("nan")
    magnitude_difference: float = float("nan")
    nearest: float = float("nan")
    galaxy: Galaxy | None = None
    gradient: float = 0.0
    nebula: tuple[str, float] | None = None
    saturation: str | None = None
    defects: frozenset = field(default_factory=frozenset)
