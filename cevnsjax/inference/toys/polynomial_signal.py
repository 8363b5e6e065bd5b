"""Signals of a model as polynomials of a few parameters, for fits of many pseudo-experiments."""

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.structure import Experiments, ModelStructure, Observed
from cevnsjax.model.templates.polynomial import Polynomial, find_polynomial
from cevnsjax.model.templates.template import signals_at
from cevnsjax.numerics import total

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Lattices of more variables take longer to ask than the model itself.
_MOST = 4
# Where a bound is infinite the polynomial is checked up to so many scales from the default.
_REACH = 30.0


class PolynomialSignal(NamedTuple):
    """sum_m coefficients[m] prod_k ((x_k - centre_k)/scale_k)^powers[m][k].

    Attributes:
        powers: Whole numbers, static, [monomial][name].
        arrays: Centre [name], scale [name] and coefficients [monomial, output].
    """

    powers: tuple[tuple[int, ...], ...]
    arrays: tuple[Any, Any, Any]


def find_signals(
    model: "Model", names: tuple[str, ...], held: dict[str, float], box: np.ndarray
) -> Polynomial | None:
    """Signals of all experiments, flattened, as a polynomial of parameters; None if they are none.

    Args:
        model: The model.
        names: The variables.
        held: Values of others.
        box: Bounds of the variables, [name, 2].
    """
    if not 0 < len(names) <= _MOST:
        return None
    table = model.parameters

    def ask(points: dict[str, np.ndarray]) -> np.ndarray:
        shape = next(iter(points.values())).shape
        flat = {n: x.reshape(-1) for n, x in points.items()}
        return signals_at(model.state, held, flat).reshape(*shape, -1)

    ends = {
        n: tuple(np.clip(table[n].default + np.array([-1, 1]) * _REACH * table[n].scale, *pair))
        for n, pair in zip(names, box, strict=True)
    }
    ends = {n: (float(a), float(b)) for n, (a, b) in ends.items()}
    return find_polynomial(
        ask, ends, {n: table[n].default for n in names}, {n: table[n].scale for n in names}
    )


def polynomial_signals(
    model: "Model", names: tuple[str, ...], held: dict[str, float], box: np.ndarray
) -> PolynomialSignal | None:
    """As ``find_signals``, ready for a compiled program."""
    found = find_signals(model, names, held, box)
    if found is None:
        return None
    powers = tuple(tuple(int(e) for e in row) for row in found.exponents)
    return PolynomialSignal(powers, (found.centre, found.scale[:, 0], found.coefficients[:, 0]))


def signals_of(
    signals: PolynomialSignal | None,
    structure: ModelStructure,
    experiments: Experiments,
    observed: Observed,
    values: Values,
    p: Reals,
) -> list[Reals]:
    """Signals by experiment, each [source, variant, bin] [count].

    Args:
        signals: The polynomial; the model itself is asked if None.
        structure: The model's description.
        experiments: Arrays of all experiments.
        observed: What was measured; unused.
        values: All parameters.
        p: The variables of the polynomial, [name].
    """
    if signals is None:
        return evaluate.signals(structure, experiments, observed, values)
    shapes = jax.eval_shape(lambda: evaluate.signals(structure, experiments, observed, values))
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


def _product(factors: list[Any]) -> Any:
    out = factors[0] if factors else 1.0
    for f in factors[1:]:
        out = out * f
    return jnp.asarray(out)
