"""``astro-vbinary completeness``: what a survey could have seen."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import overwrite_option, quiet_option, seed_option
from astro_vbinary.cli.outputs import check_file, check_table, replacing

__all__ = ["command"]


class _Numbers(click.ParamType):
    """Numbers separated by commas, or start:stop:count."""

    name = "numbers"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            if ":" in value:
                import numpy as np

                start, stop, count = value.split(":")
                return tuple(
                    float(v)
                    for v in np.linspace(*map(float, (start, stop)), int(count))
                )
            return tuple(float(v) for v in value.split(","))
        except ValueError:
            self.fail(f"{value!r}: give 0.2,0.5,1 or 0.2:2.4:12", param, ctx)


@click.command("completeness", short_help="The share of companions that is found.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The map as a table: .ecsv, .csv, .vot, .fits or .parquet.",
)
@click.option(
    "--survey",
    required=True,
    type=LazyChoice("astro_vbinary.simulation:SIMULATED_SURVEYS", "survey"),
    help="The survey.",
)
@click.option("--band", help="One of its bands; by default the sharpest.")
@click.option(
    "--snr",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    help="Signal-to-noise ratio of the primary.",
)
@click.option(
    "--separations",
    type=_Numbers(),
    default="0.2:2.4:12",
    show_default=True,
    help="Arcsec: numbers with commas, or start:stop:count.",
)
@click.option(
    "--differences",
    type=_Numbers(),
    default="0:6:13",
    show_default=True,
    help="Magnitude differences, likewise.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=1e-3,
    show_default=True,
    help="Of single stars: the scan's threshold.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Companions injected for each cell.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    help="Also draw the map: .png, .pdf or .svg.",
)
@seed_option
@overwrite_option
@quiet_option
def command(
    output,
    survey,
    band,
    snr,
    separations,
    differences,
    false_positive_rate,
    trials,
    figure,
    seed,
    overwrite,
    quiet,
):
    """Map what share of companions a survey's images show.

    Companions are put beside single stars with the survey's usual PSF and the noise
    of its sky, and looked for by the likelihood-ratio scan. The table has one row for
    each separation and magnitude difference, with the count that was found, the
    interval of the share, and the share that theory predicts.

    \b
    Examples:
      astro-vbinary completeness --survey Pan-STARRS -o map.ecsv --figure map.png
      astro-vbinary completeness --survey HST --snr 100 -o hst.csv --trials 200
      astro-vbinary completeness --survey SDSS9 -o m.ecsv --separations 0.5,1,2
    """
    check_table(output, overwrite=overwrite)
    if figure is not None:
        check_file(figure, overwrite=overwrite)
        if figure.suffix not in (".png", ".pdf", ".svg"):
            raise Failure(
                f"unknown ending {figure.suffix!r} of {figure}: .png, .pdf, .svg"
            )
    import astropy.units as u

    from astro_vbinary.exceptions import UnknownBandError
    from astro_vbinary.measurement.survey_completeness import survey_completeness
    from astro_vbinary.stamps.tables import write_table

    if min(separations) <= 0 or max(separations) > 2.5:
        raise Failure("separations are above 0 and at most 2.5 arcsec")
    try:
        table = survey_completeness(
            survey,
            band,
            snr,
            separations * u.arcsec,
            differences * u.mag,
            false_positive_rate=false_positive_rate,
            trials=trials,
            seed=seed,
            progress=not quiet,
        )
    except UnknownBandError as error:
        raise Failure(str(error)) from error
    with replacing(output) as part:
        write_table(table.copy(), part, overwrite=True)
    if figure is not None:
        from astro_vbinary.plotting import plot_completeness

        with replacing(figure) as part:
            plot_completeness(table).savefig(part, dpi=150)
    if not quiet:
        click.echo(
            f"{survey} {table.meta['band']}: {trials} companions for each of "
            f"{len(table)} cells, threshold {table.meta['threshold']:.2f}\n"
            f"Map: {output}"
        )
        if figure is not None:
            click.echo(f"Figure: {figure}")
