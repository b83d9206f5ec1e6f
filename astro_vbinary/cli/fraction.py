"""``astro-vbinary fraction``: how many sources have a companion, found or not."""

import shutil
from pathlib import Path

import click

from astro_vbinary.cli.exits import INTERRUPTED, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings
from astro_vbinary.cli.options import (
    given_prior_option,
    overwrite_option,
    quiet_option,
    seed_option,
    stamps_option,
    template_option,
    workers_option,
)
from astro_vbinary.cli.outputs import check_folder, folder_option, replacing

__all__ = ["command"]

#: Folder of what is made up, and the files that are written.
WORK = ".fraction.run"
FILES = ("fraction.ecsv", "injected.ecsv", "completeness.ecsv", "completeness.png")


@click.command("fraction", short_help="The companion fraction, corrected.")
@click.argument(
    "catalog", metavar="CATALOG", type=click.Path(exists=True, path_type=Path)
)
@stamps_option(required=True)
@template_option
@folder_option("tables and the figure")
@click.option(
    "--count",
    type=click.IntRange(min=10),
    default=300,
    show_default=True,
    metavar="N",
    help="Sources that are made up, of each kind.",
)
@click.option(
    "--closest",
    type=click.FloatRange(0, 2.5, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    metavar="ARCSEC",
    help="Closest companion that the fraction is of.",
)
@click.option(
    "--widest",
    type=click.FloatRange(0, 2.5, min_open=True),
    default=2.5,
    show_default=True,
    metavar="ARCSEC",
    help="Widest companion; between them the logarithm is uniform.",
)
@click.option(
    "--largest-difference",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    metavar="MAG",
    help="Largest magnitude difference; uniform from 0.",
)
@click.option(
    "--population",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TABLE",
    help="Companions instead: separation, magnitude_difference, and perhaps weight.",
)
@click.option(
    "--neighbours",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TABLE",
    help="Catalogue of stars with positions and magnitudes, as deep as the "
    "companions, for pairs by chance.",
)
@click.option(
    "--psf",
    default="model",
    show_default=True,
    metavar="model|stars|FOLDER",
    help='As "catalog" was told.',
)
@given_prior_option
@workers_option()
@seed_option
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx,
    catalog,
    stamps,
    templates,
    output,
    count,
    closest,
    widest,
    largest_difference,
    population,
    neighbours,
    psf,
    prior,
    workers,
    seed,
    overwrite,
    quiet,
):
    """Correct the share of binaries for what could not have been seen.

    CATALOG is the folder that "catalog" or "run --catalog" wrote. Companions are put
    beside its stars, in the stamps of all their surveys, and are classified, measured
    and judged as the sample was; so are simulated single stars, for false positives,
    and, with --neighbours, stars of the surroundings, for pairs by chance. The folder
    gets fraction.ecsv, one row; injected.ecsv, what was put in and found; and the
    completeness map, completeness.ecsv and .png, which "report --completeness" shows
    too. After Ctrl-C the same command goes on.

    \b
    Examples:
      astro-vbinary fraction catalog/ --stamps stamps/ -o fraction/
      astro-vbinary fraction catalog/ --stamps stamps/ -o f/ --neighbours gaia.fits
      astro-vbinary fraction catalog/ --stamps stamps/ -o f/ --closest 0.5 --count 1000
    """
    check_folder(output)
    there = [name for name in FILES if (output / name).exists()]
    if there and not overwrite:
        raise Failure(f"{output / there[0]} exists; give --overwrite to replace it")
    if closest >= widest:
        raise Failure(f"--closest {closest:g} must be below --widest {widest:g}")
    import astropy.units as u

    from astro_vbinary.context import NeighbourCounts
    from astro_vbinary.pipeline import (
        PairPopulation,
        RunInterrupt,
        RunOptions,
        sample_fraction,
    )
    from astro_vbinary.stamps.tables import read_table

    work = output / WORK
    if overwrite:
        shutil.rmtree(work, ignore_errors=True)
    try:
        if population is not None:
            pairs = PairPopulation.from_table(read_table(population, "population"))
        else:
            pairs = PairPopulation.log_uniform(
                closest * u.arcsec,
                widest * u.arcsec,
                largest_difference=largest_difference,
            )
        counts = None
        if neighbours is not None:
            table = read_table(neighbours, "table of neighbours")
            counts = NeighbourCounts.from_table(table)
        with header_warnings():
            made = sample_fraction(
                catalog,
                find_stamps(stamps, templates, None),
                work,
                count=count,
                population=pairs,
                neighbours=counts,
                psf=psf,
                prior=prior,
                options=RunOptions(workers=workers),
                seed=seed,
                progress=not quiet,
            )
    except RunInterrupt:
        click.echo("\nStopped; run the same command again to go on.", err=True)
        ctx.exit(INTERRUPTED)
    except ValueError as error:
        raise Failure(str(error)) from error
    _write(output, made)
    shutil.rmtree(work)
    if not quiet:
        _tell(output, made)


def _write(output, made):
    from astro_vbinary.plotting import plot_completeness
    from astro_vbinary.stamps.tables import write_table

    tables = (made.summary(), made.injected, made.completeness)
    for name, table in zip(FILES, tables, strict=False):
        with replacing(output / name) as part:
            write_table(table.copy(), part, overwrite=True)
    with replacing(output / FILES[-1]) as part:
        plot_completeness(made.completeness).savefig(part, dpi=150)


def _tell(output, made):
    result = made.result

    def share(values):
        best, low, high = (100 * value for value in values)
        return f"{best:.1f} % ({low:.1f} to {high:.1f})"

    click.echo(
        f"{made.found:,} of {made.sources:,} sources are called binary. Of what was "
        f"put in, these were:\n"
        f"  companions    {share(result.completeness)}\n"
        f"  single stars  {share(result.false_positives)}"
    )
    if made.chance:
        click.echo(
            f"  neighbours    {share(result.neighbours)}, with {made.chance:.4f} "
            "expected a source"
        )
    told = share((result.fraction, result.low, result.high))
    if not result.completeness[0]:
        told = "not known, as no companion that was put in was found"
    click.secho(f"Companion fraction: {told}", bold=True)
    click.echo(f"\nTables: {output}")
