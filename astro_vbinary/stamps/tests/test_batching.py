"""Many images at once come out as one by one through reproject."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.stamps import SkyGrid, StampIndex, StampStack
from astro_vbinary.stamps.batching import align_light
from astro_vbinary.stamps.blank import find_blank, find_hot
from astro_vbinary.stamps.light import LightStamp
from astro_vbinary.stamps.light_reading import read_light
from astro_vbinary.stamps.light_screening import find_bad
from astro_vbinary.stamps.tests.helpers_sky import FORMS, make_wcs, measure, render
from astro_vbinary.surveys import get_survey

#: What the engine promises beside reproject: pixels of the image, share of the flux.
POSITION, FLUX = 1e-2, 5e-3

#: Grid of the tests: side of a pixel in arcsec, and pixels.
SCALE, SIDE = 0.06, 64

SIZE = 20 * u.arcsec

STARS = st.fixed_dictionaries(
    {
        "crval": st.tuples(st.floats(0, 360), st.floats(-90, 90)),
        "scale": st.floats(np.log(0.03), np.log(0.4)).map(np.exp),
        "rotation": st.one_of(st.sampled_from([0.0, 90.0, 180.0]), st.floats(0, 360)),
        "mirrored": st.booleans(),
        "form": st.sampled_from(FORMS),
        "offset": st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    }
)


def write_star(path, *, scale, offset, crval, distortion=None, **options):
    """A star of 0.55 arcsec or two pixels, near the middle; where, and how wide."""
    side = int(7 / scale) + 8
    wcs = make_wcs(crval, scale, side, distortion=distortion, **options)
    middle = wcs.pixel_to_world((side - 1) / 2, (side - 1) / 2)
    star = middle.spherical_offsets_by(offset[0] * u.arcsec, offset[1] * u.arcsec)
    width = max(0.55 / scale, 2.0)
    image = 1000 * render(wcs, (side, side), star, width) + 50
    header = wcs.to_header(relax=True)
    fits.PrimaryHDU(image.astype("f4"), header).writeto(path, overwrite=True)


def both(path):
    """The star's image by the batch engine and by reproject."""
    files = tuple(StampIndex.from_paths(path))
    light = read_light(files, survey=get_survey("SDSS9"), size=SIZE)
    made = align_light([light], SCALE, SIDE)
    stack = StampStack.read_files(files)
    grid = SkyGrid(stack.target, SCALE * u.arcsec, (SIDE, SIDE))
    wanted = stack.align(grid)
    assert made.mask[0].numpy().tolist() == wanted.mask[0].tolist()
    center = SkyCoord(*made.centers[0], unit="deg")
    assert center.separation(grid.center) < 1e-6 * u.arcsec
    return made, made.data[0].numpy() + made.level[0], wanted.data[0]


@settings(max_examples=40)
@given(star=STARS)
def test_a_star_is_where_reproject_puts_it(star, tmp_path_factory):
    path = tmp_path_factory.mktemp("star") / "1_g_SDSS9.fits"
    write_star(path, **star)
    _, found, wanted = both(path)
    level = np.median(wanted)
    (flux, x, y), (flux0, x0, y0) = (measure(p - level) for p in (found, wanted))
    ratio = SCALE / star["scale"]
    assert np.hypot(x - x0, y - y0) * ratio < POSITION
    assert abs(flux / flux0 - 1) < FLUX
    assert np.abs(found - wanted).max() < 0.01 * (wanted.max() - level)


