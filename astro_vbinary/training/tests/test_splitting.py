import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.exceptions import LeakError
from astro_vbinary.training import LinkRules, check_split, split_stacks
from astro_vbinary.training.identity import pixel_hash, together
from astro_vbinary.training.splitting import PARTS

NOWHERE = LinkRules(cell=0, radius=0)


def places(n, step=0.2):
    """Positions that are far apart."""
    return np.stack([80 + step * np.arange(n), np.full(n, -5.0)], axis=1)


@st.composite
def labelled(draw):
    """Stacks of which some share a name, a place or pixels."""
    n = draw(st.integers(12, 60))
    pick = st.lists(st.integers(0, n - 1), min_size=n, max_size=n)
    names, cells, pixels = draw(pick), draw(pick), draw(pick)
    some = st.lists(st.booleans(), min_size=n, max_size=n)
    labels = np.array(draw(some), dtype=float)
    offset = np.where(draw(some), 1e-4, 0.0)  # under half an arcsec
    positions = places(n)[cells] + offset[:, None]
    return [f"s{k}" for k in names], labels, positions, [(f"h{k}",) for k in pixels]


def leaks(parts, keys):
    found = {}
    for part, key in zip(parts, keys, strict=True):
        found.setdefault(key, set()).add(part)
    return [key for key, own in found.items() if len(own) > 1]


@given(labelled(), st.integers(0, 5))
@settings(max_examples=60)
def test_nothing_is_ever_parted(stacks, seed):
    sources, labels, positions, hashes = stacks
    parts = split_stacks(sources, labels, positions=positions, hashes=hashes, seed=seed)
    assert set(parts) <= set(PARTS)
    assert not leaks(parts, sources)
    assert not leaks(parts, hashes)
    assert not leaks(parts, [tuple(np.round(p, 3)) for p in positions])
    check_split(parts, sources, positions=positions, hashes=hashes)


@given(labelled(), st.data())
@settings(max_examples=60)
def test_any_stack_on_the_wrong_side_is_refused(stacks, data):
    sources, labels, positions, hashes = stacks
    given_ = {"positions": positions, "hashes": hashes}
    parts = split_stacks(sources, labels, **given_)
    sets = together(sources, positions, hashes)
    shared = [i for i in range(len(sets)) if (sets == sets[i]).sum() > 1]
    if not shared:
        return
    moved = data.draw(st.sampled_from(shared))
    parts[moved] = next(part for part in PARTS if part != parts[moved])
    with pytest.raises(LeakError, match="different parts"):
        check_split(parts, sources, **given_)


@given(labelled(), st.integers(0, 3))
@settings(max_examples=30)
def test_the_order_of_the_stacks_does_not_matter(stacks, seed):
    sources, labels, positions, hashes = stacks
    order = np.random.default_rng(seed).permutation(len(sources))
    parts = split_stacks(sources, labels, positions=positions, hashes=hashes)
    again = split_stacks(
        [sources[i] for i in order],
        labels[order],
        positions=positions[order],
        hashes=[hashes[i] for i in order],
    )
    # Sets of one size and classes may change places only with their names.
    assert list(again) == list(parts[order])


@given(st.integers(40, 400), st.floats(0.2, 0.8), st.integers(0, 9))
@settings(max_examples=30)
def test_shares_and_classes_are_kept(n, share, seed):
    labels = (np.arange(n) < share * n).astype(float)
    surveys = ["HST" if i % 3 else "SDSS9" for i in range(n)]
    parts = split_stacks([str(i) for i in range(n)], labels, surveys=surveys, seed=seed)
    for part, wanted in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
        own = parts == part
        assert abs(own.sum() - wanted * n) <= 3
        assert abs(labels[own].sum() - wanted * labels.sum()) <= 2


