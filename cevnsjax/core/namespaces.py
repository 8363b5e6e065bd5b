"""One text of a formula for NumPy and jax: the module that belongs to the arrays at hand."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from cevnsjax.core.types import Arrays, Flags


def numpy_of(*arrays: Any) -> ModuleType:
    """``jax.numpy`` if any of some arrays or numbers is jax's, traced ones too; else ``numpy``."""
    for a in arrays:
        if type(a) is not np.ndarray and isinstance(a, jax.Array):
            return jnp
    return np


def times(rows: Arrays, matrix: Arrays) -> Arrays:
    """Rows [..., i] times a matrix [i, j] or matrices [..., i, j], [..., j].

    One row at a time, so that its bits do not depend on how many there are.
    """
    if numpy_of(rows, matrix) is np:
        return (rows[..., None, :] @ matrix)[..., 0, :]
    return (rows[..., :, None] * matrix).sum(-2)


def picked(array: Arrays, indices: Int[np.ndarray, " index"]) -> Arrays:
    """Some columns of an array [..., column], in the usual order of memory.

    BLAS takes other ways through other orders, which would change bits.
    """
    return np.take(array, indices, axis=-1) if numpy_of(array) is np else array[..., indices]


def rows_of(array: Arrays, points: Flags, axes: int) -> Arrays:
    """Some of many points of an array [point, ...] with so many further axes.

    An array without an axis of points is the same at all of them.
    """
    return array[points] if array.ndim > axes and len(array) > 1 else array


def product(a: Arrays, b: Arrays) -> Arrays:
    """The product of small matrices, [..., i, j] and [..., j, k].

    In jax it is a sum that melts into what comes before and after it; a product would not.
    """
    if numpy_of(a, b) is np:
        return a @ b
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)


def placed(rows: Arrays, places: Sequence[int], size: int) -> Arrays:
    """Rows [..., row, column] put at places among ``size`` ones of zeros."""
    if numpy_of(rows) is np:
        out = np.zeros((*rows.shape[:-2], size, rows.shape[-1]), rows.dtype)
        out[..., list(places), :] = rows
        return out
    first = places[0] if len(places) else 0
    if list(places) == list(range(first, first + len(places))):
        widths = [(0, 0)] * (rows.ndim - 2) + [(first, size - first - len(places)), (0, 0)]
        return jnp.pad(rows, widths)
    return product(np.eye(size, dtype=rows.dtype)[:, list(places)], rows)
