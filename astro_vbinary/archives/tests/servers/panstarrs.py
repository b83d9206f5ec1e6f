"""Pan-STARRS at MAST: ``ps1filenames.py`` and ``fitscut.cgi``."""

import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server

HEADINGS = "projcell subcell ra dec filter mjd type filename shortname badflag"

EXPTIME = {"g": 731.0, "r": 820.0, "i": 1620.0, "z": 510.0, "y": 860.0}


class PanStarrsServer(Server):
    """One skycell of stacks, in counts, with its background subtracted."""

    def __init__(self, sky, *, noise=2000.0):
        super().__init__()
        self.sky = sky
        self.noise = noise
        self.shape = (900, 900)
        self.wcs = skies.make_wcs(sky.centre, 0.25, self.shape, offset=(100.3, -50.4))

    def name(self, band):
        """A stack's file."""
        stem = f"rings.v3.skycell.1166.082.stk.{band}.unconv.fits"
        return f"/rings.v3.skycell/1166/082/{stem}"

    def reply(self, ask):
        if ask.path == "/cgi-bin/ps1filenames.py":
            return self._list(ask)
        if ask.path == "/cgi-bin/fitscut.cgi":
            return self._cut(ask)
        return NOT_FOUND

    def _list(self, ask):
        place = SkyCoord(float(ask.get("ra")), float(ask.get("dec")), unit="deg")
        lines = [HEADINGS]
        x, y = skies.skycoord_to_pixel(place, self.wcs)
        if 0 <= x < self.shape[1] and 0 <= y < self.shape[0]:
            for band in ask.get("filters", "grizy"):
                name = self.name(band)
                short = name.rpartition("/")[2]
                place = f"{ask.get('ra')} {ask.get('dec')}"
                lines.append(f"1166 082 {place} {band} 0.0 stack {name} {short} 0")
        return Reply("\n".join(lines) + "\n", kind="text/plain")

    def _cut(self, ask):
        wanted = ask.get("red", "")
        band = next((b for b in EXPTIME if self.name(b) == wanted), None)
        if band is None or ask.get("format") != "fits":
            return Reply("<html>fitscut: no such image</html>", kind="text/html")
        place = SkyCoord(float(ask.get("ra")), float(ask.get("dec")), unit="deg")
        time = EXPTIME[band]
        data = self.sky.draw(
            self.wcs,
            self.shape,
            zero_point=25 + 2.5 * np.log10(time),
            noise=self.noise,
            seed=ord(band),
        )
        found = skies.cut(data, self.wcs, place, int(ask.get("size")))
        if found is None:
            return Reply("<html>outside</html>", kind="text/html")
        cards = {"EXPTIME": time, "HIERARCH FPA.FILTERID": f"{band}.00000"}
        cards["MJD-OBS"] = 55900.0
        return Reply(skies.to_fits(*found, cards), kind="image/fits")
