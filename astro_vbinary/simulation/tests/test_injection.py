import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.psf import MoffatPSF
from astro_vbinary.simulation.injection import SingleStar, inject_companion
from astro_vbinary.simulation.pairs import find_singles, inject_many
from astro_vbinary.simulation.template import InjectionError, star_template
from astro_vbinary.stamps import SkyGrid, StampStack, SurveyStamp

TARGET = SkyCoord(83.8, -5.4, unit="deg")
SCALE = 0.25


def draw(stars, *, fwhm=1.1, side=61, noise=1.0, level=20.0, angle=0.0, seed=1, **kw):
    """A stamp of stars at (x, y) in arcsec from the target along the pixels' axes."""
    options = {"ellipticity": 0.08, "beta": 3.0} | kw.pop("psf", {})
    psf = MoffatPSF(fwhm * u.arcsec, **options)
    wcs = SkyGrid(TARGET, SCALE * u.arcsec, (side, side)).wcs
    c, s = np.cos(angle), np.sin(angle)
    wcs.wcs.pc = [[c, -s], [s, c]]
    if kw.pop("mirrored", False):
        wcs.wcs.cdelt = wcs.wcs.cdelt * [-1, 1]
    wcs.wcs.set()
    image = np.random.default_rng(seed).normal(level, noise, (side, side))
    for x, y, flux in stars:
        position = ((side - 1) / 2 + x / SCALE, (side - 1) / 2 + y / SCALE)
        image += flux * psf.image((side, side), SCALE * u.arcsec, position=position)
    options = {"survey": "PS1", "band": "i", "source": "7", "target": TARGET}
    return SurveyStamp(image.astype(np.float32), wcs, **options | kw), psf


def place(stamp, separation, angle, *, start):
    """Pixel of an offset from a pixel."""
    sky = stamp.wcs.pixel_to_world(*start).icrs
    sky = sky.directional_offset_by(angle * u.deg, separation * u.arcsec)
    return tuple(map(float, stamp.wcs.world_to_pixel(sky)))


@settings(max_examples=25)
@given(
    separation=st.floats(0.4, 2.4),
    towards=st.floats(0, 359),
    difference=st.floats(0, 3),
    angle=st.floats(0, 6.28),
    mirrored=st.booleans(),
    fwhm=st.floats(0.6, 1.6),
    x=st.floats(-0.2, 0.2),
)
def test_a_companion_is_a_star_at_its_place(
    separation, towards, difference, angle, mirrored, fwhm, x
):
    # 2.4 to 6.4 pixels a FWHM; nearly no noise, so that the truth can be compared.
    options = {"fwhm": fwhm, "angle": angle, "mirrored": mirrored}
    stamp, psf = draw([(x, 0.1, 1e6)], noise=0.3, **options)
    made = inject_companion(
        StampStack([stamp]), separation * u.arcsec, towards * u.deg, difference
    )[0]
    added = made.data.astype(float) - stamp.data
    star = (30 + x / SCALE, 30 + 0.1 / SCALE)
    where = place(stamp, separation, towards, start=star)
    flux = 1e6 * 10 ** (-0.4 * difference)
    true = flux * psf.image(stamp.shape, SCALE * u.arcsec, position=where)
    assert np.abs(added - true).max() < 0.02 * true.max()
    near = np.hypot(*np.subtract(np.indices(stamp.shape)[::-1], np.reshape(
        where, (2, 1, 1)
    ))) < 2 * fwhm / SCALE  # fmt: skip
    assert added[near].sum() == pytest.approx(true[near].sum(), rel=0.01)
    for axis in (0, 1):
        grid = np.indices(stamp.shape)[1 - axis]
        centre = [(grid * img)[near].sum() / img[near].sum() for img in (added, true)]
        assert centre[0] == pytest.approx(centre[1], abs=0.02)
    truth = made.meta["injection"]
    assert truth["separation"] == pytest.approx(separation)
    assert truth["position_angle"] == pytest.approx(towards)
    assert truth["flux_ratio"] == pytest.approx(10 ** (-0.4 * difference))
    # On the image a star is as wide as in the sky and a pixel together.
    assert truth["fwhm"] == pytest.approx(np.hypot(fwhm, SCALE), rel=0.08)


