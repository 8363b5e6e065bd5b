"""Efficiency as a function of the reconstructed observable."""

import math
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Numbers

# Largest exponent of a logistic: exp of it is finite in float32 and float64 [1].
_STEEP = 85.0
ABOUT_TURN_ON = (-40.0, -20.0, -10.0, -5.0, -2.0, 0.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""Where panels and sub-cells break about a turn-on, in its widths."""


@runtime_checkable
class Efficiency(Protocol):
    """What the package asks of an efficiency."""

    @property
    def kinks(self) -> tuple[float, ...]:
        """Values of the observable where the efficiency jumps or bends."""
        ...

    def __call__(self, x: Numbers, xp: ModuleType) -> Numbers:
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
        steps: Pairs (x, factor), increasing in x: each factor holds from its x on, and the
            efficiency is 0 before the first x; without steps the factor is 1.
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
        """The steps, and the observable at which the clipping begins."""
        steps = [x for x, _ in self.steps]
        if -self.a < self.d < 0:
            steps.append(self.x_0 - math.log(-self.a / self.d - 1) / self.k)
        return tuple(sorted(steps))

    @property
    def turn_on(self) -> tuple[tuple[float, float], ...]:
        """The midpoint and the width 1/k of the turn-on."""
        return ((self.x_0, 1 / self.k),)

    def __call__(self, x: Numbers, xp: ModuleType) -> Numbers:
        """Efficiency at observable ``x``, same shape [1]."""
        # Beyond the limits the exponential overflows or vanishes beside 1 in any float type.
        smooth = self.a / (1 + xp.exp(xp.clip(-self.k * (x - self.x_0), -_STEEP, _STEEP))) + self.d
        factor: Numbers = 1.0 if not self.steps else 0.0
        for edge, value in self.steps:
            factor = xp.where(x >= edge, value, factor)
        return xp.maximum(smooth, 0.0) * factor


@dataclass(frozen=True)
class TabulatedEfficiency:
    """Linear between the points of a table, 0 below the first, constant above the last.

    Attributes:
        x: Observable, increasing [observable].
        efficiency: Efficiency there [1].
        threshold: The efficiency is 0 below this observable, whatever the table says [observable].
    """

    x: tuple[float, ...]
    efficiency: tuple[float, ...]
    threshold: float = -math.inf

    def __post_init__(self) -> None:
        if len(self.x) != len(self.efficiency) or len(self.x) < 2:
            raise InputError(
                f"efficiency table needs two points or more with one value each, got "
                f"{len(self.x)} and {len(self.efficiency)}"
            )
        if any(b <= a for a, b in pairwise(self.x)):
            raise InputError("efficiency table: the observable must increase; sort the points")
        if min(self.efficiency) < 0:
            raise InputError(f"efficiency must not be negative, got {min(self.efficiency)}")

    @property
    def kinks(self) -> tuple[float, ...]:
        """The points of the table, and the threshold."""
        cut = () if math.isinf(self.threshold) else (self.threshold,)
        return tuple(sorted({*self.x, *cut}))

    def __call__(self, x: Numbers, xp: ModuleType) -> Numbers:
        """Efficiency at observable ``x``, same shape [1]."""
        points, values = np.asarray(self.x), np.asarray(self.efficiency)
        value = xp.interp(x, points, values)
        return xp.where(x < max(self.x[0], self.threshold), 0.0, value)


def turn_on(efficiency: Efficiency) -> tuple[tuple[float, float], ...]:
    """Pairs (x, width): where an efficiency says that it rises within a width [observable]."""
    return tuple(getattr(efficiency, "turn_on", ()))
