"""The compiled doors to a model: values, derivatives and maps, one program for equal structures."""

from collections.abc import Callable
from typing import Any

import jax

from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.evaluate import ModelStructure, Observed


def _call(kind: str, static: ModelStructure, leaves: Any, observed: Observed, vector: Any) -> Any:
    experiments = jax.tree.unflatten(static.treedef, leaves)
    defaults = dict(zip(static.names, vector, strict=True))

    def function(given: Values) -> Any:
        return evaluate.KINDS[kind](static, experiments, observed, {**defaults, **given})

    return function


@jax.jit(static_argnums=(0, 1))
def run(
    kind: str, static: ModelStructure, leaves: Any, observed: Any, vector: Any, given: Values
) -> Any:
    """One of ``KINDS``: the only compiled door to a model.

    Args:
        kind: Key of ``KINDS``.
        static: Interned description.
        leaves: Arrays of all experiments, flattened.
        observed: Observed counts by experiment.
        vector: Value of every parameter, [parameter].
        given: Traced values that override entries of ``vector``.
    """
    return _call(kind, static, leaves, observed, vector)(given)


def _of_point(
    kind: str,
    static: ModelStructure,
    names: tuple[str, ...],
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
) -> Callable[[Any], Any]:
    """The same as a function of one array, the values of ``names``."""
    function = _call(kind, static, leaves, observed, vector)
    return lambda point: function({**given, **dict(zip(names, point, strict=True))})


@jax.jit(static_argnums=(0, 1, 2))
def run_value_and_grad(
    kind: str,
    static: ModelStructure,
    names: tuple[str, ...],
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
    point: Any,
) -> tuple[Reals, Reals]:
    """Value and gradient [name] at ``point``; other arguments as for ``run``."""
    function = _of_point(kind, static, names, leaves, observed, vector, given)
    return jax.value_and_grad(function)(point)


@jax.jit(static_argnums=(0, 1, 2))
def run_hessian(
    kind: str,
    static: ModelStructure,
    names: tuple[str, ...],
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
    point: Any,
) -> Reals:
    """Hessian [name, name] at ``point``; other arguments as for ``run``."""
    return jax.hessian(_of_point(kind, static, names, leaves, observed, vector, given))(point)


@jax.jit(static_argnums=(0, 1, 7))
def run_map(
    kind: str,
    static: ModelStructure,
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
    batched: Values,
    batch_size: int,
) -> Any:
    """Many points in chunks: ``batched`` holds [point] arrays; other arguments as for ``run``.

    What does not vary stays out of the batch, so form factors are not recomputed for it.
    """
    function = _call(kind, static, leaves, observed, vector)
    return jax.lax.map(lambda point: function({**given, **point}), batched, batch_size=batch_size)
