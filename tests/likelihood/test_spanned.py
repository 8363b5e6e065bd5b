"""Counts as sums of shared templates against automatic derivatives of the counts themselves.

The prediction is written a second time here, for one point, from the shifted templates.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax.likelihood import search
from cevnsjax.likelihood.components import Component, Templates
from cevnsjax.likelihood.shared.kept import Monomials, spread
from cevnsjax.likelihood.shared.spanned import spanned, spans_of

CELLS, PARTS, POWERS = 12, 2, 3
SD = np.array([0.1, 0.3, 1.0, 1.0])
CENTRE = np.array([0.02, -0.1, 0.3, -0.2])


def bent(x):
    """HistFactory's interpolation code 4p of the half sum of both shifts."""
    inside = x**2 * (15 - 10 * x**2 + 3 * x**4) / 8
    return jnp.where(jnp.abs(x) > 1, jnp.abs(x), inside)


def positive(nominal, changed):
    """Linear down to a tenth of nominal, then falling as a Gaussian in the distance."""
    edge = 0.1 * nominal
    t = jnp.maximum(1 - changed / edge, 0.0)
    return jnp.where(changed < edge, edge * jnp.exp(-t - t**2 / 2), changed)


class Prediction:
    """A signal of two parts, two pulls and two morphs; the second morph bends a background too."""

    def __init__(self, seed, bends=1.0):
        rng = np.random.default_rng(seed)
        signal = rng.uniform(2.0, 6.0, (POWERS, PARTS, CELLS)) * [[[1.0]], [[0.3]], [[0.1]]]
        self.signal = signal
        size = (*signal.shape[:-1], 2, CELLS)
        self.linear = bends * rng.uniform(-0.7, 0.7, size) * signal[..., None, :]
        self.curved = bends * rng.uniform(-0.3, 0.3, size) * signal[..., None, :]
        self.background = rng.uniform(1.0, 8.0, CELLS)
        self.bg_linear = bends * rng.uniform(-0.7, 0.7, CELLS) * self.background
        self.bg_curved = bends * rng.uniform(-0.3, 0.3, CELLS) * self.background
        self.data = rng.poisson(12.0, CELLS).astype(float)

    @property
    def problem(self):
        first = Component(self.signal, (0,), self.linear, self.curved, (2, 3))
        shifts = self.bg_linear[None], self.bg_curved[None]
        second = Component(self.background, (1,), *shifts, (3,))
        return Templates(((first, second),), 1 / SD**2, CENTRE)

    def counts(self, theta, a):
        powers = theta ** jnp.arange(float(POWERS))
        nominal, linear, curved = (
            jnp.tensordot(powers, jnp.asarray(x), 1)
            for x in (self.signal, self.linear, self.curved)
        )
        x = a[2:]
        changed = nominal + jnp.einsum("m,pmc->pc", x, linear)
        changed = changed + jnp.einsum("m,pmc->pc", bent(x), curved)
        other = self.background + a[3] * self.bg_linear + bent(a[3]) * self.bg_curved
        signal = positive(nominal, changed).sum(0)
        return (1 + a[0]) * signal + (1 + a[1]) * positive(self.background, other)

    def nll(self, q):
        mu = self.counts(q[0], q[1:])
        n = self.data
        cells = mu - n + jnp.where(n > 0, n * jnp.log(jnp.maximum(n, 1.0) / mu), 0.0)
        return cells.sum() + (((q[1:] - CENTRE) / SD) ** 2).sum() / 2


def monomials(theta, *, with_slopes):
    """Powers of theta, [..., power], and their derivatives if wanted."""
    e = np.arange(POWERS)
    value = theta[..., None] ** e
    slope = (e * theta[..., None] ** np.maximum(e - 1, 0))[..., None, :]
    second = (e * (e - 1) * theta[..., None] ** np.maximum(e - 2, 0))[..., None, None, :]
    if with_slopes:
        return Monomials(value, slope, second)
    return Monomials(value, slope[..., :0, :], second[..., :0, :0, :])


def random_points(shape, spread=1.0):
    rng = np.random.default_rng(7)
    return rng.uniform(0.2, 2.0, shape), spread * rng.normal(size=(*shape, 4)) * [0.1, 0.2, 1, 1]


def test_value_slopes_and_curvatures_by_parameter_and_nuisances():
    prediction = Prediction(1)
    theta, a = random_points((40,), 1.3)
    problem = prediction.problem
    points = spanned(problem, spans_of(problem), monomials(theta, with_slopes=True))
    at = points.expansion(prediction.data, points.of(a))
    assert any(kept.cell.size > 20 for s in at.mean.experiments for kept in s.kept)
    change = np.zeros((5, 5))
    change[0, 0], change[1:, 1:] = 1.0, points.by_nuisances
    with jax.enable_x64(True):
        for k in range(len(theta)):
            q = jnp.asarray([theta[k], *a[k]])
            value, gradient = jax.value_and_grad(prediction.nll)(q)
            assert at.value[k] == pytest.approx(float(value), rel=1e-12)
            np.testing.assert_allclose(change.T @ at.gradient[k], gradient, rtol=1e-9, atol=1e-9)
            hessian = jax.hessian(prediction.nll)(q)
            np.testing.assert_allclose(
                change.T @ at.hessian[k] @ change, hessian, rtol=1e-9, atol=1e-8
            )


def test_points_are_solved_as_each_alone():
    prediction = Prediction(2, bends=0.3)
    theta, _ = random_points((15,))
    problem = prediction.problem
    points = spanned(problem, spans_of(problem), monomials(theta, with_slopes=False))
    start = np.broadcast_to(points.start(), (15, 4))
    best = search.best(prediction.data, points, start)
    a, chi2 = points.nuisances(best.z), points.chi2(prediction.data, best.z)
    assert np.all(best.distance < 1e-9)
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(prediction.nll))
        for k in range(15):
            q = jnp.asarray([theta[k], *a[k]])
            assert np.max(np.abs(slope(q)[1:])) < 1e-6
            assert chi2[k] == pytest.approx(2 * float(prediction.nll(q)), rel=1e-12)


@pytest.mark.parametrize("points", [3, 14, 23])
def test_products_in_pieces_are_products(points, monkeypatch):
    monkeypatch.setattr("cevnsjax.likelihood.shared.kept._MOST_MULTIPLICATIONS", 7 * 30)
    rng = np.random.default_rng(3)
    weights, merged = rng.normal(size=(points, 2, 5)), rng.normal(size=(5, 6))
    expected = np.einsum("pcj,jk->pck", weights, merged)
    np.testing.assert_allclose(spread(weights, merged), expected, rtol=1e-13, atol=1e-13)
