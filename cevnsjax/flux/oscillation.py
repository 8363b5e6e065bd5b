"""Flux moments with a survival probability that oscillates.

In x = 1/E the phase of an oscillation is linear. Gauss-Legendre panels in x follow the fastest one
that a baseline is prepared for (``core.oscillation``), whatever the parameters are. Above E_min lie
whole panels, which are summed from the top, and part of one more, which has nodes of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.oscillation import fastest_resolved
from cevnsjax.core.types import Arrays, Moments, Numbers, Survival
from cevnsjax.flux.panels import Panels, density, place
from cevnsjax.numerics import legendre

Arrival = Callable[[Numbers], Numbers]
"""Probability to arrive as a function of E_nu [MeV] [1]."""
Indices = Int[np.ndarray, " energy"] | Int[Array, " energy"]
AtEnergies = Float[np.ndarray, "panel node"] | Float[Array, "panel node"]

# No phase grows by more radians over a panel; so many nodes leave 1e-13 of it.
_MOST_PHASE, _NODES = 6.0, 9


class EnergyNodes(NamedTuple):
    """Nodes in energy.

    Attributes:
        E_nu: Energies, [panel, node] [MeV].
        weight: What each adds to the moment I_0, [panel, node] [1].
    """

    E_nu: AtEnergies
    weight: AtEnergies

    def moments(self, survival: Arrival, xp: ModuleType) -> Arrays:
        """Moments k = 0, 1, 2 of every panel with a probability to arrive.

        Args:
            survival: The probability; one of many has them along its first axes.
            xp: numpy or jax.numpy.

        Returns:
            [k, ..., panel] [MeV^-k].
        """
        x = 1 / self.E_nu
        zeroth = self.weight * survival(self.E_nu)
        return xp.stack([xp.sum(part, axis=-1) for part in (zeroth, zeroth * x, zeroth * x**2)])


@dataclass(frozen=True, eq=False)
class PhasePanels:
    """A spectrum on panels over which no phase grows by much.

    Attributes:
        panels: The spectrum.
        nodes: Nodes of all panels.
    """

    panels: Panels
    nodes: EnergyNodes


class NodesAbove(NamedTuple):
    """Nodes of the moments of one source above many energies.

    Attributes:
        whole: Those of whole panels, in the order of energies.
        cut: Those of the part of a panel above each energy, [energy, node].
        panel: Which of the whole panels that is, -1 if all of them lie above, [energy].
    """

    whole: EnergyNodes
    cut: EnergyNodes
    panel: Indices

    def sums_above(self, survival: Arrival, xp: ModuleType) -> Arrays:
        """Moments of all whole panels from each one up, [k, ..., panel + 1] [MeV^-k]."""
        moments = self.whole.moments(survival, xp)
        ended = xp.pad(moments, [(0, 0)] * (moments.ndim - 1) + [(0, 1)])
        return xp.cumsum(ended[..., ::-1], axis=-1)[..., ::-1]

    def moments(self, survival: Arrival, xp: ModuleType, sums: Arrays | None = None) -> Arrays:
        """Moments k = 0, 1, 2 with a probability to arrive, as for ``EnergyNodes.moments``.

        Args:
            survival: The probability.
            xp: numpy or jax.numpy.
            sums: ``sums_above`` of the probability if they are known.

        Returns:
            [k, ..., energy] [MeV^-k].
        """
        above = self.sums_above(survival, xp) if sums is None else sums
        return above[..., self.panel + 1] + self.cut.moments(survival, xp)

    def trimmed(self) -> "NodesAbove":
        """The same without panels that no energy needs."""
        unused = int(np.min(self.panel)) + 1
        whole = EnergyNodes(*(x[unused:] for x in self.whole))
        return self._replace(whole=whole, panel=self.panel - unused)


def phase_panels(panels: Panels, baseline_m: float) -> PhasePanels:
    """Panels for a spectrum that oscillates over a baseline.

    Args:
        panels: Panels as narrow as the spectrum alone needs.
        baseline_m: Distance from source to detector [m].
    """
    narrow = _cut(panels, baseline_m)
    edges = np.asarray(narrow[0])
    return PhasePanels(narrow, _nodes(narrow, np.arange(len(edges) - 1), edges[:-1], np))


def nodes_above(spectrum: PhasePanels, E_min: Numbers, xp: ModuleType) -> NodesAbove:
    """Nodes of the moments of a spectrum above energies.

    Args:
        spectrum: The spectrum.
        E_min: The energies, of any shape; those of the nodes are flat [MeV].
        xp: numpy or jax.numpy.
    """
    lowest = xp.reshape(xp.asarray(E_min), -1)

    def cast(array: Arrays) -> Arrays:
        return xp.asarray(array, dtype=lowest.dtype)

    edges, cubics = map(cast, spectrum.panels)
    low = xp.clip(lowest, edges[0], edges[-1])
    panel = xp.asarray(place(edges, low, xp))
    whole = EnergyNodes(*map(cast, spectrum.nodes))
    return NodesAbove(whole, _nodes((edges, cubics), panel, low, xp), panel)


def line_above(energy: float, E_min: Numbers, xp: ModuleType) -> NodesAbove:
    """Nodes of the moments of a line [MeV] above energies, as for ``nodes_above``."""
    lowest = xp.reshape(xp.asarray(E_min), -1)
    whole = EnergyNodes(*(xp.full((1, 1), x, dtype=lowest.dtype) for x in (energy, 1.0)))
    nothing = xp.zeros((lowest.size, 0), dtype=lowest.dtype)
    return NodesAbove(whole, EnergyNodes(nothing, nothing), xp.where(lowest < energy, -1, 0))


def moments_of(
    nodes: Mapping[str, NodesAbove], E_min: Numbers, xp: ModuleType, survival: Survival
) -> dict[str, Moments]:
    """Integrals of density times probability times E^-k above E_min, k = 0, 1, 2, by source.

    Args:
        nodes: Nodes above E_min by source.
        E_min: Lower bounds, of any shape [MeV].
        xp: numpy or jax.numpy.
        survival: The probability.

    Returns:
        {source: (I_0, I_1, I_2)}, each shaped like ``E_min`` [MeV^-k].
    """
    out: dict[str, Moments] = {}
    for source, above in nodes.items():
        flat = above.moments(partial(survival, source), xp)
        I_0, I_1, I_2 = xp.reshape(flat, (3, *xp.shape(E_min)))
        out[source] = I_0, I_1, I_2
    return out


def _nodes(panels: Panels, panel: Indices, low: Arrays, xp: ModuleType) -> EnergyNodes:
    """Nodes from energies to the upper ends of their panels."""
    high = panels[0][1:][panel]
    t, w = (xp.asarray(a, dtype=low.dtype)[None] for a in legendre(_NODES))
    middle, half = ((1 / low + sign / high)[:, None] / 2 for sign in (1, -1))
    E_nu = 1 / (middle + half * t)
    return EnergyNodes(E_nu, half * w * E_nu**2 * density(panels, panel[:, None], E_nu))


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
