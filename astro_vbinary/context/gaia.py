"""Sources in Gaia: which star each is, and whether its neighbour belongs to it."""

import astropy.units as u
import numpy as np
from scipy import special

from astro_vbinary.context.columns import angles, column, numbers
from astro_vbinary.context.sphere import chord, make_tree, separation, unit_vectors

__all__ = ["match_gaia"]

#: Epoch of positions of Gaia DR3 where the table does not tell.
EPOCH = 2016.0

#: Radius in arcsec for other sources, and for the one that may be the companion.
NEIGHBOURS, COMPANION = 5.0, 2.5

#: Largest proper motion in arcsec a year that the first search allows for.
FASTEST = 1.0

#: Scatter by orbital motion along each axis that is no disagreement, in mas/yr.
ORBIT = 2.0

MAS_YR = u.mas / u.yr


def match_gaia(table, ra, dec, epoch=None, *, radius=1.0):
    """Find sources in a table of Gaia's, at their own epochs.

    Each Gaia source is moved by its proper motion to the epoch of the source before it
    is compared.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Of Gaia's: ``source_id``, ``ra``, ``dec`` and perhaps ``ref_epoch``, ``pmra``,
        ``pmdec``, ``parallax``, their errors (``..._error``), ``ruwe`` and
        ``ipd_frac_multi_peak``; VizieR's names will do too.
    ra, dec : array-like of float
        Shape (m,): the sources, in degrees.
    epoch : array-like of float, optional
        Shape (m,): Julian years of these positions; 2016 where NaN or not given.
    radius : float, optional
        How far the match may be, in arcsec.

    Returns
    -------
    list of dict or None
        For each source, None without a match, or ``gaia_source_id``, ``gaia_ruwe``,
        ``gaia_ipd_frac_multi_peak`` (percent), ``gaia_neighbours`` (others within
        5 arcsec), ``gaia_agreement`` and, of the matched star, ``parallax``,
        ``parallax_error`` (mas), ``pmra``, ``pmdec``, ``pmra_error`` and
        ``pmdec_error`` (mas/yr).

    Notes
    -----
    ``gaia_agreement`` is the p-value of the differences in parallax and proper motion
    between the match and the brightest, or else nearest, other source within 2.5
    arcsec: chi2 of three degrees of freedom with the errors of both, and 2 mas/yr along
    each axis for an orbit. It is None where Gaia has not both.
    """
    stars = _read(table)
    here_ra, here_dec = np.asarray(ra, float), np.asarray(dec, float)
    when = np.full(len(here_ra), EPOCH) if epoch is None else np.array(epoch, float)
    when[~np.isfinite(when)] = EPOCH
    good = np.flatnonzero(np.isfinite(stars["ra"]) & np.isfinite(stars["dec"]))
    tree = make_tree(stars["ra"][good], stars["dec"][good])
    found = []
    for place in zip(here_ra, here_dec, when, strict=True):
        if not np.isfinite(place[:2]).all():
            found.append(None)
            continue
        span = np.abs(place[2] - stars["ref_epoch"][good]).max(initial=0.0)
        reach = NEIGHBOURS + radius + FASTEST * span
        near = good[tree.query_ball_point(unit_vectors(*place[:2]), chord(reach))]
        found.append(_match(stars, near, place, radius))
    return found


def _read(table):
    ra, dec = angles(table)
    stars = {"ra": ra, "dec": dec}
    for name, unit in (
        ("pmra", MAS_YR),
        ("pmra_error", MAS_YR),
        ("pmdec", MAS_YR),
        ("pmdec_error", MAS_YR),
        ("parallax", u.mas),
        ("parallax_error", u.mas),
        ("ref_epoch", u.yr),
        ("magnitude", None),
        ("ruwe", None),
        ("ipd_frac_multi_peak", None),
    ):
        stars[name] = numbers(table, name, unit, required=False)
    stars["ref_epoch"] = np.nan_to_num(stars["ref_epoch"], nan=EPOCH)
    # As whole numbers: they have more digits than a float.
    stars["id"] = np.ma.getdata(table[column(table, "id")]).astype(np.int64)
    return stars


def _places(stars, near, year):
    """Unit vectors of stars in a year."""
    time = year - stars["ref_epoch"][near]
    turn = np.cos(np.deg2rad(stars["dec"][near]))
    east = np.nan_to_num(stars["pmra"][near]) * time / 3.6e6
    north = np.nan_to_num(stars["pmdec"][near]) * time / 3.6e6
    return unit_vectors(stars["ra"][near] + east / turn, stars["dec"][near] + north)


def _match(stars, near, place, radius):
    if not len(near):
        return None
    points = _places(stars, near, place[2])
    distance = separation(points, unit_vectors(*place[:2]))
    nearest = int(np.argmin(distance))
    if distance[nearest] > radius:
        return None
    own = near[nearest]
    apart = separation(points, points[nearest])
    others = (apart <= NEIGHBOURS) & (near != own)
    close = near[others & (apart <= COMPANION)]
    agreement = None
    if len(close):
        magnitude = np.nan_to_num(stars["magnitude"][close], nan=99.0)
        order = np.lexsort((apart[others & (apart <= COMPANION)], magnitude))
        agreement = _agreement(stars, own, close[order[0]])
    row = {
        "gaia_source_id": int(stars["id"][own]),
        "gaia_ruwe": _or_none(stars["ruwe"][own]),
        "gaia_ipd_frac_multi_peak": _or_none(stars["ipd_frac_multi_peak"][own]),
        "gaia_neighbours": int(others.sum()),
        "gaia_agreement": agreement,
    }
    for name in ("parallax", "pmra", "pmdec"):
        row[name] = float(stars[name][own])
        row[f"{name}_error"] = float(stars[f"{name}_error"][own])
    return row


def _agreement(stars, one, other):
    chi2 = 0.0
    for name, extra in (("parallax", 0.0), ("pmra", ORBIT), ("pmdec", ORBIT)):
        left = stars[name][one] - stars[name][other]
        errors = stars[f"{name}_error"][[one, other]]
        chi2 += left**2 / (np.square(errors).sum() + extra**2)
    return float(special.chdtrc(3, chi2)) if np.isfinite(chi2) else None


def _or_none(value):
    return float(value) if np.isfinite(value) else None
