"""What the exit codes mean, and the error behind each."""

import click

__all__ = ["DONE", "FAILED", "INTERRUPTED", "PARTLY", "USAGE", "Failure"]

#: All was done: every row has a verdict, or has none by design.
DONE = 0

#: Nothing could be done.
FAILED = 1

#: The command line could not be understood; click's own code.
USAGE = 2

#: Done, but some input files could not be used.
PARTLY = 3

#: Stopped by Ctrl-C: 128 and the number of the signal, as shells have it.
INTERRUPTED = 130


class Failure(click.ClickException):
    """Nothing could be done: shown as one line, without a traceback."""

    exit_code = FAILED
