"""Forecasts: closed forms of one cell, scaling laws, scipy's roots, and the scatter of toys."""

import math

import jax
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize
from scipy.stats import norm
from support.designs import rebuilt

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.experiments import PlannedExperiment, csi_2017

NAME = "csi-2017"


def cell(**options):
    """CsI 2017 as one Gaussian cell."""
    return csi_2017(statistic="counting", **options)


@pytest.fixture(scope="module")
def bare():
    """One cell without nuisances."""
    return cj.Model(cell(pulls={"sig": 0, "brn": 0}))


@pytest.fixture(scope="module")
def pulled():
    """One cell with both pulls."""
    return cj.Model(cell())


def counts(model, **values):
    return float(np.sum(model.expected(values)[NAME]))


def slope(model, parameter, at, h=1e-4):
    """Five-point difference of the counts of one cell."""
    near, far = (
        counts(model, **{parameter: at + k * h}) - counts(model, **{parameter: at - k * h})
        for k in (1, 2)
    )
    return (8 * near - far) / (12 * h)


# --- Asimov data ---
def test_asimov_data_are_expected_counts_and_true_nuisances(pulled):
    truth = {"sin2_theta_w": 0.2, "alpha_sig_csi2017": 0.1}
    data = cj.asimov(pulled, truth)
    assert_allclose(data.counts[NAME], pulled.expected(truth)[NAME], rtol=1e-14)
    assert data.auxiliary == {"alpha_sig_csi2017": 0.1, "alpha_brn_csi2017": 0.0}
    # chi2 is 0 at the truth and positive elsewhere.
    assert float(pulled.nll(truth, data=data)) == pytest.approx(0, abs=1e-18)
    assert float(pulled.profiled_nll({"sin2_theta_w": 0.25}, data=data)) > 0.01


def test_a_planned_experiment_needs_no_data():
    planned = PlannedExperiment(**vars(cell()))
    model = cj.Model(planned)
    with pytest.raises(InputError, match="planned and has no data"):
        cj.profile(model, "sin2_theta_w")
    forecast = cj.forecast(model, "sin2_theta_w")
    with_data = cj.Model(planned.with_data(cj.asimov(model).counts[NAME]))
    expected = cj.forecast(with_data, "sin2_theta_w")
    xr.testing.assert_allclose(forecast, expected, rtol=1e-12)
    assert float(forecast["sd"][0]) == pytest.approx(
        cj.fisher(model).errors["sin2_theta_w"], rel=1e-12
    )
    mu = counts(model)
    signal = counts(model) - float(planned.backgrounds["prompt_neutrons"][0])
    variance = mu + (0.128 * signal) ** 2 + (0.25 * (mu - signal)) ** 2
    rate = slope(model, "sin2_theta_w", model.parameters["sin2_theta_w"].default)
    assert float(forecast["sd"][0]) == pytest.approx(math.sqrt(variance) / rate, rel=1e-7)


# --- intervals ---
@pytest.mark.parametrize("level", [0.6827, 0.90])
def test_ends_are_where_chi2_of_one_cell_rises_by_the_level(bare, level):
    forecast = cj.forecast(bare, "sin2_theta_w", level=level)
    variance = float(bare.experiments[NAME].variance[0])
    truth, mu = forecast.attrs["truth"], counts(bare)

    def above(s):
        return (counts(bare, sin2_theta_w=s) - mu) ** 2 / variance - delta_chi2_at(level)

    ends = brentq(above, 0.0, truth, xtol=1e-12), brentq(above, truth, 1.0, xtol=1e-12)
    assert float(forecast["low"][0, 0]) == pytest.approx(ends[0], abs=1e-8)
    assert float(forecast["high"][0, 0]) == pytest.approx(ends[1], abs=1e-8)
    sd = math.sqrt(variance) / slope(bare, "sin2_theta_w", truth)
    assert float(forecast["sd"][0]) == pytest.approx(sd, rel=1e-8)


def test_a_moment_at_zero_has_a_limit_and_no_error():
    model = cj.Model(cell(pulls={"sig": 0, "brn": 0}), [cj.StandardModel(), cj.MagneticMoment()])
    forecast = cj.forecast(model, "mu_nu", over={"exposure": [1.0, 16.0]})
    per_square = (counts(model, mu_nu=10.0) - counts(model)) / 100
    variance = float(model.experiments[NAME].variance[0])
    limit = math.sqrt(math.sqrt(delta_chi2_at(0.90) * variance) / per_square)
    assert_allclose(forecast["high"].sel(level=0.90), [limit, limit / 2], rtol=1e-6)
    assert_allclose(forecast["low"], 0)
    assert np.isnan(forecast["sd"]).all()


