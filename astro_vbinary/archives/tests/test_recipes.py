"""Every recipe: a pair fetched from a server that plays its archive."""

import astropy.units as u
import numpy as np
import pytest

from astro_vbinary import (
    BinaryClassifier,
    StampStack,
    SurveyStamp,
    get_survey,
    resolution_group,
)
from astro_vbinary.archives import fetch_stamps, read_manifest, recipes
from astro_vbinary.archives.tests.cases import (
    ANY_ZERO_POINT,
    ELSEWHERE,
    HIPS,
    NATIVE,
    target_table,
)
from astro_vbinary.archives.tests.servers.measuring import measure
from astro_vbinary.status import Status

ALL = NATIVE + HIPS

#: Surveys with a network of their own.
CLASSIFIED = {"SDSS9", "Pan-STARRS", "DECaLS", "HST", "JWST", "HSCLA"}


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """Folders of what was fetched, each fetched once."""
    folders = {}

    def fetch(case):
        if case not in folders:
            folder = tmp_path_factory.mktemp("fetched")
            with case.serve(case.sky) as server:
                recipe = case.make(server.url)
                fetch_stamps(
                    target_table(),
                    folder,
                    surveys=[recipe.survey],
                    bands=list(case.bands),
                    size=case.size * u.arcsec,
                    recipes=[recipe],
                    origin=recipe.origin,
                    use_coverage=False,
                )
            folders[case] = (folder, recipe, server)
        return folders[case]

    return fetch


def _stack(folder, recipe):
    name = get_survey(recipe.survey).name
    (place,) = [p for p in folder.iterdir() if p.name.split(".")[0] == name]
    return StampStack.read(place, source="S1", survey=name)


def _aperture(case):
    reach = max(np.hypot(star.east, star.north) for star in case.sky.stars)
    return (2.5 * case.sky.fwhm + reach) * u.arcsec


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_pair_is_where_it_is_and_as_bright(case, fetched):
    folder, recipe, _ = fetched(case)
    table = read_manifest(folder)
    assert {(row["band"], row["outcome"]) for row in table} == {
        (band, "ok") for band in case.bands
    }
    for row in table:
        # Whole, and not as the part around a target that a stack reads.
        stamp = SurveyStamp.read(folder / row["path"])
        assert (stamp.survey.name, stamp.band) == (recipe.survey, row["band"])
        header = stamp.meta["header"]
        found, flux = measure(
            stamp.data, stamp.wcs, radius=_aperture(case), around=case.sky.centre
        )
        # The true centre of light, to a tenth of a pixel.
        away = found.separation(case.sky.centroid())
        assert away < 0.1 * stamp.pixel_scale
        zero_point = header.get("MAGZP")
        if zero_point is None:
            # Not told by the archive, and so not told by us.
            assert recipe.origin == "hips"
            zero_point = ANY_ZERO_POINT
        magnitude = zero_point - 2.5 * np.log10(flux)
        assert magnitude == pytest.approx(case.sky.magnitude(), abs=0.0108)  # 1 %


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_stamp_says_what_it_is_and_where_from(case, fetched):
    folder, recipe, _ = fetched(case)
    for row in read_manifest(folder):
        assert row["url"].startswith(recipe.base_url)
        assert row["unit"]
        assert u.Unit(row["unit"]) == u.Unit(recipe.pixel_unit())
    for stamp in _stack(folder, recipe):
        header = stamp.meta["header"]
        assert header["VBORIGIN"] == recipe.origin
        assert header["VBTRANS"] == "linear"
        assert ("MAGSYS" in header) == ("MAGZP" in header)
        if "MAGSYS" in header:
            assert header["MAGSYS"] == recipe.system(stamp.band)
        assert header["VBARCH"] == recipe.name
        assert len(header["VBSHA256"]) == 64
        assert stamp.unit == u.Unit(recipe.pixel_unit())


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_stack_is_aligned(case, fetched):
    folder, recipe, _ = fetched(case)
    cube = _stack(folder, recipe).align()
    assert cube.data.shape[0] == len(case.bands)
    image = cube.coadd()
    found, _ = measure(np.nan_to_num(image.data), image.wcs, radius=2.2 * u.arcsec)
    if case.sky.fwhm < 1:  # else the grid ends inside the stars
        assert found.separation(case.sky.centroid()) < 1.5 * image.pixel_scale


