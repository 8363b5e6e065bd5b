"""Gaussian chi2 with linear pulls against 60-digit linear algebra, numpy.linalg and scipy."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.likelihood import gaussian

BINS = 12
SCALES = [1e-6, 1e-3, 1.0, 30.0, 1e3, 1e5, 1e7]


def _problem(K, scale=1.0, seed=3):
    """Signal-like falling components; ``scale`` multiplies the first one."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, BINS)
    shapes = [20 * np.exp(-2 * x), 5 + 0 * x, 8 * x, 6 * np.exp(-((x - 0.4) ** 2) / 0.05)]
    columns = [c * (1 + 0.1 * rng.standard_normal(BINS)) for c in shapes[:K]]
    if K:
        columns[0] = columns[0] * scale
    rest = 3 * rng.uniform(0.5, 1.5, BINS)
    observed = rest + sum(shapes[:K]) + rng.normal(0, 4, BINS)
    sd = tuple(np.array([0.128, 0.25, 0.1, 0.5])[:K])
    weights = 1 / rng.uniform(15, 80, BINS)
    problem = gaussian.LinearPulls(jnp.asarray(rest), tuple(map(jnp.asarray, columns)), sd)
    return jnp.asarray(observed), jnp.asarray(weights), problem


def _centred(problem, seed=17):
    """A problem with constraints centred up to two standard deviations away from 0."""
    steps = np.random.default_rng(seed).normal(size=len(problem.sd)) * 2
    return problem._replace(centre=tuple((steps * np.array(problem.sd)).tolist()))


def _exact(observed, weights, problem):
    """Best pulls and chi2 by solving the normal equations with 60 digits."""
    observed, weights, problem = jax.tree.map(
        lambda a: np.asarray(a).tolist(), (observed, weights, problem)
    )
    K = len(problem.columns)
    centre = (0.0,) * K if problem.centre is None else problem.centre
    with mpmath.workdps(60):
        r = [mpmath.mpf(o) - mpmath.mpf(b) for o, b in zip(observed, problem.rest, strict=True)]
        w = [mpmath.mpf(v) for v in weights]
        c = [[mpmath.mpf(v) for v in column] for column in problem.columns]
        x = []
        if K:
            A = mpmath.matrix(K)
            b = mpmath.matrix(K, 1)
            for i in range(K):
                penalty = 1 / mpmath.mpf(problem.sd[i]) ** 2
                for j in range(K):
                    A[i, j] = sum(w[n] * c[i][n] * c[j][n] for n in range(BINS))
                A[i, i] += penalty
                b[i] = sum(w[n] * c[i][n] * r[n] for n in range(BINS))
                b[i] += penalty * (1 + mpmath.mpf(centre[i]))
            x = list(mpmath.lu_solve(A, b))
        residual = [r[n] - sum(x[k] * c[k][n] for k in range(K)) for n in range(BINS)]
        chi2 = sum(w[n] * residual[n] ** 2 for n in range(BINS))
        far = [x[k] - 1 - mpmath.mpf(centre[k]) for k in range(K)]
        chi2 += sum((far[k] / mpmath.mpf(problem.sd[k])) ** 2 for k in range(K))
        return [float(v - 1) for v in x], float(chi2)


@pytest.mark.parametrize("K", range(5))
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("centred", [False, True])
def test_best_pulls_and_chi2_against_60_digits(K, scale, centred):
    """chi2 to 1e-9 relative and never negative, at a signal from 1e-6 to 1e7 of its size."""
    observed, weights, problem = _problem(K, scale)
    problem = _centred(problem) if centred else problem
    pulls = gaussian.best_pulls(observed, weights, problem)
    chi2 = float(gaussian.chi2(observed, weights, problem, pulls))
    exact_pulls, exact_chi2 = _exact(observed, weights, problem)
    np.testing.assert_allclose(np.array(pulls), exact_pulls, rtol=0, atol=1e-9)
    assert chi2 >= 0
    assert chi2 == pytest.approx(exact_chi2, rel=1e-9)


@pytest.mark.parametrize("K", range(1, 5))
def test_best_pulls_against_numpy_least_squares(K):
    """Pulls as extra rows of an ordinary least-squares problem in x = 1 + a."""
    observed, weights, problem = _problem(K)
    root = np.sqrt(np.asarray(weights))
    design = np.column_stack(problem.columns) * root[:, None]
    rows = np.vstack([design, np.diag(1 / np.array(problem.sd))])
    target = np.concatenate([root * np.asarray(observed - problem.rest), 1 / np.array(problem.sd)])
    x, rest, *_ = np.linalg.lstsq(rows, target)
    pulls = gaussian.best_pulls(observed, weights, problem)
    np.testing.assert_allclose(np.array(pulls), x - 1, atol=1e-12)
    assert float(gaussian.chi2(observed, weights, problem, pulls)) == pytest.approx(
        rest[0], rel=1e-12
    )


