"""``astro-vbinary run``: a whole catalogue, which can be stopped and gone on with."""

import importlib.util
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from astro_vbinary.cli.catalog import catalog_options, make_folder
from astro_vbinary.cli.console import count
from astro_vbinary.cli.exits import DONE, INTERRUPTED, PARTLY, Failure
from astro_vbinary.cli.fetching import as_arguments, fetch_options, run_fetch
from astro_vbinary.cli.inputs import find_stamps, header_warnings
from astro_vbinary.cli.options import (
    device_option,
    engine_option,
    expected_prior_option,
    manifest_option,
    policy_option,
    quiet_option,
    stamps_option,
    template_option,
    weights_option,
    workers_option,
)
from astro_vbinary.cli.outputs import check_table

__all__ = ["command"]


@click.command("run", short_help="A whole catalogue, on every core, resumable.")
@click.argument("catalog", type=click.Path(exists=True, path_type=Path))
@stamps_option(note=" Not where CATALOG is a folder.")
@click.option(
    "--fetch",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Fetch the stamps of CATALOG's sources into a folder first, instead of "
    '--stamps; see "astro-vbinary fetch" for this and the next options.',
)
@fetch_options
@manifest_option("--stamps")
@template_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The table of verdicts: .ecsv, .csv, .vot, .fits or .parquet.",
)
@workers_option("one for each GPU or, without GPUs, for each core")
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="Stacks that a process is given at a time.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help='Scheduler of a Dask cluster that does the work, or "local" for one on this '
    "machine.",
)
@policy_option
@weights_option
@device_option
@engine_option("batch")
@expected_prior_option
@click.option(
    "--catalog",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Then make the catalogue, one row a source, in a folder; see "
    '"astro-vbinary catalog" for this and the next options.',
)
@catalog_options
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace a finished table, and start anew what was begun with other files, "
    "options or weights.",
)
@quiet_option
@click.pass_context
def command(
    ctx,
    catalog,
    stamps,
    fetch,
    surveys,
    bands,
    size,
    origin,
    base_urls,
    local,
    contact,
    manifest,
    templates,
    output,
    workers,
    chunk,
    dask,
    policy,
    weights,
    device,
    engine,
    prior,
    folder,
    overwrite,
    quiet,
    **wanted,
):
    """Classify the stamps of a whole catalogue.

    CATALOG is a table that astropy reads, with the columns source, ra, dec, and perhaps
    pmra, pmdec, ref_epoch. Its sources are looked for among the stamps, and each
    becomes a row, also if it has none. CATALOG can also be a folder of stamps: then
    all that is in it is classified.

    The rows are those of "astro-vbinary classify", made by many processes. What is
    done is kept beside the output, in OUTPUT.run. After Ctrl-C, a crash or a full
    disk, the same command goes on where it was.

    \b
    Examples:
      astro-vbinary run sources.vot --stamps stamps/ -o verdicts.parquet
      astro-vbinary run stamps/ -o verdicts.ecsv --prior 0.02
      astro-vbinary run sources.csv --stamps a/ --stamps b/ -o out.fits --workers 8
      astro-vbinary run stamps/ -o verdicts.ecsv --weights mine-g3
      astro-vbinary run sources.csv --stamps stamps/ -o out.ecsv --dask tcp://head:8786
      astro-vbinary run sources.csv --fetch stamps/ --surveys DECaLS -o out.ecsv
      astro-vbinary run stamps/ -o verdicts.ecsv --catalog catalog/ --prior 0.02

    \b
    Exit codes:
      0    every row has a verdict, or has none by design: no stamp, a survey that
           cannot resolve 2.5 arcsec, or no weights for its group
      3    the table is written, but some files could not be used
      1    the table is not written; what was done is kept
      2    the command line could not be understood
      130  stopped by Ctrl-C; the same command goes on
    """
    check_table(output, overwrite=True)
    _check_wanted(ctx, folder, wanted)
    if dask and workers is not None and dask != "local":
        raise click.UsageError("--workers is for processes of this machine, not --dask")
    from astro_vbinary.pipeline import RunInterrupt, RunOptions, run_catalog

    with header_warnings(), _client(dask, workers) as client:
        if fetch:
            if stamps or manifest or templates or catalog.is_dir():
                raise click.UsageError("--fetch needs a table of sources, no stamps")
            arguments = as_arguments(
                surveys=surveys,
                bands=bands,
                size=size,
                origin=origin,
                base_urls=base_urls,
                local=local,
            )
            missing = _fetch(ctx, catalog, fetch, contact, quiet, arguments)
            index, table = _fetched(fetch), catalog
        else:
            missing = 0
            index, table = _inputs(catalog, stamps, templates, manifest)
        options = RunOptions(
            policy=policy,
            weights=weights,
            device=device,
            engine=engine,
            prior=prior,
            chunk_size=chunk,
            workers=workers,
        )
        summary = None
        # Stopped while it made the catalogue: the verdicts are there.
        if not folder or overwrite or not _only_the_catalogue_lacks(output, folder):
            try:
                summary = run_catalog(
                    index,
                    output,
                    catalog=table,
                    options=options,
                    executor=client,
                    overwrite=overwrite,
                    progress=not quiet,
                )
            except RunInterrupt as stop:
                click.echo(
                    f"\nStopped after {stop.done:,} of {stop.total:,} stacks; run the "
                    "same command again to go on.",
                    err=True,
                )
                ctx.exit(INTERRUPTED)
            except ValueError as error:
                raise Failure(str(error)) from error
    if summary and not quiet:
        from astro_vbinary.cli.summary import print_run

        print_run(summary)
    troubled = missing or (summary and summary.troubled)
    if folder:
        if not quiet:
            click.echo()
        with header_warnings():
            made = make_folder(
                ctx,
                output,
                index,
                folder,
                positions=table,
                prior=prior,
                workers=workers,
                overwrite=overwrite,
                quiet=quiet,
                **wanted,
            )
        troubled = troubled or made.failed
    ctx.exit(PARTLY if troubled else DONE)


