"""MAST: the zip of Hubble cutouts, and JWST's images found by SIA and read in part."""

import io
import json
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
    "wfc3_ir_f160w": (0.128, 1.9276e-20, 15369.0),
}


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
                # The viewer's names: the position and the size, with the sky cell.
                name = f"hst_skycell-p0907x13y06_{camera}_all_drc_{place.ra.deg:.6f}"
                name += f"_{place.dec.deg:.6f}_cutout.fits"
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
        instrument, detector, filtered = (word.upper() for word in camera.split("_"))
        primary = fits.PrimaryHDU()
        primary.header["TELESCOP"] = "HST"
        primary.header["INSTRUME"] = instrument
        primary.header["DETECTOR"] = detector
        key = "FILTER" if instrument == "WFC3" else "FILTER2"
        primary.header[key] = filtered
        header = wcs.to_header()
        header.update({"BUNIT": "ELECTRONS/S", "PHOTFLAM": photflam})
        header.update({"PHOTPLAM": photplam, "EXPSTART": 53000.0, "EXPEND": 53001.0})
        cutout = fits.ImageHDU(data.astype(np.float32), header, name="CUTOUT")
        return skies.hdus_to_bytes([primary, cutout])


JWST_COLUMNS = {
    "obs_id": str,
    "band": str,
    "instrument_name": str,
    "s_ra": float,
    "s_dec": float,
    "s_region": str,
    "calib_level": int,
    "t_exptime": float,
    "mjd_obs": float,
    "format": str,
    "access_url": str,
}
JWST_UCDS = {"access_url": "VOX:Image_AccessReference", "band": "VOX:BandPass_ID"}


class JwstServer(Server):
    """SIA 1 of MAST, and i2d images of which parts are read by ``Range``."""

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
        if ask.path == "/portal_vo/Mashup/VoQuery.asmx/SiaV1":
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
        ra, dec = (float(word) for word in ask.get("POS").split(","))
        place = SkyCoord(ra, dec, unit="deg")
        rows = []
        for name, (band, _, wcs, shape) in self.files.items():
            x, y = skies.skycoord_to_pixel(place, wcs)
            if not (0 <= x < shape[1] and 0 <= y < shape[0]):
                continue
            url = f"{self.url}/api/v0.1/Download/file?uri=mast:JWST/product/{name}"
            rows.append(
                {
                    "obs_id": name.removesuffix("_i2d.fits"),
                    "band": band,
                    "instrument_name": "NIRCAM/IMAGE",
                    "s_ra": ra,
                    "s_dec": dec,
                    "s_region": skies.footprint_of(wcs, shape),
                    "calib_level": 3,
                    "t_exptime": 1000.0,
                    "mjd_obs": 59900.5,
                    "format": "image/fits",
                    "access_url": url,
                }
            )
        body = to_votable(rows, JWST_COLUMNS, ucds=JWST_UCDS)
        return Reply(body, kind="application/x-votable+xml")
