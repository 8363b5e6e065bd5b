"""Minima of a fit of everything, found once for all profiles of a model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Bounds, Minimum, far_starts, problem_of, starts_of
from cevnsjax.inference.objective import Objective

# Sets of parameters that are remembered of each model.
_KEPT = 16
_known: WeakKeyDictionary[Any, dict[Any, list[Minimum]]] = WeakKeyDictionary()


def global_minima(
    model: Objective,
    names: tuple[str, ...],
    held: Mapping[str, float],
    data: Any,
    bounds: Bounds,
) -> list[Minimum]:
    """Converged minima from many starts, coordinates in the order of ``names``.

    Args:
        model: The model.
        names: Parameters that vary.
        held: Values of others.
        data: Data to use instead of the model's.
        bounds: Narrower (low, high) for some of the names.
    """
    # In the table's order starts, and so what is found, are the same whichever one is profiled.
    ordered = tuple(n for n in model.parameters if n in names)
    key = ordered, tuple(sorted(held.items())), tuple(sorted(bounds.items()))
    kept = _kept_of(model) if data is None else {}
    if key not in kept:
        problem = problem_of(model, ordered, dict(held), data, bounds)
        starts = starts_of(model, ordered)
        found = newton_many(problem, np.array([*starts, *far_starts(starts[0])]))
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = [m for m in found if m.converged]
    order = [ordered.index(n) for n in names]
    return [_reordered(m, order) for m in kept[key]]


def _kept_of(model: Objective) -> dict[Any, list[Minimum]]:
    """What is remembered of a model; nothing of what is compared by value, and may change."""
    try:
        return _known.setdefault(model, {})
    except TypeError:
        return {}


def _reordered(one: Minimum, order: list[int]) -> Minimum:
    gradient = one.gradient[order] if one.gradient.size else one.gradient
    return replace(one, u=one.u[order], at_bound=one.at_bound[order], gradient=gradient)
