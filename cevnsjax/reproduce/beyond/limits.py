"""Intervals of one parameter in a model of many, from its likelihood alone.

``cevnsjax.profile`` compiles a program of derivatives for each parameter, which dominates the time
where dozens of parameters are profiled. Here one compiled likelihood serves them all: Brent's
method finds minima around the lowest points of a grid, and ends of intervals between its points.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import numpy as np
from scipy import optimize

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.inference.objective import Objective
from cevnsjax.reproduce.beyond.section import intervals_text
from cevnsjax.reproduce.quantities import intervals_below

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

    All nuisances of the model have to be linear. Structure narrower than a step of the grid is
    missed. Delta chi2 is measured from the lowest chi2 in the range.
    """
    values = dict(fixed or {})

    def chi2_at(x: float) -> float:
        return 2 * float(model.profiled_nll({**values, parameter: float(x)}))

    def minimum(low: float, high: float) -> float:
        near = {"xatol": _MINIMUM_ACCURACY * (high - low)}
        found: Any = optimize.minimize_scalar(
            chi2_at, bounds=(low, high), method="bounded", options=near
        )
        return float(found.x)

    x = np.linspace(*within, points)
    chi2 = np.array([chi2_at(v) for v in x])
    lowest = [i for i in range(1, points - 1) if chi2[i] <= chi2[i - 1] and chi2[i] < chi2[i + 1]]
    x = np.unique(np.append(x, [minimum(x[i - 1], x[i + 1]) for i in lowest]))
    chi2 = np.array([chi2_at(v) for v in x])
    best = int(np.argmin(chi2))
    heights = {level_key(level): delta_chi2_at(level) for level in levels}

    def below(level: float) -> list[tuple[float, float]]:
        accuracy = _END_ACCURACY * (within[1] - within[0])
        return intervals_below(chi2_at, x.tolist(), (chi2 <= level).tolist(), level, accuracy)

    declared = model.parameters[parameter]
    intervals = {key: below(chi2[best] + height) for key, height in heights.items()}
    ends = np.array([e for spans in intervals.values() for span in spans for e in span])
    # The curve passes through the ends of its intervals.
    chi2_min, best_fit = float(chi2[best]), float(x[best])
    x, first = np.unique(np.append(x, ends), return_index=True)
    chi2 = np.append(chi2, [chi2_at(end) for end in ends])[first]
    return ProfileResult(
        parameter=parameter,
        best_fit=best_fit,
        chi2_min=chi2_min,
        intervals=intervals,
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


def cells(profiled: ProfileResult) -> tuple[float, str, str]:
    """Best fit and intervals at both ``LEVELS`` as cells of a table."""
    first, second = (spans_of(profiled, level_key(level)) for level in LEVELS)
    return profiled.best_fit, first, second


def spans_of(profiled: ProfileResult, key: str) -> str:
    """Intervals at a level as text; "..." stands for an end of the range that is not a limit."""
    return intervals_text(profiled.intervals[key], open_at=profiled.open_at)
