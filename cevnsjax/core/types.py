"""Array types used in signatures: inputs are array-like, outputs are arrays."""

from typing import Any

from jaxtyping import Array, ArrayLike, Float

Reals = Float[Array, "..."]
"""A jax array of real numbers of any shape."""
RealLike = ArrayLike
"""Anything jax turns into a real array: scalars, NumPy and jax arrays, tracers."""
Values = dict[str, Any]
"""Parameter values by name; names left out take their defaults."""
