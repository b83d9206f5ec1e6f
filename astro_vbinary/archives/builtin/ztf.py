"""ZTF: reference images of IRSA, whose names follow from its table of them."""

import re
from dataclasses import dataclass

from astropy.table import Table

from astro_vbinary.archives.builtin.helping import ask, match_band
from astro_vbinary.archives.builtin.irsa import IrsaRecipe
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import FetchError

__all__ = ["ZTF", "ZtfRecipe"]

_CODE = re.compile(r"z[gri]")


@dataclass(frozen=True, kw_only=True)
class ZtfRecipe(IrsaRecipe):
    """Cutouts of ZTF's reference images."""

    def find_frames(self, target, client):
        """Reference images that hold a position, of all bands.

        Parameters
        ----------
        target : `~astropy.coordinates.SkyCoord`
            The position.
        client : Client
            What is asked through.

        Returns
        -------
        dict of str to list
            By band: the image with the target closest to its centre first.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If the table cannot be had or read.
        """
        url = f"{self.base_url}/ibe/search/ztf/products/ref"
        place = f"{target.icrs.ra.deg:.7f},{target.icrs.dec.deg:.7f}"
        _, frames = ask(client, url, self._read, params={"POS": place})
        for found in frames.values():
            found.sort(key=lambda row: row["place"].separation(target).arcsec)
        return frames

    def _read(self, answer):
        """Rows of the table by band."""
        frames = {}
        try:
            table = Table.read(answer.text, format="ascii.ipac")
            for line in table:
                row = dict(zip(table.colnames, line, strict=True))
                code = str(row["filtercode"]).strip()
                if _CODE.fullmatch(code):
                    band = match_band(self.survey, code)
                    frames.setdefault(band, []).append(self._describe_row(row, code))
        except Exception as error:  # what is no table fails in many ways
            reason = f"{answer.url}: no table of images: {type(error).__name__}"
            raise FetchError(Outcome.NOT_FITS, reason) from error
        return frames

    def _describe_row(self, row, code):
        from astropy.coordinates import SkyCoord

        field, ccd, quadrant = (int(row[key]) for key in ("field", "ccdid", "qid"))
        name = f"ztf_{field:06d}_{code}_c{ccd:02d}_q{quadrant}_refimg.fits"
        folder = f"{field:06d}"[:3]
        path = f"{folder}/field{field:06d}/{code}/ccd{ccd:02d}/q{quadrant}/{name}"
        return {
            "url": f"{self.base_url}/ibe/data/ztf/products/ref/{path}",
            "place": SkyCoord(float(row["ra"]), float(row["dec"]), unit="deg"),
        }


ZTF = ZtfRecipe(
    name="ztf",
    survey="ZTF",
    collection="ztf_ref",
    pattern=r"_refimg\.fits$",
    bands=("g", "r", "i"),
    what=(
        "A cutout of the reference image: a co-add of 15 to 40 exposures. The table "
        "of IRSA's image server says which fields hold the target; the one with it "
        "closest to the centre is taken."
    ),
    traps=(
        "Each reference image has its own zero point, ``MAGZP`` (AB, PSF photometry).",
        "Stars brighter than about 12.5 mag are saturated.",
        "Where a field was never observed often enough, it has no reference image.",
    ),
    citation=(
        "Bellm et al. 2019, PASP 131, 018002, doi:10.1088/1538-3873/aaecbe; Masci et "
        "al. 2019, PASP 131, 018003, doi:10.1088/1538-3873/aae8ac"
    ),
    acknowledgement=(
        "Based on observations obtained with the Samuel Oschin Telescope 48-inch and "
        "the 60-inch Telescope at the Palomar Observatory as part of the Zwicky "
        "Transient Facility project. ZTF is supported by the National Science "
        "Foundation under Grants No. AST-1440341 and AST-2034437 and a collaboration "
        "of partner institutions."
    ),
    doc_url="https://irsa.ipac.caltech.edu/docs/program_interface/ztf_api.html",
)
