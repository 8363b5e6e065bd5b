"""Pseudo-experiments against closed forms, fits one by one, and exact grids."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.toys.draws import Draws
from cevnsjax.inference.toys.fitter import ToyFitter

SIG, BRN = "alpha_sig_csi2017", "alpha_brn_csi2017"


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


@pytest.fixture(scope="module")
def two_valleys():
    interactions = [cj.StandardModel(), cj.NSI("eps_dV_ee", "eps_uV_mumu")]
    return cj.Model([cj.experiments.csi_2017(), cj.experiments.lar_2020()], interactions)


@pytest.fixture(scope="module")
def linear():
    """The strength of the signal as parameter: counts are linear in everything."""
    return cj.Model(cj.experiments.csi_2017(), free_pulls=[SIG])


@pytest.fixture(scope="module")
def thrown(model):
    return cj.toys(model, 3000, test="sin2_theta_w", seed=3)


def curvature(model, *, thrown):
    """Variance of the strength's estimate and its inverse curvature, from the normal equations."""
    (e,) = model.experiments.values()
    signal = sum(np.asarray(x) for x in model.by_component({})["csi-2017"]["signal"].values())
    (neutrons,) = e.backgrounds.values()
    J = np.stack([signal, neutrons])
    fisher = (J / e.variance) @ J.T
    prior = np.diag([1 / p.sd**2 for p in e.pulls])
    covariance = np.linalg.inv(fisher + prior)
    noise = fisher + (prior if thrown else 0)
    return (covariance @ noise @ covariance)[0, 0], covariance[0, 0]


@pytest.mark.parametrize("auxiliary", [True, False])
def test_linear_gaussian_problem(linear, auxiliary):
    """q is the ratio of both variances times chi2 of one degree of freedom."""
    toys = cj.toys(linear, 4000, test=SIG, free=[], truth={BRN: 0.0}, auxiliary=auxiliary, seed=1)
    variance, inverse = curvature(linear, thrown=auxiliary)
    ratio = variance / inverse
    assert ratio == pytest.approx(1.0, abs=1e-12) if auxiliary else ratio < 0.7
    assert bool(toys["converged"].all())
    assert stats.kstest(toys["q"].values / ratio, stats.chi2(1).cdf).pvalue > 0.01
    spread = toys[SIG].values / np.sqrt(variance)
    assert stats.kstest(spread, stats.norm.cdf).pvalue > 0.01


def test_linear_fits_are_least_squares(linear):
    """Nothing but the parameter scales the signal: rows of cells and of constraints, by numpy."""
    toys = cj.toys(linear, 20, test=SIG, free=[], truth={BRN: 0.0}, seed=2)
    thrown = linear.toy(2, json.loads(toys.attrs["truth"]), toys=20)
    (e,) = linear.experiments.values()
    signal = sum(np.asarray(x) for x in linear.by_component({})["csi-2017"]["signal"].values())
    J = np.stack([signal, *e.backgrounds.values()]) / np.sqrt(e.variance)
    widths = np.array([p.sd for p in e.pulls])
    rows = np.vstack([J.T, np.diag(1 / widths)])
    for i in range(20):
        n = np.asarray(thrown[i].counts["csi-2017"]) / np.sqrt(e.variance) - J.sum(axis=0)
        measured = np.array([float(thrown[i].auxiliary[p.name]) for p in e.pulls])
        best, (chi2,), *_ = np.linalg.lstsq(rows, np.append(n, measured / widths))
        assert toys[SIG].values[i] == pytest.approx(best[0], abs=1e-8)
        assert toys["chi2"].values[i] == pytest.approx(chi2, abs=1e-9)


def test_strength_at_its_bound(linear):
    """At a physical bound q is half a delta function at 0 and half chi2 (Chernoff 1954)."""
    toys = cj.toys(linear, 4000, truth={SIG: -1.0, BRN: 0.0}, test=SIG, free=[], seed=3)
    q = toys["q"].values
    assert bool(toys["converged"].all())
    at_bound = q < 1e-10
    assert stats.binomtest(int(at_bound.sum()), q.size, 0.5).pvalue > 0.01
    assert stats.kstest(q[~at_bound], stats.chi2(1).cdf).pvalue > 0.01
    np.testing.assert_array_equal(toys[SIG].values[at_bound], -1.0)


