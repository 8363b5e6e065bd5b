"""The parts of a section on results beyond the papers: tables, figures, text."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cevnsjax.reproduce.paper import Cost
from cevnsjax.reproduce.rows import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Spans = Sequence[tuple[float, float]]
Cell = str | float | Spans
"""A cell of a table: words, a number, or intervals as (low, high) pairs."""


@dataclass(frozen=True)
class ResultTable:
    """A table of results.

    Attributes:
        title: What it lists, in one line.
        columns: Headings, with the unit where all cells of a column have the same.
        rows: Cells, as many in each row as there are columns.
        note: What a reader must know to use the table; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: row {row} needs {len(self.columns)} cells")

    def text_rows(self) -> tuple[tuple[str, ...], ...]:
        """Rows with every cell as text, numbers to five significant digits."""
        return tuple(tuple(text_of(cell) for cell in row) for row in self.rows)

    def markdown(self) -> str:
        """The table in Markdown, its note below, without its title."""
        note = f"\n{self.note}\n" if self.note else ""
        return markdown_table(self.columns, self.text_rows()) + note


@dataclass(frozen=True)
class Result:
    """What a section computed.

    Attributes:
        tables: Tables in reading order.
        figures: Figures by the stem of their files.
        text: Findings that were computed, as Markdown; may be empty.
    """

    tables: Sequence[ResultTable] = ()
    figures: Mapping[str, "Figure"] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Section:
    """One result beyond the papers.

    Attributes:
        name: Word for file names and the command line.
        title: Heading.
        text: What is computed, from which data and under which conventions, as Markdown.
        compute: Computes it; needs float64.
        cost: "quick" for seconds, "slow" for more.
    """

    name: str
    title: str
    text: str
    compute: Callable[[], Result]
    cost: Cost = "quick"


def text_of(cell: Cell) -> str:
    """A cell as text: numbers to five significant digits, intervals in brackets."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float):
        return _number(float(cell), 5)
    return intervals_text(cell, 5)


def intervals_text(intervals: Spans, digits: int = 4, open_at: Collection[float] = ()) -> str:
    """Intervals as text; "..." stands for an end that is that of the range searched."""
    texts = (
        ["..." if end in open_at else _number(end, digits) for end in interval]
        for interval in intervals
    )
    return ", ".join(f"[{low}, {high}]" for low, high in texts) or "none"


def percent(level: float) -> str:
    """A confidence level as text, e.g. "68.27 %"."""
    return f"{100 * level:g} %"


def _number(x: float, digits: int) -> str:
    if math.isnan(x):
        return "-"
    # Adding 0.0 turns -0.0 into 0.0.
    return f"{x + 0.0:.{digits}g}"
