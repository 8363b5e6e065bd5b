"""The analyses that come with the package, read off the files of ``papers``."""

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from cevnsjax.analyses import papers
from cevnsjax.analyses.papers import Analysis
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.interactions import Charges
from cevnsjax.interactions.owners import OWNERS, owning, require_options
from cevnsjax.model import Model


def stated_analyses() -> dict[str, Analysis]:
    """What each file of ``papers`` states as its ``ANALYSIS``, by name."""
    files = pkgutil.iter_modules(papers.__path__, f"{papers.__name__}.")
    stated = [import_module(file.name).ANALYSIS for file in files]
    return {analysis.build.__name__: analysis for analysis in stated}


ANALYSES = stated_analyses()
"""Analyses by name."""


def analysis(
    name: str,
    *,
    named: Iterable[str] = (),
    interaction_options: Mapping[str, Any] | None = None,
    interactions: Iterable[Callable[..., Charges]] = (),
    **options: Any,
) -> Model:
    """The analysis called ``name``, with the interactions that own the named parameters.

    Args:
        name: Name of the analysis.
        named: Parameters that the caller is going to use; they switch interactions on, with the
            conventions of the paper, and may select a variant.
        interaction_options: Options by interaction; they win over the paper's.
        interactions: Further interactions.
        **options: Options of the builder; they win over what ``named`` implies.

    Raises:
        UnknownNameError: At an unknown name, listing the nearest.

    Examples:
        >>> model = cj.analyses.analysis("papoulias2020", named=["R_n"], quenching="old")
        >>> "R_n" in model.parameters
        True
    """
    if name not in ANALYSES:
        raise UnknownNameError("analysis", name, ANALYSES)
    chosen, parameters = ANALYSES[name], list(named)
    for parameter in parameters:
        options = {**chosen.variants.get(parameter, {}), **options}
    for interaction, chosen_options in (interaction_options or {}).items():
        require_options(interaction, chosen_options)
    readings = dict(interaction_options or {})
    for interaction, reading in chosen.conventions.items():
        if interaction in readings or any(p in OWNERS[interaction].owns for p in parameters):
            readings[interaction] = {**reading, **readings.get(interaction, {})}
    beyond = owning(parameters, readings)
    return chosen.build(interactions=[*beyond, *interactions], **options)
