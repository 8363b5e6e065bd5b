"""Newton from many starts at once, on functions whose minima are known."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
from support.toy import by_point

from cevnsjax.inference.minimise.newton import distance_left, newton, newton_many
from cevnsjax.inference.minimise.problems import Local, Problem, on_bound


def unused(_):
    raise AssertionError("asked for one point although many can be had")


def problem(expand, size, low=-np.inf, high=np.inf):
    low, high = (np.broadcast_to(np.asarray(b, float), size) for b in (low, high))
    exact = lambda u: Local(*map(np.asarray, expand(u)), np.ones(len(u), dtype=bool))  # noqa: E731
    return Problem(unused, exact, low, high)


def rosenbrock(u):
    x, y = u.T
    bend = np.array([[1200 * x**2 - 400 * y + 2, -400 * x], [-400 * x, 200 + 0 * x]])
    slope = np.stack([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)], axis=1)
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2, slope, np.moveaxis(bend, -1, 0)


def wells(u):
    """Sum of (u_k^2 - 1)^2: a maximum at 0, saddles on the axes, 2^n minima at +-1."""
    value = np.sum((u**2 - 1) ** 2, axis=1)
    return value, 4 * u * (u**2 - 1), np.einsum("pi,ij->pij", 12 * u**2 - 4, np.eye(u.shape[1]))


def coupled(u):
    """(x^2 - 1)^2 + (y - x/2)^2: minima at x = +-1, y = x/2."""
    x, y = u.T
    rest = y - x / 2
    bend = np.array([[12 * x**2 - 3.5, -1 + 0 * x], [-1 + 0 * x, 2 + 0 * x]])
    slope = np.stack([4 * x * (x**2 - 1) - rest, 2 * rest], axis=1)
    return (x**2 - 1) ** 2 + rest**2, slope, np.moveaxis(bend, -1, 0)


def quadratic(H, center):
    H, center = np.asarray(H, float), np.asarray(center, float)

    def expand(u):
        d = u - center
        return np.einsum("pi,ij,pj->p", d, H, d) / 2, d @ H, np.broadcast_to(H, (len(u), *H.shape))

    return expand


def quartic(rng, size):
    """A random polynomial of fourth order that rises to all sides; indefinite in the middle."""
    Q, C = rng.normal(size=(size, size)), rng.normal(size=(size, size, size))
    Q = 2 * (Q + Q.T)
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    C = sum(np.transpose(C, p) for p in orders) / 6
    b, a, eye = rng.normal(size=size), rng.uniform(0.05, 1, size), np.eye(size)

    def expand(u):
        cubic = np.einsum("ijk,pi,pj,pk->p", C, u, u, u) / 3
        value = u**4 @ a + cubic + np.einsum("ij,pi,pj->p", Q, u, u) / 2 + u @ b
        slope = 4 * a * u**3 + np.einsum("ijk,pj,pk->pi", C, u, u) + u @ Q + b
        bend = np.einsum("pi,ij->pij", 12 * a * u**2, eye) + 2 * np.einsum("ijk,pk->pij", C, u) + Q
        return value, slope, bend

    return expand


def places(result):
    return np.array([m.u for m in result])


def is_minimum(bounded, m):
    """Slopes vanish inside and point out of the box on bounds; inner curvature is positive."""
    _, (slope,), (bend,), *_ = bounded.local(m.u[None])
    inside = ~on_bound(bounded, m.u)
    pressed = np.where(m.u <= bounded.low, slope, -slope)[~inside]
    curvature = np.linalg.eigvalsh(bend[np.ix_(inside, inside)])
    return (
        np.all(np.abs(slope[inside]) < 1e-3) and np.all(pressed > -1e-5) and np.all(curvature > 0)
    )


def test_a_curved_valley_is_followed_from_everywhere():
    starts = np.random.default_rng(0).uniform(-3, 3, (50, 2))
    result = newton_many(problem(rosenbrock, 2), starts)
    assert all(m.converged for m in result)
    # Minima are known to an estimated 1e-11 in value; the weak curvature is 0.4.
    np.testing.assert_allclose(places(result), 1.0, atol=1e-5)
    by_scipy = minimize(rosen, starts[0], jac=rosen_der, hess=rosen_hess, method="trust-exact")
    np.testing.assert_allclose(result[0].u, by_scipy.x, atol=1e-4)


def test_a_curved_valley_that_a_bound_cuts():
    """With x <= 0.5 the minimum lies at y = x^2; the start may lie on either bound."""
    bounded = problem(rosenbrock, 2, low=[-2.0, -1.0], high=[0.5, 4.0])
    starts = np.random.default_rng(1).uniform(-3, 5, (50, 2))
    result = newton_many(bounded, starts)
    np.testing.assert_allclose(places(result), np.tile([0.5, 0.25], (50, 1)), atol=1e-5)
    assert all(m.converged and m.at_bound.tolist() == [True, False] for m in result)


@pytest.mark.parametrize("seed", range(12))
def test_every_end_is_a_minimum_in_a_box(seed):
    """Random quartics with saddles, ridges and bounds; starts also on faces and in corners."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 5))
    expand = quartic(rng, size)
    bounded = problem(expand, size, -rng.uniform(0.2, 4, size), rng.uniform(0.2, 4, size))
    starts = rng.uniform(-5, 5, (40, size))
    result = newton_many(bounded, starts)
    assert all(m.converged for m in result)
    assert all(is_minimum(bounded, m) for m in result)
    value = lambda x: float(expand(x[None])[0][0])  # noqa: E731
    slope = lambda x: expand(x[None])[1][0]  # noqa: E731
    box = list(zip(bounded.low, bounded.high, strict=True))
    inside = np.clip(starts[:12], bounded.low, bounded.high)
    by_scipy = min(minimize(value, x, jac=slope, bounds=box, tol=1e-12).fun for x in inside)
    assert min(m.value for m in result) <= by_scipy + 1e-7


