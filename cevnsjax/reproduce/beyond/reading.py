"""One choice of a paper: a number computed with it, and with the alternative."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cevnsjax.core.levels import level_key
from cevnsjax.interactions import Charges, StandardModel
from cevnsjax.model import Model
from cevnsjax.reproduce.beyond.limits import limits, spans_of
from cevnsjax.reproduce.beyond.section import Cell


@dataclass(frozen=True)
class Reading:
    """A misprint or a convention, and what it changes.

    Attributes:
        paper: Name of the paper.
        choice: What has to be chosen.
        quantity: Quantity that is computed, with its unit.
        taken: The choice that reproduces the paper; without a printed number, the choice made here.
        value: The quantity with this choice.
        instead: The alternative.
        other: The quantity with the alternative and everything else unchanged.
        source: Where the paper states it.
        printed: Row of the paper's published numbers without its prefix; "" without a row.
    """

    paper: str
    choice: str
    quantity: str
    taken: str
    value: Cell
    instead: str
    other: Cell
    source: str
    printed: str = ""


def with_theory(
    model: Model, theory: StandardModel, interactions: Sequence[Callable[..., Charges]] = ()
) -> Model:
    """The data of an analysis under another Standard Model.

    Args:
        model: The analysis.
        theory: Couplings and form factor.
        interactions: Interactions beyond the Standard Model.
    """
    return Model(list(model.experiments.values()), [theory, *interactions], name=model.name)


def spans(
    model: Model,
    parameter: str,
    within: tuple[float, float],
    *,
    level: float = 0.90,
    fixed: Mapping[str, float] | None = None,
) -> str:
    """Intervals of one parameter as text.

    Args:
        model: The model.
        parameter: Name of the parameter.
        within: Range to search [its unit].
        level: Confidence level.
        fixed: Other parameters to hold.
    """
    profiled = limits(model, parameter, within, levels=(level,), fixed=fixed)
    return spans_of(profiled, level_key(level))
