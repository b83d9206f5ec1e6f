"""Figures of the report as SVG: sharp at any size, in the page's own colours."""

import html

import numpy as np

__all__ = ["Chart", "dots"]

#: Size of a figure in the units of its view box, and its margins: left, right, top,
#: bottom.
WIDTH, HEIGHT = 560, 380
MARGINS = (56, 14, 14, 46)

#: Steps between ticks, up to powers of ten.
STEPS = (1, 2, 2.5, 5, 10)

#: Of numbers, as it is printed.
MINUS = "\N{MINUS SIGN}"


class Chart:
    """A figure with two axes.

    Parameters
    ----------
    x_range, y_range : tuple of float
        What the axes run from, left or bottom, and to; either may be the larger.
    x_label, y_label : str
        What they are.
    alt : str
        The figure in words.
    y_ticks : sequence of tuple, optional
        Values and texts of the second axis's ticks; round values by default.
    """

    def __init__(self, x_range, y_range, x_label, y_label, *, alt, y_ticks=None):
        self.x_range, self.y_range = x_range, y_range
        self.y_ticks = y_ticks
        self.labels = (x_label, y_label)
        self.alt = alt
        self.parts = []

    def x(self, value):
        """Where values lie along the first axis.

        Parameters
        ----------
        value : array-like of float
            The values.

        Returns
        -------
        array-like of float
            In the units of the view box.
        """
        left, right, _, _ = MARGINS
        low, high = self.x_range
        return left + (value - low) / (high - low) * (WIDTH - left - right)

    def y(self, value):
        """Where values lie along the second axis.

        Parameters
        ----------
        value : array-like of float
            The values.

        Returns
        -------
        array-like of float
            In the units of the view box.
        """
        _, _, top, bottom = MARGINS
        low, high = self.y_range
        return HEIGHT - bottom - (value - low) / (high - low) * (HEIGHT - top - bottom)

    def dots(self, x, y, kind):
        """Add points.

        Parameters
        ----------
        x, y : `~numpy.ndarray`
            Shape (n,).
        kind : str
            Their class in the style sheet.
        """
        self.parts.append(dots(self.x(x), self.y(y), kind))

    def line(self, x, y, kind):
        """Add a line through points.

        Parameters
        ----------
        x, y : sequence of float
            Shape (n,).
        kind : str
            Its class in the style sheet.
        """
        steps = " ".join(
            f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(x, y, strict=True)
        )
        self.parts.append(f'<polyline class="{kind}" points="{steps}"/>')

    def box(self, x, y, kind, *, title=""):
        """Add a rectangle.

        Parameters
        ----------
        x, y : tuple of float
            Both its ends along each axis.
        kind : str
            Its class in the style sheet.
        title : str, optional
            What is shown where the pointer rests.
        """
        a, b = sorted(float(self.x(v)) for v in x)
        c, d = sorted(float(self.y(v)) for v in y)
        note = f"<title>{html.escape(title)}</title>" if title else ""
        self.parts.append(
            f'<rect class="{kind}" x="{a:.1f}" y="{c:.1f}" width="{b - a:.1f}" '
            f'height="{d - c:.1f}">{note}</rect>'
        )

    def text(self, x, y, words, *, kind="mark"):
        """Add text.

        Parameters
        ----------
        x, y : float
            Where.
        words : str
            The text.
        kind : str, optional
            Its class in the style sheet.
        """
        self.parts.append(
            f'<text class="{kind}" x="{self.x(x):.1f}" y="{self.y(y):.1f}">'
            f"{html.escape(words)}</text>"
        )

    def svg(self):
        """The figure.

        Returns
        -------
        str
            Markup without a style of its own.
        """
        left, right, top, bottom = MARGINS
        base, end = HEIGHT - bottom, WIDTH - right
        parts = [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{html.escape(self.alt)}">'
        ]
        for value, words in _ticks(*self.x_range):
            x = self.x(value)
            parts.append(f'<path class="grid" d="M{x:.1f} {top}V{base}"/>')
            parts.append(
                f'<text class="tick x" x="{x:.1f}" y="{base + 18}">{words}</text>'
            )
        for value, words in self.y_ticks or _ticks(*self.y_range):
            y = self.y(value)
            parts.append(f'<path class="grid" d="M{left} {y:.1f}H{end}"/>')
            parts.append(
                f'<text class="tick y" x="{left - 8}" y="{y + 4:.1f}">{words}</text>'
            )
        parts += self.parts
        middle = (top + base) / 2
        parts.append(f'<path class="axis" d="M{left} {top}V{base}H{end}"/>')
        parts.append(
            f'<text class="label" x="{(left + end) / 2}" y="{HEIGHT - 8}">'
            f"{html.escape(self.labels[0])}</text>"
        )
        parts.append(
            f'<text class="label" transform="rotate(-90 14 {middle})" x="14" '
            f'y="{middle}">{html.escape(self.labels[1])}</text></svg>'
        )
        return "".join(parts)


def dots(x, y, kind):
    """Many points as one path: a browser draws thousands at once.

    Parameters
    ----------
    x, y : `~numpy.ndarray`
        Shape (n,), in the units of the view box.
    kind : str
        Their class in the style sheet.

    Returns
    -------
    str
        Markup; points that fall on one place are drawn once.
    """
    places = dict.fromkeys(
        f"M{a:.1f} {b:.1f}h0"
        for a, b in zip(np.atleast_1d(x), np.atleast_1d(y), strict=True)
        if np.isfinite(a) and np.isfinite(b)
    )
    return f'<path class="dots {kind}" d="{"".join(places)}"/>' if places else ""


def _ticks(low, high, *, most=7):
    """Round values between two, and their texts."""
    low, high = sorted((float(low), float(high)))
    span = high - low
    if not span > 0:
        return [(low, _text(low))]
    power = 10.0 ** np.floor(np.log10(span / most))
    step = next(power * s for s in STEPS if span / (power * s) <= most)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [(float(n * step), _text(n * step)) for n in np.arange(first, last + 1)]


def _text(value):
    text = f"{value:.6g}"
    return "0" if text in ("-0", "0") else text.replace("-", MINUS)