@pytest.mark.parametrize(("side", "sign"), [("upper", 1), ("lower", -1)])
def test_one_sided_limits_leave_all_that_is_excluded_on_one_side(bare, side, sign):
    """The limit is where chi2 is z(level)^2 by scipy: (mu(x) - mu)^2 = z^2 variance."""
    levels = [0.84, 0.90]
    forecast = cj.forecast(bare, "sin2_theta_w", side=side, level=levels)
    variance = float(bare.experiments[NAME].variance[0])
    truth, mu = forecast.attrs["truth"], counts(bare)
    for level in levels:
        far = norm.ppf(level) * math.sqrt(variance)

        def above(x, far=far):
            return abs(counts(bare, sin2_theta_w=x) - mu) - far

        limit = brentq(above, truth, truth + sign * 0.2)
        ends = {end: float(forecast[end].sel(level=level)[0]) for end in ("low", "high")}
        closed, opened = ("high", "low") if sign > 0 else ("low", "high")
        assert ends[closed] == pytest.approx(limit, rel=1e-6)
        assert ends[opened] in (-sign * math.inf, 0.0 if sign > 0 else 1.0)


def test_no_limit_is_infinite(bare):
    few = cj.forecast(bare, "R_n_Cs", over={"exposure": [1e-4]}, level=[0.90])
    assert float(few["high"][0, 0]) == math.inf
    assert float(few["low"][0, 0]) == 0


def test_truth_and_free_parameters(bare):
    forecast = cj.forecast(bare, "sin2_theta_w", truth={"sin2_theta_w": 0.21, "R_n_Cs": 5.2})
    assert forecast.attrs["truth"] == 0.21
    variance = float(bare.experiments[NAME].variance[0])

    def at(s):
        return counts(bare, sin2_theta_w=s, R_n_Cs=5.2)

    rate = (at(0.2101) - at(0.2099)) / 2e-4
    assert float(forecast["sd"][0]) == pytest.approx(math.sqrt(variance) / rate, rel=1e-6)
    assert float(forecast["low"][0, 0]) < 0.21 < float(forecast["high"][0, 0])


# --- scaling ---
def test_error_falls_with_the_root_of_exposure_without_systematics(bare):
    forecast = cj.forecast(bare, "sin2_theta_w", over={"exposure": [0.5, 1.0, 4.0, 100.0]})
    sd = forecast["sd"].values
    assert_allclose(sd / sd[1], [math.sqrt(2), 1.0, 0.5, 0.1], rtol=1e-12)


def test_error_has_the_floor_of_systematics(pulled):
    factors = np.array([0.1, 1.0, 10.0, 1e5])
    forecast = cj.forecast(pulled, "sin2_theta_w", over={f"exposure.{NAME}": factors})
    variance = float(pulled.experiments[NAME].variance[0])
    background = float(pulled.experiments[NAME].backgrounds["prompt_neutrons"][0])
    signal = counts(pulled) - background
    systematic = (0.128 * signal) ** 2 + (0.25 * background) ** 2
    rate = slope(pulled, "sin2_theta_w", forecast.attrs["truth"])
    assert_allclose(forecast["sd"], np.sqrt(variance / factors + systematic) / rate, rtol=1e-7)


@pytest.mark.slow
def test_poisson_cells_scale_alike_and_statistical_pulls_with_them():
    model = cj.Model(csi_2017(statistic="time", pulls={"sig": 0, "brn": 0}))
    over = {"exposure": [1.0, 9.0]}
    ss = "alpha_ss_csi2017"
    sd = cj.forecast(model, "sin2_theta_w", over=over, statistical=ss)["sd"].values
    assert sd[1] == pytest.approx(sd[0] / 3, rel=1e-12)
    sd_of_one_model = cj.forecast(model, "sin2_theta_w", over=over)["sd"].values
    assert sd_of_one_model[0] == sd[0]
    assert sd_of_one_model[1] > sd[1] * (1 + 1e-6)


def test_designs_act_on_arrays_as_on_experiments(pulled):
    """Errors and intervals against models whose experiments are rebuilt."""
    name = f"background.{NAME}"
    forecast = cj.forecast(pulled, "sin2_theta_w", over={name: [0.5, 4.0]})
    anew = cj.forecast(
        lambda x: rebuilt(pulled, {name: x}), "sin2_theta_w", over={name: [0.5, 4.0]}
    )
    xr.testing.assert_allclose(forecast, anew, rtol=1e-9)


