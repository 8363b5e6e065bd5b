"""Sampled posteriors against closed forms: priors, constraints counted once, seeds, reports."""

import json
import re
from types import SimpleNamespace

import arviz
import numpy as np
import numpyro.distributions
import pytest
import xarray as xr
from scipy import stats
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors import arviz_groups
from cevnsjax.inference.posteriors.arviz_groups import inference_data, tree_of
from cevnsjax.inference.posteriors.priors import densities
from cevnsjax.inference.posteriors.sample import LogPosterior
from cevnsjax.inference.promotions import standard_promotion

SD_A = 0.5


class Traced(Toy):
    """A toy that jax can trace."""

    def nll(self, values, *, data=None):
        return self._nll(values, data)


def nuisance(name, sd=SD_A, **options):
    return parameter(name, kind="nuisance", prior=cj.Normal(0.0, sd), scale=sd, **options)


def everything():
    """Parameters with posteriors in closed form; each case has its own parameters.

    x is measured at 1 +- 0.3 with an offset a; b has no data; y is measured at 2 +- 0.4 under the
    prior 0 +- 0.3; z and half have no data either.
    """
    table = [
        parameter("x", bounds=(-50.0, 50.0), scale=1e-2),
        parameter("y", prior=cj.Normal(0.0, 0.3), scale=10.0),
        parameter("z", bounds=(-1.0, 3.0), scale=0.1),
        parameter("half", prior=cj.Normal(0.2, 1.0), bounds=(0.0, np.inf)),
        nuisance("a"),
        nuisance("b", sd=0.2, bounds=(-5.0, 5.0)),
    ]

    def chi2(x, y, z, half, a, b, data=None):
        centre = {"a": 0.0, "b": 0.0, **getattr(data, "auxiliary", {})}
        counts = ((x - 1 - a) / 0.3) ** 2 + ((y - 2) / 0.4) ** 2 + 0 * z + 0 * half
        return counts + ((a - centre["a"]) / SD_A) ** 2 + ((b - centre["b"]) / 0.2) ** 2

    return Traced(table, chi2)


FREE = ["x", "y", "z", "half"]


@pytest.fixture(scope="module")
def toy():
    return everything()


@pytest.fixture(scope="module")
def drawn(toy):
    return cj.sample(toy, FREE, chains=4, draws=1000, warmup=300, seed=1)


def truth():
    weight = 1 / 0.3**2 + 1 / 0.4**2
    cut = stats.truncnorm(-0.2, np.inf, loc=0.2, scale=1.0)
    return {
        "x": (1.0, np.hypot(0.3, SD_A)),
        "y": (2 / 0.4**2 / weight, weight**-0.5),
        "z": (1.0, 4 / np.sqrt(12)),
        "half": (cut.mean(), cut.std()),
        # A constraint counted twice would make these smaller by the square root of 2.
        "a": (0.0, SD_A),
        "b": (0.0, 0.2),
    }


# --- closed forms ---
@pytest.mark.parametrize("name", list(truth()))
def test_mean_and_sd(drawn, name):
    """Mean and sd agree within five Monte Carlo errors, which are below 10 % of the sd."""
    mean, sd = truth()[name]
    x = drawn["posterior"][name].values
    assert x.shape == (4, 1000)
    errors = [float(arviz.mcse(x, method=m)) for m in ("mean", "sd")]
    assert max(errors) < 0.1 * sd
    assert abs(x.mean() - mean) < 5 * errors[0]
    assert abs(x.std() - sd) < 5 * errors[1]


def test_correlation_of_parameter_and_nuisance(drawn):
    """Correlation Var(a)/(sd(x) sd(a)): the data measure x plus the offset a."""
    x, a = (drawn["posterior"][n].values.ravel() for n in "xa")
    assert np.corrcoef(x, a)[0, 1] == pytest.approx(SD_A / np.hypot(0.3, SD_A), abs=0.03)


def test_bounds_are_kept(drawn):
    assert drawn["posterior"]["half"].values.min() >= 0
    z = drawn["posterior"]["z"].values
    assert z.min() >= -1
    assert z.max() <= 3


def test_the_result_describes_itself(drawn):
    assert list(drawn["posterior"].data_vars) == [*FREE, "a", "b"]
    assert drawn["posterior"].attrs["seed"] == 1
    assert drawn["posterior"].attrs["inference_library"] == "numpyro"
    for name in ("diverging", "energy", "lp", "n_steps", "step_size", "acceptance_rate"):
        assert drawn["sample_stats"][name].shape == (4, 1000)
    assert drawn["sample_stats"]["acceptance_rate"].values.mean() == pytest.approx(0.8, abs=0.15)


def test_report_of_good_chains(drawn):
    report = cj.report(drawn)
    assert report.converged, report.status
    assert report.divergences < 5
    row = report.rows["x"]
    assert row.interval68[0] < row.mean < row.interval68[1]
    width = row.interval95[1] - row.interval95[0]
    assert width == pytest.approx(4 * np.hypot(0.3, SD_A), rel=0.1)
    assert row.r_hat < 1.01
    text = repr(report)
    assert "Posterior: converged" in text
    assert "of 4000 draws diverged" in text


