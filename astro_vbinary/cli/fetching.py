"""Options of commands that fetch stamps, and how fetching looks on a terminal."""

import click

from astro_vbinary.cli.console import count, print_table
from astro_vbinary.cli.exits import INTERRUPTED
from astro_vbinary.cli.lazy import LazyChoice

__all__ = ["fetch_options", "print_counts", "print_estimates", "run_fetch"]


def fetch_options(function):
    """Give a command the options that say what is fetched, and from where.

    Parameters
    ----------
    function : callable
        The command's function; takes ``surveys``, ``bands``, ``size``, ``origin``,
        ``base_urls``, ``local`` and ``contact``.

    Returns
    -------
    callable
        The same function.
    """
    for decorate in (
        click.option(
            "--contact",
            metavar="TEXT",
            help="Mail address or page that servers are told, so that their keepers "
            "can write to you; by default that of $ASTRO_VBINARY_CONTACT.",
        ),
        click.option(
            "--local",
            multiple=True,
            metavar="SURVEY=PATH",
            help="Cut stamps of a survey from a folder of images or mosaics, or from a "
            "HiPS tree, on disk or at a URL; can be repeated.",
        ),
        click.option(
            "--base-url",
            "base_urls",
            multiple=True,
            metavar="NAME=URL",
            help="Another server for an archive; can be repeated.",
        ),
        click.option(
            "--origin",
            type=LazyChoice("astro_vbinary.archives:ORIGIN_CHOICES", "origin"),
            default="auto",
            show_default=True,
            help="auto: the survey's own archive, HiPS where it has none; native or "
            "hips: only that; mixed: HiPS also where the archive had no stamp.",
        ),
        click.option(
            "--size",
            type=click.FloatRange(min=1, max=3600),
            default=20,
            show_default=True,
            metavar="ARCSEC",
            help="Side of the stamps.",
        ),
        click.option(
            "--bands",
            metavar="LIST",
            help="Bands, separated by commas; by default all of each survey.",
        ),
        click.option(
            "--surveys",
            metavar="LIST",
            help="Surveys, or archives by name, separated by commas; by default all "
            "surveys that have an archive.",
        ),
    ):
        function = decorate(function)
    return function


def split_list(text):
    """Names in a list that are separated by commas.

    Parameters
    ----------
    text : str or None
        The list.

    Returns
    -------
    list of str or None
        None where there is none.
    """
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def as_arguments(*, surveys, bands, size, origin, base_urls, local):
    """Options of a command as arguments of `fetch_stamps`.

    Parameters
    ----------
    surveys, bands : str or None
        Lists.
    size : float
        In arcsec.
    origin : str
        The origin.
    base_urls, local : sequence of str
        Pairs of a name and a place.

    Returns
    -------
    dict
        Names and values.
    """
    import astropy.units as u

    recipes = []
    for survey, place in map(_pair, local):
        from astro_vbinary.archives.builtin import local_recipe

        recipes.append(local_recipe(survey, place))
    names = split_list(surveys)
    return {
        "surveys": names or ([recipe.survey for recipe in recipes] or None),
        "bands": split_list(bands),
        "size": size * u.arcsec,
        "origin": origin,
        "recipes": recipes,
        "base_urls": dict(map(_pair, base_urls)),
    }


def _pair(text):
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise click.UsageError(f"{text!r} is not NAME=PLACE")
    return name.strip(), value.strip()


def run_fetch(ctx, sources, output, *, contact, offline, quiet, arguments):
    """Fetch, and end the command on Ctrl-C.

    Parameters
    ----------
    ctx : `click.Context`
        The command's context.
    sources : object
        As for `fetch_stamps`.
    output : `~pathlib.Path`
        The folder.
    contact : str or None
        What servers are told.
    offline, quiet : bool
        Whether to use no network, and to show no progress.
    arguments : dict
        As `as_arguments` makes them.

    Returns
    -------
    `~astro_vbinary.archives.FetchSummary`
        What was done.
    """
    from astro_vbinary.archives import FetchInterrupt, fetch_stamps
    from astro_vbinary.cli.exits import Failure

    try:
        return fetch_stamps(
            sources,
            output,
            contact=contact,
            offline=offline,
            progress=not quiet,
            **arguments,
        )
    except FetchInterrupt as stop:
        done = sum(stop.summary.fetched.values())
        click.echo(
            f"\nStopped after {count(done, 'request')}; run the same command again to "
            "go on.",
            err=True,
        )
        return ctx.exit(INTERRUPTED)
    except (ValueError, TypeError) as error:
        raise Failure(str(error)) from error


def print_counts(counts):
    """Print how many requests of each survey and band ended how.

    Parameters
    ----------
    counts : dict
        As `~astro_vbinary.archives.FetchSummary` has them.
    """
    from astro_vbinary.archives import Outcome

    seen = {outcome for counter in counts.values() for outcome in counter}
    shown = [outcome for outcome in (*Outcome, None) if outcome in seen]
    heads = ["to do" if outcome is None else str(outcome) for outcome in shown]
    rows = [
        [survey, band, origin, *(counter[outcome] or "-" for outcome in shown)]
        for (survey, band, origin), counter in counts.items()
    ]
    print_table(["survey", "band", "origin", *heads], rows, right=heads)


def print_estimates(estimates):
    """Print what fetching would ask of each archive.

    Parameters
    ----------
    estimates : list of `~astro_vbinary.archives.Estimate`
        The numbers.
    """
    heads = ["stamps", "requests", "MB", "time"]
    rows = [
        [
            e.recipe.name,
            e.recipe.origin,
            f"{e.n_stamps:,}",
            f"{e.n_calls:,}",
            f"{e.n_bytes / 1e6:,.1f}",
            duration(e.seconds),
        ]
        for e in estimates
    ]
    print_table(["archive", "origin", *heads], rows, right=heads)
    total = sum(e.n_stamps for e in estimates)
    size = sum(e.n_bytes for e in estimates) / 1e6
    # Archives are asked side by side, but those of one server share its rate.
    hosts = {}
    for e in estimates:
        host = e.recipe.base_url.split("/")[2:3] or [""]
        hosts[host[0]] = hosts.get(host[0], 0) + e.seconds
    longest = duration(max(hosts.values(), default=0))
    click.echo(f"{count(total, 'stamp')}, {size:,.1f} MB, at least {longest}")


def duration(seconds):
    """A length of time in words.

    Parameters
    ----------
    seconds : float
        The time.

    Returns
    -------
    str
        Such as ``2 h 05 min``.

    Examples
    --------
    >>> from astro_vbinary.cli.fetching import duration
    >>> duration(7500)
    '2 h 05 min'
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 1440:.1f} days"
