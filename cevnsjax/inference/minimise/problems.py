"""Minimisation problems: a function within a box, the profiled nll as one, and where to start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Bool, Float

from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import Data, Objective

Bounds = Mapping[str, tuple[float, float]]
"""Narrower (low, high) for some parameters, in their units."""
Coordinates = Float[np.ndarray, "parameter"]
"""Parameters in units of their scales."""

ARMIJO = 1e-4
"""Part of the decrease promised by the slope that a step must bring."""
CONVERGED = 1e-9
"""Distance in value below which an end is a minimum."""
# Distance in value that rounding makes, in units of the precision of numbers.
_ROUNDING = 1e3
# Gradients below this are rounding and do not press against a bound.
_PRESSING_GRADIENT = 1e-7
# Starts in all corners of a box about the defaults, for up to so many parameters.
_MAX_CORNER_PARAMETERS = 3
# Half of the random starts lie evenly within so many scales of the default.
_SPREAD = 10.0
# Far starts for each parameter; powers of ten of their distances in scales, and of random ones'.
_FAR_STARTS, _FAR_POWERS, _FAR_SEED = 12, (-1.0, 2.0), 2021


class Local(NamedTuple):
    """A function to second order at many points.

    Attributes:
        value: [point].
        gradient: [point, parameter].
        hessian: [point, parameter, parameter].
        solved: Whether the nuisances solved at each point are at their minimum, [point].
        pulls: Nuisances found by a search, from which one nearby may start, [point, nuisance];
            None where there is no search.
        response: Their derivatives by the parameters, [point, nuisance, parameter].
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    solved: np.ndarray
    pulls: np.ndarray | None = None
    response: np.ndarray | None = None

    def at(self, points: np.ndarray) -> "Local":
        """The same at some of the points, copied."""
        return Local(*(None if x is None else np.array(x)[points] for x in self))  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Problem:
    """A smooth function in scaled coordinates within a box.

    Attributes:
        value_and_grad: u [parameter] -> value, gradient [parameter].
        local: u [point, parameter] -> value, gradient and Hessian at many points, and whether the
            nuisances solved there are at their minimum.
        resumed: The same with the nuisances of nearby points, [point, nuisance]; None without.
        low: Lower bounds, [parameter].
        high: Upper bounds, [parameter].
        spacing: Widest steps that miss no valley, infinite for parameters with few valleys,
            [parameter]; empty if there is none with many.
    """

    value_and_grad: Callable[[np.ndarray], tuple[float, np.ndarray]]
    local: Callable[[np.ndarray], Local]
    low: Coordinates
    high: Coordinates
    spacing: np.ndarray = field(default_factory=lambda: np.zeros(0))
    resumed: Callable[[np.ndarray, np.ndarray], Local] | None = None

    def near(self, u: np.ndarray, local: Local, step: np.ndarray) -> Local:
        """The function at points u, where searches start from those of points a step away."""
        if local.pulls is None or local.response is None or self.resumed is None:
            return self.local(u)
        return self.resumed(u, local.pulls + np.einsum("pnk,pk->pn", local.response, step))

    @property
    def spacings(self) -> Coordinates:
        """The spacing of every parameter, [parameter]."""
        return self.spacing if self.spacing.size else np.full(self.low.size, np.inf)


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        u: Scaled coordinates, [parameter].
        value: Function value.
        edm: Estimated vertical distance to the minimum; infinite if curvature is not positive.
        at_bound: Whether each coordinate sits on a bound, [parameter].
        steps: Number of steps taken.
        gradient: By all coordinates, also those that are fixed, [parameter]; empty if unknown.
        solved: Whether the nuisances solved at the end are at their minimum: whether to trust
            the value.
    """

    u: Coordinates
    value: float
    edm: float
    at_bound: Bool[np.ndarray, " parameter"]
    steps: int
    gradient: np.ndarray = field(default_factory=lambda: np.zeros(0))
    solved: bool = True

    @property
    def converged(self) -> bool:
        """Whether it is a minimum to working accuracy."""
        return self.edm < CONVERGED and self.solved


def arrived(distance: ArrayLike) -> Bool[np.ndarray, "..."]:
    """Whether solved nuisances at these distances in value are at their minimum; NaN is not."""
    array = np.asarray(distance)
    return np.asarray(array < largest_distance(array.dtype))


def largest_distance(dtype: Any) -> float:
    """Distance in value that a search may leave over with numbers of this precision."""
    return max(CONVERGED, _ROUNDING * float(np.finfo(dtype).eps))


def pushed_to_bound(
    problem: Problem, u: Float[np.ndarray, "*point parameter"], gradient: np.ndarray
) -> Bool[np.ndarray, "*point parameter"]:
    """Coordinates on a bound against which the gradient presses.

    A vanishing gradient does not press: a function even about the bound may curve down inward.
    """
    at_low, at_high = u <= problem.low, u >= problem.high
    return (at_low & (gradient > _PRESSING_GRADIENT)) | (at_high & (gradient < -_PRESSING_GRADIENT))


def on_bound(
    problem: Problem, u: Float[np.ndarray, "*point parameter"]
) -> Bool[np.ndarray, "*point parameter"]:
    """Whether each coordinate sits on one of its bounds."""
    return (u <= problem.low) | (u >= problem.high)


def narrowed(
    model: Objective, names: tuple[str, ...], bounds: Bounds | None
) -> Float[np.ndarray, "parameter 2"]:
    """Bounds of named parameters in their units, narrowed on request.

    Raises:
        InputError: At bounds of a parameter that is not among the names, bounds outside the
            parameter's own, or bounds that do not increase.
    """
    table, narrower = model.parameters, dict(bounds or {})
    for name, ends in narrower.items():
        if name not in names:
            raise InputError(f"bounds name {name}, which is not free; free are {list(names)}")
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise InputError(f"bounds of {name} must be (low, high) with low < high, got {ends}")
        for end in ends:
            if np.isfinite(end):
                table[name].check(end)
    box = [np.clip(narrower.get(n, table[n].bounds), *table[n].bounds) for n in names]
    return np.array(box, dtype=float).reshape(-1, 2)


def problem_of(
    model: Objective,
    names: tuple[str, ...],
    fixed: Mapping[str, float],
    data: Data = None,
    bounds: Bounds | None = None,
) -> Problem:
    """The profiled nll of named parameters as a minimisation problem in scaled coordinates."""
    scale = np.array([model.parameters[n].scale for n in names])
    box = narrowed(model, names, bounds)

    def natural(u: np.ndarray) -> np.ndarray:
        # Scaling and scaling back may miss a bound by one rounding.
        return np.clip(u * scale, box[:, 0], box[:, 1])

    def value_and_grad(u: np.ndarray) -> tuple[float, np.ndarray]:
        values = {**fixed, **dict(zip(names, natural(u).tolist(), strict=True))}
        value, slopes = model.value_and_grad(values, names=names, data=data)
        return float(value), np.array([float(slopes[n]) for n in names]) * scale

    def local(u: np.ndarray, **near: Any) -> Local:
        points = dict(zip(names, natural(u).T, strict=True))
        nll = model.expand(dict(fixed), points, data=data, **near)
        hessian = nll.hessian * np.outer(scale, scale)
        is_searched = hasattr(nll, "distance")
        solved = arrived(nll.distance if is_searched else np.zeros(len(nll.value)))
        if not is_searched or not nll.pulls:
            return Local(nll.value, nll.gradient * scale, hessian, solved)
        pulls = np.stack(list(nll.pulls.values()), 1)
        return Local(nll.value, nll.gradient * scale, hessian, solved, pulls, nll.response * scale)

    def resumed(u: np.ndarray, pulls: np.ndarray) -> Local:
        return local(u, near=pulls)

    spacing = np.array([model.parameters[n].start_spacing for n in names]) / scale
    low, high = (box / scale[:, None]).T
    return Problem(value_and_grad, local, low, high, spacing, resumed)


def rungs_between(low: float, high: float, spacing: float) -> Float[np.ndarray, " rung"]:
    """Even steps between two ends, both of them included, at most ``spacing`` wide."""
    return np.linspace(low, high, max(2, int(np.ceil((high - low) / spacing - 1e-9)) + 1))


def starts_of(
    model: Objective, names: tuple[str, ...], *, random: int = 0, seed: int = 0
) -> list[Coordinates]:
    """Scaled starts: the defaults, a scale up and down in each parameter, corners, random ones.

    A parameter the counts are even in has no gradient at 0 and never starts there.
    """
    table, n = model.parameters, len(names)
    center = np.array([table[m].default / table[m].scale for m in names])
    even = np.array([table[m].even and table[m].default == 0 for m in names], dtype=bool)
    center = np.where(even, 1.0, center)
    starts = [center]
    origin = np.where(even, 0.0, center)
    for i, side in product(range(n), (-1.0, 1.0)):
        starts.append(np.where(np.arange(n) == i, origin + side, center))
    if 1 < n <= _MAX_CORNER_PARAMETERS:
        starts += [origin + s for s in product((-1.0, 1.0), repeat=n)]
    rng = np.random.default_rng(seed)
    starts += list(center + rng.uniform(-_SPREAD, _SPREAD, ((random + 1) // 2, n)))
    starts += list(center + _at_all_distances(rng, (random // 2, n)))
    low = np.array([table[m].bounds[0] / table[m].scale for m in names])
    # Clipped to a bound at 0 it would start there; its mirror image is as good.
    starts = [np.where(even & (s < low), -s, s) for s in starts]
    return list({tuple(s): s for s in starts}.values())


def far_starts(center: Coordinates) -> list[Coordinates]:
    """Starts at all distances from a centre, the same ones every time.

    Valleys that are narrow or far off, a coupling against a mass, are seen from no near start.
    """
    rng = np.random.default_rng(_FAR_SEED)
    return list(center + _at_all_distances(rng, (_FAR_STARTS * center.size, center.size)))


def _at_all_distances(
    rng: np.random.Generator, size: tuple[int, int]
) -> Float[np.ndarray, "start parameter"]:
    return rng.choice([-1.0, 1.0], size) * 10 ** rng.uniform(*_FAR_POWERS, size)
