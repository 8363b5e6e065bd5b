"""Flux moments with a survival probability that oscillates.

In x = 1/E the phase of an oscillation is linear. Gauss-Legendre panels in x follow the fastest one
that a baseline is prepared for (``core.oscillation``), whatever the parameters are. There are two
ways to the moments above many E_min. ``moments_above`` evaluates the probability at the nodes of
all panels, sums panels from the top, and integrates the panel that E_min cuts anew. Where only high
energies matter, few nodes suffice, and ``weights`` turns the probabilities there into moments by
one product of matrices, whose interpolation needs more of them for each radian.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.oscillation import fastest, fastest_resolved
from cevnsjax.core.types import Arrays, Moments, Numbers
from cevnsjax.flux.panels import Panels, density
from cevnsjax.numerics import legendre

Arrival = Callable[[Numbers], Numbers]
"""Probability to arrive as a function of E_nu [MeV] [1]."""

# Nodes in a panel over which no phase grows by more radians than that.
_FEW_NODES, _SMALL_PHASE = 9, 6.0
_MANY_NODES, _MOST_PHASE = 23, 36.0
# Points that interpolate a probability on panels whose ends have ratio 2.
_POINTS, _POINTS_PER_RADIAN = 14, 1 / 1.4
# Nodes that integrate products of the interpolating polynomials with a spectrum, beyond theirs.
_FURTHER_NODES = 16


# --- summed panels ---
class PanelNodes(NamedTuple):
    """Nodes of some panels that have equally many.

    Attributes:
        panel: Which panels, [panel].
        E_nu: Nodes, [panel, node] [MeV].
        weights: What each adds to the moments k = 0, 1, 2, [k, panel, node] [MeV^-k].
    """

    panel: Int[np.ndarray, " panel"]
    E_nu: Float[np.ndarray, "panel node"]
    weights: Float[np.ndarray, "k panel node"]


@dataclass(frozen=True, eq=False)
class PhaseNodes:
    """Nodes for a spectrum times a probability that oscillates.

    Attributes:
        panels: The spectrum on panels over which no phase grows by too much.
        groups: Nodes of panels with small phases, and of the others.
    """

    panels: Panels
    groups: tuple[PanelNodes, ...]


def phase_nodes(panels: Panels, baseline_m: float) -> PhaseNodes:
    """Nodes for a spectrum on panels at a baseline.

    Args:
        panels: Panels as narrow as the spectrum alone needs.
        baseline_m: Distance from source to detector [m].
    """
    narrow = _cut(panels, baseline_m)
    edges = np.asarray(narrow[0])
    phase = fastest_resolved(edges[1:], baseline_m, np) * (1 / edges[:-1] - 1 / edges[1:])
    is_slow = phase <= _SMALL_PHASE
    groups = []
    for members, nodes in ((is_slow, _FEW_NODES), (~is_slow, _MANY_NODES)):
        panel = np.flatnonzero(members)
        x, w = map(np.asarray, _inverse_nodes(edges[panel], edges[panel + 1], nodes))
        part = w / x**2 * density(narrow, panel[:, None], 1 / x)
        groups.append(PanelNodes(panel, 1 / x, np.stack([part, part * x, part * x**2])))
    return PhaseNodes(narrow, tuple(groups))


def moments_above(nodes: PhaseNodes, E_min: Numbers, xp: ModuleType, survival: Arrival) -> Moments:
    """Integrals of density times probability times E^-k above E_min, k = 0, 1, 2.

    Args:
        nodes: Nodes of the spectrum.
        E_min: Lower bounds, of any shape [MeV].
        xp: numpy or jax.numpy.
        survival: The probability.

    Returns:
        I_0, I_1, I_2, each shaped like ``E_min`` [MeV^-k].
    """
    lowest = xp.asarray(E_min)

    def cast(array: Arrays) -> Arrays:
        return xp.asarray(array, dtype=lowest.dtype)

    edges, cubics = map(cast, nodes.panels)
    low = xp.clip(xp.reshape(lowest, -1), edges[0], edges[-1])
    # Comparisons compile faster than a search, and a product with them faster than running sums.
    index = xp.sum(edges[None, 1:-1] <= low[:, None], axis=1)
    x, w = _inverse_nodes(low, edges[1:][index], _MANY_NODES, xp)
    part = w / x**2 * density((edges, cubics), index[:, None], 1 / x) * survival(1 / x)
    total = xp.sum(xp.stack([part, part * x, part * x**2]), axis=2)
    for group in nodes.groups:
        arrives = xp.asarray(survival(cast(group.E_nu)))
        sums = xp.sum(cast(group.weights) * arrives[None], axis=2)
        is_above = xp.asarray(group.panel)[:, None] > index[None, :]
        total = total + sums @ is_above.astype(lowest.dtype)
    I_0, I_1, I_2 = (xp.reshape(moment, lowest.shape) for moment in total)
    return I_0, I_1, I_2


def _cut(panels: Panels, baseline_m: float) -> Panels:
    """Panels cut evenly in 1/E where the phase grows by too much."""
    edges, cubics = map(np.asarray, panels)
    low, high = edges[:-1], edges[1:]
    phase = fastest_resolved(high, baseline_m, np) * (1 / low - 1 / high)
    pieces = np.maximum(1, np.ceil(phase / _MOST_PHASE)).astype(int)
    whole = np.repeat(np.arange(len(pieces)), pieces)
    part = np.concatenate([np.arange(n) / n for n in pieces])
    starts = 1 / (1 / low[whole] + part * (1 / high - 1 / low)[whole])
    # A whole panel keeps its edge, whatever rounding says.
    starts = np.where(part == 0, low[whole], starts)
    c3, c2, c1, c0 = cubics[:, whole]
    d = starts - low[whole]
    moved = np.stack(
        [c3, c2 + 3 * c3 * d, c1 + (2 * c2 + 3 * c3 * d) * d, ((c3 * d + c2) * d + c1) * d + c0]
    )
    return np.append(starts, edges[-1]), moved


def _inverse_nodes(
    low: Arrays, high: Arrays, order: int, xp: ModuleType = np
) -> tuple[Arrays, Arrays]:
    """Nodes in 1/E between ends of panels [MeV], and weights, [panel, node] [1/MeV]."""
    t, w = (xp.asarray(a, dtype=low.dtype)[None] for a in legendre(order))
    middle, half = ((1 / low + sign / high)[:, None] / 2 for sign in (1, -1))
    return middle + half * t, half * w


# --- one matrix ---
def energies(E_low: float, E_high: float, baseline_m: float) -> Float[np.ndarray, " energy"]:
    """Energies at which a survival probability is evaluated, [energy] [MeV].

    Args:
        E_low: Lowest energy needed [MeV].
        E_high: Highest energy [MeV].
        baseline_m: Distance from source to detector [m].
    """
    panels = _matrix_panels(E_low, E_high, baseline_m)
    ends = [(np.array([a]), np.array([b]), n) for a, b, n in panels]
    return np.concatenate([1 / np.asarray(_inverse_nodes(*end)[0])[0] for end in ends])


def weights(
    density: Callable[[np.ndarray], Numbers],
    E_min: Float[np.ndarray, " node"],
    E_low: float,
    E_high: float,
    baseline_m: float,
) -> Moments:
    """Weights of the probabilities at ``energies`` in the moments k = 0, 1, 2.

    Args:
        density: Unit-normalised spectrum of E_nu [MeV] [1/MeV].
        E_min: Least energies of the moments, [node] [MeV].
        E_low: As for ``energies``, at most the least of ``E_min`` [MeV].
        E_high: As for ``energies`` [MeV].
        baseline_m: As for ``energies`` [m].

    Returns:
        Three arrays [node, energy] [MeV^-k].
    """
    parts: list[list[np.ndarray]] = [[], [], []]
    for a, b, n in _matrix_panels(E_low, E_high, baseline_m):
        low = np.clip(E_min, a, b)
        x, w = map(np.asarray, _inverse_nodes(low, np.full_like(low, b), n + _FURTHER_NODES))
        scale, basis = w / x**2 * np.asarray(density(1 / x)), _interpolation(x, a, b, n)
        for k, moment in enumerate(parts):
            moment.append(np.einsum("ij,ijk->ik", scale * x**k, basis))
    I_0, I_1, I_2 = (np.concatenate(moment, axis=1) for moment in parts)
    return I_0, I_1, I_2


def _matrix_panels(
    E_low: float, E_high: float, baseline_m: float
) -> list[tuple[float, float, int]]:
    """Lower end, upper end [MeV] and number of points of every panel."""
    count = max(1, int(np.ceil(np.log2(E_high / E_low) - 1e-9)))
    panels = []
    for a, b in pairwise(np.geomspace(E_low, E_high, count + 1).tolist()):
        phase = fastest(baseline_m) * (1 / a - 1 / b)
        panels.append((a, b, _POINTS + int(np.ceil(phase * _POINTS_PER_RADIAN))))
    return panels


def _interpolation(x: np.ndarray, a: float, b: float, points: int) -> np.ndarray:
    """Lagrange basis on the nodes of a panel, [..., point] [1], through Legendre polynomials."""
    t, w = legendre(points)
    z = (2 * x - 1 / a - 1 / b) / (1 / a - 1 / b)
    values_at_points = np.polynomial.legendre.legvander(t, points - 1)
    transform = (values_at_points * w[:, None]).T * (np.arange(points) + 0.5)[:, None]
    return np.polynomial.legendre.legvander(z, points - 1) @ transform
