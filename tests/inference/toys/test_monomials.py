"""Monomials of parameters and their derivatives against those written down by hand."""

import numpy as np

from cevnsjax.inference.toys.polynomials.signal import monomials_at
from cevnsjax.model.templates.polynomial import Polynomial


def test_monomials_of_two_variables():
    exponents = np.array([[0, 0], [1, 0], [2, 1], [0, 3]])
    centre, scale = np.array([0.5, -1.0]), np.array([[2.0], [0.1]])
    polynomial = Polynomial(("x", "y"), exponents, np.zeros((4, 1, 1)), centre, scale)
    p = np.random.default_rng(1).normal(size=(6, 2))
    at = monomials_at(polynomial, p)
    x, y = (p[:, 0] - 0.5) / 2, (p[:, 1] + 1) / 0.1
    zero, one = np.zeros(6), np.ones(6)
    by_x, by_y = [zero, one / 2, x * y, zero], [zero, zero, 10 * x**2, 30 * y**2]
    expected = {
        "value": [one, x, x**2 * y, y**3],
        "slope": [by_x, by_y],
        "second": [
            [[zero, zero, y / 2, zero], [zero, zero, 10 * x, zero]],
            [[zero, zero, 10 * x, zero], [zero, zero, zero, 600 * y]],
        ],
    }
    for name, numbers in expected.items():
        inside = np.moveaxis(np.array(numbers), -1, 0)
        np.testing.assert_allclose(getattr(at, name), inside, rtol=1e-13, atol=1e-13)