@settings(max_examples=15)
@given(star=STARS, detector=st.tuples(st.floats(-700, 700), st.floats(-700, 700)))
def test_distortions_are_followed(star, detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("star") / "1_g_SDSS9.fits"
    star["form"] = "CD"
    write_star(path, **star, distortion="SIP", detector=detector)
    _, found, wanted = both(path)
    level = np.median(wanted)
    (flux, x, y), (flux0, x0, y0) = (measure(p - level) for p in (found, wanted))
    assert np.hypot(x - x0, y - y0) * SCALE / star["scale"] < POSITION
    assert abs(flux / flux0 - 1) < FLUX


def test_a_map_that_is_not_affine_goes_one_by_one(tmp_path):
    path = tmp_path / "1_g_SDSS9.fits"
    star = {"scale": 0.2, "offset": (0.1, 0.2), "crval": (10.0, 20.0)}
    write_star(path, **star)
    plain, _, _ = both(path)
    assert not plain.exact.any()
    # A distortion a thousand times that of any camera.
    with fits.open(path, mode="update") as hdulist:
        hdulist[0].header["CTYPE1"] = "RA---TAN-SIP"
        hdulist[0].header["CTYPE2"] = "DEC--TAN-SIP"
        hdulist[0].header.update({"A_ORDER": 2, "A_2_0": 2e-3, "B_ORDER": 2})
    bent, found, wanted = both(path)
    assert bent.exact.all()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_fk5_is_not_icrs(tmp_path):
    path = tmp_path / "1_g_SDSS9.fits"
    write_star(path, scale=0.1, offset=(0.2, 0.1), crval=(100.0, 60.0))
    fits.setval(path, "RADESYS", value="FK5")
    fits.setval(path, "EQUINOX", value=2000.0)
    both(path)


@pytest.mark.parametrize("corner", [(0, 0), (30, 0), (12, 25)])
def test_edges_and_holes_are_masked_alike(corner, tmp_path):
    path = tmp_path / "1_g_SDSS9.fits"
    write_star(path, scale=0.13, offset=(0.2, 0.1), crval=(100.0, 60.0), rotation=20.0)
    with fits.open(path, mode="update") as hdulist:
        hdulist[0].data[20:24, 28:33] = np.nan
        hdulist[0].data[:3] = 0
        hdulist[0].data[40, 12] = 1e6
    files = tuple(StampIndex.from_paths(path))
    stack = StampStack.read_files(files)
    target = stack[0].wcs.pixel_to_world(*corner)
    light = read_light(files, survey=get_survey("SDSS9"), size=SIZE, target=target)
    made = align_light([light], SCALE, SIDE)
    grid = SkyGrid(target, SCALE * u.arcsec, (SIDE, SIDE))
    wanted = StampStack.read_files(files, target=target).align(grid)
    differ = made.mask[0].numpy() != wanted.mask[0]
    # Sums are rounded: a pixel at the limit may fall on either side.
    assert differ.sum() <= 3
    good = ~wanted.mask[0] & ~differ
    found = made.data[0].numpy()[good] + made.level[0]
    peak = 1.0 + np.ptp(wanted.data[0][good])
    np.testing.assert_allclose(found, wanted.data[0][good], atol=0.01 * peak)


def test_many_stacks_come_out_as_each_by_itself(tmp_path):
    rng = np.random.default_rng(5)
    for number in range(7):
        for band in "gri"[: 1 + number % 3]:
            write_star(
                tmp_path / f"{number}_{band}_SDSS9.fits",
                scale=(0.13, 0.2, 0.396)[number % 3],
                offset=rng.uniform(-0.3, 0.3, 2),
                crval=(rng.uniform(0, 360), rng.uniform(-60, 60)),
                rotation=rng.uniform(0, 360) * (number % 2),
            )
    survey = get_survey("SDSS9")
    stacks = [
        read_light(files, survey=survey, size=SIZE)
        for files in StampIndex.from_paths(tmp_path).groups().values()
    ]
    made = align_light(stacks, SCALE, SIDE)
    assert made.owner.tolist() == [0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 5, 5, 6]
    first = 0
    for stack in stacks:
        own = align_light([stack], SCALE, SIDE)
        rows = slice(first, first + len(stack.stamps))
        together = made.data[rows].numpy() + made.level[rows, None, None]
        alone = own.data.numpy() + own.level[:, None, None]
        np.testing.assert_allclose(together, alone, atol=2e-3 * alone.max())
        first = rows.stop


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["none", "hot", "nan", "zeros", "code", "corner"]),
    st.floats(0, 500),
)
def test_bad_pixels_are_found_as_one_by_one(seed, what, peak):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24]
    data = rng.normal(10, 1, (24, 24))
    data += peak * np.exp(-((x - 11.3) ** 2 + (y - 12.1) ** 2) / 2 / 1.2**2)
    j, i = rng.integers(0, 22, 2)
    if what == "hot":
        data[j, i] += rng.uniform(20, 5000)
    elif what == "nan":
        data[j, i] = np.nan
    elif what == "zeros":
        data[j : j + 3, i : i + 3] = 0
    elif what == "code":
        data[11:14, 11:13] = 6e4
    elif what == "corner":
        data[0, 0] += rng.uniform(20, 5000)
    data = data.astype(np.float32)
    stamp = LightStamp(data)
    find_bad([stamp])
    wanted = ~np.isfinite(data) | find_blank(data) | find_hot(data)
    found = np.zeros_like(wanted) if stamp.bad is None else stamp.bad
    np.testing.assert_array_equal(found, wanted)
