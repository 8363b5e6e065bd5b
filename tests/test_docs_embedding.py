"""docs/embedding.md, run as printed: gradients flow through the likelihood, and training works."""

import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import cevnsjax as cj

TEXT = (Path(__file__).parents[1] / "docs" / "embedding.md").read_text()
TRAIN, COMPARE, ROBUST = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SETUP, LOOP = TRAIN.split("losses = []\n")


@pytest.fixture(scope="module")
def printed():
    """Names that the first block defines before its loop."""
    # Neural-network packages mix types and ranks, which jax allows by default.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        names = {}
        exec(SETUP, names)
        return names


def directional(function, network, seed):
    """Slope of a function of a network along a random direction: exact, and by differences."""
    weights, rest = eqx.partition(network, eqx.is_inexact_array)
    flat, unravel = ravel_pytree(weights)
    direction = np.random.default_rng(seed).normal(size=flat.size)
    direction /= np.linalg.norm(direction)

    @jax.jit
    def at(h):
        return function(eqx.combine(unravel(flat + h * direction), rest))

    h = 1e-4
    difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    return float(jax.jit(jax.grad(at))(0.0)), float(difference)


def test_gradients_flow_through_the_likelihood(printed):
    spectra = printed["simulate"](jax.random.key(5), 4)
    for seed in range(2):
        exact, difference = directional(
            lambda n: printed["loss"](n, spectra), printed["network"], seed
        )
        assert abs(exact) > 1e-3
        assert exact == pytest.approx(difference, rel=1e-6)


def test_likelihood_in_the_loss_is_the_models(printed):
    """The loss is the mean of the model's nll over spectra."""
    model, network = printed["model"], printed["network"]
    spectra = printed["simulate"](jax.random.key(6), 3)
    each = [
        float(model.profiled_nll({"sin2_theta_w": float(network(n))}, data=np.asarray(n)))
        for n in spectra
    ]
    assert float(printed["loss"](network, spectra)) == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.slow
def test_training_as_printed_finds_the_fit(printed, capsys):
    names = dict(printed)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec("losses = []\n" + LOOP, names)
        exec(COMPARE, names)
        exec(ROBUST, names)
    assert re.fullmatch(r"network 0\.\d{3}, fit 0\.\d{3}\n", capsys.readouterr().out)
    losses, model = names["losses"], names["model"]
    assert np.mean(losses[-50:]) < 0.5 * losses[0]
    # Twelve bins, one angle: at the best fits of all spectra chi2 is 11 on average, nll 5.5.
    assert np.mean(losses[-50:]) == pytest.approx(5.5, abs=0.6)
    fit = names["fit"]
    assert names["estimate"] == pytest.approx(
        fit.values["sin2_theta_w"], abs=0.5 * fit.errors["sin2_theta_w"]
    )
    assert model.profiled_nll({"sin2_theta_w": names["estimate"]}) < fit.chi2 / 2 + 0.125
    slopes = jax.tree.leaves(eqx.filter(names["slopes"], eqx.is_inexact_array))
    assert all(jnp.all(jnp.isfinite(s)) for s in slopes)
    spectra = names["simulate"](jax.random.key(7), 4)
    exact, difference = directional(lambda n: names["robust_loss"](n, spectra), names["network"], 3)
    assert exact == pytest.approx(difference, rel=1e-5)


def test_documented_names_are_there():
    assert callable(cj.amortise)
    assert callable(cj.export)
