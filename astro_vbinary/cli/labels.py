"""``astro-vbinary labels``: labels out, labels in, and how annotators agree."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import Failure
from astro_vbinary.cli.options import overwrite_option

__all__ = ["command"]

_store = click.argument(
    "store",
    metavar="LABELS",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
_output = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The table: .ecsv or .csv.",
)


@click.group("labels", short_help="Labels out, labels in, and how annotators agree.")
def command():
    """Export and import labels of "astro-vbinary inspect", and compare annotators.

    LABELS is the SQLite file that inspect keeps labels in.

    \b
    Examples:
      astro-vbinary labels export stamps-labels.sqlite -o labels.ecsv
      astro-vbinary labels import stamps-labels.sqlite sorted/ --annotator ada
      astro-vbinary labels agreement stamps-labels.sqlite
      astro-vbinary labels consensus stamps-labels.sqlite -o agreed.ecsv --least 2
    """


@command.command("export")
@_store
@_output
@click.option("--annotator", metavar="NAME", help="Only labels of this annotator.")
@click.option("--repeats", is_flag=True, help="Also those of sources shown again.")
@overwrite_option
def export_command(store, output, annotator, repeats, overwrite):
    """Write labels as a table: one row for each source and annotator.

    The newest label counts; what was undone is left out. "astro-vbinary train" reads
    the table.
    """
    _check(output, overwrite)
    with _opened(store) as opened:
        labels = opened.labels(annotator=annotator, looks=repeats)
    _write(labels, output)


@command.command("import")
@click.argument(
    "store", metavar="LABELS", type=click.Path(dir_okay=False, path_type=Path)
)
@click.argument("table", metavar="PATH", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--annotator",
    metavar="NAME",
    help="Whose labels they are, where nothing says so. By default the name of PATH.",
)
def import_command(store, table, annotator):
    """Take in a table of labels, or stamps sorted into binary/ and else/.

    PATH is an .ecsv or .csv with the columns source and label (binary, not_binary,
    unsure, bad_image), or a folder with the folders binary/ and else/ in it. Labels
    that are there already are not taken twice. LABELS is made where it is missing.
    """
    from astro_vbinary.cli.console import count
    from astro_vbinary.vetting import LabelStore, read_annotations

    name = annotator or table.resolve().stem
    try:
        labels = read_annotations(table, annotator=name)
    except ValueError as error:
        raise Failure(str(error)) from error
    with LabelStore(store) as opened:
        new = opened.import_labels(labels)
    click.echo(f"{count(len(labels), 'label')} in {table}, {new:,} of them new")


@command.command("agreement")
@_store
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Also write an .ecsv or .csv.",
)
@overwrite_option
def agreement_command(store, output, overwrite):
    """Show how far annotators agree: Cohen's kappa of two, Fleiss' of all.

    Kappa is 1 for full agreement and 0 for what chance brings. Sources that an
    annotator was shown twice (inspect --repeats) tell how far one agrees with oneself.
    """
    from astro_vbinary.cli.console import print_table
    from astro_vbinary.cli.outputs import replacing
    from astro_vbinary.vetting import measure_agreement

    if output:
        _check(output, overwrite)
    with _opened(store) as opened:
        table = measure_agreement(opened.labels(looks=True))
    if not len(table):
        raise Failure("there are no two annotators, and no source was shown twice")
    if output:
        from astro_vbinary.stamps.tables import save_table

        with replacing(output) as part:
            save_table(table, part)
    print_table(
        table.colnames,
        [
            [
                row["kind"],
                row["annotators"],
                f"{row['n']:,}",
                f"{row['agree']:.3f}",
                f"{row['kappa']:.3f}",
                row["statistic"],
            ]
            for row in table
        ],
        right=["n", "agree", "kappa"],
    )


@command.command("consensus")
@_store
@_output
@click.option(
    "--least",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Fewest annotators that a source needs.",
)
@overwrite_option
def consensus_command(store, output, least, overwrite):
    """Write one label a source: what more than half of its annotators say.

    Those who are unsure have no vote; without a majority the label is "unsure".
    """
    from astro_vbinary.vetting import make_consensus

    _check(output, overwrite)
    with _opened(store) as opened:
        labels = make_consensus(opened.labels(), least=least)
    _write(labels, output)


def _opened(path):
    from astro_vbinary.vetting import LabelStore

    return LabelStore(path)


def _check(output, overwrite):
    """The format of the output, which can be written to."""
    from astro_vbinary.cli.outputs import check_file
    from astro_vbinary.vetting.annotations import table_format

    try:
        kind = table_format(output)
    except ValueError as error:
        raise Failure(str(error)) from error
    check_file(output, overwrite=overwrite)
    return kind


def _write(labels, output):
    from astro_vbinary.cli.console import count
    from astro_vbinary.cli.outputs import replacing
    from astro_vbinary.vetting import write_annotations

    with replacing(output) as part:
        write_annotations(labels, part)
    click.echo(f"{count(len(labels), 'label')} in {output}")