def test_a_companion_has_the_optics_of_its_own_image():
    # A coma that no Moffat profile has.
    stamp, psf = draw([(0, 0, 1e5)], noise=0.5, psf={"ellipticity": 0.0})
    extra = 0.05 * 1e5 * psf.image(stamp.shape, SCALE * u.arcsec, position=(33.5, 31))
    crooked = SurveyStamp(stamp.data + extra, stamp.wcs, survey="PS1", band="i")
    made = inject_companion(StampStack([crooked]), 2 * u.arcsec, 90 * u.deg, 0.0)[0]
    # East is 8 pixels to the left.
    added = made.data - crooked.data
    true = np.roll(np.where(np.arange(61) > 20, crooked.data - 20, 0), -8, axis=1)
    core = (slice(22, 39), slice(14, 31))
    assert np.abs(added - true)[core].max() < 0.01 * true[core].max()


def test_a_copy_brings_little_noise():
    ratios = []
    for seed in range(40):
        stamp, psf = draw([(0, 0, 900.0)], seed=seed)
        made = inject_companion(StampStack([stamp]), 2.2 * u.arcsec, 0 * u.deg, 0.0)[0]
        template = star_template(stamp)
        assert 20 < template.signal < 120
        where = place(stamp, 2.2, 0, start=(template.shape.x, template.shape.y))
        true = [
            template.shape.flux * psf.image(stamp.shape, SCALE * u.arcsec, position=at)
            for at in ((30, 30), where)
        ]
        rest = made.data - 20.0 - true[0] - true[1]
        radius = np.hypot(
            *(np.indices(stamp.shape)[::-1] - np.reshape(where, (2, 1, 1)))
        )
        ratios.append([rest[(radius > a) & (radius < b)].std() for a, b in
                       ((0, 4), (4, 8), (12, 20))])  # fmt: skip
    core, wing, far = np.sqrt(np.square(ratios).mean(axis=0))
    # Twice the variance at most where the star is, next to nothing elsewhere.
    assert core < 1.5
    assert wing < 1.12
    assert far == pytest.approx(1.0, abs=0.03)


def test_photon_noise_is_what_a_dimmed_copy_lacks():
    stamp, _ = draw([(0, 0, 1e6)], noise=0.01)
    stack = StampStack([stamp])
    offset = (2 * u.arcsec, 45 * u.deg, 1.0)
    plain = inject_companion(stack, *offset)[0].data.astype(float)
    noisy = [
        inject_companion(stack, *offset, gain=2.0, rng=np.random.default_rng(n))[0].data
        for n in range(60)
    ]
    signal = plain - stamp.data
    bright = signal > 0.2 * signal.max()
    variance = np.mean(np.square(np.subtract(noisy, plain)), axis=0)
    expected = signal / 2.0 * (1 - 10**-0.4)
    assert np.mean(variance[bright] / expected[bright]) == pytest.approx(1, abs=0.1)


def test_bands_have_their_own_places_and_colours():
    green, _ = draw([(0.2, 0, 1e5)], band="g", seed=1)
    red, _ = draw([(0.0, 0.1, 1e5)], band="i", seed=2, angle=1.0, fwhm=0.8)
    made = inject_companion(
        StampStack([green, red]), 1.5 * u.arcsec, 30 * u.deg, 1.0, colour={"g": 0.5}
    )
    assert [s.meta["injection"]["magnitude_difference"] for s in made] == [1.5, 1.0]
    for old, new, start in ((green, made[0], (30.8, 30)), (red, made[1], (30, 30.4))):
        where = np.round(place(old, 1.5, 30, start=start)).astype(int)
        added = new.data - old.data
        top = np.unravel_index(added.argmax(), added.shape)
        assert np.abs(np.subtract(top[::-1], where)).max() <= 1


