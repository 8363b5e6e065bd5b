"""Profiles of CsI-2017 against brute force in plain NumPy and against published intervals."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from support import witness

from cevnsjax import Model, StandardModel, analyses, fit, profile
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.experiments import csi_2017
from cevnsjax.reproduce.rows import published


@cache
def model(**options):
    return Model(csi_2017(**options), [StandardModel()])


def test_sin2_theta_w():
    result = profile(model(), "sin2_theta_w", levels=(0.6827, 0.90, 0.9545, 0.99))
    lowest = minimize_scalar(
        lambda s: witness.chi2({"sin2_theta_w": s}), bounds=(0.1, 0.3), options={"xatol": 1e-9}
    )
    assert result.chi2_min == pytest.approx(lowest.fun, rel=1e-9)
    assert result.best_fit == pytest.approx(lowest.x, abs=1e-6)
    fitted = fit(model(), free=["sin2_theta_w"])
    assert result.best_fit == pytest.approx(fitted.values["sin2_theta_w"], abs=1e-6)
    for key, intervals in result.intervals.items():
        assert len(intervals) == 1
        for end in intervals[0]:
            height = witness.chi2({"sin2_theta_w": end}) - lowest.fun
            assert height == pytest.approx(delta_chi2_at(float(key)), abs=1e-8)
    curve = [witness.chi2({"sin2_theta_w": s}) for s in result.x[::40].tolist()]
    np.testing.assert_allclose(result.chi2[::40], curve, rtol=1e-9)
    # The Hessian error is the 68 % interval as far as the profile is a parabola.
    low, high = result.intervals["0.6827"][0]
    assert (high - low) / 2 == pytest.approx(fitted.errors["sin2_theta_w"], rel=0.02)


@pytest.mark.parametrize(("quenching", "digits"), [("old", 0.0005), ("new", 0.003)])
def test_published_intervals_of_papoulias2020(quenching, digits):
    """Old quenching to the printed digits; the paper's new curve is not printed."""
    row = published("papoulias2020")[f"papoulias2020/sin2thetaW_90.{quenching}"]
    result = profile(analyses.papoulias2020(quenching), "sin2_theta_w", levels=(0.90,))
    np.testing.assert_allclose(
        result.intervals["0.90"], row.value, atol=max(digits, row.attainable)
    )


def test_free_radius_against_brute_force():
    """With R_n_Cs free the curve equals a scipy fit at every point and never lies above it."""
    result = profile(model(), "sin2_theta_w", free=["R_n_Cs"], levels=(0.90,))
    assert result.status == "converged"
    low, high = model().parameters["R_n_Cs"].bounds
    for i in np.linspace(1, len(result.x) - 2, 9).astype(int):
        s = float(result.x[i])
        curve = lambda R, s=s: witness.chi2({"sin2_theta_w": s, "R_n_Cs": float(R)})  # noqa: E731
        pieces = [low, 4.0, 8.0, high]
        inner = [
            minimize_scalar(curve, bounds=ends, method="bounded", options={"xatol": 1e-9}).fun
            for ends in pairwise(pieces)
        ]
        best = min([*inner, *map(curve, pieces)])
        assert result.chi2[i] == pytest.approx(best, rel=1e-8)
    fixed = 2 * np.asarray(model().map({}, {"sin2_theta_w": result.x}))
    assert np.all(result.chi2 <= fixed + 1e-9)
    both = fit(model(), free=["sin2_theta_w", "R_n_Cs"])
    assert result.chi2_min == pytest.approx(both.chi2, abs=1e-9)
    assert result.best_fit == pytest.approx(both.values["sin2_theta_w"], abs=1e-4)


def test_radius_with_mixing_angle_held():
    result = profile(model(), "R_n_Cs", fixed={"sin2_theta_w": 0.22}, levels=(0.6827,))
    curve = [witness.chi2({"sin2_theta_w": 0.22, "R_n_Cs": R}) for R in result.x[::40].tolist()]
    np.testing.assert_allclose(result.chi2[::40], curve, rtol=1e-9)
    assert result.unit == "fm"
    low, high = result.intervals["0.6827"][0]
    assert low < result.best_fit < high


def test_nuisances_are_profiled_not_named():
    with pytest.raises(InputError, match="linear nuisance"):
        profile(model(), "alpha_sig_csi2017")


def test_asimov_data():
    data = model().expected({"sin2_theta_w": 0.27})
    result = profile(model(), "sin2_theta_w", data=data, levels=(0.6827,))
    assert result.best_fit == pytest.approx(0.27, abs=1e-7)
    assert result.chi2_min == pytest.approx(0.0, abs=1e-12)


def test_json():
    result = profile(model(), "sin2_theta_w", levels=(0.90,))
    assert result.to_dict()["intervals"] == {"0.90": [list(result.intervals["0.90"][0])]}
    assert list(result.to_dict())[:4] == ["parameter", "best_fit", "chi2_min", "intervals"]
    assert "90.00% CL: [0.1544, 0.2929]" in repr(result)


@pytest.mark.slow
def test_quenching_scale_is_profiled_by_default():
    """The free scale only lowers the curve, to what a scipy fit at each point finds."""
    result = profile(model(shape=("qf_scale",)), "sin2_theta_w", levels=(0.90,))
    for i in np.linspace(0, len(result.x) - 1, 5).astype(int):
        s = float(result.x[i])
        best = minimize_scalar(
            lambda q, s=s: witness.chi2({"sin2_theta_w": s, "qf_scale_csi2017": q}),
            bounds=(0.7, 1.3),
            options={"xatol": 1e-9},
        )
        assert result.chi2[i] == pytest.approx(best.fun, rel=1e-8)
    fixed = 2 * np.asarray(model().map({}, {"sin2_theta_w": result.x}))
    assert np.all(result.chi2 <= fixed + 1e-9)
