"""Named analyses: the conventions of a paper as a whole ``Model``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cevnsjax.analyses.papoulias2020 import papoulias2020 as papoulias2020
from cevnsjax.errors import UnknownNameError
from cevnsjax.model import Model


@dataclass(frozen=True)
class Analysis:
    """How to build an analysis.

    Attributes:
        build: Function of options that gives the Model.
        variants: Options that naming a parameter implies, e.g. R_n frees the radius.
    """

    build: Callable[..., Model]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)


ANALYSES = {"papoulias2020": Analysis(papoulias2020, {"R_n": {"radius": "free"}})}
"""Analyses by name."""


def analysis(name: str, *, named: Iterable[str] = (), **options: Any) -> Model:
    """The analysis called ``name``.

    Args:
        name: Name of the analysis.
        named: Parameters the caller is going to use; they may select a variant.
        **options: Options of its builder; they win over what ``named`` implies.

    Raises:
        UnknownNameError: Listing the nearest names.
    """
    if name not in ANALYSES:
        raise UnknownNameError("analysis", name, ANALYSES)
    chosen = ANALYSES[name]
    for parameter in named:
        options = {**chosen.variants.get(parameter, {}), **options}
    return chosen.build(**options)
