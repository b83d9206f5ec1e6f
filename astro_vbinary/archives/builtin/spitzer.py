"""Spitzer IRAC: mosaics of the Enhanced Imaging Products at IRSA."""

from astro_vbinary.archives.builtin.irsa import IrsaRecipe

__all__ = ["SPITZER"]

SPITZER = IrsaRecipe(
    name="spitzer",
    survey="Spitzer",
    collection="spitzer_seip",
    # Not those of short exposures, which have one more word in their names.
    pattern=r"\.(IRAC\.\d)\.mosaic\.fits(\.gz)?$",
    bands=("I1", "I2", "I3", "I4"),
    magnitude_system="AB",
    # Mosaics have half the pixels of the camera.
    scale_tolerance=None,
    what=(
        "A cutout of the SEIP Super Mosaic of IRAC, with pixels of 0.6 arcsec, found "
        "by SIA 2 at IRSA."
    ),
    traps=(
        "Pixels are surface brightness in MJy/sr; the zero point written into a stamp "
        "is the AB magnitude of one MJy/sr in one of its pixels.",
        "SEIP has the fields that were observed in the cryogenic mission: elsewhere "
        "there is nothing, in I3 and I4 above all.",
        "Cores of bright stars are saturated in the long exposures that the mosaics "
        "are made of.",
    ),
    citation=(
        "Werner et al. 2004, ApJS 154, 1, doi:10.1086/422992; Fazio et al. 2004, ApJS "
        "154, 10, doi:10.1086/422843; Spitzer Enhanced Imaging Products, "
        "doi:10.26131/IRSA433"
    ),
    acknowledgement=(
        "This work is based in part on observations made with the Spitzer Space "
        "Telescope, which was operated by the Jet Propulsion Laboratory, California "
        "Institute of Technology under a contract with NASA."
    ),
    doc_url="https://irsa.ipac.caltech.edu/data/SPITZER/Enhanced/SEIP/overview.html",
)
