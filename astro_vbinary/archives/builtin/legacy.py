"""The Legacy Surveys' viewer: all bands of a position in one cube."""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from astro_vbinary.archives.builtin.grouping import SourceRecipe
from astro_vbinary.archives.builtin.helping import open_image, refuse
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.surveys import get_survey

__all__ = ["LegacyRecipe"]

#: Pixels on a side that the viewer gives at most.
LARGEST = 3000

#: Cards that say which plane of the cube is which band.
_PLANE_CARDS = ("NAXIS3", "BANDS", "BAND", "IMAGETYP")


@dataclass(frozen=True, kw_only=True)
class LegacyRecipe(SourceRecipe):
    """Cutouts of one layer of the viewer, with their inverse variances.

    Parameters
    ----------
    layer : str
        The layer.
    """

    layer: str
    origin: str = "native"
    base_url: str = "https://www.legacysurvey.org"
    unit: str = "nmgy"
    limits: HostLimits = HostLimits(concurrency=2, rate_per_s=2.0, timeout_s=180.0)

    def estimate(self, job):
        """Bytes of the images and of their inverse variances.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            Twice those of the images.
        """
        return 2 * super().estimate(job)

    def fetch(self, job, client):
        """Fetch all bands with one question.

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
        scale = float(get_survey(self.survey).band(first.band).pixel_scale.value)
        side = int(np.ceil(first.size / scale))
        if side > LARGEST:
            reason = f"{side} pixels are more than the {LARGEST} that are given"
            yield from refuse(job.requests, Outcome.HTTP_ERROR, reason)
            return
        wanted = [b for b in self.bands if b in {r.band for r in job.requests}]
        parameters = {
            "ra": f"{first.ra:.7f}",
            "dec": f"{first.dec:.7f}",
            "layer": self.layer,
            "pixscale": f"{scale:g}",
            "bands": "".join(wanted),
            "size": side,
            "invvar": "",
        }
        url = f"{self.base_url}/viewer/fits-cutout"
        answer = client.get_fits(url, params=parameters)
        planes = _split(open_image(answer.content, answer.url), answer.url, wanted)
        for request in job.requests:
            if request.band not in planes:
                reason = f"layer {self.layer} has no images in {request.band}"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            image, weight = planes[request.band]
            # Where there are no data the image is zero, and only the weight says so.
            if not np.any(weight.data > 0):
                reason = f"no exposure in {request.band}: all weights are zero"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            image.data[~(weight.data > 0)] = np.nan
            yield Delivered(request, fits.HDUList([image, weight]), url=answer.url)


def _split(hdus, url, wanted):
    """Image and inverse variance by band."""
    if len(hdus) < 2 or hdus[0].data is None or hdus[1].data is None:
        raise FetchError(Outcome.NOT_FITS, f"{url}: no inverse variance with the image")
    header = hdus[0].header
    bands = list(str(header.get("BANDS") or "".join(wanted)).strip())
    cubes = [np.asarray(hdu.data, dtype=np.float32) for hdu in hdus[:2]]
    cubes = [cube[np.newaxis] if cube.ndim == 2 else cube for cube in cubes]
    if any(cube.ndim != 3 or len(cube) != len(bands) for cube in cubes) or (
        cubes[0].shape != cubes[1].shape
    ):
        shapes = " and ".join(str(cube.shape) for cube in cubes)
        reason = f"{url}: cubes of {shapes} for bands {''.join(bands)}"
        raise FetchError(Outcome.NOT_FITS, reason)
    kept = fits.Header()
    for card in header.cards:
        third = card.keyword.endswith("3") and card.keyword[:5] in ("CTYPE", "CRVAL")
        if not card.keyword.startswith(_PLANE_CARDS) and not third:
            kept.append(card, end=True)
    found = {}
    for band, image, weight in zip(bands, *cubes, strict=True):
        found[band] = (
            fits.PrimaryHDU(image.copy(), kept.copy()),
            fits.ImageHDU(weight.copy(), name="INVVAR"),
        )
    return found
