"""An experiment in words: what ``print`` and ``cevnsjax show`` say of it, as data and as text."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from cevnsjax.core.text import columns, printable
from cevnsjax.experiments.experiment import SIGNAL, Experiment
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.experiments.systematics import Morph, Pull
from cevnsjax.parameters import Normal, Parameter

_WIDTH, _INDENT = 100, 13
# Longer lists are described by their length and ends.
_LISTED = 8
# How a part is computed, not what it is.
_NUMERICAL = ("pieces",)


def description(experiment: Experiment) -> dict[str, Any]:
    """What an experiment is, as plain data for JSON; counts are summed over cells.

    A width that is infinite is None.
    """
    e, detector = experiment, experiment.detector
    return {
        "name": e.name,
        "title": e.title,
        "citation": e.source,
        "statistic": e.statistic,
        "target": {
            "material": e.target.name,
            "mass_kg": e.mass_kg,
            "isotopes": [n.name for n in e.target.nuclei],
        },
        "neutrinos": {
            **_piece(e.flux),
            "sources": list(e.flux.sources),
            "fluence_per_cm2": e.flux.fluence,
        },
        "quenching": _piece(detector.quenching),
        "observable_per_kevee": detector.per_keV,
        "efficiency": _piece(detector.efficiency),
        "resolution": _piece(detector.resolution),
        "electrons": _electrons(e),
        "bins": {e.observable: e.edges.tolist(), **{n: list(x) for n, x in e.extra.items()}},
        "observed": None if isinstance(e, PlannedExperiment) else float(e.observed.sum()),
        "backgrounds": {name: float(counts.sum()) for name, counts in e.backgrounds.items()},
        "nuisances": [
            *map(_curve, e.shape.values()),
            *map(_pull, e.pulls),
            *map(_morph, e.morphs),
        ],
        "accuracy": e.accuracy,
        "accuracy_wanted": detector.accuracy,
    }


def text_of(described: Mapping[str, Any]) -> str:
    """A description as text of a hundred columns; words of a user's stand there as they are."""
    lines = [_line(f"{described['name']}: {described['title'] or described['name']}")]
    for label, text in _facts(described):
        lines += textwrap.wrap(
            f"{label:{_INDENT}}{_line(text)}",
            _WIDTH,
            subsequent_indent=" " * _INDENT,
            break_on_hyphens=False,
        )
    head = ("nuisance", "kind", "width", "changes", "meaning")
    rows = [
        (n["name"], n["kind"], _number(n["width"]), ", ".join(n["changes"]), _line(n["meaning"]))
        for n in described["nuisances"]
    ]
    return "\n".join([*lines, *(["", *columns([head, *rows])] if rows else [])])


def _line(text: str) -> str:
    """A text on one line, without characters that cannot be printed."""
    return " ".join(printable(text).split())


def _facts(d: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Labels and what they say, one after the other."""
    target, flux = d["target"], d["neutrinos"]
    if d["citation"]:
        yield "from", d["citation"]
    yield "statistic", d["statistic"]
    isotopes = ", ".join(target["isotopes"])
    yield "target", f"{_number(target['mass_kg'])} kg of {target['material']} ({isotopes})"
    rest = {k: v for k, v in flux.items() if k not in ("sources", "fluence_per_cm2")}
    yield "neutrinos", f"{flux['fluence_per_cm2']:.4g}/cm^2 of {', of '.join(flux['sources'])}"
    yield "source", _in_words(rest)
    yield "quenching", _in_words(d["quenching"])
    yield "efficiency", _in_words(d["efficiency"])
    yield "resolution", _in_words(d["resolution"])
    if d["electrons"] is not None:
        own = d["electrons"]["efficiency"]
        same = "the efficiency of nuclear recoils" if own is None else _in_words(own)
        yield "electrons", f"counted in the signal without quenching, with {same}"
    observable = next(iter(d["bins"]))
    yield "observable", f"{observable}, {_number(d['observable_per_kevee'])} per keVee"
    for name, edges in d["bins"].items():
        yield "bins", f"{len(edges) - 1} of {name}: {', '.join(map(_number, edges))}"
    observed = d["observed"]
    yield "data", "planned: none yet" if observed is None else f"{_number(observed)} events"
    counts = (f"{_number(count)} of {name}" for name, count in d["backgrounds"].items())
    yield "backgrounds", ", ".join(counts) or "none"
    wanted = f"{_number(d['accuracy_wanted'])} wanted"
    yield "accuracy", f"{d['accuracy']:.1g} of the largest cell ({wanted})"


def _piece(part: object) -> dict[str, Any]:
    """A part of an experiment: its class and the numbers and words that make it."""
    if part is None:
        return {"kind": "none"}
    shown = [f.name for f in fields(part) if f.repr] if is_dataclass(part) else []
    values = {n: _value(getattr(part, n)) for n in shown if n not in _NUMERICAL}
    return {"kind": type(part).__name__, **values}


def _value(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(k): _value(v) for k, v in value.items()}
    return [_value(v) for v in value] if isinstance(value, Sequence) else type(value).__name__


def _electrons(e: Experiment) -> dict[str, Any] | None:
    """How electrons are seen: with an efficiency of their own, or that of nuclei (None)."""
    if e.electrons is None:
        return None
    own = e.electrons.efficiency
    return {"efficiency": None if own == e.detector.efficiency else _piece(own)}


def _in_words(piece: Mapping[str, Any]) -> str:
    """A part as ``_piece`` describes it; what is empty or unset is left out."""
    said = [f"{k} = {_shown(v)}" for k, v in piece.items() if k != "kind" and v not in (None, [])]
    return ", ".join([piece["kind"], *said])


def _shown(value: Any) -> str:
    if isinstance(value, list) and len(value) > _LISTED:
        return f"{len(value)} values from {_shown(value[0])} to {_shown(value[-1])}"
    if isinstance(value, list):
        return f"({', '.join(map(_shown, value))})"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "free" if value is None else f"{value:.6g}"


def _curve(parameter: Parameter) -> dict[str, Any]:
    width = parameter.prior.sd if isinstance(parameter.prior, Normal) else None
    return _nuisance(parameter.name, "curve", width, ["quenching"], parameter.meaning)


def _pull(pull: Pull) -> dict[str, Any]:
    width = pull.sd if math.isfinite(pull.sd) else None
    return _nuisance(pull.name, pull.kind, width, list(pull.components), pull.meaning)


def _morph(morph: Morph) -> dict[str, Any]:
    signal = [SIGNAL] if morph.detectors or morph.spread else []
    return _nuisance(morph.name, "shape", morph.sd, [*signal, *morph.components], morph.meaning)


def _nuisance(
    name: str, kind: str, width: float | None, changes: list[str], meaning: str
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "width": width, "changes": changes, "meaning": meaning}
