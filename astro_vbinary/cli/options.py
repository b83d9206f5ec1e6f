"""Options that many commands share, each declared once."""

from pathlib import Path

import click

from astro_vbinary.cli.lazy import LazyChoice

__all__ = [
    "device_option",
    "engine_option",
    "expected_prior_option",
    "given_prior_option",
    "manifest_option",
    "overwrite_option",
    "policy_option",
    "quiet_option",
    "seed_option",
    "stamps_option",
    "template_option",
    "weights_option",
    "workers_option",
]

_SHARE = {
    "type": click.FloatRange(0, 1, min_open=True, max_open=True),
    "metavar": "SHARE",
}

quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors."
)

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace existing files."
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of all that is random.",
)

#: Of networks, which may take the fastest device there is.
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto (CUDA, MPS or CPU), cpu, cuda, cuda:1, ...",
)

policy_option = click.option(
    "--policy",
    type=LazyChoice("astro_vbinary.surveys.groups:POLICIES", "policy"),
    default="published",
    show_default=True,
    help='How surveys are put into resolution groups; see "astro-vbinary surveys".',
)

#: Of commands that turn scores into probabilities.
expected_prior_option = click.option(
    "--prior",
    **_SHARE,
    help="Share of binaries that you expect among the sources before anything is seen "
    "of them, say 0.02; by default what the weights were calibrated for, half.",
)

#: Of commands that go on with probabilities of an earlier one.
given_prior_option = click.option(
    "--prior",
    **_SHARE,
    help='What "classify" or "run" was given as --prior, if it was.',
)

template_option = click.option(
    "--template",
    "templates",
    multiple=True,
    metavar="TEXT",
    help="How files are named; can be repeated. By default "
    "{source}_stacked_{survey} and {source}_{band}_{survey}.",
)

weights_option = click.option(
    "--weights",
    multiple=True,
    metavar="ID|PATH",
    help="Weights to use for their group instead of the bundled ones, by id (see "
    '"astro-vbinary weights list") or folder; can be repeated.',
)


def engine_option(default):
    """The option ``--engine``.

    Parameters
    ----------
    default : str
        The engine that a command takes by itself.

    Returns
    -------
    callable
        A decorator.
    """
    return click.option(
        "--engine",
        type=LazyChoice("astro_vbinary.stamps:ENGINES", "engine"),
        default=default,
        show_default=True,
        help="How the bands are brought to one grid: batch does many stacks at once, "
        "the others go one by one through reproject.",
    )


def manifest_option(instead):
    """The option ``--manifest``.

    Parameters
    ----------
    instead : str
        What it takes the place of.

    Returns
    -------
    callable
        A decorator.
    """
    return click.option(
        "--manifest",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"Table with one row a file instead of {instead}: path, source, survey, "
        "band, and perhaps hdu, ra, dec.",
    )


def stamps_option(what="File or folder of stamps", *, note="", required=False):
    """The option ``--stamps``.

    Parameters
    ----------
    what : str, optional
        What it is.
    note : str, optional
        What else is to be said.
    required : bool, optional
        Whether a command needs it.

    Returns
    -------
    callable
        A decorator.
    """
    return click.option(
        "--stamps",
        multiple=True,
        required=required,
        metavar="PATH",
        type=click.Path(exists=True, path_type=Path),
        help=f"{what}; can be repeated.{note}",
    )


def workers_option(default="one for each core"):
    """The option ``--workers``.

    Parameters
    ----------
    default : str, optional
        How many there are without it, in words.

    Returns
    -------
    callable
        A decorator.
    """
    return click.option(
        "--workers",
        type=click.IntRange(min=0),
        metavar="N",
        help=f"Processes; by default {default}. With 0 the command does all by itself.",
    )
