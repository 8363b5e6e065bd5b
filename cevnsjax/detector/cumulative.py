"""Integrals of an efficiency over the differences of a cumulative distribution.

The integral over a bin is a fixed sum over values of the cumulative distribution, at walls and
points of the bin's sub-cells. Where the efficiency is constant, only the difference between the
bin's edges is left: counts are conserved whatever the sub-cells.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.types import Arrays
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.detector.sub_cells import (
    Spread,
    Terms,
    accepted_at,
    bins_at,
    numpy_of,
    sub_cell_terms,
)

# Coefficients below it are the rounding errors of a constant efficiency [1].
_ROUNDING = 1e-14


class BinIntegrals(NamedTuple):
    """Integrals over bins as sums over values of a cumulative distribution.

    Attributes:
        x: Where the distribution is needed, in order, [point] [observable].
        bins: Which bin a point belongs to, in order, [point].
        coefficients: What its value counts there, [point] [1].
        begins: Lower edges of all bins, [bin] [observable].
    """

    x: Float[np.ndarray, " point"]
    bins: Int[np.ndarray, " point"]
    coefficients: Arrays
    begins: Float[np.ndarray, " bin"]

    def of(self, cumulative: Arrays) -> Arrays:
        """The integrals [bin, node] [1] from values [point, node] of the distribution [1]."""
        xp = numpy_of(self.coefficients, cumulative)
        coefficients = xp.asarray(self.coefficients, dtype=cumulative.dtype)
        return sums_by_bin(coefficients[:, None] * cumulative, self.bins, self.begins.size)


def sums_by_bin(terms: Arrays, bins: Int[np.ndarray, " point"], number: int) -> Arrays:
    """Sums [bin, node] of terms [point, node] whose bins are in order; bins may have none."""
    if not isinstance(terms, np.ndarray):
        import jax

        return jax.ops.segment_sum(terms, bins, number, indices_are_sorted=True)
    first = np.searchsorted(bins, np.arange(number + 1))
    filled = first[1:] > first[:-1]
    sums = np.zeros((number, *terms.shape[1:]))
    if filled.any():
        sums[filled] = np.add.reduceat(terms, first[:-1][filled], axis=0)
    return sums


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


def _integrals(edges: tuple[float, ...], efficiency: Efficiency, spread: Spread) -> BinIntegrals:
    ends = np.asarray(edges, dtype=float)
    return _assembled(sub_cell_terms(ends, efficiency, spread), ends)


_cached_integrals = lru_cache(maxsize=64)(_integrals)


def cell_integrals(edges: Sequence[float], efficiency: Efficiency, cell: float) -> BinIntegrals:
    """The sums where, by convention, the efficiency is taken at the centres of cells [observable].

    The cells must fill the bins.
    """
    number = round((edges[-1] - edges[0]) / cell)
    walls = np.linspace(edges[0], edges[-1], number + 1)
    centres = (walls[1:] + walls[:-1]) / 2
    accepted = accepted_at(efficiency, centres)
    ends = np.asarray(edges, dtype=float)
    x, bins = np.stack([walls[:-1], walls[1:]], axis=1), bins_at(ends, centres)
    values = numpy_of(accepted).stack([-accepted, accepted], axis=1)
    return _assembled([(x.reshape(-1), np.repeat(bins, 2), values.reshape(-1))], ends)


def _assembled(terms: Sequence[Terms], edges: Float[np.ndarray, " edge"]) -> BinIntegrals:
    """All terms in order, those of a bin's sub-cells at their common walls added."""
    x, bins = (np.concatenate([part[k] for part in terms]) for k in (0, 1))
    order = np.lexsort((x, bins))
    x, bins = x[order], bins[order]
    is_new = np.append(True, (np.diff(x) > 0) | (np.diff(bins) > 0))
    each = numpy_of(*(part[2] for part in terms)).concatenate([part[2] for part in terms])
    values = sums_by_bin(each[order][:, None], np.cumsum(is_new) - 1, int(is_new.sum()))[:, 0]
    x, bins = x[is_new], bins[is_new]
    if isinstance(values, np.ndarray):
        counts = np.abs(values) > _ROUNDING
        x, bins, values = x[counts], bins[counts], values[counts]
    return BinIntegrals(x, bins, values, edges[:-1])
