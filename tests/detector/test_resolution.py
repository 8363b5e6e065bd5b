"""Resolution models against scipy.stats: probabilities per bin, with and without efficiency."""

from dataclasses import dataclass
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from support import helpers

from cevnsjax.core.errors import InputError
from cevnsjax.detector.efficiency import Logistic
from cevnsjax.detector.resolution import (
    GammaSmearing,
    GaussianSmearing,
    PoissonSmearing,
    Resolution,
)

EDGES = (6.0, 8.0, 10.0, 15.0, 30.0)
X_TRUE = np.array([0.5, 3.0, 7.9, 12.3, 29.0, 55.0])
E_EE = X_TRUE / 13348
STEP = Logistic(0.6655, 0.4942, 10.8507, steps=((5.0, 0.5), (7.0, 1.0)))
# The efficiency of CsI 2021, clipped at 0 where the logistic less its offset turns negative.
CLIPPED = Logistic(1.32045, 0.285979, 10.8646, -0.333322)
ONSET = 10.8646 - np.log(1.32045 / 0.333322 - 1) / 0.285979


@dataclass(frozen=True)
class All:
    """Efficiency 1."""

    kinks: tuple[float, ...] = ()

    def __call__(self, x, xp):
        return xp.ones_like(x)


def _gamma(x_true):
    shape = 1 + 9.56e3 * x_true / 13348
    return stats.gamma(shape, scale=x_true / shape)


def _gauss(x_true):
    return stats.norm(x_true, np.sqrt(x_true))


CONTINUOUS = [(GammaSmearing(), _gamma), (GaussianSmearing(1.0), _gauss)]


@pytest.mark.parametrize(("model", "law"), CONTINUOUS, ids=["gamma", "gaussian"])
@pytest.mark.parametrize("xp", [np, jnp])
def test_bins_are_differences_of_the_cumulative(model, law, xp):
    got = model.bin_weights(xp.asarray(X_TRUE), xp.asarray(E_EE), EDGES, All(), xp)
    expected = np.stack([np.diff(law(x).cdf(EDGES)) for x in X_TRUE], axis=1)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("efficiency", [STEP, CLIPPED], ids=["steps", "clipped"])
@pytest.mark.parametrize(("model", "law"), CONTINUOUS, ids=["gamma", "gaussian"])
def test_efficiency_is_taken_at_the_reconstructed_observable(model, law, efficiency):
    """Kinks of the efficiency split the inner integral; compared with scipy's quadrature."""
    got = model.bin_weights(X_TRUE, E_EE, EDGES, efficiency, np)
    for j, x_true in enumerate(X_TRUE):
        density = law(x_true)
        f = lambda x, d=density: d.pdf(x) * float(efficiency(x, np))  # noqa: E731
        for i, (low, high) in enumerate(pairwise(EDGES)):
            cut = [k for k in (*STEP.kinks, ONSET) if low < k < high] or None
            expected = quad(f, low, high, points=cut, epsabs=1e-15, epsrel=1e-12, limit=200)[0]
            assert got[i, j] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("model", "law"),
    [*CONTINUOUS, (PoissonSmearing(), stats.poisson)],
    ids=["gamma", "gaussian", "poisson"],
)
def test_width_is_the_standard_deviation(model, law):
    np.testing.assert_allclose(model.width(X_TRUE, E_EE), law(X_TRUE).std(), rtol=1e-12)


@pytest.mark.parametrize("xp", [np, jnp])
def test_poisson_counts(xp):
    """Count n lies in [n, n + 1); efficiency at n + 1/2."""
    got = PoissonSmearing().bin_weights(xp.asarray(X_TRUE), xp.asarray(E_EE), EDGES, STEP, xp)
    n = np.arange(6, 30)
    cells = stats.poisson.pmf(n[:, None], X_TRUE) * STEP(n + 0.5, np)[:, None]
    expected = [cells[(n >= a) & (n < b)].sum(axis=0) for a, b in pairwise(EDGES)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "model", [GammaSmearing(), GaussianSmearing(0.3), PoissonSmearing()], ids=repr
)
def test_events_are_conserved_in_wide_bins(model):
    """Efficiency 1 and bins that hold every outcome: probabilities sum to 1 for each recoil.

    True values of 8 PE and more: the Gaussian must keep away from 0, and a gamma density of small
    shape has a branch point there, x^(shape - 1), that costs a bin from 0 its last digits (2e-9 at
    5 PE).
    """
    x_true = np.linspace(8.0, 60.0, 23)
    got = model.bin_weights(x_true, x_true / 13348, (0.0, 10.0, 40.0, 260.0), All(), np)
    np.testing.assert_allclose(got.sum(axis=0), 1.0, rtol=1e-10)


def test_csi_2021_gamma_cdf(golden):
    entry = golden("csi_2021")["gamma_cdf.n16.E_ee1keV"]
    E_ee = np.array([1e-3])
    got = GammaSmearing().bin_weights(E_ee * 1e3 / 0.0749, E_ee, (0.0, 16.0), All(), np)
    helpers.check(got[0, 0], entry)


@pytest.mark.parametrize(
    "model", [GammaSmearing(), GaussianSmearing(1.0), PoissonSmearing()], ids=repr
)
def test_gradient_is_finite_down_to_tiny_recoils(model):
    def total(x):
        return jnp.sum(model.bin_weights(x[None], x[None] / 13348, EDGES, STEP, jnp))

    for x in (1e-6, 1e-3, 0.1, 5.0, 80.0):
        value, slope = jax.value_and_grad(total)(jnp.asarray(x))
        assert np.isfinite(value)
        assert np.isfinite(slope)


def test_models_satisfy_the_protocol():
    assert all(isinstance(m, Resolution) for m in (GammaSmearing(), PoissonSmearing()))


@pytest.mark.parametrize("c", [0.0, -0.5, float("nan")])
def test_bad_width(c):
    with pytest.raises(InputError, match="smearing constant must be > 0, got"):
        GaussianSmearing(c)


def test_poisson_needs_integer_edges():
    with pytest.raises(InputError, match=r"integer bin edges, got \[6\.5, 8\.0\]"):
        PoissonSmearing().bin_weights(X_TRUE, E_EE, (6.5, 8.0), All(), np)


@pytest.mark.parametrize("c", [2e-2, 2e-3, 5e-4])
def test_narrow_resolutions_in_traces(c):
    """Their table misses no bin: probabilities of a normal law by scipy, efficiency 1."""
    x = np.concatenate([np.linspace(0.1, 0.3, 301), [0.14995, 0.15002, 0.2499, 0.25001]])
    edges = (0.15, 0.2, 0.21, 0.25)
    model = GaussianSmearing(c)
    traced = jax.jit(lambda t: model.bin_weights(t, t / 1e3, edges, All(), jnp))(jnp.asarray(x))
    cumulative = stats.norm.cdf(np.array(edges)[:, None], x, c * np.sqrt(x))
    np.testing.assert_allclose(traced, np.diff(cumulative, axis=0), atol=1e-9)
