"""SkyMapper: SIA 1, and single exposures whose WCS has TPV distortions."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server
from astro_vbinary.archives.tests.servers.tables import SIA1_UCDS, to_votable

COLUMNS = {
    "unique_image_id": str,
    "image_type": str,
    "band": str,
    "ra_cntr": float,
    "decl_cntr": float,
    "exptime": float,
    "mean_fwhm": float,
    "zpapprox": float,
    "mjd_obs": float,
    "format": str,
    "get_image": str,
}

#: (id, kind, FWHM, zero point): the sharpest is a short exposure.
EXPOSURES = (
    ("20140425124821-10", "main", 2.9, 28.7),
    ("20170112103355-10", "main", 2.2, 28.8),
    ("20170113103355-10", "short", 1.9, 25.4),
)


class SkyMapperServer(Server):
    """``siap/dr4/query`` and the cutouts that its answers lead to."""

    def __init__(self, sky):
        super().__init__()
        self.sky = sky
        self.shape = (500, 400)
        self.wcs = tpv_wcs(sky.centre, self.shape)

    def reply(self, ask):
        if ask.path == "/public/siap/dr4/query":
            return self._query(ask)
        if ask.path == "/public/siap/dr4/get_image":
            return self._cut(ask)
        return NOT_FOUND

    def _query(self, ask):
        sizes = [float(word) for word in ask.get("SIZE").split(",")]
        if not all(0 < size <= 0.17 for size in sizes):
            return Reply("SIZE[0] must be between 0 and 0.17 deg", 400, "text/plain")
        ra, dec = (float(word) for word in ask.get("POS").split(","))
        place = SkyCoord(ra, dec, unit="deg")
        rows = []
        for band in ask.get("BAND", "u,v,g,r,i,z").split(","):
            for name, kind, fwhm, zero_point in EXPOSURES:
                x, y = skies.skycoord_to_pixel(place, self.wcs)
                if not (0 <= x < self.shape[1] and 0 <= y < self.shape[0]):
                    continue
                url = (
                    f"{self.url}/public/siap/dr4/get_image?IMAGE={name}"
                    f"&SIZE={ask.get('SIZE')}&POS={ra},{dec}&FORMAT=fits&BAND={band}"
                )
                rows.append(
                    {
                        "unique_image_id": name,
                        "image_type": kind,
                        "band": band,
                        "ra_cntr": ra,
                        "decl_cntr": dec,
                        "exptime": 100.0,
                        "mean_fwhm": fwhm,
                        "zpapprox": zero_point,
                        "mjd_obs": 56772.5,
                        "format": "image/fits",
                        "get_image": url,
                    }
                )
        body = to_votable(rows, COLUMNS, ucds=SIA1_UCDS)
        return Reply(body, kind="application/x-votable+xml")

    def _cut(self, ask):
        found = [e for e in EXPOSURES if e[0] == ask.get("IMAGE")]
        if not found:
            return NOT_FOUND
        name, kind, _, zero_point = found[0]
        data = self.sky.draw(
            self.wcs, self.shape, zero_point=zero_point, background=150.0
        )
        ra, dec = (float(word) for word in ask.get("POS").split(","))
        size = float(ask.get("SIZE").split(",")[0])
        side = int(np.ceil(size * 3600 / 0.497))
        cutout = skies.cut(data, self.wcs, SkyCoord(ra, dec, unit="deg"), side)
        if cutout is None:
            return Reply("outside", 400, "text/plain")
        cards = {"ZPAPPROX": zero_point, "EXPTIME": 100.0, "IMAGE_ID": name}
        cards |= {"DATE-OBS": "2014-04-25T12:48:21", "IMAGETYP": kind}
        header = tpv_header(self.sky.centre, self.shape)
        # The distortion is around the frame's own pixel: only CRPIX moves.
        header["CRPIX1"], header["CRPIX2"] = cutout[1].wcs.crpix
        header.update(cards)
        hdu = fits.PrimaryHDU(cutout[0].astype(np.float32), header)
        return Reply(skies.hdus_to_bytes([hdu]), kind="image/fits")


def tpv_header(centre, shape):
    """A WCS with third-order distortions of some pixels at the edge."""
    plain = skies.make_wcs(centre, 0.497, shape, angle=0.4, offset=(12.1, 33.7))
    header = plain.to_header()
    for key in list(header):
        if key.startswith(("PC", "CDELT")):
            del header[key]
    for i in (1, 2):
        for j in (1, 2):
            header[f"CD{i}_{j}"] = plain.wcs.cd[i - 1, j - 1]
    header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
    header.update({"PV1_1": 1.0003, "PV2_1": 1.0002, "PV1_4": 0.02, "PV2_4": -0.03})
    header.update({"PV1_7": 0.5, "PV2_7": 0.5})
    return header


def tpv_wcs(centre, shape):
    """The same, as astropy reads it."""
    wcs = WCS(tpv_header(centre, shape))
    wcs.array_shape = shape
    return wcs
