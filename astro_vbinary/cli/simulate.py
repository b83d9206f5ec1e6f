"""``astro-vbinary simulate``: stamps with known truth."""

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.options import quiet_option, seed_option
from astro_vbinary.cli.outputs import check_folder, folder_option

__all__ = ["command"]


@click.command("simulate", short_help="Make stamps with known truth.")
@folder_option("stamps")
@click.option(
    "--survey",
    "surveys",
    multiple=True,
    type=LazyChoice("astro_vbinary.simulation:SIMULATED_SURVEYS", "survey"),
    help="Survey to simulate; can be repeated. All by default.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Sources for each survey.",
)
@seed_option
@click.option(
    "--kind",
    type=LazyChoice("astro_vbinary.simulation:KINDS", "kind"),
    help="Simulate one kind of scene; by default half are pairs, the rest all that "
    "is mistaken for them.",
)
@click.option(
    "--population",
    type=LazyChoice("astro_vbinary.simulation:POPULATIONS", "population"),
    default="training",
    show_default=True,
    help="Companions: training is uniform in how well they are seen; orion is what "
    "surveys of young stars at 400 pc find.",
)
@click.option(
    "--hips-share",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of stacks in the oversampled form that HiPS servers give: 322 px of "
    "0.031 arcsec.",
)
@quiet_option
def command(output, surveys, count, seed, kind, population, hips_share, quiet):
    """Simulate stamps of single stars, pairs and what is mistaken for them.

    Each survey is simulated in its own pixels, with its noise, edges and blanks.
    Besides the stamps, the folder gets truth.ecsv: what each source is, with
    separation, position angle and magnitude difference. The same seed gives the same
    stamps.

    \b
    Examples:
      astro-vbinary simulate -o simulated/
      astro-vbinary simulate -o pairs/ --survey HST --survey JWST --kind pair
      astro-vbinary simulate -o simulated/ --count 50 --seed 7
      astro-vbinary demo simulated/
    """
    from astro_vbinary.simulation import SIMULATED_SURVEYS, write_folder

    check_folder(output)
    try:
        truth = write_folder(
            output,
            dict.fromkeys(surveys or SIMULATED_SURVEYS, count),
            seed=seed,
            kind=kind,
            population=population,
            hips_share=hips_share,
            progress=not quiet,
        )
    except FileExistsError as error:
        raise Failure(str(error)) from error
    if not quiet:
        pairs = int(sum(truth["label"]))
        click.echo(
            f"{len(truth):,} stacks, {pairs:,} of them pairs, in {output}\n"
            f"Truth: {output / 'truth.ecsv'}"
        )
