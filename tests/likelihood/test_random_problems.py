"""Random problems with few and many counts and signals of any size, against scipy from many starts.

The witness knows nothing of the package: it is NumPy, in other variables, the expected counts of
components. Their logarithms of lognormal components are free, all others stay at or above 0.
"""

from dataclasses import dataclass, replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.likelihood import coordinates, search
from cevnsjax.likelihood.components import Component, Templates

CELLS = 6


@dataclass(frozen=True)
class Kind:
    """What a problem looks like: pulls on each component, the signal first.

    Pulls are normal but for the ``lognormal`` ones.
    """

    pulls: tuple[tuple[int, ...], ...]
    lognormal: frozenset[int] = frozenset()

    @property
    def count(self):
        return 1 + max(k for row in self.pulls for k in row)


KINDS = {
    "own pulls": Kind(((0,), (1,))),
    "one background without": Kind(((0,), (1,), ())),
    "two on the signal": Kind(((0, 1), (2,))),
    "efficiency on both": Kind(((0,), (0, 1), (2,))),
    "lognormal signal": Kind(((0,), (1,)), frozenset({0})),
    "lognormal background": Kind(((0,), (1,)), frozenset({1})),
    "all lognormal": Kind(((0,), (1,)), frozenset({0, 1})),
}


@dataclass(frozen=True)
class Drawn:
    """One random problem: counts [component, cell], widths and centres [pull], data [cell]."""

    kind: Kind
    counts: np.ndarray
    sd: np.ndarray
    centre: np.ndarray
    observed: np.ndarray


def drawn(name, seed):
    """Few or many counts, a signal of 1e-6 to 1e12 of its size, pulls of 5 to 300 %, some free."""
    rng, kind = np.random.default_rng([seed, *name.encode()]), KINDS[name]
    size = 10 ** rng.uniform(-1, 5)
    counts = size * rng.dirichlet(np.ones(CELLS), len(kind.pulls)) * rng.uniform(0.1, 3)
    counts[rng.uniform(size=counts.shape) < 0.1] = 0.0
    sd = np.exp(rng.uniform(np.log(0.05), np.log(3.0), kind.count))
    normal = [k for k in range(kind.count) if k not in kind.lognormal]
    if normal and rng.uniform() < 0.2:
        sd[rng.choice(normal)] = np.inf
    centre = np.where(np.isfinite(sd), rng.normal(size=kind.count) * (rng.uniform() < 0.5), 0.0)
    centre = centre * np.array(
        [1.0 if k in kind.lognormal else min(x, 1) for k, x in enumerate(sd)]
    )
    observed = rng.poisson(counts.sum(axis=0) * rng.uniform(0, 2)).astype(float)
    if rng.uniform() < 0.1:
        observed[:] = 0.0
    # Every cell with events has something that can make them.
    observed[counts[1:].sum(axis=0) == 0] = 0.0
    counts[0] *= 10 ** rng.uniform(-6, 12)
    return Drawn(kind, counts, sd, centre, observed)


def templates(problem):
    """The problem as the package takes it."""
    kind = problem.kind
    components = []
    for counts, pulls in zip(problem.counts, kind.pulls, strict=True):
        logs = tuple(k for k in pulls if k in kind.lognormal)
        widths = jnp.asarray(np.log1p(problem.sd[list(logs)])) if logs else None
        normal = tuple(k for k in pulls if k not in kind.lognormal)
        components.append(Component(jnp.asarray(counts), normal, log_pulls=logs, log_widths=widths))
    sd = np.where([k in kind.lognormal for k in range(kind.count)], 1.0, problem.sd)
    return Templates((tuple(components),), jnp.asarray(1 / sd**2), jnp.asarray(problem.centre))


@cache
def solver():
    @jax.jit
    def solve(observed, prediction):
        solved = coordinates.coordinates_of(prediction)
        found = search.best(observed, solved)
        return (
            solved.chi2(observed, found.z),
            solved.nuisances(found.z),
            found.distance,
            solved.view(found.z).strengths,
        )

    return solve


# --- the witness ---


def penalty(problem, y, logs):
    """Least penalty of pulls at strengths y [component] and lognormal pulls, with its gradient."""
    kind, sd, c = problem.kind, problem.sd, problem.centre
    value, by_y = 0.0, np.zeros(len(y))

    def add(shift, width, rows):
        nonlocal value
        if np.isfinite(width):
            value += (shift / width) ** 2
            for row, sign in rows:
                by_y[row] += 2 * sign * shift / width**2

    if kind.pulls == ((0, 1), (2,)):
        add(y[0] - 1 - c[0] - c[1], np.hypot(sd[0], sd[1]), [(0, 1)])
        add(y[1] - 1 - c[2], sd[2], [(1, 1)])
    elif kind.pulls == ((0,), (0, 1), (2,)):
        add(y[0] - 1 - c[0], sd[0], [(0, 1)])
        add(y[1] - y[0] - c[1], sd[1], [(1, 1), (0, -1)])
        add(y[2] - 1 - c[2], sd[2], [(2, 1)])
    else:
        for row, pulls in enumerate(kind.pulls):
            for k in pulls:
                if k not in kind.lognormal:
                    add(y[row] - 1 - c[k], sd[k], [(row, 1)])
    for k, x in logs.items():
        value += (x - c[k]) ** 2
    return value, by_y


