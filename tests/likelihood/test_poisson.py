"""Poisson chi2 with solved nuisances against scipy.stats, brute force and finite differences.

The prediction is written a second time here, in NumPy and from the shifted templates themselves.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson as reference

from cevnsjax.likelihood import components, gaussian, poisson, search, steps
from cevnsjax.likelihood.components import Component, Templates

CELLS = 40
SD = (0.12, 0.25, 0.02, 1.0, 1.0)
best_nuisances = jax.jit(search.best_nuisances)


@dataclass
class Part:
    """A component as an experiment states it: nominal, and templates at +1 and -1 sigma."""

    nominal: np.ndarray
    pulls: tuple[int, ...] = ()
    shifted: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass
class Problem:
    """Experiments side by side; weights of an experiment's cells, None where it is Poisson."""

    experiments: list[list[Part]]
    sd: np.ndarray
    centre: np.ndarray
    weights: list[np.ndarray | None]

    @property
    def joined_weights(self):
        """1/variance of Gaussian cells, 0 of Poisson ones."""
        sizes = [parts[0].nominal.size for parts in self.experiments]
        each = zip(self.weights, sizes, strict=True)
        return np.concatenate([np.zeros(n) if w is None else w for w, n in each])


def component(part):
    """The ``Component`` of the package for a part."""
    if not part.shifted:
        return Component(jnp.asarray(part.nominal), part.pulls)
    linear, curved = halves(part)
    return Component(jnp.asarray(part.nominal), part.pulls, linear, curved, tuple(part.shifted))


def halves(part):
    """Half the difference of the shifted templates, and half their sum less nominal."""
    up, down = (np.array([sides[k] for sides in part.shifted.values()]) for k in (0, 1))
    return jnp.asarray((up - down) / 2), jnp.asarray((up + down) / 2 - part.nominal)


def templates(problem):
    """The templates of the package for a problem."""
    mixed = any(w is not None for w in problem.weights)
    return Templates(
        tuple(tuple(component(p) for p in e) for e in problem.experiments),
        jnp.asarray(1 / problem.sd**2),
        jnp.asarray(problem.centre),
        jnp.asarray(problem.joined_weights) if mixed else None,
    )


def code4p(nominal, up, down, a):
    """HistFactory's interpolation of one template, and its slope: straight lines joined by a 6th
    order polynomial (code 4p).
    """
    if a > 1:
        return nominal + a * (up - nominal), up - nominal
    if a < -1:
        return nominal + a * (nominal - down), nominal - down
    S, A = (up - down) / 2, (up + down - 2 * nominal) / 16
    value = nominal + a * S + (15 * a**2 - 10 * a**4 + 3 * a**6) * A
    return value, S + (30 * a - 40 * a**3 + 18 * a**5) * A


def positive(nominal, changed):
    """A template bent to stay above 0 below a tenth of nominal, and its slope in ``changed``."""
    out, slope = changed.copy(), np.ones_like(changed)
    for i, (x, edge) in enumerate(zip(changed, 0.1 * nominal, strict=True)):
        if x < edge:
            t = (edge - x) / edge
            out[i] = edge * np.exp(-t - t**2 / 2)
            slope[i] = np.exp(-t - t**2 / 2) * (1 + t)
    return out, slope


def mean_and_slopes(problem, a):
    """Prediction [cell] and its derivatives [nuisance, cell] in NumPy, not floored."""
    counts, slopes = [], []
    for parts in problem.experiments:
        mu, rows = 0.0, np.zeros((a.size, parts[0].nominal.size))
        for part in parts:
            changed, bent = part.nominal.copy(), {}
            for k, (up, down) in part.shifted.items():
                value, bent[k] = code4p(part.nominal, up, down, a[k])
                changed += value - part.nominal
            shape, slope = positive(part.nominal, changed) if bent else (changed, None)
            factor = 1 + sum(a[k] for k in part.pulls)
            mu = mu + factor * shape
            for k in part.pulls:
                rows[k] += shape
            for k, row in bent.items():
                rows[k] += factor * slope * row
        counts.append(mu)
        slopes.append(rows)
    return np.concatenate(counts), np.concatenate(slopes, axis=1)


def mean(problem, a):
    return mean_and_slopes(problem, a)[0]


def chi2_and_gradient(n, problem, a):
    """chi2 and its gradient in NumPy; infinite where a Poisson cell is not above 0."""
    mu, slopes = mean_and_slopes(problem, a)
    w = problem.joined_weights
    if np.any(mu[w == 0] <= 0):
        return np.inf, np.zeros_like(a)
    safe = np.where(w == 0, mu, 1.0)
    entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / safe), 0)
    cells = np.where(w == 0, 2 * (mu - n + entropy), w * (n - mu) ** 2)
    pull = np.where(w == 0, 2 * (1 - n / safe), 2 * w * (mu - n))
    far = (a - problem.centre) / problem.sd
    return np.sum(cells) + np.sum(far**2), slopes @ pull + 2 * far / problem.sd