def test_seeds(toy, drawn):
    """A seed gives the same draws whatever their number; chains and other seeds give others."""
    x = drawn["posterior"]["x"].values
    first, other = (
        cj.sample(toy, FREE, draws=90, warmup=300, seed=seed)["posterior"]["x"].values
        for seed in (1, 2)
    )
    np.testing.assert_array_equal(first, x[:, :90])
    assert np.all(other != first)
    assert np.all(x[0] != x[1])


# --- data, fixed values, other priors ---
def test_constraints_are_priors_where_the_data_put_them_and_leave_the_likelihood():
    """Prior times likelihood is exp(-chi2/2) for any results of the auxiliary measurements."""
    toy, data = everything(), SimpleNamespace(auxiliary={"b": 0.7})
    priors = densities(toy, ["a", "b"], None, data)
    assert [p.normal for p in priors] == [cj.Normal(0.0, SD_A), cj.Normal(0.7, 0.2)]
    target = LogPosterior(toy, priors, {"x": 1.3}, marginal=False, data=data)
    for a, b in ((0.0, 0.0), (0.4, -0.3)):
        values = {"a": a, "b": b}
        counts = ((0.3 - a) / 0.3) ** 2 + (2 / 0.4) ** 2
        assert float(target.log_likelihood(values)) == pytest.approx(-counts / 2, rel=1e-12)
        expected = stats.norm(0, SD_A).logpdf(a), stats.norm(0.7, 0.2).logpdf(b)
        log_priors = [float(p.log(np.array(values[p.name]))) for p in priors]
        assert log_priors == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_fixed_values_other_priors_and_data():
    samples = cj.sample(
        everything(),
        ["x"],
        fixed={"a": 0.25},
        priors={"x": cj.Uniform(1.0, 2.0)},
        data=SimpleNamespace(auxiliary={"b": 0.7}),
        chains=2,
        draws=500,
        warmup=200,
    )["posterior"]
    assert list(samples.data_vars) == ["x", "b"]
    assert json.loads(samples.attrs["fixed"]) == {"a": 0.25}
    cut = stats.truncnorm(-0.25 / 0.3, 0.75 / 0.3, loc=1.25, scale=0.3)
    for name, mean, sd in (("x", cut.mean(), cut.std()), ("b", 0.7, 0.2)):
        x = samples[name].values
        assert x.mean() == pytest.approx(mean, abs=0.25 * sd)
        assert x.std() == pytest.approx(sd, rel=0.2)


@pytest.mark.parametrize(
    ("prior", "bounds", "known"),
    [
        (cj.Normal(0.2, 1.5), (-np.inf, np.inf), stats.norm(0.2, 1.5)),
        (cj.Normal(0.2, 1.5), (0.0, np.inf), stats.truncnorm(-0.2 / 1.5, np.inf, 0.2, 1.5)),
        (cj.Normal(-4.0, 1.0), (0.0, 9.0), stats.truncnorm(4, 13, -4.0, 1.0)),
        (cj.Normal(4.0, 1.0), (-9.0, 0.0), stats.truncnorm(-13, -4, 4.0, 1.0)),
        (cj.Uniform(-0.5, 2.0), (-1.0, 2.0), stats.uniform(-0.5, 2.5)),
        (None, (-1.0, 2.0), stats.uniform(-1, 3)),
    ],
    ids=["whole", "cut below", "far below", "far above", "uniform", "flat"],
)
def test_prior_densities(prior, bounds, known):
    at = 0.0 if bounds[0] != 0 else 1.0
    toy = Toy([parameter("x", bounds=bounds, default=at)], lambda x: 0 * x)
    (density,) = densities(toy, ["x"], None if prior is None else {"x": prior})
    x = np.array([-1.2, -0.3, 0.1, 1.7, 2.5])
    np.testing.assert_allclose(density.log(x), known.logpdf(x), rtol=1e-9)
    # The density of numpyro, in units of the scale, which is 1 here.
    inside = np.isfinite(known.logpdf(x))
    with standard_promotion():
        again = density.distribution().log_prob(x[inside])
    np.testing.assert_allclose(again, known.logpdf(x[inside]), rtol=1e-6)