def test_many_at_once_equal_one_by_one():
    """Descents from many starts end where each does, those bound for a known minimum earlier.

    Functions of one point per call give the same.
    """
    starts = np.random.default_rng(2).uniform(-2, 2, (20, 2))
    bounded = problem(rosenbrock, 2, high=[0.8, 5.0])
    single = by_point(lambda u: (rosen(u), rosen_der(u)), rosen_hess, bounded.low, bounded.high)
    together, slow = newton_many(bounded, starts), newton_many(single, starts)
    for start, one, other in zip(starts, together, slow, strict=True):
        alone = newton(bounded, start)
        np.testing.assert_allclose(one.u, alone.u, rtol=0, atol=1e-6)
        assert one.value == pytest.approx(alone.value, rel=0, abs=1e-11)
        assert one.converged
        assert one.steps <= alone.steps
        np.testing.assert_allclose(other.u, one.u, atol=1e-9)
        assert other.steps == one.steps


def test_one_far_start_does_not_stop_the_others():
    starts = np.array([[1.0, 1.0], [-50.0, 40.0], [1.001, 1.002]])
    result = newton_many(problem(rosenbrock, 2), starts, max_steps=4)
    assert [m.converged for m in result] == [True, False, True]
    assert result[1].edm > 1e-3
    assert result[1].steps <= 4
    assert result[0].steps == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_maximum_and_saddles_are_left(size):
    """From the origin and from points where all or some slopes vanish."""
    starts = np.array(list(np.ndindex(*(3,) * size))) - 1.0
    result = newton_many(problem(wells, size), starts)
    assert all(m.converged for m in result)
    np.testing.assert_allclose(np.abs(places(result)), 1.0, atol=1e-5)
    held = starts != 0
    np.testing.assert_array_equal(places(result)[held], starts[held])


def test_saddles_in_corners_of_a_box_are_left_inwards():
    """Even functions on their bound at 0: slopes vanish there and lead nowhere."""
    for low, high in ((0.0, 3.0), (-3.0, 0.0)):
        bounded = problem(wells, 2, low, high)
        result = newton_many(bounded, np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [-9.0, 0.0]]))
        assert all(m.converged for m in result)
        np.testing.assert_allclose(places(result), 1.0 if high else -1.0, atol=1e-5)


