"""Thousands of bins: right in every bin, and within memory; witnesses: closed forms and scipy."""

import tracemalloc
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse, stats
from scipy.integrate import quad

from cevnsjax.detector.efficiency import Logistic, TabulatedEfficiency
from cevnsjax.detector.matrices import bands, combined, segments
from cevnsjax.detector.quenching import PolynomialQuenching
from cevnsjax.detector.refine import refined
from cevnsjax.detector.resolution import GammaSmearing, GaussianSmearing
from cevnsjax.detector.response import response
from cevnsjax.experiments import csi_2017

KINKS = np.array([0.0142, 0.0149, 0.0455, 0.0477])
FULL = TabulatedEfficiency((0.0, 1000.0), (1.0, 1.0))
EDGES = tuple(np.linspace(4.0, 40.0, 3001).tolist())


def detector(quenching, **changes):
    whole = replace(csi_2017(quenching).detector, efficiency=FULL, edges=EDGES)
    return replace(whole, **changes)


def counts_of(detector, scale=None):
    """Counts of exp(-T/10 keV) in the bins; traced with a scale of the quenching curve."""
    shape, xp = ({}, np) if scale is None else ({"qf_scale": scale}, jnp)
    T, R = response(detector, KINKS, shape, xp)
    return R.fold(xp.exp(-T / 0.01)[None], xp)[0, 0]


def primitive(T):
    return -0.01 * np.exp(-np.minimum(T, KINKS[-1]) / 0.01)


@pytest.mark.parametrize("factor", [0.0878, 0.05])
def test_recoil_intervals(factor):
    """Integrals over the recoils of each bin, closed form; bins beyond the end point are empty."""
    T = np.array(EDGES) / 13348 / factor
    got = counts_of(detector(factor))
    np.testing.assert_allclose(got, np.diff(primitive(T)), rtol=1e-9, atol=1e-17)
    np.testing.assert_allclose(jax.jit(lambda s: counts_of(detector(factor), s))(1.0), got)


def test_derivative_of_recoil_intervals():
    """Every edge moves as 1/scale: d/dscale of exp(-T/T_0) dT at both of them."""
    T = np.array(EDGES) / 13348 / 0.0878
    expected = -np.diff(np.where(KINKS[-1] > T, np.exp(-T / 0.01) * T, 0.0))
    got = jax.jit(jax.jacfwd(lambda s: counts_of(detector(0.0878), s)))(1.0)
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())


def test_a_curve_that_turns_around():
    """E_ee = 0.1 T - 2 T^2: both stretches of a bin, closed form."""
    edges = tuple(np.linspace(2.0, 16.0, 2001).tolist())
    root = np.sqrt(0.01 - 8 * np.array(edges) / 13348)
    expected = np.diff(primitive((0.1 - root) / 4)) - np.diff(primitive((0.1 + root) / 4))
    got = counts_of(detector(PolynomialQuenching((0.1, -2.0)), edges=edges))
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def _gauss(x):
    return stats.norm(x, 0.05 * np.sqrt(x))


def _gamma(x):
    shape = 1 + 9.56 * x / 13.348
    return stats.gamma(shape, scale=x / shape)


@pytest.mark.parametrize(
    ("model", "law", "edges"),
    [
        (GaussianSmearing(0.05), _gauss, EDGES),
        (GaussianSmearing(0.05), _gauss, tuple(np.linspace(0.0, 40.0, 151).tolist())),
        (GammaSmearing(), _gamma, EDGES),
    ],
    ids=["gauss", "wide bins", "gamma"],
)
def test_resolution_and_efficiency(model, law, edges):
    """A few bins against scipy's quadrature of efficiency, distribution and rate."""
    efficiency = Logistic(0.6655, 0.4942, 10.8507, steps=((5.0, 0.5), (6.0, 1.0)))
    smeared = detector(0.0878, efficiency=efficiency, resolution=model, edges=edges)
    got, width = counts_of(smeared), edges[1] - edges[0]
    for k in np.linspace(0, len(edges) - 2, 7).astype(int):
        low, high = edges[k], edges[k + 1]
        nodes, weights = np.polynomial.legendre.leggauss(40)
        x = (low + high) / 2 + width / 2 * nodes
        accepted = width / 2 * weights * efficiency(x, np)

        def recoils(T, x=x, accepted=accepted):
            return np.exp(-T / 0.01) * float(law(13348 * 0.0878 * T).pdf(x) @ accepted)

        at = (low + high) / 2 / 13348 / 0.0878
        reach = 12 * law(max(high, 0.1)).std() / 13348 / 0.0878
        ends = max(at - reach, 1e-9), min(at + 3 * reach, KINKS[-1])
        expected = quad(recoils, *ends, limit=400, epsabs=1e-15, epsrel=1e-10, points=[at])[0]
        assert got[k] == pytest.approx(expected, rel=2e-6, abs=1e-12)


def test_matrices_fold_as_those_of_scipy():
    """Segments and bands against scipy.sparse, one at a time and combined."""
    rng = np.random.default_rng(3)
    bins, nodes = 700, 900
    rates = rng.random((2, nodes))
    owners = rng.integers(0, bins + 1, nodes)
    weights = rng.random(nodes)
    inside = owners < bins
    entries = weights[inside], (owners[inside], np.flatnonzero(inside))
    witness = sparse.csr_array(entries, shape=(bins, nodes))
    got = segments(weights, owners, bins)
    np.testing.assert_allclose(got.fold(rates)[:, 0], (witness @ rates.T).T, rtol=1e-13)
    diagonals = [
        sparse.diags_array(rng.random(nodes), offsets=k, shape=(bins, nodes)) for k in range(9)
    ]
    low, high = (sparse.csr_array(sum(parts)) for parts in (diagonals[:5], diagonals[3:]))
    parts = [bands(iter(np.array_split(m.toarray(), 7, axis=1)), bins, nodes) for m in (low, high)]
    factors = np.array([[1.0, 0.0], [0.5, -2.0]])
    both = combined(parts, factors)
    for xp in (np, jnp):
        counts = both.fold(xp.asarray(rates), xp)
        for k, (a, b) in enumerate(factors):
            np.testing.assert_allclose(counts[:, k], ((a * low + b * high) @ rates.T).T, rtol=1e-12)
    scaled = both.times(rates[0]).fold(np.ones((1, nodes)))[0, 0]
    np.testing.assert_allclose(scaled, low @ rates[0], rtol=1e-12)


@pytest.mark.parametrize("model", [None, GaussianSmearing(0.58), GaussianSmearing(0.01)])
def test_memory_of_ten_thousand_bins(model):
    """Refined, and the response: a full matrix would take up to 4 GB."""
    edges = tuple(np.linspace(4.0, 40.0, 10_001).tolist())
    tracemalloc.start()
    try:
        experiment = detector(0.0878, edges=edges, resolution=model)
        checked = refined(experiment, KINKS, lambda T: np.exp(-T / 0.01)[None])
        response(checked.detector, KINKS, {}, np, checked.panels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300e6
