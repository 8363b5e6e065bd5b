"""Arrays with their derivatives by some coordinates, in jax at one point and in NumPy at many."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cevnsjax.core.types import Reals
from cevnsjax.model.expansion.second_order import Point, second_order


class Jet(NamedTuple):
    """An array, and its derivatives by coordinates k and l; None where there are no coordinates.

    Attributes:
        value: [...], or [point, ...] at many points; one point if it is the same at all of them.
        slope: [k, ...], or [point, k, ...].
        curvature: [k, l, ...], or [point, k, l, ...].
    """

    value: Any
    slope: Any = None
    curvature: Any = None

    @property
    def size(self) -> int:
        """Number of coordinates, of a jet at many points."""
        return 0 if self.slope is None else self.slope.shape[1]

    def map(self, linear: Callable[[Any], Any]) -> "Jet":
        """A linear function of the array, which acts on its last axes."""
        return Jet(*(None if x is None else linear(x) for x in self))


def jets(function: Callable[[Point], list[Reals]], point: Point) -> list[Jet]:
    """The results of a function of coordinates, at one point of them."""
    parts = zip(*second_order(function, point), strict=True)
    return [Jet(s, jnp.moveaxis(j, -1, 0), jnp.moveaxis(h, (-2, -1), (0, 1))) for s, j, h in parts]


def near(jet: Jet, step: Sequence[Reals]) -> Reals:
    """The array a step away, to second order."""
    out = jet.value
    for k, a in enumerate(step):
        out = out + a * jet.slope[k]
        for m, b in enumerate(step):
            out = out + a * b * (jet.curvature[k, m] / 2)
    return out


def product(times: Callable[[np.ndarray, np.ndarray], np.ndarray], a: Jet, b: Jet) -> Jet:
    """A bilinear function of arrays at many points; b depends on the first coordinates of a."""
    value = times(a.value, b.value)
    if not a.size:
        return Jet(value)
    slope = times(a.slope, b.value[:, None])
    curvature = times(a.curvature, b.value[:, None, None])
    n = b.size
    if n:
        slope[:, :n] += times(a.value[:, None], b.slope)
        cross = times(a.slope[:, :, None], b.slope[:, None])
        curvature[:, :, :n] += cross
        curvature[:, :n] += cross.swapaxes(1, 2)
        curvature[:, :n, :n] += times(a.value[:, None, None], b.curvature)
    return Jet(value, slope, curvature)
