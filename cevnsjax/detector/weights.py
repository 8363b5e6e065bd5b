"""What a resolution is, and its weights: bin integrals over its cumulative distribution."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.types import Arrays
from cevnsjax.detector.cumulative import BinIntegrals
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.detector.interpolated import Interpolated, interpolated

Weights = Float[np.ndarray, "bin node"] | Float[Array, "bin node"]
"""Probability times efficiency [1]."""
Cumulative = Callable[
    [Float[np.ndarray, " point"], Int[np.ndarray, " node"], Float[np.ndarray, "point node"]],
    Float[np.ndarray, "point node"],
]
"""F at points and numbered nodes where a sign is positive, and F - 1 where it is negative [1]."""
_Model = TypeVar("_Model", bound="Resolution")

# Arrays [point, node] with more entries are computed in blocks of nodes, each with the points that
# lie within this many standard deviations, and so many variances over the mean further up, where
# a gamma distribution has an exponential tail.
_MAX_ENTRIES, _BLOCK, _REACH, _TAIL = 300_000, 16, 10.0, 50.0
# Tables for traces reach over these parts of the highest edge, to this precision [1]; where that is
# more than rounding allows, to so many roundings of x_true.
_LOWEST, _HIGHEST, _PRECISION, _ROUNDINGS = 1e-12, 1e3, 3e-13, 16
# Their first panels end at these distances from edges, in standard deviations, up to a distance in
# ln x, and have this width at least, in standard deviations.
_DISTANCES, _FARTHEST, _APART = 10.0 ** np.arange(1, 12), 0.1, 0.25


@runtime_checkable
class Resolution(Protocol):
    """What the package asks of a resolution model."""

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1].

        Args:
            x_true: True observable, [node] [observable].
            E_ee: Electron-equivalent energy, [node] [MeV].
            edges: Bin edges, increasing [observable].
            efficiency: Efficiency at the reconstructed observable.
            xp: numpy or jax.numpy.
        """
        ...


@runtime_checkable
class ResolutionWithWidth(Resolution, Protocol):
    """A model that says how wide it is: panels of recoil energy follow it."""

    def width(self, x_true: Arrays, E_ee: Arrays) -> Arrays:
        """Standard deviation at true observables and energies [MeV], [node] [observable]."""
        ...


@runtime_checkable
class RefinableResolution(Resolution, Protocol):
    """A model with sub-cells that can be cut finer, to see what finer ones change."""

    def refined(self: _Model) -> _Model:
        """The model with every sub-cell cut in two."""
        ...


def signs(sums: BinIntegrals, x_true: Arrays, xp: ModuleType) -> Arrays:
    """-1 in bins above x_true, else 1, [point, node].

    There the sums take F - 1 for F, which changes nothing but keeps the digits of small
    probabilities.
    """
    low = xp.asarray(sums.begins[sums.bins], dtype=x_true.dtype)
    beyond = low[:, None] > x_true[None, :]
    return xp.where(beyond, -1.0, 1.0).astype(x_true.dtype)


def plain_weights(
    sums: BinIntegrals,
    x_true: Float[np.ndarray, " node"],
    width: Float[np.ndarray, " node"],
    cumulative: Cumulative,
) -> Weights:
    """Weights from plain arrays, in blocks of nodes where they are many.

    Args:
        sums: Bin integrals; their coefficients may be traced.
        x_true: True observables.
        width: Standard deviations there.
        cumulative: The distribution.
    """
    if isinstance(sums.coefficients, np.ndarray) and sums.x.size * x_true.size > _MAX_ENTRIES:
        weights = _in_blocks(sums, sums.coefficients, x_true, width, cumulative)
    else:
        sign = np.asarray(signs(sums, x_true, np))
        weights = sums.of(cumulative(sums.x, np.arange(x_true.size), sign))
    return np.maximum(weights, 0.0) if isinstance(weights, np.ndarray) else weights


