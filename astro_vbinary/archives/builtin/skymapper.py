"""SkyMapper: the sharpest exposure at a position, found by SIA."""

from dataclasses import dataclass

from astropy.io import fits

from astro_vbinary.archives.builtin.grouping import ListedRecipe
from astro_vbinary.archives.builtin.helping import (
    ask,
    match_band,
    number_in,
    open_image,
)
from astro_vbinary.archives.discovery import is_same_site, read_sia, sia1_parameters
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError

__all__ = ["SKYMAPPER", "SkyMapperRecipe"]

#: Largest side of a cutout, in arcsec: the service refuses 0.17 degrees and more.
LARGEST = 0.17 * 3600

#: How many exposures are tried, where the best turn out to end before the target.
TRIES = 3


@dataclass(frozen=True, kw_only=True)
class SkyMapperRecipe(ListedRecipe):
    """Cutouts of single exposures."""

    origin: str = "native"
    base_url: str = "https://api.skymapper.nci.org.au"
    limits: HostLimits = HostLimits(concurrency=2, rate_per_s=2.0, timeout_s=180.0)

    def fetch(self, job, client):
        """Fetch the sharpest exposure in each band.

        Parameters
        ----------
        job : Job
            The bands of one source.
        client : Client
            What is asked through.

        Yields
        ------
        Delivered or Failure
            One a request.
        """
        first = job.requests[0]
        url = f"{self.base_url}/public/siap/dr4/query"
        size = min(first.angle, 0.999 * LARGEST * first.angle.unit)
        bands = ",".join(sorted({request.band for request in job.requests}))
        parameters = sia1_parameters(
            url, first.position, size, format="image/fits", intersect="COVERS"
        )
        answer, rows = ask(
            client,
            url,
            lambda answer: read_sia(answer, version=1),
            params={**parameters, "BAND": bands, "VERB": "3"},
        )
        for row in rows:
            if not is_same_site(row["url"], self.base_url):
                reason = f"{answer.url} names {row['url']!r}, which is not on its host"
                raise FetchError(Outcome.HTTP_ERROR, reason)
        for request in job.requests:
            mine = [
                row
                for row in rows
                if match_band(self.survey, row.get("band") or row["filter"])
                == request.band
            ]
            yield self._fetch_best(request, sorted(mine, key=_rank), client)

    def _fetch_best(self, request, rows, client):
        for row in rows[:TRIES]:
            try:
                answer = client.get_fits(row["url"], no_coverage_on=(400, 404))
            except FetchError as error:
                if error.outcome != Outcome.NO_COVERAGE:
                    return Failure(request, error.outcome, error.reason)
                continue
            hdus = open_image(answer.content, answer.url)
            headers = [hdu.header for hdu in hdus]
            zero_point = number_in(headers, "ZPAPPROX")
            if zero_point is None:
                zero_point = number_in([row], "zpapprox")
            return Delivered(
                request, fits.HDUList(hdus), zero_point=zero_point, url=answer.url
            )
        reason = f"no exposure in {request.band} covers the target"
        return Failure(request, Outcome.NO_COVERAGE, reason)


def _rank(row):
    """Long exposures before short ones, and then the sharpest."""
    fwhm = number_in([row], "mean_fwhm")
    long = str(row.get("image_type") or "").strip() == "main"
    return (not long, 99.0 if fwhm is None else fwhm)


SKYMAPPER = SkyMapperRecipe(
    name="skymapper",
    survey="SkyMapper",
    bands=("u", "v", "g", "r", "i", "z"),
    what=(
        "A cutout of one exposure of DR4, found by SIA: of those of the Main Survey "
        "(100 s) that cover the square the one with the smallest FWHM; where there is "
        "none, of the Shallow Survey (5 s)."
    ),
    traps=(
        "These are single exposures, not co-adds, with cosmic rays and bad columns.",
        "The WCS has distortions (``TPV``), which are kept.",
        "Each exposure has its own zero point, ``ZPAPPROX`` (AB), good to some per "
        "cent.",
        "A request of 0.17 degrees or more is refused by the service.",
        "Stars brighter than about 12 mag are saturated in 100 s.",
    ),
    citation=(
        "Onken et al. 2024, PASA 41, e061, doi:10.1017/pasa.2024.53 (DR4); Keller et "
        "al. 2007, PASA 24, 1, doi:10.1071/AS07001; data: doi:10.25914/5M47-S621"
    ),
    acknowledgement=(
        "The national facility capability for SkyMapper has been funded through ARC "
        "LIEF grant LE130100104 from the Australian Research Council, awarded to the "
        "University of Sydney, the Australian National University, Swinburne "
        "University of Technology, the University of Queensland, the University of "
        "Western Australia, the University of Melbourne, Curtin University of "
        "Technology, Monash University and the Australian Astronomical Observatory. "
        "SkyMapper is owned and operated by The Australian National University's "
        "Research School of Astronomy and Astrophysics."
    ),
    doc_url="https://skymapper.anu.edu.au/how-to-access/",
)
