"""Pan-STARRS: stacks of the 3pi survey, cut out by fitscut, which gives linear flux."""

import re
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from astro_vbinary.archives.builtin.grouping import ListedRecipe
from astro_vbinary.archives.builtin.helping import (
    ask,
    number_in,
    open_image,
)
from astro_vbinary.archives.calibration import exposure_zero_point
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.surveys import get_survey

__all__ = ["PANSTARRS", "PanStarrsRecipe"]

#: What the name of a stack may be: it becomes a parameter.
_NAME = re.compile(r"/[\w./-]+\.fits", re.ASCII)

#: Keywords of a stretch that is not linear.
_STRETCH = ("BSOFTEN", "BOFFSET")


@dataclass(frozen=True, kw_only=True)
class PanStarrsRecipe(ListedRecipe):
    """Cutouts of the stacks at MAST."""

    origin: str = "native"
    base_url: str = "https://ps1images.stsci.edu"
    limits: HostLimits = HostLimits(concurrency=4, rate_per_s=5.0)

    def fetch(self, job, client):
        """Fetch a cutout in each band.

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
        place = {"ra": f"{first.ra:.7f}", "dec": f"{first.dec:.7f}"}
        wanted = {request.band for request in job.requests}
        filters = "".join(band for band in self.bands if band in wanted)
        _, names = ask(
            client,
            f"{self.base_url}/cgi-bin/ps1filenames.py",
            _read_names,
            params={**place, "filters": filters, "type": "stack"},
        )
        for request in job.requests:
            if request.band not in names:
                reason = f"no stack in {request.band} holds the target"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            try:
                yield self._cut(request, names[request.band], place, client)
            except FetchError as error:
                yield Failure(request, error.outcome, error.reason)

    def _cut(self, request, name, place, client):
        band = get_survey(self.survey).band(request.band)
        side = int(np.ceil(request.size / float(band.pixel_scale.value)))
        parameters = {"red": name, **place, "size": side, "format": "fits"}
        answer = client.get_fits(
            f"{self.base_url}/cgi-bin/fitscut.cgi", params=parameters
        )
        hdus = open_image(answer.content, answer.url)
        headers = [hdu.header for hdu in hdus]
        transfer = "linear"
        if any(keyword in header for header in headers for keyword in _STRETCH):
            # fitscut undoes the stretch and gives floats. Integers are the stack's own.
            if hdus[0].header["BITPIX"] > 0 or "BSCALE" in hdus[0].header:
                transfer = "asinh"  # which is refused
            for header in headers:
                for keyword in _STRETCH:
                    header.remove(keyword, ignore_missing=True)
        zero_point = exposure_zero_point(band.zero_point, number_in(headers, "EXPTIME"))
        return Delivered(
            request,
            fits.HDUList(hdus),
            zero_point=zero_point,
            url=answer.url,
            transfer=transfer,
        )


def _read_names(answer):
    """Names of the stacks by band, from the list that the service writes."""
    lines = [line.split() for line in answer.text.splitlines() if line.strip()]
    if not lines or not {"filter", "filename"} <= set(lines[0]):
        start = answer.text[:60]
        raise FetchError(Outcome.NOT_FITS, f"{answer.url}: no list, but {start!r}")
    names = {}
    for words in lines[1:]:
        row = dict(zip(lines[0], words, strict=False))
        name = row.get("filename", "")
        if not _NAME.fullmatch(name) or ".." in name:
            reason = f"{answer.url} names the file {name!r}"
            raise FetchError(Outcome.NOT_FITS, reason)
        names.setdefault(row["filter"], name)
    return names


PANSTARRS = PanStarrsRecipe(
    name="panstarrs",
    survey="Pan-STARRS",
    bands=("g", "r", "i", "z", "y"),
    # That of the survey is for one count a second; stacks are in counts.
    zero_points=dict.fromkeys("grizy"),
    what=(
        "A cutout of the stack, found by ``ps1filenames.py`` and cut out by "
        "``fitscut.cgi`` at MAST, in counts."
    ),
    traps=(
        "Stacks are kept as asinh magnitudes in 16 bits, as whole skycells and in the "
        "HiPS of r, i, z, y; fitscut undoes it and gives floats. An answer of "
        "integers with ``BSOFTEN`` or ``BOFFSET`` is refused.",
        "The zero point (AB) is 25 + 2.5 log10 of ``EXPTIME``, the sum of the "
        "exposures.",
        "Cores brighter than about 13.5 mag are saturated and masked to a blank patch.",
        "The PSF changes over a stack, where exposures begin and end.",
    ),
    citation=(
        "Chambers et al. 2016, arXiv:1612.05560; Waters et al. 2020, ApJS 251, 4, "
        "doi:10.3847/1538-4365/abb82b"
    ),
    acknowledgement=(
        "The Pan-STARRS1 Surveys (PS1) and the PS1 public science archive have been "
        "made possible through contributions by the Institute for Astronomy, the "
        "University of Hawaii, the Pan-STARRS Project Office, the Max-Planck Society "
        "and its participating institutes, and others; the full text is at "
        "https://panstarrs.stsci.edu/."
    ),
    doc_url="https://outerspace.stsci.edu/display/PANSTARRS/PS1+Image+Cutout+Service",
)
