import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement import glrt, subtract_neighbours
from astro_vbinary.measurement.scan import Scan
from astro_vbinary.measurement.tests.helpers_pairs import SIDE, make_batch


def with_neighbour(ground, *, ratio, separation, at, flux, n=8, seed=3):
    rng = np.random.default_rng(seed)
    batch, truth = make_batch(
        *ground, n, snr=80, ratio=ratio, separation=separation, rng=rng
    )
    images = batch.images.clone()
    for i in range(n):
        angle = rng.uniform(0, 2 * np.pi)
        x, y = batch.origin[i, 0].numpy() + at / 0.25 * np.array(
            [np.sin(angle), np.cos(angle)]
        )
        star = ground[0][0].image((SIDE, SIDE), 0.25 * u.arcsec, position=(x, y))
        images[i, 0] += flux * truth["flux"][i, 0, 0] * torch.from_numpy(star).float()
    return batch, type(batch)(**(vars(batch) | {"images": images}))


def test_neighbour_is_no_companion_once_it_is_subtracted(ground):
    before, after = with_neighbour(ground, ratio=0.0, separation=0, at=3.3, flux=2.0)
    spoiled = glrt(after).statistic
    cleaned = glrt(subtract_neighbours(after)).statistic
    assert np.median(spoiled) > 20
    assert (cleaned < 5).all()
    # A little of the companion's signal goes with a neighbour that is none.
    assert np.allclose(cleaned, glrt(before).statistic, atol=1.5)


def test_companion_stays(ground):
    before, after = with_neighbour(ground, ratio=0.4, separation=1.3, at=4.2, flux=1.5)
    cleaned = glrt(subtract_neighbours(after))
    wanted = glrt(before)
    assert np.allclose(cleaned.statistic, wanted.statistic, rtol=0.15)
    assert np.allclose(cleaned.separation, wanted.separation, atol=0.1 * u.arcsec)


def test_without_neighbours_nothing_changes(ground):
    rng = np.random.default_rng(5)
    batch, _ = make_batch(*ground, 8, snr=80, ratio=0.5, separation=1.0, rng=rng)
    assert torch.equal(subtract_neighbours(batch).images, batch.images)
    nothing = subtract_neighbours(batch, significance=1e9)
    assert torch.equal(nothing.images, batch.images)


def test_two_neighbours_go_one_after_the_other(ground):
    _, one = with_neighbour(ground, ratio=0.0, separation=0, at=3.3, flux=2.0)
    rng = np.random.default_rng(8)
    images = one.images.clone()
    # Half of the stacks have another one, so that a second round is for these.
    for i in range(0, len(one), 2):
        angle = rng.uniform(0, 2 * np.pi)
        x, y = one.origin[i, 0].numpy() + 5.0 / 0.25 * np.array(
            [np.sin(angle), np.cos(angle)]
        )
        star = ground[0][0].image((SIDE, SIDE), 0.25 * u.arcsec, position=(x, y))
        images[i, 0] += float(one.images[i, 0].max()) * 8 * torch.from_numpy(star)
    two = type(one)(**(vars(one) | {"images": images}))
    cleaned = subtract_neighbours(two)
    assert (glrt(cleaned).statistic < 6).all()
    taken = (two.images - cleaned.images).sum((1, 2, 3))
    once = (one.images - subtract_neighbours(one).images).sum((1, 2, 3))
    assert (taken[::2] > 1.1 * once[::2]).all()
    torch.testing.assert_close(taken[1::2], once[1::2], rtol=1e-3, atol=1.0)


def test_the_scan_of_some_stacks_is_that_of_a_batch_of_them(ground):
    rng = np.random.default_rng(6)
    batch, _ = make_batch(*ground, 6, snr=80, ratio=0.5, separation=1.0, rng=rng)
    rows = torch.tensor([1, 4, 5])
    part, own = Scan(batch, 2.5).of_rows(batch[rows], rows), Scan(batch[rows], 2.5)
    maps = own.correlate(batch[rows].images)
    torch.testing.assert_close(part.correlate(batch[rows].images), maps)
    assert torch.equal(part.brightest(1.0), own.brightest(1.0))
    star = torch.zeros(3, 2)
    torch.testing.assert_close(part.beside(maps, star)[0], own.beside(maps, star)[0])
