"""Polynomials found by calls of a function: exact coefficients from its values on a small lattice.

Counts are polynomials in couplings, charges and sin^2 theta_W. The physics is not written down a
second time for that: degrees are measured on each axis, coefficients are interpolated, and the
result is checked at random points of the box it will be used in, or refused. A variable in which
the function is not a polynomial, a mass or a radius, may number the rows: each row has its own
coefficients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Float, Int

Grids = Mapping[str, Float[np.ndarray, " _point"]]
"""Values of each axis of a grid, in its unit."""
Points = Mapping[str, Float[np.ndarray, "point row"]]
"""Values of each variable."""
Function = Callable[[dict[str, np.ndarray]], np.ndarray]
"""Points {axis: [point, row]} -> values [point, row, output]."""
Box = Mapping[str, tuple[float, float]]
"""Range in which a polynomial will be used, by axis."""

_MAX_DEGREE = 4
_NODES = (0.0, 1.0, -1.0, 0.5, -0.5)
_PROBES = np.array([0.0, 1.0, -1.0, 0.7, -0.7, 0.35, -0.35])
_DEGREE_TOLERANCE, _CHECK_TOLERANCE = 1e-11, 1e-10
# A step over which the function changes by its own size, up to these factors, sets the scale.
_MIN_CHANGE, _MAX_CHANGE = 0.3, 10.0
_OFF_CENTRE = 0.6
_SCALE_STEPS, _CHECKS, _SEED = 24, 12, 20201


@dataclass(frozen=True, eq=False)
class Polynomial:
    """sum_k coefficients[k] prod_axis ((x - centre)/scale)^exponents[k, axis], for each row.

    Attributes:
        axes: Names of the variables.
        exponents: Whole numbers, [monomial, axis].
        coefficients: [monomial, row, output], in the function's unit.
        centre: Point about which it is expanded, [axis].
        scale: Size over which the function changes, [axis, row].
    """

    axes: tuple[str, ...]
    exponents: Int[np.ndarray, "monomial axis"]
    coefficients: Float[np.ndarray, "monomial row output"]
    centre: Float[np.ndarray, " axis"]
    scale: Float[np.ndarray, "axis row"]

    def __call__(self, points: Points) -> Float[np.ndarray, "point row output"]:
        """Values at points {axis: [point, row]}."""
        x = np.stack([points[name] for name in self.axes])
        z = (x - self.centre[:, None, None]) / self.scale[:, None]
        monomials = np.prod(z[None] ** self.exponents[:, :, None, None], axis=1)
        return np.einsum("mpr,mro->pro", monomials, self.coefficients)


def find_polynomial(
    function: Function,
    box: Box,
    centre: Mapping[str, float],
    scale: Mapping[str, float],
    rows: int = 1,
) -> Polynomial | None:
    """A function as a polynomial about ``centre``, of degree up to four; None if it is not one.

    The polynomial will be used in ``box``; the function must take points outside it too. ``scale``
    is a first guess of the size over which the function changes.
    """
    axes = tuple(box)
    middle = np.array([centre[a] for a in axes])
    size = np.stack([np.full(rows, scale[a]) for a in axes])
    # Twice: a variable may act only where others do not vanish.
    for away in (0.0, _OFF_CENTRE):
        size = np.stack([_scale(function, axes, k, middle, size, away) for k in range(len(axes))])

    def at(z: np.ndarray) -> np.ndarray:
        return function({a: middle[k] + z[:, k, None] * size[k] for k, a in enumerate(axes)})

    degrees = [d for k in range(len(axes)) if (d := _degree(at, len(axes), k)) is not None]
    if len(degrees) < len(axes):
        return None
    for exponents in (_simplex(degrees), _tensor(degrees)):
        z = np.array([[_NODES[n] for n in row] for row in exponents]).reshape(-1, len(axes))
        lattice = np.prod(z[:, None, :] ** exponents[None, :, :], axis=2)
        values = at(z)
        solved = np.linalg.solve(lattice, values.reshape(len(z), -1)).reshape(values.shape)
        polynomial = Polynomial(axes, exponents, solved, middle, size)
        if _agrees(function, polynomial, box, rows):
            return _pruned(polynomial)
    return None


def _scale(
    function: Function,
    axes: tuple[str, ...],
    k: int,
    middle: Float[np.ndarray, " axis"],
    guess: Float[np.ndarray, "axis row"],
    away: float,
) -> Float[np.ndarray, " row"]:
    """A step on one axis that changes the values of each row by about their size, [row]."""
    size, settled = guess[k], np.zeros(guess.shape[1], dtype=bool)
    for _ in range(_SCALE_STEPS):
        base_points = middle[:, None] + away * guess
        base_points[k] = middle[k]
        points = {a: np.stack([base_points[i]] * 2) for i, a in enumerate(axes)}
        points[axes[k]][1] += size
        base, moved = function(points)
        largest = np.maximum(np.max(np.abs(base), axis=1), 1e-300)
        ratio = np.max(np.abs(moved - base), axis=1) / largest
        large = ~(ratio <= _MAX_CHANGE)
        constant = (ratio == 0) & (size > 1e6 * guess[k])
        # The function does not depend on this variable here.
        size = np.where(constant & ~settled, guess[k], size)
        settled |= ((ratio >= _MIN_CHANGE) & ~large) | constant
        if np.all(settled):
            break
        step = np.where(large, 1 / 3.0, np.where(ratio < _MIN_CHANGE / 100, 10.0, 3.0))
        size = np.where(settled, size, size * step)
    return size


def _degree(at: Callable[[np.ndarray], np.ndarray], axes: int, k: int) -> int | None:
    """Smallest degree on one axis that fits seven probes in all rows, None above the highest."""
    z = np.full((_PROBES.size, axes), _OFF_CENTRE)
    z[:, k] = _PROBES
    values = at(z)
    if not np.all(np.isfinite(values)):
        return None
    largest = np.max(np.abs(values), axis=(0, 2), keepdims=True)
    flat = values.reshape(_PROBES.size, -1)
    for degree in range(_MAX_DEGREE + 1):
        powers = _PROBES[:, None] ** np.arange(degree + 1)
        coefficients, *_ = np.linalg.lstsq(powers, flat, rcond=None)
        difference = np.abs(powers @ coefficients - flat).reshape(values.shape)
        if np.all(difference <= _DEGREE_TOLERANCE * largest):
            return degree
    return None


def _simplex(degrees: list[int]) -> Int[np.ndarray, "monomial axis"]:
    """Exponents with sum_i a_i/d_i <= 1: those in the square of a sum."""
    exponents = _tensor(degrees)
    return exponents[np.sum(exponents / np.maximum(degrees, 1), axis=1) <= 1 + 1e-9]


def _tensor(degrees: list[int]) -> Int[np.ndarray, "monomial axis"]:
    return np.array(list(product(*(range(d + 1) for d in degrees))))


def _agrees(function: Function, polynomial: Polynomial, box: Box, rows: int) -> bool:
    """Whether both give the same values at random points of the box."""
    rng = np.random.default_rng(_SEED)
    points = {a: rng.uniform(*box[a], (_CHECKS, rows)) for a in polynomial.axes}
    values = function(points)
    if not np.all(np.isfinite(values)):
        return False
    largest = np.max(np.abs(values), axis=2, keepdims=True)
    return bool(np.all(np.abs(values - polynomial(points)) <= _CHECK_TOLERANCE * largest))


def _pruned(polynomial: Polynomial) -> Polynomial:
    """The polynomial without monomials that contribute nowhere."""
    size = np.abs(polynomial.coefficients)
    largest = np.maximum(np.max(size, axis=(0, 2), keepdims=True), 1e-300)
    used = np.max(size / largest, axis=(1, 2)) > 1e-13
    used[0] = True
    exponents, coefficients = polynomial.exponents[used], polynomial.coefficients[used]
    return replace(polynomial, exponents=exponents, coefficients=coefficients)