def test_a_function_builds_the_models():
    forecast = cj.forecast(
        lambda kg: cj.Model(cell(mass_kg=kg, pulls={"brn": 0})),
        "sin2_theta_w",
        over={"mass_kg": [14.57, 20.0]},
    )
    one = cj.fisher(cj.Model(cell(mass_kg=20.0, pulls={"brn": 0})))
    assert float(forecast["sd"][1]) == pytest.approx(one.errors["sin2_theta_w"], rel=1e-12)
    assert forecast["mass_kg"].values.tolist() == [14.57, 20.0]


def test_a_file_keeps_it(bare, tmp_path):
    forecast = cj.forecast(bare, "sin2_theta_w", over={"exposure": [1, 2]}, level=[0.6827, 0.90])
    forecast.to_netcdf(tmp_path / "f.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "f.nc", engine="h5netcdf") as back:
        # netCDF reads a list of one string back as that string.
        xr.testing.assert_identical(back.load(), forecast.assign_attrs(experiments=NAME))


# --- toys ---
@pytest.mark.slow
def test_error_is_the_scatter_of_best_fits_to_toys():
    """1e4 toys of CsI 2017 at 25 times the exposure, where the likelihood is near a parabola."""
    model = rebuilt(cj.Model(csi_2017(pulls={"sig": 0.05})), {"exposure": 25.0})
    toys, truth = model.toy(2, toys=10_000), model.parameters["sin2_theta_w"].default

    def nll(s, toy):
        return model.profiled_nll({"sin2_theta_w": s}, data=toy)

    def newton(s, toy):
        step = jax.grad(nll)(s, toy) / jax.hessian(nll)(s, toy)
        return s - jax.numpy.clip(step, -0.02, 0.02)

    step = jax.jit(jax.vmap(newton))
    best = jax.numpy.full(len(toys), truth)
    for _ in range(8):
        best, before = step(best, toys), best
    assert float(jax.numpy.max(jax.numpy.abs(best - before))) < 1e-9
    for k in (0, 17, 4711):
        minimum = minimize(
            lambda s, k=k: float(nll(float(s[0]), toys[k])),
            [truth],
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-14},
        )
        assert float(best[k]) == pytest.approx(minimum.x[0], abs=1e-6)
    sd = cj.fisher(model).errors["sin2_theta_w"]
    assert float(jax.numpy.std(best)) == pytest.approx(sd, rel=0.03)
    assert float(jax.numpy.mean(best)) == pytest.approx(truth, abs=0.1 * sd)


# --- bad input ---
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"parameter": "sin2"}, UnknownNameError, "unknown parameter 'sin2'"),
        ({"parameter": "alpha_sig_csi2017"}, InputError, "is a linear nuisance"),
        ({"over": {"exposure": [1.0, 0.0]}}, InputError, "exposure must be > 0, got 0.0"),
        ({"over": {"exposure": [-1.0]}}, InputError, "exposure must be > 0, got -1.0"),
        ({"over": {"exposure.lar": [1.0]}}, UnknownNameError, "unknown experiment 'lar'"),
        ({"over": {"expo": [1.0]}}, UnknownNameError, "unknown design key 'expo'"),
        ({"over": {"R_n_Cs": [5.0]}}, InputError, "R_n_Cs is a parameter"),
        ({"over": {"exposure": []}}, InputError, "list of finite numbers"),
        ({"over": {"exposure": [1.0, np.nan]}}, InputError, "list of finite numbers"),
        ({"over": {"exposure": [1.0], "sd": [1.0]}}, InputError, "over must be one"),
        ({"over": {"sd.R_n_Cs": [1.0]}}, InputError, "R_n_Cs has no constraint"),
        ({"over": {f"background.{NAME}": [-0.5]}}, InputError, "must be >= 0, got -0.5"),
        ({"level": 1.0}, InputError, "within \\(0, 1\\), got 1.0"),
        ({"level": []}, InputError, "levels are numbers"),
        ({"side": "left"}, InputError, "side must be one of"),
        ({"truth": {"sin2_theta_w": 3.0}}, InputError, "outside its bounds"),
        ({"statistical": "R_n_Cs"}, InputError, "R_n_Cs has no constraint"),
        ({"fixed": {"sin2_theta_w": 0.2}}, InputError, "both free and fixed"),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_bad_input(pulled, given, error, message):
    with pytest.raises(error, match=message):
        cj.forecast(pulled, **{"parameter": "sin2_theta_w", **given})


def test_a_function_needs_its_x_and_gives_models():
    with pytest.raises(InputError, match="needs its x"):
        cj.forecast(lambda _: None, "sin2_theta_w")
