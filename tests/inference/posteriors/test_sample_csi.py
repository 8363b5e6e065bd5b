"""Sampled posteriors of experiments against exact grids; groups of counts."""

from dataclasses import replace

import arviz
import numpy as np
import pytest
from scipy import stats

import cevnsjax as cj
from cevnsjax.core.errors import InputError

NAME = "csi-2017"
PULLS = {"alpha_sig_csi2017": 0.128, "alpha_brn_csi2017": 0.25}


@pytest.fixture(scope="module")
def model():
    return cj.Model([cj.experiments.csi_2017()], [cj.StandardModel()])


@pytest.fixture(scope="module", params=[False, True], ids=["sampled", "marginalised"])
def drawn(model, request):
    return cj.sample(model, marginalise_linear=request.param, draws=1500, warmup=500, seed=2)


def within(x, mean, sd):
    """Mean and sd agree within four Monte Carlo errors, which must be small."""
    errors = [float(arviz.mcse(x, method=m)) for m in ("mean", "sd")]
    assert max(errors) < 0.05 * sd
    assert abs(x.mean() - mean) < 4 * errors[0]
    assert abs(x.std() - sd) < 4 * errors[1]


@pytest.mark.slow
def test_the_angle_against_the_exact_grid(model, drawn):
    exact = cj.grid_posterior(model, sin2_theta_w=(0.0, 1.0, 1001))
    x = drawn["posterior"]["sin2_theta_w"].values
    within(x, exact.attrs["mean_sin2_theta_w"], exact.attrs["sd_sin2_theta_w"])
    assert cj.report(drawn).converged, cj.report(drawn).status


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PULLS))
def test_pulls_against_importance_weights(model, drawn, name):
    """Witness: pulls thrown from their constraints, weighted by the likelihood of the counts."""
    e = model.experiments[NAME]
    rng = np.random.default_rng(7)
    pulls = {n: rng.normal(0, sd, 4000) for n, sd in PULLS.items()}
    total = np.zeros(4000)
    for sin2 in np.linspace(0.0, 0.5, 51):
        parts = model.by_component({"sin2_theta_w": float(sin2)})[NAME]
        signal = sum(np.asarray(c) for c in parts["signal"].values())
        (neutrons,) = (np.asarray(c) for c in parts["background"].values())
        a, b = pulls.values()
        mu = np.outer(1 + a, signal) + np.outer(1 + b, neutrons)
        total += np.exp(-0.5 * np.sum((e.observed - mu) ** 2 / e.variance, axis=1))
    w = total / total.sum()
    mean = np.sum(w * pulls[name])
    sd = np.sqrt(np.sum(w * (pulls[name] - mean) ** 2))
    x = drawn["posterior"][name].values
    # 4000 draws determine the mean to 0.016 sd and the sd to 1.1 %.
    assert x.mean() == pytest.approx(mean, abs=0.08 * sd)
    assert x.std() == pytest.approx(sd, rel=0.06)


@pytest.mark.slow
def test_groups_of_counts(model, drawn):
    """Log likelihoods against scipy; predicted counts vary by statistics and by the posterior."""
    e = model.experiments[NAME]
    posterior = drawn["posterior"]
    log = drawn["log_likelihood"][NAME].values
    assert log.shape == (4, 1500, e.observed.size)
    for chain, draw in ((0, 0), (3, 700)):
        values = {str(n): float(x[chain, draw]) for n, x in posterior.data_vars.items()}
        mu = np.asarray(model.expected(values)[NAME])
        expected = stats.norm(mu, np.sqrt(e.variance)).logpdf(e.observed)
        np.testing.assert_allclose(log[chain, draw], expected, rtol=1e-9)
    np.testing.assert_array_equal(drawn["observed_data"][NAME], e.observed)
    thrown = drawn["posterior_predictive"][NAME]
    assert thrown.sizes["draw"] == 125
    spread = thrown.values.reshape(-1, e.observed.size)
    assert np.all(spread.std(axis=0) > 0.85 * np.sqrt(e.variance))
    assert np.all(abs(spread.mean(axis=0) - mu) < 5 * np.sqrt(e.variance))
    assert posterior["sin2_theta_w"].attrs["long_name"].startswith("weak mixing angle")


@pytest.mark.slow
def test_without_information_pulls_keep_their_constraints(model):
    """Data without information: a constraint counted twice would shrink by the root of 2.

    Each pull is centred on its auxiliary measurement in the pseudo-experiment.
    """
    e = model.experiments[NAME]
    blind = cj.Model([replace(e, variance=1e8 * e.variance)], [cj.StandardModel()])
    toy = blind.toy(11)
    for marginal in (False, True):
        samples = cj.sample(blind, data=toy, marginalise_linear=marginal, draws=1500, warmup=300)
        for name, sd in PULLS.items():
            within(samples["posterior"][name].values, float(toy.auxiliary[name]), sd)
        within(samples["posterior"]["sin2_theta_w"].values, 0.5, 12**-0.5)


@pytest.mark.slow
def test_poisson_counts():
    """The strength agrees with its fit, log likelihoods with scipy, predicted counts with both."""
    model = cj.analyses.coherent2021()
    samples = cj.sample(model, chains=2, draws=500, warmup=300, seed=5)
    strength = samples["posterior"]["alpha_sig_csi2021"].values
    fitted = cj.fit(model, free=["alpha_sig_csi2021"])
    error = fitted.errors["alpha_sig_csi2021"]
    assert error is not None
    # Close to Gaussian: 400 signal events.
    assert strength.mean() == pytest.approx(fitted.values["alpha_sig_csi2021"], abs=0.4 * error)
    assert strength.std() == pytest.approx(error, rel=0.15)
    e = model.experiments["csi-2021"]
    values = {str(n): float(x[1, 9]) for n, x in samples["posterior"].data_vars.items()}
    mu = np.asarray(model.expected(values)["csi-2021"])
    np.testing.assert_allclose(
        samples["log_likelihood"]["csi-2021"].values[1, 9],
        stats.poisson(mu).logpmf(e.observed),
        rtol=1e-8,
    )
    # About the counts of the fit, with their Poisson spread.
    thrown = samples["posterior_predictive"]["csi-2021"].values.sum(axis=2)
    expected = float(model.expected(fitted.values)["csi-2021"].sum())
    assert thrown.mean() == pytest.approx(expected, rel=0.01)
    assert thrown.std() > 0.9 * np.sqrt(expected)


def test_integrated_pulls_take_no_prior(model):
    with pytest.raises(InputError, match="integrated out"):
        cj.sample(model, priors={"alpha_sig_csi2017": cj.Normal(0, 1)}, marginalise_linear=True)
