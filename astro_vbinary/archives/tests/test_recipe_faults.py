"""What each protocol says in its own way: no data, nonsense, and what is refused."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.archives import fetch_stamps, get_recipe, read_manifest
from astro_vbinary.archives.retrying import Patience
from astro_vbinary.archives.tests.cases import HIPS, NATIVE, target_table
from astro_vbinary.archives.tests.servers.base import Reply, Server
from astro_vbinary.archives.tests.servers.hscla import PASSWORD, USER, HsclaServer
from astro_vbinary.archives.tests.servers.irsa import IrsaServer, make_2mass, make_ztf
from astro_vbinary.archives.tests.servers.legacy import LegacyServer
from astro_vbinary.archives.tests.servers.mast import HapcutServer, JwstServer
from astro_vbinary.archives.tests.servers.panstarrs import PanStarrsServer
from astro_vbinary.archives.tests.servers.sky import CENTRE, Sky
from astro_vbinary.archives.tests.servers.skymapper import SkyMapperServer
from astro_vbinary.archives.tests.servers.unwise import UnwiseServer

#: Far from everything that the servers have.
ELSEWHERE = SkyCoord(200.0, 30.0, unit="deg")

ONCE = Patience(1)

#: One of each kind: the recipes of HiPS differ in what they ask for alone.
KINDS = NATIVE + HIPS[:1]


def run(folder, server, recipe, *positions, bands=None, size=10, **changes):
    """Fetch, and tell the outcome and reason by source and band."""
    recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
    limits = replace(recipe.limits, rate_per_s=1000.0)
    recipe = replace(recipe, base_url=server.url, limits=limits, **changes)
    fetch_stamps(
        target_table(*positions),
        folder,
        surveys=[recipe.survey],
        bands=bands,
        size=size * u.arcsec,
        recipes=[recipe],
        origin=recipe.origin,
        use_coverage=False,
        patience=ONCE,
    )
    return {
        (row["source"], row["band"]): (row["outcome"], row["reason"])
        for row in read_manifest(folder)
    }


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case.id)
def test_no_data_there_is_an_absence(case, tmp_path):
    with case.serve(case.sky) as server:
        found = run(
            tmp_path, server, case.make(server.url), ELSEWHERE, bands=case.bands[:2]
        )
    assert {outcome for outcome, _ in found.values()} == {"no_coverage"}
    assert all(reason for _, reason in found.values())


class Page(Server):
    """Answers all with one page."""

    def __init__(self, reply):
        super().__init__()
        self.page = reply

    def reply(self, ask):
        return self.page


@pytest.mark.parametrize(
    ("page", "outcomes"),
    [
        (Reply("<html>Down for service</html>", 200, "text/html"), {"not_fits"}),
        (Reply(b"", 200), {"not_fits", "truncated"}),
        (Reply("no", 503, "text/plain"), {"http_error"}),
    ],
    ids=["page", "empty", "503"],
)
@pytest.mark.parametrize("case", KINDS, ids=lambda case: case.id)
def test_error_page_is_a_failure(case, page, outcomes, tmp_path):
    with Page(page) as server:
        found = run(tmp_path, server, case.make(server.url), bands=case.bands[:1])
    ((outcome, reason),) = found.values()
    assert outcome in outcomes, reason


def test_2mass_takes_the_image_with_the_target_farthest_from_an_edge(tmp_path):
    with IrsaServer(make_2mass(Sky(3.0))) as server:
        run(tmp_path, server, "2mass")
        names = {path.rpartition("/")[2] for path in server.paths("/ibe/data")}
    assert names == {f"{band}i0590151.fits.gz" for band in "jhk"}


def test_400_leads_to_the_next_image_and_then_to_absence(tmp_path):
    """A list may name images which the target is not on."""
    frames = list(make_2mass(Sky(3.0)))

    class Boundless(IrsaServer):
        def _discover(self, ask):
            real, self.frames = self.frames, [_Everywhere(f) for f in self.frames]
            try:
                return super()._discover(ask)
            finally:
                self.frames = real

    beside = CENTRE.directional_offset_by(90 * u.deg, 20 * u.arcmin)
    with Boundless(frames) as server:
        found = run(tmp_path, server, "2mass", CENTRE, beside, bands=["J"])
        asked = server.paths("/ibe/data")
    assert found["S1", "J"][0] == "ok"
    assert found["S2", "J"][0] == "no_coverage"
    assert len(asked) == 3


class _Everywhere:
    """A frame that says it holds any position."""

    def __init__(self, frame):
        self.__dict__.update(frame.__dict__)
        self.centre = frame.centre

    def holds(self, position):
        return True


def test_ztf_field_with_the_target_nearest_its_centre(tmp_path):
    with IrsaServer(make_ztf(Sky(2.1))) as server:
        run(tmp_path, server, "ztf")
        assert all("field000402" in path for path in server.paths("/ibe/data"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/ji0590151.fits.gz",
        "http://127.0.0.1:9/ji0590151.fits.gz",
        "ftp://example.org/ji0590151.fits.gz",
        "http://user:pw@127.0.0.1/ji0590151.fits.gz",
        "//example.org/ji0590151.fits.gz",
        "javascript:alert(1)//ji0590151.fits",
    ],
)
def test_list_that_leads_elsewhere_is_refused(url, tmp_path):
    if url == "file:///etc/passwd":
        url += "/ji0590151.fits.gz"
    with IrsaServer(make_2mass(Sky(3.0)), fake_urls=[url]) as server:
        found = run(tmp_path, server, "2mass", bands=["J"])
    ((outcome, reason),) = found.values()
    assert outcome == "http_error"
    assert "not on its host" in reason


def test_stars_of_a_survey_that_a_list_names_cannot_escape(tmp_path):
    """ps1filenames that name files outside of the archive's own tree."""

    class Evil(PanStarrsServer):
        def name(self, band):
            return "/../../etc/passwd.fits"

    with Evil(Sky(1.1)) as server:
        found = run(tmp_path, server, "panstarrs", bands=["g"])
        assert not server.paths("fitscut")
    ((outcome, reason),) = found.values()
    assert (outcome, "passwd" in reason) == ("not_fits", True)


