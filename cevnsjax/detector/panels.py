"""Panels of recoil energy: where they break, and Gauss-Legendre nodes on them.

Panels are made once, when an experiment is built, and stay as many as they are: shape parameters
move those that break at bin edges, and their ends are traced with them.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.types import Arrays, Values
from cevnsjax.detector.crossings import Curve, crossings
from cevnsjax.numerics import legendre, panel_nodes

Ends = Float[np.ndarray, " panel"] | Float[Array, " panel"]
"""Lower or upper ends of panels [MeV]."""
Owners = Int[np.ndarray, " panel"] | Int[Array, " panel"]
"""Which bin a panel belongs to; the number of bins where it belongs to none."""

MAX_NODES = 40_000
"""Most nodes by which panels are refined."""


class Nodes(NamedTuple):
    """Recoil energies and quadrature weights, both [panel * order] [MeV]."""

    T_nr: Arrays
    weight: Arrays


class Layout(NamedTuple):
    """Where panels lie for given shape parameters.

    Attributes:
        low: Lower ends, [panel] [MeV].
        high: Upper ends, [panel] [MeV].
        owners: Which bin a panel belongs to, [panel]; None where a resolution decides.
    """

    low: Ends
    high: Ends
    owners: Owners | None


@dataclass(frozen=True)
class SmearedPanels:
    """Panels between fixed recoil energies, for detectors with a resolution.

    Nodes lie in sqrt(T): rates and form factors are entire in it down to T = 0.

    Attributes:
        order: Nodes in each panel.
        table: Square roots of the ends of panels, increasing from 0, as bytes [MeV^1/2].
    """

    order: int
    table: bytes

    @cached_property
    def roots(self) -> Float[np.ndarray, " break"]:
        """Square roots of the ends of panels [MeV^1/2]."""
        return np.frombuffer(self.table)

    def layout(self, curve: Curve, kinks: np.ndarray, shape: Values, xp: ModuleType) -> Layout:  # noqa: ARG002
        """Where the panels lie: nothing moves them."""
        ends = self.roots**2
        return Layout(ends[:-1], ends[1:], None)

    def nodes(self, low: Ends, high: Ends, xp: ModuleType = np) -> Nodes:  # noqa: ARG002
        """Nodes on panels."""
        root, weight = _gauss(np.sqrt(low), np.sqrt(high), self.order, np)
        return Nodes(root**2, 2 * root * weight)

    def all_nodes(self) -> Nodes:
        """Nodes on all panels."""
        root, weight = panel_nodes(self.roots, self.order)
        return Nodes(root**2, 2 * root * weight)

    def cut(self, curve: Curve, shape: Values, T_nr: np.ndarray) -> "SmearedPanels":  # noqa: ARG002
        """The panels with further breaks at recoil energies [MeV]."""
        inside = np.sqrt(T_nr[(T_nr > 0) & (T_nr < self.roots[-1] ** 2)])
        return replace(self, table=np.union1d(self.roots, inside).tobytes())


@dataclass(frozen=True)
class RecoilPanels:
    """Panels that break where the observable meets bin edges and steps, without resolution.

    Attributes:
        order: Nodes in each panel.
        turns: 0, turning points of the observable, and the highest recoil energy [MeV]. The
            observable grows from 0 to the first.
        levels: Values at which panels break, increasing, the bin edges among them [observable].
        edges: Which of the levels are bin edges.
        cuts: Further breaks on each piece between turns: k + f is the fraction f of the way from
            the k-th break at a level to the next, in the order of recoil energies.
    """

    order: int
    turns: tuple[float, ...]
    levels: tuple[float, ...]
    edges: tuple[int, ...]
    cuts: tuple[tuple[float, ...], ...]

    def layout(self, curve: Curve, kinks: np.ndarray, shape: Values, xp: ModuleType) -> Layout:
        """Where the panels lie, the empty ones left out where nothing is traced."""
        pieces = range(len(self.turns) - 1)
        parts = [self._piece(curve, kinks, n, shape, xp) for n in pieces]
        return Layout(*(xp.concatenate(several) for several in zip(*parts, strict=True)))

    def anchors(self, curve: Curve, piece: int, shape: Values, xp: ModuleType = np) -> Arrays:
        """Where one piece meets the levels, in the order of recoil energies [MeV]."""
        ends = self.turns[piece], self.turns[piece + 1]
        single = len(self.turns) == 2
        T = crossings(curve, np.array(self.levels), ends, shape, xp, single=single)
        return T if _grows(piece) else T[::-1]

    def _piece(
        self, curve: Curve, kinks: np.ndarray, piece: int, shape: Values, xp: ModuleType
    ) -> tuple[Ends, Ends, Owners]:
        anchors = self.anchors(curve, piece, shape, xp)
        inside = xp.clip(xp.asarray(kinks, dtype=anchors.dtype), anchors[0], anchors[-1])
        positions = np.array(self.cuts[piece], dtype=float)
        index = positions.astype(int)
        fraction = xp.asarray(positions - index, dtype=anchors.dtype)
        cuts = anchors[index] + (anchors[index + 1] - anchors[index]) * fraction
        points = xp.concatenate([anchors, inside, cuts])
        order = xp.argsort(points)
        breaks, bins = points[order], len(self.edges) - 1
        is_edge = np.zeros(points.size, dtype=np.int32)
        is_edge[list(self.edges)] = 1
        if not _grows(piece):
            is_edge[: len(self.levels)] = is_edge[: len(self.levels)][::-1]
        passed = xp.cumsum(xp.asarray(is_edge)[order], dtype=np.int32)[:-1]
        owners = passed - 1 if _grows(piece) else bins - passed
        owners = xp.where((passed > 0) & (passed <= bins), owners, bins)
        if xp is not np:
            return breaks[:-1], breaks[1:], owners
        filled = breaks[1:] > breaks[:-1]
        return breaks[:-1][filled], breaks[1:][filled], owners[filled]

    def nodes(self, low: Ends, high: Ends, xp: ModuleType = np) -> Nodes:
        """Nodes on panels: in T, and in sqrt(T) where a panel begins at 0."""
        T, weight = _gauss(low, high, self.order, xp)
        fraction, w = _gauss(xp.zeros_like(low), xp.ones_like(high), self.order, xp)
        first, top = xp.repeat(low == 0, self.order), xp.repeat(high, self.order)
        return Nodes(
            xp.where(first, top * fraction**2, T),
            xp.where(first, 2 * top * fraction * w, weight),
        )

    def cut(self, curve: Curve, shape: Values, T_nr: np.ndarray) -> "RecoilPanels":
        """The panels with further breaks at recoil energies [MeV]."""
        cuts = []
        for piece, old in enumerate(self.cuts):
            anchors = np.asarray(self.anchors(curve, piece, shape))
            T = T_nr[(T_nr > anchors[0]) & (T_nr < anchors[-1])]
            index = np.searchsorted(anchors, T, side="right") - 1
            fraction = (T - anchors[index]) / (anchors[index + 1] - anchors[index])
            added = (index + fraction)[(fraction > 0) & (fraction < 1)]
            cuts.append(tuple(np.union1d(np.array(old, dtype=float), added).tolist()))
        return replace(self, cuts=tuple(cuts))


Panels = SmearedPanels | RecoilPanels
"""Panels of a detector with a resolution, or without one."""


def _grows(piece: int) -> bool:
    """Whether the observable grows on a piece: it does on the first, and turns after each."""
    return piece % 2 == 0


def _gauss(low: Arrays, high: Arrays, order: int, xp: ModuleType) -> tuple[Arrays, Arrays]:
    """Gauss-Legendre nodes and weights on panels, both [panel * order]."""
    x, w = (a.astype(low.dtype) for a in legendre(order))
    middle, half = (high + low) / 2, (high - low) / 2
    nodes = middle[:, None] + half[:, None] * x[None, :]
    return xp.reshape(nodes, -1), xp.reshape(half[:, None] * w[None, :], -1)
