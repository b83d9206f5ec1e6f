"""Images of IRSA: found by SIA 2, cut out by its image server, or fetched whole."""

import re
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from astro_vbinary.archives.builtin.grouping import ListedRecipe
from astro_vbinary.archives.builtin.helping import (
    ask,
    match_band,
    number_in,
    open_image,
    with_query,
)
from astro_vbinary.archives.calibration import surface_zero_point
from astro_vbinary.archives.discovery import is_same_site, read_sia, sia2_parameters
from astro_vbinary.archives.footprints import edge_distance, parse_region
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps.grid import pixel_area
from astro_vbinary.stamps.headers import epoch_from_header, zero_point_from_header

__all__ = [
    "IRSA",
    "IRSA_LIMITS",
    "IrsaRecipe",
    "cut_out",
]

IRSA = "https://irsa.ipac.caltech.edu"
IRSA_LIMITS = HostLimits(concurrency=4, rate_per_s=5.0, timeout_s=120.0)

#: Around a target, the circle in which images are looked for.
SEARCH_RADIUS = 5 * u.arcsec

#: Days of a Modified Julian Date that is believed.
DATES = (40000, 80000)


@dataclass(frozen=True, kw_only=True)
class IrsaRecipe(ListedRecipe):
    """Cutouts of a collection of IRSA, of the image that holds the target best.

    Parameters
    ----------
    collection : str
        Its name for SIA 2.
    pattern : str
        A regular expression that the end of an image's path matches, and those of
        uncertainties, coverage and the like do not; its first group is the band.
    """

    collection: str
    pattern: str
    origin: str = "native"
    base_url: str = IRSA
    limits: HostLimits = IRSA_LIMITS

    def find_frames(self, target, client):
        """Images of all bands that hold a position.

        Parameters
        ----------
        target : `~astropy.coordinates.SkyCoord`
            The position.
        client : Client
            What is asked through.

        Returns
        -------
        dict of str to list
            By band, the rows of the archive's list: the one with the target farthest
            from an edge first.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If the list cannot be had, or names addresses that must not be asked.
        """
        url = f"{self.base_url}/SIA"
        parameters = sia2_parameters(
            url, target, SEARCH_RADIUS, collection=self.collection
        )
        answer, rows = ask(
            client, url, lambda answer: read_sia(answer, version=2), params=parameters
        )
        frames = {}
        for row in rows:
            path = str(row["url"] or "").partition("?")[0]
            match = re.search(self.pattern, path)
            band = match and match_band(self.survey, match[1].replace(".", ""))
            if band is None:
                continue
            if not is_same_site(row["url"], self.base_url):
                reason = f"{answer.url} names {row['url']!r}, which is not on its host"
                raise FetchError(Outcome.HTTP_ERROR, reason)
            frames.setdefault(band, []).append(row)
        for found in frames.values():
            found.sort(key=lambda row: -_margin(row, target))
        return frames

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
        frames = self.find_frames(job.requests[0].position, client)
        for request in job.requests:
            yield self._fetch_best(request, frames.get(request.band, ()), client)

    def _fetch_best(self, request, rows, client):
        for row in rows:
            try:
                answer = cut_out(client, row["url"], request)
            except FetchError as error:
                if error.outcome != Outcome.NO_COVERAGE:
                    return Failure(request, error.outcome, error.reason)
                continue  # the target is outside: perhaps not on the next image
            hdus = open_image(answer.content, answer.url)
            return self.describe(request, hdus, answer.url, row)
        reason = f"{self.collection} has no image of {request.band} there"
        return Failure(request, Outcome.NO_COVERAGE, reason)

    def describe(self, request, hdus, url, row):
        """What is delivered of an image, with its zero point and epoch.

        Parameters
        ----------
        request : StampRequest
            The request.
        hdus : list
            The file.
        url : str
            Where it is from.
        row : dict
            The archive's list about it.

        Returns
        -------
        Delivered
            The stamp.
        """
        image = hdus[0]
        zero_point = zero_point_from_header(image.header)
        if self.pixel_unit() == "MJy/sr":
            zero_point = surface_zero_point(
                pixel_area(WCS(image.header), request.position)
            )
        epoch = epoch_from_header(image.header) or _epoch_of(row)
        return Delivered(
            request, fits.HDUList(hdus), zero_point=zero_point, epoch=epoch, url=url
        )


def cut_out(client, url, request):
    """A cutout of IRSA's image server.

    Parameters
    ----------
    client : Client
        What is asked through.
    url : str
        The image.
    request : StampRequest
        The request.

    Returns
    -------
    Answer
        A whole FITS file.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        ``no_coverage`` where the target is outside the image (status 400).
    """
    parameters = {
        "center": f"{request.ra:.7f},{request.dec:.7f}",
        "size": f"{request.size:g}arcsec",
        "gzip": "false",
    }
    return client.get_fits(with_query(url, parameters), no_coverage_on=(400,))


def _margin(row, target):
    """How far inside an image a position is (arcsec), or about so."""
    corners = parse_region(row.get("s_region"))
    if corners is not None:
        return edge_distance(corners, target).value
    ra, dec = (row.get("s_ra"), row.get("s_dec"))
    if ra is None or dec is None:
        return -np.inf
    centre = type(target)(float(ra), float(dec), unit="deg")
    return -centre.separation(target).arcsec


def _epoch_of(row):
    times = [number_in([row], name) for name in ("t_min", "t_max")]
    times = [t for t in times if t is not None and DATES[0] < t < DATES[1]]
    return Time(float(np.mean(times)), format="mjd") if times else None
