"""Checks of where a fit starts."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.inference.minimise.problems import Coordinates, Problem
from cevnsjax.inference.objective import Objective


def checked_start(
    model: Objective,
    names: tuple[str, ...],
    start: Mapping[str, float],
    box: Float[np.ndarray, "parameter 2"],
) -> Coordinates:
    """The caller's start in scaled coordinates, defaults where it names no value."""
    for name in start:
        if name not in names:
            raise InputError(f"start names {name}, which is not free; free are {list(names)}")
    table = model.parameters
    values = [table[n].check(start.get(n, table[n].default)) for n in names]
    for name, value, (low, high) in zip(names, values, box, strict=True):
        if name in start and not low <= value <= high:
            raise InputError(
                f"start {name}={value:g} lies outside the bounds [{low:g}, {high:g}] given for it"
            )
    return np.array(values) / np.array([table[n].scale for n in names])


def require_finite(
    problem: Problem, u: Coordinates, names: tuple[str, ...], start: Mapping[str, float]
) -> None:
    """Refuse a start where the nll is not finite, and name the values that cause it."""
    if np.isfinite(problem.local(u[None]).value[0]):
        return
    moved = np.tile(u, (len(names), 1))
    np.fill_diagonal(moved, 0.0)
    better = np.isfinite(problem.local(np.clip(moved, problem.low, problem.high)).value)
    guilty = [n for n, finite in zip(names, better, strict=True) if finite] or list(names)
    shown = ", ".join(f"{n}={start[n]:g}" for n in guilty if n in start)
    raise InputError(f"the likelihood is not finite at the start: {shown or guilty}; move it")


def require_dependence(problem: Problem, starts: list[Coordinates], names: tuple[str, ...]) -> None:
    """Refuse a parameter on which the nll does not depend at any start."""
    _, gradient, hessian, *_ = problem.local(np.clip(starts, problem.low, problem.high))
    idle = np.all(gradient == 0, axis=0) & np.all(hessian == 0, axis=(0, 1))
    if np.any(idle):
        listed = ", ".join(n for n, is_idle in zip(names, idle, strict=True) if is_idle)
        raise InputError(
            f"the likelihood does not depend on {listed} with these fixed values; leave it out of "
            "free, or free (or fix away from 0) the coupling that it comes with"
        )
