"""L-BFGS and Newton within bounds, on functions whose minima are known."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear, rosen, rosen_der, rosen_hess
from support.toy import by_point

from cevnsjax.core.errors import InputError
from cevnsjax.inference.minimise.descents import lbfgs
from cevnsjax.inference.minimise.methods import minima_of
from cevnsjax.inference.minimise.newton import newton

# Newton stops below an estimated distance of 1e-11 in value: |du| = sqrt(2e-11/curvature).
ATOL = 4.5e-6
METHODS = pytest.mark.parametrize("method", [lbfgs, newton], ids=["lbfgs", "newton"])


def best_minimum(problem, starts):
    return minima_of(problem, starts)[0]


def problem(f, gradient, hessian, low=-np.inf, high=np.inf, size=2):
    low, high = (np.broadcast_to(np.asarray(b, float), size) for b in (low, high))
    wrap = lambda g: np.asarray(g, dtype=float)  # noqa: E731
    return by_point(
        lambda u: (float(f(u)), wrap(gradient(u))), lambda u: wrap(hessian(u)), low, high
    )


def quadratic(H, center, low=-np.inf, high=np.inf):
    H, center = np.asarray(H, float), np.asarray(center, float)
    f = lambda u: 0.5 * (u - center) @ H @ (u - center)  # noqa: E731
    return problem(f, lambda u: H @ (u - center), lambda _: H, low, high, len(center))


def double_well(low=-np.inf, high=np.inf):
    """(x^2 - 1)^2 + (y - x/2)^2: minima at x = +-1, a saddle at 0."""
    f = lambda u: (u[0] ** 2 - 1) ** 2 + (u[1] - u[0] / 2) ** 2  # noqa: E731
    slope = lambda u: [  # noqa: E731
        4 * u[0] * (u[0] ** 2 - 1) - (u[1] - u[0] / 2),
        2 * (u[1] - u[0] / 2),
    ]
    curvature = lambda u: [[12 * u[0] ** 2 - 3.5, -1.0], [-1.0, 2.0]]  # noqa: E731
    return problem(f, slope, curvature, low, high)


def coupled_even_well(low, high):
    """(x^2 - 1)^2 + (y - x^2/2)^2: even in x, so that x = 0 never has a gradient in x."""
    rest = lambda u: u[1] - u[0] ** 2 / 2  # noqa: E731
    return problem(
        lambda u: (u[0] ** 2 - 1) ** 2 + rest(u) ** 2,
        lambda u: [4 * u[0] * (u[0] ** 2 - 1) - 2 * u[0] * rest(u), 2 * rest(u)],
        lambda u: [[15 * u[0] ** 2 - 4 - 2 * u[1], -2 * u[0]], [-2 * u[0], 2.0]],
        low,
        high,
    )


def even_well(low, high):
    """(x^2 - 1)^2, whose gradient vanishes at 0 where it is a maximum."""
    return problem(
        lambda u: (u[0] ** 2 - 1) ** 2,
        lambda u: [4 * u[0] * (u[0] ** 2 - 1)],
        lambda u: [[12 * u[0] ** 2 - 4]],
        low,
        high,
        1,
    )


@METHODS
def test_interior_minimum(method):
    H = [[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 4.0]]
    center = [1.5, -2.0, 0.3]
    result = method(quadratic(H, center), np.zeros(3))
    np.testing.assert_allclose(result.u, center, atol=1e-5 if method is lbfgs else 1e-12)
    assert result.value < 1e-10
    assert not result.at_bound.any()
    assert result.steps >= 1
    if method is newton:
        assert result.converged
        assert result.steps == 1


@METHODS
def test_minimum_on_a_bound(method):
    """The other coordinate is at its conditional minimum, which the correlation shifts."""
    result = method(quadratic([[2.0, 1.0], [1.0, 2.0]], [3.0, 0.0], high=[1.0, 10.0]), np.zeros(2))
    np.testing.assert_allclose(result.u, [1.0, 1.0], atol=1e-5 if method is lbfgs else 1e-12)
    assert result.at_bound.tolist() == [True, False]
    if method is newton:
        assert result.converged


def test_minimum_in_a_corner():
    result = newton(quadratic(np.eye(2), [3.0, -4.0], low=-1.0, high=1.0), np.zeros(2))
    np.testing.assert_array_equal(result.u, [1.0, -1.0])
    assert result.at_bound.all()
    assert result.converged


@METHODS
def test_leaves_a_bound_that_the_gradient_points_away_from(method):
    result = method(quadratic([[2.0, 0.3], [0.3, 1.0]], [0.5, 0.5], low=0.0), np.zeros(2))
    np.testing.assert_allclose(result.u, [0.5, 0.5], atol=1e-5 if method is lbfgs else 1e-12)
    assert not result.at_bound.any()


@METHODS
def test_start_outside_the_box_is_clipped(method):
    result = method(quadratic(np.eye(2), [0.2, 0.1], low=-1.0, high=1.0), np.array([9.0, -9.0]))
    np.testing.assert_allclose(result.u, [0.2, 0.1], atol=ATOL)


@pytest.mark.parametrize("start", [[0.0, 0.0], [1e-12, 0.0], [-1e-12, 0.0]])
def test_newton_leaves_a_saddle(start):
    result = newton(double_well(), np.array(start))
    assert result.converged
    assert abs(result.u[0]) == pytest.approx(1.0, abs=ATOL)
    assert result.u[1] == pytest.approx(result.u[0] / 2, abs=ATOL)


def test_no_convergence_is_claimed_on_a_saddle():
    assert not newton(double_well(), np.zeros(2), max_steps=0).converged
    assert not lbfgs(double_well(), np.zeros(2)).converged


@pytest.mark.parametrize(("low", "high"), [(0.0, 3.0), (-3.0, 0.0), (-3.0, 3.0)])
def test_even_function_started_at_its_bound_is_left(low, high):
    """Zero gradient and negative curvature on a bound: only the inward direction leads down."""
    result = newton(even_well(low, high), np.zeros(1))
    assert result.converged
    assert abs(result.u[0]) == pytest.approx(1.0, abs=ATOL)
    assert not result.at_bound.any()
    assert best_minimum(even_well(low, high), [np.zeros(1)]).value < 1e-12


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_even_coordinate_on_its_bound_beside_a_regular_one(side):
    low, high = ([0.0, -5.0], [5.0, 5.0]) if side > 0 else ([-5.0, -5.0], [0.0, 5.0])
    for y in (0.0, 1.0, -1.0):
        result = newton(coupled_even_well(low, high), np.array([0.0, y]))
        assert result.converged, y
        np.testing.assert_allclose(result.u, [side, 0.5], atol=ATOL)


def test_concave_function_ends_on_a_bound():
    concave = problem(lambda u: -(u @ u), lambda u: -2 * u, lambda _: [[-2.0]], 0.0, 2.0, size=1)
    result = newton(concave, np.zeros(1))
    assert result.u[0] == 2.0
    assert result.at_bound.all()
    assert result.converged


def test_rosenbrock():
    """Both from the classical start, and with the bound x <= 0.5 (minimum at y = x^2)."""
    free = problem(rosen, rosen_der, rosen_hess)
    np.testing.assert_allclose(newton(free, np.array([-1.2, 1.0])).u, 1.0, atol=ATOL)
    assert newton(free, np.array([-1.2, 1.0])).converged
    assert lbfgs(free, np.array([-1.2, 1.0])).value < 1e-8
    bounded = problem(rosen, rosen_der, rosen_hess, high=[0.5, 2.0])
    result = newton(bounded, np.array([-1.2, 1.0]))
    np.testing.assert_allclose(result.u, [0.5, 0.25], atol=ATOL)
    assert result.at_bound.tolist() == [True, False]
    assert result.converged


@pytest.mark.parametrize("condition", [1e4, 1e8])
def test_high_condition_number(condition):
    turn = np.linalg.qr(np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 10]]))[0]
    H = turn @ np.diag([1.0, np.sqrt(condition), condition]) @ turn.T
    center = np.array([1.0, -1.0, 2.0])
    result = best_minimum(quadratic(H, center), [np.zeros(3)])
    assert result.converged
    assert result.value < 1e-9
    # The weakest direction is known to sqrt(2 edm) of its own standard deviation.
    np.testing.assert_allclose(result.u, center, atol=5e-5)


def test_flat_direction():
    """(x + y - 1)^2 has a valley: any point of it is a minimum, of value 0."""
    flat = quadratic([[2.0, 2.0], [2.0, 2.0]], [0.5, 0.5])
    result = best_minimum(flat, [np.zeros(2)])
    assert result.converged
    assert result.value < 1e-10
    assert np.sum(result.u) == pytest.approx(1.0, abs=1e-5)
    nothing = quadratic(np.zeros((2, 2)), [0.0, 0.0])
    np.testing.assert_array_equal(newton(nothing, np.array([0.3, -0.2])).u, [0.3, -0.2])


def test_minimum_without_curvature():
    quartic = problem(
        lambda u: np.sum(u**4), lambda u: 4 * u**3, lambda u: np.diag(12 * u**2), size=2
    )
    result = best_minimum(quartic, [np.array([1.0, -0.7])])
    assert result.value < 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_bounded_least_squares_against_scipy(seed):
    """Convex problems with active bounds and strong correlations against BVLS."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 6))
    A = rng.normal(size=(size + 2, size)) @ np.diag(10 ** rng.uniform(-1, 1, size))
    A = A + 3 * rng.normal(size=(size + 2, 1))
    b = rng.normal(size=size + 2) * 5
    low, high = -rng.uniform(0.1, 2, size), rng.uniform(0.1, 2, size)
    exact = lsq_linear(A, b, bounds=(low, high), method="bvls", tol=1e-14)
    convex = problem(
        lambda u: 0.5 * np.sum((A @ u - b) ** 2),
        lambda u: A.T @ (A @ u - b),
        lambda _: A.T @ A,
        low,
        high,
        size,
    )
    for result in (best_minimum(convex, [np.zeros(size)]), newton(convex, np.zeros(size))):
        assert result.value == pytest.approx(exact.cost, rel=1e-9, abs=1e-9)
        assert result.converged
        np.testing.assert_array_equal(result.at_bound, exact.active_mask != 0)


