"""Data releases that come with the package: one folder each, whose ``RELEASE`` says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cevnsjax.experiments.experiment import Experiment


@dataclass(frozen=True)
class Release:
    """What a folder of this package offers.

    Attributes:
        name: Name on the command line, e.g. "csi-2017".
        build: The builder, a function of options.
        shape_parameters: Shape nuisances that naming their parameter switches on, {option:
            parameter}.
    """

    name: str
    build: Callable[..., Experiment]
    shape_parameters: Mapping[str, str] = field(default_factory=dict)