def test_stack_that_is_still_asinh_is_refused(tmp_path):
    class Raw(PanStarrsServer):
        def _cut(self, ask):
            reply = super()._cut(ask)
            with fits.open(_bytes(reply.body)) as file:
                data = file[0].data.astype(np.int16)
                header = file[0].header
                header.update({"BSOFTEN": 100.0, "BOFFSET": 3.0})
                hdu = fits.PrimaryHDU(data, header)
            from astro_vbinary.archives.tests.servers.sky import hdus_to_bytes

            return Reply(hdus_to_bytes([hdu]))

    with Raw(Sky(1.1)) as server:
        found = run(tmp_path, server, "panstarrs", bands=["g"])
    ((outcome, reason),) = found.values()
    assert outcome == "not_fits"
    assert "asinh" in reason


def _bytes(content):
    import io

    return io.BytesIO(content)


def test_band_of_zeros_is_no_coverage_and_the_others_are_fine(tmp_path):
    with LegacyServer(Sky(1.2), missing="i") as server:
        found = run(tmp_path, server, "decals")
        assert len(server.asked) == 1  # all bands with one question
    outcomes = {band: outcome for (_, band), (outcome, _) in found.items()}
    assert outcomes == {"g": "ok", "r": "ok", "i": "no_coverage", "z": "ok"}
    assert "weights are zero" in found["S1", "i"][1]


def test_weights_become_the_stamps_uncertainty(tmp_path):
    from astro_vbinary import SurveyStamp

    with LegacyServer(Sky(1.2)) as server:
        run(tmp_path, server, "decals", bands=["r"])
    stamp = SurveyStamp.read(tmp_path / "DECaLS" / "S1_r_DECaLS.fits")
    np.testing.assert_allclose(stamp.sigma, server.noise, rtol=1e-5)


def test_skymapper_takes_the_sharpest_long_exposure(tmp_path):
    with SkyMapperServer(Sky(2.5)) as server:
        run(tmp_path, server, "skymapper", bands=["g", "r"])
        images = {ask.get("IMAGE") for ask in server.asked if ask.get("IMAGE")}
        assert len(server.paths("query")) == 1
    assert images == {"20170112103355-10"}


def test_tile_is_fetched_once_for_all_sources(tmp_path):
    near = [
        CENTRE.directional_offset_by(angle * u.deg, 3 * u.arcmin)
        for angle in range(0, 360, 40)
    ]
    with UnwiseServer(Sky(6.4)) as server:
        found = run(tmp_path, server, "unwise", *near, size=40, batch=3)
        assert len(server.paths("allsky-atlas")) == 1
        assert len(server.paths("fulldepth")) == 2  # of two bands
    assert len(found) == 18
    assert {outcome for outcome, _ in found.values()} == {"ok"}


def test_tar_with_a_link_is_refused(tmp_path):
    with UnwiseServer(Sky(6.4), links=True) as server:
        found = run(tmp_path, server, "unwise", whole_tiles=False, size=40)
    assert {outcome for outcome, _ in found.values()} == {"not_fits"}


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
