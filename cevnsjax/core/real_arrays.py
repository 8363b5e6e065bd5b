"""Numbers in a list or in an array of any library, as an array of NumPy; or one line why not."""

from numbers import Real

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.text import of_value

_MOST_COUNTS = 2.0**53


def real_array(what: str, values: object) -> Float[np.ndarray, "..."]:
    """Real numbers as float64, whatever holds them.

    Arrays of NumPy, jax, pandas and xarray and lists give their numbers, arrays of objects too; of
    a masked array none may be masked. An InputError about ``what`` names anything else: text, true
    or false, complex numbers, gaps.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = _without_mask(what, values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        array = _of_objects(values)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64, copy=False)
    for k, value in enumerate(array.reshape(-1).tolist()):
        if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
            where = f" at index {_place(k, array)}" if array.ndim else ""
            raise InputError(f"{what} must be real numbers, got {of_value(value)}{where}")
    return array.astype(np.float64)


def require_countable(what: str, counts: Float[np.ndarray, "..."]) -> None:
    """Reject counts so large that numbers of 64 bits do not tell n from n + 1."""
    largest = float(np.max(np.abs(counts), initial=0.0))
    if largest > _MOST_COUNTS:
        raise InputError(
            f"{what} must be {_MOST_COUNTS:.4g} counts (2^53) at most, got {largest:.4g}; beyond, "
            "numbers of 64 bits do not tell n from n + 1"
        )


def _of_objects(values: object) -> np.ndarray:
    """Lists of several lengths, or what NumPy takes for no array at all."""
    if isinstance(values, list | tuple):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    array = np.empty((), dtype=object)
    array[()] = values
    return array


def _place(flat: int, array: np.ndarray) -> str:
    """Index of an element, as a person writes it."""
    return ", ".join(str(int(k)) for k in np.unravel_index(flat, array.shape))


def _without_mask(what: str, values: np.ma.MaskedArray) -> np.ndarray:
    if np.ma.is_masked(values):
        first = int(np.argmax(np.ma.getmaskarray(values)))
        raise InputError(
            f"{what} must be real numbers, got a masked one at index {_place(first, values)}; fill "
            "it in, or leave it out"
        )
    return np.asarray(values.data)