def test_lowest_of_several_minima_is_taken():
    """A tilted double well; one start lies in the basin of the higher minimum."""
    tilted = problem(
        lambda u: (u[0] ** 2 - 1) ** 2 + 0.1 * u[0],
        lambda u: [4 * u[0] * (u[0] ** 2 - 1) + 0.1],
        lambda u: [[12 * u[0] ** 2 - 4]],
        size=1,
    )
    starts = [np.array([1.2]), np.array([-1.2])]
    for order in (starts, starts[::-1]):
        result = best_minimum(tilted, order)
        roots = np.roots([4, 0, -4, 0.1])
        assert result.u[0] == pytest.approx(roots.real.min(), abs=1e-7)


def test_likelihood_that_is_not_finite_is_refused():
    nan = problem(lambda _: np.nan, lambda u: u, lambda _: np.eye(2))
    with pytest.raises(InputError, match="not finite at any start"):
        best_minimum(nan, [np.zeros(2), np.ones(2)])
    half = problem(
        lambda u: (u[0] - 1) ** 2 if u[0] > 0 else np.nan,
        lambda u: [2 * (u[0] - 1)],
        lambda _: [[2.0]],
        size=1,
    )
    result = best_minimum(half, [np.array([-1.0]), np.array([0.5])])
    assert result.u[0] == pytest.approx(1.0, abs=1e-9)
