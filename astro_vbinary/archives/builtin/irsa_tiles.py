"""Large images of IRSA, each fetched once and cut here."""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from astro_vbinary.archives.builtin.grouping import Tiled
from astro_vbinary.archives.builtin.helping import refuse
from astro_vbinary.archives.builtin.irsa import IrsaRecipe
from astro_vbinary.archives.builtin.regions import cut_from
from astro_vbinary.archives.footprints import edge_distance, parse_region
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Failure
from astro_vbinary.exceptions import FetchError

__all__ = ["IrsaTiles"]


@dataclass(frozen=True, kw_only=True)
class IrsaTiles(Tiled, IrsaRecipe):
    """Large images of IRSA: each is fetched once, and stamps are cut from it here.

    Parameters
    ----------
    whole_tiles : bool, optional
        Whether to do so; else every stamp is cut out by the archive, which is less to
        fetch for a few targets.
    tile_bytes : int, optional
        Of a tile, for estimates.
    batch : int, optional
        Requests of a job at most.
    """

    whole_tiles: bool = True
    tile_bytes: int = 67 * 2**20
    batch: int = 64

    def fetch(self, job, client):
        """Fetch tiles, once, and cut stamps from them.

        Parameters
        ----------
        job : Job
            Sources that are near each other.
        client : Client
            What is asked through.

        Yields
        ------
        Delivered or Failure
            One a request.
        """
        if not self.whole_tiles:
            yield from super().fetch(job, client)
            return
        known = []
        for request in job.requests:
            frames = self._frames_of(request, known, client)
            rows = frames.get(request.band, ())
            if not rows:
                reason = f"{self.collection} has no image of {request.band} there"
                yield Failure(request, Outcome.NO_COVERAGE, reason)
                continue
            url = rows[0]["url"]
            try:
                path = client.cached_file(url, fits=True)
            except FetchError as error:
                yield from refuse([request], error.outcome, error.reason)
                continue
            yield self._cut(request, path, url, rows[0])

    def _frames_of(self, request, known, client):
        """The list of tiles, asked for again only where no known tile holds all."""
        for corners, frames in known:
            if corners is not None and request.band in frames:
                margin = edge_distance(corners, request.position)
                if margin > request.angle / np.sqrt(2):
                    return frames
        frames = self.find_frames(request.position, client)
        rows = frames.get(request.band, ())
        region = parse_region(rows[0].get("s_region")) if rows else None
        known.append((region, frames))
        return frames

    def _cut(self, request, path, url, row):
        with fits.open(path, memmap=True) as file:
            hdu = cut_from(file[0], request)
        if hdu is None:
            reason = f"the target is outside {url}"
            return Failure(request, Outcome.NO_COVERAGE, reason)
        return self.describe(request, [hdu], url, row)
