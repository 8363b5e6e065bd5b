"""Signals of a model as polynomials of a few parameters, for fits of many pseudo-experiments."""

from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Arrays, pytree, static
from cevnsjax.likelihood.shared.kept import Monomials
from cevnsjax.model import evaluate
from cevnsjax.model.model import Model
from cevnsjax.model.structure import ModelAtValues, Signal
from cevnsjax.model.templates.polynomial import Polynomial, find_polynomial
from cevnsjax.model.templates.template import signals_at
from cevnsjax.numerics import total

# The grid of calls that finds a polynomial of more variables costs more than it saves.
_MAX_VARIABLES = 4
# Where a bound is infinite the polynomial is checked up to so many scales from the default.
_CHECKED_SCALES = 30.0


@pytree
class PolynomialSignal:
    """sum_m coefficients[m] prod_k ((x_k - centre_k)/scale_k)^powers[m][k]; powers are static."""

    powers: tuple[tuple[int, ...], ...] = static()
    centre: Arrays
    scale: Arrays
    coefficients: Arrays


def find_signals(
    model: Model,
    names: tuple[str, ...],
    fixed: dict[str, float],
    box: Float[np.ndarray, "name 2"],
) -> Polynomial | None:
    """Signals of all experiments, flattened, as a polynomial; None if they are not one in it.

    ``box`` holds the bounds of the variables ``names``, ``fixed`` the values of other parameters.
    """
    if not 0 < len(names) <= _MAX_VARIABLES:
        return None
    table = model.parameters

    def signals(points: dict[str, np.ndarray]) -> np.ndarray:
        shape = next(iter(points.values())).shape
        flat = {n: x.reshape(-1) for n, x in points.items()}
        return signals_at(model.state, fixed, flat).reshape(*shape, -1)

    ends = {}
    for n, bounds in zip(names, box, strict=True):
        away = _CHECKED_SCALES * table[n].scale
        low, high = np.clip([table[n].default - away, table[n].default + away], *bounds)
        ends[n] = float(low), float(high)
    return find_polynomial(
        signals, ends, {n: table[n].default for n in names}, {n: table[n].scale for n in names}
    )


def traced_signals(polynomial: Polynomial | None) -> PolynomialSignal | None:
    """The polynomial of ``find_signals``, ready for a compiled program."""
    if polynomial is None:
        return None
    powers = tuple(tuple(int(e) for e in row) for row in polynomial.exponents)
    scale, coefficients = polynomial.scale[:, 0], polynomial.coefficients[:, 0]
    return PolynomialSignal(powers, polynomial.centre, scale, coefficients)


def signals_of(
    signals: PolynomialSignal | None, model: ModelAtValues, p: Float[Array, " name"]
) -> list[Signal]:
    """Signals by experiment, each [source, variant, bin] [count]; the model's if None are given."""
    if signals is None:
        return evaluate.signals(model)
    shapes = jax.eval_shape(lambda: evaluate.signals(model))
    z = (p - signals.centre) / signals.scale
    one = jnp.asarray(1.0)
    monomials = [
        prod((z[k] ** e for k, e in enumerate(row) if e), start=one) for row in signals.powers
    ]
    flat = total([m * signals.coefficients[i] for i, m in enumerate(monomials)])
    ends = np.cumsum([prod(s.shape) for s in shapes])
    return [x.reshape(s.shape) for x, s in zip(jnp.split(flat, ends[:-1]), shapes, strict=True)]


def monomials_at(polynomial: Polynomial, p: Float[np.ndarray, "fit name"]) -> Monomials:
    """The monomials with their first and second derivatives by the variables p, in their units."""
    exponents, n = polynomial.exponents, p.shape[1]
    scale = polynomial.scale[:, 0]
    x = (p - polynomial.centre) / scale
    powers = np.stack([x**e for e in range(int(exponents.max(initial=0)) + 1)])
    # Factors and their derivatives, [derivative, monomial, name, fit].
    factors = [powers[exponents, :, np.arange(n)]]
    for k in (0, 1):
        down = np.maximum(exponents - 1 - k, 0)
        size = np.where(k, exponents * (exponents - 1), exponents) / scale ** (k + 1)
        factors.append(size[..., None] * powers[down, :, np.arange(n)])

    def product(orders: list[int]) -> Float[np.ndarray, "fit monomial"]:
        return np.prod([factors[order][:, k] for k, order in enumerate(orders)], axis=0).T

    def orders(*moved: int) -> list[int]:
        return [moved.count(k) for k in range(n)]

    slope = [product(orders(i)) for i in range(n)]
    second = [[product(orders(i, j)) for j in range(n)] for i in range(n)]
    return Monomials(
        product(orders()), np.stack(slope, axis=1), np.stack([np.stack(r, 1) for r in second], 1)
    )
