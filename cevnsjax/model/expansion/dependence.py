"""What a traced function depends on, and how: read off its jaxpr, without numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import Literal

# Operations, element by element, that leave a form what it is, and those that need one degree.
_SAME = ("neg", "convert_element_type", "copy")
_SUMS = ("add", "sub", "add_any")
# Functions that were traced by themselves.
_CALLS = ("jit", "pjit", "custom_jvp_call")

Degree = int | None
"""Degree of a form in some arrays; 0 for numbers, None for whatever is not a form."""


def arguments_used(function: Callable[..., Any], *arguments: Any) -> tuple[bool, ...]:
    """Whether the results of a function depend on each of its arguments, which are arrays."""
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    used = {v for v in jaxpr.outvars if not isinstance(v, Literal)}
    for equation in reversed(jaxpr.eqns):
        if used.intersection(equation.outvars):
            used.update(v for v in equation.invars if not isinstance(v, Literal))
    return tuple(v in used for v in jaxpr.invars)


def degrees(function: Callable[..., Any], given: Sequence[Degree], *arguments: Any) -> set[Degree]:
    """Degrees of all results as forms in the arguments given as of degree 1.

    A form of degree 2 in x and y is a x^2 + b x y + c y^2, element by element, with numbers a, b, c
    that are the same for all elements. Arguments given as None must not enter.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    return set(_degrees(closed.jaxpr, [*map(_of_constant, closed.consts)], given))


def _of_constant(constant: Any) -> Degree:
    return 0 if jax.numpy.ndim(constant) == 0 else None


def _degrees(jaxpr: Any, constants: Sequence[Degree], given: Sequence[Degree]) -> list[Degree]:
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))

    def degree(v: Any) -> Degree:
        return _of_constant(v.val) if isinstance(v, Literal) else known[v]

    for equation in jaxpr.eqns:
        of_inputs, outputs = [degree(v) for v in equation.invars], equation.outvars
        if equation.primitive.name in _CALLS:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            out = _degrees(inner.jaxpr, [*map(_of_constant, inner.consts)], of_inputs)
        elif None in of_inputs:
            out = [None] * len(outputs)
        elif not any(of_inputs) and all(v.aval.ndim == 0 for v in outputs):
            out = [0] * len(outputs)
        else:
            out = [_result(equation, of_inputs)] * len(outputs)
        known.update(zip(outputs, out, strict=True))
    return [degree(v) for v in jaxpr.outvars]


def _result(equation: Any, of_inputs: list[Any]) -> Degree:
    """Degree of an array that one operation gives; None unless it acts element by element."""
    name, (first, *others) = equation.primitive.name, of_inputs or [None]
    if name == "broadcast_in_dim":
        return first if equation.invars[0].aval.ndim == 0 else None
    if name in _SAME or (name in _SUMS and others == [first]):
        return first
    if name == "mul":
        return sum(of_inputs)
    if name == "div" and others == [0]:
        return first
    if name == "square":
        return 2 * first
    if name == "integer_pow" and equation.params["y"] > 0:
        return first * equation.params["y"]
    return None
