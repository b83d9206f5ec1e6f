"""Who is let in: everybody else is refused, and says nothing of what there is."""

from html.parser import HTMLParser

import pytest

from astro_vbinary.vetting.guard import HEADERS, LARGEST_BODY
from astro_vbinary.vetting.tests.conftest import IMAGE, SCRIPT
from astro_vbinary.vetting.tests.helpers_page import OWN, PORT, TOKEN, post

PATHS = [
    "/",
    "/source/0",
    "/overview",
    "/agreement",
    "/labels.ecsv",
    "/stamp/0/0.png",
    "/peaks/0/0.png",
    "/static/vetting.js",
    "/no-such-page",
]


class Tags(HTMLParser):
    """Tags of a page and what they are given, as a browser would understand them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_served(make_client, path):
    answer = make_client(welcome=False).get(path)
    assert answer.status_code == 403
    assert "token" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\u00e9"])
def test_a_wrong_token_is_refused(make_client, token):
    client = make_client(welcome=False)
    assert client.get("/", params={"token": token}).status_code == 403
    name = f"astro_vbinary_{PORT}"
    cookie = f"{name}={token.encode('ascii', 'ignore').decode()}"
    assert client.get("/overview", headers={"Cookie": cookie}).status_code == 403


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(
    make_client,
):
    answer = make_client(welcome=False).get(f"/?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_the_token_counts_at_the_first_address_only(make_client):
    client = make_client(welcome=False)
    assert client.get(f"/overview?token={TOKEN}").status_code == 403
    assert (
        client.post(f"/?token={TOKEN}", headers=OWN, data={"a": 1}).status_code == 403
    )


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1.evil.example:{PORT}",
        f"127.0.0.1:{PORT}@evil.example",
        f"192.0.2.1:{PORT}",
        "",
    ],
)
def test_a_wrong_host_is_refused(client, host):
    # What a site does that gives its name this machine's address (DNS rebinding).
    answer = client.get("/source/0", headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_names_of_this_machine_are_served(client, host):
    cookie = {"Cookie": f"astro_vbinary_{PORT}={TOKEN}"}
    answer = client.get("/source/0", headers={"Host": host, **cookie})
    assert answer.status_code == 200


def test_any_address_lets_numbers_in_and_no_names(make_client):
    client = make_client(any_address=True)
    cookie = {"Cookie": f"astro_vbinary_{PORT}={TOKEN}"}
    for host in (f"192.0.2.1:{PORT}", f"[2001:db8::1]:{PORT}"):
        headers = {"Host": host, **cookie}
        assert client.get("/source/0", headers=headers).status_code == 200
    headers = {"Host": f"evil.example:{PORT}", **cookie}
    assert client.get("/source/0", headers=headers).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"http://localhost:{PORT}"},
        {"Origin": OWN["Origin"], "Sec-Fetch-Site": "cross-site"},
        {"Origin": OWN["Origin"], "Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_another_site_cannot_label_even_with_the_cookie(client, store, headers):
    answer = client.post("/source/0/label", data={"label": "binary"}, headers=headers)
    assert answer.status_code == 403
    assert store.labels() == []


def test_another_site_cannot_even_load_an_image(client):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/stamp/0/0.png", headers=headers).status_code == 403


def test_two_hosts_are_refused(client):
    hosts = [("Host", f"127.0.0.1:{PORT}"), ("Host", "evil.example")]
    assert client.get("/", headers=hosts).status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_change_that_is_no_form_is_refused(client, store, kind):
    answer = client.post(
        "/source/0/label", content="label=binary", headers={**OWN, "Content-Type": kind}
    )
    assert answer.status_code == 415
    assert store.labels() == []


def test_a_long_body_is_refused_whether_it_says_so_or_not(client, store):
    note = "n" * LARGEST_BODY
    assert post(client, "/source/0/label", label="binary", note=note).status_code == 413
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    def pieces():
        yield from [b"label=binary&note=", *[b"n" * 1000] * (LARGEST_BODY // 1000 + 1)]

    answer = client.post("/source/0/label", content=pieces(), headers={**OWN, **kind})
    assert answer.status_code == 413
    assert store.labels() == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2fetc%2fpasswd",
        "/static/base.html",
        "/static/",
        "/stamp/0/..%2f..%2fapp.py",
        "/stamp/0/%2fetc%2fpasswd.png",
        "/stamp/-1/0.png",
        "/stamp/0/99.png",
        "/stamp/999999999999999999999/0.png",
        "/peaks/0/99.png",
        "/source/99",
        "/labels.sqlite",
        "/../../etc/passwd",
    ],
)
def test_no_address_leads_out_of_the_project(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "import" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers(client, path):
    answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    kept = answer.headers["cache-control"]
    assert kept == ("private, max-age=3600" if path.endswith("png") else "no-store")


def test_the_policy_of_the_page_allows_no_script_but_its_own():
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy


@pytest.mark.parametrize("name", [SCRIPT, IMAGE])
def test_a_script_in_a_name_is_shown_and_not_run(client, project, store, name):
    number = project.find(name)
    done = post(
        client, f"/source/{number}/label", label="unsure", note=name, annotator=name
    )
    assert done.status_code == 303
    pages = (
        f"/source/{number}?priors=shown&survey={name}",
        "/overview",
        "/agreement",
        f"/source/{number}?order={name}&status={name}",
    )
    for path in pages:
        text = client.get(path).text
        assert name not in text
        tags = Tags()
        tags.feed(text)
        # The only script is the page's own.
        assert [given for tag, given in tags.found if tag == "script"] == [
            {"src": "/static/vetting.js", "defer": None}
        ]
        names = {name for _, given in tags.found for name in given}
        assert not [name for name in names if name.startswith("on")]
        assert "style" not in names
    escaped = name.replace("<", "&lt;").replace(">", "&gt;")
    assert f"<h1>{escaped}</h1>" in client.get(pages[0]).text
