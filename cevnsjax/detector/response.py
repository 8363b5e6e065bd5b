"""The response matrix: recoil-energy nodes and what each contributes to each bin.

The same code serves NumPy, when an experiment is built in float64, and traced arrays, when shape
parameters move the nodes; derivatives with respect to quenching are exact.
"""

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays, Numbers, Reals, Values
from cevnsjax.detector.efficiency import Efficiency
from cevnsjax.detector.quenching import Quenching
from cevnsjax.detector.resolution import Resolution
from cevnsjax.numerics import panel_nodes

_NEWTON_STEPS = 8
# Smallest numbers of panels across the whole range; each panel has ``Detector.order`` nodes.
_UNSMEARED_PANELS = 30
_SMEARED_PANELS = 8


Response = tuple[
    Float[np.ndarray, " node"] | Float[Array, " node"],
    Float[np.ndarray, "bin node"] | Float[Array, "bin node"],
]
"""Recoil energies [node] [MeV] and what each contributes to each bin, [bin, node] [MeV]."""


@dataclass(frozen=True)
class Detector:
    """How recoils are seen; hashable, so that it can be a static part of a compiled program.

    Attributes:
        quenching: E_ee of a recoil.
        per_keV: Observable per keV of electron-equivalent energy (a light yield) [1/keVee].
        efficiency: Efficiency at the reconstructed observable.
        resolution: None counts every recoil at its true observable.
        edges: Bin edges of the observable.
        nodes: Gauss-Legendre nodes in each panel; None takes 5, or 10 with a resolution.
    """

    quenching: Quenching
    per_keV: float
    efficiency: Efficiency
    resolution: Resolution | None
    edges: tuple[float, ...]
    nodes: int | None = None

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or any(b <= a for a, b in pairwise(self.edges)):
            raise InputError(f"bin edges must increase, got {list(self.edges)}")
        if self.nodes is not None and self.nodes < 1:
            raise InputError(f"nodes must be at least 1, got {self.nodes}")

    @property
    def order(self) -> int:
        """Nodes in each panel."""
        return self.nodes or (10 if self.resolution else 5)

    def observable(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """True observable of a recoil, shaped like ``T_nr`` [observable]."""
        return self.per_keV * 1e3 * self.quenching.E_ee(T_nr, shape, xp)

    def require_monotonic(self, T_top: float) -> None:
        """Reject a detector whose observable does not grow with recoil energy up to T_top [MeV]."""
        T = np.linspace(0, T_top, 2001)[1:]
        slope = self.quenching.slope(T, {}, np)
        if np.any(slope <= 0):
            worst = T[np.argmax(slope <= 0)] * 1e3
            raise InputError(
                f"quenching is not monotonic: E_ee stops growing at T_nr = {worst:.3g} keV, below "
                f"the end point {T_top * 1e3:.3g} keV; bins in the observable are then ambiguous"
            )


def response(detector: Detector, kinks: np.ndarray, shape: Values, xp: ModuleType = np) -> Response:
    """Nodes in recoil energy and the matrix that turns dR/dT_nr there into counts.

    Args:
        detector: How recoils are seen.
        kinks: End-point recoils of every line and nucleus, increasing [MeV].
        shape: Shape parameters by short name; empty for the nominal response.
        xp: numpy, or jax.numpy inside a trace.

    Returns:
        T_nr [node] [MeV] and R [bin, node] [MeV].
    """
    if detector.resolution is not None:
        return _smeared(detector, kinks, shape, xp)
    return _unsmeared(detector, kinks, shape, xp)


def _smeared(detector: Detector, kinks: np.ndarray, shape: Values, xp: ModuleType) -> Response:
    # Nodes in sqrt(T): rates and form factors are entire in it down to T = 0.
    assert detector.resolution is not None
    ends = np.sqrt(np.concatenate([[0.0], np.asarray(kinks)]))
    breaks = _divided(ends, ends[-1] / _SMEARED_PANELS)
    root, weight = panel_nodes(breaks, detector.order)
    T = xp.asarray(root**2, dtype=_dtype(shape))
    E_ee = xp.asarray(detector.quenching.E_ee(T, shape, xp))
    R = detector.resolution.bin_weights(
        detector.per_keV * 1e3 * E_ee, E_ee, detector.edges, detector.efficiency, xp
    )
    return T, R * xp.asarray(2 * root * weight, dtype=T.dtype)[None, :]


def _unsmeared(detector: Detector, kinks: np.ndarray, shape: Values, xp: ModuleType) -> Response:
    T_top = float(kinks[-1])
    T_edges = _recoil_at(detector, detector.edges, T_top, shape, xp)
    inner = [x for x in detector.efficiency.kinks if detector.edges[0] < x < detector.edges[-1]]
    T_steps = _recoil_at(detector, tuple(inner), T_top, shape, xp)
    inside = xp.clip(xp.asarray(kinks, dtype=T_edges.dtype), T_edges[0], T_edges[-1])
    wide = _inside_wide_bins(detector, T_edges, T_top, xp)
    breaks = xp.sort(xp.concatenate([T_edges, T_steps, inside, *wide]))
    if xp is np:
        breaks = np.unique(breaks)
    T, weight = panel_nodes(breaks, detector.order, xp)
    middle = xp.repeat((breaks[1:] + breaks[:-1]) / 2, detector.order)
    member = (middle[None, :] >= T_edges[:-1, None]) & (middle[None, :] < T_edges[1:, None])
    accepted = weight * detector.efficiency(detector.observable(T, shape, xp), xp)
    return T, xp.where(member, accepted[None, :], 0.0)


def _divided(breaks: np.ndarray, widest: float) -> np.ndarray:
    """Breaks with every panel wider than ``widest`` cut into equal pieces."""
    pieces = [
        np.linspace(a, b, max(1, int(np.ceil((b - a) / widest - 1e-9))) + 1)[:-1]
        for a, b in pairwise(breaks)
    ]
    return np.concatenate([*pieces, breaks[-1:]])


def _inside_wide_bins(
    detector: Detector, T_edges: Arrays, T_top: float, xp: ModuleType
) -> list[Arrays]:
    """Cuts that keep panels narrow in wide bins; the nominal edges decide their number."""
    nominal = _recoil_at(detector, detector.edges, T_top, {}, np)
    cuts = []
    for i, width in enumerate(np.diff(nominal)):
        pieces = int(np.ceil(width * _UNSMEARED_PANELS / T_top - 1e-9))
        if pieces > 1:
            fractions = xp.asarray(np.arange(1, pieces) / pieces, dtype=T_edges.dtype)
            cuts.append(T_edges[i] + (T_edges[i + 1] - T_edges[i]) * fractions)
    return cuts


def _dtype(shape: Values) -> np.dtype:
    """Type of the shape parameters in a trace; float64 when an experiment is built."""
    return next((v.dtype for v in shape.values()), np.dtype(float))


def _recoil_at(
    detector: Detector, x: tuple[float, ...], T_top: float, shape: Values, xp: ModuleType
) -> Arrays:
    """Recoil energies at observables x, at most T_top [MeV].

    NumPy solves the nominal curve by bisection; Newton steps inside the trace then converge
    quadratically, so that derivatives with respect to the shape parameters are exact.
    """
    target = np.asarray(x, dtype=float)
    low, high = np.zeros_like(target), np.full_like(target, T_top)
    for _ in range(60):
        middle = (low + high) / 2
        below = detector.observable(middle, {}, np) < target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    T = xp.asarray((low + high) / 2, dtype=_dtype(shape))
    if not shape:
        return T
    return _shifted_recoil(detector, xp.asarray(target, dtype=T.dtype), T, T_top, shape)


def _shifted_recoil(
    detector: Detector, target: Reals, start: Reals, T_top: float, shape: Values
) -> Reals:
    """Newton's solution for traced shape parameters, differentiable twice [MeV].

    The search is a compiled loop without derivatives. Two steps after it carry the derivatives;
    each step squares the error, so that they are exact to second order.
    """
    import jax
    import jax.numpy as jnp

    def step(T: Reals, shape: Values) -> Reals:
        excess = detector.observable(T, shape, jnp) - target
        growth = detector.per_keV * 1e3 * detector.quenching.slope(T, shape, jnp)
        return jnp.clip(T - excess / growth, 0.0, T_top)

    still = jax.lax.stop_gradient(shape)
    T = jax.lax.fori_loop(0, _NEWTON_STEPS, lambda _, T: step(T, still), start)
    return step(step(jax.lax.stop_gradient(T), shape), shape)