def test_equal_to_fits_one_by_one(model, thrown):
    toys = model.toy(3, json.loads(thrown.attrs["truth"]), toys=3000)
    for i in np.random.default_rng(0).choice(3000, 25, replace=False).tolist():
        fit = cj.fit(model, "sin2_theta_w", data=toys[i])
        assert thrown["chi2"].values[i] == pytest.approx(fit.chi2, abs=1e-8)
        assert thrown["sin2_theta_w"].values[i] == pytest.approx(
            fit.values["sin2_theta_w"], abs=1e-6
        )
        fixed = 2 * float(model.profiled_nll({}, data=toys[i]))
        assert thrown["chi2_conditional"].values[i] == pytest.approx(fixed, abs=1e-9)


@pytest.mark.parametrize("tested", [("eps_dV_ee",), ("eps_dV_ee", "eps_uV_mumu")])
def test_two_valleys_are_both_seen(two_valleys, tested):
    """No point of an exact grid has a lower chi2 than the global fit."""
    table = cj.toys(two_valleys, 60, test=tested, seed=5)
    truth = json.loads(table.attrs["truth"])
    toys = two_valleys.toy(5, truth, toys=60)
    axis = np.linspace(-1.0, 1.5, 2001 if len(tested) == 1 else 61)
    axes = np.meshgrid(*[axis] * len(tested))
    grid = {n: x.reshape(-1) for n, x in zip(tested, axes, strict=True)}
    sides = set()
    for i in range(0, 60, 3):
        chi2 = 2 * np.asarray(two_valleys.map({}, grid, data=toys[i]))
        assert table["chi2"].values[i] < chi2.min() + 1e-9
        assert table["chi2"].values[i] > chi2.min() - (0.01 if len(tested) == 1 else 1.0)
        sides.add(table["eps_dV_ee"].values[i] > 0.18)
    assert sides == {True, False}


@pytest.mark.parametrize("kept", [(SIG, BRN), (BRN,)])
def test_engines_agree(kept):
    """The closed form and Newton's method, also where no pull multiplies the signal."""
    csi = cj.experiments.csi_2017()
    model = cj.Model(replace(csi, pulls=tuple(p for p in csi.pulls if p.name in kept)))
    draws = Draws(model, 8, {})
    point = {"sin2_theta_w": model.parameters["sin2_theta_w"].default}
    names = ("sin2_theta_w",)
    closed = ToyFitter(model, names, names, {})
    newton = ToyFitter(model, names, names, {})
    assert closed.name == "closed form"
    newton.use_newton()
    first, second = (e.at(point, draws.asimov)(draws.block(1)) for e in (closed, newton))
    np.testing.assert_allclose(first.chi2, second.chi2, rtol=0, atol=1e-9)
    np.testing.assert_allclose(first.fixed_chi2, second.fixed_chi2, rtol=0, atol=1e-9)
    np.testing.assert_allclose(first.x, second.x, rtol=0, atol=1e-5)
    assert first.both_converged.all()
    assert second.both_converged.all()


def test_further_free_parameter(two_valleys):
    table = cj.toys(two_valleys, 12, test="eps_dV_ee", free=["eps_dV_ee", "eps_uV_mumu"], seed=4)
    truth = json.loads(table.attrs["truth"])
    toys = two_valleys.toy(4, truth, toys=12)
    for i in (0, 5, 11):
        whole = cj.fit(two_valleys, ["eps_dV_ee", "eps_uV_mumu"], data=toys[i])
        held = cj.fit(two_valleys, "eps_uV_mumu", fixed={"eps_dV_ee": 0.0}, data=toys[i])
        assert table["chi2"].values[i] == pytest.approx(whole.chi2, abs=1e-6)
        assert table["chi2_conditional"].values[i] == pytest.approx(held.chi2, abs=1e-6)
        assert table["eps_uV_mumu_conditional"].values[i] == pytest.approx(
            held.values["eps_uV_mumu"], abs=1e-4
        )


