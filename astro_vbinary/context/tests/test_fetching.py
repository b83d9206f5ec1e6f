"""Cones of Gaia and 2MASS, by a real client from a server on this machine."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astro_vbinary.context import fetch_2mass, fetch_gaia, match_gaia
from astro_vbinary.exceptions import FetchError

CENTER = SkyCoord(83.0, -5.0, unit="deg")
ROWS = Table(
    {
        "source_id": [3017364063330465152],
        "ra": [83.0],
        "dec": [-5.0],
        "ruwe": [1.3],
        "magnitude": [12.0],
    }
)


@pytest.fixture
def service():
    """A TAP service that answers every query with a table; and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append((self.path, parse_qs(body)))
            answer = io.BytesIO()
            ROWS.write(answer, format="votable")
            broken = "gone" in self.path
            self.send_response(503 if broken else 200)
            self.send_header("Content-Type", "application/x-votable+xml")
            self.end_headers()
            self.wfile.write(b"down" if broken else answer.getvalue())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_cone_of_each(service):
    url, asked = service
    found = fetch_gaia(CENTER, 10 * u.arcmin, url=f"{url}/tap")
    assert match_gaia(found, [83.0], [-5.0])[0]["gaia_ruwe"] == pytest.approx(1.3)
    fetch_2mass(CENTER, 1 * u.deg, url=f"{url}/tap")
    queries = [" ".join(form["QUERY"][0].split()) for _, form in asked]
    assert [path for path, _ in asked] == ["/tap/sync"] * 2
    assert '"I/355/gaiadr3"' in queries[0]
    assert "CIRCLE('ICRS', 83.00000000, -5.00000000, 0.16666667)" in queries[0]
    assert '"II/246/out"' in queries[1]


def test_a_service_that_is_down_is_one_error(service):
    url, _ = service
    with pytest.raises(FetchError, match=r"I/355/gaiadr3.* from http"):
        fetch_gaia(CENTER, 1 * u.arcmin, url=f"{url}/gone")
