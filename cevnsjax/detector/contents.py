"""Contents of panels of recoil energy, and panels halved until every cell is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.detector.detector import Variant
from cevnsjax.detector.panels import MAX_NODES, Panels, RecoilPanels, SmearedPanels
from cevnsjax.detector.response import MAX_WEIGHTS, bin_weights

Rates = Callable[[Float[np.ndarray, " node"]], Float[np.ndarray, "source node"]]
"""Recoil spectrum of each source at recoil energies [MeV], in any unit."""
Ends = Float[np.ndarray, " panel"]
"""Lower or upper ends of panels [MeV]."""
Contents = Any
"""Content of each panel, [panel, part], by source and bin; by source where a panel lies in one bin.

It is an array of NumPy, or with many cells, of which each panel fills few, a sparse one of scipy.
"""

_MAX_ENTRIES, _MAX_ROUNDS = 30_000_000, 60
_MANY_CELLS = 3000
# Panels are compared with their halves and with this many nodes more: where a rate is not smooth,
# one of the two may agree by chance.
_MORE_NODES = 3
# Points of a table this close to an end of a panel, in parts of it, do not halve it.
_MARGIN = 1e-3
# Estimates stay below the accuracy by this factor: they can be too small by as much.
_SAFETY = 4.0


@dataclass(frozen=True)
class PanelContents:
    """What panels hold in the cells of one variant of a detector.

    Attributes:
        variant: The detector.
        kinks: End-point recoils, increasing [MeV].
        rates: Recoil spectrum of each source.
    """

    variant: Variant
    kinks: Float[np.ndarray, " kink"]
    rates: Rates

    @property
    def shape(self) -> Values:
        """Shape parameters of the variant."""
        return dict(self.variant.shape)

    def of(self, panels: Panels, low: Ends, high: Ends) -> Contents:
        """Contents of panels that lie between given ends."""
        detector = self.variant.detector
        if isinstance(panels, SmearedPanels):
            entries = (len(detector.edges) - 1) * low.size * panels.order
            parts = (np.array_split(ends, -(-entries // MAX_WEIGHTS)) for ends in (low, high))
            return _stacked([self._smeared(panels, *ends) for ends in zip(*parts, strict=True)])
        T, weight = map(np.asarray, panels.nodes(low, high))
        weighted = (self.rates(T) * weight).reshape(-1, low.size, panels.order)
        x = detector.observable(T, self.shape, np)
        accepted = np.broadcast_to(detector.efficiency(x, np), T.shape)
        return np.einsum("spk,pk->ps", weighted, accepted.reshape(low.size, -1))

    def _smeared(self, panels: SmearedPanels, low: Ends, high: Ends) -> Contents:
        T, weight = map(np.asarray, panels.nodes(low, high))
        weighted = (self.rates(T) * weight).reshape(-1, low.size, panels.order)
        W = np.asarray(bin_weights(self.variant.detector, T, self.shape))
        parts = np.einsum("spk,bpk->psb", weighted, W.reshape(-1, low.size, panels.order))
        parts = parts.reshape(low.size, -1)
        if parts.shape[1] <= _MANY_CELLS:
            return parts
        from scipy.sparse import csr_array

        return csr_array(parts)

    def middle(self, low: Ends, high: Ends) -> Ends:
        """Where panels are halved: the point of a quenching table next to their middle [MeV].

        Without one inside it is the middle in sqrt(T), the variable of nodes near 0.
        """
        middle = ((np.sqrt(low) + np.sqrt(high)) / 2) ** 2
        knots = np.asarray(getattr(self.variant.detector.quenching, "T_nr", ()), dtype=float)
        if not knots.size:
            return middle
        index = np.clip(np.searchsorted(knots, middle), 1, knots.size - 1)
        before, after = knots[index - 1], knots[index]
        nearest = np.where(middle - before < after - middle, before, after)
        margin = _MARGIN * (high - low)
        inside = (nearest > low + margin) & (nearest < high - margin)
        return np.where(inside, nearest, middle)

    def cells(
        self, panels: Panels, contents: Contents, low: Ends, high: Ends
    ) -> Float[np.ndarray, " cell"]:
        """Sum of the contents of panels in each cell."""
        if not isinstance(panels, RecoilPanels):
            return contents.sum(axis=0)
        edges = np.array(self.variant.detector.edges)
        x = np.asarray(self.variant.detector.observable((low + high) / 2, self.shape, np))
        bins = np.searchsorted(edges, x, side="right") - 1
        inside = (bins >= 0) & (bins < len(edges) - 1)
        total = np.zeros((len(edges) - 1, contents.shape[1]))
        np.add.at(total, bins[inside], contents[inside])
        return total.reshape(-1)


class _Halved(NamedTuple):
    """Panels, what they hold, also with more nodes, and what their halves hold."""

    low: Ends
    middle: Ends
    high: Ends
    whole: Contents
    richer: Contents
    first: Contents
    second: Contents

    @property
    def error(self) -> Contents:
        halves, nodes = abs(self.whole - self.first - self.second), abs(self.whole - self.richer)
        return (
            np.maximum(halves, nodes) if isinstance(halves, np.ndarray) else halves.maximum(nodes)
        )


def refined_panels(
    contents: PanelContents, panels: Panels, accuracy: float
) -> tuple[Panels, float]:
    """Panels whose cells are right to an accuracy, and the estimate of their error.

    Args:
        contents: What panels hold.
        panels: Those to start from; they stay if they are good enough.
        accuracy: Largest error of a cell in parts of the largest cell [1].

    Raises:
        InputError: If that takes too many nodes.
    """
    detector, accuracy = contents.variant.detector, accuracy / _SAFETY
    layout = panels.layout(detector, contents.kinks, contents.shape, np)
    low, high = np.asarray(layout.low), np.asarray(layout.high)
    if low.size == 0:
        if contents.variant.shape:
            return panels, 0.0
        raise InputError("no recoil falls into the bins; check edges and the unit of energies")
    halved = _halved(contents, panels, low, high, contents.of(panels, low, high))
    error, largest = _sums(contents, panels, halved)
    added: list[np.ndarray] = []
    for _ in range(_MAX_ROUNDS):
        if error <= accuracy * largest:
            cut = panels.cut(detector, contents.shape, np.concatenate(added)) if added else panels
            return cut, error / largest if largest > 0 else 0.0
        nodes = halved.low.size * panels.order
        if nodes > MAX_NODES + low.size * panels.order or halved.whole.size * 4 > _MAX_ENTRIES:
            break
        worst = halved.error.max(axis=1)
        worst = worst if isinstance(worst, np.ndarray) else worst.toarray()
        bad = worst > accuracy * largest / (2 * halved.low.size)
        added.append(halved.middle[bad])
        halved = _split(contents, panels, halved, bad)
        error, largest = _sums(contents, panels, halved)
    raise InputError(
        f"the response is right to {error / largest:.1e} of the largest cell with "
        f"{halved.low.size * panels.order} nodes, not to accuracy = {_SAFETY * accuracy:g} with a "
        "margin of 4; ask for less, or make efficiency, quenching and resolution less abrupt"
    )


def _halved(
    contents: PanelContents, panels: Panels, low: Ends, high: Ends, whole: Contents
) -> _Halved:
    richer = replace(panels, order=panels.order + _MORE_NODES)
    middle = contents.middle(low, high)
    halves = (contents.of(panels, a, b) for a, b in ((low, middle), (middle, high)))
    return _Halved(low, middle, high, whole, contents.of(richer, low, high), *halves)


def _sums(contents: PanelContents, panels: Panels, halved: _Halved) -> tuple[float, float]:
    """Largest error of a cell, and the largest cell."""
    ends = halved.low, halved.high
    error = contents.cells(panels, halved.error, *ends).max(initial=0.0)
    return float(error), float(contents.cells(panels, halved.whole, *ends).max(initial=0.0))


def _split(
    contents: PanelContents, panels: Panels, halved: _Halved, bad: Bool[np.ndarray, " panel"]
) -> _Halved:
    """The same with bad panels replaced by their halves, what they hold is known already."""
    middle = halved.middle[bad]
    low = np.concatenate([halved.low[bad], middle])
    high = np.concatenate([middle, halved.high[bad]])
    whole = _stacked([halved.first[bad], halved.second[bad]])
    new = _halved(contents, panels, low, high, whole)
    return _Halved(*(_stacked([old[~bad], added]) for old, added in zip(halved, new, strict=True)))


def _stacked(parts: Sequence[Contents]) -> Contents:
    """Rows below each other, of arrays of either kind."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts, format="csr")
