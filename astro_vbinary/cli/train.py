"""``astro-vbinary train``: from labels and stamps to weights with a card."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from astro_vbinary.cli.exits import DONE, PARTLY, Failure
from astro_vbinary.cli.inputs import header_warnings
from astro_vbinary.cli.labelled import labelled_options, read_labelled_stacks
from astro_vbinary.cli.lazy import LazyChoice
from astro_vbinary.cli.outputs import check_folder, folder_option, replacing

__all__ = ["command"]


@click.command("train", short_help="From labels and stamps to weights of your own.")
@labelled_options
@folder_option("weights, their card, the split and the learning curves")
@click.option(
    "--recipe",
    type=LazyChoice("astro_vbinary.training:TUNING_RECIPES", "recipe"),
    default="finetune",
    show_default=True,
    help="finetune starts from the bundled weights, gezer from random ones as the "
    "paper does.",
)
@click.option(
    "--group",
    type=click.IntRange(1, 4),
    default=3,
    show_default=True,
    help="Resolution group that the weights are for; stacks of others are passed over.",
)
@click.option(
    "--initial",
    metavar="ID|PATH",
    help="Weights that finetune starts from; by default those of the group.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the labels.")
@click.option("--batch", type=click.IntRange(min=2), help="Stacks in a step.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate.")
@click.option(
    "--simulated",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Share of simulated stacks among those that are trained on.",
)
@click.option(
    "--freeze",
    multiple=True,
    metavar="STAGE",
    help="Stage of the network to leave as it is, such as layer1; can be repeated.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=0),
    help="Epochs without a better one after which training ends; 0 for never.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of split and training.")
@click.option(
    "--split",
    "split_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A split to use, as split.ecsv of an earlier training; refused if it leaks.",
)
@click.option(
    "--cell",
    type=click.FloatRange(0, 3600),
    metavar="ARCMIN",
    help="Side of the cells of the sky that no split parts. [default: 1]",
)
@click.option(
    "--tensorboard",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write the learning curves for TensorBoard, epoch by epoch, to DIR "
    '(needs pip install "astro-vbinary[tensorboard]").',
)
@click.option(
    "--id",
    "name",
    help="Id of the weights; by default the folder's name and the group.",
)
@click.option("--version", default="1.0", show_default=True, help="Their version.")
@click.option(
    "--licence",
    default="LicenseRef-private",
    show_default=True,
    help="Their licence, for the card.",
)
@click.pass_context
def command(
    ctx,
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
    recipe,
    group,
    initial,
    epochs,
    batch,
    rate,
    simulated,
    freeze,
    patience,
    seed,
    split_file,
    cell,
    tensorboard,
    name,
    version,
    licence,
):
    """Train weights on your own labels.

    LABELS is a table with the columns source and label (binary, not_binary, unsure,
    bad_image) and perhaps survey and annotator, or a folder that holds the folders
    binary and else. What several people say is averaged; what anybody calls bad_image
    is left out.

    The stacks are split into 70 % for training, 15 % for the test and 15 % for
    validation. No source, no cell of the sky and no image, turned or mirrored, is in
    two of them. The epoch that is best on the validation part is kept and calibrated
    on it; the card has its scores on the test part.

    A training that was stopped goes on from its last epoch, to the same weights. When
    it is done, the output holds the weights and card (ID.safetensors, ID.toml),
    split.ecsv, history.csv and history.png.

    \b
    Examples:
      astro-vbinary train labels.ecsv --stamps stamps/ -o mine/
      astro-vbinary train sorted/ --stamps sorted/ -o mine/ --simulated 0.3
      astro-vbinary train labels.ecsv --stamps stamps/ -o paper/ --recipe gezer
      astro-vbinary evaluate mine/ labels.ecsv --stamps stamps/ -o report/
      astro-vbinary weights add mine/
      astro-vbinary classify stamps/ -o verdicts.ecsv --weights mine-g3

    \b
    Exit codes:
      0    the weights are written
      3    they are written, but some files could not be used
      1    nothing was written; the reason is on standard error
      2    the command line could not be understood
      130  stopped by Ctrl-C; the same command goes on
    """
    check_folder(output)
    if tensorboard:
        check_folder(tensorboard)
    with header_warnings():
        from astro_vbinary.training import (
            TUNING_RECIPES,
            EpochLog,
            read_split,
            train_weights,
        )
        from astro_vbinary.training.seen import parts_of

        chosen = TUNING_RECIPES[recipe]
        changes = {
            "epochs": epochs,
            "batch": batch,
            "rate": rate,
            "simulated": simulated,
            "frozen": freeze or None,
            "patience": patience,
            "seed": seed,
        }
        changes = {key: value for key, value in changes.items() if value is not None}
        if cell is not None:
            changes["rules"] = replace(chosen.rules, cell=cell)
        chosen = replace(chosen, **changes)
        card, grid = _initial(chosen, initial, group, policy)
        stacks = read_labelled_stacks(
            labels,
            stamps,
            templates,
            group=group,
            policy=policy,
            surveys=surveys,
            unsure=unsure,
            grid=grid,
            threads=threads,
            cache=output,
            quiet=quiet,
        )
        try:
            parts = (
                None if split_file is None else parts_of(read_split(split_file), stacks)
            )
            with EpochLog(tensorboard) if tensorboard else nullcontext() as log:
                made = train_weights(
                    stacks,
                    output,
                    recipe=chosen,
                    group=group,
                    policy=policy,
                    initial=card,
                    parts=parts,
                    name=name,
                    version=version,
                    licence=licence,
                    device=device,
                    progress=not quiet,
                    told=log,
                )
        except ValueError as error:
            raise Failure(str(error)) from error
    _draw(made, output / "history.png")
    if not quiet:
        _tell(made, stacks)
    ctx.exit(PARTLY if stacks.rejected else DONE)


def _initial(recipe, name, group, policy):
    """Card that is started from, and the grid of the stacks."""
    from astro_vbinary.classification import find_weights, open_weights

    if not recipe.initial:
        if name is not None:
            raise click.UsageError(f"{recipe.name} starts from random weights")
        return None, None
    card = open_weights(name) if name else find_weights(group=group, policy=policy)
    grid = card.entries["grid"]
    return card, (grid["pixel_scale"], grid["side"])


def _draw(made, path):
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from astro_vbinary.training import draw_history

    fig = draw_history(made.history, best=made.card.entries["training"]["epoch"])
    with replacing(path) as part:
        fig.savefig(part, dpi=150)
    plt.close(fig)


def _tell(made, stacks):
    from astro_vbinary.cli.console import count

    card = made.card
    training = card.entries["training"]
    click.echo(
        f"{count(len(stacks), 'stack')} with labels: "
        + ", ".join(
            f"{training[part]['n']:,} {part}"
            for part in ("train", "test", "validation")
        )
        + f"; epoch {training['epoch']} of {len(made.history)} kept"
    )
    for part, report in card.scores.items():
        if "accuracy" in report:
            click.echo(
                f"{part}: accuracy {report['accuracy']:.3f} "
                f"({report['accuracy_low']:.3f} to {report['accuracy_high']:.3f}), "
                f"n = {report['n']:,}"
            )
    if stacks.rejected:
        name, reason = stacks.rejected[0]
        click.echo(
            f"{count(len(stacks.rejected), 'file or stack')} could not be used; "
        )
        click.echo(f"  {name}: {reason}")
    click.echo(f"Weights: {card.weights_path}\nCard:    {card.path}")
