"""What lognormal pulls ask of a search: chi2 is not convex in them and may have several minima.

A component with the strength y and a lognormal pull b has f = y exp(w b) times its expected counts.
chi2 of the cells is convex in all f. The penalty (ln(f)/w)^2 of a component without normal pulls is
so up to f = e; a further minimum is one where a component has grown beyond. With normal pulls too,
the component may vanish through either, and f is the same along curved valleys in (y, b).
"""

from types import ModuleType
from typing import Any

import numpy as np

from cevnsjax.core.namespaces import numpy_of, times
from cevnsjax.core.types import Arrays, Flags, Numbers
from cevnsjax.likelihood.components import Component
from cevnsjax.likelihood.coordinates import Coordinates

# Least curvature of a step, in units of the diagonal of a bound on it, and parts of it to try.
_LEAST_CURVATURE, _LENGTHS = 1e-3, (1.0, 0.3, 0.1, 0.01, 1e-4)


def valleys(coordinates: Coordinates) -> list[Arrays]:
    """Derivatives of ln(f/y) by the coordinates for the strengths y among them [1].

    Each is [coordinate, coordinate]. The first is 0, for steps that are straight. If pulls are wide
    one is for the first component with each strength, one for the second, as long as there are any.
    """
    layout, size = coordinates.strengths.layout, coordinates.low.size
    out: list[Arrays] = [np.zeros((size, size), coordinates.problem.centre.dtype)]
    if not coordinates.is_curved:
        return out
    by_strength = [
        [
            c
            for c, row in zip(coordinates.components, layout.strengths, strict=True)
            if c.log_pulls and np.array_equal(row, np.eye(len(layout.chosen))[i])
        ]
        for i in range(len(layout.chosen))
    ]
    for n in range(max(map(len, by_strength), default=0)):
        rows = [_exponents(cs[n], coordinates) if n < len(cs) else None for cs in by_strength]
        rows += [None] * (size - len(rows))
        filled = [np.zeros(size, out[0].dtype) if row is None else row for row in rows]
        out.append(numpy_of(*filled).stack(filled))
    return out


def _exponents(component: Component, coordinates: Coordinates) -> Arrays:
    """Derivatives of the exponent of a component by the coordinates, [coordinate] [1]."""
    places = [coordinates.place(k) for k in component.log_pulls]
    is_placed = np.array(places)[:, None] == np.arange(coordinates.low.size)
    assert component.log_widths is not None
    return component.log_widths @ is_placed.astype(component.log_widths.dtype)


def along_valleys(
    growth: Arrays, z: Arrays, gradient: Arrays, *hessians: Arrays
) -> tuple[Arrays, list[Arrays]]:
    """Derivatives at z by coordinates whose pulls leave f as it is.

    Args:
        growth: The exponents, [coordinate, coordinate] [1].
        z: Coordinates, [..., coordinate] [1].
        gradient: By the coordinates, [..., coordinate] [1].
        *hessians: [..., coordinate, coordinate] [1].
    """
    jacobian = np.eye(z.shape[-1], dtype=z.dtype) - z[..., None] * growth
    turned = jacobian.swapaxes(-1, -2)
    mixed = gradient[..., None] * growth
    curving = (growth.T * (gradient * z)[..., None, :]) @ growth
    curving = curving - mixed - mixed.swapaxes(-1, -2)
    return times(gradient, jacobian), [turned @ h @ jacobian + curving for h in hessians]


def descents(
    hessian: Arrays, gradient: Arrays, bound: Arrays, free: Flags
) -> tuple[list[Arrays], Arrays]:
    """Steps that lead down, each [..., coordinate], and what they may gain at most, [...].

    They are parts of Newton's step with the absolute value of every principal curvature; ``bound``
    gives the units of the coordinates.
    """
    xp = numpy_of(hessian, gradient, bound)
    diagonal = xp.diagonal(bound, axis1=-2, axis2=-1)
    usable = free & (diagonal > 0)
    scale = xp.where(usable, 1 / xp.sqrt(xp.where(usable, diagonal, 1.0)), 0.0)
    scaled = hessian * scale[..., :, None] * scale[..., None, :]
    finite = xp.isfinite(scaled).all((-2, -1))[..., None, None]
    curvature, axes = xp.linalg.eigh(xp.where(finite, scaled, np.eye(scale.shape[-1])))
    along = times(gradient * scale, axes)
    step = along / xp.maximum(abs(curvature), _LEAST_CURVATURE)
    down = scale * times(step, axes.swapaxes(-1, -2))
    return [length * down for length in _LENGTHS], 0.5 * (along * step).sum(-1)


def is_lowest(coordinates: Coordinates, z: Arrays, chi2: Arrays) -> Flags:
    """Whether no minimum is lower than the one at coordinates z, [...], as far as is known."""
    known = chi2 > -np.inf
    for k in coordinates.growing:
        with_k = [c for c in coordinates.components if k in c.log_pulls]
        if any(c.pulls or len(c.log_pulls) > 1 for c in with_k):
            return chi2 == -np.inf
        precision = coordinates.problem.inverse_variance[k]
        shift = z[..., coordinates.place(k)] - coordinates.problem.centre[..., k]
        xp = numpy_of(z, chi2, precision)
        known = known & is_only_minimum(width_of(with_k[0], k), precision, shift, chi2, xp)
    return known


def is_only_minimum(
    width: Numbers, precision: Numbers, shift: Numbers, chi2: Numbers, xp: ModuleType
) -> Any:
    """Whether no minimum is lower than one where a lognormal pull is shifted from its centre.

    The pull alone multiplies its components. chi2 of the cells is convex in f and lies above its
    tangent, which that of the penalty P balances at a minimum: elsewhere chi2 has grown by P less
    its own tangent at least. This is positive up to P = chi2, beyond which nothing is lower, if it
    is so there and the minimum lies where P is convex.

    Args:
        width: What multiplies the pull in the exponent [1].
        precision: 1/sd^2 of its constraint [1].
        shift: The pull less its centre [1].
        chi2: At the minimum [1].
        xp: numpy or jax.numpy.
    """
    is_free = precision <= 0
    reach = xp.sqrt(chi2 / xp.where(is_free, 1.0, precision))
    tangent = precision * shift * (shift + 2 / width * xp.expm1(width * (reach - shift)))
    return is_free | ((chi2 >= tangent) & (shift * width <= 1))


def width_of(component: Component, k: int) -> Numbers:
    """What multiplies a lognormal pull of a component in the exponent [1]."""
    assert component.log_widths is not None
    return component.log_widths[component.log_pulls.index(k)]