def parts_of(rng, strength):
    """Three components; nuisances 3 and 4 bend the first two, asymmetrically up and down."""
    x = np.linspace(0, 1, CELLS)
    first, second, third = (
        30 * np.exp(-3 * x) * rng.uniform(0.5, 1.5),
        6 * np.exp(-(((x - 0.3) / 0.1) ** 2)) + 0.5,
        12 + 4 * x,
    )
    waves = [strength * np.sin(3 * x + rng.uniform(0, 6)) for _ in range(4)]
    return [
        Part(
            first,
            (0,),
            {
                3: (first * (1 + waves[0]), first * (1 - 0.6 * waves[0])),
                4: (first * (1 + waves[1]), first * (1 - 0.8 * waves[1] + 0.1 * waves[2])),
            },
        ),
        Part(second, (1, 0), {4: (second * (1 + 0.5 * x), second * (1 - 0.7 * x))}),
        Part(third, (2,)),
    ]


def problem_and_data(seed, *, sd=SD, signal=1.0, strength=0.15, centre=0.0):
    """Normalisations and morphs of three components, data thrown at random values."""
    rng = np.random.default_rng(seed)
    width = np.array(sd)
    centre = centre * np.clip(width, 0, 1) * rng.normal(size=5)
    problem = Problem([parts_of(rng, strength)], width, centre, [None])
    true = np.clip(width, 0, 1) * rng.normal(size=5)
    observed = rng.poisson(np.maximum(mean(problem, true), 0.5)).astype(float)
    first = problem.experiments[0][0]
    first.nominal = signal * first.nominal
    first.shifted = {k: (signal * u, signal * d) for k, (u, d) in first.shifted.items()}
    return problem, observed


def deviance(n, mu):
    """2 sum(mu - n + n ln(n/mu)) cell by cell in plain Python; n ln n is 0 at n = 0."""
    terms = [m - k + (k * np.log(k / m) if k > 0 else 0.0) for k, m in zip(n, mu, strict=True)]
    return 2 * sum(terms)


def brute_force(n, problem, starts=6):
    """Least chi2 over the nuisances by scipy from several starts, in NumPy: (chi2, nuisances)."""
    rng = np.random.default_rng(0)
    spread = np.minimum(problem.sd, 0.5)
    best = None
    for i in range(starts):
        start = 0.5 * spread * rng.normal(size=problem.sd.size) * (i > 0)
        fit = minimize(
            lambda a: chi2_and_gradient(n, problem, a),
            start,
            jac=True,
            method="BFGS",
            options={"gtol": 1e-9},
        )
        if best is None or fit.fun < best.fun:
            best = fit
    return best.fun, best.x


def solved_as_brute_force(problem, observed, *, chi2_within=1e-8, within=1e-5, distance=1e-9):
    prediction = templates(problem)
    solved, left = best_nuisances(jnp.asarray(observed), prediction)
    chi2, a = brute_force(observed, problem)
    got = float(poisson.chi2(jnp.asarray(observed), prediction, solved))
    assert got == pytest.approx(chi2, abs=chi2_within)
    np.testing.assert_allclose(solved, a, atol=within)
    assert abs(float(left)) < distance
    return np.asarray(solved)


# --- the prediction ---


@pytest.mark.parametrize("strength", [0.15, 1.2])
def test_expected_and_chi2_against_numpy(strength):
    """Nuisances lie inside and outside +-1 sigma, some where a morph would make counts negative."""
    problem, observed = problem_and_data(1, strength=strength, centre=1.0)
    prediction, below = templates(problem), 0
    for a in np.random.default_rng(2).normal(size=(20, 5)) * (0.1, 0.1, 0.1, 1.5, 1.5):
        mu = mean(problem, a)
        np.testing.assert_allclose(poisson.expected(prediction, jnp.asarray(a)), mu, rtol=1e-13)
        expected, _ = chi2_and_gradient(observed, problem, a)
        got = float(poisson.chi2(jnp.asarray(observed), prediction, jnp.asarray(a)))
        assert got == pytest.approx(expected, rel=1e-12)
        first = problem.experiments[0][0]
        bent = sum(code4p(first.nominal, *first.shifted[k], a[k])[0] for k in (3, 4))
        below += np.sum(bent - first.nominal < 0)
    assert (below > 20) == (strength > 1)


