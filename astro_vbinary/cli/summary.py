"""What a classification came to, in a few lines."""

import click
import numpy as np

from astro_vbinary.cli.console import bar, count, print_table
from astro_vbinary.status import (
    STATUS_MEANINGS,
    Flag,
    Status,
    decode_flags,
)

__all__ = ["noticed", "print_run", "print_summary"]

#: Candidates that are listed.
MOST_CANDIDATES = 10

#: Stages of a run, in order, and what they are.
STAGES = {
    "load": "weights, once a process",
    "read": "files into stamps",
    "align": "bands brought to one grid",
    "prepare": "images made of the bands",
    "classify": "the network",
    "other": "between the stages",
    "write": "parts and journal",
    "assemble": "parts into the table",
}


def print_summary(result, *, seconds, device):
    """Print rows per status and the most probable binaries.

    Parameters
    ----------
    result : `~astro_vbinary.classification.ClassificationResult`
        The result.
    seconds : float
        How long it took.
    device : str
        Where the networks ran.
    """
    table = result.to_table()
    sources = len(set(table["source"]) - {""})
    surveys = len(set(table["survey"]) - {""})
    click.secho(
        f"{count(len(table), 'row')}: {count(sources, 'source')}, "
        f"{count(surveys, 'survey')}, in {seconds:.1f} s on {device}\n",
        bold=True,
    )
    _print_statuses(result.counts())
    dropped = int(((result.flags & int(Flag.FILES_DROPPED)) > 0).sum())
    if dropped:
        click.echo(f"\n{count(dropped, 'row')} lost a file or more: see the reason.")
    judged = int((result.status == str(Status.OK)).sum())
    binary = result.label == "binary"
    click.echo(f"\n{int(binary.sum()):,} of {judged:,} verdicts are binary", nl=False)
    if not binary.any():
        click.echo(".")
        return
    click.echo("; the most probable:\n" if binary.sum() > 1 else ":\n")
    order = np.argsort(-result.probability[binary], kind="stable")[:MOST_CANDIDATES]
    print_table(
        ["source", "survey", "bands", "probability", "", "noticed"],
        [
            [
                row["source"],
                row["survey"],
                _short(row["bands"]),
                f"{row['probability']:.3f}",
                bar(row["probability"]),
                noticed(row["flags"]),
            ]
            for row in table[binary][order]
        ],
        right=["probability"],
    )


def print_run(summary):
    """Print rows per status, throughput and time per stage of a run.

    Parameters
    ----------
    summary : `~astro_vbinary.pipeline.RunSummary`
        What the run came to.
    """
    click.secho(
        f"{count(summary.rows, 'row')}: {count(summary.sources, 'source')}, "
        f"{count(summary.surveys, 'survey')}, in {summary.seconds:.1f} s on "
        f"{summary.device}\n",
        bold=True,
    )
    _print_statuses(summary.statuses)
    if summary.dropped:
        click.echo(
            f"\n{count(summary.dropped, 'row')} lost a file or more: see the reason."
        )
    if summary.left_out:
        click.echo(
            f"\n{count(summary.left_out, 'stack')} left out: the catalogue does not "
            "name the source."
        )
    judged = summary.statuses.get(str(Status.OK), 0)
    click.echo(f"\n{summary.binaries:,} of {judged:,} verdicts are binary.")
    before = summary.stacks_before
    click.echo(
        f"\n{summary.stacks:,} stacks at {summary.rate:.1f} a second"
        + (f"; {before:,} were done before" if before else "")
        + "\n"
    )
    total = sum(summary.stages.values())
    print_table(
        ["stage", "seconds", "share", ""],
        [
            [name, f"{spent:,.1f}", f"{spent / total:.0%}", STAGES.get(name, "")]
            for name, spent in _ordered(summary.stages)
        ],
        right=["seconds", "share"],
    )
    click.echo(f"\nCatalogue: {summary.output}")


def _ordered(stages):
    known = list(STAGES)
    return sorted(
        stages.items(),
        key=lambda item: known.index(item[0]) if item[0] in known else len(known),
    )


def _print_statuses(counts):
    print_table(
        ["status", "rows", "meaning"],
        [
            [_coloured(Status(name)), f"{number:,}", STATUS_MEANINGS[Status(name)]]
            for name, number in counts.items()
        ],
        right=["rows"],
    )


def noticed(flags):
    """What to know about a row, without what holds for every ground survey.

    Parameters
    ----------
    flags : int
        The row's flags.

    Returns
    -------
    str
        Names, separated by commas.
    """
    return ", ".join(decode_flags(int(flags) & ~int(Flag.SEEING_LIMITED)))


def _coloured(status):
    if status is Status.OK:
        return click.style(status, fg="green")
    return click.style(status, fg="red" if status.is_failure else "yellow")


def _short(bands, most=24):
    return bands if len(bands) <= most else bands[: most - 3] + "..."
