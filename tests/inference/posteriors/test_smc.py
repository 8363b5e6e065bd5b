"""Tempered populations (SMC) against closed forms and grids; modes that NUTS weighs wrongly."""

import re
import sys

import arviz
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy import stats
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.log_posterior import as_arrays
from cevnsjax.inference.posteriors.priors import densities

# Two peaks of unequal weight and width; their distance is 19 times the larger width.
WEIGHTS, MEANS, SDS = (0.3, 0.7), (-3.0, 1.0), (0.05, 0.2)
SD_A = 0.5


class Traced(Toy):
    """A toy that jax can trace; it counts how often it is traced."""

    traces = 0

    def nll(self, values, *, data=None):
        self.traces += any(isinstance(x, jax.core.Tracer) for x in values.values())
        return self._nll(values, data)


def two_peaks():
    """x has two peaks under a flat prior; half is positive; the data do not depend on a."""
    table = [
        parameter("x", bounds=(-5.0, 5.0), scale=0.1),
        parameter("half", prior=cj.Normal(0.2, 1.0), bounds=(0.0, np.inf)),
        parameter("a", kind="nuisance", prior=cj.Normal(0.0, SD_A), scale=SD_A),
    ]

    def chi2(x, half, a, data=None):
        peaks = [
            np.log(w / s) - 0.5 * ((x - m) / s) ** 2
            for w, m, s in zip(WEIGHTS, MEANS, SDS, strict=True)
        ]
        centre = 0.0 if data is None else data["centre"]
        return -2 * jnp.logaddexp(*peaks) + ((a - centre) / SD_A) ** 2 + 0 * half

    return Traced(table, chi2)


@pytest.fixture(scope="module")
def toy():
    return two_peaks()


@pytest.fixture(scope="module")
def drawn(toy):
    return cj.sample(toy, ["x", "half"], method="smc", draws=2000, seed=3)


def near(x, mean, sd):
    """Mean and sd agree within five errors, which are those of independent draws or larger."""
    row = cj.report({"posterior": xr.Dataset({"x": (("chain", "draw"), x)}), "sample_stats": {}})
    effective = min(row.rows["x"].ess_bulk, x.size)
    assert abs(x.mean() - mean) < 5 * sd / np.sqrt(effective)
    kurtosis = stats.kurtosis(x.ravel(), fisher=False)
    assert abs(x.std() / sd - 1) < 5 * np.sqrt((kurtosis - 1) / 4 / effective) + 1e-3


# --- closed forms ---
def test_weights_of_two_peaks(drawn):
    """The density between the peaks is so small that a chain would never cross it."""
    x = drawn["posterior"]["x"].values
    assert np.mean(x > -1) == pytest.approx(WEIGHTS[1], abs=0.03)
    for mean, sd, peak in zip(MEANS, SDS, (x[x < -1], x[x > -1]), strict=True):
        assert peak.mean() == pytest.approx(mean, abs=0.1 * sd)
        assert peak.std() == pytest.approx(sd, rel=0.06)


def test_other_parameters_keep_their_priors(drawn):
    cut = stats.truncnorm(-0.2, np.inf, loc=0.2, scale=1.0)
    posterior = drawn["posterior"]
    near(posterior["half"].values, cut.mean(), cut.std())
    near(posterior["a"].values, 0.0, SD_A)
    assert posterior["half"].values.min() >= 0


def test_evidence(drawn):
    """The peaks have the total area sqrt(2 pi), and the flat prior is 10 wide."""
    evidence = drawn["sample_stats"].attrs
    runs = np.array(evidence["log_evidence_runs"])
    assert runs.shape == (4,)
    assert evidence["log_evidence"] == pytest.approx(runs.mean())
    assert evidence["log_evidence_sd"] == pytest.approx(runs.std(ddof=1))
    assert evidence["log_evidence_sd"] < 0.2
    expected = np.log(np.sqrt(2 * np.pi) / 10)
    assert evidence["log_evidence"] == pytest.approx(expected, abs=0.1)


