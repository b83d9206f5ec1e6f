"""``astro-vbinary evaluate``: how good weights are on labelled stamps."""

from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import header_warnings
from astro_vbinary.cli.labelled import labelled_options, read_labelled_stacks
from astro_vbinary.cli.outputs import check_folder, folder_option, replacing

__all__ = ["command"]


@click.command("evaluate", short_help="How good weights are on your labels.")
@click.argument("weights", metavar="WEIGHTS")
@labelled_options
@folder_option("report: report.txt, report.html, scores.ecsv, parts.ecsv")
@click.option(
    "--against",
    metavar="ID|PATH",
    help="Other weights to hold against these, on the same stacks.",
)
@click.option(
    "--prevalence",
    "prevalences",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=(0.5, 0.02),
    show_default=True,
    help="Share of pairs at which precision and calibration are given too; repeatable.",
)
@click.option(
    "--seen",
    is_flag=True,
    help="Also use the stacks that the weights were trained on, which flatter them.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier report.")
@click.pass_context
def command(
    ctx,
    weights,
    labels,
    stamps,
    templates,
    surveys,
    policy,
    unsure,
    device,
    threads,
    quiet,
    output,
    against,
    prevalences,
    seen,
    overwrite,
):
    """Score the weights WEIGHTS, an id or a folder, on the stacks with LABELS.

    LABELS is what "astro-vbinary train" takes. Where split.ecsv lies beside the
    weights' card, the stacks that they were trained on, and whatever is the same
    source, place or image, are left out.

    Given are precision, recall and F1 as in the paper's Table 2, the confusion matrix,
    ROC, precision and recall at stated shares of pairs, and calibration; each with its
    95 % interval, and by survey, signal-to-noise ratio, separation (where LABELS has
    that column) and annotator. report.html also shows the stacks that it got wrong.

    \b
    Examples:
      astro-vbinary evaluate mine/ labels.ecsv --stamps stamps/ -o report/
      astro-vbinary evaluate gezer-resnet34-g3 labels.ecsv --stamps stamps/ -o report/
      astro-vbinary evaluate mine/ labels.ecsv --stamps stamps/ -o report/ \\
          --against gezer-resnet34-g3 --prevalence 0.02

    \b
    Exit codes:
      0    the report is written
      3    it is written, but some files could not be used
      1    nothing was written; the reason is on standard error
      2    the command line could not be understood
    """
    check_folder(output)
    if (output / "report.txt").exists() and not overwrite:
        raise Failure(f"{output / 'report.txt'} exists; give --overwrite to replace it")
    with header_warnings():
        from astro_vbinary.classification import open_weights
        from astro_vbinary.classification.weights import load_network
        from astro_vbinary.training import evaluate_weights

        cards = [open_weights(name) for name in (weights, against) if name]
        stacks, left_out = {}, {}
        for card in cards:
            grid = card.entries["grid"]["pixel_scale"], card.entries["grid"]["side"]
            if grid not in stacks:
                stacks[grid] = read_labelled_stacks(
                    labels,
                    stamps,
                    templates,
                    group=card.group,
                    policy=policy,
                    surveys=surveys,
                    unsure=unsure,
                    grid=grid,
                    threads=threads,
                    quiet=quiet,
                )
        unseen, left_out = _unseen(cards, stacks, seen=seen)
        evaluations = {}
        for card in cards:
            grid = card.entries["grid"]["pixel_scale"], card.entries["grid"]["side"]
            network = load_network(card).to(device)
            evaluations[_name(card, evaluations)] = evaluate_weights(
                card, network, unseen[grid]
            )
        texts = _write(output, evaluations, prevalences, left_out)
    if not quiet:
        click.echo("\n\n".join(texts))
        click.echo(f"\nReport: {output / 'report.html'}")
    rejected = any(own.rejected for own in stacks.values())
    ctx.exit(PARTLY if rejected else DONE)


def _name(card, taken):
    """A name for each of two sets, which may have one id."""
    name = f"{card.id} {card.version}"
    return name if name not in taken else f"{name} ({card.sha256[:8]})"


def _unseen(cards, stacks, *, seen):
    """The stacks that none of the weights was trained on, and a sentence."""
    import numpy as np

    from astro_vbinary.training import find_seen

    notes = []
    if seen:
        return stacks, ["Stacks that the weights were trained on are not left out."]
    kept = {}
    for grid, own in stacks.items():
        known = [find_seen(card, own) for card in cards]
        used = np.zeros(len(own), dtype=bool)
        for flags in known:
            used |= False if flags is None else flags
        if used.all():
            raise Failure(
                "the weights were trained on every one of these stacks; --seen uses "
                "them all the same"
            )
        kept[grid] = own.take(np.flatnonzero(~used))
        if used.any() and not notes:
            notes.append(
                f"{int(used.sum()):,} stacks are left out: the weights were trained on "
                "them, or on the same source, place or image."
            )
    return kept, notes


def _write(output, evaluations, prevalences, notes):
    """Write all files; returns the texts."""
    import matplotlib as mpl

    mpl.use("agg")
    from astro_vbinary.stamps.tables import save_table
    from astro_vbinary.training import compare_verdicts, report_parts
    from astro_vbinary.training.evaluation_page import make_page
    from astro_vbinary.training.evaluation_text import (
        format_comparison,
        format_parts,
        scores_table,
        summary_table,
    )

    texts = list(notes)
    for number, evaluated in enumerate(evaluations.values()):
        parts = report_parts(evaluated, prevalences=prevalences)
        texts.append(format_parts(evaluated, parts, prevalences=prevalences))
        end = "" if not number else "-against"
        known = {key: value for key, value in parts.items() if value is not None}
        for name, table in (
            ("scores", scores_table(evaluated)),
            ("parts", summary_table(known)),
        ):
            with replacing(output / f"{name}{end}.ecsv") as part:
                save_table(table, part)
    if len(evaluations) == 2:
        one, two = evaluations.values()
        texts.append(format_comparison(list(evaluations), compare_verdicts(one, two)))
    for name, content in (
        ("report.html", make_page(evaluations, texts, prevalences=prevalences)),
        ("report.txt", "\n\n".join(texts) + "\n"),
    ):
        with replacing(output / name) as part:
            Path(part).write_text(content, encoding="utf-8")
    return texts
