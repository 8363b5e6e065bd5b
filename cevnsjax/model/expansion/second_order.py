"""Functions of a point to second order: values, first and second derivatives."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals

Point = Float[Array, " name"]


class SecondOrder(NamedTuple):
    """Arrays [...], and their first [..., name] and second derivatives [..., name, name]."""

    values: list[Reals]
    slopes: list[Reals]
    curvatures: list[Reals]

    def at(self, step: Point) -> list[Reals]:
        """The arrays a step away, to second order."""
        return [s + j @ step + h @ step @ step / 2 for s, j, h in zip(*self, strict=True)]


def from_blocks(first: Reals, mixed: Reals, second: Reals) -> Reals:
    """Symmetric matrices from their blocks."""
    upper = jnp.concatenate([first, mixed], axis=-1)
    lower = jnp.concatenate([jnp.swapaxes(mixed, -1, -2), second], axis=-1)
    return jnp.concatenate([upper, lower], axis=-2)


def second_order(function: Callable[[Point], Sequence[Any]], point: Point) -> SecondOrder:
    """Values, first and second derivatives of a list of arrays, forward over forward."""

    def with_slopes(p: Point) -> Any:
        def twice(q: Point) -> tuple[Any, Any]:
            out = function(q)
            return out, out

        slopes, out = jax.jacfwd(twice, has_aux=True)(p)
        return slopes, (out, slopes)

    curvatures, (out, slopes) = jax.jacfwd(with_slopes, has_aux=True)(point)
    return SecondOrder(out, slopes, curvatures)


def expanded_apart(
    function: Callable[[list[Reals]], list[Reals]], point: Point, apart: tuple[int, ...]
) -> SecondOrder:
    """As ``second_order``, with parameters that move nodes, numbers ``apart``, expanded apart.

    Nodes are then not differentiated by all the others, which would cost ten times as much.
    """
    others = tuple(k for k in range(point.size) if k not in apart)
    place = np.argsort([*others, *apart])
    a, b = (point[np.array(indices, dtype=int)] for indices in (others, apart))

    def of(a: Reals, b: Reals) -> list[Reals]:
        scalars = [*a, *b]
        return function([scalars[k] for k in place])

    first = second_order(lambda x: of(x, b), a)
    if not apart:
        return first
    second = second_order(lambda y: of(a, y), b)
    mixed = jax.jacfwd(lambda y: jax.jacfwd(lambda x: of(x, y))(a))(b)
    slopes = [
        jnp.concatenate(j, axis=-1)[..., place]
        for j in zip(first.slopes, second.slopes, strict=True)
    ]
    curvatures = [
        from_blocks(*h)[..., place, :][..., place]
        for h in zip(first.curvatures, mixed, second.curvatures, strict=True)
    ]
    return SecondOrder(first.values, slopes, curvatures)
