"""JWST: i2d images found by TAP, of which only the rows around a target are read."""

import re
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.archives.builtin.grouping import SourceRecipe
from astro_vbinary.archives.builtin.helping import (
    ask,
    match_band,
    number_in,
    with_query,
)
from astro_vbinary.archives.calibration import surface_zero_point
from astro_vbinary.archives.content import describe
from astro_vbinary.archives.cutting import cut_image
from astro_vbinary.archives.discovery import read_tap, tap_parameters
from astro_vbinary.archives.footprints import edge_distance, parse_region
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.ranges import RangeFile
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps.container import FITS_MAGIC
from astro_vbinary.stamps.grid import pixel_area, sky_to_pixel
from astro_vbinary.surveys import get_survey

__all__ = ["JWST", "JwstRecipe"]

#: How many images are tried, where the target turns out to be off the first.
TRIES = 3

#: How far the centre of an image may be from a target on it, in degrees.
REACH = 0.2

#: Images in an answer at most.
MOST = 2000

#: What the address of a product may be, since it becomes a parameter; and of an image.
_PRODUCT = re.compile(r"mast:JWST/product/[\w.-]+", re.ASCII)
_FILE = re.compile(r"mast:JWST/product/[\w.-]+_i2d\.fits", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class JwstRecipe(SourceRecipe):
    """Parts of the resampled images (stage 3) at MAST."""

    origin: str = "native"
    base_url: str = "https://mast.stsci.edu"
    limits: HostLimits = HostLimits(
        concurrency=2, rate_per_s=2.0, timeout_s=300.0, max_bytes=256 * 2**20
    )

    def estimate(self, job):
        """Bytes of the headers, and of rows of 4000 pixels.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            Few fields are observed in many bands, so that it is too many.
        """
        return sum(2**19 + 4 * 4000 * request.n_pixels for request in job.requests)

    def n_calls(self, job):
        """One list, and some parts of an image a band.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            How many.
        """
        return 1 + 3 * len(job.requests)

    def fetch(self, job, client):
        """Fetch a part of the best image in each band.

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
        target = job.requests[0].position
        url = f"{self.base_url}/vo-tap/api/v0.1/caom/sync"
        answer, rows = ask(
            client, url, read_tap, params=tap_parameters(url, _question(target))
        )
        images = {}
        for row in rows:
            band = match_band(self.survey, row.get("filters"))
            file = str(row.get("dataurl") or "")
            if file and not _PRODUCT.fullmatch(file):
                reason = f"{answer.url} names the file {file!r}"
                raise FetchError(Outcome.NOT_FITS, reason)
            corners = parse_region(row.get("s_region"))
            if band is None or corners is None or not _FILE.fullmatch(file):
                continue
            margin = edge_distance(corners, target).value
            if margin > 0:
                where = f"{self.base_url}/api/v0.1/Download/file"
                where = with_query(where, {"uri": file})
                images.setdefault(band, []).append((margin, where))
        for request in job.requests:
            found = sorted(images.get(request.band, ()), reverse=True)[:TRIES]
            yield self._fetch_best(request, [url for _, url in found], client)

    def _fetch_best(self, request, urls, client):
        for url in urls:
            try:
                hdus = read_part(url, request, client)
            except FetchError as error:
                return Failure(request, error.outcome, error.reason)
            if hdus is not None:
                zero_point = surface_zero_point(_area(hdus, request))
                return Delivered(
                    request, fits.HDUList(hdus), zero_point=zero_point, url=url
                )
        reason = f"no public image in {request.band} holds the target"
        return Failure(request, Outcome.NO_COVERAGE, reason)


def read_part(url, request, client):
    """The stamp of a request, from an image of which only its rows are read.

    Parameters
    ----------
    url : str
        The image.
    request : StampRequest
        The request.
    client : Client
        What is asked through.

    Returns
    -------
    list or None
        One image HDU with the cards of the file's first header; None where the target
        is outside.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If parts cannot be had, or are no FITS image.
    """
    failures = []

    def get(start, stop):
        try:
            check = None if start else _is_fits
            return client.get_range(url, start, stop, check=check)
        except FetchError as error:
            failures.append(error)
            raise

    try:
        remote = RangeFile(get)
        with fits.open(remote, memmap=False) as file:
            # By number: a name is looked for through all of a large file.
            hdu = file[1] if file[1].name == "SCI" else file["SCI"]
            wcs = WCS(hdu.header)
            _prefetch(remote, hdu, wcs, request)
            part = cut_image(
                hdu.section,
                wcs,
                request.position,
                request.angle,
                header=hdu.header,
            )
            first = file[0].header
    except Exception as error:  # astropy hides the true reason in many ways
        if failures:
            raise failures[0] from error
        reason = f"{url}: {type(error).__name__}: {error}"
        raise FetchError(Outcome.NOT_FITS, reason) from error
    if part is None:
        return None
    for key in ("TELESCOP", "INSTRUME", "FILTER", "PUPIL", "DATE-OBS", "DATE-BEG"):
        if key in first and key not in part.header:
            part.header[key] = first[key]
    return [part]


def _is_fits(start):
    """Refuse a page in place of an image."""
    if not start.startswith(FITS_MAGIC):
        raise FetchError(Outcome.NOT_FITS, f"not FITS but {describe(start)}")


def _prefetch(remote, hdu, wcs, request):
    """Ask for the rows of a stamp at once, and not one by one."""
    ny, nx = hdu.shape
    _, y = sky_to_pixel(wcs, request.position)
    scale = np.sqrt(pixel_area(wcs, request.position))
    half = int(np.ceil((request.angle / scale).to_value(u.one) / 2)) + 2
    first, last = max(int(y) - half, 0), min(int(y) + half + 1, ny)
    if first < last:
        size = abs(hdu.header["BITPIX"]) // 8 * nx
        start = hdu.fileinfo()["datLoc"]
        remote.prefetch(start + first * size, start + last * size)


def _area(hdus, request):
    """Solid angle of a pixel: that of the calibration, else that of the WCS."""
    header = hdus[0].header
    stated = number_in([header], "PIXAR_SR")
    return stated * u.sr if stated else pixel_area(WCS(header), request.position)


def _question(target):
    """Public images whose centre is near, in ADQL.

    A box: the service takes minutes over a circle.
    """
    ra, dec = target.icrs.ra.deg, target.icrs.dec.deg
    south, north = max(dec - REACH, -90.0), min(dec + REACH, 90.0)
    half = REACH / max(np.cos(np.radians(max(abs(south), abs(north)))), 1e-3)
    low, high = ra - half, ra + half
    if half >= 180:
        along = "s_ra BETWEEN 0 AND 360"
    elif low < 0 or high > 360:
        along = f"(s_ra >= {low % 360:.6f} OR s_ra <= {high % 360:.6f})"
    else:
        along = f"s_ra BETWEEN {low:.6f} AND {high:.6f}"
    return (
        f"SELECT TOP {MOST} obs_id, filters, s_region, t_min, dataurl "
        "FROM dbo.obspointing WHERE obs_collection = 'JWST' "
        "AND dataproduct_type = 'image' AND calib_level >= 3 AND datarights = 'PUBLIC' "
        f"AND {along} AND s_dec BETWEEN {south:.6f} AND {north:.6f}"
    )


JWST = JwstRecipe(
    name="jwst",
    survey="JWST",
    bands=get_survey("JWST").band_names,
    magnitude_system="AB",
    what=(
        "The rows around the target of a resampled image of stage 3 (``i2d``) of "
        "NIRCam or MIRI, found by TAP at MAST; of a file of gigabytes some megabytes "
        "are read. Of several images in one filter, the one in which the target is "
        "farthest from an edge is taken."
    ),
    traps=(
        "Pixels are surface brightness in MJy/sr; the zero point written into a stamp "
        "is the AB magnitude of one MJy/sr in one of its pixels, of area ``PIXAR_SR``.",
        "Saturated cores are NaN or zero: the mask is an input.",
        "Of two filters in the beam, the narrower one names the band.",
        "Only public images can be read.",
        "Uncertainties are not fetched: the file has them far from the image.",
    ),
    citation=(
        "Gardner et al. 2023, PASP 135, 068001, doi:10.1088/1538-3873/acd1b5; and the "
        "programme whose images are used"
    ),
    acknowledgement=(
        "This work is based in part on observations made with the NASA/ESA/CSA James "
        "Webb Space Telescope. The data were obtained from the Mikulski Archive for "
        "Space Telescopes at the Space Telescope Science Institute, which is operated "
        "by the Association of Universities for Research in Astronomy, Inc., under "
        "NASA contract NAS 5-03127 for JWST."
    ),
    doc_url="https://outerspace.stsci.edu/display/MASTDOCS",
)
