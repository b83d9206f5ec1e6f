"""Pairs measured in stamps: files, PSFs, tables, and real stars."""

import astropy.units as u
import numpy as np
import pytest
import torch
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import QTable, Table
from scipy import ndimage

from astro_vbinary import SkyGrid, StampIndex, StampStack, SurveyStamp
from astro_vbinary.measurement import measure_pairs, model_psf, star_psf
from astro_vbinary.psf import MoffatPSF

TARGET = SkyCoord(83.8, -5.4, unit="deg")
SCALE = 0.25 * u.arcsec


def make_stamp(stars, *, band="i", source="1", psf=None, side=81, seed=0):
    """A Pan-STARRS stamp with stars of (east, north, flux) in arcsec."""
    psf = psf or model_psf("Pan-STARRS", band)
    image = np.random.default_rng(seed).normal(5, 1, (side, side))
    middle = (side - 1) / 2
    for east, north, flux in stars:
        place = (middle - east / 0.25, middle + north / 0.25)
        image += flux * psf.image(image.shape, SCALE, position=place)
    return SurveyStamp(
        image,
        SkyGrid(TARGET, SCALE, image.shape).wcs,
        survey="Pan-STARRS",
        band=band,
        source=source,
        target=TARGET,
    )


PAIR = [(0.0, 0.0, 3000.0), (0.9, 0.9, 1500.0)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("stamps")
    for number, band in enumerate("gi"):
        stamp = make_stamp(PAIR, band=band, source="7", seed=number)
        stamp.write(tmp_path / f"7_{band}_Pan-STARRS.fits")
    (tmp_path / "8_i_Pan-STARRS.fits").write_bytes(b"SIMPLE  = no")
    blank = make_stamp(PAIR, source="9")
    blank.data[:] = np.nan
    blank.write(tmp_path / "9_i_Pan-STARRS.fits")
    make_stamp(PAIR, source="5").write(tmp_path / "5_W1_AllWISE.fits")
    make_stamp(PAIR, source="4").write(tmp_path / "4_r_NoSuchSurvey.fits")
    return tmp_path


@pytest.fixture(scope="module")
def measured(folder):
    return measure_pairs(folder)


def test_every_source_has_a_row_and_a_reason(measured):
    result = measured
    table = result.to_table()
    rows = {str(row["source"]): row for row in table}
    assert len(rows) == len(table) == 5
    good = rows["7"]
    assert good["status"] == "ok"
    assert good["bands"] == "g,i"
    assert abs(good["separation"] - 1.273 * u.arcsec) < 4 * good["separation_error"]
    assert abs(good["position_angle"] - 45 * u.deg) < 4 * good["position_angle_error"]
    gap = abs(good["magnitude_difference"] - 0.7526 * u.mag)
    assert gap < 4 * good["magnitude_difference_error"]
    assert good["false_alarm"] < 1e-6
    assert rows["8"]["status"] == "unreadable"
    assert rows["9"]["status"] == "no_data"
    assert rows["5"]["status"] == "unresolved"
    assert all(row["reason"] for name, row in rows.items() if name != "7")
    assert result.n_failed == 3
    assert result.covariance(list(rows).index("7")).shape == (4, 4)
    assert result.covariance(list(rows).index("8")).shape == (0, 0)
    bands = result.to_band_table()
    assert list(bands["band"]) == ["g", "i"]
    assert (bands["flux_primary"] > bands["flux_secondary"]).all()


def test_the_brighter_star_has_the_coordinates():
    # The target is on the fainter star.
    moved = [(-0.9, -0.9, 3000.0), (0.0, 0.0, 1500.0)]
    row = measure_pairs([StampStack([make_stamp(moved)])]).to_table()[0]
    place = SkyCoord(row["ra"], row["dec"])
    east, north = TARGET.spherical_offsets_to(place)
    assert east.to_value(u.arcsec) == pytest.approx(-0.9, abs=0.05)
    assert north.to_value(u.arcsec) == pytest.approx(-0.9, abs=0.05)
    assert row["position_angle"].to_value(u.deg) == pytest.approx(45, abs=3)


def test_where_a_band_has_no_second_star_there_is_no_magnitude():
    # Red companion: only in i.
    stack = StampStack(
        [
            make_stamp([(0, 0, 3000.0)], band="g", seed=1),
            make_stamp(PAIR, band="i", seed=2),
        ]
    )
    result = measure_pairs([stack])
    bands = result.to_band_table()
    assert np.isfinite(bands["magnitude_difference"]).tolist() == [False, True]
    assert np.isnan(bands["magnitude_difference_error"][0])
    # The pair is at least so unequal in g.
    assert 2 < bands["least_difference"][0].value < 8
    row = result.to_table()[0]
    assert row["reference_band"] == "i"
    assert row["least_difference"] < row["magnitude_difference"]


def test_one_star_in_bands_that_are_misplaced_is_not_a_pair():
    stars = [[(0.0, 0.0, 8000.0)], [(0.12, -0.05, 9000.0)], [(-0.06, 0.1, 7000.0)]]
    stamps = [
        make_stamp(where, band=band, seed=seed)
        for seed, (where, band) in enumerate(zip(stars, "gri", strict=True))
    ]
    row = measure_pairs([StampStack(stamps)]).to_table()[0]
    assert row["false_alarm"] > 1e-3 or row["bad_fit"]
    # A true pair in the same bands is one.
    both = [
        make_stamp([where[0], (where[0][0] + 1.2, where[0][1], 3000.0)], band=band)
        for where, band in zip(stars, "gri", strict=True)
    ]
    row = measure_pairs([StampStack(both)]).to_table()[0]
    assert row["false_alarm"] < 1e-4
    assert row["bad_fit"] == 0
    assert row["separation"].value == pytest.approx(1.2, abs=0.03)


def test_a_star_of_another_width_and_a_galaxy_are_not_pairs():
    wide = MoffatPSF(1.45 * u.arcsec, beta=3.0, ellipticity=0.1, angle=40 * u.deg)
    row = measure_pairs(
        [StampStack([make_stamp([(0, 0, 5000.0)], psf=wide)])]
    ).to_table()[0]
    assert row["false_alarm"] > 1e-3 or row["bad_fit"]
    galaxy = MoffatPSF(2.2 * u.arcsec, beta=2.5, ellipticity=0.45, angle=70 * u.deg)
    row = measure_pairs(
        [StampStack([make_stamp([(0, 0, 9000.0)], psf=galaxy)])]
    ).to_table()[0]
    assert row["bad_fit"] == 1 or row["false_alarm"] > 1e-3


def test_stacks_that_cannot_be_fitted_do_not_spoil_the_others(monkeypatch):
    from astro_vbinary.measurement import pairs

    def fit(batch, **options):
        if bool((batch.images > 1e5).any()):
            raise RuntimeError("does not converge\nat all")
        return fit_pairs(batch, **options)

    fit_pairs = pairs.fit_pairs
    monkeypatch.setattr(pairs, "fit_pairs", fit)
    good = StampStack([make_stamp(PAIR, source="good")])
    bad = StampStack([make_stamp([(0, 0, 1e8)], source="bad")])
    table = measure_pairs([good, bad]).to_table()
    assert list(table["status"]) == ["ok", "error"]
    assert table["reason"][1] == "cannot be fitted: does not converge"


def test_stacks_of_unlike_bands_are_fitted_as_they_are_alone():
    bands = {"one": "i", "three": "giz"}
    stacks = [
        StampStack(
            [
                make_stamp(PAIR, band=band, source=source, seed=number)
                for number, band in enumerate(names)
            ]
        )
        for source, names in bands.items()
    ]
    options = {"posterior": "none", "uncertainty": None}
    together = measure_pairs(stacks, **options).to_table()
    assert list(together["bands"]) == ["i", "g,i,z"]
    for number, stack in enumerate(stacks):
        alone = measure_pairs([stack], **options).to_table()[0]
        row = together[number]
        error = float(alone["separation_error"].value)
        off = abs(row["separation"] - alone["separation"]).value
        assert off < 0.05 * error
        assert row["separation_error"].value == pytest.approx(error, rel=1e-2)
        for name in ("statistic", "core_chi2", "false_alarm"):
            assert float(row[name]) == pytest.approx(float(alone[name]), rel=1e-2)


def test_torch_has_its_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    measure_pairs([StampStack([make_stamp(PAIR)])])
    assert torch.get_num_threads() == before + 1


def test_only_candidates_are_measured(folder):
    index = StampIndex.from_paths(folder)
    result = measure_pairs(index, candidates={("7", "Pan-STARRS")})
    assert list(result.to_table()["source"]) == ["7"]
    assert len(measure_pairs(index, candidates=set())) == 0
    assert len(measure_pairs(index, candidates=set()).to_table()) == 0


@pytest.mark.parametrize("suffix", [".ecsv", ".vot", ".fits", ".parquet"])
def test_written_tables_read_back(measured, tmp_path, suffix):
    result = measured
    path = tmp_path / f"pairs{suffix}"
    result.write(path)
    kind = {".vot": "votable", ".ecsv": "ascii.ecsv"}.get(suffix, suffix[1:])
    table, again = result.to_table(), QTable.read(path, format=kind)
    assert again.colnames == table.colnames
    for name in ("separation", "position_angle_error", "false_alarm", "moment"):
        assert np.asarray(again[name]) == pytest.approx(
            np.asarray(table[name]), rel=1e-12, nan_ok=True
        )
        assert again[name].unit == table[name].unit
    # Some formats read an empty text as a masked one.
    reasons = ["" if v is np.ma.masked else str(v) for v in again["reason"]]
    assert reasons == [str(v) for v in table["reason"]]


def test_the_votable_has_ucds(measured, tmp_path):
    measured.write(tmp_path / "pairs.vot")
    fields = parse(tmp_path / "pairs.vot", verify="exception").get_first_table().fields
    found = {field.name: field.ucd for field in fields}
    assert found["separation"] == "pos.angDistance"
    assert found["position_angle"] == "pos.posAng"
    assert all(found.values())
    assert all(field.description for field in fields)


def test_psfs_from_the_stars_of_a_stamp():
    psf = MoffatPSF(1.4 * u.arcsec, beta=3, ellipticity=0.12, angle=50 * u.deg)
    stars = [*PAIR, (7.0, 6.0, 8000.0), (-7.0, 5.0, 6000.0), (6.0, -7.0, 9000.0)]
    stamp = make_stamp(stars, psf=psf, side=101)
    found, count = star_psf(stamp, model_psf("Pan-STARRS", "i"))
    assert count == 3
    assert found.fwhm.to_value(u.arcsec) == pytest.approx(1.4, abs=0.03)
    assert found.ellipticity == pytest.approx(0.12, abs=0.03)
    assert found.angle.to_value(u.deg) % 180 == pytest.approx(50, abs=8)
    nothing, count = star_psf(make_stamp(PAIR), model_psf("Pan-STARRS", "i"))
    assert (nothing, count) == (None, 0)
    row = measure_pairs([StampStack([stamp])], psf="stars").to_table()[0]
    assert row["psf"] == "stars"
    assert abs(row["separation"] - 1.273 * u.arcsec) < 4 * row["separation_error"]


def test_psfs_from_a_folder(tmp_path):
    psf = MoffatPSF(1.4 * u.arcsec, beta=3)
    hdu = fits.PrimaryHDU(psf.image((81, 81), 0.125 * u.arcsec).astype(np.float32))
    hdu.header["PIXSCALE"] = 0.125
    hdu.writeto(tmp_path / "i_Pan-STARRS.fits")
    stack = StampStack([make_stamp(PAIR, psf=psf)])
    row = measure_pairs([stack], psf=tmp_path).to_table()[0]
    assert row["psf"] == "given"
    assert abs(row["separation"] - 1.273 * u.arcsec) < 4 * row["separation_error"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        measure_pairs([stack], psf=tmp_path / "missing")


def test_resampled_images_are_binned():
    fine, psf = 0.25 / 8 * u.arcsec, model_psf("Pan-STARRS", "i")
    side, middle = 321, 160
    rng = np.random.default_rng(3)
    # Every pixel of the survey as 8 x 8: neither information nor noise is new.
    coarse = rng.normal(0, 1, (41, 41))
    image = np.kron(coarse, np.ones((8, 8)))[:side, :side]
    for east, north, flux in PAIR:
        place = (middle - east / fine.value, middle + north / fine.value)
        image += 64 * flux * psf.image((side, side), fine, position=place)
    stamp = SurveyStamp(
        image,
        SkyGrid(TARGET, fine, image.shape).wcs,
        survey="Pan-STARRS",
        band="i",
        source="1",
        target=TARGET,
    )
    row = measure_pairs([StampStack([stamp])]).to_table()[0]
    native = measure_pairs([StampStack([make_stamp(PAIR, side=41)])]).to_table()[0]
    assert row["resampled"] == 1
    assert native["resampled"] == 0
    assert abs(row["separation"] - 1.273 * u.arcsec) < 4 * row["separation_error"]
    ratio = row["separation_error"] / native["separation_error"]
    assert 0.5 < ratio < 2


def test_close_pairs_get_intervals_of_their_posterior():
    close = [(0.0, 0.0, 6000.0), (0.25, 0.2, 5000.0)]
    wide = measure_pairs([StampStack([make_stamp(PAIR)])], uncertainty=None)
    found = measure_pairs([StampStack([make_stamp(close, seed=1)])], uncertainty=None)
    assert wide.to_table()["intervals"][0] == "gaussian"
    row = found.to_table()[0]
    assert row["degenerate"] == 1
    assert row["intervals"] == "posterior"
    assert row["effective_samples"] > 30
    assert row["separation_low_95"] < row["separation_low_68"]
    assert row["separation_low_95"] < 0.32 * u.arcsec < row["separation_high_95"]
    true = 30 / 121 * 0.32**2 * u.arcsec**2
    assert abs(row["moment"] - true) < 4 * row["moment_error"]
    with pytest.raises(ValueError, match="auto, all or none, not 'some'"):
        measure_pairs([], posterior="some")


@pytest.mark.parametrize(
    ("source", "survey", "error"),
    # The labels' own errors are not given: that of 2MASS is set by a two-Moffat fit
    # at 2 to 3 arcsec of seeing, that of SDSS by its catalogue, which says 1.37.
    [
        ("sdss033", "SDSS9", 0.05),
        ("tm02", "2MASS", 0.15),
        ("tm06", "2MASS", 0.1),
        ("tm08", "2MASS", 0.15),
    ],
)
def test_real_pairs_agree_with_their_labels(real_data, source, survey, error):
    labels = Table.read(real_data / "labels.ecsv")
    truth = labels[labels["source"] == source][0]
    stack = StampStack.read(real_data / "stamps", source=source, survey=survey)
    row = measure_pairs([stack]).to_table()[0]
    off = row["separation"].value - truth["separation"]
    assert abs(off) < 2.5 * np.hypot(error, row["separation_error"].value)
    # Of nearly equal stars either may be the brighter, by band.
    turn = (row["position_angle"].value - truth["position_angle"] + 90) % 180 - 90
    lateral = np.rad2deg(error / truth["separation"])
    assert abs(turn) < 2.5 * np.hypot(lateral, row["position_angle_error"].value)
    assert row["bad_fit"] == 0
    # Closer than 2MASS resolves, they are no more than a PSF may be wrong.
    if survey == "SDSS9":
        assert row["false_alarm"] < 1e-6


def test_errors_hold_where_pixels_share_their_noise():
    """A coadd whose noise is smoothed: separations scatter as they are said to."""
    stacks = []
    for number in range(40):
        noise = np.random.default_rng(number).normal(size=(81, 81))
        noise = ndimage.gaussian_filter(noise, 0.8, mode="wrap")
        stamp = make_stamp(PAIR, source=str(number))
        # In place of the white noise that it has.
        stamp.data[:] += noise / noise.std() - make_stamp([]).data
        stacks.append(StampStack([stamp]))
    table = measure_pairs(stacks, posterior="none", uncertainty=None).to_table()
    scatter = table["separation"].value.std()
    assert np.median(table["separation_error"].value) == pytest.approx(scatter, rel=0.3)
    # Of each pixel by itself.
    assert 0.5 < np.median(table["core_chi2"]) < 1.2


def test_half_a_stamp_of_the_least_number_costs_nothing(tmp_path):
    whole = [make_stamp(PAIR, source=str(n), seed=n) for n in range(3)]
    data = whole[1].data.astype(np.float32)
    data[:, :32] = -np.finfo(np.float32).max
    half = SurveyStamp(
        data, whole[1].wcs, survey="Pan-STARRS", band="i", source="1", target=TARGET
    )
    stacks = [StampStack([stamp]) for stamp in (whole[0], half, whole[2])]
    found = measure_pairs(stacks).to_table()
    assert [str(status) for status in found["status"]] == ["ok"] * 3
    off = np.abs(found["separation"].to_value(u.arcsec) - np.hypot(0.9, 0.9))
    assert (off < 4 * found["separation_error"].to_value(u.arcsec)).all()


def test_a_folder_of_real_stamps_is_measured_whatever_is_in_it(real_data):
    index = StampIndex.from_paths(real_data / "stamps")
    ztf = {key for key in index.groups() if key[1] == "ZTF"}
    found = measure_pairs(index, candidates=ztf, posterior="none").to_table()
    assert {(row["source"], row["survey"]) for row in found} == ztf
    assert {str(status) for status in found["status"]} <= {"ok", "no_data"}


def test_a_file_that_is_left_out_is_told(tmp_path):
    make_stamp(PAIR, source="3").write(tmp_path / "3_i_Pan-STARRS.fits")
    (tmp_path / "3_g_Pan-STARRS.fits").write_bytes(b"SIMPLE  = no")
    row = measure_pairs(tmp_path).to_table()[0]
    assert (row["status"], row["bands"]) == ("ok", "i")
    assert "3_g_Pan-STARRS.fits" in row["reason"]
