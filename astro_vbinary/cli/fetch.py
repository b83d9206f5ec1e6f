"""``astro-vbinary fetch``: stamps from the archives of the surveys."""

from pathlib import Path

import click

from astro_vbinary.cli.console import count
from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.fetching import (
    as_arguments,
    duration,
    fetch_options,
    print_counts,
    print_estimates,
    run_fetch,
)
from astro_vbinary.cli.inputs import header_warnings
from astro_vbinary.cli.options import quiet_option
from astro_vbinary.cli.outputs import folder_option

__all__ = ["command"]


@click.command("fetch", short_help="Stamps from the archives of the surveys.")
@click.argument("sources", nargs=-1, metavar="[CATALOG]...")
@folder_option("stamps and their manifest")
@fetch_options
@click.option(
    "--pixel-scale",
    type=click.FloatRange(min=0.001),
    metavar="ARCSEC",
    help="Side of a pixel of stamps from HiPS; by default the survey's own.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say how many requests, how many bytes, and how long; ask nothing.",
)
@click.option("--offline", is_flag=True, help="Use no network, only --local.")
@click.option("--status", is_flag=True, help="Only print what OUTPUT has.")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="TABLE",
    help="Write the manifest as a table: .ecsv, .parquet, .csv, .vot or .fits.",
)
@click.option(
    "--resolver",
    metavar="URL",
    help="Server that resolves names, instead of CDS's Sesame.",
)
@quiet_option
@click.pass_context
def command(
    ctx,
    sources,
    output,
    surveys,
    bands,
    size,
    origin,
    base_urls,
    local,
    contact,
    pixel_scale,
    dry_run,
    offline,
    status,
    export,
    resolver,
    quiet,
):
    """Fetch the stamps of sources from the archives of surveys.

    CATALOG is a table that astropy reads, with columns source, ra and dec; a text file
    with one position a line; a position; or the name of an object; or several of these.

    Stamps are put into OUTPUT, one folder a survey, beside manifest.sqlite, which says
    how each request ended. What is there is not fetched again, and neither is what a
    survey does not have; what failed is tried again by the same command, also after
    Ctrl-C or a crash. Several can work on one OUTPUT at a time. Servers are asked
    slowly, and not at all where a survey's map shows no coverage.

    \b
    Examples:
      astro-vbinary fetch sources.vot --surveys PanSTARRS,2MASS -o stamps/ --dry-run
      astro-vbinary fetch sources.vot --surveys PanSTARRS,2MASS -o stamps/
      astro-vbinary fetch "83.82 -5.39" "V380 Ori" --surveys DECaLS -o stamps/
      astro-vbinary fetch sources.csv --local HSCLA=mosaics/ -o stamps/ --offline
      astro-vbinary fetch -o stamps/ --status --export manifest.ecsv
      astro-vbinary run sources.vot --fetch stamps/ --surveys PanSTARRS -o out.ecsv

    \b
    Exit codes:
      0    every request has a stamp, or the survey has no data there
      3    some requests failed; the same command tries them again
      1    nothing could be done
      2    the command line could not be understood
      130  stopped by Ctrl-C; the same command goes on
    """
    if bool(sources) == bool(status) and not (export and not sources):
        raise click.UsageError("give either CATALOG or --status")
    with header_warnings():
        code = DONE
        if sources:
            code = _fetch(
                ctx,
                sources,
                output,
                as_arguments(
                    surveys=surveys,
                    bands=bands,
                    size=size,
                    origin=origin,
                    base_urls=base_urls,
                    local=local,
                )
                | {"pixel_scale": pixel_scale and f"{pixel_scale} arcsec"},
                contact=contact,
                dry_run=dry_run,
                offline=offline,
                resolver=resolver,
                quiet=quiet,
            )
        if status:
            _print_status(output)
        if export:
            from astro_vbinary.archives import write_manifest

            try:
                write_manifest(output, export, overwrite=True)
            except ValueError as error:
                raise Failure(str(error)) from error
    ctx.exit(code)


def _fetch(
    ctx, sources, output, arguments, *, contact, dry_run, offline, resolver, quiet
):
    from astro_vbinary.archives import plan_fetch
    from astro_vbinary.archives.resolving import find_sources

    try:
        table = find_sources(sources, resolver=resolver, offline=offline)
        if dry_run:
            print_estimates(plan_fetch(table, output, **arguments))
            return DONE
    except (ValueError, TypeError) as error:
        raise Failure(str(error)) from error
    summary = run_fetch(
        ctx,
        table,
        output,
        contact=contact,
        offline=offline,
        quiet=quiet,
        arguments=arguments,
    )
    if not quiet:
        print_counts(summary.counts)
        click.echo(
            f"{count(sum(summary.fetched.values()), 'request')} in "
            f"{duration(summary.seconds)}, {summary.n_bytes / 1e6:,.1f} MB of stamps"
        )
        for name in summary.gave_up:
            click.echo(f"{name} stopped answering; its rest is left to do", err=True)
        if summary.n_failures:
            click.echo(
                f"{count(summary.n_failures, 'request')} failed; run the same command "
                "again to try them once more",
                err=True,
            )
    return PARTLY if summary.troubled else DONE


def _print_status(output):
    from astro_vbinary.archives.manifest import Manifest
    from astro_vbinary.archives.records import manifest_path

    path = manifest_path(output)
    if not path.is_file():
        raise Failure(f"there is no manifest {path}")
    with Manifest(path) as manifest:
        print_counts(manifest.count())
