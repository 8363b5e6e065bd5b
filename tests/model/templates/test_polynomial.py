"""Polynomials found from values of a function; functions that are not polynomials are refused."""

import numpy as np
import pytest

from cevnsjax.model.templates.polynomial import find_polynomial


def of(function, rows=1, outputs=2):
    """A function of arrays by axis as the search calls it, with ``outputs`` unequal outputs."""

    def call(points):
        shape = next(iter(points.values())).shape
        assert shape[1] == rows
        value = np.broadcast_to(function(points), shape)
        return np.stack([value * (k + 1) + k for k in range(outputs)], axis=-1)

    return call


def check(function, box, *, centre=None, scale=None, rows=1, exponents=None):
    """The polynomial agrees with the function at a thousand points of its box."""
    ask = of(function, rows)
    polynomial = find_polynomial(
        ask, box, centre or dict.fromkeys(box, 0.0), scale or dict.fromkeys(box, 1.0), rows
    )
    assert polynomial is not None
    rng = np.random.default_rng(1)
    points = {a: rng.uniform(*ends, (1000, rows)) for a, ends in box.items()}
    true = ask(points)
    assert np.max(np.abs(polynomial(points) - true) / np.max(np.abs(true), axis=0)) < 1e-12
    if exponents is not None:
        assert sorted(map(tuple, polynomial.exponents.tolist())) == sorted(exponents)
    return polynomial


def test_square_of_a_sum():
    exponents = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    check(lambda p: (1 + 2 * p["x"] - 3 * p["y"]) ** 2, {"x": (-1, 1), "y": (-1, 1)},
          exponents=exponents)  # fmt: skip


def test_monomials_that_are_absent_are_left_out():
    check(lambda p: 3 + p["x"] ** 2 - 5 * p["y"] ** 2, {"x": (-1, 1), "y": (-1, 1)},
          exponents=[(0, 0), (2, 0), (0, 2)])  # fmt: skip
    check(lambda p: 1 - p["g"] ** 2 + p["g"] ** 4, {"g": (0, 3)},
          exponents=[(0,), (2,), (4,)])  # fmt: skip


def test_full_tensor_where_total_degree_is_not_enough():
    check(lambda p: 1 + p["x"] ** 2 * p["y"] ** 2 + p["x"], {"x": (-1, 1), "y": (-2, 1)})


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e8])
@pytest.mark.parametrize("guess", [1e-4, 1.0, 1e4])
def test_any_scale_and_guess(size, guess):
    """The scale is found from a first guess that is wrong by up to four decades."""
    check(
        lambda p: 2 + p["x"] / size + 0.5 * (p["x"] / size) ** 2,
        {"x": (-3 * size, 3 * size)},
        scale={"x": guess * size},
    )


def test_rows_have_scales_of_their_own():
    """g^2/(q^2 + m^2): over eight decades of m a common scale of g does not exist."""
    m = np.geomspace(1e-1, 1e4, 40)
    polynomial = check(
        lambda p: (1 + p["g"] ** 2 / (1e-3 + m**2)) ** 2, {"g": (0.0, 1.0)},
        scale={"g": 1e-4}, rows=40, exponents=[(0,), (2,), (4,)],
    )  # fmt: skip
    assert polynomial.scale.shape == (1, 40)
    assert polynomial.scale[0, -1] > 1e3 * polynomial.scale[0, 0]


def test_far_centre():
    check(lambda p: (1 - 4 * p["s"]) ** 2, {"s": (0, 1)}, centre={"s": 0.23857},
          scale={"s": 0.05})  # fmt: skip


def test_a_variable_without_effect():
    check(lambda p: 1 + p["x"] ** 2 + 0 * p["y"], {"x": (-1, 1), "y": (-1, 1)},
          exponents=[(0, 0), (2, 0)])  # fmt: skip


@pytest.mark.parametrize(
    "function",
    [
        lambda p: np.exp(p["x"]),
        lambda p: 1 / (2 + p["x"] ** 2),
        lambda p: p["x"] ** 5,
        lambda p: np.abs(p["x"]),
        lambda p: np.where(p["x"] > 0.9, p["x"], 0.5),
        lambda p: np.where(p["x"] < -2, np.nan, p["x"]),
    ],
    ids=["exp", "propagator", "fifth", "kink", "step", "nan"],
)
def test_a_function_that_is_not_a_polynomial_is_refused(function):
    box = {"x": (-3.0, 3.0)}
    assert find_polynomial(of(function), box, {"x": 0.0}, {"x": 0.7}) is None


def test_almost_a_polynomial_near_the_centre_is_refused_in_its_box():
    """exp equals a quadratic near 0 up to rounding; the check is made over the whole box."""
    function = of(lambda p: np.exp(1e-6 * p["x"]))
    assert find_polynomial(function, {"x": (-1e6, 1e6)}, {"x": 0.0}, {"x": 1.0}) is None
