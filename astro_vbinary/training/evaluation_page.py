"""An evaluation as one HTML file that needs no other."""

import base64
import html
import io

import numpy as np

from astro_vbinary.training.figures import draw_evaluation
from astro_vbinary.training.labelled import network_inputs

__all__ = ["make_page"]

#: Thumbnails that a page shows at most.
MOST = 200

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; }
pre { overflow-x: auto; }
img.wide { max-width: 100%; background: #fff; }
ul.stacks { display: grid; gap: 1rem; list-style: none; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
ul.stacks img { image-rendering: pixelated; width: 100%; }
ul.stacks li { overflow-wrap: anywhere; }
"""


def make_page(evaluations, texts, *, prevalences=(0.5, 0.02)):
    """The page.

    Parameters
    ----------
    evaluations : dict of str to EvaluatedStacks
        One or two, by the weights' names.
    texts : sequence of str
        Reports, shown as they are.
    prevalences : sequence of float, optional
        Shares of pairs for the figure.

    Returns
    -------
    str
        HTML; whatever comes from labels and files is escaped.
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">",
        f"<title>Evaluation of {html.escape(', '.join(evaluations))}</title>",
        f"<style>{STYLE}</style></head><body>",
        "<h1>Evaluation</h1>",
        *(f"<pre>{html.escape(text)}</pre>" for text in texts),
        "<h2>Curves</h2>",
        f'<img class="wide" src="{_figure(evaluations, prevalences)}" '
        'alt="ROC, precision against recall, and reliability">',
    ]
    for name, evaluated in evaluations.items():
        wrong = evaluated.wrong
        parts.append(f"<h2>What {html.escape(name)} got wrong</h2>")
        more = f"; the {MOST} surest are shown" if len(wrong) > MOST else ""
        parts.append(
            f"<p>{len(wrong):,} of {int(evaluated.decided.sum()):,} stacks{more}. The "
            "sum of the bands, north up, asinh stretch; the surest errors first.</p>"
        )
        parts.append('<ul class="stacks">')
        parts += [_entry(evaluated, number) for number in wrong[:MOST]]
        parts.append("</ul>")
    parts.append("</body></html>")
    return "\n".join(parts)


def _entry(evaluated, number):
    stacks = evaluated.stacks
    source, survey = stacks.sources[number], stacks.surveys[number]
    label = stacks.labels[number]
    lines = [
        f"{source} in {survey}",
        f"label {'binary' if label > 0.5 else 'not'}"
        + (f" ({label:.2f})" if label not in (0, 1) else ""),
        f"probability {evaluated.probability[number]:.3f}",
        f"peak S/N {evaluated.peak[number]:.0f}",
        *(f"{key}: {stacks.truth[number][key]}" for key in ("kind", "separation")
          if stacks.truth[number].get(key) is not None),
        ", ".join(stacks.annotators[number]),
    ]  # fmt: skip
    text = "<br>".join(html.escape(str(line)) for line in lines if line)
    alt = html.escape(f"{source} in {survey}", quote=True)
    return f'<li><img src="{_thumbnail(stacks, number)}" alt="{alt}"><br>{text}</li>'


def _thumbnail(stacks, number):
    """The sum of the bands as a data URI."""
    import matplotlib as mpl
    from matplotlib.image import imsave

    from astro_vbinary.classification import Preprocessing
    from astro_vbinary.plotting.style import COLOUR_MAP

    bands, owner = stacks.images([number])
    process = Preprocessing(("asinh", "valid"), ())
    (sums, _, _), _, _ = network_inputs(bands, owner, 1, stacks.pixel_scale, process)
    image, valid = sums[0].numpy()
    top = max(float(image.max()), 0.2)
    painted = mpl.colormaps[COLOUR_MAP](np.clip((image + 0.1) / (top + 0.1), 0, 1))
    painted[valid < 0.5] = (0.55, 0.55, 0.55, 1)
    buffer = io.BytesIO()
    imsave(buffer, painted, origin="lower", format="png")
    return _data_uri(buffer)


def _figure(evaluations, prevalences):
    import matplotlib.pyplot as plt

    fig = draw_evaluation(evaluations, prevalences=prevalences)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=120)
    plt.close(fig)
    return _data_uri(buffer)


def _data_uri(buffer):
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/png;base64,{text}"
