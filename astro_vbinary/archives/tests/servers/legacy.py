"""The Legacy Surveys' viewer: one FITS cube a request, with inverse variances."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server

#: Bands that each layer has.
LAYERS = {"ls-dr10": "griz", "sdss": "ugriz"}


class LegacyServer(Server):
    """``/viewer/fits-cutout``; bands without data are zeros."""

    def __init__(self, sky, *, missing=(), noise=0.5):
        super().__init__()
        self.sky = sky
        self.missing = set(missing)
        self.noise = noise

    def reply(self, ask):
        if ask.path != "/viewer/fits-cutout":
            return NOT_FOUND
        layer = ask.get("layer")
        if layer not in LAYERS:
            return Reply("no such layer", 404, "text/plain")
        place = SkyCoord(float(ask.get("ra")), float(ask.get("dec")), unit="deg")
        side = min(int(ask.get("size", 256)), 3000)
        scale = float(ask.get("pixscale", 0.262))
        bands = [b for b in ask.get("bands", LAYERS[layer]) if b in LAYERS[layer]]
        wcs = skies.make_wcs(place, scale, (side, side))
        planes, weights = [], []
        for seed, band in enumerate(bands):
            image = self.sky.draw(
                wcs, (side, side), zero_point=22.5, noise=self.noise, seed=seed
            )
            weight = np.full_like(image, 1 / self.noise**2)
            if band in self.missing or self._far(place):
                image, weight = image * 0, weight * 0
            planes.append(image)
            weights.append(weight)
        header = wcs.to_header()
        header["SURVEY"] = "LegacySurvey"
        header["BANDS"] = "".join(bands)
        for number, band in enumerate(bands):
            header[f"BAND{number}"] = band
        # One band is a plane and more are a cube, as in the viewer's files.
        pack = [
            np.squeeze(np.array(p, dtype=np.float32), 0)
            if len(p) == 1
            else np.array(p, dtype=np.float32)
            for p in (planes, weights)
        ]
        hdus = [fits.PrimaryHDU(pack[0], header)]
        if "invvar" in ask.query:
            header = header.copy()
            header["IMAGETYP"] = "INVVAR"
            hdus.append(fits.ImageHDU(pack[1], header))
        return Reply(skies.hdus_to_bytes(hdus), kind="image/fits")

    def _far(self, place):
        return place.separation(self.sky.centre).deg > 0.5
