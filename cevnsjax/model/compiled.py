"""The compiled doors to a model: values, derivatives and maps, one program for equal structures."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, ArrayLike, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.structure import Inputs, ModelStructure


@jax.jit(static_argnums=(0, 1))
def run(kind: str, structure: ModelStructure, inputs: Inputs) -> Any:
    """One of ``KINDS``: the only compiled door to a model."""
    return evaluate.KINDS[kind](inputs.of(structure))


def _of_point(
    kind: str, structure: ModelStructure, names: tuple[str, ...], inputs: Inputs
) -> Callable[[Any], Any]:
    """The same as a function of one array, the values of ``names``."""
    model = inputs.of(structure)
    return lambda point: evaluate.KINDS[kind](model.moved(dict(zip(names, point, strict=True))))


@jax.jit(static_argnums=(0, 1, 2))
def run_value_and_grad(
    kind: str, structure: ModelStructure, names: tuple[str, ...], inputs: Inputs, point: ArrayLike
) -> tuple[Reals, Float[Array, " name"]]:
    """Value and gradient [name] at ``point``; other arguments as for ``run``."""
    return jax.value_and_grad(_of_point(kind, structure, names, inputs))(point)


@jax.jit(static_argnums=(0, 1, 2))
def run_hessian(
    kind: str, structure: ModelStructure, names: tuple[str, ...], inputs: Inputs, point: ArrayLike
) -> Float[Array, "name name"]:
    """Hessian [name, name] at ``point``; other arguments as for ``run``."""
    return jax.hessian(_of_point(kind, structure, names, inputs))(point)


@jax.jit(static_argnums=(0, 1, 4))
def run_map(
    kind: str, structure: ModelStructure, inputs: Inputs, points: Values, batch_size: int
) -> Any:
    """Many points in chunks: ``points`` holds [point] arrays; other arguments as for ``run``.

    What does not vary stays out of the batch, so form factors are not recomputed for it.
    """
    model = inputs.of(structure)
    function = evaluate.KINDS[kind]
    return jax.lax.map(lambda point: function(model.moved(point)), points, batch_size=batch_size)
