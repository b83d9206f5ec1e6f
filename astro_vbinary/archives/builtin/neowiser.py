"""NEOWISER: co-adds that seven years of the reactivated mission dominate."""

from astro_vbinary.archives.builtin.coadds import CoaddRecipe
from astro_vbinary.archives.builtin.unwise import WISE_THANKS

__all__ = ["NEOWISER"]

NEOWISER = CoaddRecipe(
    name="neowiser",
    survey="NEOWISER",
    version="neo7",
    unit="nmgy",
    zero_points={"W1": 22.5, "W2": 22.5},
    what=(
        "The full-depth unWISE co-adds of the exposures to the end of the seventh "
        "year of the reactivated mission (version ``neo7``). Each tile of 1.56 "
        "degrees is fetched once (17 MB a band) and all stamps on it are cut from it; "
        "with ``whole_tiles=False`` the archive cuts out each stamp instead and sends "
        "a tar."
    ),
    traps=(
        "A star is 6 arcsec wide: a stamp never carries a verdict.",
        "Nobody serves co-adds of the reactivated mission alone: these have the "
        "exposures of 2010 and 2011 in them as well.",
        "Fluxes are in Vega nanomaggies: zero point 22.5.",
        "An epoch between the first and the last exposure stands for eleven years, in "
        "which near stars move by arcseconds.",
    ),
    citation=(
        "Mainzer et al. 2014, ApJ 792, 30, doi:10.1088/0004-637X/792/1/30; Meisner et "
        "al. 2017, AJ 154, 161, doi:10.3847/1538-3881/aa894e"
    ),
    acknowledgement=WISE_THANKS,
    doc_url="https://unwise.me",
)