def test_a_slope_on_a_bound_beside_curvature_down_is_followed():
    """On a face beside a ridge: the step off the ridge leaves the box, the opposite one climbs."""

    def ridge(u):
        x, y = u.T
        slope = np.stack([-0.066 - 0.85 * x - 0.95 * y + 4 * x**3, -0.074 - 0.95 * x - 0.87 * y], 1)
        slope[:, 1] += 4 * y**3
        bend = np.array([[-0.85 + 12 * x**2, -0.95 + 0 * x], [-0.95 + 0 * x, -0.87 + 12 * y**2]])
        value = -0.066 * x - 0.074 * y - 0.425 * x**2 - 0.95 * x * y - 0.435 * y**2 + x**4 + y**4
        return value, slope, np.moveaxis(bend, -1, 0)

    for low in ([0.0, -1.0], [0.0, 0.0]):
        bounded = problem(ridge, 2, low, [2.0, 2.0])
        (result,) = newton_many(bounded, np.array([[0.0, 0.0]]))
        assert result.converged
        assert is_minimum(bounded, result)
        best = minimize(
            lambda x: float(ridge(x[None])[0][0]), [0.5, 0.5], bounds=[(0, 2)] * 2, tol=1e-12
        )
        assert result.value == pytest.approx(best.fun, abs=1e-9)


def test_fixed_coordinates_stay():
    """The others reach their conditional minimum; the slopes returned are those of all."""
    H, center = [[3.0, 1.0, 0.5], [1.0, 2.0, -0.4], [0.5, -0.4, 1.0]], [0.3, -0.2, 0.9]
    bounded = problem(quadratic(H, center), 3, [-9.0, -2.0, -9.0], [9.0, 2.0, 9.0])
    starts = np.random.default_rng(3).uniform(-2, 2, (10, 3))
    starts[0, 1], starts[1, 1], starts[2, 1] = 2.0, -2.0, 2 - 1e-7
    fixed = np.array([False, True, False])
    result = newton_many(bounded, starts, fixed=fixed)
    np.testing.assert_array_equal(places(result)[:, 1], starts[:, 1])
    H, center = np.array(H), np.array(center)
    for m, start in zip(result, starts, strict=True):
        pull = H[np.ix_([0, 2], [1])][:, 0] * (start[1] - center[1])
        expected = center[[0, 2]] - np.linalg.solve(H[np.ix_([0, 2], [0, 2])], pull)
        np.testing.assert_allclose(m.u[[0, 2]], expected, atol=1e-12)
        assert m.converged
        np.testing.assert_allclose(m.gradient, H @ (m.u - center), atol=1e-12)
        assert abs(m.gradient[1]) > 1e-3
    (all_fixed,) = newton_many(bounded, starts[:1], fixed=np.ones(3, dtype=bool))
    np.testing.assert_array_equal(all_fixed.u, starts[0])
    assert all_fixed.converged


def test_fixed_coordinates_choose_among_minima():
    bounded = problem(coupled, 2)
    starts = np.array([[0.0, 2.0], [0.0, -2.0], [1e-9, 0.0]])
    result = newton_many(bounded, starts, fixed=np.array([False, True]))
    for m, start in zip(result, starts, strict=True):
        roots = np.roots([4, 0, -3.5, -start[1]])
        values = coupled(np.stack([roots.real, 0 * roots.real + start[1]], axis=1))[0]
        minima = roots.real[(np.abs(roots.imag) < 1e-9) & (12 * roots.real**2 > 3.5)]
        assert m.converged
        assert np.min(np.abs(minima - m.u[0])) < 1e-5
        if start[1]:
            assert m.value == pytest.approx(values[np.abs(roots.imag) < 1e-9].min(), abs=1e-9)


def cosh(u, center=0.0):
    return (
        np.sum(np.cosh(u - center), axis=1),
        np.sinh(u - center),
        np.einsum("pi,ij->pij", np.cosh(u - center), np.eye(u.shape[1])),
    )


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.0), (-5.0, 0.0)])
def test_an_end_next_to_a_bound_is_snapped_onto_it(low, high):
    """cosh is even about 0, so that no slope says that its minimum lies on the bound."""
    starts = np.random.default_rng(4).uniform(low, high, (20, 2))
    result = newton_many(problem(cosh, 2, low, high), starts)
    np.testing.assert_array_equal(places(result), 0.0)
    assert all(m.at_bound.all() and m.converged and m.value == 2.0 for m in result)
    np.testing.assert_array_equal([m.gradient for m in result], 0.0)


def test_distance_left_beside_a_bound_that_only_the_step_meets():
    """At (0, -1) + c the slope leaves u0 = 0, the step to c crosses it: u1 alone moves, by 0.55."""
    tilted = quadratic([[1.0, 0.9], [0.9, 1.0]], [-0.5, 0.0])
    start = np.array([0.0, -1.0])
    bounded = problem(tilted, 2, np.array([0.0, -9.0]), np.array([9.0, 9.0]))
    distance, _ = distance_left(bounded, start)
    value = lambda u: tilted(np.array([u]))[0][0]  # noqa: E731
    assert distance == pytest.approx(value(start) - value([0.0, -0.45]), rel=1e-12)


