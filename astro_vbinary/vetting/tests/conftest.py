import numpy as np
import pytest
from astropy.table import Table
from starlette.testclient import TestClient

from astro_vbinary.stamps import StampIndex
from astro_vbinary.vetting import LabelStore, VettingProject, create_app
from astro_vbinary.vetting.tests.helpers_page import PORT, TOKEN, write_stamp

#: Sources of the folder, and what the results say of them in SDSS9 and HST.
VERDICTS = {
    "a": (0.9, 0.8),
    "b": (0.5, 0.5),
    "c": (0.1, 0.9),
    "d": (0.02, 0.04),
}

SCRIPT = "<script>alert(1)</script>"
IMAGE = "z<img src=x onerror=alert(2)>"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Stamps of four sources in two surveys, a damaged one, and an evil name."""
    folder = tmp_path_factory.mktemp("stamps")
    for name in VERDICTS:
        write_stamp(folder, name, "SDSS9", "g", 0.4)
        write_stamp(folder, name, "SDSS9", "r", 0.4)
        write_stamp(folder, name, "HST", "F814W", 0.1)
    write_stamp(folder, IMAGE, "SDSS9", "g", 0.4)
    (folder / "a_z_SDSS9.fits").write_bytes(b"SIMPLE  = no FITS file")
    return folder


@pytest.fixture(scope="session")
def results():
    rows = [
        (name, survey, probability, "ok", "", 3)
        for name, pair in VERDICTS.items()
        for survey, probability in zip(("SDSS9", "HST"), pair, strict=True)
    ]
    rows.append((SCRIPT, "JWST", np.nan, "no_stamp", f"none of {SCRIPT}", 4))
    names = ("source", "survey", "probability", "status", "reason", "group")
    return Table(rows=rows, names=names)


@pytest.fixture(scope="session")
def project(folder, results):
    return VettingProject(StampIndex.from_paths(folder), results=results)


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "labels.sqlite") as store:
        yield store


@pytest.fixture
def make_client(project, store):
    """Make a client of the page; it knows the token unless it should not."""

    def make(*, welcome=True, **options):
        app = create_app(project, store, token=TOKEN, port=PORT, **options)
        client = TestClient(
            app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False
        )
        if welcome:
            assert client.get(f"/?token={TOKEN}").status_code == 303
        return client

    return make


@pytest.fixture
def client(make_client):
    return make_client(annotator="ada")