def test_parts_of_a_component_are_bent_one_by_one():
    """Stacked parts of one component, bent by all nuisances or by some, equal separate ones."""
    problem, observed = problem_and_data(1, strength=1.2, centre=1.0)
    first, _, third = problem.experiments[0]
    second = replace(first, nominal=0.3 * first.nominal[::-1])
    second.shifted = {k: (first.nominal, 0.1 * down) for k, (_, down) in first.shifted.items()}
    apart = replace(problem, experiments=[[first, second, third]])
    nominal = jnp.stack([jnp.asarray(p.nominal) for p in (first, second)])
    linear, curved = (jnp.stack(pair) for pair in zip(halves(first), halves(second), strict=True))
    prediction, n = templates(apart), jnp.asarray(observed)
    solved, _ = best_nuisances(n, prediction)
    stacked = Component(nominal, first.pulls, linear, curved, (3, 4))
    together = replace_components(prediction, (stacked, component(third)))
    for a in np.random.default_rng(2).normal(size=(5, 5)) * (0.1, 0.1, 0.1, 1.5, 1.5):
        got = poisson.expected(together, jnp.asarray(a))
        np.testing.assert_allclose(got, mean(apart, a), rtol=1e-13)
    a, distance = best_nuisances(n, together)
    np.testing.assert_allclose(a, solved, rtol=0, atol=1e-9)
    assert abs(float(distance)) < 1e-9


def replace_components(prediction, components):
    return Templates(
        (components,), prediction.inverse_variance, prediction.centre, prediction.weights
    )


def test_gradient_of_the_witness():
    """The gradient that brute force follows is that of the NumPy chi2."""
    problem, observed = problem_and_data(4, strength=0.9, centre=1.0)
    for a in np.random.default_rng(5).normal(size=(5, 5)) * (0.1, 0.1, 0.1, 1.5, 1.5):
        value = lambda z: chi2_and_gradient(observed, problem, z)[0]  # noqa: E731
        expected = richardson(value, a, h=1e-3)
        np.testing.assert_allclose(chi2_and_gradient(observed, problem, a)[1], expected, rtol=1e-6)


def test_chi2_against_scipy():
    """Difference to the saturated model, -2 (ln P(n; mu) - ln P(n; n)), and the explicit sum."""
    problem, observed = problem_and_data(1)
    observed[[0, 7, 39]] = 0.0
    for a in np.random.default_rng(2).normal(size=(5, 5)) * 0.2:
        mu = mean(problem, a)
        got = float(poisson.chi2(jnp.asarray(observed), templates(problem), jnp.asarray(a)))
        got -= float(np.sum(a**2 / problem.sd**2))
        expected = -2 * np.sum(
            reference.logpmf(observed, mu) - reference.logpmf(observed, observed)
        )
        assert got == pytest.approx(expected, rel=1e-10)
        assert got == pytest.approx(deviance(observed, mu), rel=1e-12)


NONE = jnp.zeros(0)


def test_empty_cells_by_hand():
    """A cell without events adds 2 mu to chi2, and its derivatives are finite."""
    counts = jnp.array([2.0, 0.5, 3.0])
    problem = Templates(((Component(counts),),), NONE, NONE)
    nothing = jnp.zeros(3)
    assert float(poisson.chi2(nothing, problem, NONE)) == pytest.approx(11.0, rel=1e-15)

    def of_counts(counts):
        return poisson.chi2(nothing, Templates(((Component(counts),),), NONE, NONE), NONE)

    np.testing.assert_array_equal(jax.grad(of_counts)(counts), 2.0)
    np.testing.assert_array_equal(jax.hessian(of_counts)(counts), 0.0)
    assert float(poisson.chi2(counts, problem, NONE)) == 0.0


# --- interpolation ---


def deltas(f, x):
    """f and its first two derivatives at x by jax."""
    return float(f(x)), float(jax.grad(f)(x)), float(jax.grad(jax.grad(f))(x))


def test_bend_by_hand():
    a = jnp.array([0.0, 1.0, -1.0, 0.5, 3.0, -2.5])
    inside = 0.25 * (15 - 2.5 + 3 / 16) / 8
    np.testing.assert_allclose(components.bend(a)[0], [0, 1, 1, inside, 3, 2.5], rtol=1e-15)


