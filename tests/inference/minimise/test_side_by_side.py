"""Descents side by side: minima of known functions, found whatever else is beside them."""

import numpy as np
from scipy.optimize import minimize

from cevnsjax.inference.minimise.side_by_side import newton_side_by_side

LOW, HIGH = np.array([-3.0, -np.inf]), np.array([3.0, np.inf])
FREE = np.zeros(2, dtype=bool)


def rosenbrock(x, scale, shift):
    """A bent valley for each fit, its minimum at (shift, shift^2)."""
    a, b = x[..., 0] - shift, x[..., 1] - x[..., 0] ** 2
    value = a**2 + scale * b**2
    gradient = np.stack([2 * a - 4 * scale * b * x[..., 0], 2 * scale * b], axis=-1)
    hessian = np.empty((*value.shape, 2, 2))
    hessian[..., 0, 0] = 2 - 4 * scale * b + 8 * scale * x[..., 0] ** 2
    hessian[..., 0, 1] = hessian[..., 1, 0] = -4 * scale * x[..., 0]
    hessian[..., 1, 1] = 2 * scale
    return value, gradient, hessian


def solved(scale, shift, start, fixed=FREE, **options):
    def expansions(rows):
        return lambda x: rosenbrock(x, scale[rows], shift[rows])

    return newton_side_by_side(expansions, start, LOW, HIGH, fixed, **options)


def problems(count):
    rng = np.random.default_rng(4)
    scale, shift = 10 ** rng.uniform(0, 2, count), rng.uniform(-4, 4, count)
    return scale, shift, rng.uniform(-2.5, 2.5, (count, 2))


def test_minima_and_values_are_those_of_scipy():
    scale, shift, start = problems(30)
    x, value, distance = solved(scale, shift, start)
    assert np.all(distance < 1e-11)
    for k in range(30):
        fit = minimize(
            lambda y, k=k: rosenbrock(y, scale[k], shift[k])[:2],
            x[k] + 0.1,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-3, 3), (None, None)],
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        assert abs(value[k] - fit.fun) < 1e-9
        assert np.max(np.abs(x[k] - fit.x)) < 1e-4
    outside = np.abs(shift) > 3
    assert np.any(outside)
    assert np.array_equal(np.abs(x[outside, 0]), np.full(np.sum(outside), 3.0))


def test_a_descent_does_not_depend_on_those_beside_it():
    scale, shift, start = problems(25)
    together = solved(scale, shift, start)
    for k in (0, 7, 24):
        alone = solved(scale[k : k + 1], shift[k : k + 1], start[k : k + 1])
        for one, many in zip(alone, together, strict=True):
            assert np.array_equal(one[0], many[k])


def test_fixed_coordinates_and_the_number_of_steps():
    scale, shift, start = problems(10)
    x, _, distance = solved(scale, shift, start, np.array([True, False]))
    assert np.array_equal(x[:, 0], start[:, 0])
    np.testing.assert_allclose(x[:, 1], start[:, 0] ** 2, rtol=1e-12, atol=1e-14)
    assert np.all(distance < 1e-11)
    x, value, _ = solved(scale, shift, start, most_steps=1)
    assert np.array_equal(x, start)
    np.testing.assert_array_equal(value, rosenbrock(start, scale, shift)[0])
