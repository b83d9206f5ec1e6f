"""Stamps cut from large images in a folder."""

import re
import threading
from dataclasses import dataclass
from functools import lru_cache

from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.archives.builtin.grouping import RegionRecipe
from astro_vbinary.archives.builtin.helping import match_band, refuse
from astro_vbinary.archives.calibration import (
    exposure_zero_point,
    hst_zero_point,
    surface_zero_point,
)
from astro_vbinary.archives.cutting import cut_image
from astro_vbinary.archives.footprint_index import FootprintIndex
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps.grid import pixel_area
from astro_vbinary.stamps.headers import (
    epoch_from_header,
    unit_from_header,
    zero_point_from_header,
)
from astro_vbinary.stamps.naming import split_suffix
from astro_vbinary.stamps.quality import find_companions
from astro_vbinary.surveys import get_survey

__all__ = ["FolderRecipe"]

#: Keywords by which a file says its filter.
FILTER_KEYWORDS = ("FILTER", "BAND", "FILTNAM", "FILTER1", "FILTER2")

_building = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class FolderRecipe(RegionRecipe):
    """Stamps from a folder of images or mosaics.

    The band is what the header says (``FILTER`` and the like), or a word of the file's
    name: ``orion_i_mosaic.fits``. Of several images that hold a target, the one in
    which it is farthest from an edge is taken.

    Parameters
    ----------
    pattern : str, optional
        Which files, as `pathlib.Path.glob` has it.
    index_file : str, optional
        A file in which the footprints are kept, so that the next run need not read the
        headers again.
    """

    pattern: str = "**/*.f*ts*"
    index_file: str | None = None
    origin: str = "local"
    limits: HostLimits = HostLimits(concurrency=4, rate_per_s=1e6)
    scale_tolerance: float | None = None
    what: str = "Stamps cut from images in a folder, with their own pixels and WCS."

    def n_calls(self, job):
        """No requests to a server.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            Zero.
        """
        return 0

    def fetch(self, job, client):
        """Cut stamps.

        Parameters
        ----------
        job : Job
            The job.
        client : Client
            Not used.

        Yields
        ------
        Delivered or Failure
            One a request.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If there is no such folder.
        """
        try:
            index = _index(self.base_url, self.pattern, self.index_file)
        except OSError as error:
            raise FetchError(Outcome.HTTP_ERROR, str(error)) from error
        for request in job.requests:
            try:
                yield self._cut(request, index)
            except (OSError, ValueError, TypeError) as error:
                reason = f"{type(error).__name__}: {error}"
                yield from refuse([request], Outcome.NOT_FITS, reason)

    def _cut(self, request, index):
        for footprint in index.find(request.position):
            path = index.folder / footprint.path
            with fits.open(path, memmap=True) as file:
                hdu = file[footprint.hdu]
                headers = (hdu.header, file[0].header)
                if self._band_of(headers, footprint.path) != request.band:
                    continue
                found = self._cut_hdus(request, file, hdu)
            if found is not None:
                url = path.resolve().as_uri()
                epoch = epoch_from_header(headers[0]) or epoch_from_header(headers[1])
                return Delivered(
                    request,
                    fits.HDUList(found),
                    unit=self._unit(headers[0]),
                    zero_point=self._zero_point_of(headers, found, request),
                    epoch=epoch,
                    url=url,
                )
        reason = f"no image of {request.band} in the folder holds the target"
        return Failure(request, Outcome.NO_COVERAGE, reason)

    def _band_of(self, headers, name):
        words = [str(h.get(key) or "") for h in headers for key in FILTER_KEYWORDS]
        stem = split_suffix(name.rpartition("/")[2])[0]
        for word in (*words, *re.split(r"[_.\- ]", stem)):
            band = match_band(self.survey, word)
            if band is not None:
                return band
        return None

    def _cut_hdus(self, request, file, hdu):
        """The part of an image, and of the extensions that say how good it is."""
        wcs = WCS(hdu.header, file)
        part = cut_image(
            hdu.section, wcs, request.position, request.angle, header=hdu.header
        )
        if part is None:
            return None
        found = [part]
        for _, companion in find_companions(list(file), hdu):
            cut = cut_image(
                companion.section,
                wcs,
                request.position,
                request.angle,
                header=companion.header,
            )
            found.append(fits.ImageHDU(cut.data, cut.header, name=companion.name))
        return found

    def _unit(self, header):
        unit = unit_from_header(header)
        return None if unit is None else unit.to_string()

    def _zero_point_of(self, headers, found, request):
        for header in headers:
            known = zero_point_from_header(header)
            known = known or hst_zero_point(
                header.get("PHOTFLAM"), header.get("PHOTPLAM")
            )
            if known is not None:
                return known
        if self._unit(headers[0]) == "MJy / sr":
            wcs = WCS(found[0].header)
            return surface_zero_point(pixel_area(wcs, request.position))
        if self.survey == "Pan-STARRS":
            base = get_survey(self.survey).band(request.band).zero_point
            return exposure_zero_point(base, headers[0].get("EXPTIME"))
        return self.zero_point(request.band)


def _index(folder, pattern, cache):
    with _building:
        return _build(folder, pattern, cache)


@lru_cache(maxsize=4)
def _build(folder, pattern, cache):
    """One index a process: a folder of mosaics does not change while it is read."""
    return FootprintIndex.build(folder, pattern=pattern, cache=cache)
