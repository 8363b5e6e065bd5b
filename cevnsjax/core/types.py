"""Array types used in signatures: inputs are array-like, outputs are arrays."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Array, ArrayLike, Float

Reals = Float[Array, "..."]
"""A jax array of real numbers of any shape."""
RealLike = ArrayLike
"""Anything jax turns into a real array: scalars, NumPy and jax arrays, tracers."""
Values = dict[str, Any]
"""Parameter values by name; names left out take their defaults."""
AtNodes = Float[np.ndarray, "*node"] | Float[Array, "*node"]
"""Numbers at the nodes, [node]: a NumPy array while an experiment is built, jax's in a trace."""
Numbers = Float[np.ndarray, "..."] | Float[Array, "..."]
"""NumPy's or jax's numbers of any shape; the docstring says which."""
Kind = TypeVar("Kind", float, np.ndarray, Array)
"""Functions that serve both NumPy and jax return the kind of number they are given."""
Survival = Callable[[str, AtNodes], AtNodes]
"""Probability [1] that a neutrino of a source and energy [MeV] arrives as what it was."""
