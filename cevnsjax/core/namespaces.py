"""One text of a formula for NumPy and jax: the module that belongs to the arrays at hand."""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from cevnsjax.core.types import Arrays


def numpy_of(*arrays: Any) -> ModuleType:
    """``jax.numpy`` if any of some arrays or numbers is jax's, traced ones too; else ``numpy``."""
    return jnp if any(isinstance(a, jax.Array) for a in arrays) else np


def times(rows: Arrays, matrix: Arrays) -> Arrays:
    """Rows [..., i] times a matrix [i, j] or matrices [..., i, j], [..., j].

    One row at a time, so that its bits do not depend on how many there are.
    """
    return (rows[..., None, :] @ matrix)[..., 0, :]


def picked(array: Arrays, indices: Int[np.ndarray, " index"]) -> Arrays:
    """Some columns of an array [..., column], in the usual order of memory.

    BLAS takes other ways through other orders, which would change bits.
    """
    return np.take(array, indices, axis=-1) if numpy_of(array) is np else array[..., indices]
