"""AllWISE: Atlas Images of IRSA, each fetched once."""

from astro_vbinary.archives.builtin.irsa_tiles import IrsaTiles
from astro_vbinary.archives.recipe import HostLimits

__all__ = ["ALLWISE"]

ALLWISE = IrsaTiles(
    name="allwise",
    survey="AllWISE",
    collection="wise_allwise",
    pattern=r"-(w\d)-int-3\.fits(\.gz)?$",
    bands=("W1", "W2", "W3", "W4"),
    # A tile of 4095 x 4095 pixels has 67 MB.
    limits=HostLimits(
        concurrency=2, rate_per_s=5.0, timeout_s=600.0, max_bytes=128 * 2**20
    ),
    what=(
        "Intensity images of the AllWISE Atlas, found by SIA 2 at IRSA. Each tile of "
        "1.56 degrees is fetched once (67 MB a band) and all stamps on it are cut "
        "from it; with ``whole_tiles=False`` the archive cuts out each stamp instead."
    ),
    traps=(
        "A star is 6 to 12 arcsec wide: a stamp never carries a verdict.",
        "Each tile has its own zero point, ``MAGZP``.",
        "Where the archive cuts out, it answers 400 for a position outside the image, "
        "and a cutout at the edge is smaller than asked for.",
    ),
    citation=(
        "Wright et al. 2010, AJ 140, 1868, doi:10.1088/0004-6256/140/6/1868; AllWISE "
        "Atlas Images, doi:10.26131/IRSA153"
    ),
    acknowledgement=(
        "This publication makes use of data products from the Wide-field Infrared "
        "Survey Explorer, which is a joint project of the University of California, "
        "Los Angeles, and the Jet Propulsion Laboratory/California Institute of "
        "Technology, funded by the National Aeronautics and Space Administration."
    ),
    doc_url="https://wise2.ipac.caltech.edu/docs/release/allwise/",
)
