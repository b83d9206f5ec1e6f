"""One source: from Python, from coordinates, from a name."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord

from astro_vbinary import StampStack, SurveyStamp
from astro_vbinary.archives import Outcome
from astro_vbinary.archives.resolving import (
    find_sources,
    parse_position,
    resolve_name,
)
from astro_vbinary.archives.tests import helpers_loopback as loopback
from astro_vbinary.exceptions import FetchError

TARGET = SkyCoord(83.82, -5.39, unit="deg")


@pytest.fixture
def server():
    with loopback.LoopbackServer() as server:
        yield server


def test_a_stamp_is_fetched(server):
    stamp = SurveyStamp.fetch(
        TARGET.galactic,
        survey="ps1",
        band="G",
        source="22466",
        size=10 * u.arcsec,
        recipes=[server.recipe()],
    )
    assert (stamp.source, stamp.survey.name, stamp.band) == ("22466", "Pan-STARRS", "g")
    assert stamp.shape == (40, 40)
    assert stamp.target.separation(TARGET) < 1 * u.mas
    assert stamp.meta["header"]["VBARCH"] == "loopback"
    assert list(server.asked) == [("22466", "g")]


def test_a_stack_is_fetched_and_kept(server, tmp_path):
    for _ in range(2):
        stack = StampStack.fetch(
            "83.82 -5.39", survey="ps1", folder=tmp_path, recipes=[server.recipe()]
        )
    assert stack.bands == ("g", "r")
    assert stack.source == "J053516.80-052324.0"
    assert stack.align().data.shape[0] == 2
    assert set(server.asked.values()) == {1}
    assert len(list(tmp_path.glob("Pan-STARRS/*.fits"))) == 2


def test_what_is_not_there_says_so(server):
    server.faults["blank"] = loopback.Fault("nan")
    options = {"survey": "ps1", "source": "blank", "recipes": [server.recipe()]}
    with pytest.raises(FetchError, match="Pan-STARRS g of blank") as caught:
        SurveyStamp.fetch(TARGET, band="g", **options)
    assert caught.value.outcome == Outcome.BLANK
    with pytest.raises(FetchError):
        StampStack.fetch(TARGET, **options)


@pytest.mark.parametrize(
    "text",
    [
        "83.82 -5.39",
        "83.82, -5.39",
        " 83.82d -5.39d ",
        "05:35:16.8 -05:23:24",
        "5h35m16.8s -5d23m24s",
        "05 35 16.8 -05 23 24",
        "05:35:16.8,-05:23:24",
    ],
)
def test_positions_are_understood(text):
    assert parse_position(text).separation(TARGET) < 1 * u.mas


@pytest.mark.parametrize("text", ["V380 Ori", "HD 1", "M 42", "83.82", "", "1 91"])
def test_what_is_no_position(text):
    assert parse_position(text) is None


SESAME = """<?xml version="1.0" encoding="UTF-8"?>
# V380 Ori
#=S=Simbad
%J 83.8200000 -5.3900000 = 05:35:16.80 -05:23:24.0
"""


@pytest.fixture
def sesame():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            known = "V380" in self.path
            body = (SESAME if known else "#! nothing found\n").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sesame"
    server.shutdown()
    thread.join()
    server.server_close()
    assert asked


def test_names_are_resolved(sesame):
    assert resolve_name("V380 Ori", url=sesame).separation(TARGET) < 1 * u.mas
    with pytest.raises(FetchError, match="nosuch"):
        resolve_name("nosuch", url=sesame)


def test_sources_are_files_positions_and_names(sesame, tmp_path):
    table = tmp_path / "sources.csv"
    table.write_text("source,ra,dec\na,1,2\nb,3,4\n")
    lines = tmp_path / "positions.txt"
    lines.write_text("# two positions\n83.82 -5.39\n\n05:35:16.8 +05:23:24\n")
    found = find_sources([str(table), str(lines), "10 20", "V380 Ori"], resolver=sesame)
    assert list(found["source"]) == [
        *("a", "b", "J053516.80-052324.0", "J053516.80+052324.0"),
        *("J004000.00+200000.0", "V380 Ori"),
    ]
    assert list(found["dec"]) == pytest.approx([2, 4, -5.39, 5.39, 20, -5.39])


def test_what_cannot_be_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        find_sources([str(tmp_path / "nosuch.csv")])
    with pytest.raises(FetchError, match="offline"):
        find_sources(["V380 Ori"], offline=True)
    odd = tmp_path / "odd.txt"
    odd.write_text("this is\nno list of positions\n")
    with pytest.raises(ValueError, match=r"odd\.txt"):
        find_sources([str(odd)])
