"""Checks of numbers: limits on sizes, numbers of any length, levels with names of their own."""

import re

import numpy as np
import pytest

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import checked_levels
from cevnsjax.core.text import of_value, printable

HUGE = 10**5000


def refused(said, function, *arguments, **options):
    with pytest.raises(InputError, match=re.escape(said)) as error:
        function(*arguments, **options)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


def test_numbers():
    assert checks.number("x", np.float32(0.5)) == 0.5
    assert checks.number("x", np.int64(3)) == 3.0
    refused("x must be a finite number, got a number of thousands", checks.number, "x", HUGE)
    for wrong in (np.nan, np.inf, True, "1", None, [1.0], 10**400):
        refused("x must be a finite number, got ", checks.number, "x", wrong)
    assert checks.numbers("x", (1, np.float64(2)), example="(1, 2)") == [1.0, 2.0]


def test_whole_numbers():
    assert checks.whole_number("seed", np.uint8(3)) == 3
    assert checks.whole_number("seed", 2**63 - 1) == 2**63 - 1
    refused("seed must be a whole number >= 0, got -1", checks.whole_number, "seed", -1)
    refused("seed must be a whole number from 0 to 9223372036854775807, got 92233720368547758",
            checks.whole_number, "seed", 2**63)  # fmt: skip
    refused("seed must be a whole number from 0 to ", checks.whole_number, "seed", HUGE)
    refused("starts must be 10 at most, got 11", checks.bounded, "starts", 11, 0, 10)
    refused("starts must be 10 at most, got 11", checks.whole_numbers, starts=(11, 0, 10))
    refused("nodes must be 1000 at most, got 1001", checks.nodes, "nodes", 1001)


@pytest.mark.parametrize("levels", [0.9, [0.9], (0.9,), np.array([0.9]), np.float64(0.9)])
def test_levels_in_any_container(levels):
    assert checked_levels(levels) == (0.9,)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((), "levels is empty; levels are numbers within (0, 1), e.g. 0.90"),
        ("0.9", "levels are numbers within (0, 1), e.g. 0.90, got '0.9'"),
        (["0.9"], "levels are numbers within (0, 1), e.g. 0.90, got '0.9'"),
        ([True], "levels are numbers within (0, 1), e.g. 0.90, got True"),
        (None, "levels are numbers within (0, 1), e.g. 0.90, got None"),
        (90, "confidence level must lie within (0, 1), got 90; 90 % is 0.90"),
        ([float("nan")], "confidence level must lie within (0, 1), got nan"),
        ((0.9, 0.90001), "levels must differ, got [0.9, 0.90001]"),
    ],
)
def test_bad_levels(levels, said):
    refused(said, checked_levels, levels)
    refused("a one-sided limit needs levels above 0.5", checked_levels, 0.5, one_sided=True)


def test_text_for_a_terminal():
    assert printable("T [keV] µ\n") == "T [keV] µ\n"
    assert printable("a\x1b[2J\rb\u202ec\udcff") == "a\\x1b[2J b\\u202ec\\udcff"
    assert of_value("x" * 100) == "'" + "x" * 56 + "..."