def test_the_result_describes_itself(drawn):
    assert drawn["posterior"].attrs["method"] == "smc"
    assert drawn["posterior"].attrs["inference_library"] == "blackjax"
    for name in ("log_likelihood", "acceptance_rate"):
        assert drawn["sample_stats"][name].shape == (4, 2000)
    x = drawn["posterior"]["x"].values
    peaks = [
        w / s * np.exp(-0.5 * ((x - m) / s) ** 2)
        for w, m, s in zip(WEIGHTS, MEANS, SDS, strict=True)
    ]
    np.testing.assert_allclose(
        drawn["sample_stats"]["log_likelihood"], np.log(np.sum(peaks, axis=0)), atol=1e-9
    )


def test_particles_are_in_no_order(drawn):
    """Resampling leaves copies of a particle side by side; the draws returned are shuffled."""
    x = drawn["posterior"]["x"].values[0]
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / np.sqrt(x.size)


def test_report(drawn):
    report = cj.report(drawn)
    assert report.converged, report.status
    assert report.rows["x"].r_hat < 1.01
    assert report.evidence == pytest.approx((np.log(np.sqrt(2 * np.pi) / 10), 0.05), abs=0.1)
    assert "log evidence -1.4" in repr(report) or "log evidence -1.3" in repr(report)


def test_seeds(toy, drawn):
    """A seed gives the same populations, however many there are."""
    first, other = (
        cj.sample(toy, ["x", "half"], method="smc", chains=2, draws=2000, seed=seed)
        for seed in (3, 4)
    )
    x = drawn["posterior"]["x"].values
    np.testing.assert_array_equal(first["posterior"]["x"].values, x[:2])
    assert not np.any(other["posterior"]["x"].values == x[:2])


def test_a_likelihood_that_is_0_in_places():
    """chi2 is infinite or NaN where x < 0.5: the evidence is the integral over the rest."""
    table = [parameter("x", bounds=(-1.0, 1.0), default=0.9)]
    for nothing in (np.inf, np.nan):
        toy = Traced(table, lambda x, n=nothing: jnp.where(x > 0.5, 0.0, n))
        samples = cj.sample(toy, "x", method="smc", draws=500)
        x = samples["posterior"]["x"].values
        assert x.min() > 0.5
        assert x.mean() == pytest.approx(0.75, abs=0.03)
        assert samples["sample_stats"].attrs["log_evidence"] == pytest.approx(np.log(0.25), abs=0.2)


@pytest.mark.parametrize(
    ("prior", "bounds", "known"),
    [
        (cj.Normal(0.2, 1.5), (-np.inf, np.inf), stats.norm(0.2, 1.5)),
        (cj.Normal(0.2, 1.5), (0.0, np.inf), stats.truncnorm(-0.2 / 1.5, np.inf, 0.2, 1.5)),
        (cj.Normal(-4.0, 1.0), (0.0, 9.0), stats.truncnorm(4, 13, -4.0, 1.0)),
        (cj.Normal(4.0, 1.0), (-9.0, 0.0), stats.truncnorm(-13, -4, 4.0, 1.0)),
        (cj.Uniform(-0.5, 2.0), (-1.0, 2.0), stats.uniform(-0.5, 2.5)),
    ],
    ids=["whole", "cut below", "far below", "far above", "uniform"],
)
def test_draws_from_priors(prior, bounds, known):
    toy = Toy([parameter("x", bounds=bounds)], lambda x: 0 * x)
    (density,) = densities(toy, ["x"], {"x": prior})
    x = density.draw(np.random.default_rng(1), 4000)
    assert stats.kstest(x, known.cdf).pvalue > 1e-3
    assert np.all((x >= bounds[0]) & (x <= bounds[1]))