def _check_wanted(ctx, folder, wanted):
    """Raise if an option of the catalogue is given without the catalogue."""
    if folder:
        return
    for name in wanted:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "format" if name == "formats" else name.replace("_", "-")
            raise click.UsageError(f"--{option} is for --catalog")


def _only_the_catalogue_lacks(output, folder):
    """Whether the verdicts are finished and the catalogue is not."""
    from astro_vbinary.pipeline.journal import Journal
    from astro_vbinary.pipeline.running import working_folder

    journal = working_folder(output) / "journal.sqlite"
    if not output.exists() or not journal.exists():
        return False
    unfinished = working_folder(folder / "catalog.ecsv").exists()
    if (folder / "catalog.ecsv").exists() and not unfinished:
        return False
    with Journal(journal) as opened:
        return opened.finished


def _fetch(ctx, catalog, folder, contact, quiet, arguments):
    """Fetch stamps, and say how many could not be."""
    summary = run_fetch(
        ctx,
        catalog,
        folder,
        contact=contact,
        offline=False,
        quiet=quiet,
        arguments=arguments,
    )
    missing = summary.n_failures + summary.n_pending
    if missing:
        click.echo(
            f"{count(missing, 'stamp')} could not be fetched: go on with "
            '"astro-vbinary fetch", then run again with --overwrite',
            err=True,
        )
    return missing


def _fetched(folder):
    from astro_vbinary.archives import read_manifest
    from astro_vbinary.stamps import StampIndex

    table = read_manifest(folder, files_only=True)
    return StampIndex.from_manifest(table, root=folder)


def _inputs(catalog, stamps, templates, manifest):
    """An index of the stamps, and the table of sources if there is one."""
    if catalog.is_dir():
        if stamps or manifest:
            raise click.UsageError(
                "CATALOG is a folder of stamps, so give no --stamps or --manifest"
            )
        return find_stamps([catalog], templates, None), None
    if bool(stamps) == bool(manifest):
        raise click.UsageError(
            f"{catalog} is a table of sources: give either --stamps or --manifest too"
        )
    return find_stamps(stamps, templates, manifest), catalog


@contextmanager
def _client(address, workers):
    if address is None:
        yield None
        return
    if importlib.util.find_spec("distributed") is None:
        raise Failure(
            "--dask needs distributed, which is not installed: "
            'pip install "astro-vbinary[dask]"'
        )
    from astro_vbinary.pipeline.clusters import connect

    with connect(address, workers=workers) as client:
        yield client
