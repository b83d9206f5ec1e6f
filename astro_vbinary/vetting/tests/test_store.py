import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from astro_vbinary.exceptions import LabelStoreError
from astro_vbinary.vetting import Annotation, LabelStore
from astro_vbinary.vetting.store import APPLICATION_ID, SKIPPED, VERSION

KILLED = """
import itertools, sys
from astro_vbinary.vetting import Annotation, LabelStore

store = LabelStore(sys.argv[1]).open()
for number in itertools.count():
    store.add(Annotation(f"s{number}", label="binary", annotator="ada", note="kept"))
    print(number, flush=True)
"""


def label(source, said="binary", annotator="ada", **more):
    return Annotation(source, label=said, annotator=annotator, **more)


def test_what_was_said_comes_back(store):
    given = label(
        "22466", survey="HST", note="n", images=("a,b.fits", "c.fits"), ra=1.5
    )
    store.add(given)
    (found,) = store.labels()
    assert found.images == given.images
    assert found.time
    assert (found.source, found.survey, found.ra) == ("22466", "HST", 1.5)
    assert found.dec != found.dec


def test_labels_survive_a_kill(tmp_path):
    path = tmp_path / "labels.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) >= 20:
                break
        os.kill(process.pid, signal.SIGKILL)
        reported = int(line) + sum(1 for _ in process.stdout)
    assert process.returncode == -signal.SIGKILL
    with LabelStore(path) as store:
        found = [v.source for v in store.labels()]
        # All that were reported, and perhaps one that was about to be.
        assert found[: reported + 1] == [f"s{n}" for n in range(reported + 1)]
        assert len(found) <= reported + 2
        store.add(label("after"))
        assert store.labels()[-1].source == "after"


def test_the_newest_label_counts_and_undo_brings_back_the_one_before(store):
    store.add(label("a", "binary"))
    store.add(label("a", "unsure"))
    assert [v.label for v in store.labels()] == ["unsure"]
    assert store.undo(annotator="ada") == ("a", 1)
    assert [v.label for v in store.labels()] == ["binary"]
    assert store.undo(annotator="ada") == ("a", 1)
    assert store.undo(annotator="ada") is None


def test_nothing_is_ever_removed(store):
    store.add(label("a"))
    store.undo(annotator="ada")
    with sqlite3.connect(store.path) as connection:
        rows = connection.execute("SELECT source, undone FROM views").fetchall()
    connection.close()
    assert rows[0][0] == "a"
    assert rows[0][1]


def test_a_skip_is_no_label_and_takes_none_away(store):
    store.skip("a", annotator="ada")
    assert store.labels() == []
    assert store.seen("ada") == {("a", 1): SKIPPED}
    store.add(label("a"))
    store.skip("a", annotator="ada")
    assert store.seen("ada") == {("a", 1): "binary"}
    assert len(store.labels()) == 1


def test_annotators_sources_and_looks_are_kept_apart(store):
    store.add(label("a", annotator="bob"))
    store.add(label("a", "unsure"))
    store.add(label("a", "bad_image", look=2))
    store.add(label("b", survey="HST"))
    assert store.annotators() == ["ada", "bob"]
    assert [v.label for v in store.labels(source="a")] == ["binary", "unsure"]
    assert [v.label for v in store.labels(annotator="ada")] == ["unsure", "binary"]
    assert len(store.labels(looks=True)) == 4


def test_labels_are_imported_once_and_not_undone(store):
    given = [label("a", time="2026-01-01T00:00:00Z", note="two\nlines"), label("b")]
    given[1] = label("b", time="2026-01-02T00:00:00Z")
    assert store.import_labels(given) == 2
    assert store.import_labels(given) == 0
    assert store.undo(annotator="ada") is None
    assert len(store.labels()) == 2


def test_many_threads_lose_nothing(store):
    def work(name):
        for number in range(20):
            store.add(label(f"{number}", annotator=name))

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.labels()) == 80


def test_two_processes_can_share_a_file(store):
    with LabelStore(store.path) as other:
        other.add(label("a", annotator="bob"))
        store.add(label("a"))
        assert len(other.labels()) == len(store.labels()) == 2


def test_other_files_are_left_alone(tmp_path):
    text = tmp_path / "labels.ecsv"
    text.write_text("# no data base, but long enough to be one" * 100)
    before = text.read_bytes()
    with pytest.raises(LabelStoreError, match="no file of labels"):
        LabelStore(text).open()
    assert text.read_bytes() == before
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE views (id)")
    connection.close()
    with pytest.raises(LabelStoreError, match="another program"):
        LabelStore(other).open()
    with pytest.raises(LabelStoreError, match="cannot open"):
        LabelStore(tmp_path / "no" / "folder.sqlite").open()


def test_a_later_version_is_refused(tmp_path):
    path = tmp_path / "labels.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(LabelStoreError, match=f"version {VERSION + 1}"):
        LabelStore(path).open()


def test_a_store_that_is_not_open_says_so(tmp_path):
    store = LabelStore(tmp_path / "labels.sqlite")
    with pytest.raises(LabelStoreError, match="not open"):
        store.labels()
    assert not store.path.exists()
