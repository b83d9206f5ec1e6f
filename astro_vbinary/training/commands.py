"""What the commands of this room, ``python -m astro_vbinary.training...``, share."""

import argparse
import sys

import torch

from astro_vbinary.exceptions import VBinaryError

__all__ = ["module_parser", "run_command"]


def module_parser(module, description):
    """A parser with the options that every command of this room has.

    Parameters
    ----------
    module : str
        What ``python -m`` runs.
    description : str
        What it does.

    Returns
    -------
    `argparse.ArgumentParser`
        With ``--device``, ``--threads`` and ``--quiet``.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=description
    )
    parser.add_argument("--device", default="cpu", help="device of torch")
    parser.add_argument(
        "--threads", type=int, help="threads of torch; by default all cores"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return parser


def run_command(work, options):
    """Run a command; what a user can mend is told in a line, not as a traceback.

    Parameters
    ----------
    work : callable
        Called with the options.
    options : `argparse.Namespace`
        Of a `module_parser`.

    Returns
    -------
    int
        0, or 1 where it failed, or 130 where it was stopped by Ctrl-C.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        work(options)
    except (VBinaryError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; run it again to go on from the last checkpoint\n")
        return 130
    return 0
