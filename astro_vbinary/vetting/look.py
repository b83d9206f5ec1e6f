"""How the pixels of an image are shown."""

from dataclasses import dataclass

from astro_vbinary.plotting.style import STRETCHES

__all__ = ["COLOURS", "CUTS", "FIELDS", "Look"]

#: Sides of the field in arcsec.
FIELDS = (6.0, 10.0, 15.0, 20.0)

#: Shares of the pixels, in per cent, that are neither black nor white.
CUTS = {"auto": None, "100": 100.0, "99.5": 99.5, "99": 99.0, "98": 98.0, "95": 95.0}

#: Colour maps of matplotlib that can be chosen: even in lightness, no rainbow.
COLOURS = ("inferno", "gray", "gray_r", "viridis", "cividis")


@dataclass(frozen=True)
class Look:
    """How pixels are shown.

    Parameters
    ----------
    stretch : str
        One of ``astro_vbinary.plotting.STRETCHES``.
    cut : str
        One of `CUTS`.
    colours : str
        One of `COLOURS`.
    field : float
        Side of the field in arcsec, one of `FIELDS`.

    Raises
    ------
    ValueError
        If one of them is unknown.
    """

    stretch: str = "asinh"
    cut: str = "auto"
    colours: str = "inferno"
    field: float = 10.0

    def __post_init__(self):
        for name, known in (
            ("stretch", STRETCHES),
            ("cut", CUTS),
            ("colours", COLOURS),
            ("field", FIELDS),
        ):
            if getattr(self, name) not in known:
                shown = ", ".join(map(str, known))
                raise ValueError(
                    f"unknown {name} {getattr(self, name)!r}; known: {shown}"
                )
