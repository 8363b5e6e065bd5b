"""Numbers from arrays of any library: taken where their meaning is clear, refused in one line."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cevnsjax.core.checks import number, numbers, whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import checked_levels
from cevnsjax.core.real_arrays import real_array

NUMBERS = [1.0, 2.0, 4.0]
TAKEN = {
    "list": NUMBERS,
    "tuple": (1, 2.0, np.float32(4)),
    "whole": np.array([1, 2, 4], dtype=np.uint8),
    "float32": np.array(NUMBERS, dtype=np.float32),
    "object": np.array([1, 2.0, Fraction(4)], dtype=object),
    "mask without gaps": np.ma.array(NUMBERS, mask=False),
    "jax": jnp.array(NUMBERS),
    "series": pd.Series(NUMBERS, index=["a", "b", "c"]),
    "nullable series": pd.Series([1, 2, 4], dtype="Int64"),
    "xarray": xr.DataArray(NUMBERS, dims="cell"),
    "turned": np.array([4.0, 2.0, 1.0])[::-1],
}


@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_are_taken(kind):
    array = real_array("counts", TAKEN[kind])
    assert array.dtype == np.float64
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, NUMBERS)


def test_an_array_of_numpy_is_not_copied():
    array = np.array(NUMBERS)
    assert real_array("counts", array) is array


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ma.array(NUMBERS, mask=[0, 1, 0]), "got a masked one at index 1; fill it in, or leave"),
        (np.ma.array([[1, 2], [3, 4]], mask=[[0, 0], [1, 0]]), "got a masked one at index 1, 0;"),
        (["1", "2"], "got '1' at index 0"),
        (np.array([1.0, None], dtype=object), "got None at index 1"),
        (np.array([True, False]), "got True at index 0"),
        (np.array([1 + 0j]), r"got \(1\+0j\) at index 0"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "got datetime.date"),
        ([1, [2, 3]], r"got \[2, 3\] at index 1"),
        ([[1.0], [2.0, 3.0]], r"got \[1.0\] at index 0"),
        ({"a": 1}, "got {'a': 1}"),
        ("12", "got '12'"),
        (jax.random.key(0), r"got Array\(\(\), dtype=key<fry>\)"),
    ],
    ids=lambda _: "",
)
def test_anything_else_is_one_line(values, message):
    with pytest.raises(InputError, match=f"counts must be real numbers, {message}") as problem:
        real_array("counts", values)
    assert "\n" not in str(problem.value)


WHOLE = [3, np.int64(3), np.uint8(3), np.array(3), jnp.int32(3), jnp.array(3), xr.DataArray(3)]


@pytest.mark.parametrize("value", WHOLE, ids=lambda v: type(v).__name__)
def test_whole_numbers_of_any_library(value):
    assert type(whole_number("seed", value)) is int
    assert whole_number("seed", value) == number("x", value) == 3


@pytest.mark.parametrize(
    "value",
    [
        *(3.0, True, np.bool_(True), np.array(True), np.array([3]), "3", None),
        *(jax.random.PRNGKey(0), jax.random.key(0), np.ma.array(3, mask=True)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_not_a_whole_number(value):
    with pytest.raises(InputError, match="seed must be a whole number >= 0, got") as problem:
        whole_number("seed", value)
    assert "\n" not in str(problem.value)


LEVELS = [0.68, 0.9]


@pytest.mark.parametrize(
    "levels",
    [
        *(LEVELS, tuple(LEVELS), np.array(LEVELS), np.array(LEVELS, dtype=object)),
        *(jnp.array(LEVELS), pd.Series(LEVELS), xr.DataArray(LEVELS)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_levels_of_any_library(levels):
    assert checked_levels(levels) == (0.68, 0.9)
    assert numbers("interval", levels, example="[0, 1]") == LEVELS


def test_one_level_of_any_library():
    for level in (0.9, np.float64(0.9), np.array(0.9), jnp.array(0.9), np.array([0.9])):
        assert checked_levels(level) == (0.9,)
    for level in (np.ma.array(LEVELS, mask=[0, 1]), np.array([LEVELS]), jax.random.key(0)):
        with pytest.raises(InputError, match=r"levels are numbers within \(0, 1\)") as problem:
            checked_levels(level)
        assert "\n" not in str(problem.value)
