"""How results look on a terminal."""

import sys

import click

__all__ = ["bar", "count", "mark", "name_value", "print_table"]

#: Cells and the room between them, in characters.
BAR_WIDTH, GAP, INDENT = 10, 2, 2


def can_show(text):
    """Whether standard output can show some characters.

    Parameters
    ----------
    text : str
        The characters.

    Returns
    -------
    bool
        False for a terminal in an old encoding.
    """
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def count(number, noun):
    """A number and a noun in its right form.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        In the singular.

    Returns
    -------
    str
        Such as ``1 row`` or ``2 rows``.

    Examples
    --------
    >>> from astro_vbinary.cli.console import count
    >>> count(3, "survey"), count(1, "row")
    ('3 surveys', '1 row')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def bar(share):
    """A share as a bar.

    Parameters
    ----------
    share : float
        0 to 1; NaN gives an empty bar.

    Returns
    -------
    str
        Always of the same width.
    """
    full, empty = ("█", "·") if can_show("█·") else ("#", ".")
    filled = round(share * BAR_WIDTH) if share == share else 0
    return full * filled + empty * (BAR_WIDTH - filled)


def mark(good):
    """A sign for right or wrong.

    Parameters
    ----------
    good : bool or None
        None is neither.

    Returns
    -------
    str
        Coloured where the terminal has colours.
    """
    if good is None:
        return "-"
    right, wrong = ("✓", "✗") if can_show("✓✗") else ("ok", "WRONG")
    return click.style(right, fg="green") if good else click.style(wrong, fg="red")


def name_value(name, value):
    """Print a name and its value, names aligned.

    Parameters
    ----------
    name : str
        The name.
    value : object
        The value.
    """
    click.echo(f"{click.style(f'{name:<12}', bold=True)} {value}")


def print_table(head, rows, *, right=()):
    """Print rows below their heads, each column as wide as it needs.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequence of str
        The cells; they may have colours.
    right : sequence of str, optional
        Names of the columns that are set to the right.
    """
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(click.unstyle(row[number])) for row in [head, *rows])
        for number in range(len(head))
    ]

    def line(cells):
        shown = []
        for name, cell, width in zip(head, cells, widths, strict=True):
            room = " " * (width - len(click.unstyle(cell)))
            shown.append(room + cell if name in right else cell + room)
        return (" " * INDENT + (" " * GAP).join(shown)).rstrip()

    click.echo(click.style(line(head), underline=False, bold=True))
    for row in rows:
        click.echo(line(row))
