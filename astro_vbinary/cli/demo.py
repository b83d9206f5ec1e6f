"""``astro-vbinary demo``: verdicts on simulated stamps beside the truth."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings

__all__ = ["command"]

#: Stacks of each survey that are simulated where no folder is given.
STACKS_EACH = 4

#: Most candidates in the mosaic.
MOST_CANDIDATES = 24


@click.command("demo", short_help="See it work on simulated stamps.")
@click.argument(
    "folder",
    metavar="[DIR]",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("astro-vbinary-demo"),
    show_default=True,
    help="Folder for the catalogue and the figures; those of an earlier demo are "
    "replaced.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bars.")
@click.pass_context
def command(ctx, folder, output, quiet):
    """See it work: classify simulated stamps and compare with the truth.

    DIR is a folder of simulated stamps with their truth.ecsv, such as
    examples/stamps of the source tree or what "astro-vbinary simulate" writes.
    Without it 24 stacks are simulated first.

    \b
    Examples:
      astro-vbinary demo
      astro-vbinary demo examples/stamps

    \b
    Exit codes:
      0    every stack was used
      3    some files could not be used
      1    nothing could be done: no stamps, no truth.ecsv, or no weights
      130  stopped by Ctrl-C
    """
    from astro_vbinary.cli.outputs import check_folder, replacing

    check_folder(output)
    started = time.monotonic()
    with header_warnings(), _stamps(folder, quiet) as folder:
        truth = _read_truth(folder)
        index = find_stamps([folder], (), None)
        click.secho(
            f"{len(truth):,} simulated sources, {int(sum(truth['label'])):,} of them "
            "two stars within 2.5 arcsec. Which ones?\n",
            bold=True,
        )
        from astro_vbinary.classification import classify

        result = classify(index, targets=_targets(truth), progress=not quiet)
        seconds = time.monotonic() - started
        rows = _compare(result, truth)
        _print_rows(rows)
        catalogue = output / "catalogue.ecsv"
        with replacing(catalogue) as part:
            result.write(part)
        click.echo()
        _print_score(rows, seconds)
        click.echo(f"\nCatalogue   {catalogue}")
        for name, path in _draw(result, truth, rows, index, output).items():
            click.echo(f"{name:<12}{path}")
    ctx.exit(PARTLY if result.n_failed else DONE)


@contextmanager
def _stamps(folder, quiet):
    """The folder that was given, or one that is simulated and then removed."""
    if folder is not None:
        yield folder
        return
    from astro_vbinary.simulation import SIMULATED_SURVEYS, write_folder

    with tempfile.TemporaryDirectory(prefix="astro-vbinary-") as name:
        write_folder(
            name,
            dict.fromkeys(SIMULATED_SURVEYS, STACKS_EACH),
            seed=1,
            hips_share=0,
            progress=not quiet,
        )
        yield Path(name)


def _read_truth(folder):
    from astropy.table import QTable

    from astro_vbinary.simulation.folders import TRUTH_FILE
    from astro_vbinary.stamps.tables import load_table

    path = folder / TRUTH_FILE
    if not path.is_file():
        raise Failure(
            f"there is no {path}: the demo needs the truth about its stamps; for "
            "stamps of your own use `astro-vbinary classify`"
        )
    try:
        truth = load_table(path, QTable)
    except Exception as error:  # astropy's readers fail in many ways
        raise Failure(f"{path} cannot be read: {error}") from error
    missing = {"source", "survey", "kind", "label", "separation"} - set(truth.colnames)
    if missing:
        raise Failure(f"{path} has no column {', '.join(sorted(missing))}")
    return truth


def _targets(truth):
    """Positions of the sources, where the truth has them."""
    if not {"ra", "dec"} <= set(truth.colnames):
        return None
    from astro_vbinary.stamps.targets import read_targets

    return read_targets(truth)


def _compare(result, truth):
    """Rows of the result with the truth: dicts, in the order of the result."""
    known = {(str(row["source"]), str(row["survey"])): row for row in truth}
    rows = []
    for row in result.to_table():
        true = known.get((row["source"], row["survey"]))
        verdict = str(row["label"])
        good = None
        if true is not None and verdict:
            good = (verdict == "binary") == (int(true["label"]) == 1)
        rows.append({"row": row, "true": true, "verdict": verdict, "good": good})
    if not any(row["verdict"] for row in rows):
        raise Failure(
            "no stack has a verdict: "
            + (rows[0]["row"]["reason"] if rows else "no stamps")
        )
    return rows


def _print_rows(rows):
    from astro_vbinary.cli.console import bar, mark, print_table
    from astro_vbinary.cli.summary import noticed

    cells = []
    for entry in rows:
        row, verdict = entry["row"], entry["verdict"]
        cells.append(
            [
                row["source"],
                row["survey"],
                _kind(entry["true"]),
                click.style(verdict, bold=True) if verdict == "binary" else verdict,
                f"{row['probability']:.3f}" if verdict else "",
                bar(row["probability"]) if verdict else "",
                mark(entry["good"]),
                noticed(row["flags"]) if verdict else row["status"],
            ]
        )
    print_table(
        ["source", "survey", "truth", "verdict", "probability", "", "", "noticed"],
        cells,
        right=["probability"],
    )


def _kind(true):
    if true is None:
        return "?"
    kind = str(true["kind"]).replace("_", " ")
    if int(true["label"]) != 1:
        return kind
    return (
        f'{kind} {float(getattr(true["separation"], "value", true["separation"])):.2f}"'
    )


def _print_score(rows, seconds):
    from astro_vbinary.cli.console import count
    from astro_vbinary.training import binomial_interval

    judged = [entry for entry in rows if entry["good"] is not None]
    right = sum(entry["good"] for entry in judged)
    low, high = binomial_interval(right, len(judged))
    click.secho(
        f"{right:,} of {count(len(judged), 'verdict')} right: accuracy "
        f"{right / max(len(judged), 1):.2f} (95 % interval {low:.2f} to {high:.2f}, "
        f"n = {len(judged):,}), in {seconds:.0f} s",
        bold=True,
    )
    others = len(rows) - len(judged)
    if others:
        click.echo(f"{count(others, 'row')} cannot be compared.")


def _draw(result, truth, rows, index, output):
    """Write the figures; returns their names and paths."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from astro_vbinary.cli.outputs import replacing
    from astro_vbinary.plotting import plot_mosaic, plot_result

    table = result.to_table()
    known = [entry["true"] is not None for entry in rows]
    figures = {"Verdicts": (plot_result(table[known], truth=truth), "verdicts.png")}
    found = sorted(
        (entry for entry in rows if entry["verdict"] == "binary"),
        key=lambda entry: -entry["row"]["probability"],
    )[:MOST_CANDIDATES]
    if found:
        labels = [
            f"{e['row']['source']} {e['row']['survey']}\n"
            f"p = {e['row']['probability']:.2f}, {_kind(e['true'])}"
            for e in found
        ]
        colours = ["#b3003c" if e["good"] is False else "black" for e in found]
        stamps = _coadds(index, found)
        figures["Candidates"] = (
            plot_mosaic(stamps, labels=labels, colours=colours),
            "candidates.png",
        )
    written = {}
    for name, (fig, file_name) in figures.items():
        written[name] = output / file_name
        with replacing(written[name]) as part:
            fig.savefig(part, dpi=150)
        plt.close(fig)
    return written


def _coadds(index, found):
    from astro_vbinary.stamps import StampStack

    groups = index.groups()
    keys = [(entry["row"]["source"], entry["row"]["survey"]) for entry in found]
    return [
        StampStack.read_files(groups[key], on_error="drop").align().coadd()
        for key in keys
    ]
