"""Many cutouts in one answer, and parts of large files: HSCLA, HST, JWST."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives import get_recipe
from astro_vbinary.archives.tests.cases import ELSEWHERE, run
from astro_vbinary.archives.tests.servers.hscla import PASSWORD, USER, HsclaServer
from astro_vbinary.archives.tests.servers.mast import HapcutServer, JwstServer
from astro_vbinary.archives.tests.servers.sky import CENTRE, Sky


def account(server):
    return {"account": (USER, PASSWORD)}


def test_hscla_rows_without_data_are_absences(tmp_path):
    with HsclaServer(Sky(0.6)) as server:
        found = run(
            *(tmp_path, server, "hscla", CENTRE, ELSEWHERE, CENTRE),
            bands=["r", "i"],
            **account(server),
        )
        assert [len(rows) for rows in server.posts] == [6]
    outcomes = {key: outcome for key, (outcome, _) in found.items()}
    assert outcomes == {
        **dict.fromkeys([("S1", "r"), ("S1", "i"), ("S3", "r"), ("S3", "i")], "ok"),
        **dict.fromkeys([("S2", "r"), ("S2", "i")], "no_coverage"),
    }


def test_hscla_splits_what_is_too_much_for_one_post(tmp_path):
    with HsclaServer(Sky(0.6)) as server:
        found = run(
            *(tmp_path, server, "hscla", CENTRE, CENTRE, CENTRE),
            bands=["g", "r", "i"],
            batch=4,
            **account(server),
        )
        assert sorted(len(rows) for rows in server.posts) == [1, 4, 4]
    assert {outcome for outcome, _ in found.values()} == {"ok"}
    with pytest.raises(ValueError, match="1 to 990, not 991"):
        replace(get_recipe("hscla"), batch=991)


@pytest.mark.parametrize("extra", ["link", "outside", "names"])
def test_hscla_tar_with_what_no_archive_sends(extra, tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    with HsclaServer(Sky(0.6), extra=[extra]) as server:
        found = run(folder, server, "hscla", bands=["i"], **account(server))
    ((outcome, _),) = found.values()
    # The good member came first; what follows it can only end the job.
    assert outcome == "ok"
    files = {p.name for p in tmp_path.rglob("*.fits")}
    assert files == {"S1_i_HSCLA.fits"}


def test_hscla_without_an_account_says_how_to_give_one(tmp_path, monkeypatch):
    monkeypatch.delenv("ASTRO_VBINARY_HSCLA_USER", raising=False)
    with HsclaServer(Sky(0.6)) as server:
        found = run(tmp_path, server, "hscla", bands=["i"])
        assert not server.asked
    ((outcome, reason),) = found.values()
    assert outcome == "http_error"
    assert "ASTRO_VBINARY_HSCLA_USER" in reason


def test_password_is_nowhere_in_the_output(tmp_path):
    with HsclaServer(Sky(0.6)) as server:
        run(tmp_path, server, "hscla", bands=["i"], **account(server))
    assert PASSWORD not in repr(replace(get_recipe("hscla"), **account(server)))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()


def test_parallel_zips_do_not_overwrite_each_other(tmp_path):
    """Eight positions within a second, each with its own stars in the middle."""
    places = [
        CENTRE.directional_offset_by(angle * u.deg, 20 * u.arcsec)
        for angle in range(0, 360, 45)
    ]
    with HapcutServer(Sky(0.15)) as server:
        run(tmp_path, server, "hst", *places, bands=["F814W"], size=8)
    for number, place in enumerate(places, 1):
        header = fits.getheader(tmp_path / "HST" / f"S{number}_F814W_HST.fits", 1)
        centre = SkyCoord(header["CRVAL1"], header["CRVAL2"], unit="deg")
        assert centre.separation(place) < 0.01 * u.arcsec


def test_hst_weights_of_zero_are_no_data_and_exposures_are_left_alone(tmp_path):
    from astro_vbinary import SurveyStamp

    with HapcutServer(Sky(0.15)) as server:
        run(tmp_path, server, "hst", bands=["F814W", "F160W"], size=8)
    stamp = SurveyStamp.read(tmp_path / "HST" / "S1_F814W_HST.fits")
    assert stamp.mask[:3].all()
    assert not stamp.mask[3:].any()
    # A single exposure of the same filter has another zero point here.
    assert stamp.meta["header"]["MAGZP"] == pytest.approx(25.946, abs=1e-3)
    coarse = SurveyStamp.read(tmp_path / "HST" / "S1_F160W_HST.fits")
    assert coarse.pixel_scale.value == pytest.approx(0.12)


@pytest.mark.parametrize("ra", [0.00002, 359.99999, 120.0])
@pytest.mark.parametrize("dec", [-90.0, -89.95, 0.0, 75.0])
def test_jwst_asks_for_a_box_that_holds_what_is_near(ra, dec):
    from astro_vbinary.archives.builtin.jwst import REACH, _question

    target = SkyCoord(ra, dec, unit="deg")
    text = _question(target)
    angles = np.arange(0, 360, 5) * u.deg
    around = target.directional_offset_by(angles, 0.99 * REACH * u.deg)
    words = text.split(" AND dataproduct")[1]
    condition = words.split("'PUBLIC' AND ")[1]
    condition = condition.replace("BETWEEN ", ">= ").replace(" OR ", " or ")
    for place in around:
        values = {"s_ra": place.ra.deg, "s_dec": place.dec.deg}
        assert holds(condition, values), (text, values)


def holds(condition, values):
    """Whether a position fulfils the query's condition, read word by word."""
    words = condition.replace("(", "").replace(")", "").split()
    along, across = words[: words.index("s_dec")], words[words.index("s_dec") :]
    low, high = (float(w) for w in along if w[0].isdigit() or w[0] == "-")
    if "or" in along:
        inside = values["s_ra"] >= low or values["s_ra"] <= high
    else:
        inside = low <= values["s_ra"] <= high
    south, north = (float(w) for w in across if w[0].isdigit() or w[0] == "-")
    return inside and south <= values["s_dec"] <= north