def test_pairs_are_called_binary(fetched):
    """From the archives' answers to the verdict, all surveys of a group at once."""
    judged = {}
    for case in ALL:
        recipe = case.make("http://127.0.0.1:1")
        if recipe.survey not in CLASSIFIED or recipe.name == "hst-ir":
            continue  # an undersampled band alone is too little for the network
        folder, recipe, _ = fetched(case)
        group = resolution_group(recipe.survey).number
        judged.setdefault(group, []).append((case.id, _stack(folder, recipe).align()))
    assert set(judged) == {3, 4}
    for group, stacks in judged.items():
        classifier = BinaryClassifier.for_group(group, device="cpu")
        table = classifier.predict([cube for _, cube in stacks]).to_table()
        found = dict(zip([name for name, _ in stacks], table, strict=True))
        for name, row in found.items():
            assert row["status"] == Status.OK, name
            assert row["probability"] > classifier.card.threshold, name


def test_every_survey_has_both_and_every_native_recipe_a_case():
    by_origin = {
        origin: {recipe.survey for recipe in recipes(origin=origin)}
        for origin in ("native", "hips")
    }
    assert by_origin["native"] == by_origin["hips"]
    assert len(by_origin["native"]) == 13
    assert {case.recipe for case in ALL} >= {
        recipe.name for recipe in recipes() if recipe.origin != "local"
    }


@pytest.mark.parametrize("scale", [10 / 322, 0.5])
def test_flux_of_hips_stamps_is_the_same_whatever_the_pixels(scale, tmp_path):
    """On the 0.031 arcsec of the reference work, and on coarser pixels."""
    (case,) = [case for case in HIPS if case.recipe == "decals-hips"]
    with case.serve(case.sky) as server:
        fetch_stamps(
            target_table(),
            tmp_path,
            surveys=["DECaLS"],
            bands=["g"],
            size=10 * u.arcsec,
            pixel_scale=scale * u.arcsec,
            recipes=[case.make(server.url)],
            origin="hips",
            use_coverage=False,
        )
    (row,) = read_manifest(tmp_path)
    stamp = SurveyStamp.read(tmp_path / row["path"])
    assert stamp.pixel_scale.value == pytest.approx(scale, rel=1e-4)
    found, flux = measure(
        stamp.data, stamp.wcs, radius=4.4 * u.arcsec, around=case.sky.centre
    )
    assert found.separation(case.sky.centroid()) < 0.1 * stamp.pixel_scale
    magnitude = stamp.meta["header"]["MAGZP"] - 2.5 * np.log10(flux)
    assert magnitude == pytest.approx(case.sky.magnitude(), abs=0.0108)


def test_nothing_is_asked_where_the_map_of_a_hips_is_empty(tmp_path):
    mocpy = pytest.importorskip("mocpy")
    from astro_vbinary.archives.tests.servers.base import Reply
    from astro_vbinary.archives.tests.servers.hips import HipsFitsServer

    (case,) = [case for case in HIPS if case.recipe == "decals-hips"]
    path = tmp_path / "moc.fits"
    centre = case.sky.centre
    moc = mocpy.MOC.from_cone(
        lon=centre.ra, lat=centre.dec, radius=0.5 * u.deg, max_depth=9
    )
    moc.save(path, format="fits")

    class Mapped(HipsFitsServer):
        def reply(self, ask):
            if ask.path == "/MocServer/query":
                assert ask.get("ivorn") in self.surveys
                return Reply(path.read_bytes(), kind="application/fits")
            return super().reply(ask)

    recipe = case.make("http://127.0.0.1:1")
    tiles = dict.fromkeys(recipe.ids.values(), (0.262, 22.5, False))
    with Mapped(case.sky, tiles) as server:
        summary = fetch_stamps(
            target_table(centre, ELSEWHERE),
            tmp_path / "out",
            surveys=["DECaLS"],
            bands=["g"],
            size=10 * u.arcsec,
            recipes=[case.make(server.url)],
            origin="hips",
        )
        assert len(server.paths("hips2fits")) == 1
    assert summary.n_files == 1
    outcomes = {r["source"]: r["outcome"] for r in read_manifest(tmp_path / "out")}
    assert outcomes == {"S1": "ok", "S2": "no_coverage"}
