"""Resolution: probability to reconstruct an observable in a bin, with efficiency inside.

Each model has a method ``bin_weights``: R[bin, node] = integral over the bin of efficiency(x)
dF(x | x_true), F the cumulative distribution of the reconstructed observable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays
from cevnsjax.detector.cumulative import BinIntegrals, bin_integrals, cell_integrals, sums_by_bin
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.detector.sub_cells import accepted_at
from cevnsjax.detector.weights import (
    RefinableResolution,
    Resolution,
    ResolutionWithWidth,
    Weights,
    plain_weights,
    signs,
    table_for_traces,
)
from cevnsjax.numerics import special_functions

__all__ = [
    "GammaSmearing",
    "GaussianSmearing",
    "PoissonSmearing",
    "RefinableResolution",
    "Resolution",
    "ResolutionWithWidth",
]


@dataclass(frozen=True)
class GaussianSmearing:
    """Gaussian density with standard deviation c sqrt(x_true).

    Attributes:
        c: Resolution constant [observable^1/2]; 0.58 with E_ee in keV for CENNS-10.
        pieces: Parts into which sub-cells of a varying efficiency are cut.
    """

    c: float
    pieces: int = 1
    traced_points: ClassVar[int] = 500

    def __post_init__(self) -> None:
        if not self.c > 0:
            raise InputError(f"Gaussian smearing constant must be > 0, got {self.c}")

    def width(self, x_true: Arrays, E_ee: Arrays) -> Arrays:  # noqa: ARG002
        """Standard deviation at true observables, [node] [observable]."""
        return self.c * x_true**0.5

    def scale(self, x: Float[np.ndarray, " wall"]) -> Float[np.ndarray, " wall"]:
        """Standard deviation about an observable; below 0 that of recoils spread as far."""
        return np.minimum(self.c * np.sqrt(np.abs(x)), np.where(x < 0, -x / 3, np.inf))

    def refined(self) -> "GaussianSmearing":
        """The model with every sub-cell cut in two."""
        return replace(self, pieces=2 * self.pieces)

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,  # noqa: ARG002
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1]."""
        sums = self.sums(edges, efficiency)
        if isinstance(x_true, np.ndarray):
            return self._plain(sums, x_true)
        if table := table_for_traces(self, edges, efficiency):
            return table(xp.log(x_true), xp).T
        x, sign = xp.asarray(sums.x, dtype=x_true.dtype), signs(sums, x_true, xp)
        pull = (x[:, None] - x_true[None, :]) / (self.c * xp.sqrt(x_true))[None, :]
        return sums.of(sign * special_functions(xp).ndtr(sign * pull))

    def weights_at(
        self, x_true: Float[np.ndarray, " node"], edges: Sequence[float], efficiency: Efficiency
    ) -> Float[np.ndarray, "bin node"]:
        """Probability times efficiency at plain true observables, [bin, node] [1]."""
        return np.asarray(self._plain(self.sums(edges, efficiency), x_true))

    def sums(self, edges: Sequence[float], efficiency: Efficiency) -> BinIntegrals:
        """Sums over values of the cumulative distribution for bins [observable]."""
        return bin_integrals(edges, efficiency, self)

    def _plain(self, sums: BinIntegrals, x_true: Float[np.ndarray, " node"]) -> Weights:
        width = self.c * np.sqrt(x_true)

        def cumulative(
            x: Float[np.ndarray, " point"],
            nodes: Int[np.ndarray, " node"],
            sign: Float[np.ndarray, "point node"],
        ) -> Float[np.ndarray, "point node"]:
            pull = (x[:, None] - x_true[nodes]) / width[nodes]
            return sign * special_functions(np).ndtr(sign * pull)

        return plain_weights(sums, x_true, width, cumulative)


