"""What a model consists of: as plain data for people, or packed for copies and other processes."""

import copy
import copyreg
import pickle
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from cevnsjax.core.errors import InputError, PrecisionError
from cevnsjax.core.plain import digest, software, to_plain
from cevnsjax.core.precision import numpy_dtype
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.model.bound import BoundFunction
from cevnsjax.model.build import state_of
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Observed
from cevnsjax.parameters import ParameterTable

# Packages whose picklers take functions as they are, not by name.
_BY_VALUE = ("cloudpickle", "dill")
# Attribute of a model that has been unpickled and not yet used.
_PACKED = "_packed"


def describe(state: ModelState, kind: str, name: str) -> dict[str, object]:
    """See ``Model.describe``; ``kind`` is the name of the model's class."""
    arrays = [np.asarray(leaf) for leaf in state.leaves]
    return {
        "class": kind,
        "name": name,
        "dtype": state.dtype.name,
        "parameters": to_plain(state.parameters),
        "experiments": to_plain(state.experiments),
        "interactions": to_plain(state.structure.interactions),
        "observed": to_plain(state.observed.counts),
        "arrays": digest({"arrays": to_plain(arrays)}),
        "software": software(),
    }


@dataclass(frozen=True, eq=False)
class Packed:
    """The content of a ``ModelState`` in NumPy, without anything compiled or kept.

    ``arrays`` has NumPy leaves; the other attributes are those of ``ModelState``.
    """

    interactions: tuple[Any, ...]
    experiments: Mapping[str, Experiment]
    parameters: ParameterTable
    arrays: list[ExperimentArrays]
    observed: Observed
    has_data: bool
    dtype: str

    def state(self) -> ModelState:
        """The state again, bit for bit.

        Raises:
            PrecisionError: If it is in float64 and jax has that switched off.
        """
        return state_of(
            self.interactions,
            self.experiments,
            self.parameters,
            self.arrays,
            numpy_dtype(self.dtype),
            observed=self.observed,
            has_data=self.has_data,
        )


def packed(state: ModelState) -> Packed:
    """The content of a state."""
    return Packed(
        interactions=state.structure.interactions,
        experiments=dict(state.experiments),
        parameters=state.parameters,
        arrays=jax.tree.map(np.asarray, state.arrays),
        observed=jax.tree.map(np.asarray, state.observed),
        has_data=state.has_data,
        dtype=state.dtype.name,
    )


def packed_for_pickle(state: ModelState) -> Packed:
    """The same for a pickle: what cannot be in one is named.

    Raises:
        InputError: Naming an interaction or experiment that pickle does not take.
    """
    if not _pickles_by_value():
        for interaction in state.structure.interactions:
            _require_picklable(f"interaction {_name(interaction)}", interaction)
        for name, experiment in state.experiments.items():
            _require_picklable(f"experiment {name}", experiment)
    return packed(state)


def _require_picklable(what: str, thing: object) -> None:
    try:
        pickle.dumps(thing)
    except Exception as problem:
        raise InputError(
            f"{what} cannot be pickled ({' '.join(str(problem).split())}); give it a name at the "
            "top of a module (def or class), or pickle the model with cloudpickle"
        ) from None


def _name(interaction: Callable[..., object]) -> str:
    """Name of an interaction, and where its code is if it is a function."""
    name = getattr(interaction, "__qualname__", type(interaction).__qualname__)
    code = getattr(interaction, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename} line {code.co_firstlineno})"


def _pickles_by_value() -> bool:
    """Whether the pickler that asks takes functions as they are; nothing else tells it apart."""
    frame = sys._getframe(1)
    while frame is not None:
        parts = str(frame.f_globals.get("__name__")).split(".")
        if any(name in parts for name in _BY_VALUE):
            return True
        frame = frame.f_back
    return False


def _reduced(state: ModelState) -> tuple[Callable[[Packed], ModelState], tuple[Packed]]:
    return Packed.state, (packed_for_pickle(state),)


copyreg.pickle(ModelState, _reduced)


class Portable:
    """An object around a ``ModelState`` that copies and pickles by the state's content."""

    def _bind(self, state: ModelState) -> None:
        """Set the attributes that come from a state."""
        self.state = state
        self.experiments = dict(state.experiments)
        self.parameters = state.parameters
        self.observed = state.observed.counts
        self.nll = BoundFunction(state, "nll")
        self.profiled_nll = BoundFunction(state, "profiled_nll")
        self.marginal_nll = BoundFunction(state, "marginal_nll")
        self.expected = BoundFunction(state, "expected")
        self.by_component = BoundFunction(state, "by_component")
        self.predicted = BoundFunction(state, "predicted")
        self.best_pulls = BoundFunction(state, "best_pulls")
        self.solver_distance = BoundFunction(state, "solver_distance")

    def _unbound(self) -> dict[str, Any]:
        """The attributes that ``_bind`` does not set."""
        bound = {"state", "experiments", "parameters", "observed"}
        return {
            n: x
            for n, x in vars(self).items()
            if n not in bound and not isinstance(x, BoundFunction)
        }

    def __copy__(self) -> Any:
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        other = object.__new__(type(self))
        memo[id(self)] = other
        other.__setstate__(copy.deepcopy({**self._unbound(), _PACKED: packed(self.state)}, memo))
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**self._unbound(), _PACKED: packed_for_pickle(self.state)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        vars(self).update(attributes)
        # Where float64 is still switched off, as in a new process, the first use says so: an error
        # here would end a pool of processes and not reach who waits for it.
        with suppress(PrecisionError):
            self._unpack()

    def _unpack(self) -> None:
        content: Packed = vars(self)[_PACKED]
        self._bind(content.state())
        vars(self).pop(_PACKED, None)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if _PACKED not in vars(self):
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self
                )
            self._unpack()
            return getattr(self, name)