def test_the_rest_of_a_stamp_stays():
    mask = np.zeros((61, 61), dtype=bool)
    mask[:, 50:] = True
    stamp, _ = draw([(0, 0, 1e5)], mask=mask, epoch=Time(56000, format="mjd"))
    stamp.data[5:15, 5:15] = 0
    before = stamp.data.copy()
    made = inject_companion(StampStack([stamp]), 2 * u.arcsec, 45 * u.deg, 0.5)
    assert made.source == "7"
    assert made[0].band == "i"
    assert made[0].epoch == stamp.epoch
    assert made[0].data.dtype == np.float32
    assert not made.target_assumed
    np.testing.assert_array_equal(made[0].mask, mask)
    np.testing.assert_array_equal(stamp.data, before)
    np.testing.assert_array_equal(made[0].data[stamp.bad], before[stamp.bad])
    named = inject_companion(
        StampStack([stamp]), 2 * u.arcsec, 0 * u.deg, 0.5, source="8"
    )
    assert named.source == "8"


def saturated():
    stamp, _ = draw([(0, 0, 1e6)])
    return SurveyStamp(np.minimum(stamp.data, 1e4), stamp.wcs, source="7", band="i")


def holed():
    stamp, _ = draw([(0, 0, 1e6)])
    data = np.where(stamp.data > 3e4, np.nan, stamp.data)
    return SurveyStamp(data, stamp.wcs, source="7", band="i")


def aside():
    stamp, _ = draw([(0, 0, 1e5)])
    return SurveyStamp(
        stamp.data[27:, :], stamp.wcs[27:, :], source="7", band="i", target=TARGET
    )


@pytest.mark.parametrize(
    ("stamp", "message"),
    [
        (saturated, "saturated"),
        (holed, "bad pixels"),
        (aside, "edge"),
        (lambda: draw([])[0], "no star|times the noise"),
        (lambda: draw([(0, 0, 60.0)])[0], "no star|times the noise"),
        (lambda: draw([(0, 0, 1e5), (1.2, 0.6, 4e4)])[0], "another source|no single"),
        (lambda: draw([(2.4, 0, 1e5)])[0], "from the target|no star"),
    ],
)
def test_a_star_that_cannot_be_copied_is_refused(stamp, message):
    with pytest.raises(InjectionError, match=f"^7 i: .*({message})"):
        inject_companion(StampStack([stamp()]), 2 * u.arcsec, 0 * u.deg, 1.0)


