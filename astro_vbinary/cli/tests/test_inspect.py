"""``inspect`` and ``labels``: what they refuse, and labels out and in again."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from astropy.table import Table

from astro_vbinary.classification.result import FORMATS
from astro_vbinary.cli import exits
from astro_vbinary.vetting import Annotation, LabelStore, read_annotations
from astro_vbinary.vetting.results import looks_like_results, read_results


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "team.sqlite"
    with LabelStore(path) as store:
        for source in "123":
            store.add(Annotation(source, label="binary", annotator="ada"))
        store.add(Annotation("1", label="binary", annotator="bob"))
        store.add(Annotation("2", label="not_binary", annotator="bob"))
        store.add(Annotation("1", label="unsure", annotator="ada", look=2))
    return path


def test_export_writes_what_training_reads(run, labels, tmp_path):
    output = tmp_path / "labels.ecsv"
    done = run("labels", "export", labels, "-o", output)
    assert done.exit_code == exits.DONE, done.output
    assert "5 labels" in done.output
    assert len(Table.read(output)) == 5
    again = run("labels", "export", labels, "-o", output)
    assert again.exit_code == exits.FAILED
    assert "--overwrite" in again.output
    some = ("--annotator", "ada", "--repeats", "--overwrite")
    assert run("labels", "export", labels, "-o", output, *some).exit_code == exits.DONE
    assert len(read_annotations(output)) == 4


def test_import_takes_tables_and_folders_and_nothing_twice(run, labels, tmp_path):
    table = tmp_path / "labels.csv"
    run("labels", "export", labels, "-o", table)
    other = tmp_path / "other.sqlite"
    assert "5 of them new" in run("labels", "import", other, table).output
    assert "0 of them new" in run("labels", "import", other, table).output
    (tmp_path / "sorted" / "binary").mkdir(parents=True)
    (tmp_path / "sorted" / "binary" / "9_g_SDSS9.fits").touch()
    assert "1 of them new" in run("labels", "import", other, tmp_path / "sorted").output
    with LabelStore(other) as store:
        assert store.labels()[-1].annotator == "sorted"
        assert len(store.labels()) == 6


def test_agreement_is_shown_and_written(run, labels, tmp_path):
    output = tmp_path / "kappa.csv"
    done = run("labels", "agreement", labels, "-o", output)
    assert done.exit_code == exits.DONE, done.output
    assert "ada & bob" in done.output
    assert list(Table.read(output)["n"]) == [2, 1]


def test_consensus_is_a_table_of_labels(run, labels, tmp_path):
    output = tmp_path / "agreed.ecsv"
    done = run("labels", "consensus", labels, "-o", output, "--least", "2")
    assert done.exit_code == exits.DONE, done.output
    found = {v.source: v.label for v in read_annotations(output)}
    assert found == {"1": "binary", "2": "unsure"}


def test_what_is_no_file_of_labels_is_refused(run, tmp_path):
    path = tmp_path / "labels.sqlite"
    path.write_bytes(b"something else " * 1000)
    done = run("labels", "export", path, "-o", tmp_path / "out.ecsv")
    assert done.exit_code == exits.FAILED
    assert "no file of labels" in done.output
    done = run("labels", "export", path, "-o", tmp_path / "out.txt")
    assert done.exit_code == exits.FAILED
    assert ".ecsv" in done.output


def test_inspect_needs_stamps_and_one_table(run, tmp_path, stamps):
    table = tmp_path / "verdicts.ecsv"
    Table({"source": ["1"], "survey": ["HST"], "probability": [0.5]}).write(table)
    done = run("inspect", table)
    assert done.exit_code == exits.USAGE
    assert "give the stamps as well" in done.output
    done = run("inspect", stamps, table, "--results", table)
    assert done.exit_code == exits.USAGE
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    done = run("inspect", stamps, wrong)
    assert done.exit_code == exits.FAILED
    assert "no source, survey, probability" in done.output
    (tmp_path / "empty").mkdir()
    assert run("inspect", tmp_path / "empty").exit_code == exits.FAILED


def test_inspect_without_its_extra_says_how_to_get_it(run, stamps, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = run("inspect", stamps)
    assert done.exit_code == exits.FAILED
    assert "pip install 'astro-vbinary[inspect]'" in done.output


@pytest.mark.parametrize("ending", [".fits", ".csv", ".vot", ".parquet"])
def test_tables_of_results_are_told_from_stamps(tmp_path, stamps, ending):
    path = tmp_path / f"verdicts{ending}"
    table = Table({"source": ["1"], "survey": ["HST"], "probability": [0.5]})
    table.write(path, format=FORMATS[ending])
    assert looks_like_results(path)
    assert read_results(path)["probability"][0] == 0.5
    assert not looks_like_results(next(stamps.glob("*.fits")))
    assert not looks_like_results(stamps)


def served(tmp_path, stamps, *options):
    """A process that serves the page, and what it says until the page is up."""
    options = ["--no-browser", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "astro_vbinary.cli", "inspect", str(stamps), *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Stop with"):
            break
    return process, said


def test_inspect_serves_this_machine_and_ends_in_peace(tmp_path, stamps):
    process, said = served(tmp_path, stamps)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", said)[0]
        place = address.partition("?")[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert b"labelled" in opener.open(address, timeout=60).read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(place, timeout=60)
        # Clients tidy an address; a site's own need not.
        number = int(place.split(":")[2].strip("/"))
        with socket.create_connection(("127.0.0.1", number), timeout=60) as raw:
            raw.sendall(
                b"GET /static/../app.py HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                b"Cookie: astro_vbinary_%d=%s\r\nConnection: close\r\n\r\n"
                % (number, number, address.partition("token=")[2].encode())
            )
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 404")
    finally:
        os.kill(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == exits.DONE
    assert f"0 labels in {stamps.name}-labels.sqlite" in rest
    assert "Traceback" not in rest
    assert "Warning" not in said


def test_inspect_warns_where_others_can_reach_it(tmp_path, stamps):
    process, said = served(tmp_path, stamps, "--host", "0.0.0.0")
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert "Warning: at 0.0.0.0 everybody" in said


def test_inspect_says_when_a_port_is_taken(run, stamps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("inspect", stamps, "--no-browser", "--port", port)
    assert done.exit_code == exits.FAILED
    assert f"cannot listen at 127.0.0.1 port {port}" in done.output
