"""Sphinx directives and a role that take what a page says from the code itself.

``.. column-table::``
    The columns of a result.
``.. pair-column-table::``
    The columns of measured pairs.
``.. measure-column-table::``
    The columns of measure lines.
``.. catalog-column-table::``
    The columns of the catalogue.
``.. catalog-flag-table::``
    What a row of the catalogue can be flagged with.
``.. flag-table::``
    Every flag that a row of a result can have.
``.. weights-table::``
    The cards of the bundled weights; the option ``:show:`` is ``cards`` (what they
    are), ``scores`` (how they did on held-out sets) or ``kinds`` (how they did on
    each kind of scene).
``.. recipe-table::``
    The recipes that bundled weights are made by.
``.. scene-table::``
    What a simulated scene can show, and how often it is drawn.
``.. instrument-table::``
    The surveys that can be simulated, with what their stamps are drawn from.
``:value:`package.module.NAME```
    A constant as it is in the code, so that no page copies it.
"""

from importlib import import_module
from math import isfinite
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from survey_tables import _table_node

from astro_vbinary.classification import list_weights
from astro_vbinary.classification.result import COLUMNS
from astro_vbinary.measurement.pair_columns import PAIR_COLUMNS
from astro_vbinary.pipeline.catalog_columns import CATALOG_COLUMNS, CATALOG_FLAGS
from astro_vbinary.pipeline.formats.measure_lines import MEASURE_COLUMNS
from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation import KINDS, SIMULATED_SURVEYS
from astro_vbinary.simulation.instruments import INSTRUMENTS
from astro_vbinary.status import FLAG_MEANINGS
from astro_vbinary.training import RECIPES, binomial_interval
from astro_vbinary.training.stream import BLOCK

#: Rows of scores that are not one survey's.
_SETS = {"visual_task": "pairs an eye would see", "all": "every scene"}
_PART = "visual_task_"


class ColumnTable(Directive):
    """The columns of a result, in their order."""

    def run(self):
        rows = [
            (name, "-" if unit is None else unit.to_string(), meaning)
            for name, unit, meaning in COLUMNS
        ]
        return [_table_node(["Column", "Unit", "What it holds"], rows)]


class PairColumnTable(Directive):
    """The columns of measured pairs, in their order."""

    def run(self):
        rows = [
            (name, "-" if unit is None else unit.to_string(), ucd, meaning)
            for name, unit, ucd, meaning in PAIR_COLUMNS
        ]
        return [_table_node(["Column", "Unit", "UCD", "What it holds"], rows)]


class MeasureColumnTable(Directive):
    """The columns of measure lines, in their order."""

    def run(self):
        rows = [
            (
                f"{first}-{last or 'end'}",
                name,
                "-" if unit is None else unit.to_string(),
                meaning,
            )
            for name, first, last, _, unit, meaning in MEASURE_COLUMNS
        ]
        return [_table_node(["Characters", "Column", "Unit", "What it holds"], rows)]


class CatalogColumnTable(Directive):
    """The columns of the catalogue, in their order."""

    def run(self):
        rows = [
            (name, "-" if unit is None else unit.to_string(), ucd, meaning)
            for name, unit, ucd, meaning in CATALOG_COLUMNS
        ]
        return [_table_node(["Column", "Unit", "UCD", "What it holds"], rows)]


class CatalogFlagTable(Directive):
    """Every flag of the catalogue and its meaning."""

    def run(self):
        return [_table_node(["Flag", "Meaning"], list(CATALOG_FLAGS.items()))]


class FlagTable(Directive):
    """Every flag, its bit and its meaning."""

    def run(self):
        rows = [
            (flag.name.lower(), str(int(flag)), text)
            for flag, text in FLAG_MEANINGS.items()
        ]
        return [_table_node(["Flag", "Bit", "Meaning"], rows)]


class WeightsTable(Directive):
    """What the cards of the bundled weights say."""

    option_spec = {  # noqa: RUF012
        "show": lambda text: directives.choice(text, ("cards", "scores", "kinds"))
    }

    def run(self):
        cards = list_weights()
        environment = self.state.document.settings.env
        for card in cards:
            # A page is drawn anew when a card has changed.
            environment.note_dependency(str(Path(card.path).resolve()))
        if not cards:
            return [nodes.paragraph(text="No weights are bundled in this build.")]
        return getattr(self, "_" + self.options.get("show", "cards"))(cards)

    @staticmethod
    def _cards(cards):
        """One column a card: there are few, and each says much."""
        entries = {}
        for column, card in enumerate(cards):
            for name, text in _describe(card):
                entries.setdefault(name, ["-"] * len(cards))[column] = text
        rows = [(name, *texts) for name, texts in entries.items()]
        return [_table_node(["", *(card.id for card in cards)], rows)]

    @staticmethod
    def _scores(cards):
        rows = []
        for card in cards:
            for name, report in card.scores.items():
                if "accuracy" not in report:
                    continue
                rows.append((card.id, *_score_cells(name, report)))
        if not rows:
            return [nodes.paragraph(text="The cards of this build have no scores.")]
        headings = [
            "Weights",
            "Held-out set",
            "n",
            "Accuracy (95 % interval)",
            "Precision of binary",
            "Recall of binary",
            "ROC area",
        ]
        return [_table_node(headings, rows)]

    @staticmethod
    def _kinds(cards):
        rows = []
        for card in cards:
            for kind, entry in card.scores.get("right_by_kind", {}).items():
                count = int(entry["n"])
                low, high = binomial_interval(round(entry["share"] * count), count)
                share = f"{entry['share']:.3f} ({low:.3f} to {high:.3f})"
                label = "binary" if KINDS.get(kind, (0,))[0] else "not"
                rows.append((card.id, kind, label, str(count), share))
        if not rows:
            return [nodes.paragraph(text="The cards of this build have no scores.")]
        headings = ["Weights", "Scene", "Truth", "n", "Right (95 % interval)"]
        return [_table_node(headings, rows)]


