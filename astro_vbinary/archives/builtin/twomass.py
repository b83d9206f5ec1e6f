"""2MASS: Atlas Images of IRSA."""

from astro_vbinary.archives.builtin.irsa import IrsaRecipe

__all__ = ["TWOMASS"]

TWOMASS = IrsaRecipe(
    name="2mass",
    survey="2MASS",
    collection="twomass_allsky",
    pattern=r"/([jhk])i\d+\.fits(\.gz)?$",
    bands=("J", "H", "Ks"),
    what=(
        "A cutout of the Atlas Image, found by SIA 2 at IRSA. Several Atlas Images "
        "overlap: the one in which the target is farthest from an edge is taken."
    ),
    traps=(
        "Each Atlas Image has its own zero point, ``MAGZP``, and keeps its "
        "background, which in H is high and changes over minutes.",
        "Atlas Images were resampled to 1 arcsec from pixels of 2 arcsec, so that "
        "noise is correlated between neighbours.",
        "A star is about 3 arcsec wide: no visual binary is resolved.",
    ),
    citation=(
        "Skrutskie et al. 2006, AJ 131, 1163, doi:10.1086/498708; 2MASS All-Sky Atlas "
        "Image Service, doi:10.26131/IRSA121"
    ),
    acknowledgement=(
        "This publication makes use of data products from the Two Micron All Sky "
        "Survey, which is a joint project of the University of Massachusetts and the "
        "Infrared Processing and Analysis Center/California Institute of Technology, "
        "funded by the National Aeronautics and Space Administration and the National "
        "Science Foundation."
    ),
    doc_url="https://irsa.ipac.caltech.edu/Missions/2mass.html",
)
