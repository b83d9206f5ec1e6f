"""``astro-vbinary measure``: how wide, at what angle, how unequal."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import find_stamps, header_warnings, stamp_options
from astro_vbinary.cli.options import overwrite_option, quiet_option, seed_option
from astro_vbinary.cli.outputs import check_table, replacing

__all__ = ["command"]


@click.command("measure", short_help="Separation, angle and magnitude difference.")
@stamp_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The table: .ecsv, .csv, .vot, .fits or .parquet.",
)
@click.option(
    "--results",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Table of "astro-vbinary classify" or "run": only what it calls binary is '
    "measured.",
)
@click.option(
    "--min-probability",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="With --results, measure all rows of at least this probability instead.",
)
@click.option(
    "--psf",
    default="model",
    show_default=True,
    metavar="model|stars|FOLDER",
    help="The PSF: the survey's usual one, that of the stamp's other stars (the usual "
    "one where there are none), or FITS images {source}_{band}_{survey}.fits or "
    "{band}_{survey}.fits in a folder.",
)
@click.option(
    "--catalog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of positions: source, ra, dec, and perhaps pmra, pmdec, ref_epoch.",
)
@click.option(
    "--posterior",
    type=click.Choice(["auto", "all", "none"]),
    default="auto",
    show_default=True,
    help="Whose posterior is sampled for the intervals: of pairs whose separation and "
    "magnitude difference trade off, of all, or of none.",
)
@click.option(
    "--bands",
    "band_table",
    type=click.Path(path_type=Path),
    help="Also write a table with one row a band: fluxes, magnitude differences and "
    "their covariances.",
)
@click.option(
    "--contrast",
    is_flag=True,
    help="Also say what companions would have been found at 0.5, 1, 1.5 and 2 arcsec, "
    "half (limit_*) and nine tenths (limit90_*) of the time.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    metavar="NAME",
    help="cpu, cuda, cuda:1, ...",
)
@seed_option
@overwrite_option
@quiet_option
@click.pass_context
def command(
    ctx,
    paths,
    templates,
    manifest,
    output,
    results,
    min_probability,
    psf,
    catalog,
    posterior,
    band_table,
    contrast,
    device,
    seed,
    overwrite,
    quiet,
):
    """Measure the pair in each stack of stamps.

    PATH is a FITS file, a folder of them or of shards, as for "classify". Two stars
    are fitted to the native pixels of all bands of each source and survey. The table
    has one row for each: separation, position angle (east of north), magnitude
    differences, their errors and correlations, how often noise alone does as much
    (false_alarm), and how good the fit is. Every stack gets its best pair, also one
    that is a single star: see false_alarm.

    \b
    Examples:
      astro-vbinary measure stamps/ -o pairs.ecsv
      astro-vbinary measure stamps/ -o pairs.vot --results verdicts.ecsv
      astro-vbinary measure stamps/ -o pairs.fits --psf stars --bands bands.fits
      astro-vbinary measure stamps/ -o pairs.ecsv --psf my-psfs/

    \b
    Exit codes:
      0    every row is measured, or is not by design: the survey cannot resolve it
      3    the table is written, but some files could not be used
      1    nothing was written
      2    the command line could not be understood
      130  stopped by Ctrl-C; nothing was written
    """
    for path in filter(None, (output, band_table)):
        check_table(path, overwrite=overwrite)
    if band_table and band_table.resolve() == output.resolve():
        raise click.UsageError("--bands and -o are the same file")
    if min_probability is not None and results is None:
        raise click.UsageError("--min-probability needs --results")
    with header_warnings():
        index = find_stamps(paths, templates, manifest)
        candidates = _candidates(results, min_probability)
        targets = _targets(catalog)
        _check_device(device)
        from astro_vbinary.measurement import measure_pairs

        try:
            found = measure_pairs(
                index,
                psf=psf,
                candidates=candidates,
                targets=targets,
                posterior=posterior,
                contrast=contrast,
                seed=seed,
                device=device,
                progress=not quiet,
            )
        except FileNotFoundError as error:
            raise Failure(f"--psf {psf}: {error}") from error
    from astro_vbinary.stamps.tables import write_table

    for path, table in ((output, found.to_table()), (band_table, None)):
        if path is not None:
            with replacing(path) as part:
                made = found.to_band_table() if table is None else table
                write_table(made, part, overwrite=True)
    if not quiet:
        _summary(found, output)
    ctx.exit(PARTLY if found.n_failed else DONE)


def _candidates(results, min_probability):
    """(source, survey) of the rows of a table of verdicts that are to be measured."""
    if results is None:
        return None
    from astro_vbinary.stamps.tables import cell_text, read_table

    try:
        table = read_table(results, "table of results")
    except ValueError as error:
        raise Failure(str(error)) from error
    wanted = ["source", "survey", "label" if min_probability is None else "probability"]
    missing = [name for name in wanted if name not in table.colnames]
    if missing:
        raise Failure(f"{results} has no column {', '.join(missing)}")
    chosen = set()
    for row in table:
        if min_probability is None:
            good = cell_text(row["label"]) == "binary"
        else:
            good = float(row["probability"]) >= min_probability
        if good:
            chosen.add((cell_text(row["source"]), cell_text(row["survey"])))
    return chosen


def _targets(catalog):
    if catalog is None:
        return None
    from astro_vbinary.stamps.targets import read_targets

    try:
        return read_targets(catalog)
    except ValueError as error:
        raise Failure(str(error)) from error


def _check_device(device):
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(f"device {device!r} cannot be used: {reason}") from error


def _summary(found, output):
    """A few lines on what was measured."""
    table = found.to_table()
    sure = table[(table["status"] == "ok") & (table["false_alarm"] < 1e-3)]
    poor = int(sure["bad_fit"].sum())
    sure = sure[sure["bad_fit"] == 0]
    counts = ", ".join(f"{n:,} {name}" for name, n in found.counts().items())
    click.echo(f"{len(found):,} rows: {counts or 'none'}")
    click.echo(
        f"{len(sure):,} pairs with a false-alarm probability below 0.001, "
        f"{int(sure['degenerate'].sum()):,} of them too close or too unequal for a "
        f"magnitude difference, {int(sure['triple'].sum()):,} with a third star"
    )
    click.echo(f"{poor:,} more are not what two stars look like (bad_fit)")
    for row in sure[:10]:
        click.echo(f"  {_line(row)}")
    if len(sure) > 10:
        click.echo(f"  ... and {len(sure) - 10:,} more")
    click.echo(f"\nTable: {output}")


def _line(row):
    """One pair in words."""
    text = (
        f"{row['source']} {row['survey']}: "
        f"{row['separation'].value:.3f} +- {row['separation_error'].value:.3f} "
        f"arcsec at {row['position_angle'].value:.1f} +- "
        f"{row['position_angle_error'].value:.1f} deg"
    )
    if row["degenerate"]:
        return text + ", degenerate: see moment"
    return text + (
        f", {row['magnitude_difference'].value:.2f} mag in {row['reference_band']}"
    )