def test_near_a_bound_is_not_on_it():
    """Minima 2e-5 off a bound, or nearer in a steep valley, are left where they are."""
    shifted = lambda u: cosh(u, 2e-5)  # noqa: E731
    (result,) = newton_many(problem(shifted, 1, 0.0, 5.0), np.array([[1.0]]))
    assert result.u[0] == pytest.approx(2e-5, abs=5e-6)
    assert not result.at_bound.any()
    steep = quadratic([[1e6]], [5e-6])
    (result,) = newton_many(problem(steep, 1, 0.0, 5.0), np.array([[1.0]]))
    assert result.u[0] == pytest.approx(5e-6, abs=1e-12)
    assert not result.at_bound.any()


def broken(u):
    """(x - 0.1)^2 where x > 0, NaN elsewhere."""
    x = u[:, 0]
    nan = np.where(x > 0, 0.0, np.nan)
    return (x - 0.1) ** 2 + nan, 2 * (u - 0.1) + nan[:, None], 2.0 + nan[:, None, None]


def test_starts_where_the_function_is_nan_do_not_harm_others():
    starts = np.array([[-1.0], [0.5], [np.nan], [3.0], [0.0]])
    result = newton_many(problem(broken, 1), starts)
    assert [m.converged for m in result] == [False, True, False, True, False]
    for m in (result[1], result[3]):
        assert m.u[0] == pytest.approx(0.1, abs=1e-12)
    for m in (result[0], result[2], result[4]):
        assert np.isnan(m.value)
        assert m.edm == np.inf
        assert m.steps == 0


def test_a_region_where_the_function_is_nan_is_not_entered():
    """-log(1 - |u|^2): a logarithm whose Newton step from near the edge leaves its domain."""

    def logarithm(u):
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = 1 - np.sum(u**2, axis=1)
            value = -np.log(rest) + u[:, 0]
            slope = 2 * u / rest[:, None] + np.eye(u.shape[1])[0]
            outer = np.einsum("pi,pj->pij", u, u)
            eye = np.eye(u.shape[1])[None]
            return (
                value,
                slope,
                2 * eye / rest[:, None, None] + 4 * outer / rest[:, None, None] ** 2,
            )

    rng = np.random.default_rng(6)
    starts = rng.normal(size=(40, 3))
    starts *= (rng.uniform(0, 0.999, 40) / np.linalg.norm(starts, axis=1))[:, None]
    result = newton_many(problem(logarithm, 3, -2.0, 2.0), starts)
    assert all(m.converged for m in result)
    # On the axis 2 x = -(1 - x^2).
    np.testing.assert_allclose(places(result), np.tile([1 - 2**0.5, 0, 0], (40, 1)), atol=1e-5)


def test_a_step_to_a_nan_hessian_is_refused():
    def expand(u):
        value, slope, bend = cosh(u)
        return value, slope, np.where(np.abs(u[:, :, None]) < 1e-3, np.nan, bend)

    (result,) = newton_many(problem(expand, 1), np.array([[1.0]]))
    assert 1e-3 <= abs(result.u[0]) < 0.1
    assert not result.converged


def test_the_gradient_is_that_of_the_end():
    bounded = problem(rosenbrock, 2, high=[0.5, 4.0])
    starts = np.random.default_rng(7).uniform(-2, 2, (10, 2))
    for m in newton_many(bounded, starts) + newton_many(bounded, starts, max_steps=2):
        np.testing.assert_allclose(m.gradient, rosen_der(m.u), rtol=1e-12, atol=1e-9)
        assert m.value == pytest.approx(rosen(m.u), rel=1e-13)


def test_starts_outside_the_box_are_clipped():
    bounded = problem(quadratic(np.eye(2), [0.2, 0.1]), 2, -1.0, 1.0)
    result = newton_many(bounded, np.array([[9.0, -9.0], [-3.0, 0.1]]))
    np.testing.assert_allclose(places(result), np.tile([0.2, 0.1], (2, 1)), atol=1e-12)


def test_no_coordinates():
    nothing = problem(lambda u: (np.full(len(u), 3.0), u, np.zeros((len(u), 0, 0))), 0)
    (result,) = newton_many(nothing, np.zeros((1, 0)))
    assert (result.value, result.converged, result.steps) == (3.0, True, 0)
