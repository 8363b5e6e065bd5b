"""Poisson chi2 with solved nuisances against scipy.stats, brute force and finite differences."""

from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson as reference

from cevnsjax.likelihood import poisson
from cevnsjax.likelihood.poisson import Bilinear

CELLS = 40
best_nuisances = jax.jit(poisson.best_nuisances)


def problem_and_data(seed, *, sd=(0.12, 0.25, 0.02, 1.0, 1.0), signal=1.0):
    """Three normalisations and two morphs of the first component, data thrown at random values.

    Entry [k, l] of ``cross`` is what morph l does to component k: only the first has any.
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, CELLS)
    parts = np.array([30 * np.exp(-3 * x), 6 * np.exp(-(((x - 0.3) / 0.1) ** 2)), 12 + 4 * x])
    parts[0] *= signal * rng.uniform(0.5, 1.5)
    shifts = [parts[0] * 0.15 * np.sin(3 * x + rng.uniform(0, 6)) for _ in range(2)]
    shifts[1] = shifts[1] + 0.1 * parts[1] * x
    both = {(0, 3): shifts[0], (0, 4): shifts[1] - 0.1 * parts[1] * x, (1, 4): 0.1 * parts[1] * x}
    width = np.array(sd)
    made = Bilinear(
        jnp.asarray(parts.sum(axis=0)),
        jnp.asarray(np.vstack([parts, shifts])),
        {pair: jnp.asarray(array) for pair, array in both.items()},
        jnp.asarray(1 / width**2),
    )
    true = np.clip(width, 0, 1) * rng.normal(size=5)
    return made, jnp.asarray(rng.poisson(np.maximum(mean(made, true), 0.5)).astype(float))


def mean(problem, a):
    """Prediction in NumPy, not floored."""
    mu = np.asarray(problem.base) + a @ np.asarray(problem.linear)
    for (j, k), array in problem.cross.items():
        mu = mu + a[j] * a[k] * np.asarray(array)
    return mu


def deviance(n, mu):
    """2 sum(mu - n + n ln(n/mu)) cell by cell in plain Python; n ln n is 0 at n = 0."""
    terms = [m - k + (k * np.log(k / m) if k > 0 else 0.0) for k, m in zip(n, mu, strict=True)]
    return 2 * sum(terms)


def brute_force(n, problem, starts=6):
    """Least chi2 over the nuisances by scipy from several starts, in NumPy: (chi2, nuisances)."""
    n, tight = np.asarray(n), np.asarray(problem.inverse_variance)

    def value(a):
        mu = mean(problem, a)
        if np.any(mu <= 0):
            return np.inf, np.zeros_like(a)
        slopes = np.array(problem.linear)
        for (j, k), array in problem.cross.items():
            slopes[j] += a[k] * np.asarray(array)
            slopes[k] += a[j] * np.asarray(array)
        entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0)
        chi2 = 2 * np.sum(mu - n + entropy) + np.sum(a**2 * tight)
        return chi2, 2 * slopes @ (1 - n / mu) + 2 * a * tight

    rng = np.random.default_rng(0)
    spread = np.minimum(1 / np.sqrt(np.maximum(tight, 1e-300)), 0.5)
    best = None
    for i in range(starts):
        start = np.zeros(tight.size) if i == 0 else 0.5 * spread * rng.normal(size=tight.size)
        found = minimize(value, start, jac=True, method="BFGS", options={"gtol": 1e-9})
        if best is None or found.fun < best.fun:
            best = found
    return best.fun, best.x


def test_chi2_against_scipy():
    """Difference to the saturated model, -2 (ln P(n; mu) - ln P(n; n)), and the explicit sum."""
    problem, observed = problem_and_data(1)
    observed = observed.at[jnp.array([0, 7, 39])].set(0.0)
    n = np.asarray(observed)
    for a in np.random.default_rng(2).normal(size=(5, 5)) * 0.2:
        mu = mean(problem, a)
        got = float(poisson.chi2(observed, problem, jnp.asarray(a)))
        got -= float(np.sum(a**2 * np.asarray(problem.inverse_variance)))
        expected = -2 * np.sum(reference.logpmf(n, mu) - reference.logpmf(n, n))
        assert got == pytest.approx(expected, rel=1e-10)
        assert got == pytest.approx(deviance(n, mu), rel=1e-12)


def test_empty_cells_by_hand():
    """Without events a cell costs 2 mu, and its derivatives are finite."""
    none = jnp.zeros((0, 3))
    problem = Bilinear(jnp.array([2.0, 0.5, 3.0]), none, {}, jnp.zeros(0))
    nothing = jnp.zeros(3)
    assert float(poisson.chi2(nothing, problem, jnp.zeros(0))) == pytest.approx(11.0, rel=1e-15)

    def of_base(base):
        return poisson.chi2(nothing, problem._replace(base=base), jnp.zeros(0))

    np.testing.assert_array_equal(jax.grad(of_base)(problem.base), 2.0)
    np.testing.assert_array_equal(jax.hessian(of_base)(problem.base), 0.0)
    equal = jnp.array([2.0, 0.5, 3.0])
    assert float(poisson.chi2(equal, problem, jnp.zeros(0))) == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_best_nuisances_against_brute_force(seed):
    problem, observed = problem_and_data(seed)
    solved, distance = best_nuisances(observed, problem)
    chi2, a = brute_force(observed, problem)
    assert float(poisson.chi2(observed, problem, solved)) == pytest.approx(chi2, abs=1e-8)
    np.testing.assert_allclose(solved, a, atol=1e-5)
    assert abs(float(distance)) < 1e-9


@pytest.mark.parametrize("signal", [1e-6, 1e-3, 0.1, 10.0, 100.0])
def test_best_nuisances_far_from_the_data(signal):
    """Data of a signal of size 1, predicted 1e-6 to 100 times as large."""
    _, observed = problem_and_data(3)
    problem, _ = problem_and_data(3, signal=signal)
    solved, distance = best_nuisances(observed, problem)
    chi2, _ = brute_force(observed, problem)
    assert float(poisson.chi2(observed, problem, solved)) == pytest.approx(chi2, abs=1e-6)
    assert abs(float(distance)) < 1e-7


def test_all_cells_empty():
    """No event at all: chi2 = 2 sum(mu) + sum((a/sd)^2), so a = -sd^2 sum(component)."""
    problem, observed = problem_and_data(5, sd=(0.03, 0.05, 0.02, 0.1, 0.1))
    solved, distance = best_nuisances(0 * observed, problem._replace(cross={}))
    expected = -np.asarray(problem.linear).sum(axis=1) / np.asarray(problem.inverse_variance)
    np.testing.assert_allclose(solved, expected, rtol=1e-12)
    assert abs(float(distance)) < 1e-9


@pytest.mark.parametrize("seed", [0, 4])
def test_unconstrained(seed):
    """sd = inf: no penalty, and the fitted normalisation is free."""
    problem, observed = problem_and_data(seed, sd=(np.inf, 0.25, 0.02, 1.0, 1.0))
    assert float(problem.inverse_variance[0]) == 0.0
    solved, distance = best_nuisances(observed, problem)
    chi2, a = brute_force(observed, problem)
    assert float(poisson.chi2(observed, problem, solved)) == pytest.approx(chi2, abs=1e-8)
    np.testing.assert_allclose(solved, a, atol=1e-5)
    assert abs(float(distance)) < 1e-9


def test_one_free_normalisation_by_hand():
    """mu = (1 + a) s: a makes the totals agree."""
    s = jnp.array([3.0, 5.0, 2.0])
    observed = jnp.array([6.0, 4.0, 9.0])
    problem = Bilinear(s, s[None, :], {}, jnp.zeros(1))
    solved, _ = best_nuisances(observed, problem)
    assert float(solved[0]) == pytest.approx(19 / 10 - 1, rel=1e-12)


def test_no_nuisances():
    problem = Bilinear(jnp.array([2.0, 3.0]), jnp.zeros((0, 2)), {}, jnp.zeros(0))
    solved, distance = best_nuisances(jnp.array([1.0, 4.0]), problem)
    assert solved.shape == (0,)
    assert float(distance) == 0.0


def test_vmap_over_data():
    problem, _ = problem_and_data(2)
    rng = np.random.default_rng(8)
    toys = jnp.asarray(rng.poisson(np.asarray(problem.base), (16, CELLS)).astype(float))
    together = jax.vmap(lambda n: poisson.best_nuisances(n, problem)[0])(toys)
    for n, a in zip(toys, together, strict=True):
        np.testing.assert_allclose(a, best_nuisances(n, problem)[0], rtol=0, atol=1e-12)


@cache
def fixed():
    return problem_and_data(6)


def theory(x):
    """A problem that depends on two parameters: size of the signal and tilt of all components."""
    problem, observed = fixed()
    size = jnp.array([1.0, 0, 0, 1, 1])[:, None] * (x[0] ** 2 - 1) + 1
    tilt = jnp.exp(x[1] * jnp.linspace(-1.0, 1.0, CELLS))[None, :]
    linear = problem.linear * size * tilt
    base = jnp.sum(linear[:3], axis=0)
    cross = {p: c * x[0] ** 2 * tilt[0] for p, c in problem.cross.items() if p != (1, 4)}
    return Bilinear(base, linear, cross, problem.inverse_variance), observed


def profiled(x):
    problem, observed = theory(x)
    return poisson.chi2(observed, problem, poisson.best_nuisances(observed, problem)[0])


def joint(z):
    problem, observed = theory(z[:2])
    return poisson.chi2(observed, problem, z[2:])


@cache
def derivatives():
    """Compiled: profile, its gradient, its Hessian in two modes, Hessian with the nuisances."""
    kinds = (profiled, jax.grad(profiled), jax.hessian(profiled), jax.jacrev(jax.jacrev(profiled)))
    return tuple(map(jax.jit, (*kinds, jax.hessian(joint))))


def richardson(f, x, h=0.02):
    """Derivatives of f by each entry of x, central differences extrapolated over h to h/8."""
    columns = []
    for step in np.eye(len(x)):
        table = [(f(x + s * step) - f(x - s * step)) / (2 * s) for s in h / 2.0 ** np.arange(4)]
        for power in (4, 16, 64):
            table = [(power * b - a) / (power - 1) for a, b in pairwise(table)]
        columns.append(np.asarray(table[0]))
    return np.array(columns)


@pytest.mark.parametrize("x", [(1.0, 0.0), (1.6, 0.2), (0.4, -0.3), (2.5, 0.1)], ids=str)
def test_derivatives_of_the_profile(x):
    """Gradient, Hessian in both modes: finite differences of value and gradient, and Schur."""
    x, _ = jnp.array(x), fixed()
    value, gradient, hessian, reverse, full = derivatives()
    np.testing.assert_allclose(gradient(x), richardson(value, x), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(hessian(x), richardson(gradient, x), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(hessian(x), reverse(x), rtol=1e-10, atol=1e-9)
    problem, observed = theory(x)
    full = np.asarray(full(jnp.concatenate([x, best_nuisances(observed, problem)[0]])))
    schur = full[:2, :2] - full[:2, 2:] @ np.linalg.solve(full[2:, 2:], full[2:, :2])
    np.testing.assert_allclose(hessian(x), schur, rtol=1e-10, atol=1e-9)


def test_combine_is_one_problem():
    """Cells side by side; a pair of mixed terms that one side lacks is zero there."""
    first, left = problem_and_data(1)
    second, right = problem_and_data(2)
    second = second._replace(cross={p: c for p, c in second.cross.items() if p != (1, 4)})
    both = poisson.combine([first, second])
    a = jnp.array([0.1, -0.2, 0.01, 0.5, -0.4])
    together = poisson.chi2(jnp.concatenate([left, right]), both, a)
    alone = [poisson.chi2(n, p, a) for n, p in ((left, first), (right, second))]
    penalty = jnp.sum(a**2 * first.inverse_variance)
    assert float(together) == pytest.approx(float(alone[0] + alone[1] - penalty), rel=1e-13)
