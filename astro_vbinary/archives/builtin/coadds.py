"""Co-adds of unWISE: tiles found in an index, fetched once; or cutouts in a tar."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time

from astro_vbinary.archives.builtin.grouping import SourceRecipe, Tiled
from astro_vbinary.archives.builtin.helping import (
    ask,
    number_in,
    open_image,
    refuse,
)
from astro_vbinary.archives.builtin.regions import cut_from
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.archives.unpacking import read_members
from astro_vbinary.exceptions import FetchError

__all__ = ["CoaddRecipe"]

#: Half the side of a tile: 1024 pixels of 2.75 arcsec.
HALF_TILE = 1024 * 2.75 / 3600

#: Pixels of a cutout that the service gives at most.
LARGEST = 1024


@dataclass(frozen=True, kw_only=True)
class CoaddRecipe(Tiled, SourceRecipe):
    """Stamps from the full-depth co-adds of unwise.me.

    Parameters
    ----------
    version : str
        Which exposures are in them: ``allwise``, ``neo1`` to ``neo9``.
    whole_tiles : bool, optional
        Whether tiles are fetched, once, and stamps cut from them here; else every
        stamp is cut out by the archive, which is less to fetch for a few targets.
    tile_bytes : int, optional
        Of a tile, for estimates.
    batch : int, optional
        Requests of a job at most.
    """

    version: str
    whole_tiles: bool = True
    tile_bytes: int = 17 * 2**20
    batch: int = 64
    origin: str = "native"
    base_url: str = "https://unwise.me"
    bands: tuple[str, ...] = ("W1", "W2")
    limits: HostLimits = HostLimits(concurrency=2, rate_per_s=2.0, timeout_s=300.0)

    def fetch(self, job, client):
        """Fetch tiles or cutouts.

        Parameters
        ----------
        job : Job
            The job.
        client : Client
            What is asked through.

        Returns
        -------
        iterator of Delivered or Failure
            One a request.
        """
        fetch = self._fetch_tiles if self.whole_tiles else self._fetch_tar
        return fetch(job, client)

    def _fetch_tiles(self, job, client):
        index = client.cached_file(f"{self.base_url}/data/allsky-atlas.fits", fits=True)
        tiles = _read_index(index)
        for request in job.requests:
            name = _nearest(tiles, request.position)
            if name is None:
                reason = "no tile holds the target"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            url = (
                f"{self.base_url}/data/{self.version}/unwise-coadds/fulldepth/"
                f"{name[:3]}/{name}/unwise-{name}-{request.band.lower()}-img-m.fits"
            )
            try:
                path = client.cached_file(url, fits=True)
            except FetchError as error:
                yield from refuse([request], error.outcome, error.reason)
                continue
            with fits.open(path, memmap=True) as file:
                hdu = cut_from(file[0], request)
            if hdu is None:
                reason = f"the target is outside {url}"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            yield self._deliver(request, [hdu], url)

    def _fetch_tar(self, job, client):
        first = job.requests[0]
        bands = {request.band[-1]: request for request in job.requests}
        side = int(np.ceil(first.size / 2.75)) + 1
        if side > LARGEST:
            reason = f"{side} pixels are more than the {LARGEST} that are given"
            yield from refuse(job.requests, Outcome.HTTP_ERROR, reason)
            return
        parameters = {
            "version": self.version,
            "ra": f"{first.ra:.7f}",
            "dec": f"{first.dec:.7f}",
            "size": side,
            "bands": "".join(sorted(bands)),
            "file_img_m": "on",
        }
        answer, members = ask(
            client,
            f"{self.base_url}/cutout_fits",
            lambda answer: list(read_members(answer.content)),
            params=parameters,
        )
        best = {}
        for name, content in members:
            band = next((b for b in bands if name.endswith(f"-w{b}-img-m.fits")), None)
            if band is None:
                continue
            hdus = open_image(content, name)
            # At the edge of a tile there is one cutout of each: the larger is whole.
            if band not in best or hdus[0].data.size > best[band][0].data.size:
                best[band] = hdus
        for band, request in bands.items():
            if band in best:
                yield self._deliver(request, best[band], answer.url)
            else:
                reason = "the archive's answer has no image of this band"
                yield Failure(request, Outcome.NO_COVERAGE, reason)

    def _deliver(self, request, hdus, url):
        headers = [hdus[0].header]
        dates = [number_in(headers, key) for key in ("MJDMIN", "MJDMAX")]
        epoch = None if None in dates else Time(float(np.mean(dates)), format="mjd")
        for header in headers:
            # As the archive spells it, astropy does not know it.
            header.remove("BUNIT", ignore_missing=True)
        return Delivered(request, fits.HDUList(hdus), epoch=epoch, url=url)


def _read_index(path):
    try:
        table = Table.read(path, hdu=1, format="fits")
        names = [str(name).strip() for name in table["coadd_id"]]
        places = SkyCoord(table["ra"], table["dec"], unit="deg")
    except Exception as error:  # a file that is no such table fails in many ways
        reason = f"{path.name} is no index of tiles: {error}"
        raise FetchError(Outcome.NOT_FITS, reason) from error
    good = [len(n) == 8 and n.isalnum() and n.isascii() for n in names]
    return np.array(names)[good], places[good]


def _nearest(tiles, position):
    names, places = tiles
    away = places.separation(position)
    best = int(np.argmin(away)) if len(names) else None
    if best is None or away[best] > np.sqrt(2) * HALF_TILE * u.deg:
        return None
    return str(names[best])