# --- data are arguments ---
@pytest.mark.parametrize("method", ["smc", "nuts"])
def test_other_data_compile_nothing(method):
    table = [parameter("x", bounds=(-50.0, 50.0))]
    toy = Traced(table, lambda x, data: ((x - data["seen"]) / 0.3) ** 2)
    options = {"method": method, "chains": 2, "draws": 300, "warmup": 200}
    traces = set()
    for seen in (1.0, -7.0):
        x = cj.sample(toy, "x", data={"seen": seen}, **options)["posterior"]["x"].values
        assert x.mean() == pytest.approx(seen, abs=0.1)
        assert x.std() == pytest.approx(0.3, rel=0.2)
        traces.add(toy.traces)
    assert len(traces) == 1


def test_arrays_that_change_in_place_are_read_anew():
    toy = Traced([parameter("x", bounds=(-50.0, 50.0))], lambda x, data: (x - data[0]) ** 2)
    data = np.array([1.0])
    for seen in (1.0, 30.0):
        data[0] = seen
        samples = cj.sample(toy, "x", method="smc", data=data, draws=300, chains=2)
        assert samples["posterior"]["x"].values.mean() == pytest.approx(seen, abs=0.3)


def test_data_as_arrays():
    assert as_arrays(None) is None
    assert as_arrays(object()) is None
    np.testing.assert_array_equal(as_arrays([1, 2]), [1.0, 2.0])
    assert as_arrays({"a": 3})["a"].dtype == np.float64


# --- experiments ---
PRIOR = {"eps_dV_mumu": cj.Uniform(-1.0, 1.0)}


@pytest.fixture(scope="module")
def model():
    nsi = cj.NSI("eps_dV_mumu", "eps_uV_ee", "eps_dV_ee")
    return cj.Model([cj.experiments.csi_2017()], [cj.StandardModel(), nsi])


@pytest.fixture(scope="module")
def exact(model):
    """Posterior on a grid, and the lowest point between its two modes."""
    grid = cj.grid_posterior(model, PRIOR, eps_dV_mumu=(-1.0, 1.0, 2001))
    x, p = grid["eps_dV_mumu"].values, grid["density"].values
    between = (x > 0.1) & (x < 0.25)
    k = np.flatnonzero(between)[np.argmin(p[between])]
    return grid, float(x[k]), float(np.trapezoid(p[k:], x[k:]))


@pytest.mark.slow
@pytest.mark.parametrize("marginal", [False, True], ids=["sampled", "marginalised"])
def test_two_modes_of_an_experiment(model, exact, marginal):
    grid, valley, upper = exact
    options = {"priors": PRIOR, "draws": 2000, "seed": 1, "marginalise_linear": marginal}
    samples = cj.sample(model, "eps_dV_mumu", method="smc", **options)
    x = samples["posterior"]["eps_dV_mumu"].values
    assert np.mean(x > valley) == pytest.approx(upper, abs=0.03)
    near(x, grid.attrs["mean_eps_dV_mumu"], grid.attrs["sd_eps_dV_mumu"])
    evidence = samples["sample_stats"].attrs
    # The spread of four populations is an estimate, right to a factor of about 2.
    error = max(evidence["log_evidence_sd"], 0.02) / 2
    assert evidence["log_evidence"] == pytest.approx(grid.attrs["log_evidence"], abs=4 * error)
    assert cj.report(samples).converged, cj.report(samples).status
    assert samples["posterior_predictive"]["csi-2017"].shape[2] == 12


@pytest.mark.slow
def test_nuts_weighs_the_modes_wrongly_and_reports_it(model, exact):
    _, valley, upper = exact
    samples = cj.sample(model, "eps_dV_mumu", priors=PRIOR, seed=1)
    x = samples["posterior"]["eps_dV_mumu"].values
    off = abs(np.mean(x > valley, axis=1) - upper)
    assert off.max() > 0.03
    summary = cj.report(samples)
    assert summary.rows["eps_dV_mumu"].r_hat > 1.01
    assert 'method="smc"' in summary.status


