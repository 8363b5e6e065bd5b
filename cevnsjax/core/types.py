"""Types in signatures: inputs are array-like, outputs are arrays; and classes that hold arrays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

Reals = Float[Array, "..."]
"""A jax array of real numbers of any shape."""
Real = Reals | float
"""A number or a jax array of numbers."""
RealLike = ArrayLike
"""Anything jax turns into a real array: scalars, NumPy and jax arrays, tracers."""
Values = dict[str, Any]
"""Parameter values by name; names left out take their defaults."""
AtNodes = Float[np.ndarray, "*node"] | Float[Array, "*node"]
"""Numbers at the nodes, [node]: a NumPy array while an experiment is built, jax's in a trace."""
Arrays = Float[np.ndarray, "..."] | Float[Array, "..."]
"""An array of NumPy or jax of any shape; the docstring says which."""
Flags = Bool[np.ndarray, "..."] | Bool[Array, "..."]
"""Yes or no, likewise."""
Numbers = float | Arrays
"""A number or an array of NumPy or jax, in functions that act on each element."""
Kind = TypeVar("Kind", float, np.ndarray, Array, Arrays, Numbers)
"""Functions that serve both NumPy and jax return the kind of number they are given."""
Moments = tuple[Numbers, Numbers, Numbers]
"""Flux moments I_0, I_1, I_2 [MeV^-k], or powers of 1/E_nu."""
Survival = Callable[[str, Numbers], Numbers]
"""Probability [1] that a neutrino of a source and energy [MeV] arrives as what it was."""

_Class = TypeVar("_Class", bound=type)


def static() -> Any:
    """A field of a ``pytree`` that programs depend on, hashable; its other fields hold arrays."""
    return field(metadata={"static": True})


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(static,))
def pytree(cls: _Class) -> _Class:
    """Make a class a frozen dataclass that compiled programs take as an argument."""
    return jax.tree_util.register_dataclass(dataclass(frozen=True, eq=False)(cls))
