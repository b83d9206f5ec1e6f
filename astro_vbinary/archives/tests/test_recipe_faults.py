"""What each protocol says in its own way: no data, nonsense, and what is refused."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.archives.retrying import Patience
from astro_vbinary.archives.tests.cases import ELSEWHERE, HIPS, NATIVE, run
from astro_vbinary.archives.tests.servers.base import Reply, Server
from astro_vbinary.archives.tests.servers.irsa import IrsaServer, make_2mass, make_ztf
from astro_vbinary.archives.tests.servers.legacy import LegacyServer
from astro_vbinary.archives.tests.servers.panstarrs import PanStarrsServer
from astro_vbinary.archives.tests.servers.sky import CENTRE, Sky
from astro_vbinary.archives.tests.servers.skymapper import SkyMapperServer
from astro_vbinary.archives.tests.servers.unwise import UnwiseServer

#: One of each kind: the recipes of HiPS differ in what they ask for alone.
KINDS = NATIVE + HIPS[:1]


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


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case.id)
def test_error_page_that_passes_is_asked_again_in_the_same_run(case, tmp_path):
    """Each address answers with a page of status 200 the first time."""
    with case.serve(case.sky) as server:
        first, honest = set(), server.reply

        def reply(ask):
            key = (ask.path, tuple(sorted(ask.query.items())))
            if key in first:
                return honest(ask)
            first.add(key)
            return Reply("<html>Try later</html>", 200, "text/html")

        server.reply = reply
        found = run(
            tmp_path,
            server,
            case.make(server.url),
            bands=case.bands[:1],
            size=case.size,
            patience=Patience(3, first_s=0.01),
        )
    ((outcome, reason),) = found.values()
    assert outcome == "ok", reason
    assert first
