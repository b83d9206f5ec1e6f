"""HST: cutouts of the Hubble Advanced Products, all filters in one zip."""

import json
import re
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.archives.builtin.grouping import SourceRecipe
from astro_vbinary.archives.builtin.helping import (
    ask,
    match_band,
    number_in,
    open_image,
    refuse,
)
from astro_vbinary.archives.calibration import hst_zero_point
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.archives.unpacking import read_members
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps.grid import sky_to_pixel
from astro_vbinary.surveys import get_survey

__all__ = ["HST", "HstRecipe"]

#: Instrument, detector and filter in the name of a cutout, and the exposure in the name
#: of one that is not of all exposures (``drizzlepac.haputils.hapcut_utils``).
_NAME = re.compile(
    r"(?:_(acs|wfc3|wfpc2))?_([a-z0-9]+)_(f\d{3,4}[a-z]{1,2})"
    r"(?:_[a-z]+)*(-[a-z0-9]{8,9})?[_.]",
    re.IGNORECASE,
)

#: Seconds of arc around a target that should have data.
NEAR = 2.5


@dataclass(frozen=True, kw_only=True)
class HstRecipe(SourceRecipe):
    """Cutouts by MAST's Hapcut."""

    origin: str = "native"
    base_url: str = "https://mast.stsci.edu"
    limits: HostLimits = HostLimits(concurrency=2, rate_per_s=1.0, timeout_s=300.0)

    def fetch(self, job, client):
        """Fetch the cutouts of all filters, and pick those that were asked for.

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
        side = f"{first.size / 3600:.8f}"
        parameters = {"ra": f"{first.ra:.7f}", "dec": f"{first.dec:.7f}"}
        parameters |= {"x": side, "y": side, "units": "d"}
        answer, members = ask(
            client,
            f"{self.base_url}/hapcut/api/v0.1/astrocut",
            _members,
            params=parameters,
        )
        if isinstance(members, str):
            yield from refuse(job.requests, Outcome.NO_COVERAGE, members)
            return
        found = {}
        for name, content in members:
            if name.casefold().endswith((".fits", ".fits.gz")):
                hdus = open_image(content, name)
                kind, band = self._identify(name, hdus)
                _rename(hdus)
                found.setdefault(band, []).append((kind, hdus))
        for request in job.requests:
            candidates = found.get(request.band, ())
            if not candidates:
                reason = f"no image in {request.band} holds the target"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            wanted = get_survey(self.survey).band(request.band).instrument
            _, hdus = max(candidates, key=lambda c: _rank(*c, wanted, request))
            headers = [hdu.header for hdu in hdus]
            zero_point = hst_zero_point(
                number_in(headers, "PHOTFLAM"), number_in(headers, "PHOTPLAM")
            )
            yield Delivered(
                request, fits.HDUList(hdus), zero_point=zero_point, url=answer.url
            )

    def _identify(self, name, hdus):
        """Detector and band of a cutout: its name says them, or else its header.

        The detector is empty for a single exposure.
        """
        words = _NAME.search(name.rpartition("/")[2])
        if words:
            detector = "" if words[4] else words[2].upper()
            return detector, match_band(self.survey, words[3])
        header = hdus[0].header
        filters = [header.get(key) for key in ("FILTER", "FILTER1", "FILTER2")]
        band = match_band(self.survey, " ".join(map(str, filters)))
        return str(header.get("DETECTOR", "")).upper(), band


def _rename(hdus):
    """Name extensions as everybody does: SCI, and not SCI_CUTOUT_p0907x13y06_wfc_f814w.

    By its name a weight is known to say where there are data.
    """
    for hdu in hdus[1:]:
        kind, _, rest = hdu.name.partition("_CUTOUT")
        if rest and kind in ("SCI", "WHT", "ERR", "DQ"):
            hdu.name = kind


def _rank(detector, hdus, wanted, request):
    """The best filled image; of these that of the detector and pixels expected."""
    image = next((hdu for hdu in hdus if getattr(hdu.data, "ndim", 0) == 2), None)
    if image is None:
        return (-1.0, False, False, 0.0)
    wcs = WCS(image.header)
    x, y = sky_to_pixel(wcs, request.position)
    rows, columns = np.indices(image.data.shape)
    scale = np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    near = np.hypot(columns - x, rows - y) * scale < NEAR
    filled = np.isfinite(image.data) & (image.data != 0)
    share = float(filled[near].mean()) if near.any() else 0.0
    same = detector == str(wanted).upper().rpartition("/")[2]
    return (round(share, 2), detector != "", same, -abs(np.log(scale / request.scale)))


def _members(answer):
    """Cutouts by name, or what the service says where there is none."""
    if answer.content.startswith(b"PK"):
        return list(read_members(answer.content))
    return _message(answer)


def _message(answer):
    """What the service says where it sends no zip; an error page is an error."""
    try:
        message = json.loads(answer.text)
        return f"no cutout: {message.get('msg') or 'no reason is given'}"
    except (ValueError, AttributeError) as error:
        start = " ".join(answer.text[:80].split())
        reason = f"{answer.url}: neither a zip nor a message: {start!r}"
        raise FetchError(Outcome.NOT_FITS, reason) from error


HST = HstRecipe(
    name="hst",
    survey="HST",
    bands=get_survey("HST").band_names,
    magnitude_system="AB",
    what=(
        "Cutouts of the Hubble Advanced Products (drizzled mosaics of ACS and WFC3) "
        "from MAST's Hapcut, which sends those of all filters in one zip. Of several "
        "images in one filter, the one with the most data around the target is taken, "
        "and of these the camera that the survey's table names."
    ),
    traps=(
        "The zero point (AB) follows from ``PHOTFLAM`` and ``PHOTPLAM``; pixels are "
        "electrons a second.",
        "The archive's own client names a zip by the second in which it comes, so "
        "that parallel downloads overwrite each other: the zip is read in memory here.",
        "Cosmic rays remain where there are few exposures, and chip gaps are zero.",
    ),
    citation="The programmes whose images are used, and the Hubble Advanced Products",
    acknowledgement=(
        "Based on observations made with the NASA/ESA Hubble Space Telescope, and "
        "obtained from the Mikulski Archive for Space Telescopes at the Space "
        "Telescope Science Institute, which is operated by the Association of "
        "Universities for Research in Astronomy, Inc., under NASA contract NAS "
        "5-26555."
    ),
    doc_url="https://mast.stsci.edu/hapcut/",
)
