"""Stamps interpolated here from the tiles of a HiPS, on disk or on any web server."""

from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits

from astro_vbinary.archives.builtin.grouping import RegionRecipe
from astro_vbinary.archives.builtin.hips import to_flux
from astro_vbinary.archives.hips_tiles import (
    choose_order,
    find_tiles,
    parse_properties,
    resample_tiles,
    tile_path,
)
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps import SkyGrid

__all__ = ["TreeRecipe"]


@dataclass(frozen=True, kw_only=True)
class TreeRecipe(RegionRecipe):
    """Stamps from a HiPS tree.

    Where a survey has several bands, each has a tree in a folder of its name below the
    location; a location that is itself a tree serves every band with the same.

    Parameters
    ----------
    order : int, optional
        Order of the tiles; by default the lowest whose cells are no larger than the
        stamp's pixels.
    asinh : tuple of str, optional
        Bands whose tiles hold asinh magnitudes, which are undone.
    """

    order: int | None = None
    asinh: tuple[str, ...] = ()
    origin: str = "local"
    limits: HostLimits = HostLimits(concurrency=4, rate_per_s=20.0)
    what: str = "Stamps interpolated from the FITS tiles of a HiPS."

    def fetch(self, job, client):
        """Interpolate stamps from tiles, each of which is fetched once.

        Parameters
        ----------
        job : Job
            The job.
        client : Client
            What is asked through, where the tree is on a web server.

        Yields
        ------
        Delivered or Failure
            One a request.
        """
        trees, tiles = {}, {}
        for request in job.requests:
            try:
                if request.band not in trees:
                    trees[request.band] = self._find_tree(request.band, client)
                yield self._make(request, *trees[request.band], tiles, client)
            except FetchError as error:
                yield Failure(request, error.outcome, error.reason)

    def _find_tree(self, band, client):
        """Root of a band's tree, and its properties."""
        for root in (f"{self.base_url}/{band}", self.base_url):
            path = self._get(f"{root}/properties", client)
            if path is not None:
                text = path.read_text(encoding="utf-8", errors="replace")
                return root, parse_properties(text)
        reason = f"{self.base_url} has no file 'properties', so it is no HiPS"
        raise FetchError(Outcome.NO_COVERAGE, reason)

    def _get(self, where, client, *, is_fits=False):
        """A file of the tree; None where there is none."""
        if self.offline:
            path = Path(where)
            return path if path.is_file() else None
        try:
            return client.cached_file(where, fits=is_fits, no_coverage_on=(403, 404))
        except FetchError as error:
            if error.outcome == Outcome.NO_COVERAGE:
                return None
            raise

    def _make(self, request, root, properties, tiles, client):
        formats = properties.get("hips_tile_format", "fits").split()
        if "fits" not in formats:
            reason = f"{root}/properties: tiles are {' '.join(formats)}, not FITS"
            raise FetchError(Outcome.NOT_FITS, reason)
        try:
            deepest = int(properties["hips_order"])
            width = int(properties.get("hips_tile_width", 512))
            frame = properties.get("hips_frame", "equatorial")
            side = request.n_pixels
            grid = SkyGrid(request.position, request.scale * u.arcsec, (side, side))
            order = choose_order(grid.pixel_scale, deepest=deepest, width=width)
            order = order if self.order is None else min(self.order, deepest)
            numbers = find_tiles(grid, order, width=width, frame=frame)
        except (KeyError, ValueError) as error:
            reason = f"{root}/properties: {error}"
            raise FetchError(Outcome.NOT_FITS, reason) from error
        found = {}
        for number in numbers:
            where = f"{root}/{tile_path(order, number)}"
            if where not in tiles:
                tiles[where] = self._read(where, width, client)
            if tiles[where] is not None:
                found[number] = tiles[where]
        if not found:
            reason = f"{root} has no tile there, of order {order}"
            return Failure(request, Outcome.NO_COVERAGE, reason)
        image = resample_tiles(found, order, grid, frame=frame)
        stamp = to_flux(self, request, image, grid.wcs.to_header())
        return Delivered(request, *stamp, url=f"{root}/Norder{order}")

    def _read(self, where, width, client):
        path = self._get(where, client, is_fits=True)
        if path is None:
            return None
        try:
            with fits.open(path, memmap=False) as file:
                data = next(hdu.data for hdu in file if hdu.data is not None)
                data = np.asarray(data, dtype=np.float32)
        except (OSError, ValueError, TypeError, StopIteration) as error:
            reason = f"{where}: {type(error).__name__}: {error}"
            raise FetchError(Outcome.NOT_FITS, reason) from error
        if data.shape != (width, width):
            reason = f"{where}: a tile of {data.shape}, not of {width} x {width}"
            raise FetchError(Outcome.NOT_FITS, reason)
        return data
