"""Efficiencies against golden values and the formulas of their papers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.core.errors import InputError
from cevnsjax.detector.efficiency import Efficiency, Logistic, TabulatedEfficiency
from cevnsjax.experiments import csi_2017

CSI = csi_2017().detector.efficiency


@pytest.mark.parametrize("entry", helpers.entries("detector", "acceptance"))
def test_golden(entry):
    helpers.check(CSI(entry["inputs"]["n_pe"], np), entry)


def test_csi_2021_golden(golden):
    entry = golden("csi_2021")["efficiency.n20"]
    helpers.check(Logistic(1.32045, 0.285979, 10.8646, -0.333322)(20.0, np), entry)


def test_clipped_at_zero():
    """The offset of the 2021 form makes it negative below 7.0 PE; never below 0."""
    efficiency = Logistic(1.32045, 0.285979, 10.8646, -0.333322)
    n = np.linspace(0, 60, 241)
    raw = 1.32045 / (1 + np.exp(-0.285979 * (n - 10.8646))) - 0.333322
    np.testing.assert_allclose(efficiency(n, np), np.maximum(raw, 0), rtol=1e-14)
    assert raw[0] < 0 <= efficiency(n, np).min()


def test_steps_hold_from_their_edge_on():
    n = np.array([0.0, 4.999, 5.0, 5.999, 6.0, 10.0, 40.0])
    for xp in (np, jnp):
        np.testing.assert_allclose(CSI(xp.asarray(n), xp), oracle.acceptance(n), rtol=1e-14)
    assert CSI.kinks == (5.0, 6.0)
    assert isinstance(CSI, Efficiency)


def test_gradient_is_finite_everywhere():
    slopes = jax.vmap(jax.grad(lambda n: CSI(n, jnp)))(np.linspace(0.0, 60.0, 601))
    assert np.all(np.isfinite(slopes))


@pytest.mark.parametrize(("a", "k"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_bad_constants(a, k):
    with pytest.raises(InputError, match="must be > 0, got"):
        Logistic(a, k, 10.0)


@pytest.mark.parametrize(
    ("x", "values", "words"),
    [
        ((0.0, 1.0), (-0.1, 1.0), "must not be negative, got -0.1"),
        ((0.0, 0.0), (0.1, 1.0), "must increase"),
        ((0.0,), (0.1,), "two points or more"),
    ],
)
def test_bad_tables(x, values, words):
    with pytest.raises(InputError, match=words):
        TabulatedEfficiency(x, values)


def test_a_kink_where_the_clipping_ends():
    """CsI 2021: exactly 0 just below the kink, above 0 just beyond it."""
    clipped = Logistic(1.32045, 0.285979, 10.8646, -0.333322)
    (kink,) = clipped.kinks
    below, above = clipped(np.array([kink - 1e-6, kink + 1e-6]), np)
    assert below == 0
    assert 0 < above < 1e-6
