"""What ``train`` and ``evaluate`` take: labels, and the stamps they are of."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.inputs import find_stamps
from astro_vbinary.cli.options import (
    policy_option,
    quiet_option,
    stamps_option,
    template_option,
)

__all__ = ["labelled_options", "read_labelled_stacks"]


def labelled_options(function):
    """Give a command LABELS and what says how they are read.

    Parameters
    ----------
    function : callable
        The command's function.

    Returns
    -------
    callable
        The same function.
    """
    for decorate in (
        quiet_option,
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            help="Threads on a CPU; by default all cores.",
        ),
        click.option(
            "--device",
            default="cpu",
            show_default=True,
            metavar="NAME",
            help="cpu, cuda, cuda:1, mps, ...",
        ),
        click.option(
            "--unsure",
            type=click.Choice(["half", "drop"]),
            default="half",
            show_default=True,
            help="Whether the label unsure counts one half or is left out.",
        ),
        policy_option,
        click.option(
            "--survey",
            "surveys",
            multiple=True,
            help="Survey to use instead of those of the group; can be repeated.",
        ),
        template_option,
        stamps_option(required=True),
        click.argument("labels", type=click.Path(exists=True, path_type=Path)),
    ):
        function = decorate(function)
    return function


def read_labelled_stacks(
    labels,
    stamps,
    templates,
    *,
    group,
    policy,
    surveys,
    unsure,
    grid,
    threads,
    cache=None,
    quiet,
):
    """Labelled stacks as a command was told.

    Parameters
    ----------
    labels : `~pathlib.Path`
        Table or folder.
    stamps : sequence of `~pathlib.Path`
        As for `find_stamps`.
    templates : sequence of str
        As for `find_stamps`.
    group : int
        As for `~astro_vbinary.training.read_stacks`, and so are the next.
    policy : str
        Policy by which the group is meant.
    surveys : sequence of str
        Surveys to use instead of those of the group.
    unsure : str
        Whether ``unsure`` counts one half or is left out.
    grid : tuple or None
        Pixel scale and side.
    threads : int or None
        Threads of torch.
    cache : `~pathlib.Path`, optional
        Output of a training, where aligned stacks are kept while it runs.
    quiet : bool
        Whether to show no bar.

    Returns
    -------
    `~astro_vbinary.training.LabelledStacks`
        The stacks.

    Raises
    ------
    Failure
        If the labels, the surveys or the templates cannot be used.
    """
    import torch

    from astro_vbinary.training import read_labels, read_stacks
    from astro_vbinary.training.reading import kept_stacks

    if threads:
        torch.set_num_threads(threads)
    table = read_labels(labels)
    index = find_stamps(stamps, templates, None)

    def read():
        return read_stacks(
            index,
            table,
            group=group,
            policy=policy,
            surveys=surveys or None,
            unsure=unsure,
            grid=grid,
            progress=not quiet,
        )

    try:
        if cache is None:
            return read()
        key = (group, policy, sorted(surveys), unsure, grid)
        return kept_stacks(cache, index, table, key, read)
    except ValueError as error:
        raise Failure(str(error)) from error
