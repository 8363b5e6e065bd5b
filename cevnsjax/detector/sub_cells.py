"""Sub-cells of bins, and what the efficiency makes the points of each count.

Within a sub-cell the efficiency is the polynomial through its values at Gauss-Legendre points.
Integrated by parts, its integral over a distribution is a fixed sum over values of the cumulative
distribution, at the walls of the sub-cell and at those points.
"""

from functools import lru_cache
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays
from cevnsjax.detector.efficiency import ABOUT_TURN_ON, Efficiency, turn_on
from cevnsjax.numerics import legendre

Terms = tuple[Float[np.ndarray, " _"], Int[np.ndarray, " _"], Arrays]
"""Points [observable], the bins they belong to, and what the distribution there counts [1]."""


@runtime_checkable
class Spread(Protocol):
    """What sub-cells depend on; hashable."""

    @property
    def pieces(self) -> int:
        """Parts into which every sub-cell is cut, to see what more of them change."""
        ...

    def scale(self, x: Float[np.ndarray, " wall"]) -> Float[np.ndarray, " wall"]:
        """Standard deviation of the reconstructed observable about an observable."""
        ...


# Points of a sub-cell, and the most of its width in standard deviations.
_ORDER, _WIDEST = 12, 2.0
# Points that are enough where more of them change less than that [1], in sub-cells of no more than
# that part of a standard deviation, where they integrate the distribution as well.
_FEW, _NEGLIGIBLE, _NARROW = 3, 1e-13, 1 / 16
# Towards 0, where a resolution may have no width, sub-cells shrink to this part of the range.
_NARROWEST = 2.0**-16
_MAX_SUB_CELLS = 6_000


def sub_cell_terms(
    edges: Float[np.ndarray, " edge"], efficiency: Efficiency, spread: Spread
) -> list[Terms]:
    """What walls and points of the sub-cells of all bins count.

    Args:
        edges: Bin edges, increasing [observable].
        efficiency: Efficiency at the reconstructed observable; its numbers may be traced.
        spread: The resolution.

    Raises:
        InputError: If the resolution is too narrow for its sub-cells to be counted.
    """
    walls = _walls(edges, efficiency, spread)
    low, high = walls[:-1], walls[1:]
    few = _need_few(low, high, efficiency, spread)
    groups = ((_FEW, few), (_ORDER, ~few))
    return [_terms(low[k], high[k], edges, efficiency, order) for order, k in groups if k.any()]


def _walls(
    edges: Float[np.ndarray, " edge"], efficiency: Efficiency, spread: Spread
) -> Float[np.ndarray, " wall"]:
    """Walls of sub-cells: at edges, at kinks, about turn-ons, no wider than the resolution."""
    about = [x + n * scale for x, scale in turn_on(efficiency) for n in ABOUT_TURN_ON]
    inside = [x for x in (*efficiency.kinks, *about) if edges[0] < x < edges[-1]]
    walls = np.union1d(edges, inside)
    top = np.maximum(np.abs(edges[1:]), np.abs(edges[:-1]))
    narrowest = np.minimum(_NARROWEST * top, spread.scale(top) / 2)
    while True:
        begin, end = walls[:-1], walls[1:]
        scale = np.minimum(spread.scale(begin), spread.scale(end))
        allowed = np.maximum(_WIDEST * scale, narrowest[bins_at(edges, begin)])
        wide = end - begin > allowed
        wide[wide] = ~_constant(begin[wide], end[wide], efficiency)
        if not wide.any():
            break
        walls = np.sort(np.concatenate([walls, ((begin + end) / 2)[wide]]))
        if walls.size > _MAX_SUB_CELLS + edges.size:
            raise InputError(
                f"the resolution is too narrow for bins from {edges[0]:g} to {edges[-1]:g}: their "
                f"efficiency takes more than {_MAX_SUB_CELLS} sub-cells; leave the resolution "
                "out, or widen it"
            )
    fractions = np.arange(spread.pieces) / spread.pieces
    cut = walls[:-1, None] + np.diff(walls)[:, None] * fractions
    return np.append(cut.reshape(-1), edges[-1])


