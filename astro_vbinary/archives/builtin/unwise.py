"""The unWISE survey: co-adds of WISE's own exposures, as sharp as these were."""

from astro_vbinary.archives.builtin.coadds import CoaddRecipe

__all__ = ["UNWISE", "WISE_THANKS"]

WISE_THANKS = (
    "This publication makes use of data products from the Wide-field Infrared Survey "
    "Explorer, which is a joint project of the University of California, Los Angeles, "
    "and the Jet Propulsion Laboratory/California Institute of Technology, and "
    "NEOWISE, which is a project of the Jet Propulsion Laboratory/California Institute "
    "of Technology. WISE and NEOWISE are funded by the National Aeronautics and Space "
    "Administration."
)

UNWISE = CoaddRecipe(
    name="unwise",
    survey="unWISE",
    version="allwise",
    unit="nmgy",
    what=(
        "The full-depth unWISE co-adds of the exposures of 2010 and 2011 (version "
        "``allwise``). Each tile of 1.56 degrees is fetched once (17 MB a band) and "
        "all stamps on it are cut from it; with ``whole_tiles=False`` the archive "
        "cuts out each stamp instead and sends a tar."
    ),
    traps=(
        "A star is 6 arcsec wide: a stamp never carries a verdict.",
        "Fluxes are in Vega nanomaggies: zero point 22.5.",
        "The masked co-adds (``-img-m``) are taken: pixels where every exposure was "
        "rejected are zero.",
    ),
    citation="Lang 2014, AJ 147, 108, doi:10.1088/0004-6256/147/5/108",
    acknowledgement=WISE_THANKS,
    doc_url="https://unwise.me",
)
