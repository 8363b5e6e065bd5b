"""Amortised posteriors against closed forms and exact grids; ranks of simulated truths."""

import json
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.neural import amortise as amortised
from cevnsjax.inference.neural.amortise import amortise
from cevnsjax.inference.neural.setup import features
from cevnsjax.inference.neural.unbounded import from_normal, to_normal
from cevnsjax.inference.posteriors.priors import Density

NAME = "csi-2017"
# A line through six cells: theta and a nuisance a of width SD_A change the counts linearly.
THETA, SHAPE, NOISE, SD_A = (
    np.array([3.0, 2.0, 1.0, 0.0, -1.0, 1.0]),
    np.array([0.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
    np.array([1.0, 2.0, 1.0, 1.0, 2.0, 3.0]),
    0.5,
)
BASE, SEEN = 20.0, np.array([21.0, 24.0, 20.5, 21.0, 18.0, 25.0])


class Linear(Toy):
    """Gaussian counts, linear in everything: the posterior is Gaussian, in closed form."""

    experiments = {"line": SimpleNamespace(statistic="gaussian", variance=NOISE**2)}  # noqa: RUF012

    def expected(self, values):
        return {"line": BASE + THETA * values["theta"] + SHAPE * values["a"]}


def linear():
    table = [
        parameter("theta", prior=cj.Normal(0.5, 1.0), free=True, unit="fm"),
        parameter("a", kind="nuisance", prior=cj.Normal(0.0, SD_A), scale=SD_A, linear=True),
    ]
    return Linear(table, chi2=None, observed=(SEEN,))


def closed_form(seen):
    """Mean and covariance of (theta, a)."""
    slopes = np.stack([THETA, SHAPE], axis=1)
    inverse = np.diag([1.0, SD_A**-2])
    covariance = np.linalg.inv(slopes.T @ (slopes / NOISE[:, None] ** 2) + inverse)
    pull = slopes.T @ ((seen - BASE) / NOISE**2) + inverse @ [0.5, 0.0]
    return covariance @ pull, covariance


@pytest.fixture(scope="module")
def line():
    """Trained on theta alone, the nuisance integrated over."""
    return amortise(linear(), steps=600, batch=256, width=32, rate=5e-3, seed=1)


# --- coordinates ---
def density(low, high, normal=None):
    return Density("x", low, high, 1.0, None if normal is None else cj.Normal(*normal))


PRIORS = [
    pytest.param(density(-1.0, 3.0), stats.uniform(-1, 4), id="flat"),
    pytest.param(density(-np.inf, np.inf, (2.0, 0.5)), stats.norm(2, 0.5), id="normal"),
    pytest.param(
        density(0.0, np.inf, (0.3, 0.5)), stats.truncnorm(-0.6, np.inf, 0.3, 0.5), id="cut-below"
    ),
    pytest.param(
        density(-1.0, 2.0, (-3.0, 1.0)), stats.truncnorm(2, 5, -3, 1), id="tail-above-mean"
    ),
    pytest.param(
        density(0.0, 1.0, (5.0, 1.0)), stats.truncnorm(-5, -4, 5, 1), id="tail-below-mean"
    ),
]


@pytest.mark.parametrize(("prior", "exact"), PRIORS)
def test_prior_is_standard_normal_in_the_coordinates(prior, exact):
    """The map takes quantiles to quantiles, and back; the density is that of scipy."""
    p = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    z, x = stats.norm.ppf(p), exact.ppf(p)
    np.testing.assert_allclose(from_normal(prior, z), x, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(to_normal(prior, from_normal(prior, z)), z, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(prior.log(x, jnp), exact.logpdf(x), rtol=1e-9, atol=1e-9)
    assert prior.log(jnp.array(-40.0), jnp) in (-np.inf, pytest.approx(exact.logpdf(-40.0)))


def test_coordinates_are_finite_at_the_ends():
    prior = density(0.0, 1.0)
    z = np.asarray(to_normal(prior, np.array([0.0, 1.0])))
    assert np.all(np.isfinite(z))
    assert z[0] < -30
    assert z[1] > 8


# --- simulations ---
def test_simulated_counts_have_the_moments_of_their_statistic():
    """Poisson and Gaussian cells of one model; Anscombe's transform undone by hand."""
    mean = np.array([0.3, 4.0, 50.0])
    objective = Linear(
        [parameter("x", prior=cj.Uniform(1.0, 1.0 + 1e-9))], chi2=None, observed=(mean, mean)
    )
    objective.experiments = {
        "few": SimpleNamespace(statistic="poisson"),
        "many": SimpleNamespace(statistic="gaussian", variance=np.array([1.0, 4.0, 9.0])),
    }
    objective.expected = lambda v: dict.fromkeys(objective.experiments, v["x"] * mean)
    prior = Density("x", 1.0, 1.0 + 1e-9, 1.0)
    simulation = amortised._Simulator(objective, (prior,), {}, 1)
    z, seen = jax.jit(lambda k: simulation(k, 40_000))(jax.random.key(3))
    assert z.shape == (40_000, 1)
    assert stats.kstest(np.asarray(z)[:, 0], "norm").pvalue > 0.01
    few = (np.asarray(seen[:, :3]) / 2) ** 2 - 0.375
    assert np.all(np.abs(few - np.round(few)) < 1e-9)
    np.testing.assert_allclose(few.mean(0), mean, atol=4 * np.sqrt(50 / 40_000))
    np.testing.assert_allclose(few.var(0), mean, rtol=0.05)
    np.testing.assert_allclose(seen[:, 3:].mean(0), mean, atol=4 * 3 / 200)
    np.testing.assert_allclose(seen[:, 3:].std(0), [1, 2, 3], rtol=0.02)


def test_features_keep_the_order_of_experiments():
    counts = {"b": np.array([[10.0, 0.625]]), "a": np.array([[7.0]])}
    seen = features(counts, {"a": "gaussian", "b": "poisson"})
    np.testing.assert_allclose(seen, [[7.0, 2 * np.sqrt(10.375), 2.0]])


# --- closed form ---
@pytest.mark.parametrize("seen", [SEEN, BASE + 1.5 * THETA], ids=["observed", "other"])
def test_gaussian_posterior_is_the_closed_form(line, seen):
    mean, covariance = closed_form(seen)
    sd = np.sqrt(covariance[0, 0])
    drawn = line.draws(seen, 20_000, seed=2)["theta"]
    assert drawn.mean() == pytest.approx(mean[0], abs=0.1 * sd)
    assert drawn.std() == pytest.approx(sd, rel=0.1)
    x = np.linspace(mean[0] - 6 * sd, mean[0] + 6 * sd, 1001)
    p = np.exp(np.asarray(line.log_prob({"theta": x}, seen)))
    assert np.trapezoid(p, x) == pytest.approx(1.0, abs=0.01)
    assert stats.kstest(drawn, lambda t: np.interp(t, x, _cumulated(x, p))).pvalue > 0.01


def _cumulated(x, p):
    """Integral up to each x of a density on a grid."""
    return np.append(0.0, np.cumsum(np.diff(x) * 0.5 * (p[1:] + p[:-1])))


def test_sample_is_what_arviz_reads(line):
    result = line.sample(draws=200, seed=4)
    one = result.posterior["theta"]
    assert one.shape == (1, 200)
    assert one.attrs["units"] == "fm"
    np.testing.assert_array_equal(one.values[0], line.draws(draws=200, seed=4)["theta"])
    assert not np.array_equal(one.values[0], line.draws(draws=200, seed=5)["theta"])


def test_data_in_all_forms(line):
    assert line.draws()["theta"].shape == (4000,)
    at_observed = line.draws(draws=5)["theta"]
    for data in (SEEN, {"line": SEEN}, SimpleNamespace(counts={"line": SEEN}, auxiliary={"a": 0})):
        np.testing.assert_array_equal(line.draws(data, 5)["theta"], at_observed)
    many = line.draws(np.stack([SEEN, SEEN + 1, SEEN + 2]), 5)["theta"]
    assert many.shape == (3, 5)


def test_file_gives_the_same_draws_in_another_process(line, tmp_path):
    """No model is needed to load it."""
    path = line.save(tmp_path / "line.eqx")
    again = cj.load_amortised(path)
    assert again.setup == line.setup
    np.testing.assert_array_equal(again.losses, line.losses)
    code = (
        "import json, sys, cevnsjax as cj; cj.enable_x64();"
        "print(json.dumps(cj.load_amortised(sys.argv[1]).draws(draws=3, seed=6)['theta'].tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == line.draws(draws=3, seed=6)["theta"].tolist()
    with pytest.raises(InputError, match="exists; choose another name"):
        line.save(path)
    with pytest.raises(InputError, match="unknown ending"):
        line.save(tmp_path / "line.npz")


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        cj.load_amortised(tmp_path / "none.eqx")
    for content in (b"", b"{}\n", b'{"format": "other"}\n', b"\xff\xfe"):
        (tmp_path / "bad.eqx").write_bytes(content)
        with pytest.raises(InputError, match=r"is not a file of Amortised\.save"):
            cj.load_amortised(tmp_path / "bad.eqx")


@pytest.mark.slow
def test_posterior_with_a_nuisance(line):
    """theta and the nuisance are correlated as in the closed form; theta has the same marginal."""
    both = amortise(linear(), infer_nuisances="a", steps=1500, batch=256, width=48, rate=5e-3)
    mean, covariance = closed_form(SEEN)
    drawn = both.draws(None, 20_000)
    got = np.stack([drawn["theta"], drawn["a"]])
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(got.mean(1), mean, atol=0.1 * sd.min())
    np.testing.assert_allclose(got.std(1), sd, rtol=0.1)
    exact = covariance[0, 1] / sd.prod()
    assert np.corrcoef(got)[0, 1] == pytest.approx(exact, abs=0.05)
    log = both.log_prob({"theta": got[0, :500], "a": got[1, :500]})
    expected = stats.multivariate_normal(mean, covariance).logpdf(got[:, :500].T)
    assert np.mean(np.abs(log - expected)) < 0.1
    assert line.names == ("theta",)


# --- csi_2017 ---
@pytest.fixture(scope="module")
def csi():
    return cj.Model([cj.experiments.csi_2017()], [cj.StandardModel(), cj.NSI("eps_dV_mumu")])


@pytest.fixture(scope="module")
def angle(csi):
    return amortise(csi, "sin2_theta_w", steps=5000, batch=512, rate=5e-3)


@pytest.mark.slow
def test_angle_is_that_of_the_grid(csi, angle):
    exact = cj.grid_posterior(csi, sin2_theta_w=(0.0, 1.0, 2001)).attrs
    mean, sd = (exact[f"{what}_sin2_theta_w"] for what in ("mean", "sd"))
    drawn = angle.draws(None, 40_000)["sin2_theta_w"]
    assert drawn.mean() == pytest.approx(mean, abs=0.1 * sd)
    assert drawn.std() == pytest.approx(sd, rel=0.1)


def truths(model, name, toys):
    """Angles from the prior and counts drawn with NumPy, the nuisances thrown."""
    rng = np.random.default_rng(11)
    sd = {n: model.parameters[n].prior.sd for n in model.parameters.names(linear=True)}
    low, high = model.parameters[name].bounds
    true, counts = rng.uniform(low, high, toys), []
    for k, x in enumerate(true):
        pulls = {n: float(rng.normal(0, s)) for n, s in sd.items()}
        toy = model.toy(k, {name: float(x), **pulls}, auxiliary=False)
        counts.append(toy.counts[NAME])
    return true, np.stack(counts)


@pytest.mark.slow
def test_ranks_of_true_angles_are_uniform(csi, angle):
    """Simulation-based calibration (Talts et al., arXiv:1804.06788)."""
    true, counts = truths(csi, "sin2_theta_w", 500)
    drawn = angle.draws(counts, 99)["sin2_theta_w"]
    ranks = np.sum(drawn < true[:, None], axis=1)
    histogram = np.bincount(ranks // 10, minlength=10)
    assert stats.chisquare(histogram).pvalue > 0.01


@pytest.mark.slow
def test_two_parameters_are_those_of_the_grid(csi):
    priors = {"R_n_Cs": cj.Uniform(3.0, 7.0)}
    both = amortise(
        csi, ["sin2_theta_w", "R_n_Cs"], priors=priors, steps=4000, batch=256, rate=5e-3
    )
    exact = cj.grid_posterior(
        csi, priors=priors, sin2_theta_w=(0.0, 1.0, 401), R_n_Cs=(3.0, 7.0, 201)
    )
    drawn = both.draws(None, 40_000)
    for name in both.names:
        mean, sd = exact.attrs[f"mean_{name}"], exact.attrs[f"sd_{name}"]
        assert drawn[name].mean() == pytest.approx(mean, abs=0.1 * sd)
        assert drawn[name].std() == pytest.approx(sd, rel=0.1)


@pytest.mark.slow
def test_two_peaks_are_those_of_the_grid(csi):
    """Couplings of muon neutrinos to d quarks: the Standard Model and its mirror image."""
    priors = {"eps_dV_mumu": cj.Uniform(-0.5, 0.9)}
    peaks = amortise(csi, "eps_dV_mumu", priors=priors, steps=6000, batch=512, rate=5e-3)
    exact = cj.grid_posterior(csi, priors=priors, eps_dV_mumu=(-0.5, 0.9, 2001))
    one = cj.marginal(exact, "eps_dV_mumu")
    x, p = one["eps_dV_mumu"].values, one.values
    between = x[np.argmin(np.where((x > 0) & (x < 0.4), p, np.inf))]
    assert p[x == between] < 0.5 * p.max()
    q = np.exp(np.asarray(peaks.log_prob({"eps_dV_mumu": x[1:-1]})))
    total_variation = 0.5 * np.trapezoid(np.abs(q - p[1:-1]), x[1:-1])
    assert total_variation < 0.1
    drawn = peaks.draws(None, 40_000)["eps_dV_mumu"]
    left = np.trapezoid(p[x <= between], x[x <= between])
    assert np.mean(drawn <= between) == pytest.approx(left, abs=0.05)


# --- bad input ---
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"free": "thetta"}, UnknownNameError, "did you mean theta", id="name"),
        pytest.param({"free": ()}, InputError, "nothing to infer", id="nothing"),
        pytest.param(
            {"infer_nuisances": "b"}, UnknownNameError, "unknown nuisance 'b'", id="nuisance"
        ),
        pytest.param({"steps": 0}, InputError, "steps must be a whole number >= 1", id="steps"),
        pytest.param({"batch": 0}, InputError, "batch must be", id="batch"),
        pytest.param({"rate": 0.0}, InputError, "rate must lie within", id="rate"),
        pytest.param({"seed": -1}, InputError, "seed must be", id="seed"),
        pytest.param(
            {"priors": {"b": cj.Normal(0.0, 1.0)}}, UnknownNameError, "parameter 'b'", id="prior"
        ),
        pytest.param({"fixed": {"theta": 1.0}, "free": ["theta"]}, InputError, "both", id="both"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        amortise(linear(), **options)


def test_flat_prior_without_bounds_is_refused():
    with pytest.raises(InputError, match="improper"):
        amortise(linear_without_prior())


def linear_without_prior():
    objective = linear()
    objective.table[0] = parameter("theta", free=True)
    return objective


def test_without_flowjax_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "flowjax", None)
    with pytest.raises(InputError, match=r"pip install 'cevnsjax\[ml\]'"):
        amortise(linear())


def test_counts_that_are_not_finite_are_refused():
    objective = linear()
    objective.expected = lambda v: {"line": BASE + THETA / (v["theta"] - v["theta"])}
    with pytest.raises(InputError, match="not finite everywhere under the priors"):
        amortise(objective)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(SEEN[:4], r"shape \(4,\), expected \(6,\)", id="shape"),
        pytest.param(SEEN[None, None], "shape", id="axes"),
        pytest.param(SEEN * np.nan, "not finite", id="nan"),
        pytest.param({"other": SEEN}, "unknown experiment 'other'", id="experiment"),
        pytest.param(
            SimpleNamespace(counts={"line": SEEN}, auxiliary={"a": 0.2}),
            "auxiliary measurement of a is random",
            id="auxiliary",
        ),
    ],
)
def test_bad_data(line, data, message):
    with pytest.raises((InputError, UnknownNameError), match=message):
        line.draws(data, 3)


def test_bad_questions(line):
    with pytest.raises(InputError, match="several data sets"):
        line.sample(np.stack([SEEN, SEEN]))
    with pytest.raises(InputError, match="one data set"):
        line.log_prob({"theta": 0.0}, np.stack([SEEN, SEEN]))
    with pytest.raises(UnknownNameError, match="'a'"):
        line.log_prob({"theta": 0.0, "a": 0.0})
    with pytest.raises(InputError, match="needs theta too"):
        line.log_prob({})
    with pytest.raises(InputError, match="draws must be"):
        line.draws(draws=0)
