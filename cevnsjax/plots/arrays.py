"""Checks of what is to be drawn; errors say by name which array is wrong."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import checked_levels

NumpyReals = Float[np.ndarray, "..."]
"""Real numbers of any shape; ``cevnsjax.core.types`` would import jax."""
Number = float | int
"""A real number; type checks at run time tell int from float."""


@runtime_checkable
class _HasArray(Protocol):
    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


ArrayLike = _HasArray | Sequence[Any]
"""What NumPy turns into an array: NumPy, jax and xarray arrays, lists, tuples."""


def reals(what: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> NumpyReals:
    """Values as float64 of this shape, any one-dimensional one if None, or an InputError."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be an array of numbers: {error}") from None
    if shape is None and array.ndim != 1:
        raise InputError(f"{what} must have one dimension, got shape {array.shape}")
    if shape is not None and array.shape != shape:
        raise InputError(f"{what} has shape {array.shape}, expected {shape}")
    return array


def finite(what: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> NumpyReals:
    """Values as by ``reals``; an InputError names the index of one that is not finite."""
    array = reals(what, values, shape)
    if not np.all(np.isfinite(array)):
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InputError(f"{what} is not finite at index {where}; give finite numbers")
    return array


def increasing(what: str, values: ArrayLike, least: int = 2) -> NumpyReals:
    """At least so many values as by ``finite``, each above the one before, or an InputError."""
    array = finite(what, values)
    if array.size < least:
        raise InputError(f"{what} needs at least {least} values, got {array.size}")
    if not np.all(np.diff(array) > 0):
        raise InputError(f"{what} must increase from each value to the next")
    return array


def scanned(what: str, values: ArrayLike, shape: tuple[int, ...]) -> NumpyReals:
    """Delta chi2 over a scan, two finite points at least; others become nan and leave a gap."""
    array = reals(what, values, shape)
    is_finite = np.isfinite(array)
    if is_finite.sum() < 2:
        raise InputError(f"{what} has {is_finite.sum()} finite values; at least 2 are needed")
    return np.where(is_finite, array, np.nan)


def ordered_levels(levels: Mapping[str, Number]) -> dict[str, float]:
    """Delta chi2 by level, lowest first; an InputError if one is not above 0, or two are equal."""
    if not levels:
        raise InputError('levels is empty; give at least one, e.g. {"0.90": 2.7055}')
    for name, height in levels.items():
        if not (math.isfinite(height) and height > 0):
            raise InputError(f"level {name} has Delta chi2 {height}; it must be above 0")
    ordered = sorted(((name, float(h)) for name, h in levels.items()), key=lambda item: item[1])
    for (first, low), (second, high) in itertools.pairwise(ordered):
        if low == high:
            raise InputError(f"levels {first} and {second} are both {high}; give one of them")
    return dict(ordered)


def probabilities(levels: Sequence[Number]) -> tuple[float, ...]:
    """Distinct probabilities within (0, 1), lowest first, or an InputError."""
    return tuple(sorted(checked_levels(levels)))


def distinct(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Names of rows or axes; an InputError if there are none or two are equal."""
    if isinstance(names, str):
        raise InputError(f"{what} is the text {names!r}; give a list of names")
    texts = tuple(names)
    if not texts:
        raise InputError(f"{what} is empty; give at least one name")
    for name in texts:
        if texts.count(name) > 1:
            raise InputError(
                f"{what} has {name} {texts.count(name)} times; tell them apart, e.g. by the "
                "experiment they belong to"
            )
    return texts
