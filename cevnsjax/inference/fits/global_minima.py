"""Minima of a fit of all parameters, computed once for all profiles of a model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from cevnsjax.inference.minimise.ladders import ladder_starts
from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Bounds, Minimum, far_starts, problem_of, starts_of
from cevnsjax.inference.objective import Data, Objective

# Sets of parameters that are remembered of each model.
_MAX_SETS = 16
_remembered: WeakKeyDictionary[Any, dict[Any, list[Minimum]]] = WeakKeyDictionary()


def global_minima(
    model: Objective,
    names: tuple[str, ...],
    fixed: Mapping[str, float],
    data: Data,
    bounds: Bounds,
) -> list[Minimum]:
    """Converged minima from many starts, coordinates in the order of ``names``."""
    # The table's order makes starts, and thus minima, the same whichever parameter is profiled.
    ordered = tuple(n for n in model.parameters if n in names)
    key = ordered, tuple(sorted(fixed.items())), tuple(sorted(bounds.items()))
    memory = _memory_of(model) if data is None else {}
    if key not in memory:
        problem = problem_of(model, ordered, fixed, data, bounds)
        starts = starts_of(model, ordered)
        starts += [*far_starts(starts[0]), *ladder_starts(problem, starts[0])]
        ends = newton_many(problem, np.array(starts))
        if len(memory) >= _MAX_SETS:
            memory.pop(next(iter(memory)))
        memory[key] = [m for m in ends if m.converged]
    order = [ordered.index(n) for n in names]
    return [
        replace(m, u=m.u[order], at_bound=m.at_bound[order], gradient=m.gradient[order])
        for m in memory[key]
    ]


def _memory_of(model: Objective) -> dict[Any, list[Minimum]]:
    """What is remembered of a model; nothing of models without a hash, which may change."""
    try:
        return _remembered.setdefault(model, {})
    except TypeError:
        return {}
