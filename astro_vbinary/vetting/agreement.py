"""How far annotators agree, beyond what chance would bring, and what most say."""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
from astropy.table import Table

from astro_vbinary.vetting.annotations import ANNOTATION_LABELS, Annotation

__all__ = ["cohen_kappa", "fleiss_kappa", "make_consensus", "measure_agreement"]

#: Name under which a consensus stands in the column of annotators.
CONSENSUS = "consensus"


def cohen_kappa(first, second):
    """Cohen's kappa of two annotators who labelled the same things.

    Parameters
    ----------
    first, second : sequence
        Their labels, of equal length, in the same order.

    Returns
    -------
    float
        ``(p_o - p_e) / (1 - p_e)``: 1 for full agreement, 0 for what chance brings;
        NaN where there is nothing, or where both used one and the same label only.

    Raises
    ------
    ValueError
        If the lengths differ.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37, eq. 1,
    doi:10.1177/001316446002000104.

    Examples
    --------
    >>> from astro_vbinary.vetting import cohen_kappa
    >>> cohen_kappa(["binary", "binary", "unsure"], ["binary", "unsure", "unsure"])
    0.4
    """
    first, second = list(first), list(second)
    if len(first) != len(second):
        raise ValueError(
            f"labels of different lengths cannot be compared: {len(first)} and "
            f"{len(second)}"
        )
    n = len(first)
    if n == 0:
        return np.nan
    # Whole numbers as long as possible, so that 0 and 1 are met exactly.
    same = n * sum(a == b for a, b in zip(first, second, strict=True))
    totals = Counter(first), Counter(second)
    chance = sum(totals[0][label] * totals[1][label] for label in totals[0])
    return (same - chance) / (n * n - chance) if chance < n * n else np.nan


def fleiss_kappa(counts):
    """Fleiss' kappa of any number of annotators.

    Parameters
    ----------
    counts : array-like of int
        Shape (n_source, n_label): how many annotators gave a source a label. Every
        source has the same number of annotators, at least two.

    Returns
    -------
    float
        As for `cohen_kappa`.

    Raises
    ------
    ValueError
        If the shape is another one, a count is negative or no whole number, or the
        numbers of annotators differ or are below two.

    References
    ----------
    Fleiss 1971, Psychological Bulletin 76, 378, eqs. 1 to 7, doi:10.1037/h0031619.

    Examples
    --------
    >>> from astro_vbinary.vetting import fleiss_kappa
    >>> fleiss_kappa([[3, 0], [0, 3], [3, 0]])
    1.0
    """
    counts = np.asarray(counts)
    if counts.ndim != 2:
        raise ValueError(f"counts have two dimensions, not {counts.ndim}")
    if counts.shape[0] == 0:
        return np.nan
    if not np.array_equal(counts, counts.astype(int)) or (counts < 0).any():
        raise ValueError("counts are whole numbers of at least 0")
    counts = counts.astype(int)
    raters = counts.sum(axis=1)
    if (raters != raters[0]).any() or raters[0] < 2:
        raise ValueError(
            "every source needs the same number of annotators, at least 2; there are "
            f"{raters.min()} to {raters.max()}"
        )
    n, total = int(raters[0]), int(counts.sum())
    pairs = counts.shape[0] * n * (n - 1)
    observed = int((counts * (counts - 1)).sum()) / pairs
    chance = int((counts.sum(axis=0) ** 2).sum())
    if chance == total**2:
        return np.nan
    expected = chance / total**2
    return float((observed - expected) / (1 - expected))


def measure_agreement(annotations):
    """Agreement of every two annotators, of all of them, and of each with themselves.

    A source counts where both, or all, have labelled it, each source and survey by
    itself, with any of `ANNOTATION_LABELS`.

    Parameters
    ----------
    annotations : iterable of Annotation
        The labels, with those of second looks where there are any.

    Returns
    -------
    `~astropy.table.Table`
        One row a comparison: ``kind`` (``two annotators``, ``all annotators`` or
        ``same annotator again``), ``annotators``, ``n`` sources in common, ``agree``
        (the share with the same label; for all, the mean share of agreeing pairs),
        ``kappa`` and ``statistic`` (Cohen or Fleiss). NaN where nothing can be said.
    """
    looks = defaultdict(dict)
    for label in annotations:
        key = (label.source, label.survey)
        looks[label.annotator, label.look][key] = label.label
    names = sorted({name for name, look in looks if look == 1})
    rows = [
        (
            "two annotators",
            " & ".join(pair),
            *_compare(looks[pair[0], 1], looks[pair[1], 1]),
        )
        for pair in combinations(names, 2)
    ]
    if len(names) > 2:
        rows.append(("all annotators", " & ".join(names), *_compare_all(looks, names)))
    again = sorted({name for name, look in looks if look > 1})
    rows += [
        ("same annotator again", name, *_compare(looks[name, 1], looks[name, 2]))
        for name in again
    ]
    return Table(
        rows=rows or None,
        names=("kind", "annotators", "n", "agree", "kappa", "statistic"),
        dtype=(str, str, int, float, float, str),
    )


def make_consensus(annotations, *, least=1):
    """One label a source: what more than half of its annotators say.

    Those who are unsure have no vote. Where no label has more than half of the votes,
    or nobody votes, the consensus is ``unsure``.

    Parameters
    ----------
    annotations : iterable of Annotation
        The labels; second looks have no vote.
    least : int, optional
        Fewest annotators that a source needs, unsure ones among them; others are left
        out.

    Returns
    -------
    list of Annotation
        One for each source and survey, with the share of the votes as a note and
        ``consensus`` as annotator, in the order in which sources come.
    """
    votes = {}
    for label in annotations:
        if label.look == 1:
            votes.setdefault((label.source, label.survey), {})[label.annotator] = label
    found = []
    for (source, survey), given in votes.items():
        if len(given) < least:
            continue
        sure = Counter(v.label for v in given.values() if v.label != "unsure")
        best, number = sure.most_common(1)[0] if sure else ("unsure", 0)
        if 2 * number <= sure.total():
            best = "unsure"
        newest = max(given.values(), key=lambda label: label.time)
        images = dict.fromkeys(name for v in given.values() for name in v.images)
        found.append(
            Annotation(
                source,
                survey,
                best,
                CONSENSUS,
                newest.time,
                f"{number} of {len(given)} annotators",
                tuple(images),
                newest.ra,
                newest.dec,
            )
        )
    return found


def _compare(first, second):
    both = [key for key in first if key in second]
    a, b = [first[key] for key in both], [second[key] for key in both]
    agree = np.mean([x == y for x, y in zip(a, b, strict=True)]) if both else np.nan
    return len(both), float(agree), cohen_kappa(a, b), "Cohen"


def _compare_all(looks, names):
    shared = set.intersection(*(set(looks[name, 1]) for name in names))
    counts = np.array(
        [
            [
                sum(looks[n, 1][key] == label for n in names)
                for label in ANNOTATION_LABELS
            ]
            for key in sorted(shared)
        ],
        dtype=int,
    ).reshape(-1, len(ANNOTATION_LABELS))
    pairs = len(names) * (len(names) - 1)
    agree = (counts * (counts - 1)).sum(axis=1).mean() / pairs if shared else np.nan
    return len(shared), float(agree), fleiss_kappa(counts), "Fleiss"