# --- bad input ---
WIDE = Traced([parameter("x"), parameter("y", bounds=(0.0, 1.0))], lambda x, y: x**2 + y**2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free": ["x"]}, r"x has no prior.*improper.*priors=\{'x': Normal"),
        ({"free": ["y"], "priors": {"y": cj.Uniform(0.5, 1.5)}}, "outside its bounds"),
        ({"free": ["y"], "priors": {"y": cj.Normal(50.0, 1.0)}}, "next to nothing"),
        ({"free": ["y"], "priors": {"y": cj.Normal(np.nan, 1.0)}}, "finite"),
        ({"free": ["y"], "priors": {"x": cj.Normal(0, 1)}}, "does not vary"),
        ({"free": ["y"], "fixed": {"y": 0.5}}, "both free and fixed"),
        ({"free": ["y"], "chains": 0}, "chains"),
        ({"free": ["y"], "draws": 0}, "draws"),
        ({"free": ["y"], "warmup": -1}, "warmup"),
        ({"free": ["y"], "seed": -1}, "seed"),
        ({"free": ["y"], "target_accept": 1.0}, "target_accept"),
        ({"free": []}, "nothing to sample"),
    ],
    ids=str,
)
def test_bad_input(options, message):
    with pytest.raises(InputError, match=message):
        cj.sample(WIDE, **options)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="zz"):
        cj.sample(WIDE, ["zz"])
    with pytest.raises(UnknownNameError, match="zz"):
        cj.sample(WIDE, ["y"], priors={"zz": cj.Normal(0, 1)})


def test_a_likelihood_that_is_never_finite():
    toy = Traced([parameter("x", bounds=(0.0, 1.0), default=0.5)], lambda x: x * np.nan)
    with pytest.raises(InputError, match="not finite"):
        cj.sample(toy, ["x"])


# --- reports of good and bad chains, written by hand ---
def by_hand(x, **statistics):
    dims = ("chain", "draw")
    sample_stats = {"diverging": np.zeros(x.shape, dtype=bool), **statistics}
    return {
        "posterior": xr.Dataset({"x": (dims, x)}),
        "sample_stats": xr.Dataset({n: (dims, s) for n, s in sample_stats.items()}),
    }


def noise(chains=4, draws=1000):
    return np.random.default_rng(5).normal(size=(chains, draws))


@pytest.mark.parametrize("chains", [1, 4])
def test_a_report_comes_back_from_json(chains):
    """One chain has no R-hat: nan is null in JSON."""
    summary = cj.report(by_hand(noise(chains)))
    again = type(summary).from_json(summary.to_json())
    assert repr(again) == repr(summary)
    assert again.rows["x"].interval68 == summary.rows["x"].interval68


def test_independent_draws_pass():
    report = cj.report(by_hand(noise()))
    assert report.converged
    assert report.rows["x"].ess_bulk == pytest.approx(4000, rel=0.15)
    assert report.rows["x"].interval68 == pytest.approx((-1, 1), abs=0.1)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (by_hand(noise() + np.array([[0], [0], [0], [3]])), "chains disagree on x.*several modes"),
        (by_hand(np.repeat(noise(draws=50), 20, axis=1)), "raise.*draws"),
        (by_hand(noise(chains=1)), "run four chains"),
        (by_hand(noise(draws=2)), "run four chains"),
        (by_hand(noise(), diverging=noise() > 2.5), "divergent.*target_accept"),
        (by_hand(noise(), reached_max_treedepth=noise() > 0), "largest tree"),
        (by_hand(noise(), energy=np.cumsum(noise(), axis=1)), "energies mix slowly"),
    ],
    ids=["modes", "few", "one chain", "two draws", "divergent", "trees", "energy"],
)
def test_report_says_what_is_wrong(made, words):
    report = cj.report(made)
    assert not report.converged
    assert re.search(words, report.status)


def test_groups_for_each_version_of_arviz(monkeypatch):
    groups = by_hand(noise())
    tree = tree_of(groups)
    kind = xr.DataTree if int(arviz.__version__.split(".")[0]) >= 1 else arviz.InferenceData
    result = inference_data(tree)
    assert isinstance(result, kind)
    monkeypatch.setattr(arviz_groups, "version", lambda _: "1.0.0")
    assert inference_data(tree) is tree
    for x in (result, tree):
        np.testing.assert_array_equal(x["posterior"]["x"], groups["posterior"]["x"])
        assert cj.report(x).converged


def test_more_draws_than_memory_are_refused():
    with pytest.raises(InputError, match=r"400 chains of 10000500 steps take \d+ GB, limit 8 GB"):
        cj.sample(WIDE, "y", priors={"y": cj.Normal(0, 1)}, draws=10**7, chains=400)


def test_a_numpyro_that_arviz_imported_lazily(monkeypatch):
    """arviz 1.x leaves numpyro's distributions without the names of their modules."""
    monkeypatch.delattr(numpyro.distributions, "distribution", raising=False)
    result = cj.sample(WIDE, "y", priors={"y": cj.Normal(0, 1)}, draws=20, warmup=20, chains=1)
    assert result.posterior["y"].shape == (1, 20)
    # The ends of flat priors are noted, to see draws that pile up at them.
    assert "prior_low" not in result.posterior["y"].attrs


def test_the_american_spelling_is_an_alias():
    with pytest.raises(InputError, match="give marginalise_linear alone"):
        cj.sample(WIDE, "y", marginalize_linear=True, marginalise_linear=True)