@pytest.mark.parametrize("K", range(1, 5))
def test_centres_against_generalised_least_squares(K):
    """Profiling pulls about centres: r V^-1 r with V = variances + sum sd^2 c c^T, r at centres.

    The pulls are then centre + sd^2 c V^-1 r.
    """
    observed, weights, problem = _problem(K)
    problem = _centred(problem)
    columns, sd, centre = map(np.array, (problem.columns, problem.sd, problem.centre))
    V = np.diag(1 / np.asarray(weights)) + (columns.T * sd**2) @ columns
    r = np.asarray(observed - problem.rest) - (1 + centre) @ columns
    pulls = gaussian.best_pulls(observed, weights, problem)
    expected = centre + sd**2 * (columns @ np.linalg.solve(V, r))
    np.testing.assert_allclose(np.array(pulls), expected, rtol=0, atol=1e-11)
    got = float(gaussian.chi2(observed, weights, problem, pulls))
    assert got == pytest.approx(r @ np.linalg.solve(V, r), rel=1e-11)
    at_zero = gaussian.best_pulls(observed, weights, problem._replace(centre=None))
    assert np.max(np.abs(np.array(pulls) - np.array(at_zero)) / sd) > 0.3


def test_zero_centres_equal_no_centres():
    observed, weights, problem = _problem(3)
    zeros = problem._replace(centre=(0.0, 0.0, 0.0))
    a, b = (gaussian.best_pulls(observed, weights, p) for p in (problem, zeros))
    assert a == b
    assert gaussian.chi2(observed, weights, problem, a) == gaussian.chi2(
        observed, weights, zeros, a
    )


def test_derivative_by_the_centres():
    """d chi2/d centre = -2 (a - centre)/sd^2 at the minimum."""
    observed, weights, problem = _problem(4)
    problem = _centred(problem)

    def profiled(centre):
        moved = problem._replace(centre=tuple(centre[k] for k in range(4)))
        pulls = gaussian.best_pulls(observed, weights, moved)
        return gaussian.chi2(observed, weights, moved, pulls)

    centre, (exact, _) = np.array(problem.centre), _exact(observed, weights, problem)
    expected = -2 * (np.array(exact) - centre) / np.array(problem.sd) ** 2
    np.testing.assert_allclose(jax.grad(profiled)(jnp.asarray(centre)), expected, rtol=1e-9)


@pytest.mark.parametrize("K", [1, 2, 4])
@pytest.mark.parametrize("centred", [False, True])
def test_best_pulls_minimise(K, centred):
    """Brute force: scipy finds the same minimum of chi2 over the pulls."""
    observed, weights, problem = _problem(K, 4.0)
    problem = _centred(problem) if centred else problem
    value = jax.jit(
        lambda a: gaussian.chi2(observed, weights, problem, tuple(a[k] for k in range(K)))
    )
    fit = minimize(value, np.zeros(K), jac=jax.jit(jax.grad(value)), method="BFGS", tol=1e-12)
    pulls = np.array(gaussian.best_pulls(observed, weights, problem))
    np.testing.assert_allclose(fit.x, pulls, atol=1e-7)
    assert fit.fun == pytest.approx(float(value(pulls)), rel=1e-12)


@jax.jit
def _by_the_pulls(observed, weights, problem, a):
    """Derivatives of chi2/2 by the pulls, from ``derivatives`` and from jax."""

    def half(a):
        return gaussian.chi2(observed, weights, problem, tuple(a)) / 2

    ours = gaussian.derivatives(observed, weights, problem, a)
    return ours, (jax.grad(half)(a), jax.hessian(half)(a))


@pytest.mark.parametrize("K", [0, 1, 4])
def test_derivatives_by_the_pulls(K):
    """Derivatives of chi2/2 equal those of jax and the normal equations in NumPy."""
    observed, weights, problem = _problem(K, 4.0)
    problem = _centred(problem)._replace(sd=tuple(map(jnp.asarray, problem.sd)))
    problem = problem._replace(centre=tuple(map(jnp.asarray, problem.centre)))
    columns, w = np.array(problem.columns).reshape(K, BINS), np.asarray(weights)
    sd, centre = np.array(problem.sd), np.array(problem.centre)
    for a in np.random.default_rng(K).normal(size=(3, K)):
        (gradient, hessian), by_jax = _by_the_pulls(observed, weights, problem, jnp.asarray(a))
        residual = np.asarray(observed - problem.rest) - (1 + a) @ columns
        slope = -columns @ (w * residual) + (a - centre) / sd**2
        for expected in (slope, by_jax[0]):
            np.testing.assert_allclose(gradient, expected, rtol=1e-12)
        for expected in ((columns * w) @ columns.T + np.diag(1 / sd**2), by_jax[1]):
            np.testing.assert_allclose(hessian, expected, rtol=1e-12)


