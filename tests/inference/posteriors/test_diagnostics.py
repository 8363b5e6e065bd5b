"""Effective numbers of draws and R-hat against arviz, and against what is known of chains."""

import arviz
import numpy as np
import pytest

from cevnsjax.inference.posteriors.diagnostics import effective_draws, effective_tail_draws, r_hat


def autoregressive(rho, draws, chains=4, seed=5):
    """Chains x_k = rho x_(k-1) + noise."""
    noise = np.random.default_rng(seed).normal(size=(draws, chains))
    out = [noise[0] / np.sqrt(1 - rho**2)]
    for row in noise[1:]:
        out.append(rho * out[-1] + row)
    return np.transpose(out)


@pytest.mark.parametrize("draws", [4, 5, 50, 51, 1000])
@pytest.mark.parametrize("rho", [0.95, 0.5, 0.0, -0.3, -0.6, -0.9])
def test_against_arviz(rho, draws):
    x = autoregressive(rho, draws)
    # Draws that repeat share a rank.
    for y in (x, np.round(x)):
        assert effective_draws(y) == pytest.approx(float(arviz.ess(y, method="bulk")), rel=1e-9)
        tail = float(arviz.ess(y, method="tail", prob=(0.05, 0.95)))
        assert effective_tail_draws(y) == pytest.approx(tail, rel=1e-9)
        assert r_hat(y) == pytest.approx(float(arviz.rhat(y)), rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("rho", [0.9, 0.5, 0.0, -0.3])
def test_effective_draws_of_autoregressive_chains(rho):
    """The variance of their mean is (1 + rho)/(1 - rho) times that of independent draws."""
    draws = 20_000
    expected = 4 * draws * (1 - rho) / (1 + rho)
    assert effective_draws(autoregressive(rho, draws)) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("draws", [4, 5, 50])
def test_few_draws_that_swing(draws):
    """Never more than n log10(n), never negative."""
    x = autoregressive(-0.95, draws)
    for effective in (effective_draws(x), effective_tail_draws(x)):
        assert 0 < effective <= x.size * np.log10(x.size)


def test_chains_apart_and_draws_that_are_all_equal():
    x = autoregressive(0.0, 500)
    assert r_hat(x + 5 * np.arange(4)[:, None]) > 1.5
    # Only the widths differ.
    assert r_hat(x * np.array([1, 1, 1, 4])[:, None]) > 1.1
    assert np.isnan(r_hat(np.ones((4, 100))))
    assert effective_draws(np.ones((4, 100))) == 400
