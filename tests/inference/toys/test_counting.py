"""Feldman-Cousins intervals of a counting experiment: published table, coverage, bad input."""

import numpy as np
import pytest
from scipy import stats
from support import helpers

from cevnsjax import feldman_cousins_counting
from cevnsjax.core.errors import InputError


@pytest.mark.parametrize("entry", helpers.entries("feldman_cousins"))
def test_published_table(entry):
    got = feldman_cousins_counting(**entry["inputs"])
    # The printed digits, exactly.
    assert [round(end, 2) for end in got] == entry["value"]


@pytest.mark.parametrize("level", [0.6827, 0.90, 0.95])
def test_intervals_cover(level):
    """Each mean is covered with at least the confidence level; Neyman's construction."""
    background = 1.0
    ends = [feldman_cousins_counting(n, background, level, monotonic=False) for n in range(16)]
    for mu in np.linspace(0.0, 4.0, 41):
        p = stats.poisson.pmf(np.arange(16), mu + background)
        covered = sum(
            x for x, (low, high) in zip(p, ends, strict=True) if low - 1e-8 <= mu <= high + 1e-8
        )
        assert covered > level - 1e-6


def test_upper_end_of_no_counts_without_background():
    """A mean accepts 0 counts until the counts of larger likelihood ratio reach 90 %."""
    low, high = feldman_cousins_counting(0, 0.0, 0.90, monotonic=False)
    assert low == 0.0
    # At the end the ratio of 0 is below those of 1, ..., 6, which together reach 90 % beyond it.
    inside = stats.poisson.pmf(np.arange(1, 7), high - 1e-6).sum()
    beyond = stats.poisson.pmf(np.arange(1, 7), high + 1e-6).sum()
    assert inside < 0.90 <= beyond


def test_upper_ends_do_not_rise_with_the_background():
    ends = [feldman_cousins_counting(0, float(b))[1] for b in np.arange(2.0, 4.0, 0.25)]
    # Backgrounds are searched in steps of 0.005, over which an upper end falls by half as much.
    assert np.all(np.diff(ends) <= 0.0025)
    raw = [feldman_cousins_counting(0, b, monotonic=False)[1] for b in (2.3, 2.4)]
    assert raw[1] > raw[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((-1, 0.0), "counts must be a whole number"),
        ((True, 0.0), "counts must be a whole number"),
        ((1, -1.0), "background must lie within"),
        ((1, float("nan")), "background must lie within"),
        ((1, 0.0, 1.0), "confidence level must lie within"),
        ((1, 0.0, 90.0), "90 % is 0.90"),
    ],
    ids=["negative", "bool", "background", "nan", "one", "percent"],
)
def test_bad_input(arguments, words):
    with pytest.raises(InputError, match=words):
        feldman_cousins_counting(*arguments)