def test_derivatives_without_centres_are_about_zero():
    observed, weights, problem = _problem(2)
    problem = problem._replace(sd=tuple(map(jnp.asarray, problem.sd)))
    a, zeros = jnp.array([0.3, -0.2]), problem._replace(centre=(0.0, 0.0))
    for one, other in zip(
        gaussian.derivatives(observed, weights, problem, a),
        gaussian.derivatives(observed, weights, zeros, a),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_derivatives_vanish_at_the_best_pulls():
    observed, weights, problem = _problem(4)
    problem = _centred(problem)._replace(sd=tuple(map(jnp.asarray, problem.sd)))
    best = jnp.stack(gaussian.best_pulls(observed, weights, problem))
    gradient, hessian = gaussian.derivatives(observed, weights, problem, best)
    np.testing.assert_allclose(np.linalg.solve(hessian, gradient), 0.0, atol=1e-13)


def test_collinear_pulls_share_a_shift_by_their_variances():
    """Two pulls on one shape: each takes a part of the shift in proportion to its variance."""
    observed, weights, problem = _problem(1)
    (column,) = problem.columns
    twice = gaussian.LinearPulls(problem.rest - column, (column, column), (0.1, 0.3))
    a, b = gaussian.best_pulls(observed, weights, twice)
    assert float(b / a) == pytest.approx(9.0, rel=1e-9)


def test_design_by_hand():
    """A pull multiplies its components; components without a pull are constant."""
    parts = {"s": jnp.array([1.0, 2.0]), "b": jnp.array([10.0, 20.0]), "c": jnp.array([5.0, 5.0])}
    problem = gaussian.design(parts, ((("s", "b"), 0.1), (("b",), 0.2)))
    np.testing.assert_allclose(problem.columns, [[11.0, 22.0], [10.0, 20.0]])
    assert problem.sd == (0.1, 0.2)
    got = gaussian.expected(problem, (0.5, -0.25))
    np.testing.assert_allclose(got, [1.5 * 1 + (1 + 0.5 - 0.25) * 10 + 5, 1.5 * 2 + 1.25 * 20 + 5])
    np.testing.assert_allclose(gaussian.expected(gaussian.design(parts, ()), ()), [16.0, 27.0])
    pulled = gaussian.design(parts, [((n,), 0.1) for n in parts])
    got = gaussian.expected(pulled, (0.5, -0.25, 1.0))
    np.testing.assert_allclose(got, [1.5 * 1 + 0.75 * 10 + 2 * 5, 1.5 * 2 + 0.75 * 20 + 2 * 5])


def test_derivatives_without_pulls():
    problem = gaussian.design({"a": jnp.array([1.0, 2.0])}, ())
    derivatives = gaussian.derivatives(jnp.ones(2), jnp.ones(2), problem, jnp.zeros(0))
    assert [d.shape for d in derivatives] == [(0,), (0, 0)]


def test_chi2_by_hand():
    observed, weights = jnp.array([3.0, 8.0]), jnp.array([0.5, 0.25])
    problem = gaussian.LinearPulls(jnp.array([1.0, 1.0]), (jnp.array([1.0, 2.0]),), (0.2,))
    got = float(gaussian.chi2(observed, weights, problem, (0.1,)))
    assert got == pytest.approx(0.5 * 0.9**2 + 0.25 * 4.8**2 + 0.25, rel=1e-14)
    moved = problem._replace(centre=(-0.3,))
    got = float(gaussian.chi2(observed, weights, moved, (0.1,)))
    assert got == pytest.approx(0.5 * 0.9**2 + 0.25 * 4.8**2 + 4.0, rel=1e-14)


@pytest.mark.parametrize("K", [1, 2])
def test_hessian_of_the_profile(K):
    """Second derivative of the profiled chi2 in the size of the signal, against 60 digits."""

    def profiled(scale):
        observed, weights, problem = _problem(K)
        columns = (problem.columns[0] * scale, *problem.columns[1:])
        problem = gaussian.LinearPulls(problem.rest, columns, problem.sd)
        pulls = gaussian.best_pulls(observed, weights, problem)
        return gaussian.chi2(observed, weights, problem, pulls)

    def exact(scale):
        return _exact(*_problem(K, scale))[1]

    for scale in (0.3, 1.0, 5.0):
        h = 1e-3 * scale
        values = [exact(scale + k * h) for k in (-2, -1, 0, 1, 2)]
        first = (values[0] - 8 * values[1] + 8 * values[3] - values[4]) / (12 * h)
        second = np.dot([-1, 16, -30, 16, -1], values) / (12 * h**2)
        assert float(jax.grad(profiled)(scale)) == pytest.approx(first, rel=1e-7)
        assert float(jax.grad(jax.grad(profiled))(scale)) == pytest.approx(second, rel=1e-6)
