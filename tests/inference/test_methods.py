"""Every method finds the lowest minimum of the same problems, held against a fine scan."""

import numpy as np
import pytest

from cevnsjax import NSI, StandardModel, fit, scan
from cevnsjax.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.methods import METHODS
from cevnsjax.interactions.owners import owning
from cevnsjax.model import Model

PROBLEMS = {
    "angle": {"sin2_theta_w": (0.0, 0.6, 2001)},
    "two minima": {"eps_dV_ee": (-1.0, 1.0, 2001)},
    "two couplings": {"eps_uV_ee": (-1.0, 1.0, 401), "eps_dV_mumu": (-1.0, 1.0, 401)},
    "even": {"mu_nu_e": (0.0, 60.0, 2001)},
    "charge": {"q_nu_ee": (-60.0, 60.0, 2001)},
    "radius": {"R_n_Cs": (2.0, 9.0, 2001)},
}


@pytest.fixture(scope="module")
def models():
    """One model and the least chi2 of a fine scan for each problem."""
    out = {}
    for name, axes in PROBLEMS.items():
        made = Model(csi_2017(), owning(list(axes), {}))
        out[name] = made, scan(made, **axes).attrs["chi2_min"]
    return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_lowest_minimum(models, problem, method):
    if method == "minuit":
        pytest.importorskip("iminuit")
    model, least = models[problem]
    found = fit(model, list(PROBLEMS[problem]), method=method)
    assert found.converged, found.status
    # The scan's own steps leave it a little above the minimum, never below.
    assert found.chi2 <= least + 1e-7
    assert found.chi2 >= least - 0.01
    reference = fit(model, list(PROBLEMS[problem]), method="newton")
    assert found.chi2 == pytest.approx(reference.chi2, abs=2e-6)
    for name in PROBLEMS[problem]:
        error = reference.errors[name] or model.parameters[name].scale
        assert found.values[name] == pytest.approx(reference.values[name], abs=2e-3 * error)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["newton", "lbfgs", "minuit"])
def test_a_hundred_random_starts_find_the_same_minima(method):
    """eps_dV_ee has two; which one a start reaches is its own affair, but there are no others."""
    if method == "minuit":
        pytest.importorskip("iminuit")
    from cevnsjax.inference.fit import problem_of

    model = Model(csi_2017(), [StandardModel(), NSI("eps_dV_ee")])
    problem = problem_of(model, ("eps_dV_ee",), {})
    curve = scan(model, eps_dV_ee=(-2.0, 2.0, 40001))
    x, chi2 = curve.eps_dV_ee.to_numpy(), curve.chi2.to_numpy()
    dips = x[1:-1][(chi2[1:-1] < chi2[:-2]) & (chi2[1:-1] < chi2[2:])]
    assert dips.size == 2
    rng, scale = np.random.default_rng(5), model.parameters["eps_dV_ee"].scale
    ends = [
        METHODS[method](problem, rng.uniform(-2, 2, 1) / scale).u[0] * scale for _ in range(100)
    ]
    nearest = np.array([dips[np.argmin(np.abs(dips - end))] for end in ends])
    assert np.max(np.abs(np.array(ends) - nearest)) < 2e-4
    assert set(nearest) == set(dips)


@pytest.mark.parametrize("method", METHODS)
def test_fits_on_a_bound_say_so(method):
    """Data with more events than any sin2_theta_w up to 1 gives press it there."""
    if method == "minuit":
        pytest.importorskip("iminuit")
    model = Model(csi_2017())
    many = 1.5 * np.asarray(model.expected({"sin2_theta_w": 1.0})["csi-2017"])
    found = fit(model, ["sin2_theta_w"], data=many, method=method)
    assert found.values["sin2_theta_w"] == 1.0
    assert found.at_bound == ("sin2_theta_w",)
    assert found.errors["sin2_theta_w"] is None


def test_an_even_parameter_does_not_stay_at_zero(models):
    """chi2 falls with mu_nu_e^2 when events are missing from the prediction."""
    model, _ = models["even"]
    data = np.asarray(model.expected({"mu_nu_e": 25.0})["csi-2017"])
    for method in ("auto", "newton", "lbfgs", "adam"):
        found = fit(model, ["mu_nu_e"], data=data, method=method, start={"mu_nu_e": 0.0})
        assert found.values["mu_nu_e"] == pytest.approx(25.0, abs=1e-2)


def test_errors(models):
    model, _ = models["angle"]
    with pytest.raises(UnknownNameError, match="unknown method"):
        fit(model, ["sin2_theta_w"], method="simplex")
    with pytest.raises(InputError, match="not finite at any start"):
        fit(model, ["sin2_theta_w"], data=np.full(12, np.nan))
