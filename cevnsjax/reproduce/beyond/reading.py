"""One choice of a paper: a number computed with it, and with the alternative."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cevnsjax.core.levels import level_key
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model
from cevnsjax.reproduce.beyond.limits import limits, spans_of
from cevnsjax.reproduce.beyond.section import Cell
from cevnsjax.reproduce.rows import published


@dataclass(frozen=True)
class Reading:
    """A misprint or a convention, and what it changes.

    Attributes:
        paper: Name of the paper.
        choice: What has to be chosen.
        quantity: Quantity that is computed, with its unit.
        options: What each of two choices passes to ``compute``: first the one that reproduces the
            paper (without a printed number, the one made here), then the alternative.
        compute: Gives the quantity, everything else unchanged.
        source: Where the paper states it.
        printed: Row of the paper's published numbers without its prefix; "" without a row.
    """

    paper: str
    choice: str
    quantity: str
    options: Mapping[str, Any]
    compute: Callable[[Any], Cell]
    source: str
    printed: str = ""

    def values(self) -> list[Cell]:
        """The quantity with each of the two choices."""
        return [self.compute(option) for option in self.options.values()]

    def cells(self) -> tuple[Cell, ...]:
        """A row of the table."""
        shown: Cell = ""
        if self.printed:
            value = published(self.paper)[f"{self.paper}/{self.printed}"].value
            # A number is a cell as it is; of a list only the intervals are shown.
            shown = [v for v in value if isinstance(v, tuple)] if isinstance(value, list) else value
        (taken, instead), (value, other) = self.options, self.values()
        head = (self.paper, self.choice, self.quantity)
        return (*head, taken, value, instead, other, shown, self.source)


def with_theory(model: Model, theory: StandardModel) -> Model:
    """The data of an analysis under another Standard Model."""
    return Model(list(model.experiments.values()), [theory], name=model.name)


def spans(
    model: Model,
    parameter: str,
    within: tuple[float, float],
    *,
    level: float = 0.90,
    fixed: Mapping[str, float] | None = None,
) -> str:
    """Intervals of one parameter within a range as text, other parameters held."""
    profiled = limits(model, parameter, within, levels=(level,), fixed=fixed)
    return spans_of(profiled, level_key(level))
