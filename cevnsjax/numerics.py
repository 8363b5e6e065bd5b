"""Numerical primitives: Bessel and hyperbolic ratios without singularities, panel quadrature."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial, reduce
from importlib import import_module
from operator import add
from types import ModuleType
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cevnsjax.core.types import Arrays, Numbers, RealLike, Reals

T = TypeVar("T")
_Kind = TypeVar("_Kind", np.ndarray, Array, Arrays)
"""Functions that serve both NumPy and jax return the kind of array they are given."""

SERIES_MAX = 100.0
"""Largest x^2 at which the power series are used: at x = 10 they lose four digits [1]."""
_SERIES_TERMS = 26


def even_series(coefficients: Sequence[float], y: Reals) -> Reals:
    """Horner evaluation of sum_k c_k y^k [1]."""
    value = jnp.full_like(y, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = value * y + c
    return value


def _double_factorial(n: int) -> int:
    return math.prod(range(n, 0, -2))


@lru_cache(maxsize=16)
def _spherical_coefficients(n: int) -> tuple[float, ...]:
    """Coefficients of (2n + 1)!! j_n(x)/x^n in powers of x^2."""
    top = _double_factorial(2 * n + 1)
    return tuple(
        (-0.5) ** k * top / (math.factorial(k) * _double_factorial(2 * n + 2 * k + 1))
        for k in range(_SERIES_TERMS)
    )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _spherical(n: int, y: Reals) -> Reals:
    """G_n(y) = (2n + 1)!! j_n(x)/x^n with y = x^2, as a power series [1]."""
    return even_series(_spherical_coefficients(n), y)


@_spherical.defjvp
def _spherical_jvp(n: int, primals: tuple[Reals], tangents: tuple[Reals]) -> tuple[Reals, Reals]:
    # dG_n/dy = -G_(n+1)/(2 (2n + 3)): cheaper than differentiating the Horner sum.
    (y,), (dy,) = primals, tangents
    return _spherical(n, y), _spherical(n + 1, y) * (-0.5 / (2 * n + 3)) * dy


def _near_or_far(n: int, x_squared: RealLike, near: bool, far: Callable[[Reals], Reals]) -> Reals:
    """G_n by its series, and by the closed form ``far(x)`` beyond ``SERIES_MAX``."""
    y = jnp.asarray(x_squared)
    if near:
        return _spherical(n, y)
    inside = y < SERIES_MAX
    series = _spherical(n, jnp.where(inside, y, 0.0))
    return jnp.where(inside, series, far(jnp.sqrt(jnp.where(inside, SERIES_MAX, y))))


def bessel_ratio(x_squared: RealLike, *, near: bool = False) -> Reals:
    """3 j1(x)/x as an entire function of x^2 [1].

    It is the even power series up to x = 10 (error below 1e-12 there, 1e-15 for x < 5) and the
    closed form beyond. Value and derivatives are finite at x^2 = 0 and at x^2 < 0, which occurs
    where Helm's R_0^2 is negative (rms radius below sqrt(3) s).

    Args:
        x_squared: Square of the argument, of either sign [1].
        near: Whether x^2 < ``SERIES_MAX`` everywhere, so that the closed form is not needed.

    Returns:
        The ratio, 1 at the origin [1].
    """
    return _near_or_far(1, x_squared, near, lambda x: 3 * (jnp.sin(x) - x * jnp.cos(x)) / x**3)


def sinc(x_squared: RealLike, *, near: bool = False) -> Reals:
    """sin(x)/x as an entire function of x^2 [1].

    Args:
        x_squared: Square of the argument, of either sign [1].
        near: Whether x^2 < ``SERIES_MAX`` everywhere, so that the closed form is not needed.

    Returns:
        The ratio, 1 at the origin [1].
    """
    return _near_or_far(0, x_squared, near, lambda x: jnp.sin(x) / x)


# Taylor coefficients of (y coth y - 1)/y^2 and y/sinh y in y^2; they converge for y < pi.
_COTH = (1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555, -1382 / 638512875, 4 / 18243225)
_CSCH = (1.0, -1 / 6, 7 / 360, -31 / 15120, 127 / 604800, -73 / 3421440, 1414477 / 653837184000)
_HYPERBOLIC_SERIES_MAX = 0.1


def coth_ratio(y_squared: RealLike) -> Reals:
    """(y coth y - 1)/y^2, smooth through y = 0 [1].

    Args:
        y_squared: Square of the argument, >= 0 [1].

    Returns:
        The ratio, 1/3 at the origin [1].
    """
    y2 = jnp.asarray(y_squared)
    near = y2 < _HYPERBOLIC_SERIES_MAX
    series = even_series(_COTH, jnp.where(near, y2, 0.0))
    y = jnp.sqrt(jnp.where(near, 1.0, y2))
    return jnp.where(near, series, (y / jnp.tanh(y) - 1) / y**2)


def csch_ratio(y_squared: RealLike) -> Reals:
    """y/sinh(y), smooth through y = 0 [1].

    Args:
        y_squared: Square of the argument, >= 0 [1].

    Returns:
        The ratio, 1 at the origin [1].
    """
    y2 = jnp.asarray(y_squared)
    near = y2 < _HYPERBOLIC_SERIES_MAX
    series = even_series(_CSCH, jnp.where(near, y2, 0.0))
    y = jnp.sqrt(jnp.where(near, 1.0, y2))
    return jnp.where(near, series, y / jnp.sinh(y))


@lru_cache(maxsize=64)
def legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [-1, 1], [order] each [1]."""
    return np.polynomial.legendre.leggauss(order)