def _constant(begin: np.ndarray, end: np.ndarray, efficiency: Efficiency) -> np.ndarray:
    """Whether the efficiency is the same at all points of a sub-cell."""
    values = accepted_at(efficiency, _points(begin, end, _ORDER).reshape(-1))
    if not isinstance(values, np.ndarray):
        return np.zeros(begin.size, dtype=bool)
    values = values.reshape(-1, _ORDER)
    spread = values.max(axis=1) - values.min(axis=1)
    return spread <= 1e-15 * np.maximum(values.max(axis=1), 1e-300)


def _need_few(
    low: Float[np.ndarray, " cell"],
    high: Float[np.ndarray, " cell"],
    efficiency: Efficiency,
    spread: Spread,
) -> Bool[np.ndarray, " cell"]:
    """Whether a polynomial through few points integrates the efficiency over a sub-cell.

    At n points Legendre's mode n + k looks like mode n - k, and the density's mode of a degree
    falls as the width in standard deviations to that power. Modes of 2 n and more look like
    constants.
    """
    accepted = accepted_at(efficiency, _points(low, high, _ORDER).reshape(-1))
    if not isinstance(accepted, np.ndarray):
        return np.zeros(low.size, dtype=bool)
    modes = np.abs(accepted.reshape(low.size, -1) @ _to_modes(_ORDER)[_FEW:].T)
    width, scale = high - low, np.minimum(spread.scale(low), spread.scale(high))
    narrow = width <= _NARROW * scale
    ratio = np.where(narrow, width / np.where(narrow, scale, 1.0), 1.0)
    seen_as = np.maximum(_FEW - np.arange(_ORDER - _FEW), 0)
    return narrow & ((modes * ratio[:, None] ** seen_as).sum(axis=1) <= _NEGLIGIBLE)


def _terms(
    low: Float[np.ndarray, " cell"],
    high: Float[np.ndarray, " cell"],
    edges: Float[np.ndarray, " edge"],
    efficiency: Efficiency,
    order: int,
) -> Terms:
    """What the walls and points of sub-cells count."""
    points, bins = _points(low, high, order), bins_at(edges, low)
    accepted = accepted_at(efficiency, points.reshape(-1)).reshape(points.shape)
    xp = numpy_of(accepted)
    sums = accepted @ xp.asarray(_by_parts(order), dtype=accepted.dtype)
    x = np.concatenate([low[:, None], points, high[:, None]], axis=1)
    return x.reshape(-1), np.repeat(bins, order + 2), sums.reshape(-1)


def _points(low: np.ndarray, high: np.ndarray, order: int) -> Float[np.ndarray, "cell point"]:
    x, _ = legendre(order)
    return (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * x


@lru_cache(maxsize=4)
def _to_modes(order: int) -> Float[np.ndarray, "mode point"]:
    """What turns values at points into coefficients of Legendre polynomials."""
    x, _ = legendre(order)
    return np.linalg.inv(np.polynomial.legendre.legvander(x, order - 1))


@lru_cache(maxsize=4)
def _by_parts(order: int) -> Float[np.ndarray, "point sum"]:
    """Integral of each Lagrange polynomial on [-1, 1] over dF, in F at -1, the points and 1."""
    (x, w), to_modes = legendre(order), _to_modes(order)
    derivative = np.stack(
        [np.polynomial.legendre.legval(x, np.polynomial.legendre.legder(row)) for row in to_modes.T]
    )
    ends = np.polynomial.legendre.legvander(np.array([-1.0, 1.0]), order - 1) @ to_modes
    return np.concatenate([-ends[:1].T, -derivative * w, ends[1:].T], axis=1)


def accepted_at(efficiency: Efficiency, x: Float[np.ndarray, " point"]) -> Arrays:
    """The efficiency at plain points: of NumPy, or of jax if its numbers are traced [1]."""
    value = efficiency(x, np)
    if isinstance(value, np.ndarray | np.generic | float | int):
        return np.broadcast_to(np.asarray(value, dtype=float), x.shape)
    return value


def bins_at(edges: Float[np.ndarray, " edge"], x: np.ndarray) -> Int[np.ndarray, " _"]:
    """Which bin each observable lies in."""
    return np.searchsorted(edges, x, side="right") - 1


def numpy_of(*values: Arrays) -> ModuleType:
    """What computes with these: numpy, or jax.numpy if some are traced."""
    if all(isinstance(x, np.ndarray) for x in values):
        return np
    import jax.numpy as jnp

    return jnp