def test_a_band_may_be_left_out():
    good, _ = draw([(0, 0, 1e5)], band="r")
    faint, _ = draw([], band="z")
    with pytest.raises(InjectionError, match="7 z"):
        SingleStar.from_stack(StampStack([good, faint]))
    star = SingleStar.from_stack(StampStack([good, faint]), drop=True)
    assert star.stack.bands == ("r",)
    assert list(star.left_out) == ["z"]
    other, _ = draw([], band="y")
    with pytest.raises(InjectionError, match=r"7 z.*7 y"):
        SingleStar.from_stack(StampStack([good, faint, other]), drop=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"separation": 0 * u.arcsec}, "0.0 arcsec"),
        ({"separation": 2.6 * u.arcsec}, "2.6 arcsec"),
        ({"magnitude_difference": -0.1}, "-0.1"),
        ({"magnitude_difference": np.nan}, "nan"),
        ({"gain": 2.0}, "generator"),
        ({"gain": -2.0, "rng": np.random.default_rng(1)}, "positive"),
    ],
)
def test_what_makes_no_pair_is_refused(change, message):
    stamp, _ = draw([(0, 0, 1e5)])
    options = {
        "separation": 1 * u.arcsec,
        "position_angle": 0 * u.deg,
        "magnitude_difference": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        inject_companion(StampStack([stamp]), **options | change)


def test_there_must_be_room():
    narrow, _ = draw([(0, 0, 1e5)], side=19)
    with pytest.raises(InjectionError, match="off it"):
        inject_companion(StampStack([narrow]), 2.2 * u.arcsec, 0 * u.deg, 1.0)
    mask = np.zeros((61, 61), dtype=bool)
    mask[38:] = True
    cut, _ = draw([(0, 0, 1e5)], mask=mask)
    with pytest.raises(InjectionError, match="bad pixels"):
        inject_companion(StampStack([cut]), 2.2 * u.arcsec, 0 * u.deg, 1.0)


def star(name, **options):
    stamp, _ = draw([(0, 0, 1e4)], source=name, **options)
    return SingleStar.from_stack(StampStack([stamp]))


def test_many_pairs_depend_on_their_seed_and_star_alone():
    stars = [star("a"), star("b")]
    first = list(inject_many(stars, 4, seed=5))
    again = list(inject_many(stars[1:], 6, seed=5))
    other = list(inject_many(stars, 4, seed=6))
    truths = {truth["source"]: truth for _, truth in first}
    assert len(truths) == 8
    for stack, truth in again[:4]:
        assert truths[truth["source"]] == truth
        assert stack.source == truth["source"]
        match = next(s for s, t in first if t == truth)
        np.testing.assert_array_equal(match[0].data, stack[0].data)
    assert not any(truth in truths.values() for _, truth in other)
    assert first[0][1]["separation"] != first[4][1]["separation"]


def test_many_pairs_are_within_the_limits():
    sharp, blurred = star("a", fwhm=0.7), star("b", fwhm=1.9, side=91)
    truths = [t for _, t in inject_many([sharp, blurred], 25, seed=1)]
    width = 1.2 * sharp.fwhm.value
    found = np.array([t["separation"] for t in truths if t["star"] == "a"])
    assert len(found) == 25
    assert width < found.min() < width + 0.3
    assert 2.1 < found.max() < 2.4
    differences = [t["magnitude_difference"] for t in truths]
    assert 0 <= min(differences) < 0.5
    assert 2 < max(differences) < 2.5
    # A star as wide as the limit has no room for a pair that is resolved.
    assert all(t["separation"] >= 1.2 * blurred.fwhm.value for t in truths[25:])
    too_wide = star("c", fwhm=2.2, side=91)
    assert not list(inject_many([too_wide], 3, seed=1))


@pytest.fixture(scope="module")
def real_singles(real_data):
    labels = Table.read(real_data / "labels.ecsv")
    chosen = ("hsc", "jwst", "lp", "sdss00", "sdss04", "tmiso00", "ztfiso00", "sdssgal")
    return find_singles(
        real_data / "stamps",
        labels[[str(name).startswith(chosen) for name in labels["source"]]],
    )


def test_real_stars_of_every_survey_are_templates(real_singles):
    singles, refused = real_singles
    surveys = {single.stack.survey.name for single in singles}
    assert surveys == {"SDSS9", "DECaLS", "HSCLA", "ZTF", "2MASS", "JWST"}
    # Bleeding stars of magnitude 10 to 13.
    assert {"lp03", "lp04", "lp05"} <= set(refused["source"])
    assert not any("gal" in single.stack.source for single in singles)
    widths = {s.stack.survey.name: s.fwhm.value for s in singles}
    assert widths["JWST"] == pytest.approx(0.059, abs=0.01)
    assert widths["HSCLA"] == pytest.approx(0.64, abs=0.05)
    assert widths["ZTF"] == pytest.approx(2.2, abs=0.3)
    assert widths["2MASS"] == pytest.approx(3.0, abs=0.2)


def test_real_pairs_have_their_light_where_they_should(real_singles):
    singles, _ = real_singles
    before = {(s.stack.source, s.stack.survey.name): s for s in singles}
    seen = set()
    for stack, truth in inject_many(singles, 1, seed=3):
        single = before[truth["star"], truth["survey"]]
        seen.add(truth["survey"])
        for new, old, template in zip(
            stack, single.stack, single.templates, strict=True
        ):
            added = np.nan_to_num(new.data.astype(float) - old.data)
            start = (template.shape.x, template.shape.y)
            where = place(
                old, truth["separation"], truth["position_angle"], start=start
            )
            y, x = np.indices(added.shape)
            near = np.hypot(x - where[0], y - where[1]) < template.fwhm
            here = np.hypot(x - start[0], y - start[1]) < template.fwhm
            ratio = new.meta["injection"]["flux_ratio"]
            light = np.where(old.bad, 0, old.data - template.shape.background)
            # A circle of few pixels holds a little more or less of a star.
            tolerance = 0.06 if template.fwhm > 2.5 else 0.15
            assert added[near].sum() == pytest.approx(
                ratio * light[here].sum(), rel=tolerance
            )
    assert seen == {"SDSS9", "DECaLS", "HSCLA", "JWST"}
