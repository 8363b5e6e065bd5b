"""Ways to minimise, by name: each takes a problem and starts and gives its minima."""

from collections.abc import Callable

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.minimise.descents import lbfgs, minuit, polished
from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Coordinates, Minimum, Problem

METHODS = ("auto", "newton", "lbfgs", "minuit")
"""How to come down: "auto" is Newton, after L-BFGS where there are many parameters."""
_ONE_BY_ONE: dict[str, Callable[[Problem, Coordinates], Minimum]] = {
    "lbfgs": lambda problem, start: polished(problem, lbfgs(problem, start)),
    "minuit": minuit,
}
# Exact Hessians of more parameters cost more than they save far from the minimum.
_MAX_NEWTON_PARAMETERS = 8
# Minima closer than this in value and in scaled coordinates are one.
_SAME_VALUE, _SAME_PLACE = 1e-6, 1e-2


def minima_of(problem: Problem, starts: list[Coordinates], method: str = "auto") -> list[Minimum]:
    """Distinct minima reached from several starts, lowest first.

    Methods "auto" and "newton" take all starts at once; "lbfgs" (optax) ends in Newton's steps.

    Raises:
        UnknownNameError: At an unknown method.
        InputError: If the function is finite at no start, or iminuit is missing.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if method in _ONE_BY_ONE:
        ends = [_ONE_BY_ONE[method](problem, start) for start in starts]
    else:
        if method == "auto" and problem.low.size > _MAX_NEWTON_PARAMETERS:
            starts = [lbfgs(problem, start).u for start in starts]
        ends = newton_many(problem, np.array(starts))
    finite = [m for m in ends if np.isfinite(m.value)]
    if not finite:
        raise InputError("the likelihood is not finite at any start; check fixed values and data")
    return distinct(finite)


def trusted(ends: list[Minimum]) -> list[Minimum]:
    """Ends with a finite value; those whose solved nuisances were not found only if all are."""
    finite = [m for m in ends if np.isfinite(m.value)]
    return [m for m in finite if m.solved] or finite


def distinct(ends: list[Minimum]) -> list[Minimum]:
    """One of each minimum, lowest first; among equal ones a converged one.

    Ends at which the solved nuisances were not found come last, whatever their values.
    """
    minima: list[Minimum] = []
    lowest = min(m.value for m in trusted(ends))

    def rank(m: Minimum) -> tuple[bool, bool, bool, float]:
        # Within rounding of the lowest a converged one is the better one.
        return not m.solved, m.value > lowest + _SAME_VALUE, not m.converged, m.value

    for end in sorted(ends, key=rank):
        if not any(_same(end, minimum) for minimum in minima):
            minima.append(end)
    return minima


def _same(one: Minimum, other: Minimum) -> bool:
    near = np.all(np.abs(one.u - other.u) < _SAME_PLACE * np.maximum(1.0, np.abs(other.u)))
    return abs(one.value - other.value) < _SAME_VALUE and bool(near)
