"""What was put in, and what came out."""

import numpy as np
from astropy.table import Table

from astro_vbinary.measurement.thresholds import binomial_interval
from astro_vbinary.pipeline import companion_fraction
from benchmarks.orion.fraction import best_share, pure_count, recall_at_precision
from benchmarks.orion.limits import above_limit
from benchmarks.orion.sky import WIDEST

__all__ = ["make_tables"]

#: Precision of the recall that is wanted, the prevalence it is meant at, and d' from
#: which on nine tenths are found at a false-positive rate of 1e-3, the PSF known.
PRECISION, PREVALENCE, NINE_TENTHS = 0.95, 0.02, 5.7

#: Flags of measurements that are not for use.
UNUSABLE = {"bad_fit", "triple"}


def make_tables(table, whole=None, docs=None, *, seed=1):
    """Print all figures, and write them.

    Parameters
    ----------
    table : `~astropy.table.Table`
        All chunks.
    whole : tuple of int, optional
        Neighbours within 2.5 arcsec of all sources that were drawn, and the expected
        number of them.
    docs : `~pathlib.Path`, optional
        Folder of the tables and the figure.
    seed : int, optional
        As for `~benchmarks.orion.sky.draw_plan`.
    """
    table = table[np.asarray(table["n_surveys"]) > 0]
    rows = [
        *_fraction(table),
        *_chances(table, whole),
        *_recalls(table, seed),
        *_measured(table),
    ]
    for name, value in rows:
        print(f"{name:66s} {value}")
    peers = _peers(table)
    peers.pprint_all()
    if docs is not None:
        from benchmarks.orion.figure import draw

        docs.mkdir(parents=True, exist_ok=True)
        kind = {"format": "ascii.csv", "overwrite": True}
        both = Table(rows=rows, names=("what", "value"))
        both.write(docs / "orion.csv", **kind)
        peers.write(docs / "orion_peers.csv", **kind)
        draw(table, docs / "orion.png")


def _role(table, name):
    return table[np.asarray(table["role"]).astype(str) == name]


def _found(table):
    return np.ma.filled(table["label"], "").astype(str) == "binary"


def _near(table):
    """Those with a neighbour by chance within reach."""
    return np.nan_to_num(_filled(table["neighbour_separation"]), nan=99) <= WIDEST


def _filled(column):
    return np.asarray(np.ma.filled(column, np.nan), dtype=float)


def _share(k, n):
    low, high = binomial_interval(int(k), int(n))
    return f"{k / n:.4f} ({low:.4f} to {high:.4f}), n = {n:,}"


def _fraction(table):
    sample = _role(table, "sample")
    sets = {
        name: (int(_found(own).sum()), len(own))
        for name in ("companion", "single", "chance")
        for own in [_role(table, name)]
    }
    put_in = np.isfinite(_filled(sample["companion_separation"])).mean()
    chance = float(np.nanmean(_filled(sample["chance"])))
    got = companion_fraction(
        int(_found(sample).sum()),
        len(sample),
        companions=sets["companion"],
        singles=sets["single"],
        neighbours=sets["chance"],
        chance=chance,
    )
    yield "sources with a stamp", f"{len(table):,}, {len(sample):,} of the sample"
    yield "called binary", _share(_found(sample).sum(), len(sample))
    names = ("companions", "single stars", "neighbours by chance")
    for name, counts in zip(names, sets.values(), strict=True):
        yield f"found of {name} (sets of their own)", _share(*counts)
    yield "companion fraction put in", f"{put_in:.4f}"
    yield (
        "companion fraction recovered, 95 % interval",
        f"{got.fraction:.4f} ({got.low:.4f} to {got.high:.4f})",
    )


def _chances(table, whole):
    sample = _role(table, "sample")
    own = int(_near(sample).sum()), float(np.nansum(_filled(sample["chance"])))
    for name, both in (("sample", own), ("all sources that were drawn", whole)):
        if both is not None:
            put_in, expected = both
            off = f"{100 * (expected / max(put_in, 1) - 1):+.1f} %"
            predicted = f"{expected:.1f} +- {np.sqrt(expected):.1f}"
            yield (
                f"neighbours by chance within 2.5 arcsec, {name}",
                f"{put_in:,}; predicted {predicted}, {off}",
            )