def _describe(card):
    """(name, text) of what a card says; what it leaves out is left out."""
    grid, network = card.entries["grid"], card.entries["network"]
    yield "Version", card.version
    yield "Resolution group", str(card.group)
    yield "Serves the policies", ", ".join(card.policies)
    yield "Trained on surveys", ", ".join(card.surveys)
    yield "Grid", f"{grid['side']} px of {grid['pixel_scale']:g} arcsec"
    yield "Channels of the sum", ", ".join(card.preprocessing.channels)
    yield "Channels of a band", ", ".join(card.preprocessing.band_channels) or "-"
    if "width" in network:
        yield "Width of the first stage", str(network["width"])
    yield "Called binary from", f"{card.threshold:g}"
    training = card.entries.get("training", {})
    if "data" in training:
        yield "Training data", training["data"]
    for name, text in (("n_simulated", "simulated"), ("n_seen", "seen, turned anew")):
        if name in training:
            yield f"Training stacks {text}", f"{training[name]:,}"
    if "initial" in training:
        yield "Started from", training["initial"]
    prevalence = card.entries["calibration"].get("prevalence")
    if prevalence is not None:
        yield "Share of pairs it is calibrated for", f"{prevalence:.3f}"
    if "created" in card.entries:
        yield "Made on", str(card.entries["created"])
    yield "Licence", card.entries["licence"]
    yield "Size of the file", f"{card.weights_path.stat().st_size / 1e6:.1f} MB"


def _score_cells(name, report):
    survey = name.removeprefix(_PART) if name.startswith(_PART) else None
    what = _SETS.get(name, name) if survey is None else f"the same, {survey}"
    accuracy = f"{report['accuracy']:.3f}"
    if "accuracy_low" in report:
        accuracy += f" ({report['accuracy_low']:.3f} to {report['accuracy_high']:.3f})"
    values = [report.get(key) for key in ("precision_1", "recall_1", "roc_auc")]
    cells = [
        "-" if value is None or not isfinite(value) else f"{value:.3f}"
        for value in values
    ]
    return what, str(report.get("n", "-")), accuracy, *cells


class RecipeTable(Directive):
    """The recipes of the bundled weights, one column each."""

    def run(self):
        recipes = [RECIPES[group] for group in sorted(RECIPES)]
        rows = [
            ("Resolution group", *(str(recipe.group) for recipe in recipes)),
            ("Version", *(recipe.version for recipe in recipes)),
            (
                "Surveys and their shares",
                *(
                    ", ".join(f"{k} {v:g}" for k, v in recipe.mixture.items())
                    for recipe in recipes
                ),
            ),
        ]
        for name in ("validation", "calibration", "test"):
            counts = (str(BLOCK * getattr(recipe, name)) for recipe in recipes)
            rows.append((f"Stacks simulated, {name}", *counts))
        rows.append(("Seed", *(str(recipe.seed) for recipe in recipes)))
        for name in vars(recipes[0].options):
            values = (str(getattr(recipe.options, name)) for recipe in recipes)
            rows.append((f"Training: {name.replace('_', ' ')}", *values))
        return [_table_node(["", *(recipe.id for recipe in recipes)], rows)]


class SceneTable(Directive):
    """The kinds of scene."""

    def run(self):
        total = sum(weight for _, weight, _ in KINDS.values())
        rows = [
            (kind, "binary" if label else "not", f"{100 * weight / total:.0f} %", text)
            for kind, (label, weight, text) in KINDS.items()
        ]
        return [_table_node(["Kind", "Truth", "Drawn", "What it shows"], rows)]


class InstrumentTable(Directive):
    """The surveys that can be simulated."""

    def run(self):
        rows = []
        for name in SIMULATED_SURVEYS:
            entry = INSTRUMENTS[name]
            low, high = entry.width
            rows.append(
                (
                    name,
                    ", ".join(entry.bands),
                    "pupil" if name in SPACE_SURVEYS else "core and halo",
                    f"{low:g} to {high:g}",
                    "any" if entry.rotated else "north up",
                )
            )
        headings = ["Survey", "Bands", "PSF", "Stamp (arcsec)", "Orientation"]
        return [_table_node(headings, rows)]


def value_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """A constant of the code, written as it is."""
    module, _, constant = text.rpartition(".")
    try:
        value = getattr(import_module(module), constant)
    except (ImportError, AttributeError, ValueError) as error:
        message = inliner.reporter.error(f"no value {text!r}: {error}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    return [nodes.inline(rawtext, shown)], []


def setup(app):
    """Register the directives and the role with Sphinx."""
    app.add_directive("column-table", ColumnTable)
    app.add_directive("pair-column-table", PairColumnTable)
    app.add_directive("measure-column-table", MeasureColumnTable)
    app.add_directive("catalog-column-table", CatalogColumnTable)
    app.add_directive("catalog-flag-table", CatalogFlagTable)
    app.add_directive("flag-table", FlagTable)
    app.add_directive("weights-table", WeightsTable)
    app.add_directive("recipe-table", RecipeTable)
    app.add_directive("scene-table", SceneTable)
    app.add_directive("instrument-table", InstrumentTable)
    app.add_role("value", value_role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
