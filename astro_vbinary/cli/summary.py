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

__all__ = ["noticed", "print_summary"]

#: Candidates that are listed.
MOST_CANDIDATES = 10


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
    print_table(
        ["status", "rows", "meaning"],
        [
            [_coloured(Status(name)), f"{number:,}", STATUS_MEANINGS[Status(name)]]
            for name, number in result.counts().items()
        ],
        right=["rows"],
    )
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
