"""Efficiency as a function of the reconstructed observable."""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from cevnsjax.errors import InputError


@runtime_checkable
class Efficiency(Protocol):
    """What the package asks of an efficiency."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """Observable values where it jumps or bends."""
        ...

    def __call__(self, x: Any, xp: ModuleType) -> Any:
        """Efficiency at observable ``x``, same shape [1]."""
        ...


@dataclass(frozen=True)
class Logistic:
    """a/(1 + exp(-k (x - x_0))) + d, clipped at 0, times steps.

    Attributes:
        a: Height [1].
        k: Steepness [1/observable].
        x_0: Midpoint [observable].
        d: Offset [1].
        steps: (x, factor) pairs, increasing in x: the factor that holds from x on; 0 before the
            first. Empty for no steps.
    """

    a: float
    k: float
    x_0: float
    d: float = 0.0
    steps: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.a > 0:
            raise InputError(f"efficiency height a must be > 0, got {self.a}")
        if not self.k > 0:
            raise InputError(f"efficiency steepness k must be > 0, got {self.k}")

    @property
    def kinks(self) -> tuple[float, ...]:
        """Where the steps are, and where the clipping begins."""
        steps = [x for x, _ in self.steps]
        if -self.a < self.d < 0:
            steps.append(self.x_0 - math.log(-self.a / self.d - 1) / self.k)
        return tuple(sorted(steps))

    def __call__(self, x: Any, xp: ModuleType) -> Any:
        """Efficiency at observable ``x``, same shape [1]."""
        smooth = self.a / (1 + xp.exp(-self.k * (x - self.x_0))) + self.d
        factor: Any = 1.0 if not self.steps else 0.0
        for edge, value in self.steps:
            factor = xp.where(x >= edge, value, factor)
        return xp.maximum(smooth, 0.0) * factor
