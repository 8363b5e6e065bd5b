"""How the signal of an experiment fills the cells of its likelihood: a linear map, and its adjoint.

A morph that moves the response adds variants of the signal; one that moves the other axes adds to
how a bin's events fall on them. Both follow ``likelihood.components.bend``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.likelihood.components import bend
from cevnsjax.numerics import total

Cells = Float[Any, "... source cell"]
"""Counts, or weights, of the signal in the cells."""
Variants = Float[Any, "... source variant bin"]
"""A signal, or what multiplies one."""


@dataclass(frozen=True)
class SignalCells:
    """The map from a signal to counts in cells at values of the morphs.

    Attributes:
        spread: How a bin's events fall on the other axes, [source, bin, other] [1].
        moved: The same with the morphs of the other axes, for the nominal variant, [..., source,
            bin, other] [1].
        factors: What multiplies the variants, [..., variant] [1].
        by_morph: Derivatives of ``factors`` and ``moved``, whichever a morph moves, by its name.
    """

    spread: Float[Any, "source bin other"]
    moved: Float[Any, "... source bin other"]
    factors: Float[Any, "... variant"]
    by_morph: dict[str, tuple[Any | None, Any | None]]

    @property
    def for_names(self) -> "SignalCells":
        """The same for signals with an axis of names after those of points."""
        return replace(
            self,
            moved=self.moved if self.moved.ndim == 3 else self.moved[:, None],
            factors=self.factors if self.factors.ndim == 1 else self.factors[:, None],
        )

    def cells(self, signal: Variants) -> Cells:
        """Counts in cells of a signal."""
        nominal = signal[..., 0, :, None] * self.moved
        if signal.shape[-2] > 1:
            others = self.factors[..., None, None, 1:] @ signal[..., 1:, :]
            nominal = nominal + others[..., 0, :, None] * self.spread
        return _joined(nominal)

    def signal(self, weights: Cells) -> Variants:
        """What multiplies the signal in the sum of weights times cells."""
        shared = self._by_bin(weights)
        nominal = (shared * self.moved).sum(-1)[..., None, :]
        if self.factors.shape[-1] == 1:
            return nominal
        base = (shared * self.spread).sum(-1)[..., None, :]
        others = self.factors[..., None, 1:, None] * base
        return np.concatenate([nominal, others], axis=-2)

    def nominal(self, signal: Variants) -> Cells:
        """Counts in cells of a signal without morphs."""
        out = signal[..., 0, :, None] * self.spread
        return _joined(out)

    def nominal_signal(self, weights: Cells) -> Float[Any, "... source bin"]:
        """What multiplies the first variant in the sum of weights times those."""
        return (self._by_bin(weights) * self.spread).sum(-1)

    def signal_by(self, morph: str, weights: Cells) -> Variants:
        """The derivative of ``signal`` by a morph."""
        factors, moved = self.by_morph[morph]
        shared = self._by_bin(weights)
        if moved is not None:
            nominal = (shared * moved).sum(-1)[..., None, :]
            rest = np.zeros((*nominal.shape[:-2], self.factors.shape[-1] - 1, nominal.shape[-1]))
            return np.concatenate([nominal, rest], axis=-2)
        assert factors is not None
        base = (shared * self.spread).sum(-1)[..., None, :]
        return factors[..., None, :, None] * base

    def _by_bin(self, weights: Cells) -> Float[Any, "... source bin other"]:
        return weights.reshape(*weights.shape[:-1], *self.spread.shape[-2:])


def signal_cells(
    e: ExperimentArrays, morphs: Mapping[str, Any], sources: int, bins: int
) -> SignalCells:
    """The map of an experiment at values of its morphs, [point] each [1].

    The arrays of the experiment are NumPy's; the signal has so many sources and bins.
    """
    none = np.ones((sources, bins, 1))
    spread = none if e.spread is None else np.asarray(e.spread)
    points = np.broadcast_shapes(*(x.shape for x in morphs.values()))
    factors = np.zeros((*points, 1 + 2 * len(e.R_moved)))
    factors[..., 0] = 1.0
    by_morph: dict[str, tuple[Any | None, Any | None]] = {}
    for k, name in enumerate(e.R_moved):
        u, slope, _ = bend(morphs[name])
        factors[..., 1 + 2 * k], factors[..., 2 + 2 * k] = morphs[name], u
        changes = np.zeros_like(factors)
        changes[..., 1 + 2 * k], changes[..., 2 + 2 * k] = 1.0, slope
        by_morph[name] = changes, None
    moved = [spread]
    for k, name in enumerate(e.spread_moved):
        assert e.spread_morphs is not None
        linear, curved = e.spread_morphs[2 * k], e.spread_morphs[2 * k + 1]
        x, (u, slope, _) = morphs[name], bend(morphs[name])
        moved.append(_times(x, linear) + _times(u, curved))
        by_morph[name] = None, linear + _times(slope, curved)
    return SignalCells(spread, total(moved), factors, by_morph)


def _joined(counts: Float[Any, "... source bin other"]) -> Cells:
    """Counts by source and cell."""
    return counts.reshape(*counts.shape[:-2], counts.shape[-2] * counts.shape[-1])


def _times(x: Any, array: Any) -> Any:
    return x[..., None, None, None] * array
