"""Fits of CsI-2017 against brute force in plain NumPy, and the status they report."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution
from support import witness

from cevnsjax import Model, StandardModel, fit
from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.fits.fit_result import FitResult
from cevnsjax.inference.rounding import rounded

NAME = "csi-2017"
# The fit stops 1e-11 above the minimum in nll: 5e-6 standard deviations.
SIGMAS = 1e-5


@cache
def model(shape=(), **options):
    return Model(csi_2017(shape=shape), [StandardModel(**options)])


def agree(result, names, data=None, start=None):
    """Values within 1e-5 sigma, covariance with pulls within 1e-5 of the errors, chi2 to 1e-9."""
    values, covariance, chi2 = witness.brute_force(names, data, start)
    assert result.status == "converged"
    assert list(result.values) == list(values)
    sd = np.sqrt(np.diag(covariance))
    for i, name in enumerate(values):
        assert result.values[name] == pytest.approx(values[name], abs=SIGMAS * sd[i])
        assert result.errors[name] == pytest.approx(sd[i], rel=1e-5)
    scale = np.outer(sd, sd)
    np.testing.assert_allclose(result.covariance / scale, covariance / scale, atol=1e-5)
    np.testing.assert_allclose(result.correlation, covariance / scale, atol=1e-5)
    assert result.chi2 == pytest.approx(chi2, rel=1e-9)


def test_sin2_theta_w_against_brute_force():
    result = fit(model(), free=["sin2_theta_w"])
    agree(result, ["sin2_theta_w"])
    assert result.ndf == 11
    assert result.p_value == pytest.approx(chi2_distribution.sf(result.chi2, 11), rel=1e-12)
    assert result.fixed == {}
    assert result.at_bound == ()
    assert result.experiments == (NAME,)


def test_two_parameters_against_brute_force():
    result = fit(model(), free=["sin2_theta_w", "R_n_Cs"])
    agree(result, ["sin2_theta_w", "R_n_Cs"])
    assert result.ndf == 10


@pytest.mark.slow
def test_quenching_nuisance_against_brute_force():
    """A nonlinear nuisance is fitted by default, with its constraint, and does not reduce ndf."""
    result = fit(model(("qf_scale",)), free=["sin2_theta_w"])
    agree(result, ["sin2_theta_w", "qf_scale_csi2017"])
    assert result.ndf == 11
    held = fit(model(("qf_scale",)), free=["sin2_theta_w"], fixed={"qf_scale_csi2017": 1.0})
    assert held.chi2 == pytest.approx(fit(model(), free=["sin2_theta_w"]).chi2, rel=1e-9)


def test_against_minuit():
    iminuit = pytest.importorskip("iminuit")

    def chi2(s2w, R_n, a, b):
        return witness.chi2({"sin2_theta_w": s2w, "R_n_Cs": R_n}, [a, b])

    minuit = iminuit.Minuit(chi2, s2w=0.25, R_n=6.0, a=0.0, b=0.0)
    minuit.limits["R_n"] = (2.0, 12.0)
    minuit.strategy, minuit.tol = 2, 1e-6
    minuit.migrad(ncall=5000)
    result = fit(model(), free=["sin2_theta_w", "R_n_Cs"])
    sd = np.array(list(result.errors.values()))
    # The finite differences of Minuit limit the comparison.
    distance = (np.array(minuit.values) - list(result.values.values())) / sd
    np.testing.assert_allclose(distance, 0, atol=1e-3)
    assert result.chi2 == pytest.approx(minuit.fval, abs=1e-5)
    assert result.chi2 <= minuit.fval + 1e-10


@pytest.mark.parametrize("truth", [{"sin2_theta_w": 0.15}, {"sin2_theta_w": 0.30}])
def test_asimov_data_give_back_what_went_in(truth):
    data = model().expected(truth)
    result = fit(model(), free=["sin2_theta_w"], data=data)
    sd = result.errors["sin2_theta_w"]
    assert result.values["sin2_theta_w"] == pytest.approx(truth["sin2_theta_w"], abs=SIGMAS * sd)
    assert result.chi2 == pytest.approx(0, abs=1e-9)
    assert result.p_value == pytest.approx(1.0)
    for name in witness.PULLS:
        assert result.values[name] == pytest.approx(0, abs=SIGMAS)


def test_asimov_data_of_two_parameters():
    truth = {"sin2_theta_w": 0.20, "R_n_Cs": 5.6}
    result = fit(model(), free=list(truth), data=model().expected(truth))
    for name, value in truth.items():
        assert result.values[name] == pytest.approx(value, abs=SIGMAS * result.errors[name])


def test_pulled_data():
    """Data made with pulls: the penalty draws the fitted pulls back towards 0."""
    truth = {"alpha_sig_csi2017": 0.1, "alpha_brn_csi2017": -0.3}
    result = fit(model(), free=[], data=model().expected(truth))
    data = np.asarray(model().expected(truth)[NAME])
    values, _, chi2 = witness.brute_force([], data)
    for name in truth:
        assert result.values[name] == pytest.approx(values[name], abs=1e-7)
    assert result.chi2 == pytest.approx(chi2, rel=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fluctuated_data_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    data = witness.plain.MEASURED + rng.normal(0, 0.4, 12) * np.sqrt(witness.plain.VARIANCE)
    result = fit(model(), free=["sin2_theta_w"], data=data)
    agree(result, ["sin2_theta_w"], data, start={"sin2_theta_w": result.values["sin2_theta_w"]})
    as_experiment = Model(csi_2017().with_data(data), [StandardModel()])
    assert fit(as_experiment, free=["sin2_theta_w"]).to_dict() == result.to_dict()


def test_fixed_values_and_starts():
    held = fit(model(), free=["R_n_Cs"], fixed={"sin2_theta_w": 0.2})
    witnessed = witness.chi2({"sin2_theta_w": 0.2, "R_n_Cs": held.values["R_n_Cs"]})
    assert held.fixed == {"sin2_theta_w": 0.2}
    assert held.chi2 == pytest.approx(witnessed, rel=1e-9)
    free = fit(model(), free=["sin2_theta_w"])
    for start in (0.0, 0.02, 0.9, 1.0):
        again = fit(model(), free=["sin2_theta_w"], start={"sin2_theta_w": start})
        assert again.chi2 == pytest.approx(free.chi2, rel=1e-9)
        assert again.status == "converged"


def test_free_parameters_of_the_table_are_the_default():
    assert fit(model()).to_dict() == fit(model(), free=["sin2_theta_w"]).to_dict()


def test_nothing_free():
    result = fit(model(), free=[])
    assert list(result.values) == list(witness.PULLS)
    assert result.ndf == 12
    assert result.status == "converged"
    assert result.chi2 == pytest.approx(witness.chi2({}), rel=1e-9)
    everything_held = fit(model(), fixed={"sin2_theta_w": 0.22})
    assert everything_held.chi2 == pytest.approx(witness.chi2({"sin2_theta_w": 0.22}), rel=1e-9)


@pytest.mark.parametrize(("signal", "bound"), [(5.0, 1.0), (0.0, 0.0)])
def test_parameter_on_its_bound(signal, bound):
    """Data with more signal than sin2_theta_w = 1 predicts, or with less than 0 predicts."""
    data = signal * np.asarray(model().expected({"sin2_theta_w": 1.0})[NAME])
    result = fit(model(), free=["sin2_theta_w"], data=data)
    assert result.at_bound == ("sin2_theta_w",)
    assert result.values["sin2_theta_w"] == bound
    assert result.errors["sin2_theta_w"] is None
    assert result.status == "converged"
    assert np.isnan(result.covariance[0]).all()
    assert np.isfinite(result.covariance[1:, 1:]).all()
    assert "(at bound)" in repr(result)
    # Errors of the pulls are those at the held bound.
    held = fit(model(), free=[], fixed={"sin2_theta_w": bound}, data=data)
    assert result.chi2 == pytest.approx(held.chi2, rel=1e-12)
    np.testing.assert_allclose(result.covariance[1:, 1:], held.covariance, rtol=1e-9)


def test_radius_on_its_lower_bound():
    """A signal above that of a point-like neutron density pushes R_n to its lower bound."""
    point = {n: model().parameters[n].bounds[0] for n in ("R_n_Cs", "R_n_I")}
    data = 3 * np.asarray(model().expected(point)[NAME])
    result = fit(model(), free=["R_n_Cs"], data=data)
    assert result.at_bound == ("R_n_Cs",)
    assert result.values["R_n_Cs"] == point["R_n_Cs"]


def test_parameters_that_act_alike_are_flat():
    """R_n_Cs and R_n_I in one bin: the counts fix one combination only."""
    counting = Model(csi_2017(statistic="counting"), [StandardModel()])
    result = fit(counting, free=["R_n_Cs", "R_n_I"])
    assert result.status.startswith("flat: the likelihood does not fix")
    assert "fix one of them" in result.status
    assert not result.converged
    assert result.errors["R_n_Cs"] is None
    assert np.isfinite(result.chi2)


def test_json_round_trip(tmp_path):
    for result in (
        fit(model(), free=["sin2_theta_w"]),
        fit(model(), free=["sin2_theta_w"], data=np.full(12, 500.0)),
    ):
        path = tmp_path / "fit.json"
        path.write_text(result.to_json())
        for source in (result.to_json(), path):
            back = FitResult.from_json(source)
            assert back.to_dict() == result.to_dict()
            np.testing.assert_array_equal(back.covariance, result.covariance)
    with pytest.raises(DataError, match="not the JSON of a FitResult"):
        FitResult.from_json("{}")
    with pytest.raises(DataError):
        FitResult.from_json("[1, 2]")
    with pytest.raises(DataError):
        FitResult.from_json("no json")


def test_bad_input():
    with pytest.raises(UnknownNameError, match="did you mean sin2_theta_w"):
        fit(model(), free=["sin2_thetaw"])
    with pytest.raises(UnknownNameError, match="R_n_Cs"):
        fit(model(), fixed={"R_n_Csx": 1.0})
    with pytest.raises(InputError, match="outside its bounds"):
        fit(model(), fixed={"sin2_theta_w": 1.5})
    with pytest.raises(InputError, match="nan"):
        fit(model(), free=["R_n_Cs"], fixed={"sin2_theta_w": np.nan})
    with pytest.raises(InputError, match="both free and fixed"):
        fit(model(), free=["sin2_theta_w"], fixed={"sin2_theta_w": 0.2})
    with pytest.raises(InputError, match="linear nuisance"):
        fit(model(), free=["alpha_sig_csi2017"])
    with pytest.raises(InputError, match="not free"):
        fit(model(), free=["sin2_theta_w"], start={"R_n_Cs": 5.0})
    with pytest.raises(InputError, match="outside its bounds"):
        fit(model(), free=["sin2_theta_w"], start={"sin2_theta_w": -1.0})
    with pytest.raises(InputError, match="shape"):
        fit(model(), free=["sin2_theta_w"], data=np.ones(3))
    with pytest.raises(InputError):
        fit(model(), free=["sin2_theta_w"], data=np.full(12, np.nan))


def test_text():
    result = fit(model(), free=["sin2_theta_w"])
    text = repr(result)
    assert text.startswith("Fit csi-2017: converged")
    assert "sin2_theta_w = 0.224 +- 0.041" in text
    assert result.lines()[-1].startswith("chi2/ndf = 2.743/11, p = 0.99")
    assert rounded(0.12345, 0.0123) == ("0.123", "0.012")
    assert rounded(-0.0001, 0.1) == ("0.00", "0.10")
    assert rounded(3.0, None) == ("3", "-")
    assert replace(result, p_value=float("nan")).lines()[-1] == "chi2/ndf = 2.743/11"
