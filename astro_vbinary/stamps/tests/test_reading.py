import bz2
import gzip
import tracemalloc
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS, DistortionLookupTable, FITSFixedWarning
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.exceptions import (
    NoDataError,
    NoImageError,
    TargetOutsideError,
)
from astro_vbinary.stamps import read_image
from astro_vbinary.stamps.celestial import shift_wcs
from astro_vbinary.stamps.tests.helpers_fits import (
    CENTER,
    SCALE,
    SHAPE,
    beside,
    star,
    tan_wcs,
    write,
)

FLOATS = ("float32", "float64")
INTEGERS = ("uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def same_sky(one, other, shape=SHAPE, offset=(0, 0)):
    """Largest separation (arcsec) of what two WCS say of the same pixels."""
    y, x = np.mgrid[: shape[0] : 5, : shape[1] : 5]
    here = one.pixel_to_world(x, y)
    there = other.pixel_to_world(x + offset[1], y + offset[0])
    return here.separation(there).arcsec.max()


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_pixel_types(tmp_path, dtype, suffix):
    if suffix == ".fits.fz" and dtype in ("int64", "uint64"):
        pytest.skip("tiled compression has no 64-bit integers")
    data = star(dtype=dtype)
    raw = read_image(write(tmp_path / f"a{suffix}", data))
    wide = dtype not in ("float32", "uint8", "int16", "uint16")
    assert raw.data.dtype == np.dtype("float64" if wide else "float32")
    assert raw.data.dtype.isnative
    np.testing.assert_array_equal(raw.data, data)
    assert raw.mask is None
    assert raw.uncertainty is None


@pytest.mark.parametrize("opener", [gzip.open, bz2.open])
@pytest.mark.parametrize("name", ["a.fits.packed", "a.fits"])
def test_compressed_files_whatever_their_name(tmp_path, opener, name):
    plain = write(tmp_path / "plain.fits").read_bytes()
    with opener(tmp_path / name, "wb") as file:
        file.write(plain)
    raw = read_image(tmp_path / name)
    np.testing.assert_array_equal(raw.data, star())


def test_scaled_integers(tmp_path):
    hdu = fits.PrimaryHDU(star(), tan_wcs().to_header())
    hdu.scale("int16", bscale=0.125, bzero=1000)
    hdu.writeto(tmp_path / "a.fits")
    raw = read_image(tmp_path / "a.fits")
    np.testing.assert_allclose(raw.data, star(), atol=0.0626)
    for keyword in ("BSCALE", "BZERO", "BLANK"):
        assert keyword not in raw.header


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32"])
def test_blank(tmp_path, dtype, suffix):
    data = star(dtype=dtype)
    value = int(data[3, 4])
    header = tan_wcs().to_header()
    zero = (
        2 ** (8 * np.dtype(dtype).itemsize - 1) if dtype in ("uint16", "uint32") else 0
    )
    header["BLANK"] = value - zero
    with warnings.catch_warnings():
        # astropy will not hear of BLANK beside a scale, and writes it all the same.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        path = write(tmp_path / f"a{suffix}", data, header=header)
    raw = read_image(path)
    np.testing.assert_array_equal(raw.mask, data == value)
    assert np.isnan(raw.data[raw.mask]).all()
    np.testing.assert_array_equal(raw.data[~raw.mask], data[data != value])


def test_not_finite_is_masked(tmp_path):
    data = star()
    data[0, :3] = np.nan, np.inf, -np.inf
    raw = read_image(write(tmp_path / "a.fits", data))
    assert raw.mask.sum() == raw.mask[0, :3].sum() == 3
    assert np.isnan(raw.data[0, :3]).all()


@pytest.mark.parametrize("extra", [(1,), (1, 1)])
def test_axes_of_one_pixel(tmp_path, extra):
    data = star()
    header = tan_wcs().to_header()
    if len(extra) == 2:
        header["WCSAXES"] = 4
        header["CTYPE3"], header["CTYPE4"] = "FREQ", "STOKES"
    raw = read_image(
        write(tmp_path / "a.fits", data.reshape(extra + SHAPE), header=header)
    )
    np.testing.assert_array_equal(raw.data, data)
    assert raw.wcs.naxis == 2
    assert same_sky(raw.wcs, tan_wcs()) < 1e-6


def test_latitude_first(tmp_path):
    data = star((24, 32))
    swapped = tan_wcs((24, 32)).sub([2, 1])
    raw = read_image(write(tmp_path / "a.fits", data.T, wcs=swapped))
    np.testing.assert_array_equal(raw.data, data)
    assert raw.wcs.wcs.lng == 0
    assert same_sky(raw.wcs, tan_wcs((24, 32))) < 1e-6


def distorted_sip():
    wcs = tan_wcs(projection="TAN-SIP")
    header = wcs.to_header(relax=True)
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header.update(A_ORDER=2, B_ORDER=2, A_2_0=3e-4, B_1_1=-2e-4, A_0_2=1e-4)
    return header


def healpix_grid():
    header = tan_wcs(projection="HPX").to_header()
    header.update(CRVAL1=CENTER.ra.deg, CRVAL2=0.0)
    header["CRPIX2"] -= CENTER.dec.deg / header["CDELT2"]
    return header


def cd_matrix():
    header = tan_wcs(angle=30).to_header()
    pc = np.array([[header.pop(f"PC{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2)])
    for i in (1, 2):
        step = header.pop(f"CDELT{i}")
        header.update({f"CD{i}_{j}": step * pc[i - 1, j - 1] for j in (1, 2)})
    return header


def distorted_tpv():
    header = cd_matrix()  # the polynomial is in degrees only with a CD matrix
    header.update(CTYPE1="RA---TPV", CTYPE2="DEC--TPV", PV1_1=1.0, PV2_1=1.0)
    header.update(PV1_4=30.0, PV2_6=-20.0)
    return header


def old_rotation():
    header = tan_wcs().to_header()
    header["CROTA2"] = 25.0
    header["EPOCH"] = 2000.0
    return header


HEADERS = {
    "PC": lambda: tan_wcs(angle=77).to_header(),
    "CD": cd_matrix,
    "CROTA": old_rotation,
    "SIP": distorted_sip,
    "TPV": distorted_tpv,
    "HPX": healpix_grid,
    "SIN": lambda: tan_wcs(projection="SIN").to_header(),
    "ZEA": lambda: tan_wcs(projection="ZEA").to_header(),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_every_wcs_is_kept_and_cut_exactly(tmp_path, kind):
    header = HEADERS[kind]()
    data = star()
    path = write(tmp_path / "a.fits", data, header=header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header)
    raw = read_image(path)
    assert same_sky(raw.wcs, wcs) < 1e-6
    target = wcs.pixel_to_world(20, 11).icrs
    cut = read_image(path, around=target, size=2 * u.arcsec)
    x, y = (round(float(v)) for v in cut.wcs.world_to_pixel(target))
    y0, x0 = 11 - y, 20 - x
    ny, nx = cut.data.shape
    assert 8 <= nx <= 16
    assert 8 <= ny <= 16
    np.testing.assert_array_equal(cut.data, data[y0 : y0 + ny, x0 : x0 + nx])
    assert same_sky(cut.wcs, wcs, cut.data.shape, (y0, x0)) < 1e-6
    assert cut.wcs.array_shape == cut.data.shape


def test_distortion_in_lookup_tables(tmp_path):
    wcs = tan_wcs()
    y, x = np.mgrid[:9, :9].astype(np.float32)
    for number, table in ((1, 0.3 * x), (2, -0.2 * y * x / 8)):
        made = DistortionLookupTable(table, (1.0, 1.0), (1.0, 1.0), (4.0, 4.0))
        setattr(wcs, f"cpdis{number}", made)
    hdus = wcs.to_fits(relax=True)
    more = hdus[1:]
    data = star()
    path = write(tmp_path / "a.fits", data, header=hdus[0].header, more=more)
    raw = read_image(path)
    assert same_sky(raw.wcs, wcs) < 1e-6
    assert same_sky(raw.wcs, tan_wcs()) > 0.2
    window = (slice(5, 20), slice(7, 30))
    assert same_sky(shift_wcs(raw.wcs, window), wcs, (15, 23), (5, 7)) < 1e-6
    assert same_sky(raw.wcs, wcs) < 1e-6  # what was cut is not changed


@given(
    ra=st.floats(0, 360),
    dec=st.floats(-90, 90),
    angle=st.floats(0, 360),
    parity=st.sampled_from([-1, 1]),
    scale=st.floats(0.03, 3),
    x=st.floats(-0.4, 79.4),
    y=st.floats(-0.4, 59.4),
    size=st.floats(0.5, 30),
)
def test_a_cutout_holds_its_square(
    tmp_path_factory, ra, dec, angle, parity, scale, x, y, size
):
    shape = (60, 80)
    wcs = tan_wcs(shape, center=SkyCoord(ra, dec, unit="deg"), angle=angle, scale=scale)
    wcs.wcs.cdelt = parity * wcs.wcs.cdelt[0], wcs.wcs.cdelt[1]
    data = np.arange(4800, dtype=np.float32).reshape(shape)
    path = write(tmp_path_factory.mktemp("cut") / "a.fits", data, wcs=wcs)
    target = wcs.pixel_to_world(x, y)
    cut = read_image(path, around=target, size=size * u.arcsec)
    y0, x0 = divmod(int(cut.data[0, 0]), 80)
    ny, nx = cut.data.shape
    np.testing.assert_array_equal(cut.data, data[y0 : y0 + ny, x0 : x0 + nx])
    here = cut.wcs.world_to_pixel(target)
    np.testing.assert_allclose(here, (x - x0, y - y0), atol=1e-5)
    corners = target.directional_offset_by(
        np.arange(45, 360, 90) * u.deg, size / np.sqrt(2) * u.arcsec
    )
    for corner_x, corner_y in zip(*wcs.world_to_pixel(corners), strict=True):
        assert min(max(corner_x, 0), 79) - x0 < nx
        assert min(max(corner_y, 0), 59) - y0 < ny
        assert max(corner_x, 0) >= x0 or corner_x > 79
        assert max(corner_y, 0) >= y0 or corner_y > 59


def test_without_a_position_the_centre_is_cut_and_stays_the_centre(tmp_path):
    for shape in ((60, 81), (61, 80)):
        path = write(tmp_path / f"{shape[0]}.fits", star(shape), wcs=tan_wcs(shape))
        cut = read_image(path, size=4 * u.arcsec)
        ny, nx = cut.data.shape
        assert max(ny, nx) < 24
        middle = cut.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
        assert middle.separation(CENTER).arcsec < 1e-6


def test_a_cutout_of_a_huge_image_costs_little(tmp_path):
    ny, nx = 20_000, 20_000
    header = fits.PrimaryHDU(header=tan_wcs((ny, nx)).to_header()).header
    header.update(BITPIX=-32, NAXIS=2)
    header.set("NAXIS1", nx, after="NAXIS")
    header.set("NAXIS2", ny, after="NAXIS1")
    text = header.tostring().encode()
    block = star((100, 100)).astype(">f4")
    path = tmp_path / "wide.fits"
    with path.open("wb") as file:
        file.write(text)
        file.truncate(len(text) + -(-ny * nx * 4 // 2880) * 2880)  # a hole: no disk
        for row, line in enumerate(block):
            file.seek(len(text) + 4 * ((ny // 2 - 50 + row) * nx + nx // 2 - 50))
            file.write(line.tobytes())
    read_image(write(tmp_path / "small.fits"), around=CENTER)  # imports come first
    tracemalloc.start()
    raw = read_image(path, around=CENTER, size=30 * u.arcsec)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
    y, x = (np.array(raw.data.shape) - 100) // 2
    np.testing.assert_array_equal(raw.data[y : y + 100, x : x + 100], block)


def test_target_outside(tmp_path):
    path = write(tmp_path / "a.fits")
    half = SCALE * SHAPE[1] / 2
    assert read_image(path, around=beside(half - 0.01)).data.shape == SHAPE
    for outside in (beside(half + 0.01), beside(3600), SkyCoord(200, 80, unit="deg")):
        with pytest.raises(TargetOutsideError, match=r"a\.fits HDU 0: the target"):
            read_image(path, around=outside)


@pytest.mark.parametrize("kind", HEADERS)
def test_a_far_target_is_never_led_back_by_a_distortion(tmp_path, kind):
    path = write(tmp_path / "a.fits", header=HEADERS[kind]())
    for separation in (20, 600, 6000, 60_000, 300_000, 500_000):
        for angle in range(0, 360, 40):
            with pytest.raises(TargetOutsideError):
                read_image(path, around=beside(separation, angle))


def test_a_target_in_another_frame(tmp_path):
    path = write(tmp_path / "a.fits")
    cut = read_image(path, around=CENTER.galactic, size=2 * u.arcsec)
    ny, nx = cut.data.shape
    x, y = cut.wcs.world_to_pixel(CENTER)
    np.testing.assert_allclose((x, y), ((nx - 1) / 2, (ny - 1) / 2), atol=1e-6)


def test_a_moving_target_is_looked_for_where_it_was(tmp_path):
    header = tan_wcs().to_header()
    header["MJD-OBS"] = Time("2006-01-01").mjd
    path = write(tmp_path / "a.fits", header=header)
    start = beside(-10.0)  # arcsec west of the image's centre, in 1996
    moving = SkyCoord(
        start.ra,
        start.dec,
        pm_ra_cosdec=1 * u.arcsec / u.yr,
        pm_dec=0 * u.arcsec / u.yr,
        obstime=Time("1996-01-01"),
    )
    with pytest.raises(TargetOutsideError):
        read_image(path, around=start)
    cut = read_image(path, around=moving, size=2 * u.arcsec)
    x, y = cut.wcs.world_to_pixel(CENTER)
    ny, nx = cut.data.shape
    np.testing.assert_allclose((x, y), ((nx - 1) / 2, (ny - 1) / 2), atol=0.6)


@pytest.mark.parametrize(
    ("around", "size"),
    [
        ("83.8 -5.4", None),
        (SkyCoord([1, 2], [3, 4], unit="deg"), None),
        (None, 3),
        (None, 3 * u.s),
        (None, -1 * u.arcsec),
        (None, np.nan * u.deg),
        (None, [1, 2] * u.deg),
    ],
)
def test_requests_that_make_no_sense(tmp_path, around, size):
    with pytest.raises(ValueError, match=r"^(around|size) must be"):
        read_image(tmp_path / "a.fits", around=around, size=size)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_image(tmp_path / "nowhere.fits")


def test_the_image_among_tables_and_images_of_other_things(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(9))])
    psf = fits.ImageHDU(np.ones((5, 5)), name="PSF")
    preview = fits.PrimaryHDU(np.ones((9, 9)))
    path = write(tmp_path / "a.fits", first=[preview, table, psf])
    np.testing.assert_array_equal(read_image(path).data, star())


def test_an_image_with_a_wcs_goes_before_one_without(tmp_path):
    more = [fits.ImageHDU(star(), tan_wcs().to_header())]
    path = write(tmp_path / "a.fits", np.ones(SHAPE), header=fits.Header(), more=more)
    np.testing.assert_array_equal(read_image(path).data, star())


def test_the_chip_with_the_target_is_taken(tmp_path):
    first, second = star(seed=1), star(seed=2)
    far = tan_wcs(center=beside(100)).to_header()
    path = write(tmp_path / "a.fits", first, first=[fits.PrimaryHDU()])
    fits.append(
        path, second, fits.Header([*far.cards, ("EXTNAME", "SCI"), ("EXTVER", 2)])
    )
    np.testing.assert_array_equal(read_image(path).data, first)
    np.testing.assert_array_equal(read_image(path, around=beside(100)).data, second)
    with pytest.raises(TargetOutsideError):
        read_image(path, around=beside(50))


def test_hdu_by_number_and_name(tmp_path):
    other = star(seed=5)
    more = [fits.ImageHDU(other, tan_wcs().to_header(), name="Other")]
    path = write(tmp_path / "a.fits", more=more)
    np.testing.assert_array_equal(read_image(path).data, star())
    for hdu in (1, "OTHER", "other"):
        np.testing.assert_array_equal(read_image(path, hdu=hdu).data, other)
    for hdu in (2, "SCI"):
        with pytest.raises(NoImageError, match="it has 0 'PRIMARY', 1 'OTHER'"):
            read_image(path, hdu=hdu)


def test_the_header_is_completed_by_the_first(tmp_path):
    primary = fits.PrimaryHDU()
    primary.header.update(TELESCOP="HST", EXPSTART=56101.0, EXPEND=56102.0)
    header = tan_wcs().to_header()
    header["BUNIT"] = "ELECTRONS/S"
    raw = read_image(write(tmp_path / "a.fits", header=header, first=[primary]))
    assert raw.header["TELESCOP"] == "HST"
    assert raw.unit == u.electron / u.s
    assert raw.epoch.mjd == 56101.5


SIGMA = np.linspace(1, 3, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ERR", SIGMA),
        ("err", SIGMA),
        ("RMS", SIGMA),
        ("VAR", SIGMA**2),
        ("VARIANCE", SIGMA**2),
        ("INVVAR", SIGMA**-2),
        ("IVAR", SIGMA**-2),
    ],
)
def test_uncertainties(tmp_path, name, values):
    values = values.copy()
    values[0, :3] = 0, -1, np.nan
    path = write(tmp_path / "a.fits", more=[fits.ImageHDU(values, name=name)])
    raw = read_image(path)
    assert np.isnan(raw.uncertainty[0, :3]).all()
    np.testing.assert_allclose(raw.uncertainty[1:], SIGMA[1:], rtol=1e-5)
    assert raw.mask is None
    cut = read_image(path, around=beside(0.1), size=2 * u.arcsec)
    y0 = (SHAPE[0] - cut.data.shape[0]) // 2
    assert cut.uncertainty.shape == cut.data.shape
    assert (
        cut.uncertainty[0, 0] in SIGMA[y0].astype("f4")
        or np.isclose(SIGMA[y0], cut.uncertainty[0, 0], rtol=1e-5).any()
    )


def test_a_weight_only_says_where_there_are_data(tmp_path):
    weight = np.full(SHAPE, 740.0, dtype=np.float32)
    weight[:, :2] = 0
    raw = read_image(
        write(tmp_path / "a.fits", more=[fits.ImageHDU(weight, name="WHT")])
    )
    assert raw.uncertainty is None
    np.testing.assert_array_equal(raw.mask, weight == 0)


@pytest.mark.parametrize(
    ("cards", "good", "bad"),
    [
        ({}, [], [1, 2, 1 << 14]),
        ({"TELESCOP": "JWST"}, [2, 4, 1 << 12], [1, 1 | 4]),
        ({"TELESCOP": "HST", "INSTRUME": "ACS"}, [64], [1, 16, 256, 4096, 64 | 256]),
        (
            {"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "UVIS"},
            [64, 1024],
            [4, 256, 2048, 8192],
        ),
        (
            {"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR"},
            [64, 512, 2048],
            [4, 256, 4096],
        ),
        ({"TELESCOP": "HST", "INSTRUME": "NICMOS"}, [1024, 2048], [32, 64]),
        ({"TELESCOP": "HST", "INSTRUME": "STIS"}, [], [1, 64, 1024]),
    ],
)
def test_flags_by_telescope(tmp_path, cards, good, bad):
    flags = np.zeros(SHAPE, dtype=np.int16)
    values = [*good, *bad]
    flags[0, : len(values)] = values
    primary = fits.PrimaryHDU()
    primary.header.update(cards)
    dq = fits.ImageHDU(flags, name="DQ")
    raw = read_image(write(tmp_path / "a.fits", first=[primary], more=[dq]))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[0, len(good) : len(values)] = True
    np.testing.assert_array_equal(raw.mask, expected)


def test_the_planes_of_an_hsc_cutout(tmp_path):
    flags = np.zeros(SHAPE, dtype=np.int32)
    planes = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "DETECTED": 5, "NO_DATA": 8}
    for column, bit in enumerate(planes.values()):
        flags[0, column] = 1 << bit
    header = tan_wcs().to_header()
    header["EXTTYPE"] = "IMAGE"
    mask = fits.ImageHDU(flags)
    mask.header["EXTTYPE"] = "MASK"
    mask.header.update({f"HIERARCH MP_{name}": bit for name, bit in planes.items()})
    variance = fits.ImageHDU(SIGMA**2)
    variance.header["EXTTYPE"] = "VARIANCE"
    image = fits.ImageHDU(star(), header)
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), image, mask, variance]).writeto(path)
    raw = read_image(path)
    assert raw.mask[0, :6].tolist() == [True, True, False, True, False, True]
    assert raw.mask.sum() == 4
    np.testing.assert_allclose(raw.uncertainty, SIGMA, rtol=1e-6)


def test_companions_of_other_images_are_left_alone(tmp_path):
    more = [
        fits.ImageHDU(SIGMA, name="B_RMS"),
        fits.ImageHDU(2 * SIGMA, name="A_RMS"),
        fits.ImageHDU(np.ones((9, 9), dtype=np.int16), name="DQ"),
        fits.ImageHDU(np.ones(SHAPE, dtype=np.int16), name="MASK", ver=2),
    ]
    header = tan_wcs().to_header()
    header["EXTNAME"] = "A_SCI"
    raw = read_image(write(tmp_path / "a.fits", header=header, more=more))
    np.testing.assert_array_equal(raw.uncertainty, 2 * SIGMA)
    assert raw.mask is None


def test_a_mask_that_leaves_nothing(tmp_path):
    more = [fits.ImageHDU(np.ones(SHAPE, dtype=np.uint8), name="MASK")]
    with pytest.raises(NoDataError, match="768 pixels are blank or masked"):
        read_image(write(tmp_path / "a.fits", more=more))


def test_no_data_around_the_target(tmp_path):
    data = star()
    data[:, 20:] = np.nan
    path = write(tmp_path / "a.fits", data)
    assert read_image(path).mask.sum() == 24 * 12
    with pytest.raises(NoDataError):
        read_image(path, around=beside(-2.5), size=0.5 * u.arcsec)


def test_names_are_taken_literally(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE", "elsewhere")
    for name in ("~a.fits", "$PLACE.fits", "a.fits[1]", "http:a.fits"):
        write(tmp_path / "plain.fits").rename(name)
        np.testing.assert_array_equal(read_image(name).data, star())


def test_junk_after_the_last_hdu_harms_nobody(tmp_path):
    path = write(tmp_path / "a.fits")
    for junk in (b"\0" * 2880, b"junk" * 999, b"x"):
        whole = path.read_bytes()
        path.write_bytes(whole + junk)
        np.testing.assert_array_equal(read_image(path).data, star())
        path.write_bytes(whole)


def test_missing_padding_harms_nobody(tmp_path):
    path = write(tmp_path / "a.fits")
    whole = path.read_bytes()
    data_bytes = star().nbytes
    path.write_bytes(whole[: len(whole) - (-data_bytes % 2880)])
    np.testing.assert_array_equal(read_image(path).data, star())


def test_real_images(real_data):
    shapes = {
        "2-cutout-HSC-I-8279-pdr2_wide.fits": (25, 25),
        "DEC-OBS04a.mini.fits": (256, 256),
        "a2744_cd_F105W.fits.gz": (400, 400),
        "cosmos_cut_hsc1_grizy.fits": None,  # a cube
        "cosmos_cut_hst1_F814W.fits": (250, 250),
        "euclid_q1_102018665_VIS_YJH_DESgriz.fits": (100, 100),
        "iebc16ubq_F814W_flc_2022.fits": (512, 513),
        "jw01288015001_04101_00001_mirimage_i2d.fits.gz": (129, 137),
        "native_2mass_J.fits": (1024, 512),
        "xdf_F105W_sci.fits": (200, 200),
        "xdf_F160W_sci.fits": (200, 200),
    }
    for path in sorted((real_data / "images").iterdir()):
        shape = shapes.pop(path.name)
        if shape is None:
            with pytest.raises(NoImageError, match="5 x 50 x 50"):
                read_image(path)
            continue
        raw = read_image(path)
        ny, nx = raw.data.shape
        assert (ny, nx) == shape
        middle = raw.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
        cut = read_image(path, around=middle, size=3 * u.arcsec)
        y, x = (n // 2 for n in cut.data.shape)
        position = cut.wcs.pixel_to_world(x, y)
        x0, y0 = raw.wcs.world_to_pixel(position)
        value = raw.data[round(float(y0)), round(float(x0))]
        np.testing.assert_array_equal(cut.data[y, x], value)
    assert not shapes