def test_the_seed_decides():
    names = [str(i) for i in range(50)]
    labels = np.arange(50) % 2
    one, two = (split_stacks(names, labels, seed=seed) for seed in (1, 2))
    assert list(one) == list(split_stacks(names, labels, seed=1))
    assert list(one) != list(two)


def test_a_source_in_two_surveys_stays_together():
    names = [str(i // 2) for i in range(60)]
    parts = split_stacks(names, np.arange(60) // 30, surveys=["HST", "SDSS9"] * 30)
    assert not leaks(parts, names)


def test_a_duplicate_under_another_name_at_one_place_stays_together():
    positions = places(40)
    positions[1::2] = positions[::2] + np.array([3 / 3600, 0])
    names = [f"name{i}" for i in range(40)]
    parts = split_stacks(names, np.arange(40) // 20, positions=positions)
    assert list(parts[::2]) == list(parts[1::2])
    # And by the distance alone, on the two sides of a cell.
    rules = LinkRules(cell=0, radius=5)
    parts = split_stacks(names, np.arange(40) // 20, positions=positions, rules=rules)
    assert list(parts[::2]) == list(parts[1::2])
    parted = split_stacks(
        names, np.arange(40) // 20, positions=positions, rules=NOWHERE
    )
    assert list(parted[::2]) != list(parted[1::2])


def test_cells_of_the_sky_stay_together():
    rng = np.random.default_rng(3)
    positions = np.stack([rng.uniform(83, 83.3, 300), rng.uniform(-5, -4.7, 300)], 1)
    names = [str(i) for i in range(300)]
    rules = LinkRules(cell=3, radius=0)
    parts = split_stacks(names, np.arange(300) % 2, positions=positions, rules=rules)
    from astropy.coordinates import SkyCoord
    from astropy_healpix import HEALPix

    healpix = HEALPix(rules.nside, order="nested", frame="icrs")
    side = healpix.pixel_resolution.to_value("arcmin")
    assert 3 / 1.5 < side < 3 * 1.5
    cells = healpix.skycoord_to_healpix(SkyCoord(positions, unit="deg"))
    assert len(set(cells)) < 100
    assert not leaks(parts, cells)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_augmented_copies_are_known(turns, mirror):
    image = np.random.default_rng(0).normal(size=(20, 17)).astype(np.float32)
    image[3, 4] = np.nan
    copy = np.rot90(image, turns)
    copy = copy[:, ::-1] if mirror else copy
    assert pixel_hash(copy) == pixel_hash(image)
    assert pixel_hash(copy + 1) != pixel_hash(image)
    names = [f"other{i}" for i in range(30)]
    hashes = [(f"h{i}",) for i in range(28)] + [
        (pixel_hash(image),),
        (pixel_hash(copy),),
    ]
    parts = split_stacks(names, np.arange(30) % 2, positions=places(30), hashes=hashes)
    assert parts[28] == parts[29]
    moved = parts.copy()
    moved[29] = next(part for part in PARTS if part != parts[28])
    with pytest.raises(LeakError, match="other28"):
        check_split(moved, names, positions=places(30), hashes=hashes)


def test_blank_images_are_not_one_source():
    assert pixel_hash(np.zeros((5, 5))) is None
    assert pixel_hash(np.full((5, 5), np.nan)) is None


def test_stacks_without_a_place_are_split_by_name():
    positions = np.full((40, 2), np.nan)
    parts = split_stacks(
        [str(i) for i in range(40)], np.arange(40) % 2, positions=positions
    )
    assert len(set(parts)) == 3


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match="3 labels for 2 stacks"):
        split_stacks(["a", "b"], [1, 0, 1])
    with pytest.raises(ValueError, match="shares"):
        split_stacks(["a"], [1], shares=(0.5, 0.6, 0.1))
    with pytest.raises(ValueError, match="cell"):
        LinkRules(cell=-1)
    with pytest.raises(ValueError, match="2 sources for 1 parts"):
        check_split(["train"], ["a", "b"])
