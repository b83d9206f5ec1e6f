"""Get the stars around a place from Gaia DR3 and 2MASS."""

import astropy.units as u

from astro_vbinary.exceptions import FetchError

__all__ = ["TAP_URL", "fetch_2mass", "fetch_gaia"]

#: Table access to VizieR, which has both catalogues.
TAP_URL = "https://tapvizier.cds.unistra.fr/TAPVizieR/tap"

#: Most rows that are asked for.
MOST = 2_000_000

GAIA = (
    "Source AS source_id, RA_ICRS AS ra, DE_ICRS AS dec, Gmag AS phot_g_mean_mag, "
    "Plx AS parallax, e_Plx AS parallax_error, pmRA AS pmra, e_pmRA AS pmra_error, "
    "pmDE AS pmdec, e_pmDE AS pmdec_error, RUWE AS ruwe, "
    "IPDfmp AS ipd_frac_multi_peak"
)
TWO_MASS = "RAJ2000 AS ra, DEJ2000 AS dec, Hmag AS magnitude, Jmag, Kmag"


def fetch_gaia(center, radius, *, url=TAP_URL):
    """Stars of Gaia DR3 in a cone, with what `match_gaia` looks at.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        The middle.
    radius : `~astropy.units.Quantity`
        An angle.
    url : str, optional
        Of a TAP service that has VizieR's table I/355/gaiadr3.

    Returns
    -------
    `~astropy.table.Table`
        Epoch 2016.0.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If the service does not answer, or not with a table.

    References
    ----------
    Gaia Collaboration, Vallenari et al. 2023, A&A 674, A1.
    """
    places = "RA_ICRS, DE_ICRS"
    return _cone('"I/355/gaiadr3"', GAIA, places, center, radius, url)


def fetch_2mass(center, radius, *, url=TAP_URL):
    """Stars of the 2MASS point source catalogue in a cone, by their H magnitudes.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        The middle.
    radius : `~astropy.units.Quantity`
        An angle.
    url : str, optional
        Of a TAP service that has VizieR's table II/246/out.

    Returns
    -------
    `~astropy.table.Table`
        For `NeighbourCounts.from_table`.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If the service does not answer, or not with a table.

    References
    ----------
    Skrutskie et al. 2006, AJ 131, 1163.
    """
    places = "RAJ2000, DEJ2000"
    return _cone('"II/246/out"', TWO_MASS, places, center, radius, url)


def _cone(table, columns, places, center, radius, url):
    from astroquery.utils.tap.core import TapPlus

    where = center.icrs
    circle = f"{where.ra.deg:.8f}, {where.dec.deg:.8f}, {radius.to_value(u.deg):.8f}"
    query = (
        f"SELECT {columns} FROM {table} WHERE 1=CONTAINS(POINT('ICRS', {places}), "
        f"CIRCLE('ICRS', {circle}))"
    )
    try:
        found = TapPlus(url=url).launch_job(query, maxrec=MOST).get_results()
    except Exception as error:  # the client fails in many ways, and always here
        reason = f"{table} from {url}: {error}"
        raise FetchError("unavailable", reason) from error
    if len(found) >= MOST:
        raise FetchError("too many", f"{table} has {MOST:,} rows or more in the cone")
    return found
