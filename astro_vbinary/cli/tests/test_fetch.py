"""``fetch``, and ``run --fetch``: from a catalogue to verdicts."""

import importlib.util
import os
import signal
import subprocess
import sys
import time

import pytest
from astropy.table import Table

from astro_vbinary.archives import read_manifest, register_recipe, registry
from astro_vbinary.archives.tests import helpers_loopback as loopback

CATALOG = "source,ra,dec\na,10.5,20.5\nb,11.5,-20.5\nc,12.5,0\n"


@pytest.fixture
def server(monkeypatch):
    """A server, and its recipe among the known ones."""
    monkeypatch.setattr(registry, "_known", None)
    with loopback.LoopbackServer() as server:
        register_recipe(server.recipe())
        yield server


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "sources.csv"
    path.write_text(CATALOG)
    return path


def test_help_teaches(run):
    done = run("fetch", "--help")
    assert done.exit_code == 0
    assert "astro-vbinary fetch sources.vot" in done.output
    assert "fetch" in run("--help").output


def test_a_dry_run_asks_nothing(run, server, catalog, tmp_path):
    output = tmp_path / "out"
    done = run(
        *("fetch", catalog, "--surveys", "loopback", "--bands", "g", "-o", output),
        "--dry-run",
    )
    assert done.exit_code == 0, done.output
    assert "3 stamps, 0.1 MB" in done.output
    assert not server.asked
    assert not output.exists()


def test_a_catalogue_is_fetched(run, server, catalog, tmp_path):
    server.faults = {"b": loopback.Fault("nan"), "c": loopback.Fault("400", 1)}
    output = tmp_path / "out"
    command = ("fetch", catalog, "--surveys", "loopback", "-o", output, "-q")
    done = run(*command)
    assert done.exit_code == 3, done.output  # c failed for now
    assert done.stdout == ""
    done = run(*command)
    assert done.exit_code == 0, done.output
    assert server.asked["a", "g"] == server.asked["b", "g"] == 1
    table = tmp_path / "manifest.ecsv"
    done = run("fetch", "-o", output, "--status", "--export", table)
    assert done.exit_code == 0
    assert done.output.splitlines()[0].split() == [
        *("survey", "band", "origin", "ok", "blank"),
    ]
    assert done.output.splitlines()[1].split() == [
        "Pan-STARRS",
        "g",
        "native",
        "2",
        "1",
    ]
    assert len(Table.read(table)) == 6


def test_what_is_shown(run, server, catalog, tmp_path):
    server.faults = {"c": loopback.Fault("400")}
    done = run(
        *("fetch", "10 20", "11.5,21.5", "--surveys", "ps1", "--bands", "g"),
        *("--base-url", "nowhere=http://127.0.0.1:9", "-o", tmp_path),
    )
    assert done.exit_code == 1
    assert "unknown archive 'nowhere'" in done.output
    done = run("fetch", catalog, "--surveys", "loopback", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "2 requests failed; run the same command again" in done.output
    assert "6 requests in" in done.output


def test_another_server_can_be_named(run, server, catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_known", None)
    register_recipe(loopback.LoopbackRecipe(base_url="http://127.0.0.1:9"))
    done = run(
        *("fetch", "10 20", "--surveys", "loopback", "-o", tmp_path / "out"),
        *("--base-url", f"loopback={server.url}", "--contact", "me@example.org"),
    )
    assert done.exit_code == 0, done.output
    (agent,) = server.agents
    assert "me@example.org" in agent


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "CATALOG or --status"),
        (["nosuch.csv"], 1, "no file nosuch.csv"),
        (["1 2", "--surveys", "nosuch"], 1, "unknown survey"),
        (["1 2", "--surveys", "loopback", "--bands", "W9"], 1, "band 'W9'"),
        (["1 2", "--size", "0"], 2, "--size"),
        (["1 2", "--origin", "sky"], 2, "known: auto"),
        (["1 2", "--base-url", "x"], 2, "NAME=PLACE"),
        (["M 42", "--offline"], 1, "offline"),
        (["--status"], 1, "no manifest"),
        (["1 2", "--surveys", "loopback", "--contact", "é"], 1, "contact"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, server, tmp_path, arguments, code, said):
    done = run("fetch", *arguments, "-o", tmp_path / "out")
    assert done.exit_code == code, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_from_a_catalogue_to_verdicts(run, bundled, server, catalog, tmp_path):
    server.faults = {"b": loopback.Fault("404")}
    output, stamps = tmp_path / "verdicts.ecsv", tmp_path / "stamps"
    command = ("run", catalog, "--fetch", stamps, "--surveys", "loopback")
    command += ("-o", output, "--workers", "0", "--device", "cpu")
    done = run(*command)
    assert done.exit_code == 0, done.output
    table = Table.read(output)
    found = dict(zip(table["source"], table["status"], strict=True))
    assert found == {"a": "ok", "b": "no_stamp", "c": "ok"}
    assert len(read_manifest(stamps, files_only=True)) == 4
    # Nothing is asked twice.
    assert run(*command, "--overwrite").exit_code == 0
    assert set(server.asked.values()) == {1}


def test_failures_show_in_the_exit_code_of_run(run, bundled, server, catalog, tmp_path):
    server.faults = {"b": loopback.Fault("400")}
    done = run(
        *("run", catalog, "--fetch", tmp_path / "stamps", "--surveys", "loopback"),
        *("-o", tmp_path / "o.ecsv", "--workers", "0", "--device", "cpu", "-q"),
    )
    assert done.exit_code == 3, done.output
    assert "2 stamps could not be fetched" in done.output


def test_run_fetches_or_reads(run, catalog, tmp_path):
    done = run(
        *("run", catalog, "--fetch", tmp_path / "a", "--stamps", tmp_path),
        *("-o", tmp_path / "o.ecsv"),
    )
    assert done.exit_code == 2
    assert "--fetch" in done.output


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_with_130(tmp_path):
    spec = importlib.util.find_spec("astro_vbinary.archives.tests.helpers_loopback")
    assert spec is not None
    script = (
        "import sys\n"
        "from astro_vbinary.archives import register_recipe\n"
        "from astro_vbinary.archives.tests.helpers_loopback import LoopbackRecipe\n"
        "from astro_vbinary.cli import main\n"
        "register_recipe(LoopbackRecipe(base_url=sys.argv.pop(1)))\n"
        "main()\n"
    )
    catalog = tmp_path / "sources.ecsv"
    loopback.make_catalog(60).write(catalog)
    output = tmp_path / "out"
    with loopback.LoopbackServer(delay=0.05) as server:
        command = [sys.executable, "-c", script, server.url, "fetch", catalog]
        command += ["--surveys", "loopback", "-o", output]
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while not list(output.glob("*/*.fits")):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "run the same command again" in told
    assert "Traceback" not in told
