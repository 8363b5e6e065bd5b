"""Analyses of papers: one file each, whose ``ANALYSIS`` says how to build it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cevnsjax.interactions import Charges
from cevnsjax.model import Model

Interactions = Sequence[Callable[..., Charges]]
"""Interactions of a model: the package's, or functions of values and a nucleus."""


@dataclass(frozen=True)
class Analysis:
    """How to build an analysis; its name is that of the builder.

    Attributes:
        build: Function of options and ``interactions`` that gives the Model.
        conventions: How the paper reads interactions: options by interaction.
        variants: Options of the builder that naming a parameter implies, by parameter.

    Examples:
        >>> cj.analyses.ANALYSES["papoulias2020"].variants
        {'R_n': {'radius': 'free'}}
    """

    build: Callable[..., Model]
    conventions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
