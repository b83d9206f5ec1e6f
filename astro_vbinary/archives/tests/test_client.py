"""The client against a server of this machine: what is asked, and how often."""

import gzip
import threading
import time
from email.utils import formatdate

import pytest
import requests

from astro_vbinary.archives import Client, HostLimits, Outcome, Patience
from astro_vbinary.archives.receiving import CONTACT_VARIABLE, user_agent
from astro_vbinary.archives.retrying import parse_retry_after
from astro_vbinary.archives.tests import helpers_loopback as loopback
from astro_vbinary.exceptions import FetchError

LIMITS = HostLimits(4, 1e6, 3.0, 2**20)


@pytest.fixture
def server():
    with loopback.LoopbackServer() as server:
        yield server


@pytest.fixture
def client(tmp_path):
    with Client(tmp_path, limits=LIMITS, patience=loopback.FAST) as client:
        yield client


def address(server, source="s", kind=None, times=None):
    if kind:
        server.faults[source] = loopback.Fault(kind, times)
    return f"{server.url}/cutout?id={source}&ra=10&dec=20&size=20&band=g"


def test_an_answer_comes_whole(client, server):
    answer = client.get_fits(address(server))
    assert answer.status == 200
    assert answer.content == loopback.make_stamp(10, 20, 20)
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.text.startswith("SIMPLE")


def test_gzip_is_undone(client, server):
    answer = client.get_fits(address(server, kind="gzip"))
    assert answer.content == loopback.make_stamp(10, 20, 20)


def test_who_asks_is_told(tmp_path, server, monkeypatch):
    monkeypatch.setenv(CONTACT_VARIABLE, "me@example.org")
    with Client(tmp_path) as client:
        client.get(address(server))
    with Client(tmp_path, contact="https://example.org/us") as client:
        client.get(address(server))
    first, second = server.agents
    assert first.startswith("astro_vbinary/")
    assert first.endswith("(me@example.org)")
    assert second.endswith("(https://example.org/us)")
    for contact in ("a\r\nX-Evil: 1", "é", "a" * 300):
        with pytest.raises(ValueError, match="contact"):
            user_agent(contact)


@pytest.mark.parametrize("kind", ["429", "503"])
def test_a_server_that_asks_to_wait_is_waited_for(client, server, kind):
    url = address(server, kind=kind, times=1)
    began = time.monotonic()
    client.get(url)
    # One second as a number; as a date up to half a one, which counts whole seconds.
    if kind == "429":
        assert time.monotonic() - began >= 1.0
    assert server.asked["s", "g"] == 2


def test_nobody_asks_while_a_server_wants_to_be_left_alone(client, server):
    url = address(server, "busy", kind="429", times=1)
    thread = threading.Thread(target=client.get, args=[url])
    thread.start()
    while not server.asked["busy", "g"]:
        time.sleep(0.001)
    time.sleep(0.2)
    client.get(address(server, "other"))
    thread.join()
    starts = sorted(server.starts)
    assert starts[1] - starts[0] > 0.9


def test_waits_that_are_asked_for():
    assert parse_retry_after("7") == 7
    assert parse_retry_after(" 0 ") == 0
    later = formatdate(time.time() + 30, usegmt=True)
    assert 27 < parse_retry_after(later) <= 30
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    for text in (None, "", "soon", "-5", "1e9", "9" * 40, "٣"):
        assert parse_retry_after(text) is None
    assert Patience().asked(1e6) == 300
    assert Patience(longest_asked_s=5).asked(1e6) == 5


def test_what_will_not_change_is_not_tried_again(client, server):
    with pytest.raises(FetchError, match="status 400") as caught:
        client.get(address(server, kind="400"))
    assert (caught.value.outcome, caught.value.status) == (Outcome.HTTP_ERROR, 400)
    assert server.asked["s", "g"] == 1
    with pytest.raises(FetchError) as caught:
        client.get(address(server, "t", kind="404"), no_coverage_on=(404,))
    assert caught.value.outcome == Outcome.NO_COVERAGE
    assert server.asked["t", "g"] == 1


@pytest.mark.parametrize("kind", loopback.TRANSIENT)
def test_what_may_pass_is_tried_again(client, server, kind):
    answer = client.get_fits(address(server, kind=kind, times=1), timeout_s=1.5)
    assert answer.content == loopback.make_stamp(10, 20, 20)
    assert server.asked["s", "g"] == 2


@pytest.mark.parametrize("kind", ["drip", "header drip", "hang"])
def test_the_whole_answer_has_one_deadline(tmp_path, server, kind):
    patience = Patience(tries=1)
    with Client(tmp_path, limits=LIMITS, patience=patience) as client:
        began = time.monotonic()
        with pytest.raises(FetchError) as caught:
            client.get(address(server, kind=kind), timeout_s=0.5)
        assert caught.value.outcome == Outcome.TIMEOUT
        # The server would go on for half a minute at least.
        assert time.monotonic() - began < 10


def test_redirects_are_followed_and_end(client, server):
    assert client.get(address(server, kind="redirect")).url.startswith(
        f"{server.url}/good"
    )
    with pytest.raises(FetchError, match="redirects"):
        client.get(address(server, "t", kind="redirect loop"))


@pytest.mark.parametrize("kind", ["bomb", "bomb unsaid"])
def test_a_bomb_is_stopped(client, server, kind):
    with pytest.raises(FetchError, match="1048576"):
        client.get(address(server, kind=kind))
    assert server.asked["s", "g"] == 1
    assert server.poured < 2**27


