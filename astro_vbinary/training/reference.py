"""The reference recipe: a ResNet34 from scratch on a few hundred labelled stamps.

``python -m astro_vbinary.training.reference FOLDER -o DIR`` trains on FITS stamps in
``FOLDER/binary`` and ``FOLDER/else``, or on those that a table of labels names
(``--labels labels.csv`` with the columns source, label and perhaps survey). A run
that was stopped goes on from what is in DIR.
"""

import sys
from pathlib import Path

from astro_vbinary.training.commands import module_parser, run_command
from astro_vbinary.training.reference_classifier import (
    FILE,
    ReferenceClassifier,
    ReferenceRecipe,
)
from astro_vbinary.training.reference_folder import read_labelled
from astro_vbinary.training.reference_training import split_sources, train_reference

__all__ = [
    "ReferenceClassifier",
    "ReferenceRecipe",
    "main",
    "read_labelled",
    "split_sources",
    "train_reference",
]

#: What ``python -m`` runs.
MODULE = "astro_vbinary.training.reference"


def format_report(report):
    """The report of a classifier as text, in the form of the paper's Table 2.

    Parameters
    ----------
    report : dict
        As of a `ReferenceClassifier`.

    Returns
    -------
    str
        Several lines.
    """
    lines = [
        f"trained on {report['n_train']}, epoch {report['epoch']} kept by the F1 of "
        f"{report['n_validation']}, tested on {report['n']}; "
        f"{report['left_out']} left out"
    ]
    if report["n"]:
        lines += [
            f"{name:>7}: precision {report[f'precision_{k}']:.2f}  recall "
            f"{report[f'recall_{k}']:.2f}  F1 {report[f'f1_{k}']:.2f}"
            for k, name in ((0, "else"), (1, "binary"))
        ]
        lines.append(
            f"accuracy {report['accuracy']:.2f} ({report['accuracy_low']:.2f} to "
            f"{report['accuracy_high']:.2f}, 95 %), ROC area {report['roc_auc']:.3f}"
        )
    return "\n".join(lines)


def main(arguments=None):
    """The command line of this module.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parser = module_parser(MODULE, __doc__)
    parser.add_argument("folder", type=Path, help="folder of FITS stamps")
    parser.add_argument("--labels", type=Path, help="table of labels: CSV or ECSV")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--group", type=int, default=3, help="resolution group whose grid is used"
    )
    parser.add_argument("--epochs", type=int, default=ReferenceRecipe.epochs)
    parser.add_argument("--seed", type=int, default=ReferenceRecipe.seed)
    parser.add_argument(
        "--bfloat16", action="store_true", help="faster where the processor has it"
    )
    return run_command(_run, parser.parse_args(arguments))


def _run(options):
    data = read_labelled(
        options.folder,
        labels=options.labels,
        group=options.group,
        progress=not options.quiet,
    )
    for path, reason in data.rejected:
        sys.stderr.write(f"left out {path}: {reason}\n")
    recipe = ReferenceRecipe(
        epochs=options.epochs, seed=options.seed, bfloat16=options.bfloat16
    )
    made = train_reference(
        data.images,
        data.labels,
        data.sources,
        data.pixel_scale,
        options.output,
        recipe=recipe,
        device=options.device,
        progress=not options.quiet,
    )
    sys.stdout.write(f"{options.output / FILE}\n{format_report(made.report)}\n")


if __name__ == "__main__":
    sys.exit(main())
