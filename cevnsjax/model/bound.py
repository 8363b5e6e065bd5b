"""A model's functions as objects: stored once, hashed by identity, compiled for all models."""

from collections.abc import Mapping
from typing import Any

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.model import evaluate
from cevnsjax.model.state import ModelState


class BoundFunction:
    """A function of values (and data) bound to one model; made once, hashed by identity.

    Calling it with numbers runs one program compiled for all models of the same structure.
    ``jax.jit`` of it works and bakes this model's data in; to keep data an argument write
    ``jax.jit(lambda values, data: model.nll(values, data=data))``.
    """

    def __init__(self, state: ModelState, kind: str) -> None:
        self._state, self._kind = state, kind
        self.__name__, self.__doc__ = kind, getattr(evaluate, kind).__doc__

    def __call__(self, values: Values | None = None, *, data: Any = None) -> Any:
        """Evaluate the function.

        Args:
            values: Parameters by name; names left out take their defaults.
            data: Observed counts to use instead of the experiment's: an array [bin],
                {experiment: array [bin]} for some or all experiments, or Pseudodata.

        Raises:
            UnknownNameError: At an unknown parameter or experiment.
            InputError: At a value that is not a number, out of bounds, or an array. Traced values
                are not checked: keep them within the bounds of the parameter table.
        """
        if values is not None and not isinstance(values, Mapping):
            raise InputError(f"give values by name, e.g. {{'sin2_theta_w': 0.23}}, got {values!r}")
        return self._state.evaluate(self._kind, values or {}, data)
