"""DECaLS: the Legacy Surveys' tenth release."""

from astro_vbinary.archives.builtin.legacy import LegacyRecipe

__all__ = ["DECALS"]

DECALS = LegacyRecipe(
    name="decals",
    survey="DECaLS",
    layer="ls-dr10",
    bands=("g", "r", "i", "z"),
    what=(
        "Co-adds of DR10 from the viewer's ``fits-cutout``, with their inverse "
        "variances, all bands with one question."
    ),
    traps=(
        "Where a band has no exposures its image is zero, not missing: the inverse "
        "variance tells, and pixels where it is zero become NaN.",
        "The viewer resamples onto a plane with the target at its centre.",
        "Fluxes are in AB nanomaggies: zero point 22.5.",
        "Cores brighter than about 16 mag are saturated and filled.",
        "At most 3000 pixels on a side are given.",
    ),
    citation="Dey et al. 2019, AJ 157, 168, doi:10.3847/1538-3881/ab089d",
    acknowledgement=(
        "The Legacy Surveys consist of three individual and complementary projects: "
        "the Dark Energy Camera Legacy Survey (DECaLS; Proposal ID #2014B-0404), the "
        "Beijing-Arizona Sky Survey (BASS; NOAO Prop. ID #2015A-0801), and the Mayall "
        "z-band Legacy Survey (MzLS; Prop. ID #2016A-0453). The full text is at "
        "https://www.legacysurvey.org/acknowledgment/."
    ),
    doc_url="https://www.legacysurvey.org/dr10/description/",
)
