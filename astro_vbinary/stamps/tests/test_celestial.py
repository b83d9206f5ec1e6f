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
    TargetOutsideError,
)
from astro_vbinary.stamps import celestial, read_image
from astro_vbinary.stamps.celestial import ImagePlane, shift_wcs, target_window
from astro_vbinary.stamps.tests.helpers_fits import (
    CENTER,
    SCALE,
    SHAPE,
    beside,
    star,
    tan_wcs,
    write,
)


def same_sky(one, other, shape=SHAPE, offset=(0, 0)):
    """Largest separation (arcsec) of what two WCS say of the same pixels."""
    y, x = np.mgrid[: shape[0] : 5, : shape[1] : 5]
    here = one.pixel_to_world(x, y)
    there = other.pixel_to_world(x + offset[1], y + offset[0])
    return here.separation(there).arcsec.max()


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


def old_equinox():
    header = tan_wcs().to_header()
    header.update(RADESYS="FK4", EQUINOX=1950.0)
    return header


def galactic():
    header = tan_wcs(projection="STG").to_header()
    del header["RADESYS"], header["LATPOLE"]
    header.update(CTYPE1="GLON-STG", CTYPE2="GLAT-STG")
    header.update(CRVAL1=CENTER.galactic.l.deg, CRVAL2=CENTER.galactic.b.deg)
    return header


HEADERS = {
    "FK4": old_equinox,
    "galactic": galactic,
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


@pytest.mark.parametrize("kind", ["PC", "CD", "SIP", "TPV", "HPX", "SIN", "ZEA"])
@pytest.mark.parametrize("size", [0.7, 2.0, 60.0] * u.arcsec)
def test_numbers_cut_what_coordinates_do(kind, size, monkeypatch):
    header = HEADERS[kind]()
    plane = ImagePlane(SHAPE, header, None, where="here")
    assert celestial.is_icrs(plane.wcs)
    target = plane.wcs.pixel_to_world(20, 11).icrs
    quick = [target_window(plane, t, size, where="here") for t in (target, None)]
    monkeypatch.setattr(celestial, "is_icrs", lambda wcs: False)
    careful = [target_window(plane, t, size, where="here") for t in (target, None)]
    assert quick == careful


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


def test_no_data_around_the_target(tmp_path):
    data = star()
    data[:, 20:] = np.nan
    path = write(tmp_path / "a.fits", data)
    assert read_image(path).mask.sum() == 24 * 12
    with pytest.raises(NoDataError):
        read_image(path, around=beside(-2.5), size=0.5 * u.arcsec)
