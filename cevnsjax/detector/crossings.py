"""Recoil energies at which the observable takes a value.

A quenching curve may turn around. On each stretch between its turning points it has one inverse; a
value that a stretch does not reach is met at the end of the stretch that comes nearest.
"""

from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Arrays, Numbers, Reals, Values
from cevnsjax.detector.quenching import Quenching, dtype_of

_BISECTIONS, _NEWTON_STEPS = 60, 8
# Where turning points are looked for: evenly, by ratio, and in every interval of a table.
_POINTS, _POINTS_PER_INTERVAL = 2001, 16
_LOWEST = 1e-9


@runtime_checkable
class Curve(Protocol):
    """The observable as a function of recoil energy; a ``Detector`` is one."""

    @property
    def quenching(self) -> Quenching:
        """E_ee of a recoil."""
        ...

    @property
    def per_keV(self) -> float:
        """Observable per keV of electron-equivalent energy."""
        ...

    def observable(self, T_nr: Numbers, shape: Values, xp: ModuleType) -> Numbers:
        """True observable of a recoil, shaped like ``T_nr`` [observable]."""
        ...


def turning_points(quenching: Quenching, T_top: float, shape: Values) -> Float[np.ndarray, " turn"]:
    """0, the recoil energies at which E_ee turns around, and T_top [MeV].

    Args:
        quenching: The curve.
        T_top: Highest recoil energy [MeV].
        shape: Plain shape parameters by short name.
    """

    def growing(T: np.ndarray) -> np.ndarray:
        return np.asarray(quenching.slope(T, shape, np)) >= 0

    T = sample_points(quenching, T_top)
    rises = growing(T)
    turns = np.flatnonzero(rises[1:] != rises[:-1])
    low, high, before = T[turns], T[turns + 1], rises[turns]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        same = growing(middle) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.concatenate([[0.0], (low + high) / 2, [T_top]])


def sample_points(quenching: Quenching, T_top: float) -> Float[np.ndarray, " point"]:
    """Recoil energies above 0 that are dense enough to see a curve and its table [MeV]."""
    knots = np.asarray(getattr(quenching, "T_nr", ()), dtype=float)
    knots = np.concatenate([[0.0], knots[(knots > 0) & (knots < T_top)], [T_top]])
    fractions = (np.arange(_POINTS_PER_INTERVAL) + 0.5) / _POINTS_PER_INTERVAL
    inside = (knots[:-1, None] + np.diff(knots)[:, None] * fractions).reshape(-1)
    even = np.linspace(0, T_top, _POINTS)[1:]
    return np.unique([*np.geomspace(_LOWEST * T_top, T_top, _POINTS // 4), *even, *inside])


def crossings(
    curve: Curve,
    levels: Float[np.ndarray, " level"],
    piece: tuple[float, float],
    shape: Values,
    xp: ModuleType,
    *,
    single: bool = True,
) -> Arrays:
    """Recoil energies at which the observable meets each level on one piece, [level] [MeV].

    NumPy solves by bisection. In a trace Newton steps from the nominal solution converge
    quadratically (or bisections, where the curve turns), so that derivatives with respect to the
    shape parameters are exact.

    Args:
        curve: Quenching and light yield.
        levels: Values of the observable.
        piece: Ends of a stretch on which the observable only grows or only falls [MeV].
        shape: Shape parameters by short name.
        xp: numpy, or jax.numpy inside a trace.
        single: Whether the curve has no other piece.
    """
    if xp is np:
        return _bisected(curve, levels, piece, shape)
    start = _bisected(curve, levels, piece, {})
    dtype = dtype_of(shape)
    T, target = xp.asarray(start, dtype=dtype), xp.asarray(levels, dtype=dtype)
    return _traced(curve, target, T, piece, shape, single=single) if shape else T


def _bisected(
    curve: Curve, levels: Float[np.ndarray, " level"], piece: tuple[float, float], shape: Values
) -> Float[np.ndarray, " level"]:
    bottom, top = piece
    x_bottom, x_top = np.asarray(curve.observable(np.array(piece), shape, np))
    sign = 1 if x_top >= x_bottom else -1
    low, high = np.full_like(levels, bottom), np.full_like(levels, top)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        before = sign * np.asarray(curve.observable(middle, shape, np)) < sign * levels
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    # Exactly an end where the level lies beyond the piece: panels there are empty.
    return np.where(low == bottom, bottom, np.where(high == top, top, (low + high) / 2))


def _traced(
    curve: Curve,
    target: Reals,
    start: Reals,
    piece: tuple[float, float],
    shape: Values,
    *,
    single: bool,
) -> Reals:
    """The solution for traced shape parameters, differentiable twice [MeV].

    The search is a compiled loop without derivatives. Two steps after it carry the derivatives;
    each step squares the error, so that they are exact to second order.
    """
    import jax
    import jax.numpy as jnp

    def step(T: Reals, shape: Values) -> Reals:
        excess = curve.observable(T, shape, jnp) - target
        growth = curve.per_keV * 1e3 * curve.quenching.slope(T, shape, jnp)
        moved = T - excess / jnp.where(growth == 0, 1.0, growth)
        return jnp.clip(jnp.where(growth == 0, T, moved), *piece)

    still = jax.lax.stop_gradient(shape)
    if single:
        T = jax.lax.fori_loop(0, _NEWTON_STEPS, lambda _, T: step(T, still), start)
        return step(step(jax.lax.stop_gradient(T), shape), shape)
    ends = jnp.asarray(curve.observable(jnp.asarray(piece, dtype=start.dtype), still, jnp))
    sign = jnp.where(ends[1] >= ends[0], 1.0, -1.0).astype(start.dtype)

    def halve(_: Any, bracket: tuple[Reals, Reals]) -> tuple[Reals, Reals]:
        low, high = bracket
        middle = (low + high) / 2
        before = sign * curve.observable(middle, still, jnp) < sign * target
        return jnp.where(before, middle, low), jnp.where(before, high, middle)

    bracket = jnp.full_like(start, piece[0]), jnp.full_like(start, piece[1])
    low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, bracket)
    T = jax.lax.stop_gradient((low + high) / 2)
    inside = (sign * ends[0] < sign * target) & (sign * target < sign * ends[1])
    end = jnp.where(sign * target <= sign * ends[0], piece[0], piece[1])
    return jnp.where(inside, step(step(T, shape), shape), end)
