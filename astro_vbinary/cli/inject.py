"""``astro-vbinary inject``: test pairs out of real single stars."""

import click

from astro_vbinary.cli.exits import DONE, FAILED, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.options import quiet_option, seed_option
from astro_vbinary.cli.outputs import check_folder, folder_option

__all__ = ["command"]


@click.command("inject", short_help="Put companions beside real stars.")
@stamp_options
@folder_option("pairs")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Pairs made out of each star.",
)
@seed_option
@quiet_option
@click.pass_context
def command(ctx, paths, templates, manifest, output, count, seed, quiet):
    """Put companions beside the stars of real stamps, to see which are found.

    Every stack whose target is a clean single star gives pairs: the star's own image,
    shifted and dimmed, is added beside it in each band. Separations are uniform from
    1.2 FWHM to 2.4 arcsec, magnitude differences up to 2.5. Stars that cannot be used
    (faint, saturated, crowded, at an edge) are named with the reason. Give stars that
    you know to be single. Besides the stamps, the folder gets truth.ecsv.

    \b
    Examples:
      astro-vbinary inject stamps/ -o pairs/
      astro-vbinary demo pairs/               # the verdicts beside the truth
      astro-vbinary inject stamps/ -o pairs/ --count 20 --seed 1

    \b
    Exit codes:
      0    every stack gave its pairs
      3    pairs are written, but some stacks could not be used
      1    nothing was written
      2    the command line could not be understood
      130  stopped by Ctrl-C
    """
    from tqdm import tqdm

    from astro_vbinary.simulation.folders import TruthFolder

    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        check_folder(output)
        lost = [(file.path.name, file.reason) for file in index.rejected]
        groups = index.groups()
        try:
            folder = TruthFolder(output)
            for key, files in tqdm(
                groups.items(), unit="star", disable=True if quiet else None
            ):
                made, unused = _pairs(key, files, count, seed)
                lost += unused
                for pair, truth in made:
                    folder.add(pair, truth)
            if folder.rows:
                folder.finish()
        except FileExistsError as error:
            raise Failure(str(error)) from error
    rows = folder.rows
    for name, reason in lost:
        click.echo(f"not used: {name}: {reason}", err=True)
    if not quiet:
        stars = len({(row["star"], row["survey"]) for row in rows})
        click.echo(
            f"{len(rows):,} pairs from {stars:,} of {len(groups):,} stacks, in {output}"
        )
    if not rows:
        ctx.exit(FAILED)
    ctx.exit(PARTLY if lost else DONE)


def _pairs(key, files, count, seed):
    """Pairs made of one star with their truth; and what was not used, with reasons."""
    from astro_vbinary.exceptions import VBinaryError
    from astro_vbinary.simulation import SingleStar, inject_many
    from astro_vbinary.stamps import StampStack

    name = f"{key[0]} in {key[1]}"
    try:
        stack = StampStack.read_files(files, on_error="drop")
        lost = [(path.name, str(error)) for path, error in stack.dropped]
        star = SingleStar.from_stack(stack, drop=True)
    except (VBinaryError, ValueError) as error:
        return [], [(name, str(error))]
    lost += [(f"{name}, {band}", reason) for band, reason in star.left_out.items()]
    made = list(inject_many([star], count, seed=seed))
    return made, lost if made else [*lost, (name, "no room for such a pair")]
