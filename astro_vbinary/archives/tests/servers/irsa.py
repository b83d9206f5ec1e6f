"""IRSA: SIA 2, the metadata tables of IBE, and its cutouts."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, SkyCoord

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server
from astro_vbinary.archives.tests.servers.tables import to_votable

COLUMNS = {
    "s_ra": float,
    "s_dec": float,
    "obs_collection": str,
    "dataproduct_subtype": str,
    "energy_bandpassname": str,
    "instrument_name": str,
    "s_region": str,
    "t_min": float,
    "access_format": str,
    "access_url": str,
}


@dataclass
class Frame:
    """An image that the archive holds."""

    path: str
    data: np.ndarray
    wcs: object
    cards: dict = field(default_factory=dict)
    collection: str = ""
    band: str = ""
    kind: str = "science"
    row: dict = field(default_factory=dict)

    @property
    def centre(self):
        ny, nx = self.data.shape
        return self.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs

    def holds(self, position):
        """Whether a position is on the image."""
        ny, nx = self.data.shape
        x, y = skies.skycoord_to_pixel(position, self.wcs)
        return bool(-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5)


class IrsaServer(Server):
    """Frames, found through ``/SIA`` and ``/ibe/search`` and cut by ``/ibe/data``."""

    def __init__(self, frames, *, fake_urls=()):
        super().__init__()
        self.frames = list(frames)
        #: Addresses put into answers in place of the true ones.
        self.fake_urls = list(fake_urls)

    def reply(self, ask):
        if ask.path == "/SIA":
            return self._discover(ask)
        if ask.path.startswith("/ibe/search/"):
            return self._search(ask)
        if ask.path.startswith("/ibe/data/"):
            return self._cut(ask)
        return NOT_FOUND

    def _discover(self, ask):
        words = ask.get("POS", "").split()
        if len(words) != 4 or words[0].upper() != "CIRCLE":
            body = to_votable([], COLUMNS, status="ERROR", message="POS?")
            return Reply(body, kind="application/x-votable+xml")
        place = SkyCoord(float(words[1]), float(words[2]), unit="deg")
        rows = []
        for frame in self.frames:
            if frame.collection != ask.get("COLLECTION") or not frame.holds(place):
                continue
            url = f"{self.url}/ibe/data/{frame.path}"
            if self.fake_urls:
                url = self.fake_urls[len(rows) % len(self.fake_urls)]
            rows.append(
                {
                    "s_ra": frame.centre.ra.deg,
                    "s_dec": frame.centre.dec.deg,
                    "obs_collection": frame.collection,
                    "dataproduct_subtype": frame.kind,
                    "energy_bandpassname": frame.band,
                    "instrument_name": "",
                    "s_region": skies.footprint_of(frame.wcs, frame.data.shape),
                    "t_min": 51000.0,
                    "access_format": "image/fits",
                    "access_url": url,
                }
            )
        body = to_votable(rows, COLUMNS)
        return Reply(body, kind="application/x-votable+xml")

    def _search(self, ask):
        """IBE's table of metadata: of ZTF, whose files are named by what it says."""
        ra, dec = (float(word) for word in ask.get("POS").split(","))
        place = SkyCoord(ra, dec, unit="deg")
        rows = [
            {**f.row, "ra": f.centre.ra.deg, "dec": f.centre.dec.deg}
            for f in self.frames
            if f.row and f.holds(place)
        ]
        names = ["field", "filtercode", "ccdid", "qid", "nframes", "ra", "dec"]
        kinds = ["int", "char", "int", "int", "int", "double", "double"]
        wide = 14
        lines = ["\\fixlen = T"]
        lines += [
            "".join(f"|{word:>{wide}}" for word in words) + "|"
            for words in (names, kinds)
        ]
        lines += ["".join(f" {row[n]!s:>{wide}.{wide}}" for n in names) for row in rows]
        return Reply("\n".join(lines) + "\n", kind="text/plain")

    def _cut(self, ask):
        path = ask.path.removeprefix("/ibe/data/")
        frame = next((f for f in self.frames if f.path == path), None)
        if frame is None:
            return NOT_FOUND
        data, wcs = frame.data, frame.wcs
        if ask.get("center"):
            words = ask.get("center").removesuffix("deg").split(",")
            place = SkyCoord(float(words[0]), float(words[1]), unit="deg")
            size = ask.get("size")
            angle = Angle(size) if size[-1].isalpha() else Angle(float(size), "deg")
            side = int(np.ceil(angle.to_value(u.arcsec) / skies.pixel_side(wcs)))
            found = skies.cut(data, wcs, place, side)
            if found is None:
                return Reply("cutout is outside the image", 400, "text/plain")
            data, wcs = found
        return Reply(skies.to_fits(data, wcs, frame.cards), kind="image/fits")


