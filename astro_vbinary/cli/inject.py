"""``astro-vbinary inject``: test pairs out of real single stars."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, FAILED, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options

__all__ = ["command"]

#: Name of the table of what was injected, as `astro-vbinary demo` reads it.
TRUTH_FILE = "truth.ecsv"


@click.command("inject", short_help="Put companions beside real stars.")
@stamp_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pairs; made where it is missing.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Pairs made out of each star.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
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

    from astro_vbinary.cli.outputs import check_folder
    from astro_vbinary.exceptions import VBinaryError
    from astro_vbinary.simulation import inject_many
    from astro_vbinary.simulation.injection import SingleStar
    from astro_vbinary.simulation.simulate import truth_table
    from astro_vbinary.stamps import StampStack

    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        check_folder(output)
        if (output / TRUTH_FILE).exists():
            raise Failure(f"{output / TRUTH_FILE} exists; give another folder")
        lost = [(file.path.name, file.reason) for file in index.rejected]
        rows, groups = [], index.groups()
        for (source, survey), files in tqdm(
            groups.items(), unit="star", disable=True if quiet else None
        ):
            try:
                stack = StampStack.read_files(files, on_error="drop")
                star = SingleStar.from_stack(stack, drop=True)
            except (VBinaryError, ValueError) as error:
                lost.append((f"{source} in {survey}", str(error)))
                continue
            made = list(inject_many([star], count, seed=seed))
            if not made:
                lost.append((f"{source} in {survey}", "no room for such a pair"))
            for pair, truth in made:
                _write(pair, output)
                rows.append({"kind": "pair"} | truth)
        if rows:
            truth_table(rows).write(output / TRUTH_FILE)
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


def _write(pair, folder):
    from astro_vbinary.stamps import NamingTemplate

    template = NamingTemplate("{source}_{band}_{survey}")
    for stamp in pair:
        name = template.format(
            source=stamp.source, band=stamp.band, survey=pair.survey.name
        )
        stamp.write(folder / name)
