"""Expected information: closed forms, NumPy's inverse, and fits of Asimov data."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from support.toy import Toy, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import PlannedExperiment, csi_2017, lar_2020
from cevnsjax.inference.forecasts.traced_design import cell_variance, kind_of
from cevnsjax.parameters import Normal


@dataclass
class Counts(Toy):
    """A Toy that predicts: expected counts of one experiment from values."""

    counts: object = None
    statistic: str = "poisson"
    variance: object = None

    @property
    def experiments(self):
        return {"one": SimpleNamespace(statistic=self.statistic, variance=self.variance)}

    @property
    def expected(self):
        return lambda values: {"one": self.counts(values)}


def nuisance(name, sd, **options):
    return parameter(name, kind="nuisance", prior=Normal(0.0, sd), linear=True, **options)


def counting(statistic="poisson", sd=0.2, S=50.0, B=30.0, V=100.0):
    """mu = s (1 + a) S + B in one cell."""
    table = [parameter("s", default=1.0, free=True), nuisance("a", sd)]
    mean = lambda v: jnp.stack([v["s"] * (1 + v["a"]) * S + B])  # noqa: E731
    return Counts(table, None, counts=mean, statistic=statistic, variance=np.array([V]))


# --- closed forms ---
@pytest.mark.parametrize(("statistic", "variance"), [("poisson", 80.0), ("gaussian", 100.0)])
def test_one_cell_adds_statistics_and_systematics_in_quadrature(statistic, variance):
    fisher = cj.fisher(counting(statistic))
    assert fisher.errors["s"] == pytest.approx(np.sqrt(variance / 50**2 + 0.2**2), rel=1e-13)
    assert fisher.errors["a"] == pytest.approx(0.2, rel=1e-13)
    assert fisher.profiled[0, 0] == pytest.approx(fisher.errors["s"] ** -2, rel=1e-13)
    with_a_known = fisher.with_known("a")
    assert with_a_known.errors == {"s": pytest.approx(np.sqrt(variance) / 50, rel=1e-13)}
    assert with_a_known.fixed == {"a": 0.0}


def test_truth_away_from_the_defaults():
    fisher = cj.fisher(counting(), truth={"s": 2.0, "a": 0.1})
    # mu = 2 x 1.1 x 50 + 30; slopes 55 by s and 100 by a.
    information = np.array([[55**2, 55 * 100], [55 * 100, 100**2]]) / 140 + np.diag([0, 25.0])
    assert_allclose(fisher.information, information, rtol=1e-13)
    assert_allclose(fisher.covariance, np.linalg.inv(information), rtol=1e-11)
    assert fisher.truth == {"s": 2.0, "a": 0.1}


def linear(J, sd, free):
    """Gaussian counts linear in x0, x1, ...; the last ones are nuisances with constraints."""
    J = np.asarray(J, float)
    n = J.shape[1] - len(sd)
    table = [parameter(f"x{k}", free=k < free) for k in range(n)]
    table += [nuisance(f"x{n + k}", s) for k, s in enumerate(sd)]
    mean = lambda v: jnp.asarray(J) @ jnp.stack([jnp.asarray(v[p.name]) for p in table])  # noqa: E731
    return Counts(table, None, counts=mean, statistic="gaussian", variance=np.ones(len(J)))


def test_nuisances_are_profiled_as_numpy_does_it():
    rng = np.random.default_rng(3)
    J, sd = rng.normal(size=(9, 5)), [0.3, 2.0]
    fisher = cj.fisher(linear(J, sd, 3))
    whole = J.T @ J + np.diag([0, 0, 0, 0.3**-2, 2.0**-2])
    assert_allclose(fisher.information, whole, rtol=1e-12)
    assert_allclose(fisher.covariance, np.linalg.inv(whole), rtol=1e-10)
    assert_allclose(fisher.profiled, np.linalg.inv(np.linalg.inv(whole)[:3, :3]), rtol=1e-10)
    d = np.sqrt(np.diag(np.linalg.inv(whole)))
    assert_allclose(fisher.correlation, np.linalg.inv(whole) / np.outer(d, d), rtol=1e-10)
    assert fisher.parameters == ("x0", "x1", "x2")


# --- what is not fixed ---
def test_a_degenerate_combination_is_named_and_the_rest_is_profiled_over_it():
    # Counts depend on x0 and x1 through x0 + 2 x1 only; x2 is correlated with that sum.
    J = np.array([[1.0, 2.0, 1.0], [1.0, 2.0, 0.5], [0.5, 1.0, -1.0]])
    fisher = cj.fisher(linear(J, [], 3))
    assert fisher.errors["x0"] is None
    assert fisher.errors["x1"] is None
    two = J[:, [0, 2]]
    assert fisher.errors["x2"] == pytest.approx(np.sqrt(np.linalg.inv(two.T @ two)[1, 1]), rel=1e-9)
    (note,) = fisher.notes
    assert "x0 +1, x1 -0.5" in note
    assert fisher.with_known("x1").notes == ()
    assert json.loads(fisher.to_json())["covariance"][0] == [None] * 3
    again = cj.fisher(linear(J, [], 3)).from_json(fisher.to_json())
    assert again.to_dict() == fisher.to_dict()
    assert again.with_known("x1").to_dict() == fisher.with_known("x1").to_dict()


def test_an_even_parameter_at_zero_has_no_information():
    table = [parameter("s", default=1.0, free=True), parameter("m", free=True, even=True)]
    mean = lambda v: jnp.stack([10 * v["s"] + 0 * v["m"], 20 + 3 * v["m"] ** 2])  # noqa: E731
    model = Counts(table, None, counts=mean)
    fisher = cj.fisher(model)
    assert fisher.errors == {"s": pytest.approx(10**-0.5), "m": None}
    (note,) = fisher.notes
    assert "no information on m at 0" in note
    assert "forecast" in note
    away = cj.fisher(model, truth={"m": 2.0})
    assert away.errors["m"] == pytest.approx(np.sqrt(32) / 12, rel=1e-13)
    assert away.notes == ()


def test_a_parameter_without_effect_is_named():
    table = [parameter("s", default=1.0, free=True), parameter("idle", free=True)]
    model = Counts(table, None, counts=lambda v: jnp.stack([10 * v["s"] + 0 * v["idle"]]))
    fisher = cj.fisher(model)
    assert "the counts do not depend on it" in fisher.notes[0]
    assert "idle = 0 +- -" in fisher.lines()


# --- models ---
@pytest.fixture(scope="module")
def csi():
    return cj.Model(csi_2017())


def is_hessian_of_a_fit(model, free):
    fisher, fitted = cj.fisher(model, free), cj.fit(model, free, data=cj.asimov(model))
    assert fisher.names == tuple(fitted.values)
    assert_allclose(fisher.covariance, fitted.covariance, rtol=1e-8, atol=1e-14)
    assert_allclose([*fisher.errors.values()], [*fitted.errors.values()], rtol=1e-8)


def test_it_is_the_hessian_of_a_fit_to_asimov_data(csi):
    is_hessian_of_a_fit(csi, ["sin2_theta_w", "R_n_Cs"])


@pytest.mark.slow
def test_it_is_the_hessian_of_a_fit_with_quenching_and_two_experiments():
    model = cj.Model([csi_2017(shape="qf_scale"), lar_2020()])
    is_hessian_of_a_fit(model, ["sin2_theta_w"])
    whole = cj.fisher(model, "sin2_theta_w")
    at_fixed_quenching = cj.fisher(model, "sin2_theta_w", fixed={"qf_scale_csi2017": 1.0})
    assert "qf_scale_csi2017" not in at_fixed_quenching.names
    assert at_fixed_quenching.errors == pytest.approx(
        whole.with_known("qf_scale_csi2017").errors, rel=1e-12
    )
    parts = [cj.Model(e) for e in model.experiments.values()]
    alone = sum(cj.fisher(m, "sin2_theta_w").profiled for m in parts)
    assert_allclose(whole.profiled, alone, rtol=1e-10)


@pytest.mark.parametrize(
    "statistic", ["spectrum", pytest.param("time", marks=pytest.mark.slow)], ids=str
)
def test_it_is_the_hessian_at_any_truth(statistic):
    model = cj.Model(csi_2017(statistic=statistic))
    truth = {"sin2_theta_w": 0.21, "R_n_Cs": 5.1, "alpha_sig_csi2017": 0.07}
    free = ["sin2_theta_w", "R_n_Cs"]
    points = {n: [truth[n]] for n in free}
    expanded = model.expand({}, points, data=cj.asimov(model, truth))
    fisher = cj.fisher(model, free, truth=truth)
    assert_allclose(fisher.information, expanded.full[0], rtol=1e-8, atol=1e-8)
    assert_allclose(fisher.profiled, expanded.hessian[0], rtol=1e-8)


@pytest.mark.slow
def test_no_information_on_a_moment_at_zero():
    model = cj.Model(csi_2017(), [cj.StandardModel(), cj.MagneticMoment()])
    fisher = cj.fisher(model, "mu_nu")
    assert fisher.errors["mu_nu"] is None
    assert "mu_nu" in fisher.notes[0]
    assert cj.fisher(model, "mu_nu", truth={"mu_nu": 20.0}).errors["mu_nu"] > 0


def test_variance_of_gaussian_counts_without_data_is_their_mean():
    e = csi_2017()
    planned = PlannedExperiment(**vars(e))
    mean = np.linspace(0.1, 30.0, e.observed.size)
    variances = [cell_variance(kind_of(x), mean, e.variance, np) for x in (e, planned)]
    assert_allclose(variances[0], e.variance)
    assert_allclose(variances[1], planned.with_data(mean).variance)


# --- bad input ---
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"free": "sin2"}, UnknownNameError, "unknown parameter 'sin2'"),
        ({"truth": {"nothing": 1.0}}, UnknownNameError, "unknown parameter 'nothing'"),
        ({"truth": {"sin2_theta_w": 2.0}}, InputError, "outside its bounds"),
        ({"free": "alpha_sig_csi2017"}, InputError, "is a linear nuisance"),
        (
            {"truth": {"R_n_Cs": 5.0}, "fixed": {"R_n_Cs": 4.9}},
            InputError,
            "R_n_Cs is 5 in truth and 4.9 in fixed",
        ),
    ],
    ids=["free", "value", "bounds", "linear", "twice"],
)
def test_bad_input(csi, given, error, message):
    with pytest.raises(error, match=message):
        cj.fisher(csi, **given)


def test_an_objective_without_predictions_is_refused():
    with pytest.raises(InputError, match="predicts no counts"):
        cj.fisher(Toy([parameter("x", free=True)], lambda x: x**2))


def test_known_parameters_must_be_there():
    with pytest.raises(UnknownNameError, match="unknown parameter 'b'"):
        cj.fisher(counting()).with_known("b")


def test_counts_that_are_not_finite_are_refused():
    model = Counts([parameter("x", free=True)], None, counts=lambda v: jnp.stack([jnp.log(v["x"])]))
    with pytest.raises(InputError, match="not finite at these values"):
        cj.fisher(model)