def _recalls(table, seed):
    """Of pairs that some survey should show, at a precision and a prevalence."""
    is_single = ~np.isfinite(_filled(table["companion_separation"])) & ~_near(table)
    # Of pairs of both kinds in all sets: the shares are mended by the prevalence.
    known = (np.asarray(table["d_prime"]) >= NINE_TENTHS) & ~is_single
    stated = above_limit(table, seed) & ~is_single
    score = _filled(table["probability"])
    everywhere, sharp = np.ones(len(table), bool), _sharp(table)
    for name, clear, part in (
        ("above the stated limit, all", stated, everywhere),
        ("above the stated limit, seen by HST or JWST", stated, sharp),
        ("above the stated limit, others", stated, ~sharp),
        ("above that of known PSFs, all", known, everywhere),
        ("above that of known PSFs, seen by HST or JWST", known, sharp),
        ("above that of known PSFs, others", known, ~sharp),
    ):
        pairs, others = score[clear & part], score[is_single & part]
        if not len(pairs) or not len(others):
            continue
        recall, false = recall_at_precision(
            pairs, others, precision=PRECISION, prevalence=PREVALENCE
        )
        yield (
            f"recall at {PRECISION}: {name}",
            f"{_share(round(recall * len(pairs)), len(pairs))}; {false} of "
            f"{len(others):,} others",
        )


def _sharp(table):
    from benchmarks.orion.sky import sees

    ra, dec = (np.asarray(table[name]) for name in ("ra", "dec"))
    return sees("HST", ra, dec, np.zeros(len(table)))


def _peers(table):
    """Pairs of the sample that the methods find at equal purity."""
    sample = _role(table, "sample")
    is_pair = np.isfinite(_filled(sample["companion_separation"])) | _near(sample)
    scores = {
        name: best_share(
            [_filled(sample[c]) for c in sample.colnames if c.startswith(f"{peer}_")],
            is_pair,
        )
        for name, peer in (("two peaks", "peaks"), ("reference recipe", "reference"))
    }
    scores["this library"] = _filled(sample["probability"])
    rows = []
    for name, own in scores.items():
        row = {"method": name}
        for purity in (0.95, 0.8, 0.5):
            count = pure_count(own, is_pair, purity=purity)
            row[f"pairs at purity {purity}"] = count
        row["of"] = int(is_pair.sum())
        rows.append(row)
    return Table(rows=rows)


def _measured(table):
    """Separations of companions that are called binary, and that may be used."""
    sample = _role(table, "sample")
    apart = _filled(sample["companion_separation"])
    own = _found(sample) & np.isfinite(apart) & ~_near(sample)
    own &= ~np.ma.filled(sample["degenerate"], True).astype(bool)
    error = _filled(sample["separation_error"])
    off = _filled(sample["separation"]) - apart
    own &= np.isfinite(off) & np.isfinite(error)
    flags = np.ma.filled(sample["flags"], "").astype(str)
    poor = own & np.array([bool(UNUSABLE & set(f.split(","))) for f in flags])
    if own.any():
        yield (
            "measured companions flagged bad_fit or triple",
            _share(poor.sum(), own.sum()),
        )
    own &= ~poor
    survey = np.ma.filled(sample["best_survey"], "").astype(str)
    for name, part in (
        ("all", own),
        ("HST", own & (survey == "HST")),
        ("JWST", own & (survey == "JWST")),
        ("others", own & ~np.isin(survey, ["HST", "JWST"])),
    ):
        if not part.any():
            continue
        median = np.median(np.abs(off[part]))
        yield (
            f"median error of the separation (arcsec), {name}",
            f"{median:.4f}, n = {part.sum():,}",
        )
        for level, width in (("68 %", 1.0), ("95 %", 1.96)):
            inside = np.abs(off[part]) < width * error[part]
            yield (
                f"separations within their {level} interval, {name}",
                _share(inside.sum(), part.sum()),
            )
