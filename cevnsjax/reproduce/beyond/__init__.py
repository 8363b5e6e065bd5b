"""Results beyond the papers; a section imports and computes only when it is asked for."""

from cevnsjax.reproduce.beyond import texts
from cevnsjax.reproduce.beyond.section import Result as Result
from cevnsjax.reproduce.beyond.section import ResultTable as ResultTable
from cevnsjax.reproduce.beyond.section import Section as Section
from cevnsjax.reproduce.paper import later


def _section(name: str, title: str, text: str) -> Section:
    return Section(name, title, text, later(f"beyond.{name}", "result"), "slow")


SECTIONS: tuple[Section, ...] = (
    _section("joint", "CsI 2021 and argon 2020 together", texts.JOINT),
    _section("plane", "Weak mixing angle and neutron radius of CsI", texts.PLANE),
    _section("posteriors", "Posteriors beside profiles", texts.POSTERIORS),
    _section("coverage", "Feldman-Cousins beside Wilks", texts.COVERAGE),
    _section("auxiliary", "With and without thrown auxiliary measurements", texts.AUXILIARY),
    _section("conventions", "What misprints and conventions change", texts.CONVENTIONS),
)
"""All sections in reading order."""

__all__ = ["SECTIONS", "Result", "ResultTable", "Section"]
