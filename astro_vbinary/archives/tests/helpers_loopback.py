"""A server on this machine that serves simulated stamps, and any kind of trouble."""

import gzip
import hashlib
import io
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np

from astro_vbinary.archives import (
    Delivered,
    HostLimits,
    Outcome,
    Recipe,
    fetch_stamps,
    read_manifest,
)
from astro_vbinary.archives.retrying import Patience

SCALE = 0.25

#: What each kind of trouble ends as when it lasts.
OUTCOMES = {
    "html": Outcome.NOT_FITS,
    "429": Outcome.HTTP_ERROR,
    "400": Outcome.HTTP_ERROR,
    "500": Outcome.HTTP_ERROR,
    "502": Outcome.HTTP_ERROR,
    "503": Outcome.HTTP_ERROR,
    "404": Outcome.NO_COVERAGE,
    "reset": Outcome.HTTP_ERROR,
    "hang": Outcome.TIMEOUT,
    "drip": Outcome.TIMEOUT,
    "header drip": Outcome.TIMEOUT,
    "truncated": Outcome.TRUNCATED,
    "truncated unsaid": Outcome.TRUNCATED,
    "nan": Outcome.BLANK,
    "zero": Outcome.BLANK,
    "small": Outcome.PARTIAL,
    "large": Outcome.NOT_FITS,
    "coarse": Outcome.NOT_FITS,
    "clipped": Outcome.PARTIAL,
    "clipped away": Outcome.NO_COVERAGE,
    "elsewhere": Outcome.NOT_FITS,
    "saturated": Outcome.SATURATED,
    "asinh": Outcome.NOT_FITS,
    "redirect loop": Outcome.HTTP_ERROR,
    "bomb": Outcome.NOT_FITS,
    "bomb unsaid": Outcome.NOT_FITS,
    "redirect": Outcome.OK,
    "gzip": Outcome.OK,
}

#: Troubles that a second request can be spared; the others are answers.
TRANSIENT = (
    *("html", "429", "500", "502", "503", "reset", "hang", "drip"),
    *("truncated", "truncated unsaid"),
)

FAST = Patience(first_s=0.02, longest_s=0.1)


@dataclass(frozen=True)
class Fault:
    """Trouble with a source, in its first requests or (None) in all."""

    kind: str
    times: int | None = None

    @property
    def outcome(self):
        return OUTCOMES[self.kind] if self.times is None else Outcome.OK


@lru_cache(maxsize=64)
def pixels(side, dx=0.0, dy=0.0):
    """A star on noise, off the middle by some pixels."""
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    star = 500 * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * 2.0**2))
    return (star + rng.normal(10, 1, (side, side))).astype(">f4")


