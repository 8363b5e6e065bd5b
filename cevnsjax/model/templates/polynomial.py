"""Polynomials found by asking: exact coefficients of a function from calls on a small lattice.

Counts are polynomials in couplings, charges and sin^2 theta_W. Nothing of that is written down
twice: degrees are measured on each axis, coefficients interpolated, and the result is checked at
random points of the box it will be used in, or refused. A variable in which the function is no
polynomial, a mass or a radius, may number the rows: each has its own coefficients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

Function = Callable[[dict[str, np.ndarray]], np.ndarray]
"""Points {axis: [point, row]} -> values [point, row, output]."""

_MAX_DEGREE = 4
_NODES = (0.0, 1.0, -1.0, 0.5, -0.5)
_PROBES = np.array([0.0, 1.0, -1.0, 0.7, -0.7, 0.35, -0.35])
_DEGREE_TOLERANCE, _CHECK_TOLERANCE = 1e-11, 1e-10
_LITTLE, _MUCH = 0.3, 10.0
_AWAY = 0.6
_SCALE_STEPS, _CHECKS, _SEED = 24, 12, 20201


@dataclass(frozen=True, eq=False)
class Polynomial:
    """sum_k coefficients[k] prod_axis ((x - centre)/scale)^exponents[k, axis], for each row.

    Attributes:
        axes: Names of the variables.
        exponents: Whole numbers, [monomial, axis].
        coefficients: [monomial, row, output], in the function's unit.
        centre: Where it is expanded, [axis].
        scale: Size over which the function changes, [axis, row].
    """

    axes: tuple[str, ...]
    exponents: np.ndarray
    coefficients: np.ndarray
    centre: np.ndarray
    scale: np.ndarray

    def reduced(self, name: str, x: np.ndarray, row: int | slice = slice(None)) -> np.ndarray:
        """Values [..., row] of one variable over its scale, counted from the centre."""
        k = self.axes.index(name)
        return (x - self.centre[k]) / self.scale[k, row]

    def __call__(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """Values at points {axis: [point, row]}, [point, row, output]."""
        z = np.stack([self.reduced(name, points[name]) for name in self.axes])
        monomials = np.prod(z[None] ** self.exponents[:, :, None, None], axis=1)
        return np.einsum("mpr,mro->pro", monomials, self.coefficients)


def find_polynomial(
    function: Function,
    box: Mapping[str, tuple[float, float]],
    centre: Mapping[str, float],
    scale: Mapping[str, float],
    rows: int = 1,
) -> Polynomial | None:
    """The polynomial a function is in its variables, of degree up to four in each.

    Args:
        function: What to ask; must take points outside the box too.
        box: Range in which the polynomial will be used, by axis.
        centre: Where to expand.
        scale: First guess of the size over which the function changes.
        rows: Number of rows.

    Returns:
        The polynomial, or None if the function is none or the check fails.
    """
    axes = tuple(box)
    middle = np.array([centre[a] for a in axes])
    size = np.stack([np.full(rows, scale[a]) for a in axes])
    # Twice: a variable may act only where others do not vanish.
    for away in (0.0, _AWAY):
        size = np.stack([_scale(function, axes, k, middle, size, away) for k in range(len(axes))])

    def at(z: np.ndarray) -> np.ndarray:
        return function({a: middle[k] + z[:, k, None] * size[k] for k, a in enumerate(axes)})

    degrees = [_degree(at, len(axes), k) for k in range(len(axes))]
    if any(d is None for d in degrees):
        return None
    found = [d for d in degrees if d is not None]
    for exponents in (_simplex(found), _tensor(found)):
        z = np.array([[_NODES[n] for n in row] for row in exponents]).reshape(-1, len(axes))
        lattice = np.prod(z[:, None, :] ** exponents[None, :, :], axis=2)
        values = at(z)
        solved = np.linalg.solve(lattice, values.reshape(len(z), -1)).reshape(values.shape)
        made = Polynomial(axes, exponents, solved, middle, size)
        if _agrees(function, made, box, rows):
            return _pruned(made)
    return None


def _scale(
    function: Function,
    axes: tuple[str, ...],
    k: int,
    middle: np.ndarray,
    guess: np.ndarray,
    away: float,
) -> np.ndarray:
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
        large = ~(ratio <= _MUCH)
        lost = (ratio == 0) & (size > 1e6 * guess[k])
        # Nothing moves at all: the function does not depend on this variable here.
        size = np.where(lost & ~settled, guess[k], size)
        settled |= ((ratio >= _LITTLE) & ~large) | lost
        if np.all(settled):
            break
        step = np.where(large, 1 / 3.0, np.where(ratio < _LITTLE / 100, 10.0, 3.0))
        size = np.where(settled, size, size * step)
    return size


def _degree(at: Callable[[np.ndarray], np.ndarray], axes: int, k: int) -> int | None:
    """Smallest degree on one axis that fits seven probes in all rows, None above the highest."""
    z = np.full((_PROBES.size, axes), _AWAY)
    z[:, k] = _PROBES
    values = at(z)
    if not np.all(np.isfinite(values)):
        return None
    largest = np.max(np.abs(values), axis=(0, 2), keepdims=True)
    flat = values.reshape(_PROBES.size, -1)
    for degree in range(_MAX_DEGREE + 1):
        powers = _PROBES[:, None] ** np.arange(degree + 1)
        coefficients, *_ = np.linalg.lstsq(powers, flat, rcond=None)
        off = np.abs(powers @ coefficients - flat).reshape(values.shape)
        if np.all(off <= _DEGREE_TOLERANCE * largest):
            return degree
    return None


def _simplex(degrees: list[int]) -> np.ndarray:
    """Exponents with sum_i a_i/d_i <= 1: what the square of a sum has."""
    inside = [
        e
        for e in _tensor(degrees)
        if sum(a / d for a, d in zip(e, degrees, strict=True) if d) <= 1 + 1e-9
    ]
    return np.array(inside)


def _tensor(degrees: list[int]) -> np.ndarray:
    return np.array(list(product(*(range(d + 1) for d in degrees))))


def _agrees(
    function: Function, made: Polynomial, box: Mapping[str, tuple[float, float]], rows: int
) -> bool:
    rng = np.random.default_rng(_SEED)
    points = {a: rng.uniform(*box[a], (_CHECKS, rows)) for a in made.axes}
    true, ours = function(points), made(points)
    if not np.all(np.isfinite(true)):
        return False
    largest = np.max(np.abs(true), axis=2, keepdims=True)
    return bool(np.all(np.abs(true - ours) <= _CHECK_TOLERANCE * largest))


def _pruned(made: Polynomial) -> Polynomial:
    """Without monomials that nowhere contribute."""
    size = np.abs(made.coefficients)
    largest = np.maximum(np.max(size, axis=(0, 2), keepdims=True), 1e-300)
    kept = np.max(size / largest, axis=(1, 2)) > 1e-13
    kept[0] = True
    return Polynomial(
        made.axes, made.exponents[kept], made.coefficients[kept], made.centre, made.scale
    )
