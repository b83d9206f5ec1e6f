"""``astro-vbinary classify``: stamps in, a catalogue of verdicts out."""

import time
from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.options import (
    device_option,
    engine_option,
    expected_prior_option,
    overwrite_option,
    policy_option,
    quiet_option,
    weights_option,
)
from astro_vbinary.cli.outputs import check_table, replacing, write_table

__all__ = ["command"]


@click.command("classify", short_help="Stamps in, a catalogue of verdicts out.")
@stamp_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The catalogue: .ecsv, .csv, .vot, .fits or .parquet.",
)
@click.option(
    "--catalog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of positions: source, ra, dec, and perhaps pmra, pmdec, ref_epoch. "
    "Without it the centre of each stamp stands for its source.",
)
@policy_option
@weights_option
@device_option
@engine_option("batch")
@expected_prior_option
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Stacks that a network sees at a time; by default what suits the device: 32 "
    "on a CPU, on a GPU what fits into half of its free memory.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Also write a table of the rows whose input could not be used, or not all "
    "of it, with the reasons.",
)
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx,
    paths,
    templates,
    manifest,
    output,
    catalog,
    policy,
    weights,
    device,
    engine,
    prior,
    batch_size,
    rejects,
    overwrite,
    quiet,
):
    """Classify stamps: one row for each source and survey.

    PATH is a FITS file or a folder of them, named {source}_{band}_{survey}.fits, or
    {source}_stacked_{survey}.fits where bands are already stacked. The bands of each
    source and survey are aligned, stacked and judged by the network of the survey's
    resolution group. A row always comes back: where there is no verdict its status
    and reason say why.

    \b
    Examples:
      astro-vbinary classify stamps/ -o verdicts.ecsv
      astro-vbinary classify stamps/ -o verdicts.vot --catalog positions.csv
      astro-vbinary classify stamps/ -o verdicts.ecsv --prior 0.02
      astro-vbinary classify a/ b/ -o out.fits --template "{survey}-{band}-{source}"
      astro-vbinary classify stamps/ -o verdicts.ecsv --weights mine-g3
      astro-vbinary classify --manifest files.csv -o out.ecsv --rejects bad.ecsv

    \b
    Exit codes:
      0    every row has a verdict, or has none by design: the survey cannot
           resolve 2.5 arcsec, or no weights exist for its group
      3    the catalogue is written, but some files could not be used
      1    nothing was written: no stamps, or the output or device cannot be used
      2    the command line could not be understood
      130  stopped by Ctrl-C; nothing was written
    """
    started = time.monotonic()
    for path in filter(None, (output, rejects)):
        check_table(path, overwrite=overwrite)
    if rejects and rejects.resolve() == output.resolve():
        raise click.UsageError("--rejects and -o are the same file")
    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        targets = _read_targets(catalog)
        chosen = _choose_device(device)
        from astro_vbinary.classification import classify

        result = classify(
            index,
            policy=policy,
            weights=weights,
            targets=targets,
            device=chosen,
            engine=engine,
            prior=prior,
            batch_size=batch_size,
            progress=not quiet,
        )
    with replacing(output) as part:
        result.write(part)
    table = result.to_table()
    troubled = _troubled(table)
    if rejects:
        columns = ["source", "survey", "bands", "status", "reason"]
        write_table(table[troubled][columns], rejects)
    if not quiet:
        from astro_vbinary.cli.summary import print_summary

        print_summary(result, seconds=time.monotonic() - started, device=chosen)
        if targets is not None:
            _compare_names(index, targets)
        click.echo(f"\nCatalogue: {output}")
        if rejects:
            click.echo(f"Rejects:   {rejects}")
    ctx.exit(PARTLY if troubled.any() else DONE)


def _read_targets(catalog):
    if catalog is None:
        return None
    from astro_vbinary.stamps.targets import read_targets

    try:
        return read_targets(catalog)
    except ValueError as error:
        raise Failure(str(error)) from error


def _choose_device(name):
    from astro_vbinary.classification.classifier import choose_device

    try:
        return str(choose_device(name))
    except ValueError as error:
        raise Failure(str(error)) from error


def _troubled(table):
    """Rows whose input could not be used, or not all of it."""
    import numpy as np

    from astro_vbinary.status import Flag, Status

    failed = [Status(str(value)).is_failure for value in table["status"]]
    dropped = (np.asarray(table["flags"]) & int(Flag.FILES_DROPPED)) > 0
    return np.array(failed, dtype=bool) | dropped


def _compare_names(index, targets):
    from astro_vbinary.cli.console import count

    sources = {file.source for file in index}
    missing = sorted(sources - set(targets))
    if missing:
        click.echo(
            f"\n{count(len(missing), 'source')} not in the catalogue of positions "
            f"(stamp centres were taken): {_some(missing)}"
        )
    unused = sorted(set(targets) - sources)
    if unused:
        click.echo(
            f"\n{count(len(unused), 'position')} without stamps: {_some(unused)}"
        )


def _some(names, most=5):
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