def test_first_toys_of_many_are_those_of_few(model, thrown):
    few = cj.toys(model, 1100, test="sin2_theta_w", seed=3)
    for name in ("q", "chi2", "sin2_theta_w"):
        np.testing.assert_array_equal(few[name].values, thrown[name].values[:1100])


def test_the_number_of_cores_changes_nothing(model, thrown, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    alone = cj.toys(model, 3000, test="sin2_theta_w", seed=3)
    np.testing.assert_array_equal(alone["q"].values, thrown["q"].values)


def test_calls_of_another_size_change_little(two_valleys, monkeypatch):
    few = cj.toys(two_valleys, 40, test=("eps_dV_ee", "eps_uV_mumu"), seed=6)
    monkeypatch.setattr("cevnsjax.likelihood.shared.spanned._MOST", 96)
    again = cj.toys(two_valleys, 40, test=("eps_dV_ee", "eps_uV_mumu"), seed=6)
    np.testing.assert_allclose(few["chi2"].values, again["chi2"].values, rtol=0, atol=1e-9)


def test_p_value_of_the_data(model, thrown):
    a = thrown.attrs
    fit = cj.fit(model, "sin2_theta_w")
    q = 2 * float(model.profiled_nll({})) - fit.chi2
    assert a["q_data"] == pytest.approx(q, abs=1e-8)
    p = float(np.mean(thrown["q"].values >= q))
    assert a["p_value"] == p
    assert a["p_value_error"] == pytest.approx(np.sqrt(p * (1 - p) / 3000), rel=1e-9)
    pulls = model.best_pulls({})
    assert json.loads(a["truth"])[SIG] == pytest.approx(float(pulls[SIG]), abs=1e-9)
    assert a["p_value_chi2"] == float(np.mean(thrown["chi2"].values >= fit.chi2))


def test_q_of_data_from_the_user(model):
    counts = np.asarray(model.expected({"sin2_theta_w": 0.30})["csi-2017"])
    toys = cj.toys(model, 100, test="sin2_theta_w", truth={"sin2_theta_w": 0.30}, data=counts)
    assert toys.attrs["q_data"] == pytest.approx(0.0, abs=1e-9)
    assert toys.attrs["p_value"] == 1.0


def test_dataset_goes_to_a_file_and_back(thrown, tmp_path):
    import xarray as xr

    thrown.to_netcdf(tmp_path / "toys.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "toys.nc", engine="h5netcdf") as back:
        np.testing.assert_array_equal(back["q"].values, thrown["q"].values)
        assert back.attrs["seed"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"toys": 0}, "toys must be a whole number"),
        ({"toys": True}, "toys must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"test": "nothing"}, "nothing"),
        ({"test": "sin2_theta_w", "free": ["R_n_Cs"]}, "tested but not free"),
        ({"test": "sin2_theta_w", "fixed": {"sin2_theta_w": 0.2}}, "both tested and fixed"),
        ({"test": SIG}, "linear nuisance"),
        ({"test": ()}, "nothing is tested"),
        ({"truth": {"R_n_Cs": 5.5}}, "not what the fits hold"),
        ({"truth": {"sin2_theta_w": 7.0}}, "outside its bounds"),
        ({"truth": {"nothing": 7.0}}, "nothing"),
    ],
    ids=lambda x: None if isinstance(x, dict) else x.replace(" ", "-"),
)
def test_bad_input(model, options, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        cj.toys(model, **{"toys": 10, **options})


@pytest.mark.slow
def test_poisson_equal_to_fits_one_by_one():
    """CsI 2021 with its four pulls: random toys against fits one by one."""
    model = cj.Model(cj.experiments.csi_2021(morphs=()))
    table = cj.toys(model, 2000, test="sin2_theta_w", seed=9)
    assert table.attrs["failed"] == 0
    truth = json.loads(table.attrs["truth"])
    toys = model.toy(9, truth, toys=2000)
    for i in np.random.default_rng(1).choice(2000, 100, replace=False).tolist():
        fit = cj.fit(model, "sin2_theta_w", data=toys[i])
        assert table["chi2"].values[i] == pytest.approx(fit.chi2, abs=1e-6)
        fixed = 2 * float(model.profiled_nll({}, data=toys[i]))
        assert table["chi2_conditional"].values[i] == pytest.approx(fixed, abs=1e-6)
