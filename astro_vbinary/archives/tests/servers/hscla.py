"""The DAS of the HSC Legacy Archive: a POST of positions, a TAR of cutouts."""

import base64
import email
import email.policy
import io
import tarfile

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.base import NOT_FOUND, Reply, Server
from astro_vbinary.archives.tests.servers.unwise import add_file, add_link

USER, PASSWORD = "a@b.org", "s3cret"

#: Flux of magnitude zero in coadds of the HSC pipeline: a zero point of 27.
FLUXMAG0 = 10 ** (0.4 * 27.0)
ROWS = 990
HOMES = ("HSC-G", "HSC-R", "HSC-I", "HSC-Z", "HSC-Y")


class HsclaServer(Server):
    """``das_cutout``; positions without data are left out of the answer.

    ``extra`` adds members that no honest archive has: ``link``, ``outside``, ``names``.
    """

    def __init__(self, sky, *, noise=20.0, extra=()):
        super().__init__()
        self.sky = sky
        self.noise = noise
        self.extra = extra
        self.posts = []

    def reply(self, ask):
        if ask.path != "/das_cutout/la2020/cgi-bin/cutout" or ask.method != "POST":
            return NOT_FOUND
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if ask.headers.get("authorization") != f"Basic {word}":
            ticket = {"WWW-Authenticate": 'Basic realm="HSCLA"'}
            return Reply("who are you?", 401, "text/plain", ticket)
        lines = _upload(ask).splitlines()
        columns = lines[0].removeprefix("#?").split()
        rows = [dict(zip(columns, line.split(), strict=True)) for line in lines[1:]]
        if len(rows) > ROWS:
            return Reply(f"at most {ROWS} rows", 400, "text/plain")
        self.posts.append(rows)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for number, row in enumerate(rows, 2):
                content = self._cutout(row)
                if content is None:
                    continue
                name = f"arch-201231-000000/{number}-cutout-{row['filter']}-9813-la2020"
                add_file(archive, f"{name}.fits", content)
            if "link" in self.extra:
                add_link(
                    archive, "arch-201231-000000/2-cutout-HSC-I.fits", "/etc/passwd"
                )
            if "outside" in self.extra:
                add_file(archive, "../../../2-cutout-HSC-I.fits", b"SIMPLE")
            if "names" in self.extra:
                add_file(archive, "arch/\u202e2-cutout\u0000é\ud7ff.fits", b"SIMPLE")
        return Reply(buffer.getvalue(), kind="application/x-tar")

    def _cutout(self, row):
        place = SkyCoord(float(row["ra"]), float(row["dec"]), unit="deg")
        if row["filter"] not in HOMES or place.separation(self.sky.centre).deg > 0.1:
            return None
        half = [_degrees(row[key]) * 3600 / 0.168 for key in ("sh", "sw")]
        shape = tuple(2 * round(value) + 1 for value in half)
        wcs = skies.make_wcs(place, 0.168, shape, offset=(0.21, -0.34))
        data = self.sky.draw(
            wcs,
            shape,
            zero_point=27.0,
            noise=self.noise,
            seed=HOMES.index(row["filter"]),
        )
        primary = fits.PrimaryHDU()
        primary.header["FLUXMAG0"] = FLUXMAG0
        primary.header["FILTER"] = row["filter"]
        primary.header["DATE-OBS"] = "2000-01-01T11:58:55.816"
        hdus = [primary]
        header = wcs.to_header()
        planes = {"image": data, "mask": np.zeros(shape, np.int32)}
        planes["variance"] = np.full(shape, self.noise**2)
        for name, plane in planes.items():
            if row.get(name) != "true":
                continue
            plane = plane if name == "mask" else plane.astype(np.float32)
            hdus.append(fits.ImageHDU(plane, header))
            hdus[-1].header["EXTTYPE"] = name.upper()
            if name == "mask":
                hdus[-1].header["MP_BAD"] = 0
                hdus[-1].header["MP_SAT"] = 1
        return skies.hdus_to_bytes(hdus)


def _upload(ask):
    """Text of the part ``list`` of a form."""
    head = f"Content-Type: {ask.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + ask.body, policy=email.policy.HTTP)
    for part in form.iter_parts():
        if part.get_param("name", header="content-disposition") == "list":
            return part.get_payload(decode=True).decode()
    return ""


def _degrees(text):
    return float(text.removesuffix("asec")) / (3600 if text.endswith("asec") else 1)
