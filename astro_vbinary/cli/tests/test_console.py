import click
import numpy as np
import pytest
from click.testing import CliRunner

from astro_vbinary.cli import console


def printed(function, *args, **kwargs):
    @click.command()
    def command():
        function(*args, **kwargs)

    return CliRunner().invoke(command, color=True).output


def test_columns_are_aligned_whatever_their_colours():
    rows = [[click.style("ok", fg="green"), "7"], ["unresolved", "1,234"]]
    shown = printed(console.print_table, ["status", "rows"], rows, right=["rows"])
    lines = click.unstyle(shown).splitlines()
    assert lines == [
        "  status       rows",
        "  ok              7",
        "  unresolved  1,234",
    ]


@pytest.mark.parametrize(("share", "filled"), [(0, 0), (0.5, 5), (1, 10), (np.nan, 0)])
def test_bars_are_as_long_as_the_share(share, filled):
    shown = console.bar(share)
    assert len(shown) == 10
    assert sum(letter in "█#" for letter in shown) == filled


class AsciiOutput:
    encoding = "ascii"


def test_an_old_terminal_gets_letters(monkeypatch):
    monkeypatch.setattr(console.sys, "stdout", AsciiOutput())
    signs = [console.bar(0.3), console.mark(True), console.mark(False)]
    assert "".join(signs).isascii()
    assert click.unstyle(signs[1]) != click.unstyle(signs[2])