def make_stamp(ra, dec, size, *, scale=SCALE, shift=(0.0, 0.0), data=None, cards=()):
    """A FITS file of a star, made without astropy so that a server is quick.

    The star is at the position, which is off the middle by some pixels.
    """
    side = max(int(np.ceil(size / scale)), 4)
    if data is None:
        data = pixels(side, *shift)
    ny, nx = data.shape
    header = [
        ("SIMPLE", "T"),
        ("BITPIX", "-32"),
        ("NAXIS", "2"),
        ("NAXIS1", str(nx)),
        ("NAXIS2", str(ny)),
        ("CTYPE1", "'RA---TAN'"),
        ("CTYPE2", "'DEC--TAN'"),
        ("CRPIX1", f"{(nx + 1) / 2 + shift[0]}"),
        ("CRPIX2", f"{(ny + 1) / 2 + shift[1]}"),
        ("CRVAL1", f"{ra:.9f}"),
        ("CRVAL2", f"{dec:.9f}"),
        ("CDELT1", f"{-scale / 3600:.12f}"),
        ("CDELT2", f"{scale / 3600:.12f}"),
        ("CUNIT1", "'deg'"),
        ("CUNIT2", "'deg'"),
        ("RADESYS", "'ICRS'"),
        ("MJD-OBS", "55555.5"),
        *cards,
    ]
    lines = [f"{name:<8}= {value:>20}".ljust(80) for name, value in header]
    text = "".join([*lines, "END".ljust(80)])
    head = text.ljust(-(-len(text) // 2880) * 2880).encode()
    body = data.tobytes()
    return head + body.ljust(-(-len(body) // 2880) * 2880, b"\0")


@dataclass(frozen=True, kw_only=True)
class LoopbackRecipe(Recipe):
    """Stamps of Pan-STARRS from the loopback server."""

    name: str = "loopback"
    survey: str = "Pan-STARRS"
    origin: str = "native"
    base_url: str
    bands: tuple[str, ...] = ("g", "r")

    def fetch(self, job, client):
        for request in job.requests:
            answer = client.get_fits(
                f"{self.base_url}/cutout",
                params={
                    "ra": request.ra,
                    "dec": request.dec,
                    "size": request.size,
                    "band": request.band,
                    "id": request.source,
                },
                no_coverage_on=(404,),
            )
            yield Delivered(request, answer.content, url=answer.url)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server.owner
        server.enter(self.headers.get("User-Agent"))
        self.left = False
        try:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            name = query.get("id", "")
            with server.lock:
                server.asked[name, query.get("band")] += 1
                times = server.asked[name, query.get("band")]
            if server.delay:
                time.sleep(server.delay)
            fault = server.faults.get(name)
            if parts.path == "/loop" or (parts.path == "/good"):
                fault = Fault("redirect loop") if parts.path == "/loop" else None
            kind = None
            if fault and (fault.times is None or times <= fault.times):
                kind = fault.kind
            self.answer(kind, query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.leave()

    def leave(self):
        if not self.left:
            self.left = True
            self.server.owner.leave()

    def send(self, body, status=200, headers=(), *, stated=None):
        self.send_response(status)
        self.send_header("Content-Length", str(stated or len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        # Done as the client sees it, not as this thread does a moment later.
        self.wfile.write(body[:-1])
        self.leave()
        self.wfile.write(body[-1:])
        self.wfile.flush()

    def answer(self, kind, query):
        ra, dec = float(query["ra"]), float(query["dec"])
        size = float(query["size"])
        make = getattr(self, "on_" + (kind or "").replace(" ", "_"), None)
        if kind is None:
            self.good(make_stamp(ra, dec, size), query)
        elif kind.isdigit():
            # In seconds, and as a date.
            later = {"429": "1", "503": formatdate(time.time() + 0.5, usegmt=True)}
            headers = [("Retry-After", later[kind])] if kind in later else []
            self.send(b"<html><body>Trouble</body></html>", int(kind), headers)
        elif make is not None:
            make(ra, dec, size)
        else:
            self.send(make_bad(kind, ra, dec, size))

    def good(self, body, query):
        owner = self.server.owner
        with owner.lock:
            owner.served[query["id"], query["band"]] += 1
        self.send(body)

    def on_html(self, *args):
        self.send(b"<!DOCTYPE html><html><body><h1>Service is down</h1></body></html>")

    def on_reset(self, *args):
        option = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        self.close_connection = True
        self.connection.close()

    def on_hang(self, *args):
        self.server.owner.over.wait(30)
        self.close_connection = True

    def drip(self, text):
        self.close_connection = True
        for byte in text:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.owner.over.wait(0.1):
                return

    def on_drip(self, ra, dec, size):
        body = make_stamp(ra, dec, size)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.drip(body)

    def on_header_drip(self, *args):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.drip(b"a" * 2000)

    def on_truncated(self, ra, dec, size):
        body = make_stamp(ra, dec, size)
        self.close_connection = True
        self.send(body[: len(body) // 2], stated=len(body))

    def on_truncated_unsaid(self, ra, dec, size):
        body = make_stamp(ra, dec, size)
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        self.wfile.write(body[: 2880 * (len(body) // 5760)])

    def on_redirect_loop(self, *args):
        query = urlsplit(self.path).query
        self.send(b"on", 302, [("Location", f"/loop?{query}")])

    def on_redirect(self, *args):
        query = urlsplit(self.path).query
        self.send(b"on", 302, [("Location", f"/good?{query}")])

    def on_gzip(self, ra, dec, size):
        self.send(gzip.compress(make_stamp(ra, dec, size)))

    def on_bomb(self, *args):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        self.pour(100)

    def on_bomb_unsaid(self, *args):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nSIMPLE")
        self.pour(10_000)

    def pour(self, count):
        block = bytes(2**20)
        for _ in range(count):
            self.wfile.write(block)
            self.server.owner.poured += len(block)


def make_bad(kind, ra, dec, size):
    """A whole FITS file that is not what was asked for."""
    side = int(np.ceil(size / SCALE))
    data = pixels(side).copy()
    if kind == "nan":
        data[:] = np.nan
    elif kind == "zero":
        data[:] = 0
    elif kind == "saturated":
        y, x = np.mgrid[:side, :side] - (side - 1) / 2
        data[np.hypot(x, y) < 2.5] = np.nan
    elif kind == "small":
        return make_stamp(ra, dec, size / 2)
    elif kind == "large":
        return make_stamp(ra, dec, size * 4)
    elif kind == "coarse":
        return make_stamp(ra, dec, size, scale=4 * SCALE)
    elif kind == "clipped":  # 4 arcsec are left beside the target
        shift = side / 2 - 4 / SCALE
        data = np.ascontiguousarray(data[:, int(shift) :])
        return make_stamp(ra, dec, size, data=data, shift=(-(int(shift) / 2), 0))
    elif kind == "clipped away":
        data = np.ascontiguousarray(data[:, : side // 3])
        return make_stamp(ra, dec, size, data=data, shift=((side - side // 3) / 2, 0))
    elif kind == "elsewhere":
        return make_stamp(ra + 1, dec, size)
    elif kind == "asinh":
        cards = [("BSOFTEN", "1.5"), ("BOFFSET", "0.1")]
        return make_stamp(ra, dec, size, cards=cards)
    return make_stamp(ra, dec, size, data=data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what is tested


class LoopbackServer:
    """The server; it counts what is asked of it.

    Parameters
    ----------
    faults : dict of str to Fault, optional
        By name of the source.
    delay : float, optional
        Seconds before each answer.
    """

    def __init__(self, faults=None, *, delay=0.0):
        self.faults, self.delay = dict(faults or {}), delay
        self.lock, self.over = threading.Lock(), threading.Event()
        self.asked, self.served = Counter(), Counter()
        self.active = self.most_active = self.poured = 0
        self.starts, self.agents = [], defaultdict(int)

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *args):
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        with suppress(OSError):
            self._server.server_close()

    def enter(self, agent):
        with self.lock:
            self.active += 1
            self.most_active = max(self.most_active, self.active)
            self.starts.append(time.monotonic())
            self.agents[agent] += 1

    def leave(self):
        with self.lock:
            self.active -= 1

    def recipe(self, *, concurrency=8, rate=1e5, timeout_s=3.0, **fields):
        limits = HostLimits(concurrency, rate, timeout_s, 2**20)
        return LoopbackRecipe(base_url=self.url, limits=limits, **fields)


def make_catalog(n, *, prefix="s"):
    """Sources spread over the sky."""
    from astropy.table import Table

    rng = np.random.default_rng(n)
    return Table(
        {
            "source": [f"{prefix}{number}" for number in range(n)],
            "ra": rng.uniform(0, 360, n),
            "dec": np.degrees(np.arcsin(rng.uniform(-0.99, 0.99, n))),
        }
    )


def to_bytes(hdus):
    """A FITS file as bytes."""
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


#: Troubles that end only when the client's patience does.
SLOW = ("hang", "drip", "header drip")


def plan_faults(n, *, seed=0, slow_share=1.0):
    """Trouble for half of n sources: with some it lasts, with others it passes."""
    rng = np.random.default_rng(seed)
    faults = {}
    lasting = list(OUTCOMES)
    for number in range(n):
        pick = rng.random()
        if pick < 0.3:
            fault = Fault(str(rng.choice(lasting)))
        elif pick < 0.5:
            fault = Fault(str(rng.choice(TRANSIENT)), int(rng.integers(1, 3)))
        else:
            continue
        if fault.kind in SLOW:
            if rng.random() > slow_share:
                continue
            # What timed out is tried twice in all.
            fault = Fault(fault.kind, fault.times and 1)
        faults[f"s{number}"] = fault
    # One of each at least.
    faults.update({f"s{number}": Fault(kind) for number, kind in enumerate(lasting)})
    return faults


def find_mistakes(server, output, catalog, bands, size=20.0):
    """What is wrong with an output: outcomes, files, or answers that came twice."""
    table = read_manifest(output)
    mistakes = []
    if len(table) != len(catalog) * len(bands):
        mistakes.append(f"{len(table)} rows for {len(catalog)} sources")
    for row in table:
        fault = server.faults.get(row["source"])
        wanted = Outcome.OK if fault is None else fault.outcome
        name = f"{row['source']} {row['band']} with {fault}"
        if row["outcome"] != wanted:
            mistakes.append(f"{name}: {row['outcome']} ({row['reason']}), not {wanted}")
        path = output / row["path"]
        if path.exists() != wanted.has_file:
            mistakes.append(f"{name}: file {path.exists()}")
        elif path.exists():
            mistakes += _look(path, row, fault, size, name)
        served = server.served[row["source"], row["band"]]
        if fault is None and served != 1:
            mistakes.append(f"{name}: served {served} times")
    known = {str(output / row["path"]) for row in table}
    mistakes += [f"stray {p}" for p in output.glob("*/*.fits") if str(p) not in known]
    return mistakes


def _look(path, row, fault, size, name):
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != row["file_sha256"]:
        yield f"{name}: the file is not the one of the manifest"
    sent = make_stamp(row["ra"], row["dec"], size)
    if fault is not None and fault.times is None and fault.outcome != Outcome.OK:
        sent = make_bad(fault.kind, row["ra"], row["dec"], size)
    if hashlib.sha256(sent).hexdigest() != row["sha256"]:
        yield f"{name}: not what was sent"
    if not content.endswith(sent[-2880:]):
        yield f"{name}: other pixels than what was sent"


def files_of(output):
    """Every stamp, with its content."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file()
        and ".fetch" not in path.parts
        and "manifest.sqlite" not in path.name
    }


def rows_of(output):
    """The manifest without times and numbers of attempts."""
    table = read_manifest(output)
    table.remove_columns(["ended", "attempts"])
    return [tuple(str(cell) for cell in row) for row in table]


def main():
    """Fetch in a process of its own: URL, output, number of sources."""
    url, output, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    options = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    limits = HostLimits(
        options.get("concurrency", 4), options.get("rate", 1e5), 10.0, 2**20
    )
    recipe = LoopbackRecipe(base_url=url, limits=limits)
    fetch_stamps(make_catalog(n), output, recipes=[recipe], patience=FAST)


if __name__ == "__main__":
    main()