def make_2mass(sky, *, zero_point=20.9):
    """Two overlapping Atlas images a band: the target near an edge, and not."""
    shape = (400, 300)
    for band, letter in (("J", "j"), ("H", "h"), ("K", "k")):
        for number, offset in (("0590151", (0.3, 40.2)), ("0590161", (120.0, 5.0))):
            wcs = skies.make_wcs(
                sky.centre, 1.0, shape, projection="SIN", offset=offset
            )
            data = sky.draw(wcs, shape, zero_point=zero_point, background=230.0)
            yield Frame(
                f"twomass/allsky/allsky/990502s/s059/image/{letter}i{number}.fits.gz",
                data,
                wcs,
                {"MAGZP": zero_point, "DATE": "1999-05-02", "MJD-OBS": 51300.2},
                "twomass_allsky",
                band,
            )


def make_allwise(sky, *, zero_points=(20.5, 19.5, 18.0, 13.0), side=600):
    """One tile, with its uncertainty, in four bands."""
    tile = "0836m046_ac51"
    offset = (33.3, -80.6)
    wcs = skies.make_wcs(
        sky.centre, 1.375, (side, side), projection="SIN", offset=offset
    )
    for number, zero_point in enumerate(zero_points, 1):
        data = sky.draw(wcs, (side, side), zero_point=zero_point, background=12.0)
        stem = f"wise/allwise/p3am_cdd/08/0836/{tile}/{tile}-w{number}"
        cards = {"MAGZP": zero_point, "BUNIT": "DN", "MJD-OBS": 55250.0}
        options = ("wise_allwise", f"W{number}")
        yield Frame(f"{stem}-int-3.fits", data, wcs, cards, *options)
        yield Frame(
            f"{stem}-unc-3.fits.gz", np.ones_like(data), wcs, {}, *options, "auxiliary"
        )


def make_spitzer(sky, *, side=300):
    """SEIP mosaics of two channels, in MJy/sr."""
    wcs = skies.make_wcs(sky.centre, 0.6, (side, side), offset=(10.2, 20.7))
    steradian = (0.6 * u.arcsec).to_value(u.rad) ** 2
    for channel in (1, 2):
        # One unit in one pixel is so much of an AB magnitude.
        zero_point = 8.9 - 2.5 * np.log10(1e6 * steradian)
        data = sky.draw(wcs, (side, side), zero_point=zero_point, background=2.0)
        stem = f"spitzer/seip/seip_science/data/90000010/90000010-00000.IRAC.{channel}"
        cards = {"BUNIT": "MJy/sr", "DATE-OBS": "2004-10-08T01:02:03"}
        options = ("spitzer_seip", f"IRAC{channel}")
        yield Frame(f"{stem}.mosaic.fits", data, wcs, cards, *options)
        yield Frame(f"{stem}.short.mosaic.fits", data * 0, wcs, cards, *options)
        yield Frame(f"{stem}.unc.fits", data * 0 + 1, wcs, cards, *options, "auxiliary")


def make_ztf(sky, *, zero_point=26.3, side=400):
    """Reference images of two fields, the second with the target near its edge."""
    for number, frames, offset in ((402, 15, (3.2, 8.8)), (1401, 40, (0.0, 190.0))):
        for code in ("zg", "zr", "zi"):
            name = f"ztf_{number:06d}_{code}_c12_q1_refimg.fits"
            folder = f"{number:06d}"[:3]
            path = f"ztf/products/ref/{folder}/field{number:06d}/{code}/ccd12/q1/{name}"
            shape = (side, side)
            wcs = skies.make_wcs(sky.centre, 1.01, shape, angle=180.0, offset=offset)
            data = sky.draw(wcs, shape, zero_point=zero_point, background=110.0)
            row = {
                "field": number,
                "filtercode": code,
                "ccdid": 12,
                "qid": 1,
                "nframes": frames,
            }
            yield Frame(path, data, wcs, {"MAGZP": zero_point}, "", code[1], row=row)
