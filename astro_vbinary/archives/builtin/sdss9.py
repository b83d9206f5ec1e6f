"""SDSS: corrected frames, through the Legacy Surveys' viewer."""

from astro_vbinary.archives.builtin.legacy import LegacyRecipe

__all__ = ["SDSS9"]

SDSS9 = LegacyRecipe(
    name="sdss9",
    survey="SDSS9",
    layer="sdss",
    bands=("u", "g", "r", "i", "z"),
    what=(
        "SDSS's corrected frames as the layer ``sdss`` of the Legacy Surveys' viewer, "
        "north up, with their inverse variances, all bands with one question."
    ),
    traps=(
        "Frames lie along the scan, turned on the sky; the viewer resamples them onto "
        "a plane with the target at its centre, so that noise is correlated.",
        "Fluxes are in nanomaggies: zero point 22.5, AB to some hundredths of a "
        "magnitude (in u 0.04 mag fainter).",
        "Where no run covers the target the image is zero: the inverse variance tells.",
        "Stars brighter than about 14 mag are saturated.",
    ),
    citation="Ahn et al. 2012, ApJS 203, 21, doi:10.1088/0067-0049/203/2/21",
    acknowledgement=(
        "Funding for SDSS-III has been provided by the Alfred P. Sloan Foundation, "
        "the Participating Institutions, the National Science Foundation, and the "
        "U.S. Department of Energy Office of Science. The SDSS-III web site is "
        "http://www.sdss3.org/."
    ),
    doc_url="https://www.sdss3.org/dr9/imaging/images.php",
)
