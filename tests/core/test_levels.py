"""chi2 of confidence levels: n sigma exactly, and quantiles of scipy.stats.chi2."""

import pytest
from scipy.stats import chi2

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import (
    chance_of_more,
    checked_levels,
    delta_chi2_at,
    level_key,
    percent,
)


@pytest.mark.parametrize(
    ("level", "dof", "expected"),
    [
        (0.6827, 1, 1.0),
        (0.9545, 1, 4.0),
        (0.9973, 1, 9.0),
        (0.90, 1, 2.705543454095),
        (0.6827, 2, 2.295748928899),
        (0.90, 2, 4.605170185988),
    ],
)
def test_delta_chi2(level, dof, expected):
    assert delta_chi2_at(level, dof) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("level", "value"),
    [(0.9973, 9), (0.99994, 16), (0.9999994, 25), (0.9999, 15.1367), (0.999999, 23.9281)],
)
def test_only_printed_sigmas_are_exact_ones(level, value):
    """The last two lie near 4 and 5 sigma and are quantiles of their own (scipy.stats.chi2.isf)."""
    assert delta_chi2_at(level) == pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize("lack", [1e-7, 1e-9, 1e-11, 1e-12])
@pytest.mark.parametrize("dof", [1, 2])
def test_levels_near_one(lack, dof):
    """What a level lacks to 1 decides; scipy takes it as it is."""
    (level,) = checked_levels(1 - lack)
    assert delta_chi2_at(level, dof) == pytest.approx(chi2.isf(lack, dof), rel=1e-5)


@pytest.mark.parametrize("level", [1 - 1e-13, 1 - 1e-15, 0.9999999999999999])
def test_levels_that_rounding_decides(level):
    with pytest.raises(InputError, match=r"is too close to 1 .* the highest is 1 - 1e-12"):
        checked_levels(level)


@pytest.mark.parametrize(
    ("level", "key", "text"),
    [
        (0.6827, "0.6827", "68.27"),
        (0.90, "0.90", "90.00"),
        (0.99994, "0.99994", "99.994"),
        (0.999999426697, "0.9999994", "99.99994"),
        (1 - 1e-12, "0.999999999999", "99.9999999999"),
        (1e-7, "0.0000001", "0.00001"),
    ],
)
def test_names_tell_levels_apart(level, key, text):
    """A printed level is never 100 %: it has the digits that tell it from 1."""
    assert (level_key(level), percent(key, 2)) == (key, text)


def test_levels_of_different_names():
    assert checked_levels([0.9999, 0.99994]) == (0.9999, 0.99994)
    with pytest.raises(InputError, match="levels must differ"):
        checked_levels([0.90, 0.9000001])


@pytest.mark.parametrize("dof", [1, 2, 3, 11, 98, 10_000])
@pytest.mark.parametrize("ratio", [0.0, 1e-6, 0.2, 1.0, 1.1, 3.0, 30.0])
def test_chance_of_more(dof, ratio):
    """Against scipy.stats.chi2.sf; 1e-12 of sums of ten thousand logarithms of factorials."""
    expected = chi2.sf(ratio * dof, dof)
    assert chance_of_more(ratio * dof, dof) == pytest.approx(expected, rel=2e-11, abs=1e-300)
