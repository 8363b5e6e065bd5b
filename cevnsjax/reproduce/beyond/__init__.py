"""Results beyond the papers: every section is computed when it is asked for, not before."""

from cevnsjax.reproduce.beyond.section import Result as Result
from cevnsjax.reproduce.beyond.section import ResultTable as ResultTable
from cevnsjax.reproduce.beyond.section import Section as Section

SECTIONS: tuple[Section, ...] = ()
"""All of them, in the order to read them."""

__all__ = ["SECTIONS", "Result", "ResultTable", "Section"]
