"""Named analyses: the conventions of a paper as a whole ``Model``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The builders share their modules' names; import the modules by another name.
from cevnsjax.analyses import aristizabal2018 as _aristizabal2018
from cevnsjax.analyses import coherent2017 as _coherent2017
from cevnsjax.analyses import coherent2020_lar as _coherent2020_lar
from cevnsjax.analyses import coherent2021 as _coherent2021
from cevnsjax.analyses import liao_marfatia2017 as _liao_marfatia2017
from cevnsjax.analyses import papoulias2020 as _papoulias2020
from cevnsjax.analyses import papoulias_kosmas2019 as _papoulias_kosmas2019
from cevnsjax.analyses import picciau2020 as _picciau2020
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.interactions.owners import OWNERS, owning, require_options
from cevnsjax.model import Model


@dataclass(frozen=True)
class Analysis:
    """How to build an analysis.

    Attributes:
        build: Function of options and ``interactions`` that gives the Model.
        conventions: How the paper reads interactions, options by interaction.
        variants: Options that naming a parameter implies, e.g. R_n frees the radius.
    """

    build: Callable[..., Model]
    conventions: dict[str, dict[str, Any]] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)


ANALYSES = {
    "papoulias2020": Analysis(
        _papoulias2020.papoulias2020,
        _papoulias2020.CONVENTIONS,
        {"R_n": {"radius": "free"}},
    ),
    "papoulias_kosmas2019": Analysis(
        _papoulias_kosmas2019.papoulias_kosmas2019, _papoulias_kosmas2019.CONVENTIONS
    ),
    "liao_marfatia2017": Analysis(
        _liao_marfatia2017.liao_marfatia2017, _liao_marfatia2017.CONVENTIONS
    ),
    "aristizabal2018": Analysis(_aristizabal2018.aristizabal2018, _aristizabal2018.CONVENTIONS),
    "coherent2017": Analysis(_coherent2017.coherent2017, _coherent2017.CONVENTIONS),
    "coherent2020_lar": Analysis(_coherent2020_lar.coherent2020_lar, _coherent2020_lar.CONVENTIONS),
    "coherent2021": Analysis(
        _coherent2021.coherent2021,
        _coherent2021.CONVENTIONS,
        {"sin2_theta_w": {"normalisation": "constrained"}},
    ),
    "picciau2020": Analysis(
        _picciau2020.picciau2020, _picciau2020.CONVENTIONS, {"R_n_Ar": {"radius": "free"}}
    ),
}
"""Analyses by name."""

papoulias2020 = _papoulias2020.papoulias2020
papoulias_kosmas2019 = _papoulias_kosmas2019.papoulias_kosmas2019
liao_marfatia2017 = _liao_marfatia2017.liao_marfatia2017
aristizabal2018 = _aristizabal2018.aristizabal2018
coherent2017 = _coherent2017.coherent2017
coherent2020_lar = _coherent2020_lar.coherent2020_lar
coherent2021 = _coherent2021.coherent2021
picciau2020 = _picciau2020.picciau2020


def analysis(
    name: str,
    *,
    named: Iterable[str] = (),
    interaction_options: Mapping[str, Any] | None = None,
    interactions: Iterable[Any] = (),
    **options: Any,
) -> Model:
    """The analysis called ``name``, with the interactions that own the named parameters.

    Args:
        name: Name of the analysis.
        named: Parameters the caller is going to use; they switch interactions on, in the paper's
            reading, and may select a variant.
        interaction_options: Options by interaction; they win over the paper's.
        interactions: Further interactions.
        **options: Options of the builder; they win over what ``named`` implies.

    Raises:
        UnknownNameError: Listing the nearest names.
    """
    if name not in ANALYSES:
        raise UnknownNameError("analysis", name, ANALYSES)
    chosen, wanted = ANALYSES[name], list(named)
    for parameter in wanted:
        options = {**chosen.variants.get(parameter, {}), **options}
    given = interaction_options or {}
    for interaction, chosen_options in given.items():
        require_options(interaction, chosen_options)
    switched_on = set(given) | {i for i in chosen.conventions if _is_named(i, wanted)}
    readings = {i: {**chosen.conventions.get(i, {}), **given.get(i, {})} for i in switched_on}
    return chosen.build(interactions=[*owning(wanted, readings), *interactions], **options)


def _is_named(interaction: str, wanted: list[str]) -> bool:
    return any(name in OWNERS[interaction][0] for name in wanted)
