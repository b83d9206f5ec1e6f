"""``astro-vbinary inspect``: look at stamps in the browser, and label them."""

import getpass
from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.lazy import LazyChoice

__all__ = ["command"]


@click.command("inspect", short_help="Look at stamps in the browser, and label them.")
@stamp_options
@click.option(
    "--results",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of astro-vbinary classify or run; a PATH that is one is taken as such.",
)
@click.option(
    "--labels",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of labels (SQLite), made where it is missing. By default "
    "NAME-labels.sqlite in this folder, after the first PATH.",
)
@click.option(
    "--catalog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of positions, as for classify.",
)
@click.option("--annotator", metavar="NAME", help="Who labels. By default your login.")
@click.option(
    "--order",
    type=LazyChoice("astro_vbinary.vetting.ordering:ORDERS", "order"),
    default="given",
    show_default=True,
    help="Which sources come first; can be changed on the page.",
)
@click.option(
    "--repeats",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Share of sources that are shown twice, to see how well you agree with "
    "yourself.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of the random order and of what is shown twice.",
)
@click.option(
    "--verdicts/--blind",
    default=False,
    help="Show verdicts and labels of others from the start; by default they are "
    "hidden, since they sway.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at. Any other than this machine's own lets others in who "
    "know the token, and the connection is not encrypted.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="NUMBER",
    help="Port to listen at. By default any that is free.",
)
@click.option(
    "--browser/--no-browser", default=True, help="Open the page in the browser."
)
@click.pass_context
def command(
    ctx,
    paths,
    templates,
    manifest,
    results,
    labels,
    catalog,
    annotator,
    order,
    repeats,
    seed,
    verdicts,
    host,
    port,
    browser,
):
    """Look at stamps in the browser, one source at a time, and say what they show.

    PATH is a folder, FITS files, shards, or a table of results besides. All images of a
    source stand side by side, north up, on one scale, with the circle of 2.5 arcsec.
    A key gives the label, and the next source appears. Labels are on the disk at once;
    stop with Ctrl-C and go on whenever you like.

    The page is served to this machine alone, at an address with a secret in it: open
    it as it is printed.

    \b
    Examples:
      astro-vbinary inspect stamps/
      astro-vbinary inspect stamps/ verdicts.ecsv --order uncertainty
      astro-vbinary inspect shards/ --labels team.sqlite --annotator ada --repeats 0.1
      astro-vbinary labels export stamps-labels.sqlite -o labels.ecsv

    \b
    Exit codes:
      0    stopped by Ctrl-C, everything is kept
      1    there is nothing to show, or no page can be served
      2    the command line could not be understood
    """
    _need_extra()
    from astro_vbinary.vetting import LabelStore
    from astro_vbinary.vetting.server import is_loopback, serve
    from astro_vbinary.vetting.state import PageState

    results, paths = _part(results, paths)
    with header_warnings():
        project = _read_project(paths, templates, manifest, results, catalog)
        labels = labels or _default_labels([*paths, manifest, results])
        default = PageState(order=order, priors="shown" if verdicts else "hidden")
        if not is_loopback(host):
            click.secho(
                f"Warning: at {host} everybody on the network who has the address can "
                "see the stamps and label them, and it travels unencrypted. An SSH "
                "tunnel (ssh -L) is safer.",
                fg="yellow",
                err=True,
            )

        def announce(address):
            click.echo(f"{project!r}")
            click.echo(f"Labels:  {labels}")
            click.echo(f"Page:    {address}")
            click.echo("Stop with Ctrl-C; labels are kept at once.")
            if browser:
                click.launch(address)

        with LabelStore(labels) as store:
            try:
                serve(
                    project,
                    store,
                    host=host,
                    port=port,
                    announce=announce,
                    annotator=annotator or _login(),
                    default=default,
                    repeats=repeats,
                    seed=seed,
                )
            except KeyboardInterrupt:
                click.echo()
            kept = len(store.labels())
    click.echo(f"{kept:,} labels in {labels}")
    ctx.exit(DONE)


def _need_extra():
    try:
        import jinja2  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise Failure(
            f"the page needs {error.name}: pip install 'astro-vbinary[inspect]'"
        ) from error


def _part(results, paths):
    """The table of results, and the paths without it."""
    from astro_vbinary.vetting.results import looks_like_results

    tables = [path for path in paths if looks_like_results(path)]
    if len(tables) + (results is not None) > 1:
        names = ", ".join(str(path) for path in filter(None, (results, *tables)))
        raise click.UsageError(f"more than one table of results: {names}")
    return results or next(iter(tables), None), [p for p in paths if p not in tables]


def _read_project(paths, templates, manifest, results, catalog):
    from astro_vbinary.stamps.targets import read_targets
    from astro_vbinary.vetting import VettingProject
    from astro_vbinary.vetting.results import read_results

    if results and not paths and not manifest:
        raise click.UsageError(
            f"{results} is a table of results: give the stamps as well, such as "
            f"astro-vbinary inspect stamps/ {results}"
        )
    index = find_stamps(paths, templates, manifest)
    try:
        project = VettingProject(
            index,
            results=read_results(results) if results else None,
            targets=read_targets(catalog) if catalog else None,
        )
    except ValueError as error:
        raise Failure(str(error)) from error
    if not len(project):
        raise Failure("no file tells which source it is of (see --template)")
    if project.unnamed:
        click.echo(
            f"{project.unnamed:,} files tell no source and are not shown", err=True
        )
    return project


def _default_labels(paths):
    first = next(path for path in paths if path)
    return Path(f"{first.resolve().name.partition('.')[0] or 'stamps'}-labels.sqlite")


def _login():
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "anonymous"