def test_jwst_list_that_names_another_file_is_not_followed(tmp_path):
    class Evil(JwstServer):
        def _query(self, ask):
            reply = super()._query(ask)
            body = reply.body.replace(b"mast:JWST/product/", b"file:///etc/product/")
            return replace(reply, body=body)

    with Evil(Sky(0.08)) as server:
        found = run(tmp_path, server, "jwst", bands=["F115W"], size=4)
        assert not server.paths("Download")
    outcome, reason = found["S1", "F115W"]
    # Not an absence, which would be final.
    assert (outcome, "file:///etc" in reason) == ("not_fits", True)


def test_zip_with_a_way_out_is_refused(tmp_path):
    names = ["../../outside_acs_wfc_f814w_all.fits"]
    with HapcutServer(Sky(0.15), names=names) as server:
        found = run(tmp_path / "a" / "b", server, "hst", bands=["F814W"])
    ((outcome, _),) = found.values()
    assert outcome == "not_fits"
    assert not list(tmp_path.glob("outside*"))


def test_jwst_reads_a_part_of_the_file(tmp_path):
    with JwstServer(Sky(0.08), side=1200) as server:
        found = run(tmp_path, server, "jwst", bands=["F115W"], size=4)
        parts = [ask.headers["range"] for ask in server.asked if "range" in ask.headers]
        size = len(next(iter(server.files.values()))[1])
    assert found["S1", "F115W"][0] == "ok"
    edges = [part.removeprefix("bytes=").split("-") for part in parts]
    assert len(parts) == 2
    assert sum(int(last) - int(first) + 1 for first, last in edges) < 0.2 * size


def test_jwst_core_without_data_is_saturated(tmp_path):
    with JwstServer(Sky(0.08), core=True) as server:
        found = run(tmp_path, server, "jwst", bands=["F115W"], size=6)
    assert found["S1", "F115W"][0] == "saturated"


def test_jwst_server_that_knows_no_ranges(tmp_path):
    with JwstServer(Sky(0.08), ranges=False) as server:
        found = run(tmp_path, server, "jwst", bands=["F115W"], size=6)
    outcome, reason = found["S1", "F115W"]
    # It sends all of the file, of which the part is taken.
    assert outcome == "ok", reason
