"""MAST: the zip of Hubble cutouts, and JWST's images found by TAP and read in part."""

import io
import json
import re
import zipfile

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server
from astro_vbinary.archives.tests.servers.tables import to_votable

#: Name of a HAP image's camera and filter: pixel (arcsec), PHOTFLAM, PHOTPLAM.
CAMERAS = {
    "acs_wfc_f814w": (0.05, 7.0332e-20, 8045.0),
    "acs_wfc_f606w": (0.05, 7.7954e-20, 5921.0),
    "wfc3_ir_f160w": (0.04, 1.9276e-20, 15369.0),
    "wfc3_ir_f160w_coarse": (0.12, 1.9276e-20, 15369.0),
    # A single exposure, which is not to be taken.
    "acs_wfc_f814w-jbp505jg": (0.05, 1.0e-20, 8045.0),
}

SKYCELL = "skycell-p0907x13y06"


def st_zero_point(photflam, photplam):
    """AB zero point of HST: ACS Data Handbook, section 5.1.1."""
    return -2.5 * np.log10(photflam) - 5 * np.log10(photplam) - 2.408


class HapcutServer(Server):
    """``hapcut/api/v0.1/astrocut``: a zip, or JSON where there is nothing."""

    def __init__(self, sky, *, noise=0.06, cameras=CAMERAS, names=()):
        super().__init__()
        self.sky = sky
        self.noise = noise
        self.cameras = cameras
        self.names = names

    def reply(self, ask):
        if ask.path != "/hapcut/api/v0.1/astrocut":
            return NOT_FOUND
        values = ask.query or json.loads(ask.body or b"{}")
        place = SkyCoord(float(values["ra"]), float(values["dec"]), unit="deg")
        if place.separation(self.sky.centre).deg > 0.05:
            text = json.dumps({"results": [], "msg": "No HAP images found."})
            return Reply(text, kind="application/json")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for number, (camera, numbers) in enumerate(self.cameras.items()):
                stem = (
                    f"hst_cutout_{SKYCELL}-ra{place.ra.deg:.4f}-dec{place.dec.deg:.4f}"
                )
                name = f"{stem.replace('.', 'd')}_{camera}.fits"
                content = self._cutout(place, values, camera, number, *numbers)
                archive.writestr(name, content)
            for name in self.names:
                archive.writestr(name, b"SIMPLE  =                    T")
        return Reply(buffer.getvalue(), kind="application/zip")

    def _cutout(self, place, values, camera, seed, scale, photflam, photplam):
        # Angular sizes are in degrees, as the client sends them.
        side = float(values["x"])
        side = side if values["units"] == "px" else side * 3600 / scale
        shape = (int(np.ceil(side)),) * 2
        wcs = skies.make_wcs(place, scale, shape, offset=(0.3, -0.2))
        zero_point = st_zero_point(photflam, photplam)
        data = self.sky.draw(
            wcs, shape, zero_point=zero_point, noise=self.noise, seed=seed
        )
        instrument, detector, filtered = camera.upper().split("_")[:3]
        primary = fits.PrimaryHDU()
        primary.header["TELESCOP"] = "HST"
        primary.header["INSTRUME"] = instrument
        primary.header["DETECTOR"] = detector
        key = "FILTER" if instrument == "WFC3" else "FILTER2"
        primary.header[key] = filtered
        header = wcs.to_header()
        header.update({"BUNIT": "ELECTRONS/S", "PHOTFLAM": photflam})
        header.update({"PHOTPLAM": photplam, "EXPSTART": 53000.0, "EXPEND": 53001.0})
        name = f"CUTOUT_p0907x13y06_{detector}_{filtered}"
        cutout = fits.ImageHDU(data.astype(np.float32), header, name=f"SCI_{name}")
        weight = np.full(shape, 1000.0, np.float32)
        weight[:3] = 0.0  # the edge of a chip
        weight = fits.ImageHDU(weight, header, name=f"WHT_{name}")
        return skies.hdus_to_bytes([primary, cutout, weight])


