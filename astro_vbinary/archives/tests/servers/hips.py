"""Tiles of HEALPix cells, over HTTP or on disk, and the service that cuts from them."""

import json
from urllib.parse import unquote

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives.hips_tiles import cell_side, tile_wcs
from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server

WIDTH = 512
ASINH_SCALE = 0.4 * np.log(10)


def to_asinh(flux):
    """What the 16-bit tiles of Pan-STARRS hold: x = v 0.4 ln 10, flux = 2 sinh x."""
    return np.arcsinh(np.asarray(flux) / 2) / ASINH_SCALE


def draw_brightness(sky, wcs, shape, *, native, zero_point, cell=None, noise=0.0):
    """Flux in a native pixel, at the places of finer cells: what tiles hold."""
    # The side on the sky: HPX is an equal-area projection, but not of scale one.
    area = (skies.pixel_side(wcs) if cell is None else cell) ** 2
    flux = sky.draw(wcs, shape, zero_point=zero_point)
    noise = np.random.default_rng(1).normal(0, noise, shape)
    return flux / area * native**2 + noise


class HipsFitsServer(Server):
    """``hips-image-services/hips2fits``.

    ``surveys`` has for each full ID the native pixel (arcsec) and the zero point of
    its images, and whether they are stretched by asinh.
    """

    PATH = "/hips-image-services/hips2fits"

    def __init__(self, sky, surveys):
        super().__init__()
        self.sky = sky
        self.surveys = surveys

    def reply(self, ask):
        if ask.path != self.PATH:
            return NOT_FOUND
        name = unquote(ask.get("hips", ""))
        if name not in self.surveys:
            text = json.dumps({"title": "Bad Request", "description": f"no {name}"})
            return Reply(text, 400, "application/json")
        if ask.get("format") != "fits" or ask.get("projection") != "TAN":
            return Reply(json.dumps({"title": "unsupported"}), 400, "application/json")
        shape = (int(ask.get("height")), int(ask.get("width")))
        place = SkyCoord(float(ask.get("ra")), float(ask.get("dec")), unit="deg")
        scale = float(ask.get("fov")) * 3600 / max(shape)
        wcs = skies.make_wcs(place, scale, shape)
        native, zero_point, stretched = self.surveys[name]
        if place.separation(self.sky.centre).deg > 0.5:
            data = np.full(shape, np.nan)
        else:
            data = draw_brightness(
                self.sky,
                wcs,
                shape,
                native=native,
                zero_point=zero_point,
                noise=3e-5 * 10 ** (0.4 * (zero_point - self.sky.magnitude())),
            )
            data = to_asinh(data) if stretched else data
        return Reply(skies.to_fits(data, wcs), kind="image/fits")


class HipsTreeServer(Server):
    """A tree of tiles; the cells around the pair at one order have data."""

    def __init__(self, sky, *, order, native, zero_point, frame="equatorial"):
        super().__init__()
        self.files = make_tree(
            sky, order=order, native=native, zero_point=zero_point, frame=frame
        )

    def reply(self, ask):
        name = ask.path.lstrip("/").removeprefix("tree/")
        if name not in self.files:
            return NOT_FOUND
        return Reply(self.files[name])


def make_tree(sky, *, order, native, zero_point, frame="equatorial", reach=12.0):
    """Files of a tree by their paths: ``properties`` and tiles near the pair."""
    import astropy.units as u
    from astropy_healpix import HEALPix

    grid = HEALPix(nside=2**order, order="nested", frame="icrs")
    numbers = grid.cone_search_skycoord(sky.centre, reach * u.arcsec)
    lines = {
        "creator_did": "ivo://TEST/P/sky",
        "obs_title": "A simulated sky",
        "hips_version": "1.4",
        "hips_order": order,
        "hips_tile_width": WIDTH,
        "hips_tile_format": "fits",
        "hips_frame": frame,
        "dataproduct_type": "image",
    }
    text = "".join(f"{key:<20} = {value}\n" for key, value in lines.items())
    files = {"properties": text.encode()}
    for number in numbers:
        wcs = tile_wcs(order, int(number), WIDTH)
        data = draw_brightness(
            sky,
            wcs,
            (WIDTH, WIDTH),
            native=native,
            zero_point=zero_point,
            cell=cell_side(order).value,
            noise=3e-5 * 10 ** (0.4 * (zero_point - sky.magnitude())),
        )
        hdu = fits.PrimaryHDU(data.astype(np.float32))
        hdu.header.update({"ORDER": order, "NPIX": int(number)})
        folder = f"Norder{order}/Dir{number // 10000 * 10000}"
        files[f"{folder}/Npix{number}.fits"] = skies.hdus_to_bytes([hdu])
    return files


def write_tree(files, folder):
    """Write the files of a tree below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