def chi2_of(problem, t):
    """chi2 and its gradient in the witness's variables.

    They are counts of components with normal pulls, in units of ``scale``, and lognormal pulls.
    """
    kind, scale = problem.kind, scales(problem)
    y, by_t, logs = np.ones(len(kind.pulls)), np.zeros(len(t)), {}
    for row, pulls in enumerate(kind.pulls):
        if pulls and pulls[0] in kind.lognormal:
            logs[pulls[0]] = t[row]
            y[row] = np.exp(min(t[row] * np.log1p(problem.sd[pulls[0]]), 600))
        elif pulls:
            y[row] = t[row] * scale[row]
    mu = y @ problem.counts
    n = problem.observed
    if np.any(mu[n > 0] <= 0):
        return np.inf, by_t
    safe = np.where(mu > 0, mu, 1.0)
    entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / safe), 0.0)
    extra, by_y = penalty(problem, y, logs)
    value = 2 * np.sum(mu - n + entropy) + extra
    by_y = by_y + problem.counts @ (2 * (1 - np.where(n > 0, n / safe, 0.0)))
    for row, pulls in enumerate(kind.pulls):
        if pulls and pulls[0] in kind.lognormal:
            k = pulls[0]
            by_t[row] = by_y[row] * y[row] * np.log1p(problem.sd[k])
            # Lognormal components have one pull, whose penalty does not go through y.
            by_t[row] += 2 * (t[row] - problem.centre[k])
        elif pulls:
            by_t[row] = by_y[row] * scale[row]
    return value, by_t


def scales(problem):
    """Strength that gives a component about as many counts as its uncertainty."""
    total = problem.counts.sum(axis=1)
    typical = np.sqrt(problem.observed.sum() + 1)
    return np.minimum(typical / np.maximum(total, 1e-30), 1.0)


def witness(problem):
    """Least chi2 by L-BFGS-B from many starts, each continued from its end.

    Without lognormal pulls chi2 is convex, and a few starts are enough.
    """
    starts = 12 if problem.kind.lognormal else 3
    kind, rng, scale = problem.kind, np.random.default_rng(1), scales(problem)
    bounds = [
        (None, None) if pulls and pulls[0] in kind.lognormal else (0, None) for pulls in kind.pulls
    ]
    total = np.maximum(problem.counts.sum(axis=1), 1e-30)
    least = np.inf
    for i in range(starts):
        events = (problem.observed.sum() + 1) * rng.uniform(0, 1.5, len(total))
        t = events / total / scale
        for row, pulls in enumerate(kind.pulls):
            if pulls and pulls[0] in kind.lognormal:
                width = np.log1p(problem.sd[pulls[0]])
                t[row] = np.log(events[row] / total[row] + 1e-300) / width if i % 2 else 0.0
        for _ in range(6):
            end = minimize(
                lambda t: chi2_of(problem, t),
                t,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"ftol": 1e-16, "gtol": 1e-11, "maxiter": 2000, "maxls": 60},
            )
            t = end.x
        least = min(least, end.fun)
    return least


def in_numpy(problem, prediction):
    """The same search in NumPy, at three equal points side by side."""
    prediction = jax.tree.map(np.asarray, prediction)
    solved = coordinates.coordinates_of(prediction)
    observed = np.tile(problem.observed, (3, 1))
    found = search.best(observed, solved)
    outcome = solved.chi2(observed, found.z), found.distance, solved.view(found.z).strengths
    for values in outcome:
        np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape))
    return [values[0] for values in outcome]


def compare(name, seed):
    problem = drawn(name, seed)
    prediction, expected = templates(problem), witness(problem)
    chi2, _, distance, strengths = solver()(jnp.asarray(problem.observed), prediction)
    for found in ((chi2, distance, strengths), in_numpy(problem, prediction)):
        assert float(found[1]) < 1e-9, (name, seed)
        assert float(found[0]) == pytest.approx(expected, rel=1e-12, abs=1e-8), (name, seed)
        assert np.min(found[2]) >= 0


@pytest.mark.parametrize("name", ["own pulls", "two on the signal", "lognormal signal"])
def test_some(name):
    for seed in range(5):
        compare(name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_many(name):
    for seed in range(5, 48):
        compare(name, seed)


def test_gradient_of_the_witness():
    for name in KINDS:
        problem = replace(drawn(name, 3), observed=np.full(CELLS, 4.0))
        problem = replace(problem, counts=np.maximum(problem.counts, 1.0))
        t = np.full(len(problem.kind.pulls), 0.8)
        _, gradient = chi2_of(problem, t)
        for k, step in enumerate(1e-5 * np.eye(len(t))):
            slope = (chi2_of(problem, t + step)[0] - chi2_of(problem, t - step)[0]) / 2e-5
            assert gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-3)
