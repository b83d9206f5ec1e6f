"""unwise.me: its index of tiles, the tiles themselves, and cutouts in a tar."""

import io
import tarfile

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server

TILE = "0836m046"


class UnwiseServer(Server):
    """One tile of each version, and its neighbours in the index only.

    ``side`` is that of the tile in pixels: 2048 in truth.
    """

    def __init__(self, sky, *, side=1024, links=False):
        super().__init__()
        self.sky = sky
        self.shape = (side, side)
        self.links = links
        self.wcs = skies.make_wcs(sky.centre, 2.75, self.shape, offset=(-210.2, 130.8))
        self._tiles = {}

    def tile(self, version, band):
        """Pixels of a tile."""
        if (version, band) not in self._tiles:
            noise = {"allwise": 0.3}.get(version, 0.1)
            self._tiles[version, band] = self.sky.draw(
                self.wcs, self.shape, zero_point=22.5, background=20.0, noise=noise
            )
        return self._tiles[version, band]

    def reply(self, ask):
        if ask.path == "/data/allsky-atlas.fits":
            return self._index()
        if ask.path == "/cutout_fits":
            return self._tar(ask)
        words = ask.path.strip("/").split("/")
        if words[0] == "data" and words[2:4] == ["unwise-coadds", "fulldepth"]:
            for band in (1, 2):
                if words[4:] == [TILE[:3], TILE, f"unwise-{TILE}-w{band}-img-m.fits"]:
                    return Reply(self._file(words[1], band), kind="image/fits")
        return NOT_FOUND

    def _file(self, version, band):
        cards = {
            "MAGZP": 22.5,
            "BUNIT": "nanomaggy",
            "MJDMIN": 55250.0,
            "MJDMAX": 56000.0,
        }
        return skies.to_fits(self.tile(version, band), self.wcs, cards)

    def _index(self):
        ny, nx = self.shape
        centre = self.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
        ras = centre.ra.deg + np.array([0.0, 1.5, -1.5, 0.0])
        decs = centre.dec.deg + np.array([0.0, 0.0, 0.0, 1.5])
        table = Table(
            {
                "coadd_id": [TILE, "0851m046", "0821m046", "0836m031"],
                "ra": ras,
                "dec": decs,
            }
        )
        buffer = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table)]).writeto(buffer)
        return Reply(buffer.getvalue(), kind="application/fits")

    def _tar(self, ask):
        if int(ask.get("size")) > 1024:
            return Reply("size too large", 400, "text/plain")
        place = SkyCoord(float(ask.get("ra")), float(ask.get("dec")), unit="deg")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for band in ask.get("bands"):
                name = f"unwise-{TILE}-w{band}-img-m.fits"
                if self.links:
                    add_link(archive, name, "../../etc/passwd")
                    continue
                found = skies.cut(
                    self.tile(ask.get("version"), int(band)),
                    self.wcs,
                    place,
                    int(ask.get("size")),
                )
                if found is not None:
                    add_file(archive, name, skies.to_fits(*found, {"MAGZP": 22.5}))
        return Reply(buffer.getvalue(), kind="application/x-gzip")


def add_file(archive, name, content):
    """Put a file into a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def add_link(archive, name, target):
    """Put a symbolic link into a tar."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    archive.addfile(info)