def panel_nodes(breaks: _Kind, order: int, xp: ModuleType = np) -> tuple[_Kind, _Kind]:
    """Gauss-Legendre nodes and weights on the panels between successive breaks.

    Args:
        breaks: Sorted panel edges, [panel + 1]; an array of NumPy, or a traced one whose panels
            move with a parameter. Equal neighbours make an empty panel.
        order: Nodes in each panel.
        xp: numpy or jax.numpy.

    Returns:
        Nodes and weights, both [panel * order], in the unit of ``breaks``.
    """
    x, w = (a.astype(breaks.dtype) for a in legendre(order))
    mid = (breaks[1:] + breaks[:-1]) / 2
    half = (breaks[1:] - breaks[:-1]) / 2
    nodes = mid[:, None] + half[:, None] * x[None, :]
    weights = half[:, None] * w[None, :]
    return xp.reshape(nodes, -1), xp.reshape(weights, -1)


def total(terms: Sequence[T]) -> T:
    """Sum of one or more arrays, without the leading integer 0 of the built-in."""
    return reduce(add, terms)  # pyright: ignore[reportArgumentType]


def special_functions(xp: ModuleType) -> ModuleType:
    """``scipy.special`` for NumPy arrays, ``jax.scipy.special`` for traced ones."""
    return import_module("scipy.special" if xp is np else "jax.scipy.special")


def piecewise_cubic(
    knots: np.ndarray, coefficients: np.ndarray, x: Arrays | np.float64, xp: ModuleType = np
) -> tuple[Numbers, Numbers]:
    """Value and derivative of a piecewise cubic in scipy's layout.

    Args:
        knots: Break points, increasing, [knot].
        coefficients: ``scipy.interpolate.PPoly.c``, highest power first, [4, knot - 1].
        x: Points within the knots.
        xp: numpy or jax.numpy.

    Returns:
        Value and first derivative, both shaped like ``x``.
    """
    index = xp.clip(xp.searchsorted(knots[1:-1], x, side="right"), 0, len(knots) - 2)
    table = xp.asarray(coefficients, dtype=x.dtype)
    c3, c2, c1, c0 = (row[index] for row in table)
    d = x - xp.asarray(knots, dtype=x.dtype)[index]
    return ((c3 * d + c2) * d + c1) * d + c0, (3 * c3 * d + 2 * c2) * d + c1
