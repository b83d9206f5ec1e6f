"""How faint a companion of one source could have been, by its own images."""

import astropy.units as u
import numpy as np
from astropy.table import QTable

from astro_vbinary.measurement.contrast import contrast_curve
from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.limit import point_source_snr
from astro_vbinary.measurement.scan import Scan
from astro_vbinary.measurement.survey_completeness import scan_threshold

__all__ = ["source_contrast"]

#: Shares of the companions, and the names of their columns.
SHARES = {"half": 0.5, "nine_tenths": 0.9}


def source_contrast(
    batch,
    separations,
    *,
    false_positive_rate=1e-3,
    uncertainty=None,
    max_separation=2.5 * u.arcsec,
    search_radius=1.0 * u.arcsec,
    angles=8,
):
    """Contrast curves of one stack, from its own star, noise and PSFs.

    Parameters
    ----------
    batch : PixelBatch
        One stack of k bands.
    separations : `~astropy.units.Quantity`
        Shape (m,), angles.
    false_positive_rate : float, optional
        Of single stars: the threshold of the scan, by `false_alarm_probability`.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.
    max_separation : `~astropy.units.Quantity`, optional
        Radius that the scan looks at, an angle.
    search_radius : `~astropy.units.Quantity`, optional
        How far from the target the star may be, an angle.
    angles : int, optional
        Position angles to take the median of.

    Returns
    -------
    `~astropy.table.QTable`
        ``separation``, and the largest magnitude difference at which half
        (``half``) and nine tenths (``nine_tenths``) of companions of the star's own
        colour are found; NaN where not even equal stars are. ``meta`` has the star's
        signal-to-noise ratio ``snr`` and the ``threshold``.

    Raises
    ------
    ValueError
        If the batch holds more than one stack, or shows no star.
    """
    if len(batch) != 1:
        raise ValueError(f"a contrast curve is of one stack, not {len(batch)}")
    search = u.Quantity(search_radius).to_value(u.arcsec)
    start = Scan(batch, search).brightest(search)[:, None].double()
    fit = fit_stars(batch, start, uncertainty=uncertainty)
    flux = fit.flux[0, :, 0].cpu().numpy()
    share = point_source_snr(batch, flux[None])[0]
    snr = float(np.sqrt((share**2).sum()))
    if not snr > 0:
        raise ValueError("there is no star near the target")
    threshold = scan_threshold(
        false_positive_rate,
        float(batch.fwhm.min()) * u.arcsec,
        bands=batch.n_bands,
        max_separation=max_separation,
    )
    table = QTable({"separation": u.Quantity(separations).to(u.arcsec)})
    for name, completeness in SHARES.items():
        table[name] = contrast_curve(
            batch,
            snr,
            separations,
            completeness=completeness,
            threshold=threshold,
            share=share,
            uncertainty=uncertainty,
            angles=angles,
        )
    table.meta.update(snr=snr, threshold=threshold)
    return table
