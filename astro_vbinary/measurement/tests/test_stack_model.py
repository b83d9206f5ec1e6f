import astropy.units as u
import numpy as np
import pytest
import torch
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from astro_vbinary.measurement import PixelBatch
from astro_vbinary.measurement.tests.helpers_pairs import rotated
from astro_vbinary.psf import MoffatPSF
from astro_vbinary.stamps import StampStack, SurveyStamp

PSFS = [MoffatPSF(1.1 * u.arcsec), MoffatPSF(1.3 * u.arcsec)]
CDS = [rotated(0.25, 10), rotated(0.396, 100)]


def small(n=3, **options):
    images = np.random.default_rng(1).normal(size=(n, 2, 21, 25))
    return PixelBatch.from_arrays(images, 1.0, PSFS, CDS, [[12, 10], [11.5, 9]])


def test_what_is_not_finite_has_no_weight():
    images = np.ones((1, 2, 21, 25))
    images[0, 0, 3, 4] = np.nan
    weight = np.ones((1, 2, 1, 1))
    weight[0, 1] = np.inf
    batch = PixelBatch.from_arrays(images, weight, PSFS, CDS, [12, 10])
    assert batch.weight[0, 0, 3, 4] == 0
    assert batch.weight[0, 0].sum() == 21 * 25 - 1
    assert batch.weight[0, 1].sum() == 0
    assert torch.isfinite(batch.images).all()


def test_widths_and_scales_are_in_arcsec():
    batch = small()
    assert np.allclose(batch.pixel_scale[0], [0.25, 0.396])
    # Wings and pixels make the effective width larger than that of the core.
    assert 1.1 < batch.fwhm[0, 0] < 1.5


def test_selection_keeps_shared_psfs():
    batch = small()
    assert len(batch[1:]) == 2
    assert torch.equal(batch[-1].images[0], batch.images[2])
    assert len(batch[torch.tensor([0, 0, 2, 1])].psf) == 1
    assert torch.equal(batch[torch.tensor([2])].images, batch.images[2:])


def test_cutout_keeps_the_sky_where_it_was():
    batch = small()
    part = batch.cutout(1.5)
    assert part.images.shape[-2:] == (13, 13)
    for band in range(2):
        x, y = (
            batch.origin[0, band].round().long() - part.origin[0, band].round().long()
        )
        wanted = batch.images[0, band, y : y + 13, x : x + 13]
        assert torch.equal(part.images[0, band], wanted)
    assert small().cutout(9.0).images.shape == (3, 2, 21, 25)


def test_cutout_at_an_edge_is_padded_without_weight():
    images = np.ones((1, 1, 21, 21))
    batch = PixelBatch.from_arrays(images, 1.0, PSFS[:1], CDS[0], [1, 10])
    part = batch.cutout(1.0)
    assert part.weight[0, 0].sum() == 9 * (1 + 1 + 4)
    assert (part.images * (part.weight == 0)).abs().sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(3, 21, 25)}, "images must have shape"),
        ({"weight": torch.zeros(3, 2, 21, 24)}, "weight must have shape"),
        ({"origin": torch.zeros(3, 2)}, "origin must have shape"),
        ({"psf": torch.zeros(2, 2, 5, 5)}, "psf must have shape"),
        ({"psf": torch.zeros(1, 2, 6, 6)}, "must be odd, not 6"),
        ({"oversampling": 0}, "1 or more, not 0"),
    ],
)
def test_shapes_are_checked(change, message):
    values = vars(small()) | change
    with pytest.raises(ValueError, match=message):
        PixelBatch(**values)


def test_psfs_must_fit_the_bands():
    images = np.zeros((3, 2, 21, 25))
    with pytest.raises(ValueError, match="need 2 PSFs, or 3 times 2"):
        PixelBatch.from_arrays(images, 1.0, PSFS[:1], CDS, [12, 10])
    batch = PixelBatch.from_arrays(images, 1.0, [PSFS] * 3, CDS, [12, 10])
    assert batch.psf.shape[:2] == (3, 2)


def stamps(*, uncertainty=None):
    target = SkyCoord(84.0, -5.0, unit="deg")
    rng = np.random.default_rng(4)
    made = []
    for number, cd in enumerate(CDS):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.crval = [84.0, -5.0]
        wcs.wcs.crpix = [20 + number, 21]
        wcs.wcs.cd = cd / 3600
        made.append(
            SurveyStamp(
                rng.normal(5, 2.0, (41 + number, 40)),
                wcs,
                survey="Pan-STARRS",
                band="gr"[number],
                source="a",
                target=target,
                uncertainty=uncertainty,
            )
        )
    return StampStack(made, target=target)


def test_stamps_bring_their_map_to_the_sky():
    stack = stamps()
    batch = PixelBatch.from_stack(stack, PSFS)
    assert batch.images.shape == (1, 2, 42, 40)
    assert batch.weight[0, 0, 41:].sum() == 0
    star = stack.target.directional_offset_by(60 * u.deg, 1.5 * u.arcsec)
    east_north = torch.tensor(
        [1.5 * np.sin(np.pi / 3), 1.5 * np.cos(np.pi / 3)], dtype=torch.float64
    )
    for band, stamp in enumerate(stack):
        wanted = stamp.wcs.world_to_pixel(star)
        found = batch.origin[0, band] + batch.to_pixel[0, band] @ east_north
        assert np.allclose(found, wanted, atol=1e-4)


def test_noise_is_the_stamps_or_measured_or_given():
    measured = PixelBatch.from_stack(stamps(), PSFS)
    assert measured.weight.max() ** -0.5 == pytest.approx(2.0, rel=0.1)
    given = PixelBatch.from_stack(stamps(), PSFS, sigma=[3.0, 4.0])
    assert given.weight[0, 1].max() == pytest.approx(1 / 16)
    with pytest.raises(ValueError, match="1 PSFs for 2 stamps"):
        PixelBatch.from_stack(stamps(), PSFS[:1])


def test_photon_noise_is_that_of_the_image():
    image = np.full((1, 1, 41, 41), 100.0)
    star = 1e5 * PSFS[0].image((41, 41), 0.25 * u.arcsec)
    image[0, 0] += star
    image[0, 0, :3] = np.nan
    batch = PixelBatch.from_arrays(image, 0.25, PSFS[:1], CDS[0], [20, 20])
    noisy = batch.with_photon_noise(2.0)
    variance = 1 / noisy.weight[0, 0, 3:].numpy()
    assert np.allclose(variance, 4 + star[3:] / 2, rtol=0.1)
    assert (noisy.weight[0, 0, :3] == 0).all()
    with pytest.raises(ValueError, match="positive, not 0"):
        batch.with_photon_noise(0)
