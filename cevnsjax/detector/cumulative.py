"""Integrals of an efficiency over the differences of a cumulative distribution.

Within a sub-cell the efficiency is the polynomial through its values at Gauss-Legendre points.
Integrated by parts, the integral over a bin is a fixed sum over values of the cumulative
distribution, at the walls of the sub-cells and at those points. Where the efficiency is constant,
only the difference between the bin's edges is left: counts are conserved whatever the sub-cells.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays
from cevnsjax.detector.efficiency import ABOUT_TURN_ON, Efficiency, turn_on
from cevnsjax.numerics import legendre


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
# Towards 0, where a resolution may have no width, sub-cells shrink to this part of the range.
_NARROWEST = 2.0**-16
_MAX_SUB_CELLS = 6_000
# Coefficients below it are the rounding errors of a constant efficiency [1].
_ROUNDING = 1e-14


class BinIntegrals(NamedTuple):
    """Integrals over bins as sums over values of a cumulative distribution.

    Attributes:
        x: Where the distribution is needed, in order, [point] [observable].
        low: Lower edge of the bin that a point belongs to, [point] [observable].
        coefficients: [bin, point] [1].
        begins: Lower edges of all bins, [bin] [observable].
    """

    x: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    coefficients: Arrays
    begins: Float[np.ndarray, " bin"]


def bin_integrals(edges: Sequence[float], efficiency: Efficiency, spread: Spread) -> BinIntegrals:
    """The sums for bins, an efficiency and a resolution.

    Args:
        edges: Bin edges, increasing [observable].
        efficiency: Efficiency at the reconstructed observable; its numbers may be traced.
        spread: The resolution.

    Raises:
        InputError: If the resolution is too narrow for its sub-cells to be counted.
    """
    probe = accepted_at(efficiency, np.array(edges[:1], dtype=float))
    # Tracers must not outlive their trace.
    make = _cached_integrals if isinstance(probe, np.ndarray) else _integrals
    return make(tuple(edges), efficiency, spread)


def accepted_at(efficiency: Efficiency, x: Float[np.ndarray, " point"]) -> Arrays:
    """The efficiency at plain points: of NumPy, or of jax if its numbers are traced [1]."""
    value = efficiency(x, np)
    if isinstance(value, np.ndarray | np.generic | float | int):
        return np.broadcast_to(np.asarray(value, dtype=float), x.shape)
    return value


def _integrals(edges: tuple[float, ...], efficiency: Efficiency, spread: Spread) -> BinIntegrals:
    walls = [_walls(low, high, efficiency, spread) for low, high in pairwise(edges)]
    low = np.concatenate([w[:-1] for w in walls])
    high = np.concatenate([w[1:] for w in walls])
    if low.size > spread.pieces * _MAX_SUB_CELLS:
        raise _too_narrow(edges[0], edges[-1])
    bins = np.repeat(np.arange(len(walls)), [len(w) - 1 for w in walls])
    accepted = accepted_at(efficiency, _points(low, high)).reshape(low.size, _ORDER)
    return _assembled(low, high, bins, accepted, np.asarray(edges, dtype=float))


_cached_integrals = lru_cache(maxsize=64)(_integrals)


def cell_integrals(edges: Sequence[float], efficiency: Efficiency, cell: float) -> BinIntegrals:
    """The sums where, by convention, the efficiency is taken at the centres of cells [observable].

    The cells must fill the bins.
    """
    number = round((edges[-1] - edges[0]) / cell)
    walls = np.linspace(edges[0], edges[-1], number + 1)
    centres = (walls[1:] + walls[:-1]) / 2
    accepted = members(centres, edges) * accepted_at(efficiency, centres)
    bins = np.digitize(centres, edges) - 1
    lows = np.asarray(edges, dtype=float)
    blocks = [
        accepted[:, bins == b] @ _differences(int(np.sum(bins == b))) for b in range(len(edges) - 1)
    ]
    x = [
        walls[np.append(bins == b, False) | np.append(False, bins == b)] for b in range(len(blocks))
    ]
    owner = np.repeat(lows[:-1], [len(part) for part in x])
    coefficients = _numpy_of(accepted).concatenate(blocks, axis=1)
    return BinIntegrals(np.concatenate(x), owner, coefficients, lows[:-1])


def _numpy_of(values: Arrays) -> ModuleType:
    """What computes with these: numpy, or jax.numpy if they are traced."""
    if isinstance(values, np.ndarray):
        return np
    import jax.numpy as jnp

    return jnp


def members(x: np.ndarray, edges: Sequence[float]) -> Float[np.ndarray, "bin point"]:
    """1 where a point lies in a bin, else 0."""
    bins = np.asarray(edges, dtype=float)[:, None]
    return ((x >= bins[:-1]) & (x < bins[1:])).astype(float)


def _differences(cells: int) -> Float[np.ndarray, "cell wall"]:
    """What turns values at the walls of cells into differences."""
    return np.eye(cells, cells + 1, 1) - np.eye(cells, cells + 1)


def _points(low: np.ndarray, high: np.ndarray) -> Float[np.ndarray, " point"]:
    x, _ = legendre(_ORDER)
    return ((low + high)[:, None] / 2 + (high - low)[:, None] / 2 * x).reshape(-1)


def _assembled(
    low: Float[np.ndarray, " cell"],
    high: Float[np.ndarray, " cell"],
    bins: Int[np.ndarray, " cell"],
    accepted: Arrays,
    edges: Float[np.ndarray, " edge"],
) -> BinIntegrals:
    """The sums of all sub-cells: at their points, and at walls, each bin with its own."""
    xp = _numpy_of(accepted)
    sums = accepted @ xp.asarray(_by_parts(), dtype=accepted.dtype)
    # A bin of n sub-cells has n + 1 walls: sub-cell k begins at wall k + its bin. The last row of
    # zeros stands for the sub-cell that the first or last wall of a bin does not have.
    cells, start = low.size, np.arange(low.size) + bins
    walls = cells + len(edges) - 1
    begins, ends = np.full(walls, cells), np.full(walls, cells)
    begins[start], ends[start + 1] = np.arange(cells), np.arange(cells)
    at_first, at_last = (xp.pad(sums[:, k], (0, 1)) for k in (0, -1))
    values = xp.concatenate([at_first[begins] + at_last[ends], sums[:, 1:-1].reshape(-1)])
    x_walls, bin_of_wall = np.zeros(walls), np.zeros(walls, dtype=int)
    x_walls[start], x_walls[start + 1] = low, high
    bin_of_wall[start], bin_of_wall[start + 1] = bins, bins
    x = np.concatenate([x_walls, _points(low, high)])
    owner = np.concatenate([bin_of_wall, np.repeat(bins, _ORDER)])
    order = np.lexsort((x, owner))
    if isinstance(values, np.ndarray):
        order = order[np.abs(values[order]) > _ROUNDING]
    x, owner = x[order], owner[order]
    is_mine = owner[None, :] == np.arange(len(edges) - 1)[:, None]
    coefficients = xp.where(is_mine, values[order][None, :], 0.0)
    return BinIntegrals(x, edges[owner], coefficients, edges[:-1])


def _by_parts() -> Float[np.ndarray, "point sum"]:
    """Integral of each Lagrange polynomial on [-1, 1] over dF, in F at -1, the points and 1."""
    x, w = legendre(_ORDER)
    powers = np.polynomial.legendre.legvander(x, _ORDER - 1)
    to_modes = np.linalg.inv(powers)
    derivative = np.stack(
        [np.polynomial.legendre.legval(x, np.polynomial.legendre.legder(row)) for row in to_modes.T]
    )
    ends = np.polynomial.legendre.legvander(np.array([-1.0, 1.0]), _ORDER - 1) @ to_modes
    return np.concatenate([-ends[:1].T, -derivative * w, ends[1:].T], axis=1)


def _walls(
    low: float, high: float, efficiency: Efficiency, spread: Spread
) -> Float[np.ndarray, " wall"]:
    """Walls of the sub-cells of one bin: at kinks, about turn-ons, no wider than the resolution."""
    about = [x + n * scale for x, scale in turn_on(efficiency) for n in ABOUT_TURN_ON]
    inside = [x for x in (*efficiency.kinks, *about) if low < x < high]
    walls = np.unique([low, high, *inside])
    top = max(abs(low), abs(high))
    narrowest = min(_NARROWEST * top, float(spread.scale(np.array([top]))[0]) / 2)
    while True:
        begin, end = walls[:-1], walls[1:]
        scale = np.minimum(spread.scale(begin), spread.scale(end))
        allowed = np.maximum(_WIDEST * scale, narrowest)
        wide = (end - begin > allowed) & ~_constant(begin, end, efficiency)
        if not wide.any():
            break
        walls = np.sort(np.concatenate([walls, ((begin + end) / 2)[wide]]))
        if walls.size > _MAX_SUB_CELLS:
            raise _too_narrow(low, high)
    fractions = np.arange(spread.pieces) / spread.pieces
    cut = walls[:-1, None] + np.diff(walls)[:, None] * fractions
    return np.append(cut.reshape(-1), high)


def _too_narrow(low: float, high: float) -> InputError:
    return InputError(
        f"the resolution is too narrow for bins from {low:g} to {high:g}: their efficiency takes "
        f"more than {_MAX_SUB_CELLS} sub-cells; leave the resolution out, or widen it"
    )


def _constant(begin: np.ndarray, end: np.ndarray, efficiency: Efficiency) -> np.ndarray:
    """Whether the efficiency is the same at all points of a sub-cell."""
    values = accepted_at(efficiency, _points(begin, end))
    if not isinstance(values, np.ndarray):
        return np.zeros(begin.size, dtype=bool)
    values = values.reshape(-1, _ORDER)
    spread = values.max(axis=1) - values.min(axis=1)
    return spread <= 1e-15 * np.maximum(values.max(axis=1), 1e-300)
