"""Resolution: probability to reconstruct an observable in a bin, with efficiency inside.

Each model has a method ``bin_weights``: R[bin, node] = integral over the bin of pdf(x | x_true)
times efficiency(x). Continuous densities are integrated on sub-bins at most ``step`` wide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.numerics import panel_nodes, special_functions

Weights = Float[np.ndarray, "bin node"] | Float[Array, "bin node"]
"""Probability times efficiency [1]."""


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


def _fine_nodes(
    edges: Sequence[float], kinks: Sequence[float], step: float, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature points of the observable and their weights; no panel crosses an edge or kink."""
    coarse = sorted({*edges, *(k for k in kinks if edges[0] < k < edges[-1])})
    breaks: list[float] = []
    for low, high in pairwise(coarse):
        pieces = max(1, int(np.ceil((high - low) / step - 1e-9)))
        breaks.extend(np.linspace(low, high, pieces + 1)[:-1])
    return panel_nodes(np.array([*breaks, coarse[-1]]), order)


def _members(x: np.ndarray, edges: Sequence[float]) -> Float[np.ndarray, "bin point"]:
    """1 where a point lies in a bin, else 0."""
    bins = np.asarray(edges, dtype=float)[:, None]
    return ((x >= bins[:-1]) & (x < bins[1:])).astype(float)


@dataclass(frozen=True)
class GammaSmearing:
    """Gamma density in the observable with mean x_true and shape a + b E_ee.

    CsI 2021 (Akimov et al., PRL 129, 081801): a = 1, b = 9.56/keV.

    Attributes:
        a: Shape constant [1].
        b_per_keV: Growth of the shape with energy [1/keVee].
        step: Widest sub-bin of the inner integral [observable].
        cells: None integrates density times efficiency; a width takes the efficiency at the
            centre of cells that wide instead, as the COHERENT release does [observable].
    """

    a: float = 1.0
    b_per_keV: float = 9.56
    step: float = 1.0
    cells: float | None = None

    def __post_init__(self) -> None:
        if self.cells is not None and not self.cells > 0:
            raise InputError(f"gamma smearing: cells must be > 0, got {self.cells}")

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1]."""
        shape = self.a + self.b_per_keV * 1e3 * E_ee
        rate = shape / x_true
        if self.cells is not None:
            return self._in_cells(shape, rate, edges, efficiency, xp)
        x, w = _fine_nodes(edges, efficiency.kinks, self.step, 6)
        accepted = xp.asarray(_members(x, edges) * (w * efficiency(x, np)), dtype=x_true.dtype)
        x = xp.asarray(x, dtype=x_true.dtype)
        log_pdf = (
            (shape * xp.log(rate) - special_functions(xp).gammaln(shape))[None, :]
            + (shape - 1)[None, :] * xp.log(x)[:, None]
            - rate[None, :] * x[:, None]
        )
        return accepted @ xp.exp(log_pdf)

    def _in_cells(
        self,
        shape: Arrays,
        rate: Arrays,
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probabilities of cells times efficiency at their centres, summed over bins."""
        assert self.cells is not None
        if any(abs((e - edges[0]) / self.cells % 1 - 0.5) < 0.499 for e in edges):
            raise InputError(f"cells of {self.cells} do not fill the bins {list(edges)} evenly")
        number = round((edges[-1] - edges[0]) / self.cells)
        walls = np.linspace(edges[0], edges[-1], number + 1)
        centres = (walls[1:] + walls[:-1]) / 2
        members = _members(centres, edges)
        accepted = xp.asarray(members * efficiency(centres, np), dtype=shape.dtype)
        scaled = xp.asarray(walls, dtype=shape.dtype)[:, None] * rate[None, :]
        repeated = xp.broadcast_to(shape[None, :], scaled.shape)
        below = special_functions(xp).gammainc(repeated, scaled)
        return accepted @ (below[1:] - below[:-1])


@dataclass(frozen=True)
class GaussianSmearing:
    """Gaussian density with standard deviation c sqrt(x_true).

    Attributes:
        c: Resolution constant [observable^1/2]; 0.58 with E_ee in keV for CENNS-10.
        step: Widest sub-bin of the inner integral [observable].
    """

    c: float
    step: float = 0.5

    def __post_init__(self) -> None:
        if not self.c > 0:
            raise InputError(f"Gaussian smearing constant must be > 0, got {self.c}")

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,  # noqa: ARG002
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1]."""
        x, w = _fine_nodes(edges, efficiency.kinks, self.step, 8)
        accepted = xp.asarray(_members(x, edges) * (w * efficiency(x, np)), dtype=x_true.dtype)
        x = xp.asarray(x, dtype=x_true.dtype)
        sigma = self.c * xp.sqrt(x_true)
        pull = (x[:, None] - x_true[None, :]) / sigma[None, :]
        pdf = xp.exp(-0.5 * pull**2) / (math.sqrt(2 * math.pi) * sigma)[None, :]
        return accepted @ pdf


@dataclass(frozen=True)
class PoissonSmearing:
    """Integer photoelectrons, Poisson about x_true; count n lies in the 1-PE bin [n, n + 1).

    Efficiency is taken at the centre n + 1/2, as COHERENT's 2017 release prescribes.
    """

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,  # noqa: ARG002
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1]."""
        if any(float(e) != int(e) for e in edges):
            raise InputError(f"Poisson smearing needs integer bin edges, got {list(edges)}")
        n = np.arange(int(edges[0]), int(edges[-1]), dtype=float)
        accepted = xp.asarray(_members(n, edges) * efficiency(n + 0.5, np), dtype=x_true.dtype)
        log_factorial = xp.asarray(special_functions(np).gammaln(n + 1), dtype=x_true.dtype)
        counts = xp.asarray(n, dtype=x_true.dtype)
        log_pmf = counts[:, None] * xp.log(x_true)[None, :] - x_true[None, :]
        return accepted @ xp.exp(log_pmf - log_factorial[:, None])
