"""Surveys from TOML: one survey a file, every number with its reference.

A number is written ``[value, unit, reference]``, where the reference is a key of
the file's ``[references]`` table. Values of ``[common]`` hold for every band that
does not give its own.
"""

import tomllib

import astropy.units as u

from astro_vbinary.surveys.survey import Band, Survey

__all__ = ["survey_from_toml"]

_SURVEY_NUMBERS = {"aperture": u.m, "paper_aperture": u.m}
_SURVEY_TEXTS = {
    "name": str,
    "full_name": str,
    "aliases": list,
    "space": bool,
    "flux_unit": str,
    "notes": str,
}
_BAND_NUMBERS = {
    "wavelength": u.um,
    "pixel_scale": u.arcsec,
    "fwhm": u.arcsec,
    "zero_point": u.mag,
    "saturation": u.mag,
}
_BAND_TEXTS = {"magnitude_system": str, "aliases": list, "instrument": str}
_TABLES = {"references", "common", "bands"}


def survey_from_toml(text, *, source="survey"):
    """Make a `Survey` of a TOML document.

    Parameters
    ----------
    text : str
        The document.
    source : str, optional
        What to call it in errors, such as the file's name.

    Returns
    -------
    Survey
        The survey.

    Raises
    ------
    ValueError
        If the document is no TOML, or a field is missing, unknown, of the wrong
        type or unit, not positive and finite, or has no reference; the message
        names the document and the field.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: no TOML: {error}") from error
    return _Document(tables, source).survey()


class _Document:
    """A parsed file, and the references that were met while reading it."""

    def __init__(self, tables, source):
        self.tables = tables
        self.source = source
        self.cited = {}

    def fail(self, where, problem):
        raise ValueError(f"{self.source}: {where}: {problem}")

    def table(self, name):
        value = self.tables.get(name, {})
        if not isinstance(value, dict):
            self.fail(name, f"must be a table, not {value!r}")
        return value

    def survey(self):
        head = {k: v for k, v in self.tables.items() if k not in _TABLES}
        fields = self.fields("", head, _SURVEY_NUMBERS, _SURVEY_TEXTS)
        common = self.table("common")
        bands = []
        for name, own in self.table("bands").items():
            if not isinstance(own, dict):
                self.fail(f"bands.{name}", f"must be a table, not {own!r}")
            values = self.fields(f"{name}.", common | own, _BAND_NUMBERS, _BAND_TEXTS)
            if "zero_point" in values:
                values["zero_point"] = values["zero_point"].value
            bands.append(self.build(f"bands.{name}", Band, {"name": name} | values))
        unused = set(self.table("references")) - set(self.cited.values())
        if unused:
            self.fail("references", f"never cited: {', '.join(sorted(unused))}")
        texts = {k: self.table("references")[v] for k, v in self.cited.items()}
        whole = fields | {"bands": tuple(bands), "references": texts}
        return self.build("survey", Survey, whole)

    def build(self, where, kind, values):
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.source}: {where}: {error}") from error

    def fields(self, prefix, table, numbers, texts):
        found = {}
        for key, value in table.items():
            where = f"{prefix}{key}"
            if key in numbers:
                found[key] = self.number(where, value, numbers[key])
            elif key in texts:
                found[key] = self.text(where, value, texts[key])
            else:
                allowed = ", ".join([*numbers, *texts])
                self.fail(where, f"unknown field; allowed: {allowed}")
        return found

    def number(self, where, value, unit):
        if not (
            isinstance(value, list)
            and len(value) == 3
            and isinstance(value[0], int | float)
            and not isinstance(value[0], bool)
            and all(isinstance(item, str) for item in value[1:])
        ):
            self.fail(where, f"must be [number, unit, reference], not {value!r}")
        number, name, reference = value
        if not isinstance(self.table("references").get(reference), str):
            self.fail(where, f"reference {reference!r} is not in [references]")
        self.cited[where] = reference
        try:
            quantity = (number * u.Unit(name)).to(unit)
        except (ValueError, TypeError) as error:
            self.fail(where, f"must be in {unit} or alike, not {name!r} ({error})")
        return quantity

    def text(self, where, value, kind):
        if not isinstance(value, kind):
            self.fail(where, f"must be a {kind.__name__}, not {value!r}")
        if kind is list and not all(isinstance(item, str) for item in value):
            self.fail(where, f"must hold names only, not {value!r}")
        return tuple(value) if kind is list else value
