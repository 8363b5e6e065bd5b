"""Intervals of one parameter in a model of many, from its likelihood alone.

``cevnsjax.profile`` compiles a program of derivatives for each parameter, which dominates the time
where dozens of parameters are profiled. Here one compiled likelihood serves them all: Brent's
method finds minima around the lowest points of a grid, and ends of intervals between its points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np
from scipy import optimize

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.inference.objective import Objective
from cevnsjax.reproduce.beyond.section import intervals_text

LEVELS = (0.6827, 0.90)
"""Confidence levels of one parameter: 1 sigma and 90 % [1]."""
_POINTS = 241
# Accuracy of minima and of ends of intervals, relative to the range.
_MINIMUM_ACCURACY, _END_ACCURACY = 1e-7, 1e-9


@runtime_checkable
class Likelihood(Objective, Protocol):
    """An objective whose profiled nll can be called."""

    @property
    def profiled_nll(self) -> Callable[..., SupportsFloat]:
        """Function of values that returns half of chi2, linear nuisances profiled."""
        ...


def limits(
    model: Likelihood,
    parameter: str,
    within: tuple[float, float],
    *,
    fixed: Mapping[str, float] | None = None,
    levels: Sequence[float] = LEVELS,
    points: int = _POINTS,
) -> ProfileResult:
    """Best fit and intervals in a range, linear nuisances profiled and all other parameters fixed.

    Args:
        model: A model whose nuisances are all linear.
        parameter: Name of the parameter.
        within: Range to search; structure narrower than a step of its grid is missed [its unit].
        fixed: Values of other parameters; those left out stay at their defaults.
        levels: Confidence levels within (0, 1).
        points: Points of the grid.

    Returns:
        As of ``profile``; Delta chi2 is measured from the lowest chi2 in the range.
    """
    values = dict(fixed or {})
    curve = _Curve(model, parameter, values)
    x = np.linspace(*within, points)
    chi2 = np.array([curve(v) for v in x])
    lowest = [i for i in range(1, points - 1) if chi2[i] <= chi2[i - 1] and chi2[i] < chi2[i + 1]]
    minima = np.array([curve.minimum(x[i - 1], x[i + 1]) for i in lowest])
    x = np.unique(np.append(x, minima))
    chi2 = np.array([curve(v) for v in x])
    best = int(np.argmin(chi2))
    heights = {level_key(level): delta_chi2_at(level) for level in levels}
    end = _END_ACCURACY * (within[1] - within[0])
    spans = {k: _below(curve, x, chi2, chi2[best] + h, end) for k, h in heights.items()}
    declared = model.parameters[parameter]
    return ProfileResult(
        parameter=parameter,
        best_fit=float(x[best]),
        chi2_min=float(chi2[best]),
        intervals=spans,
        levels=heights,
        x=x,
        chi2=chi2,
        status="converged",
        unit=declared.unit,
        # chi2 of an even parameter is mirrored at 0, so 0 does not cut an interval off.
        open_at=tuple(v for v in within if not (declared.even and v == 0)),
        analysis=model.name,
        experiments=tuple(model.experiments),
        fixed=values,
    )


@dataclass(frozen=True)
class _Curve:
    """chi2 of a model against one parameter."""

    model: Likelihood
    parameter: str
    fixed: dict[str, float]

    def __call__(self, x: float) -> float:
        return 2 * float(self.model.profiled_nll({**self.fixed, self.parameter: float(x)}))

    def minimum(self, low: float, high: float) -> float:
        """Where chi2 is lowest between two points."""
        near = {"xatol": _MINIMUM_ACCURACY * (high - low)}
        minimum: Any = optimize.minimize_scalar(
            self, bounds=(low, high), method="bounded", options=near
        )
        return float(minimum.x)


def _below(
    curve: _Curve, x: np.ndarray, chi2: np.ndarray, level: float, end: float
) -> list[tuple[float, float]]:
    """Intervals in which chi2 is at most a level; the ends of the range close open ones."""
    inside = chi2 <= level
    edges = [float(x[0])] if inside[0] else []
    for (a, b), (left, right) in zip(pairwise(x), pairwise(inside), strict=True):
        if left != right:
            root = optimize.brentq(lambda v: curve(v) - level, a, b, xtol=end)
            edges.append(float(np.asarray(root)))
    edges += [float(x[-1])] if inside[-1] else []
    return list(zip(edges[::2], edges[1::2], strict=True))


def cells(profiled: ProfileResult) -> tuple[float, str, str]:
    """Best fit and intervals at both ``LEVELS`` as cells of a table.

    Args:
        profiled: What ``limits`` returned.
    """
    first, second = (spans_of(profiled, level_key(level)) for level in LEVELS)
    return profiled.best_fit, first, second


def spans_of(profiled: ProfileResult, key: str) -> str:
    """Intervals at a level as text; "..." stands for an end of the range that is not a limit.

    Args:
        profiled: What ``limits`` or ``profile`` returned.
        key: Name of the level.
    """
    return intervals_text(profiled.intervals[key], open_at=profiled.open_at)
