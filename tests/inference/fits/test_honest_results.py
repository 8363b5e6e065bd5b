"""Results say where an interval is open and where an error is not a one-sigma interval."""

import json

import numpy as np
import pytest

from cevnsjax.experiments import csi_2017
from cevnsjax.inference.fits.fit import _covariance, fit
from cevnsjax.inference.fits.fit_result import FitResult
from cevnsjax.inference.fits.profile import profile
from cevnsjax.interactions import NSI, LightVector, StandardModel
from cevnsjax.model import Model


@pytest.fixture(scope="module")
def model():
    return Model(csi_2017(), [StandardModel(), NSI("eps_uV_emu"), LightVector()])


def test_an_interval_that_ends_on_an_arbitrary_bound_is_open(model):
    """Delta chi2 of R_n(Cs) never reaches 4 up to the 12 fm bound; 0 fm is a physical limit."""
    result = profile(model, "R_n_Cs", levels=0.9545)
    ((_, high),) = result.intervals["0.9545"]
    assert high == 12.0
    assert result.delta_chi2[-1] < result.levels["0.9545"]
    assert result.open_at == (12.0,)
    assert "open" in result.lines()[1]
    assert profile(model, "R_n_Cs", levels=0.6827).lines()[1].find("open") == -1


def test_a_physical_limit_closes_an_interval(model):
    result = profile(model, "g_Zp", levels=[0.90])
    assert result.intervals["0.90"][0][0] == 0.0
    assert 0.0 not in result.open_at
    assert "open" not in result.lines()[1]


def test_the_curve_survives_json(model):
    result = profile(model, "sin2_theta_w", fixed={"R_n_Cs": 5.1})
    raw = json.loads(result.to_json())
    np.testing.assert_array_equal(raw["curve"]["chi2"], result.chi2)
    assert raw["fixed"] == {"R_n_Cs": 5.1}
    assert raw["experiments"] == ["csi-2017"]


def test_notes_where_the_hessian_misleads(model):
    """chi2 is quartic in eps_emu about its symmetry point; two radii are hardly constrained."""
    even = fit(model, "eps_uV_emu")
    assert [n.split()[0] for n in even.notes] == ["eps_uV_emu"]
    half = np.ptp(profile(model, "eps_uV_emu", levels=0.6827).intervals["0.6827"][0]) / 2
    assert abs(even.errors["eps_uV_emu"] / half - 1) > 0.2
    weak = fit(model, ["R_n_Cs", "R_n_I"])
    assert "R_n_Cs is hardly constrained" in " ".join(weak.notes)
    assert fit(model, "sin2_theta_w").notes == ()
    assert FitResult.from_json(weak.to_json()).notes == weak.notes


def test_a_flat_direction_is_profiled_in_the_errors_of_the_others():
    """x + y and z are measured, x - y is not: the error of z is that with y held at any value."""
    rows = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    hessian = rows.T @ np.diag([100.0, 25.0, 11.0]) @ rows
    scale, everything = np.array([1.0, 0.1, 2.0]), np.ones(3, dtype=bool)
    covariance = _covariance(hessian, scale, everything)
    expected = np.linalg.inv(hessian[np.ix_([0, 2], [0, 2])])[1, 1]
    assert covariance[2, 2] == pytest.approx(expected, rel=1e-12)
    assert expected > 1.2 / hessian[2, 2]
    assert np.isnan(covariance[:2]).all()
    assert np.isnan(covariance[:, :2]).all()
    assert np.isnan(_covariance(np.zeros((3, 3)), scale, everything)).all()


def test_errors_that_hold_another_parameter_at_its_bound_say_so():
    model = Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee", "eps_dV_ee")])
    result = fit(model, ["eps_uV_ee", "eps_dV_ee"])
    assert result.at_bound == ("eps_uV_ee",)
    assert result.notes[0].startswith("eps_uV_ee on a bound: errors of the others hold it there")
    assert not any("on a bound" in note for note in fit(model, ["eps_dV_ee"]).notes)
