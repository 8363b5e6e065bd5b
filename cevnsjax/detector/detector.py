"""How recoils are seen: quenching, light yield, efficiency, resolution and bins."""

from dataclasses import dataclass, replace
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Numbers, Values
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.detector.quenching import PolynomialQuenching, Quenching
from cevnsjax.detector.resolution import Resolution

DEFAULT_ACCURACY, RELEASE_ACCURACY = 1e-6, 1e-9
"""Largest error of a cell, in parts of the largest: of experiments, and of data releases [1]."""
MAX_ORDER = 1000
"""Most nodes in a panel."""
_UNQUENCHED = PolynomialQuenching((1.0,))


@dataclass(frozen=True)
class Detector:
    """How recoils are seen; hashable, so that it can be a static part of a compiled program.

    Attributes:
        quenching: E_ee of a recoil.
        per_keV: Observable per keV of electron-equivalent energy (a light yield) [1/keVee].
        efficiency: Efficiency at the reconstructed observable.
        resolution: None counts every recoil at its true observable.
        edges: Bin edges of the observable.
        nodes: Gauss-Legendre nodes in each panel to start from; None takes 5, or 10 with a
            resolution.
        accuracy: Largest error of a cell in parts of the largest cell: panels are refined until
            they reach it [1].
    """

    quenching: Quenching
    per_keV: float
    efficiency: Efficiency
    resolution: Resolution | None
    edges: tuple[float, ...]
    nodes: int | None = None
    accuracy: float = DEFAULT_ACCURACY

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or any(b <= a for a, b in pairwise(self.edges)):
            raise InputError(f"bin edges must increase, got {list(self.edges)}")
        if self.nodes is not None and not 1 <= self.nodes <= MAX_ORDER:
            bound = "at least 1" if self.nodes < 1 else f"at most {MAX_ORDER}"
            raise InputError(f"nodes must be {bound}, got {self.nodes}")
        if not 0 < self.accuracy < 1:
            raise InputError(
                f"accuracy must lie between 0 and 1, e.g. 1e-6 of the largest cell, got "
                f"{self.accuracy}"
            )

    @property
    def order(self) -> int:
        """Nodes in each panel."""
        return self.nodes or (10 if self.resolution else 5)

    @property
    def of_electrons(self) -> "Detector":
        """The same detector without quenching: what it makes of energy given to electrons."""
        return replace(self, quenching=_UNQUENCHED)

    def observable(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """True observable of a recoil, shaped like ``T_nr`` [observable]."""
        return self.per_keV * 1e3 * self.quenching.E_ee(T_nr, shape, xp)


class Variant(NamedTuple):
    """A detector that panels must serve: nominal, with shifted shape parameters, or shifted."""

    detector: Detector
    shape: tuple[tuple[str, float], ...] = ()