@pytest.mark.parametrize("a", [-1.7, -1.0, -0.8, 0.0, 0.3, 1.0, 2.2])
def test_derivatives_of_bend(a):
    """The derivatives that ``bend`` returns are those of its value."""
    x = jnp.float64(a)
    exact = deltas(lambda x: components.bend(x)[0], x)
    np.testing.assert_allclose(components.bend(x), exact, rtol=1e-14, atol=1e-14)
    if abs(a) not in (0.0, 1.0):
        f = lambda z: np.array([float(y) for y in components.bend(jnp.float64(z[0]))])  # noqa: E731
        (slopes,) = richardson(f, np.array([a]))
        np.testing.assert_allclose(slopes[:2], exact[1:], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("join", [-1.0, 1.0])
def test_bend_is_smooth_where_it_turns_straight(join):
    """Value, slope and curvature agree from both sides: differences fall with the step."""
    for h in (1e-3, 1e-5, 1e-7):
        left, right = (components.bend(jnp.float64(join + s)) for s in (-h, h))
        change = 2 * h * np.sign(join)
        assert float(right[0] - left[0]) == pytest.approx(change, abs=10 * h**2)
        assert float(right[1] - left[1]) == pytest.approx(0.0, abs=10 * h**2)
        assert float(right[2] - left[2]) == pytest.approx(0.0, abs=20 * h)


def interpolated(nominal, up, down, a):
    """The template at a by the package, without the guard against negative counts."""
    u = components.bend(jnp.float64(a))[0]
    return np.asarray(nominal + a * (up - down) / 2 + u * ((up + down) / 2 - nominal))


VALUES = [-4.0, -1.3, -1.0, -0.99, -0.4, 0.0, 0.1, 0.7, 1.0, 1.01, 2.5]


def shifted_templates():
    rng = np.random.default_rng(11)
    nominal = rng.uniform(1, 20, 7)
    return nominal, nominal * rng.uniform(0.8, 1.4, 7), nominal * rng.uniform(0.7, 1.1, 7)


@pytest.mark.parametrize("a", VALUES)
def test_interpolation_against_numpy(a):
    nominal, up, down = shifted_templates()
    expected, _ = code4p(nominal, up, down, a)
    np.testing.assert_allclose(interpolated(nominal, up, down, a), expected, rtol=0, atol=1e-13)


def test_interpolation_goes_through_the_templates():
    nominal, up, down = shifted_templates()
    for a, template in ((-1.0, down), (0.0, nominal), (1.0, up)):
        np.testing.assert_allclose(interpolated(nominal, up, down, a), template, rtol=1e-14)


def test_interpolation_against_pyhf():
    interpolators = pytest.importorskip("pyhf.interpolators")
    nominal, up, down = shifted_templates()
    code = interpolators.code4p([[[down.tolist(), nominal.tolist(), up.tolist()]]])
    for a in VALUES:
        change = np.asarray(code(np.array([[a]])))[0, 0, 0]
        np.testing.assert_allclose(interpolated(nominal, up, down, a), nominal + change, rtol=1e-13)
        np.testing.assert_allclose(code4p(nominal, up, down, a)[0], nominal + change, rtol=1e-13)


# --- counts kept positive ---


def kept(x, nominal=4.0):
    return components.kept_positive(jnp.atleast_1d(nominal), jnp.atleast_1d(x))


@pytest.mark.parametrize("nominal", [1e-6, 4.0, 3e5])
def test_kept_positive(nominal):
    """Unchanged above a tenth of nominal, below it as in NumPy; increasing and positive."""
    x = np.sort(np.append(np.linspace(-2.5, 3, 1101), 0.1)) * nominal
    value = np.asarray(components.kept_positive(jnp.full_like(x, nominal), jnp.asarray(x))[0])
    np.testing.assert_array_equal(value[x >= 0.1 * nominal], x[x >= 0.1 * nominal])
    np.testing.assert_allclose(value, positive(np.full_like(x, nominal), x)[0], rtol=1e-13)
    assert np.all(value > 0)
    assert np.all(np.diff(value) > 0)


def test_cells_empty_at_nominal_are_left_as_they_are():
    """Cells with nominal 0 are not bent; their derivatives are finite."""
    x = jnp.array([-0.3, 0.0, 2.0])
    value, slope, curvature = components.kept_positive(jnp.zeros(3), x)
    np.testing.assert_array_equal(value, x)
    np.testing.assert_array_equal(slope, 1.0)
    np.testing.assert_array_equal(curvature, 0.0)
    both = jax.jacobian(lambda z: components.kept_positive(z[0], z[1])[0])(jnp.stack([0 * x, x]))
    np.testing.assert_array_equal(both[:, 1], np.eye(3))
    assert np.all(np.isfinite(both))


def test_kept_positive_is_log_concave():
    """Chords of its logarithm never lie above it, across the join too; derivatives agree."""
    x = np.linspace(-8, 8, 3001)
    value, slope, curvature = (np.asarray(y) for y in kept(jnp.asarray(x), jnp.full_like(x, 4.0)))
    log = np.log(value)
    assert np.max(log[:-2] + log[2:] - 2 * log[1:-1]) < -1e-9
    assert np.max(curvature * value - slope**2) < 0


@pytest.mark.parametrize("x", [-6.0, -0.5, 0.0, 0.39, 0.4, 0.41, 7.0])
def test_derivatives_of_kept_positive(x):
    """Returned derivatives are those in ``changed``; jax's derivatives in nominal are exact."""
    exact = deltas(lambda x: kept(x)[0][0], jnp.float64(x))
    got = [float(y[0]) for y in kept(jnp.float64(x))]
    np.testing.assert_allclose(got, exact, rtol=1e-13, atol=1e-14)

    def by_numpy(z):
        return positive(np.array([z[0]]), np.array([z[1]]))[0][0]

    by_both = jax.grad(lambda z: components.kept_positive(z[:1], z[1:])[0][0])
    for nominal in (4.3, 3.7):
        expected = richardson(by_numpy, np.array([nominal, x]), h=1e-3)
        np.testing.assert_allclose(by_both(jnp.array([nominal, x])), expected, rtol=1e-9, atol=1e-9)


def test_kept_positive_is_smooth_at_the_edge():
    """Value, slope and curvature agree from both sides: differences fall with the step."""
    for h in (1e-3, 1e-5, 1e-7):
        left, right = (kept(jnp.float64(0.4 + s)) for s in (-h, h))
        assert float(right[0][0] - left[0][0]) == pytest.approx(2 * h, abs=10 * h**2)
        assert float(right[1][0] - left[1][0]) == pytest.approx(0.0, abs=20 * h**2)
        assert float(right[2][0] - left[2][0]) == pytest.approx(0.0, abs=20 * h)


# --- the solution ---


@pytest.mark.parametrize("seed", range(12))
def test_best_nuisances_against_brute_force(seed):
    solved_as_brute_force(*problem_and_data(seed))


@pytest.mark.parametrize("seed", range(6))
def test_strong_morphs_against_brute_force(seed):
    """Shifted templates of 0.4 to 1.6 of nominal; pulls beyond one standard deviation occur."""
    solved_as_brute_force(*problem_and_data(seed, strength=0.6))


@pytest.mark.parametrize("signal", [1e-6, 1e-3, 0.1, 10.0, 100.0])
def test_best_nuisances_far_from_the_data(signal):
    """Data of a signal of size 1, predicted 1e-6 to 100 times as large."""
    problem, observed = problem_and_data(3, signal=signal)
    prediction = templates(problem)
    solved, distance = best_nuisances(jnp.asarray(observed), prediction)
    chi2, _ = brute_force(observed, problem)
    got = float(poisson.chi2(jnp.asarray(observed), prediction, solved))
    assert got == pytest.approx(chi2, abs=1e-6)
    assert abs(float(distance)) < 1e-7


def without_morphs(problem):
    bare = [[Part(p.nominal, p.pulls) for p in parts] for parts in problem.experiments]
    return replace(problem, experiments=bare)


def test_all_cells_empty():
    """Without events chi2 = 2 sum(mu) + sum(((a - c)/sd)^2), so a = c - sd^2 sum(d mu/da)."""
    problem, observed = problem_and_data(5, sd=(0.03, 0.05, 0.02, 0.1, 0.1), centre=0.1)
    problem = without_morphs(problem)
    solved, distance = best_nuisances(jnp.asarray(0 * observed), templates(problem))
    first, second, third = (p.nominal.sum() for p in problem.experiments[0])
    slopes = np.array([first + second, second, third, 0, 0])
    expected = problem.centre - slopes * problem.sd**2
    np.testing.assert_allclose(solved, expected, rtol=1e-12)
    assert abs(float(distance)) < 1e-9


@pytest.mark.parametrize("seed", [0, 4])
def test_unconstrained(seed):
    """sd = inf: no penalty, and the fitted normalisation is free."""
    problem, observed = problem_and_data(seed, sd=(np.inf, 0.25, 0.02, 1.0, 1.0))
    assert float(templates(problem).inverse_variance[0]) == 0.0
    solved_as_brute_force(problem, observed)


def test_one_free_normalisation_by_hand():
    """mu = (1 + a) s: a makes the totals agree."""
    s = jnp.array([3.0, 5.0, 2.0])
    observed = jnp.array([6.0, 4.0, 9.0])
    problem = Templates(((Component(s, (0,)),),), jnp.zeros(1), jnp.zeros(1))
    solved, _ = best_nuisances(observed, problem)
    assert float(solved[0]) == pytest.approx(19 / 10 - 1, rel=1e-12)


@pytest.mark.parametrize("n", [1.0, 3.0, 40.0])
def test_a_start_from_which_an_unguarded_step_overshoots(n):
    """Far fewer counts are observed than expected; the strength that fits them is s = n/mu.

    Newton's step ends at s = 2 - mu/n < 0, and so do all shorter ones that are tried.
    """
    mu = 4000.0
    assert 1 - min(steps._GUARDED_LENGTHS) * (mu / n - 1) < 0
    problem = Templates(((Component(jnp.array([mu]), (0,)),),), jnp.zeros(1), jnp.zeros(1))
    solved, distance = best_nuisances(jnp.array([n]), problem)
    assert float(solved[0]) == pytest.approx(n / mu - 1, rel=1e-12)
    assert abs(float(distance)) < 1e-9


def test_no_nuisances():
    problem = Templates(((Component(jnp.array([2.0, 3.0])),),), NONE, NONE)
    solved, distance = best_nuisances(jnp.array([1.0, 4.0]), problem)
    assert solved.shape == (0,)
    assert float(distance) == 0.0


def test_vmap_over_data_and_centres():
    """vmap over toys that need different numbers of steps equals one at a time."""
    problem, _ = problem_and_data(2)
    prediction, rng = templates(problem), np.random.default_rng(8)
    mu = mean(problem, np.zeros(5)) * np.linspace(0.3, 3, 16)[:, None]
    toys = jnp.asarray(rng.poisson(mu).astype(float))
    centres = jnp.asarray(rng.normal(size=(16, 5)) * problem.sd)

    def solve(n, centre):
        return search.best_nuisances(n, replace(prediction, centre=centre))[0]

    together, one = jax.vmap(solve)(toys, centres), jax.jit(solve)
    for n, centre, a in zip(toys, centres, together, strict=True):
        np.testing.assert_allclose(a, one(n, centre), rtol=0, atol=1e-12)


# --- auxiliary measurements ---


@pytest.mark.parametrize("seed", range(4))
def test_centres_against_brute_force(seed):
    """Constraints about other values than 0, up to three standard deviations away."""
    problem, observed = problem_and_data(seed, centre=1.5)
    moved = solved_as_brute_force(problem, observed)
    at_zero = solved_as_brute_force(replace(problem, centre=np.zeros(5)), observed)
    assert np.max(np.abs(moved - at_zero) / problem.sd) > 0.3


def test_derivatives_by_the_centres():
    """d chi2/d centre = -2 (a - centre)/sd^2 at the minimum; of the solution by differences."""
    problem, observed = problem_and_data(9, centre=1.0)
    prediction, n = templates(problem), jnp.asarray(observed)

    def at(centre):
        here = replace(prediction, centre=centre)
        return here, search.best_nuisances(n, here)[0]

    def profile(centre):
        return poisson.chi2(n, *at(centre))

    centre = prediction.centre
    solved = jax.jit(lambda c: at(c)[1])
    expected = -2 * (solved(centre) - centre) * prediction.inverse_variance
    np.testing.assert_allclose(jax.jit(jax.grad(profile))(centre), expected, rtol=1e-9)
    slopes = jax.jit(jax.jacobian(lambda c: at(c)[1]))(centre)
    by_hand = richardson(lambda u: solved(jnp.asarray(u * problem.sd)), centre / problem.sd)
    np.testing.assert_allclose(slopes.T * problem.sd[:, None], by_hand, rtol=1e-6, atol=1e-9)


# --- Gaussian cells beside Poisson cells ---


def mixed_problem(seed):
    """An experiment of 40 Poisson cells and one of 12 Gaussian bins share nuisances 0 and 2."""
    problem, observed = problem_and_data(seed, centre=1.0)
    rng = np.random.default_rng(seed + 50)
    shapes = rng.uniform(2, 10, (2, 12))
    weights = 1 / rng.uniform(4, 20, 12)
    second = [Part(shapes[0], (0,)), Part(shapes[1], (2, 0))]
    both = replace(
        problem,
        experiments=[*problem.experiments, second],
        weights=[None, weights],
    )
    # Counts after a subtraction: negative ones occur.
    counts = shapes.sum(axis=0) + rng.normal(size=12) / np.sqrt(weights)
    counts[3] = -2.5
    return problem, observed, both, counts, shapes, weights


@pytest.mark.parametrize("seed", range(3))
def test_mixed_cells_are_the_sum_of_separate_likelihoods(seed):
    """chi2 is the sum of Poisson and Gaussian ones less the constraints counted twice."""
    problem, observed, both, counts, shapes, weights = mixed_problem(seed)
    sd, centre = problem.sd, problem.centre
    columns = (shapes.sum(axis=0), 0 * shapes[0], shapes[1])
    alone = gaussian.LinearPulls(
        jnp.asarray(shapes.sum(axis=0) - sum(columns)),
        tuple(map(jnp.asarray, columns)),
        tuple(sd[:3].tolist()),
        tuple(centre[:3].tolist()),
    )
    together = np.concatenate([observed, counts])
    for a in np.random.default_rng(1).normal(size=(5, 5)) * sd:
        got = poisson.chi2(jnp.asarray(together), templates(both), jnp.asarray(a))
        first = poisson.chi2(jnp.asarray(observed), templates(problem), jnp.asarray(a))
        pulls = tuple(a[:3].tolist())
        second = gaussian.chi2(jnp.asarray(counts), jnp.asarray(weights), alone, pulls)
        twice = np.sum(((a - centre) / sd)[:3] ** 2)
        assert float(got) == pytest.approx(float(first) + float(second) - twice, rel=1e-12)
        expected = poisson.expected(templates(both), jnp.asarray(a))
        np.testing.assert_allclose(expected[:CELLS], mean(problem, a), rtol=1e-13)
        np.testing.assert_allclose(expected[CELLS:], gaussian.expected(alone, pulls), rtol=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_mixed_cells_against_brute_force(seed):
    _, observed, both, counts, *_ = mixed_problem(seed)
    solved_as_brute_force(both, np.concatenate([observed, counts]))


def test_gaussian_cells_alone_are_the_closed_form():
    """All cells with weights: the solver of the Gaussian likelihood finds the same pulls."""
    rng = np.random.default_rng(3)
    shapes, weights = rng.uniform(2, 10, (2, 12)), 1 / rng.uniform(4, 20, 12)
    sd, centre = np.array([0.1, 0.3]), np.array([0.05, -0.2])
    parts = [Part(shapes[0], (0,)), Part(shapes[1], (1,))]
    counts = jnp.asarray(1.3 * shapes.sum(axis=0) + rng.normal(size=12) / np.sqrt(weights))
    problem = Problem([parts], sd, centre, [weights])
    solved, distance = best_nuisances(counts, templates(problem))
    columns, widths = tuple(map(jnp.asarray, shapes)), tuple(sd.tolist())
    closed = gaussian.LinearPulls(jnp.zeros(12), columns, widths, tuple(centre.tolist()))
    expected = gaussian.best_pulls(counts, jnp.asarray(weights), closed)
    np.testing.assert_allclose(solved, np.array(expected), rtol=0, atol=1e-12)
    assert abs(float(distance)) < 1e-9


def test_poisson_experiments_side_by_side():
    """The joint chi2 is the sum of the separate ones with constraints counted once."""
    first, left = problem_and_data(1, centre=1.0)
    second, right = problem_and_data(2)
    second = replace(without_morphs(second), centre=first.centre)
    both = replace(
        first, experiments=[*first.experiments, *second.experiments], weights=[None, None]
    )
    a = np.array([0.1, -0.2, 0.01, 0.5, -1.4])
    data = jnp.asarray(np.concatenate([left, right]))
    together = poisson.chi2(data, templates(both), jnp.asarray(a))
    alone = [
        poisson.chi2(jnp.asarray(n), templates(p), jnp.asarray(a))
        for n, p in ((left, first), (right, second))
    ]
    penalty = np.sum(((a - first.centre) / first.sd) ** 2)
    assert float(together) == pytest.approx(float(alone[0] + alone[1]) - penalty, rel=1e-13)
    solved_as_brute_force(both, np.asarray(data))


# --- derivatives of the profile ---


@cache
def fixed(kind):
    """Data for which no nuisance crosses +-1 within the differences: third derivatives jump there.

    The strong morphs bring some cells below a tenth of nominal.
    """
    if kind == "mixed":
        _, observed, both, counts, *_ = mixed_problem(17)
        return both, np.concatenate([observed, counts])
    seed, strength = {"poisson": (14, 0.15), "strong": (29, 1.2)}[kind]
    return problem_and_data(seed, strength=strength, centre=0.5)


def theory(kind, x):
    """A problem that depends on two parameters: size of the signal and tilt of all components."""
    problem, observed = fixed(kind)
    prediction = templates(problem)

    def scaled(array, size):
        tilt = jnp.exp(x[1] * jnp.linspace(-1.0, 1.0, array.shape[-1]))
        return array * size * (tilt if array.ndim == 1 else tilt[None, :])

    experiments = tuple(
        tuple(
            jax.tree.map(lambda y, i=i: scaled(y, x[0] ** 2 if i == 0 else 1.0), c)
            for i, c in enumerate(components)
        )
        for components in prediction.experiments
    )
    return replace(prediction, experiments=experiments), jnp.asarray(observed)


@cache
def derivatives(kind):
    """Compiled functions: the profile, its gradient, its Hessian in two modes, the full Hessian."""

    def profiled(x):
        problem, observed = theory(kind, x)
        return poisson.chi2(observed, problem, search.best_nuisances(observed, problem)[0])

    def joint(z):
        problem, observed = theory(kind, z[:2])
        return poisson.chi2(observed, problem, z[2:])

    kinds = (profiled, jax.grad(profiled), jax.hessian(profiled), jax.jacrev(jax.jacrev(profiled)))
    return tuple(map(jax.jit, (*kinds, jax.hessian(joint))))


def richardson(f, x, h=0.005):
    """Derivatives of f by each entry of x, central differences extrapolated over h to h/8."""
    columns = []
    for step in np.eye(len(x)):
        table = [(f(x + s * step) - f(x - s * step)) / (2 * s) for s in h / 2.0 ** np.arange(4)]
        for power in (4, 16, 64):
            table = [(power * b - a) / (power - 1) for a, b in pairwise(table)]
        columns.append(np.asarray(table[0]))
    return np.array(columns)


POINTS = [(1.0, 0.0), (1.6, 0.2), (0.4, -0.3), (2.5, 0.1)]


@pytest.mark.parametrize(
    "x",
    [*POINTS[:1], *(pytest.param(p, marks=pytest.mark.slow) for p in POINTS[1:])],
    ids=str,
)
@pytest.mark.parametrize(
    "kind",
    [
        "strong",
        pytest.param("poisson", marks=pytest.mark.slow),
        pytest.param("mixed", marks=pytest.mark.slow),
    ],
)
def test_derivatives_of_the_profile(kind, x):
    """Gradient and Hessian equal finite differences and the Schur complement of the full one."""
    x, _ = jnp.array(x), fixed(kind)
    value, gradient, hessian, reverse, full = derivatives(kind)
    np.testing.assert_allclose(gradient(x), richardson(value, x), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(hessian(x), richardson(gradient, x), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(hessian(x), reverse(x), rtol=1e-10, atol=1e-9)
    problem, observed = theory(kind, x)
    full = np.asarray(full(jnp.concatenate([x, best_nuisances(observed, problem)[0]])))
    schur = full[:2, :2] - full[:2, 2:] @ np.linalg.solve(full[2:, 2:], full[2:, :2])
    np.testing.assert_allclose(hessian(x), schur, rtol=1e-10, atol=1e-9)


@jax.jit
def by_the_nuisances(n, prediction, a):
    """Derivatives of chi2/2 by the nuisances, from ``derivatives`` and from jax."""

    def half(a):
        return poisson.chi2(n, prediction, a) / 2

    return poisson.derivatives(n, prediction, a), (jax.grad(half)(a), jax.hessian(half)(a))


@pytest.mark.parametrize("kind", ["strong", "mixed"])
@pytest.mark.parametrize("empty", [False, True])
def test_derivatives_by_the_nuisances(kind, empty):
    """Derivatives of chi2/2, inside +-1 and beyond, equal those of jax and of NumPy."""
    problem, observed = fixed(kind)
    n, prediction = np.asarray(0 * observed if empty else observed), templates(problem)
    scale = np.outer(problem.sd, problem.sd)

    def slope(z):
        return chi2_and_gradient(n, problem, z * problem.sd)[1] / 2 * problem.sd

    for z in np.random.default_rng(8).normal(size=(6, 5)) * (1, 1, 1, 1.5, 1.5):
        a = jnp.asarray(z * problem.sd)
        assert np.all(mean(problem, z * problem.sd)[problem.joined_weights == 0] > 0)
        (gradient, hessian), by_jax = by_the_nuisances(jnp.asarray(n), prediction, a)
        for expected in (slope(z), by_jax[0] * problem.sd):
            np.testing.assert_allclose(gradient * problem.sd, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(hessian * scale, by_jax[1] * scale, rtol=1e-9, atol=1e-9)
        # Third derivatives jump at +-1 of a morph.
        if np.all(np.abs(np.abs(z[3:]) - 1) > 0.02):
            by_hand = richardson(slope, z)
            np.testing.assert_allclose(hessian * scale, by_hand, rtol=1e-6, atol=1e-6)


def test_derivatives_vanish_at_the_best_nuisances():
    problem, observed = fixed("strong")
    n, prediction = jnp.asarray(observed), templates(problem)
    gradient, hessian = by_the_nuisances(n, prediction, best_nuisances(n, prediction)[0])[0]
    np.testing.assert_allclose(np.linalg.solve(hessian, gradient) / problem.sd, 0.0, atol=1e-9)


# --- estimated distance from the minimum ---


@pytest.mark.parametrize("most", [0, 1, 2])
def test_distance_of_a_search_cut_short(monkeypatch, most):
    """After too few steps the estimated distance is at least chi2/2 above its minimum."""
    problem, observed = problem_and_data(3, signal=20.0)
    prediction, n = templates(problem), jnp.asarray(observed)
    monkeypatch.setattr(steps, "_MAX_STEPS", most)
    solved, distance = search.best_nuisances(n, prediction)
    least, _ = brute_force(observed, problem)
    left = (float(poisson.chi2(n, prediction, solved)) - least) / 2
    assert float(distance) > max(left, 1e-3)


def test_distance_of_a_parabola(monkeypatch):
    """Of so many counts chi2 is one: half of sum (n - mu)^2/mu is left where no step is taken."""
    s = jnp.array([1e8, 2e8])
    problem = Templates(((Component(s, (0,)),),), jnp.zeros(1), jnp.zeros(1))
    monkeypatch.setattr(steps, "_MAX_STEPS", 0)
    _, distance = search.best_nuisances((1 + 5e-7) * s, problem)
    assert float(distance) == pytest.approx(25e-14 * 3e8 / 2, rel=1e-3)


def test_a_free_normalisation_without_events_switches_its_component_off():
    """No event: chi2 = 2 mu is least where the component is 0, and the search says it arrived."""
    s = jnp.array([3.0, 5.0])
    problem = Templates(((Component(s, (0,)), Component(0.1 * s)),), jnp.zeros(1), jnp.zeros(1))
    a, distance = best_nuisances(jnp.zeros(2), problem)
    assert (float(a[0]), float(distance)) == (-1.0, 0.0)
    assert float(poisson.chi2(jnp.zeros(2), problem, a)) == pytest.approx(1.6, rel=1e-14)


def test_distance_where_nothing_decides():
    """Two free normalisations of one shape, or one of nothing: the least chi2 is reached."""
    s = jnp.array([3.0, 5.0, 2.0])
    n = s + 1
    # One normalisation x of s: sum(n) = x sum(s).
    expected = deviance(np.asarray(n), np.asarray(13 / 10 * s))
    for twice in (((Component(s, (0, 1)),),), ((Component(s, (0,)), Component(0 * s, (1,))),)):
        problem = Templates(twice, jnp.zeros(2), jnp.zeros(2))
        a, distance = best_nuisances(n, problem)
        assert float(poisson.chi2(n, problem, a)) == pytest.approx(expected, rel=1e-12)
        assert abs(float(distance)) < 1e-12
