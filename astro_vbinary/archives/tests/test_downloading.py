"""A whole catalogue: what is kept, what is asked again, and what is refused."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astro_vbinary import SurveyStamp
from astro_vbinary.archives import (
    Delivered,
    Failure,
    Job,
    Outcome,
    StampRequest,
    fetch_stamps,
    plan_fetch,
    read_manifest,
    write_manifest,
)
from astro_vbinary.archives.manifest import Manifest
from astro_vbinary.archives.records import Record
from astro_vbinary.archives.sources import list_positions, name_of
from astro_vbinary.archives.tests import helpers_loopback as loopback
from astro_vbinary.exceptions import FetchError, RunFailedError
from astro_vbinary.stamps import StampIndex


@pytest.fixture
def server():
    with loopback.LoopbackServer() as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class Awkward(loopback.LoopbackRecipe):
    """One job for all requests, each of which meets another mistake."""

    name: str = "awkward"
    base_url: str = "."
    bands: tuple[str, ...] = ("g",)

    def plan(self, requests):
        requests = tuple(requests)
        if requests:
            yield Job(self.name, requests)

    def fetch(self, job, client):
        for request in job.requests:
            good = loopback.make_stamp(request.ra, request.dec, request.size)
            if request.source == "good":
                yield Delivered(request, good)
                yield Delivered(request, b"the same again")
            elif request.source == "absent":
                yield Failure(request, "no_coverage", "nothing there")
            elif request.source == "stranger":
                other = StampRequest("ps1", "r", "x", 1, 2, 20)
                yield Delivered(other, good)
            elif request.source == "stop":
                raise FetchError(Outcome.TIMEOUT, "the rest is late")
            elif request.source == "mistake":
                raise KeyError("a programmer's")


def catalog(*names):
    n = len(names)
    return Table(
        {"source": names, "ra": [10.0 + i for i in range(n)], "dec": [5.0] * n}
    )


def outcomes(output):
    table = read_manifest(output)
    return dict(zip(table["source"], table["outcome"].filled("to do"), strict=True))


def test_every_request_of_a_job_has_an_outcome(tmp_path):
    names = catalog("good", "absent", "stranger", "stop", "later")
    fetch_stamps(names, tmp_path, recipes=[Awkward()])
    assert outcomes(tmp_path) == {
        "good": "ok",
        "absent": "no_coverage",
        "stranger": "timeout",
        "stop": "timeout",
        "later": "timeout",
    }


def test_a_mistake_in_a_recipe_is_told_and_ends_nothing(tmp_path):
    fetch_stamps(catalog("mistake", "good"), tmp_path, recipes=[Awkward()])
    table = read_manifest(tmp_path)
    assert set(table["outcome"]) == {"http_error"}
    assert "KeyError" in table["reason"][0]


def test_a_recipe_that_says_nothing(tmp_path):
    fetch_stamps(catalog("stranger"), tmp_path, recipes=[Awkward()])
    assert outcomes(tmp_path) == {"stranger": "http_error"}


def test_nothing_is_fetched_twice(tmp_path, server):
    server.faults["s1"] = loopback.Fault("404")
    sources = loopback.make_catalog(3)
    for _ in range(2):
        fetch_stamps(sources, tmp_path, recipes=[server.recipe()])
    assert set(server.asked.values()) == {1}
    assert len(server.asked) == 6
    (request,) = list_positions(sources)[:1]
    # Spelt otherwise, it is the same.
    same = Table({"NAME": ["s0"], "RAJ2000": [request[1]], "DEJ2000": [request[2]]})
    fetch_stamps(same, tmp_path, recipes=[server.recipe()])
    assert sum(server.asked.values()) == 6


def test_a_stamp_of_another_size_takes_the_place(tmp_path, server):
    sources = loopback.make_catalog(1)
    recipe = server.recipe(bands=("g",))
    fetch_stamps(sources, tmp_path, recipes=[recipe])
    fetch_stamps(sources, tmp_path, recipes=[recipe], size=0.5 * u.arcmin)
    (row,) = read_manifest(tmp_path)
    assert row["size"] == 30
    assert SurveyStamp.read(tmp_path / row["path"]).shape == (120, 120)


def test_another_archive_is_asked_for_what_one_did_not_have(tmp_path, server):
    server.faults["s0"] = loopback.Fault("404", 1)
    recipe = server.recipe(bands=("g",))
    sources = loopback.make_catalog(2)
    fetch_stamps(sources, tmp_path, recipes=[recipe])
    other = server.recipe(bands=("g",), name="other")
    fetch_stamps(sources, tmp_path, recipes=[other])
    table = read_manifest(tmp_path)
    assert list(table["archive"]) == ["other", "loopback"]
    assert set(table["outcome"]) == {"ok"}


def test_offline_asks_nobody(tmp_path, server):
    sources = loopback.make_catalog(2)
    summary = fetch_stamps(sources, tmp_path, recipes=[server.recipe()], offline=True)
    assert summary.n_pending == 4
    assert summary.troubled
    assert not server.asked
    local = fetch_stamps(catalog("good"), tmp_path, recipes=[Awkward()], offline=True)
    assert local.fetched == {Outcome.OK: 1}


def test_a_silent_archive_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("astro_vbinary.archives.working.GIVE_UP", 6)
    recipe = loopback.LoopbackRecipe(base_url="http://127.0.0.1:9")
    summary = fetch_stamps(
        loopback.make_catalog(30),
        tmp_path,
        recipes=[recipe],
        patience=loopback.Patience(tries=1),
    )
    assert summary.gave_up == ("loopback",)
    assert summary.n_pending > 40
    assert summary.n_failures >= 6


def test_a_run_is_stopped_by_ctrl_c_and_goes_on(tmp_path):
    n = 40
    with loopback.LoopbackServer(delay=0.05) as server:
        command = [sys.executable, "-m", loopback.__name__, server.url, tmp_path, n]
        process = subprocess.Popen(
            [str(part) for part in command], stderr=subprocess.PIPE, text=True
        )
        while not list(tmp_path.glob("*/*.fits")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert "FetchInterrupt" in told
        with Manifest(tmp_path / "manifest.sqlite") as manifest:
            assert manifest.claimants() == []
        assert "http_error" not in set(outcomes(tmp_path).values())
        summary = fetch_stamps(
            loopback.make_catalog(n), tmp_path, recipes=[server.recipe()]
        )
    assert summary.n_files == 2 * n
    assert list((tmp_path / ".fetch" / "temp").iterdir()) == []
    # What was on its way when it was stopped may have been sent in vain.
    assert sum(server.served.values()) <= 2 * n + 4


def test_hostile_names_stay_inside(tmp_path, server):
    from astro_vbinary.archives.tests.test_requests import HOSTILE

    names = [name for name in HOSTILE if "\0" not in name and "\ud800" not in name]
    output = tmp_path / "deep" / "output"
    fetch_stamps(catalog(*names), output, recipes=[server.recipe(bands=("g",))])
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["output"]
    assert {p.name for p in output.iterdir()} == {
        "Pan-STARRS",
        ".fetch",
        "manifest.sqlite",
    }
    assert len(list(output.glob("Pan-STARRS/*"))) == len(names)
    table = read_manifest(output, files_only=True)
    index = StampIndex.from_manifest(table, root=output)
    assert len(index) == len(names)
    assert not index.rejected


def test_coverage_maps_spare_requests(tmp_path, server):
    mocpy = pytest.importorskip("mocpy")

    @dataclass(frozen=True, kw_only=True)
    class Mapped(loopback.LoopbackRecipe):
        def coverage(self, band):
            return str(tmp_path / "map.fits") if band == "g" else None

    around = {"radius": 0.5 * u.deg, "max_depth": 8}
    moc = mocpy.MOC.from_cone(10 * u.deg, 5 * u.deg, **around)
    moc.save(tmp_path / "map.fits", format="fits")
    recipe = Mapped(base_url=server.url)
    fetch_stamps(catalog("inside", "outside"), tmp_path / "out", recipes=[recipe])
    assert set(server.asked) == {("inside", "g"), ("inside", "r"), ("outside", "r")}
    table = read_manifest(tmp_path / "out")
    (row,) = table[table["outcome"] == "no_coverage"]
    assert row["source"] == "outside"
    assert "map" in row["reason"]
    # A map that cannot be read is no reason not to ask.
    (tmp_path / "map.fits").write_bytes(b"broken")
    fetch_stamps(catalog("inside", "outside"), tmp_path / "two", recipes=[recipe])
    assert server.asked["outside", "g"] == 1


def test_what_would_be_asked(tmp_path, server):
    recipe = server.recipe(rate=2.0)
    sources = loopback.make_catalog(10)
    (plan,) = plan_fetch(sources, recipes=[recipe])
    assert (plan.n_stamps, plan.n_calls, plan.seconds) == (20, 20, 10.0)
    assert plan.n_bytes == 20 * (4 * 80 * 80 + 5760)
    assert not server.asked
    fetch_stamps(sources[:3], tmp_path, recipes=[server.recipe()])
    (plan,) = plan_fetch(sources, tmp_path, recipes=[recipe])
    assert plan.n_stamps == 14


@pytest.mark.parametrize("name", ["m.ecsv", "m.parquet", "m.csv"])
def test_the_manifest_is_a_table(tmp_path, server, name):
    server.faults["s1"] = loopback.Fault("nan")
    fetch_stamps(loopback.make_catalog(2), tmp_path, recipes=[server.recipe()])
    if name.endswith("parquet"):
        pytest.importorskip("pandas")
    write_manifest(tmp_path, tmp_path / name)
    table = Table.read(tmp_path / name)
    assert list(table["outcome"]) == ["ok", "ok", "blank", "blank"]
    assert len(table["sha256"][0]) == 64
    index = StampIndex.from_manifest(tmp_path / name)
    assert len(index) == 2


def test_an_empty_manifest_is_a_table_too(tmp_path):
    Manifest(tmp_path / "manifest.sqlite").close()
    assert len(read_manifest(tmp_path)) == 0
    with pytest.raises(FileNotFoundError, match="no manifest"):
        read_manifest(tmp_path / "else")


def test_claims_are_one_process_s_own(tmp_path):
    path = tmp_path / "m.sqlite"
    requests = [StampRequest("ps1", "g", str(n), n, 0, 20) for n in range(3)]
    with Manifest(path, token="a") as one, Manifest(path, token="b") as two:
        one.add(requests, "x")
        two.add(requests, "x")
        since = time.time()
        assert one.claim(requests[:2], since) == requests[:2]
        assert two.claim(requests, since) == requests[2:]
        assert list(one.pending("x", since, bands=["g"])) == []
        one.record(requests[0], Record(Outcome.OK))
        one.record(requests[1], Record(Outcome.TIMEOUT))
        # A failure is not tried again by a run that began before it.
        assert two.claim(requests, since) == []
        assert two.claim(requests, time.time() + 1) == requests[1:2]
        two.release()
        assert one.claimants() == []


def test_a_broken_manifest_is_told(tmp_path):
    (tmp_path / "manifest.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(RunFailedError, match=r"manifest\.sqlite"):
        fetch_stamps(catalog("good"), tmp_path, recipes=[Awkward()])


def test_sources_can_be_positions(tmp_path):
    positions = SkyCoord([10.5, 200.25], [-5.5, 45.0], unit="deg")
    assert name_of(positions[0]) == "J004200.00-053000.0"
    found = list_positions(positions.galactic)
    assert [name for name, _, _ in found] == [name_of(p) for p in positions]
    assert found[1][1] == pytest.approx(200.25)
    with pytest.raises(TypeError, match="table"):
        list_positions([1, 2])
    with pytest.raises(ValueError, match="two positions"):
        list_positions(Table({"id": ["a", "a"], "ra": [1, 2], "dec": [0, 0]}))
    with pytest.raises(ValueError, match="no source"):
        list_positions(catalog("a")[:0])
