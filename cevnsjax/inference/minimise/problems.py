"""The profiled nll of named parameters as a minimisation problem, and where to start."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.minimise.newton import Local, Problem
from cevnsjax.inference.objective import Objective, expansion

Bounds = Mapping[str, tuple[float, float]]
# Starts in all corners of a box about the defaults, for up to so many parameters.
_CORNERS = 3
# Half of the random starts lie evenly within so many scales of the default.
_SPREAD = 10.0
# Far starts for each parameter; powers of ten of their distances in scales, and of random ones'.
_FAR, _FAR_REACH, _FAR_SEED = 12, (-1.0, 2.0), 2021


def narrowed(model: Objective, names: tuple[str, ...], bounds: Bounds | None) -> np.ndarray:
    """Bounds of named parameters, [name, 2] in their units, narrowed on request.

    Args:
        model: The model.
        names: The parameters.
        bounds: Narrower (low, high) for some of them.

    Raises:
        InputError: At bounds of a parameter that is not among the names, outside the parameter's
            own, or not increasing.
    """
    table, given = model.parameters, dict(bounds or {})
    for name, ends in given.items():
        if name not in names:
            raise InputError(f"bounds name {name}, which is not free; free are {list(names)}")
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise InputError(f"bounds of {name} must be (low, high) with low < high, got {ends}")
        for end in ends:
            if np.isfinite(end):
                table[name].check(end)
    out = [
        np.clip(given.get(n, table[n].bounds), *table[n].bounds) if n in given else table[n].bounds
        for n in names
    ]
    return np.array(out, dtype=float).reshape(-1, 2)


def problem_of(
    model: Objective,
    names: tuple[str, ...],
    held: dict[str, float],
    data: Any = None,
    bounds: Bounds | None = None,
) -> Problem:
    """The profiled nll of named parameters as a minimisation problem in scaled coordinates.

    Args:
        model: The model.
        names: Parameters that vary.
        held: Values of others.
        data: Data to use instead of the model's.
        bounds: Narrower (low, high) for some of the names.
    """
    scale = np.array([model.parameters[n].scale for n in names])
    box = narrowed(model, names, bounds)

    def natural(u: np.ndarray) -> np.ndarray:
        # A bound may be missed by one rounding when it is scaled and scaled back.
        return np.clip(u * scale, box[:, 0], box[:, 1])

    def value_and_grad(u: np.ndarray) -> tuple[float, np.ndarray]:
        values = {**held, **dict(zip(names, natural(u).tolist(), strict=True))}
        value, slopes = model.value_and_grad(values, names=names, data=data)
        return float(value), np.array([float(slopes[n]) for n in names]) * scale

    def expand(u: np.ndarray) -> Local:
        found = expansion(model, held, names, natural(u), data)
        return Local(found.value, found.gradient * scale, found.hessian * np.outer(scale, scale))

    def hessian(u: np.ndarray) -> np.ndarray:
        return expand(u[None]).hessian[0]

    return Problem(value_and_grad, hessian, box[:, 0] / scale, box[:, 1] / scale, expand)


def starts_of(
    model: Objective, names: tuple[str, ...], *, random: int = 0, seed: int = 0
) -> list[np.ndarray]:
    """Scaled starts: the defaults, a scale up and down in each parameter, corners, random ones.

    A parameter the counts are even in has no gradient at 0 and never starts there.

    Args:
        model: The model.
        names: Parameters that vary.
        random: Number of random starts.
        seed: Of the random starts.
    """
    table, n = model.parameters, len(names)
    center = np.array([table[m].default / table[m].scale for m in names])
    even = np.array([table[m].even and table[m].default == 0 for m in names], dtype=bool)
    center = np.where(even, 1.0, center)
    starts = [center]
    for i in range(n):
        for side in (-1.0, 1.0):
            shifted = center.copy()
            shifted[i] = side if even[i] else center[i] + side
            starts.append(shifted)
    if 1 < n <= _CORNERS:
        starts += [np.where(even, 0.0, center) + s for s in product((-1.0, 1.0), repeat=n)]
    rng = np.random.default_rng(seed)
    starts += list(center + rng.uniform(-_SPREAD, _SPREAD, ((random + 1) // 2, n)))
    starts += list(center + _at_all_distances(rng, (random // 2, n)))
    low = np.array([table[m].bounds[0] / table[m].scale for m in names])
    # Clipped to a bound at 0 it would start there; its mirror image is as good.
    starts = [np.where(even & (s < low), -s, s) for s in starts]
    unique = {tuple(s): s for s in starts}
    return list(unique.values())


def far_starts(center: np.ndarray) -> list[np.ndarray]:
    """Starts at all distances from a centre, each [parameter], the same ones every time.

    Valleys that are narrow or far off, a coupling against a mass, are seen from no near start.

    Args:
        center: Scaled coordinates, [parameter].
    """
    rng = np.random.default_rng(_FAR_SEED)
    return list(center + _at_all_distances(rng, (_FAR * center.size, center.size)))


def _at_all_distances(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return rng.choice([-1.0, 1.0], size) * 10 ** rng.uniform(*_FAR_REACH, size)