def test_a_gzip_bomb_is_stopped():
    from astro_vbinary.archives.content import plain_fits

    with pytest.raises(FetchError, match="more than 1000000 bytes"):
        plain_fits(gzip.compress(bytes(10**7)), max_bytes=10**6)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "nothing", ""])
def test_only_the_web_is_asked(client, url):
    with pytest.raises(FetchError, match="web address"):
        client.get(url)


def test_a_server_that_is_not_there(client):
    with pytest.raises(FetchError) as caught:
        client.get("http://127.0.0.1:9/")
    assert caught.value.outcome == Outcome.HTTP_ERROR


def test_the_environment_does_not_send_loopback_elsewhere(
    tmp_path, server, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Client(tmp_path, limits=LIMITS) as client:
        assert client.get(address(server)).status == 200


def test_a_file_is_fetched_once(client, server):
    url = address(server)
    threads = [
        threading.Thread(target=client.cached_file, args=[url], kwargs={"fits": True})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = client.cached_file(url)
    assert path.read_bytes() == loopback.make_stamp(10, 20, 20)
    assert server.asked["s", "g"] == 1
    client.clear_cache()
    assert not path.exists()


def test_half_a_file_is_no_file(client, server, tmp_path):
    with pytest.raises(FetchError) as caught:
        client.stream_to_file(
            address(server, kind="truncated unsaid"), tmp_path / "tile", fits=True
        )
    assert caught.value.outcome == Outcome.TRUNCATED
    assert not (tmp_path / "tile").exists()
    assert list((client.folder / "temp").iterdir()) == []


def test_a_range_from_a_server_that_knows_none(client, server):
    content, length = client.get_range(address(server), 80, 160)
    whole = loopback.make_stamp(10, 20, 20)
    assert (content, length) == (whole[80:160], len(whole))


class TestCall:
    """Libraries that do their own network."""

    def test_gives_what_the_library_gives(self, client, server):
        answer = client.call(requests.get, address(server), host=server.url, timeout=5)
        assert answer.content == loopback.make_stamp(10, 20, 20)

    def test_holds_a_place(self, tmp_path, server):
        server.delay = 0.02
        limits = HostLimits(2, 1e6, 10.0, 2**20)
        with Client(tmp_path, limits=limits) as client:
            threads = [
                threading.Thread(
                    target=client.call,
                    args=[requests.get, address(server, f"s{n}")],
                    kwargs={"host": server.url, "timeout": 5},
                )
                for n in range(12)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sum(server.asked.values()) == 12
        assert server.most_active <= 2

    @pytest.mark.parametrize(
        ("kind", "outcome", "tries"),
        [
            ("503", Outcome.HTTP_ERROR, 4),
            ("400", Outcome.HTTP_ERROR, 1),
            ("reset", Outcome.HTTP_ERROR, 4),
            ("hang", Outcome.TIMEOUT, 2),
        ],
    )
    def test_its_exceptions_are_outcomes(self, client, server, kind, outcome, tries):
        def ask():
            answer = requests.get(address(server, kind=kind), timeout=0.4)
            answer.raise_for_status()

        with pytest.raises(FetchError) as caught:
            client.call(ask, host=server.url)
        assert caught.value.outcome == outcome
        assert server.asked["s", "g"] == tries

    def test_what_astroquery_makes_of_trouble(self, client, server):
        # Measured with astroquery 0.4.11: an HTML page, and half a file.
        for error, outcome in (
            (AttributeError("'str' has no attribute 'header'"), Outcome.NOT_FITS),
            (TypeError("buffer is too small for requested array"), Outcome.TRUNCATED),
        ):

            def fail(error=error):
                raise error

            with pytest.raises(FetchError) as caught:
                client.call(fail, host=server.url)
            assert caught.value.outcome == outcome

    def test_a_mistake_in_a_program_stays_one(self, client, server):
        with pytest.raises(ZeroDivisionError):
            client.call(lambda: 1 / 0, host=server.url)

    def test_one_that_never_ends_is_left(self, tmp_path, server):
        limits = HostLimits(1, 1e6, 0.2, 2**20)
        over = threading.Event()
        with Client(tmp_path, limits=limits, patience=Patience(tries=1)) as client:
            with pytest.raises(FetchError) as caught:
                client.call(over.wait, host=server.url)
            assert caught.value.outcome == Outcome.TIMEOUT
            over.set()


def test_stopping_ends_all_waiting(tmp_path, server):
    stop = threading.Event()
    with Client(tmp_path, limits=HostLimits(1, 0.001), stop=stop) as client:
        client.get(address(server))
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(FetchError, match="stopped"):
            client.get(address(server))


def test_places_of_the_dead_are_free(tmp_path, server):
    limits = HostLimits(1, 1e6, 5.0)
    with Client(tmp_path, limits=limits) as client:
        host = server.url.removeprefix("http://")
        client._gate._db.execute(
            "INSERT INTO places (host, token) VALUES (?, ?)", (host, "1-dead")
        )
        assert client.get(address(server)).status == 200


def test_a_password_is_for_one_server_only(client):
    import http.server

    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            seen.append((self.server.server_port, self.headers.get("Authorization")))
            here, there = sorted(server.server_port for server in servers)
            on = {"/a": f"http://127.0.0.1:{here}/b"}
            on["/b"] = f"http://127.0.0.1:{there}/c"
            location = on.get(self.path)
            self.send_response(302 if location else 200)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    servers = [
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)
    ]
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    first = min(server.server_port for server in servers)
    answer = client.get(f"http://127.0.0.1:{first}/a", auth=("me", "secret"))
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()
    assert answer.status == 200
    assert [bool(told) for _, told in seen] == [True, True, False]