JWST_COLUMNS = {
    "obs_id": str,
    "filters": str,
    "s_region": str,
    "t_min": float,
    "dataurl": str,
}


class JwstServer(Server):
    """The CAOM of MAST by TAP, and i2d images of which parts are read by ``Range``."""

    def __init__(self, sky, *, noise=0.1, side=400, ranges=True, core=False):
        super().__init__()
        self.sky = sky
        self.ranges = ranges
        self.core = core
        self.noise = noise
        self.files = {}
        for seed, (band, scale) in enumerate({"F115W": 0.031, "F444W": 0.063}.items()):
            for level, offset in (
                ("t001", (40.3, -60.7)),
                ("t002", (side * 0.47, 0.0)),
            ):
                name = f"jw01234-o001_{level}_nircam_clear-{band.lower()}_i2d.fits"
                self.files[name] = (
                    band,
                    *self._image(band, scale, side, offset, seed),
                )

    def _image(self, band, scale, side, offset, seed):
        shape = (side, side)
        wcs = skies.make_wcs(self.sky.centre, scale, shape, angle=27.0, offset=offset)
        steradian = (scale * u.arcsec).to_value(u.rad) ** 2
        zero_point = 8.9 - 2.5 * np.log10(1e6 * steradian)
        data = self.sky.draw(
            wcs,
            shape,
            zero_point=zero_point,
            background=0.5,
            noise=self.noise,
            seed=seed,
        )
        if self.core:
            x, y = skies.skycoord_to_pixel(self.sky.centre, wcs)
            data[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3] = np.nan
        primary = fits.PrimaryHDU()
        primary.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRCAM"})
        primary.header.update({"FILTER": band, "PUPIL": "CLEAR"})
        header = wcs.to_header()
        header.update({"BUNIT": "MJy/sr", "PIXAR_SR": steradian, "MJD-AVG": 59900.5})
        hdus = [primary]
        for name, plane in (("SCI", data), ("ERR", data * 0 + self.noise)):
            hdus.append(fits.ImageHDU(plane.astype(np.float32), header, name=name))
        hdus.append(fits.ImageHDU(np.ones(shape, np.float32), header, name="WHT"))
        return skies.hdus_to_bytes(hdus), wcs, shape

    def reply(self, ask):
        if ask.path == "/vo-tap/api/v0.1/caom/sync":
            return self._query(ask)
        if ask.path == "/api/v0.1/Download/file":
            name = ask.get("uri", "").rpartition("/")[2]
            if name not in self.files:
                return NOT_FOUND
            if not self.ranges:
                ask.headers.pop("range", None)
            return Reply(self.files[name][1], kind="application/fits")
        return NOT_FOUND

    def _query(self, ask):
        """Understands the one kind of question that the recipe asks."""
        numbers = r"s_ra (BETWEEN|>=) (\S+) (AND|OR s_ra <=) (\S+)\)? AND s_dec BETWEEN"
        found = re.search(numbers + r" (\S+) AND (\S+)", ask.get("QUERY"))
        if ask.get("LANG") != "ADQL" or not found:
            body = to_votable([], JWST_COLUMNS, status="ERROR", message="bad ADQL")
            return Reply(body, 400, "application/x-votable+xml")
        low, high, south, north = (float(found[n]) for n in (2, 4, 5, 6))
        rows = []
        for name, (band, _, wcs, shape) in self.files.items():
            centre = wcs.pixel_to_world(shape[1] / 2, shape[0] / 2).icrs
            if low <= centre.ra.deg <= high and south <= centre.dec.deg <= north:
                rows.append(
                    {
                        "obs_id": name.removesuffix("_i2d.fits"),
                        "filters": f"CLEAR;{band}",
                        "s_region": skies.footprint_of(wcs, shape),
                        "t_min": 59900.5,
                        "dataurl": f"mast:JWST/product/{name}",
                    }
                )
        body = to_votable(rows, JWST_COLUMNS)
        return Reply(body, kind="application/x-votable+xml")
