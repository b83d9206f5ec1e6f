"""``astro-vbinary weights``: which networks there are, and how good they are."""

from pathlib import Path

import click

__all__ = ["command"]

#: Rows of scores that are shown first, and what they are of.
SETS = {"visual_task": "pairs an eye would see", "all": "every scene"}
PART = "visual_task_"


@click.group("weights", short_help="The networks and their scores.")
def command():
    """Show the networks' weights, and add your own.

    \b
    Examples:
      astro-vbinary weights list
      astro-vbinary weights show gezer-resnet34-g3
      astro-vbinary weights add mine/
      astro-vbinary weights remove mine-g3
    """


@command.command("list")
def list_command():
    """List the weights that are installed."""
    from astro_vbinary.classification import list_weights
    from astro_vbinary.cli.console import print_table

    cards = list_weights()
    if not cards:
        click.echo("No weights are installed.")
        return
    print_table(
        ["id", "version", "group", "policies", "accuracy", "surveys"],
        [
            [
                card.id,
                card.version,
                str(card.group),
                ", ".join(card.policies),
                _accuracy(card.scores.get("visual_task", card.scores.get("test"))),
                ", ".join(card.surveys),
            ]
            for card in cards
        ],
        right=["group"],
    )


@command.command("show")
@click.argument("weights_id", metavar="ID")
def show_command(weights_id):
    """Show the card of the weights ID: training, grid, and scores.

    Every share has its number of stacks and its exact 95 % interval (Clopper &
    Pearson 1934).
    """
    from astro_vbinary.classification.weights import find_weights
    from astro_vbinary.cli.console import name_value

    card = find_weights(weights_id)
    entries = card.entries
    click.secho(f"{card.id} {card.version}", bold=True)
    if entries.get("description"):
        click.echo(click.wrap_text(entries["description"].strip(), 78))
    click.echo()
    grid = entries["grid"]
    network = entries["network"]
    name_value("Group", f"{card.group} of the policies {', '.join(card.policies)}")
    name_value("Surveys", ", ".join(card.surveys))
    name_value(
        "Grid",
        f"{grid['side']} x {grid['side']} px of {grid['pixel_scale']:g} arcsec",
    )
    name_value("Channels", ", ".join(card.preprocessing.channels))
    name_value("Of each band", ", ".join(card.preprocessing.band_channels) or "none")
    name_value("Network", ", ".join(f"{k} {v}" for k, v in network.items()))
    name_value("Classes", ", ".join(map(str, entries["classes"])))
    name_value("Threshold", f"{card.threshold:g}")
    name_value(
        "Calibration",
        ", ".join(f"{k} {v:.4g}" for k, v in entries["calibration"].items()),
    )
    for name in ("training", "training_data", "trained"):
        _print_section(name, entries.get(name))
    name_value("Licence", entries["licence"])
    name_value("File", card.weights_path)
    name_value("SHA-256", card.sha256)
    _print_scores(card.scores)


@command.command("add")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace installed weights of that id.")
def add_command(folder, replace):
    """Install the weights in FOLDER, so that they are known by their id.

    FOLDER holds a card (ID.toml) and its tensors (ID.safetensors), as "astro-vbinary
    train" writes them. They are checked first: the card's entries, the hash, the names
    and shapes of the tensors, a forward pass. A folder with code, pickled files or
    links in it is refused.

    They are copied to the folder of your data, or to the one that the environment
    variable ASTRO_VBINARY_DATA names, and used where they are asked for:

    \b
      astro-vbinary weights add mine/
      astro-vbinary classify stamps/ -o verdicts.ecsv --weights mine-g3
      astro-vbinary run stamps/ -o verdicts.parquet --weights mine-g3
    """
    from astro_vbinary.classification import install_weights

    card = install_weights(folder, replace=replace)
    click.echo(
        f"{card.id} {card.version} for group {card.group} "
        f"({card.entries['licence']}): {card.path.parent}"
    )


@command.command("remove")
@click.argument("weights_id", metavar="ID")
def remove_command(weights_id):
    """Remove the installed weights ID; bundled ones stay."""
    from astro_vbinary.classification import remove_weights

    click.echo(f"removed {remove_weights(weights_id)}")


def _print_section(name, value):
    if value is None:
        return
    from astro_vbinary.cli.console import name_value

    title = name.replace("_", " ").capitalize()
    if not isinstance(value, dict):
        name_value(title, value)
        return
    click.secho(title, bold=True)
    for key, entry in value.items():
        if isinstance(entry, dict):
            entry = ", ".join(f"{k} {v}" for k, v in entry.items())
        indent = " " * 15
        first = f"  {key.replace('_', ' '):<12} "
        click.echo(
            click.wrap_text(
                str(entry), 88, initial_indent=first, subsequent_indent=indent
            )
        )


def _print_scores(scores):
    from astro_vbinary.cli.console import print_table

    reports = {k: v for k, v in scores.items() if "accuracy" in v}
    if reports:
        click.secho("\nScores on held-out stacks", bold=True)
        print_table(
            ["set", "n", "accuracy", "precision", "recall", "F1", "AUC"],
            [
                [
                    _set_name(name),
                    f"{report.get('n', 0):,}",
                    _accuracy(report),
                    *(_both(report, key) for key in ("precision", "recall", "f1")),
                    _number(report, "roc_auc"),
                ]
                for name, report in reports.items()
            ],
            right=["n", "precision", "recall", "F1", "AUC"],
        )
        click.echo("\n  Accuracy with its interval; the others for not / binary.")
        _print_calibration(reports.get("all", {}))
    _print_kinds(scores.get("right_by_kind"))


def _print_calibration(report):
    stem = "calibration_error_at_"
    shown = [
        f"{value:.3f} where {key.removeprefix(stem)} % are binaries"
        for key, value in report.items()
        if key.removeprefix(stem).isdigit()
    ]
    if shown:
        click.echo(f"  Expected calibration error: {', '.join(shown)}.")


def _print_kinds(kinds):
    if not kinds:
        return
    from astro_vbinary.cli.console import bar, print_table

    click.secho("\nShare that is right, by what was simulated", bold=True)
    print_table(
        ["kind", "n", "right", "", "95 % interval"],
        [
            [
                kind,
                f"{entry['n']:,}",
                f"{entry['share']:.3f}",
                bar(entry["share"]),
                _interval(entry["share"], entry["n"]),
            ]
            for kind, entry in kinds.items()
        ],
        right=["n"],
    )


def _interval(share, number):
    from astro_vbinary.training import binomial_interval

    low, high = binomial_interval(round(share * number), number)
    return f"{low:.3f} to {high:.3f}"


def _set_name(name):
    if name in SETS:
        return SETS[name]
    return f"  in {name.removeprefix(PART)}" if name.startswith(PART) else name


def _accuracy(report):
    if not report:
        return "-"
    shown = f"{report['accuracy']:.3f}"
    if "accuracy_low" in report:
        shown += f" ({report['accuracy_low']:.3f} to {report['accuracy_high']:.3f})"
    return shown


def _both(report, key):
    return " / ".join(_number(report, f"{key}_{label}") for label in (0, 1))


def _number(report, key):
    value = report.get(key)
    return "-" if value is None else f"{value:.3f}"