def _in_blocks(
    sums: BinIntegrals,
    coefficients: Float[np.ndarray, " point"],
    x_true: Float[np.ndarray, " node"],
    width: Float[np.ndarray, " node"],
    cumulative: Cumulative,
) -> Float[np.ndarray, "bin node"]:
    """Weights from the points that lie within reach of each block of nodes.

    F - 1 is 0 beyond them and F is 1: what the rest of a bin counts adds up beforehand.
    """
    down = x_true - _REACH * width
    up = x_true + _REACH * width + _TAIL * width**2 / x_true
    weights = np.zeros((sums.begins.size, x_true.size))
    order = np.argsort(x_true)
    for first in range(0, order.size, _BLOCK):
        nodes = order[first : first + _BLOCK]
        low, high = np.searchsorted(sums.x, [np.min(down[nodes]), np.max(up[nodes])])
        if low < high:
            begin, end = sums.bins[low], sums.bins[high - 1] + 1
            part = BinIntegrals(
                sums.x[low:high],
                sums.bins[low:high] - begin,
                coefficients[low:high],
                sums.begins[begin:end],
            )
            values = cumulative(part.x, nodes, np.asarray(signs(part, x_true[nodes], np)))
            weights[begin:end, nodes] = part.of(values)
        if high < sums.x.size:
            last = sums.bins[high]
            beyond = coefficients[high : np.searchsorted(sums.bins, last, side="right")].sum()
            weights[last, nodes] += beyond * (sums.begins[last] <= x_true[nodes])
    return weights


@runtime_checkable
class Tabulable(Resolution, Protocol):
    """A model whose weights depend on the true observable alone.

    Attributes:
        traced_points: Traces take weights from a table where they need more points than this.
    """

    traced_points: ClassVar[int]

    def sums(self, edges: Sequence[float], efficiency: Efficiency) -> BinIntegrals:
        """Sums over values of the cumulative distribution for bins [observable]."""
        ...

    def weights_at(
        self, x_true: Float[np.ndarray, " node"], edges: Sequence[float], efficiency: Efficiency
    ) -> Float[np.ndarray, "bin node"]:
        """Probability times efficiency at plain true observables, [bin, node] [1]."""
        ...

    def scale(self, x: Float[np.ndarray, " wall"]) -> Float[np.ndarray, " wall"]:
        """Standard deviation about an observable."""
        ...


def spaced(
    points: Float[np.ndarray, " _"], apart: Float[np.ndarray, " _"]
) -> Float[np.ndarray, " _"]:
    """The points in order, without those closer to the last than they may be."""
    kept: list[float] = []
    for k in np.argsort(points, kind="stable"):
        if not kept or points[k] - kept[-1] >= apart[k]:
            kept.append(float(points[k]))
    return np.array(kept)


@lru_cache(maxsize=32)
def weight_table(
    model: Tabulable, edges: tuple[float, ...], efficiency: Efficiency
) -> Interpolated:
    """Weights as polynomials in the logarithm of x_true, [node, bin], for traces."""

    def weights(log_x: Float[np.ndarray, " point"]) -> Float[np.ndarray, "point bin"]:
        return model.weights_at(np.exp(log_x), edges, efficiency).T

    top = max(abs(edges[0]), abs(edges[-1]))
    # Narrow resolutions change the weights close to edges only: panels on every scale find them.
    points = np.array([*edges, *efficiency.kinks])
    points = points[(points > _LOWEST * top) & (points < _HIGHEST * top)]
    relative = model.scale(points) / points
    away = relative[:, None] * _DISTANCES
    away = np.where(away < _FARTHEST, away, 0.0)
    near = np.concatenate([points, *(points[:, None] * np.exp([-away, away])).reshape(2, -1)])
    # Where bins are narrower than the resolution, its width is the only scale.
    inside = spaced(near, _APART * model.scale(near))
    breaks = [_LOWEST * top, *inside, _HIGHEST * top]
    rounding = np.finfo(float).eps * (1 + np.abs(np.log(points)).max(initial=0.0))
    noise = _ROUNDINGS * rounding / relative.min(initial=1.0)
    return interpolated(weights, [math.log(x) for x in breaks], max(_PRECISION, noise))


def table_for_traces(
    model: Tabulable, edges: Sequence[float], efficiency: Efficiency
) -> Interpolated | None:
    """The table that traces take weights from, None where they compute them.

    Raises:
        InputError: If the resolution is too narrow for a table.
    """
    sums = model.sums(edges, efficiency)
    if not isinstance(sums.coefficients, np.ndarray) or sums.x.size <= model.traced_points:
        return None
    return weight_table(model, tuple(edges), efficiency)
