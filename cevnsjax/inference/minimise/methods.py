"""Ways to minimise, by name: each takes a problem and starts and gives the minima it found."""

from collections.abc import Callable

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.minimise.descents import lbfgs, minuit, polished
from cevnsjax.inference.minimise.newton import Minimum, Problem, newton_many

METHODS = ("auto", "newton", "lbfgs", "minuit")
"""How to come down: "auto" is Newton, after L-BFGS where there are many parameters."""
_ONE_BY_ONE: dict[str, Callable[[Problem, np.ndarray], Minimum]] = {
    "lbfgs": lambda problem, start: polished(problem, lbfgs(problem, start)),
    "minuit": minuit,
}
# Exact Hessians of more parameters cost more than they save far from the minimum.
_FEW = 8
# Minima closer than this in value and in scaled coordinates are one.
_SAME_VALUE, _SAME_PLACE = 1e-6, 1e-2


def minima_of(problem: Problem, starts: list[np.ndarray], method: str = "auto") -> list[Minimum]:
    """Distinct minima reached from several starts, lowest first.

    Args:
        problem: What to minimise.
        starts: Scaled coordinates, each [parameter].
        method: "auto" or "newton" (all starts at once), "lbfgs" (optax, Newton's
            steps at the end), or "minuit" (iminuit, if it is installed).

    Raises:
        UnknownNameError: At an unknown method.
        InputError: If the function is finite at no start, or iminuit is missing.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if method in _ONE_BY_ONE:
        found = [_ONE_BY_ONE[method](problem, start) for start in starts]
    else:
        if method == "auto" and problem.low.size > _FEW:
            starts = [lbfgs(problem, start).u for start in starts]
        found = newton_many(problem, np.array(starts))
    finite = [m for m in found if np.isfinite(m.value)]
    if not finite:
        raise InputError("the likelihood is not finite at any start; check fixed values and data")
    return distinct(finite)


def best_minimum(problem: Problem, starts: list[np.ndarray], method: str = "auto") -> Minimum:
    """The lowest minimum reached from several starts; see ``minima_of``."""
    return minima_of(problem, starts, method)[0]


def distinct(found: list[Minimum]) -> list[Minimum]:
    """One of each minimum, lowest first; of equal ones a converged one.

    Args:
        found: Where minimisations ended.
    """
    kept: list[Minimum] = []
    lowest = min(m.value for m in found)
    # Within rounding of the lowest a converged one is the better one.
    order = sorted(found, key=lambda m: (m.value > lowest + _SAME_VALUE, not m.converged, m.value))
    for one in order:
        if not any(_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _same(one: Minimum, other: Minimum) -> bool:
    near = np.all(np.abs(one.u - other.u) < _SAME_PLACE * np.maximum(1.0, np.abs(other.u)))
    return abs(one.value - other.value) < _SAME_VALUE and bool(near)