@dataclass(frozen=True)
class GammaSmearing:
    """Gamma density in the observable with mean x_true and shape a + b E_ee.

    CsI 2021 (Akimov et al., PRL 129, 081801): a = 1, b = 9.56/keV.

    Attributes:
        a: Shape constant [1].
        b_per_keV: Growth of the shape with energy [1/keVee].
        cells: None integrates the efficiency over the cumulative distribution; a width takes the
            efficiency at the centre of cells that wide instead, as the COHERENT release does
            [observable].
        per_keV: Light yield of the detector, which fills it in; None takes it from the arguments
            of ``bin_weights`` [1/keVee].
        pieces: Parts into which sub-cells of a varying efficiency are cut.
    """

    a: float = 1.0
    b_per_keV: float = 9.56
    cells: float | None = None
    per_keV: float | None = None
    pieces: int = 1
    traced_points: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if self.cells is not None and not self.cells > 0:
            raise InputError(f"gamma smearing: cells must be > 0, got {self.cells}")

    def width(self, x_true: Arrays, E_ee: Arrays) -> Arrays:
        """Standard deviation at true observables and energies [MeV], [node] [observable]."""
        return x_true / (self.a + self.b_per_keV * 1e3 * E_ee) ** 0.5

    def scale(self, x: Float[np.ndarray, " wall"]) -> Float[np.ndarray, " wall"]:
        """Standard deviation about an observable; nothing lies below 0."""
        keV = np.abs(x) / self.per_keV if self.per_keV else np.abs(x)
        return np.where(x < 0, np.inf, np.abs(x) / np.sqrt(self.a + self.b_per_keV * keV))

    def at_light_yield(self, per_keV: float) -> "GammaSmearing":
        """The model for a detector with a light yield [1/keVee]."""
        return replace(self, per_keV=per_keV)

    def refined(self) -> "GammaSmearing":
        """The model with every sub-cell cut in two."""
        return replace(self, pieces=2 * self.pieces)

    def bin_weights(
        self,
        x_true: Arrays,
        E_ee: Arrays,
        edges: Sequence[float],
        efficiency: Efficiency,
        xp: ModuleType,
    ) -> Weights:
        """Probability times efficiency, [bin, node] [1]."""
        model = self._at_light_yield_of(x_true, E_ee)
        sums = model.sums(edges, efficiency)
        shape = self.a + self.b_per_keV * 1e3 * E_ee
        if isinstance(x_true, np.ndarray) and isinstance(shape, np.ndarray):
            return self._plain(sums, x_true, shape)
        # The second derivatives of jax's incomplete gamma function do not exist.
        if model.per_keV is not None and (table := table_for_traces(model, edges, efficiency)):
            return table(xp.log(x_true), xp).T
        x = xp.asarray(np.maximum(sums.x, 0.0), dtype=x_true.dtype)
        scaled = x[:, None] * (shape / x_true)[None, :]
        repeated = xp.broadcast_to(shape[None, :], scaled.shape)
        return sums.of(special_functions(xp).gammainc(repeated, scaled))

    def weights_at(
        self, x_true: Float[np.ndarray, " node"], edges: Sequence[float], efficiency: Efficiency
    ) -> Float[np.ndarray, "bin node"]:
        """Probability times efficiency at plain true observables, [bin, node] [1]."""
        assert self.per_keV is not None
        E_ee = x_true / (1e3 * self.per_keV)
        return np.asarray(self.bin_weights(x_true, E_ee, edges, efficiency, np))

    def _plain(
        self,
        sums: BinIntegrals,
        x_true: Float[np.ndarray, " node"],
        shape: Float[np.ndarray, " node"],
    ) -> Weights:
        special, rate = special_functions(np), shape / x_true

        def cumulative(
            x: Float[np.ndarray, " point"],
            nodes: Int[np.ndarray, " node"],
            sign: Float[np.ndarray, "point node"],
        ) -> Float[np.ndarray, "point node"]:
            scaled = np.maximum(x, 0.0)[:, None] * rate[nodes]
            repeated = np.broadcast_to(shape[nodes], scaled.shape)
            value, below = np.empty_like(scaled), sign > 0
            value[below] = special.gammainc(repeated[below], scaled[below])
            value[~below] = -special.gammaincc(repeated[~below], scaled[~below])
            return value

        return plain_weights(sums, x_true, x_true / np.sqrt(shape), cumulative)

    def _at_light_yield_of(self, x_true: Arrays, E_ee: Arrays) -> "GammaSmearing":
        if self.per_keV is not None or not isinstance(x_true, np.ndarray) or not x_true.size:
            return self
        return self.at_light_yield(float(x_true[0] / (1e3 * np.asarray(E_ee)[0])))

    def sums(self, edges: Sequence[float], efficiency: Efficiency) -> BinIntegrals:
        """Sums over values of the cumulative distribution for bins [observable]."""
        if self.cells is None:
            return bin_integrals(edges, efficiency, self)
        if any(abs((e - edges[0]) / self.cells % 1 - 0.5) < 0.499 for e in edges):
            raise InputError(f"cells of {self.cells} do not fill the bins {list(edges)} evenly")
        return cell_integrals(edges, efficiency, self.cells)


@dataclass(frozen=True)
class PoissonSmearing:
    """Integer photoelectrons, Poisson about x_true; count n lies in the 1-PE bin [n, n + 1).

    Efficiency is taken at the centre n + 1/2, as COHERENT's 2017 release prescribes.
    """

    def width(self, x_true: Arrays, E_ee: Arrays) -> Arrays:  # noqa: ARG002
        """Standard deviation at true observables, [node] [observable]."""
        return x_true**0.5

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
        accepted = xp.asarray(accepted_at(efficiency, n + 0.5), dtype=x_true.dtype)
        log_factorial = xp.asarray(special_functions(np).gammaln(n + 1), dtype=x_true.dtype)
        log_power = xp.asarray(n, dtype=x_true.dtype)[:, None] * xp.log(x_true)[None, :]
        terms = accepted[:, None] * xp.exp(log_power - x_true[None, :] - log_factorial[:, None])
        return sums_by_bin(terms, np.digitize(n, edges) - 1, len(edges) - 1)
