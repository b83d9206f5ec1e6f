"""Sources in the Washington Double Star catalogue, or one like it."""

import astropy.units as u
import numpy as np

from astro_vbinary.context.columns import angles, column, numbers
from astro_vbinary.context.sphere import chord, make_tree, separation, unit_vectors
from astro_vbinary.stamps.tables import cell_text

__all__ = ["match_wds"]


def match_wds(table, ra, dec, *, radius=5.0, widest=10.0):
    """Find sources in a catalogue of double stars.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With positions, ``WDS`` (or ``wds_id``) and perhaps ``sep2`` (``separation``,
        arcsec) and ``pa2`` (``position_angle``, deg).
    ra, dec : array-like of float
        Shape (m,): the sources, in degrees.
    radius : float, optional
        How far the match may be, in arcsec: the catalogue's positions are rough.
    widest : float, optional
        Entries wider than this, in arcsec, are left out.

    Returns
    -------
    list of dict or None
        For each source, None without a match, or ``wds_id``, ``wds_separation`` and
        ``wds_position_angle`` of the closest pair there (None where not given).
    """
    star_ra, star_dec = angles(table)
    names = table[column(table, "wds_id")]
    s = numbers(table, "separation", u.arcsec, required=False)
    pa = numbers(table, "position_angle", u.deg, required=False)
    good = np.isfinite(star_ra) & np.isfinite(star_dec) & ~(s > widest)
    chosen = np.flatnonzero(good)
    if not len(chosen):
        return [None] * len(np.asarray(ra))
    tree = make_tree(star_ra[chosen], star_dec[chosen])
    points = unit_vectors(star_ra[chosen], star_dec[chosen])
    found = []
    for place in zip(np.asarray(ra, float), np.asarray(dec, float), strict=True):
        if not np.isfinite(place).all():
            found.append(None)
            continue
        here = unit_vectors(*place)
        near = tree.query_ball_point(here, chord(radius))
        if not near:
            found.append(None)
            continue
        # Of the entries of one system, the closest pair.
        apart = separation(points[near], here)
        order = np.lexsort((apart, np.nan_to_num(s[chosen][near], nan=99.0)))
        own = chosen[near[order[0]]]
        found.append(
            {
                "wds_id": cell_text(names[own]) or "",
                "wds_separation": float(s[own]) if np.isfinite(s[own]) else None,
                "wds_position_angle": float(pa[own]) if np.isfinite(pa[own]) else None,
            }
        )
    return found
