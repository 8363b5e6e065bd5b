"""Signals of a model as polynomials of a few parameters, for fits of many pseudo-experiments."""

from functools import reduce
from math import prod
from operator import mul
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals
from cevnsjax.model import evaluate
from cevnsjax.model.model import Model
from cevnsjax.model.structure import ModelAtValues
from cevnsjax.model.templates.polynomial import Polynomial, find_polynomial
from cevnsjax.model.templates.template import signals_at
from cevnsjax.numerics import total

# The grid of calls that finds a polynomial of more variables costs more than it saves.
_MAX_VARIABLES = 4
# Where a bound is infinite the polynomial is checked up to so many scales from the default.
_CHECKED_SCALES = 30.0

Numbers = Float[Array, "..."] | Float[np.ndarray, "..."]


class PolynomialSignal(NamedTuple):
    """sum_m coefficients[m] prod_k ((x_k - centre_k)/scale_k)^powers[m][k].

    Attributes:
        powers: Whole numbers, static, [monomial][name].
        arrays: Centre [name], scale [name] and coefficients [monomial, output].
    """

    powers: tuple[tuple[int, ...], ...]
    arrays: tuple[Numbers, Numbers, Numbers]


def find_signals(
    model: Model,
    names: tuple[str, ...],
    fixed: dict[str, float],
    box: Float[np.ndarray, "name 2"],
) -> Polynomial | None:
    """Signals of all experiments, flattened, as a polynomial of parameters; None if there is none.

    Args:
        model: The model.
        names: The variables.
        fixed: Values of others.
        box: Bounds of the variables.
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


def polynomial_signals(
    model: Model,
    names: tuple[str, ...],
    fixed: dict[str, float],
    box: Float[np.ndarray, "name 2"],
) -> PolynomialSignal | None:
    """The polynomial of ``find_signals``, ready for a compiled program."""
    polynomial = find_signals(model, names, fixed, box)
    if polynomial is None:
        return None
    powers = tuple(tuple(int(e) for e in row) for row in polynomial.exponents)
    return PolynomialSignal(
        powers, (polynomial.centre, polynomial.scale[:, 0], polynomial.coefficients[:, 0])
    )


def signals_of(
    signals: PolynomialSignal | None, model: ModelAtValues, p: Float[Array, " name"]
) -> list[Reals]:
    """Signals by experiment, each [source, variant, bin] [count].

    Args:
        signals: The polynomial; None computes the signals from the model.
        model: The model at these parameters.
        p: The variables of the polynomial.
    """
    if signals is None:
        return evaluate.signals(model)
    shapes = jax.eval_shape(lambda: evaluate.signals(model))
    centre, scale, coefficients = signals.arrays
    z = (p - centre) / scale
    monomials = [_product([z[k] ** e for k, e in enumerate(row) if e]) for row in signals.powers]
    flat = total([m * coefficients[i] for i, m in enumerate(monomials)])
    out, first = [], 0
    for shape in shapes:
        size = prod(shape.shape)
        out.append(flat[first : first + size].reshape(shape.shape))
        first += size
    return out


def _product(factors: list[Reals]) -> Reals:
    return reduce(mul, factors, jnp.asarray(1.0))