@pytest.mark.slow
def test_bands_of_two_couplings(model):
    names = ("eps_uV_ee", "eps_dV_ee")
    priors = {n: cj.Uniform(-1.0, 1.0) for n in names}
    axes = dict.fromkeys(names, (-1.0, 1.0, 301))
    grid = cj.grid_posterior(model, priors, **axes)
    samples = cj.sample(model, names, method="smc", priors=priors, draws=2000, seed=2)
    for n in names:
        near(samples["posterior"][n].values, grid.attrs[f"mean_{n}"], grid.attrs[f"sd_{n}"])
    u, d = np.meshgrid(*(grid[n].values for n in names), indexing="ij")
    mass = grid["density"].values / grid["density"].values.sum()
    a, b = (x - np.sum(mass * x) for x in (u, d))
    correlation = np.sum(mass * a * b) / np.sqrt(np.sum(mass * a**2) * np.sum(mass * b**2))
    drawn = np.corrcoef(*(samples["posterior"][n].values.ravel() for n in names))[0, 1]
    assert drawn == pytest.approx(correlation, abs=0.02)
    evidence = samples["sample_stats"].attrs
    assert evidence["log_evidence"] == pytest.approx(grid.attrs["log_evidence"], abs=0.08)


# --- bad input and reports ---
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 20}, "50 particles"),
        ({"chains": 0}, "chains"),
        ({"seed": -1}, "seed"),
    ],
    ids=str,
)
def test_bad_input(toy, options, message):
    with pytest.raises(InputError, match=message):
        cj.sample(toy, ["x", "half"], method="smc", **options)


def test_unknown_method(toy):
    with pytest.raises(UnknownNameError, match="smc"):
        cj.sample(toy, ["x", "half"], method="smcc")


def test_blackjax_is_missing(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    monkeypatch.setitem(sys.modules, "blackjax.smc", None)
    with pytest.raises(InputError, match=re.escape('pip install "cevnsjax[smc]"')):
        cj.sample(toy, ["x", "half"], method="smc")


def test_a_likelihood_that_is_never_finite():
    toy = Traced([parameter("x", bounds=(0.0, 1.0))], lambda x: x * np.nan)
    with pytest.raises(InputError, match="finite nowhere"):
        cj.sample(toy, "x", method="smc")


def by_hand(x, sd=0.01):
    attributes = {"method": "smc", "log_evidence": -3.0, "log_evidence_sd": sd}
    return {
        "posterior": xr.Dataset({"x": (("chain", "draw"), x)}, attrs=attributes),
        "sample_stats": xr.Dataset(attrs=attributes),
    }


def noise(runs=4):
    return np.random.default_rng(5).normal(size=(runs, 1000))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (by_hand(noise() + np.array([[0.0], [0.2], [-0.2], [0.1]])), "disagree on x: raise draws"),
        (by_hand(noise(), sd=0.9), "log evidence by 0.9"),
        (by_hand(noise(runs=1), sd=np.nan), "run four"),
    ],
    ids=["means", "evidence", "one"],
)
def test_report_says_what_is_wrong(made, words):
    report = cj.report(made)
    assert not report.converged
    assert re.search(words, report.status)


def test_effective_draws_come_from_the_spread_between_populations():
    """Particles that are copies of each other look independent in any order."""
    assert cj.report(by_hand(noise())).converged
    copies = np.repeat(noise()[:, :50], 20, axis=1)
    rng = np.random.default_rng(1)
    shuffled = np.stack([rng.permutation(x) for x in copies])
    assert float(arviz.ess(shuffled[:1])) > 500
    # Of the 4000 draws 200 are distinct; the spread of four populations is a rough estimate.
    assert cj.report(by_hand(shuffled)).rows["x"].ess_bulk < 1000
