"""The command line: ``astro-vbinary``, one thin file a command.

Importing it, and ``--help``, bring in neither torch nor astropy.
"""

import click

from astro_vbinary import __version__
from astro_vbinary.cli.lazy import LazyGroup

__all__ = ["main"]


@click.group(
    cls=LazyGroup,
    commands_in={
        "demo": "astro_vbinary.cli.demo",
        "classify": "astro_vbinary.cli.classify",
        "run": "astro_vbinary.cli.run",
        "measure": "astro_vbinary.cli.measure",
        "catalog": "astro_vbinary.cli.catalog",
        "completeness": "astro_vbinary.cli.completeness",
        "fraction": "astro_vbinary.cli.fraction",
        "export": "astro_vbinary.cli.export",
        "report": "astro_vbinary.cli.report",
        "fetch": "astro_vbinary.cli.fetch",
        "surveys": "astro_vbinary.cli.surveys",
        "stack": "astro_vbinary.cli.stack",
        "plot": "astro_vbinary.cli.plot",
        "weights": "astro_vbinary.cli.weights",
        "inspect": "astro_vbinary.cli.inspect",
        "labels": "astro_vbinary.cli.labels",
        "train": "astro_vbinary.cli.train",
        "evaluate": "astro_vbinary.cli.evaluate",
        "simulate": "astro_vbinary.cli.simulate",
        "inject": "astro_vbinary.cli.inject",
        "pack": "astro_vbinary.cli.pack",
        "unpack": "astro_vbinary.cli.unpack",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 92},
)
@click.version_option(__version__, prog_name="astro-vbinary")
def main():
    """Find which sources are one star and which are two.

    From small FITS images ("stamps") of each source in several surveys and bands
    to a catalogue: one row for each source and survey that says "binary" (two stars
    within 2.5 arcsec) or "not", how sure it is, and why not where it cannot say.

    \b
    First steps:
      astro-vbinary demo                            see it work, in a minute
      astro-vbinary classify stamps/ -o out.ecsv    classify your own stamps
      astro-vbinary run stamps/ -o out.parquet      the same for a whole catalogue
      astro-vbinary fetch sources.vot -o stamps/    get the stamps first
      astro-vbinary COMMAND --help                  learn about a command

    \b
    Exit codes:
      0    done
      1    nothing could be done; the reason is on standard error
      2    the command line could not be understood
      3    done, but some input files could not be used
      130  stopped by Ctrl-C
    """
