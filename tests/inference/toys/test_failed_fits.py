"""Fits of pseudo-experiments and of data that fail: flagged, noted, and in no p-value."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import cevnsjax as cj
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.toys import data_fit, feldman_cousins_notes, joint_fit
from cevnsjax.inference.toys.feldman_cousins_result import GridPoint, intervals


@pytest.fixture(scope="module")
def model():
    return cj.Model(csi_2017(), [cj.NSI("eps_uV_ee", "eps_dV_ee")])


def failing(monkeypatch, which):
    """Newton's descents of fits that ``which`` chooses by their parameters end off a minimum."""
    descend = joint_fit.JointFit.descend

    def sometimes(self, x, pulls, data, is_fixed):
        end = descend(self, x, pulls, data, is_fixed)
        return end._replace(distance=np.where(which(end.x), np.inf, end.distance))

    monkeypatch.setattr(joint_fit.JointFit, "descend", sometimes)


def options(**others):
    return {"free": ["eps_uV_ee", "eps_dV_ee"], "test": "eps_uV_ee", **others}


def test_failed_toys_are_counted_noted_and_left_out(model, monkeypatch):
    failing(monkeypatch, lambda x: x[:, 1] > 0.4)
    result = cj.toys(model, 64, **options())
    failed = int((~result["converged"]).sum())
    assert 0 < failed < 64
    assert result.attrs["failed"] == failed
    assert result.attrs["notes"][0].startswith(f"fits of {failed} of 64 toys failed")
    q = result["q"].values
    assert np.isnan(q[~result["converged"].values]).all()
    counted = q[result["converged"].values]
    assert result.attrs["p_value"] == np.mean(counted >= result.attrs["q_data"] - 1e-9)


def test_data_whose_fit_fails_have_no_p_value(model, monkeypatch):
    failing(monkeypatch, lambda x: x[:, 0] > -9)
    result = cj.toys(model, 16, **options())
    assert np.isnan([result.attrs[n] for n in ("q_data", "p_value", "p_value_chi2")]).all()
    assert "the fits of the data did not converge: there is no p-value" in result.attrs["notes"]


def test_true_nuisances_that_were_not_found_are_noted(model, monkeypatch):
    monkeypatch.setattr(data_fit, "arrived", lambda distance: distance < -1.0)
    result = cj.toys(model, 16, test="sin2_theta_w")
    (note,) = result.attrs["notes"]
    assert note.startswith("the search for the nuisances at the true values failed")


def test_points_whose_data_are_not_fitted_belong_to_no_region(model, monkeypatch, tmp_path):
    monkeypatch.setattr(data_fit, "arrived", lambda distance: distance < -1.0)
    axis = {"sin2_theta_w": (0.15, 0.3, 3)}
    result = cj.feldman_cousins(model, levels=0.90, toys=1024, folder=tmp_path / "run", **axis)
    assert not result["converged"].any()
    assert np.isnan(result["p_value"]).all()
    assert not result["accepted"].any()
    assert "could not be fitted at 3 points" in result.attrs["notes"][0]
    assert json.loads(result.attrs["intervals"]) == {"0.90": []}
    result.to_netcdf(tmp_path / "fc.nc", engine="h5netcdf")
    assert not xr.load_dataset(tmp_path / "fc.nc", engine="h5netcdf")["converged"].any()


def test_no_fit_of_the_data_is_an_error(model, monkeypatch):
    failing(monkeypatch, lambda x: x[:, 0] > -9)
    with pytest.raises(cj.errors.InputError, match="no fit of the data converged"):
        cj.feldman_cousins(model, free="eps_dV_ee", levels=0.9, toys=1024, eps_uV_ee=(-1, 1, 3))


def test_intervals_without_some_points():
    """p = exp(-x^2/2) is above 0.1 for |x| below sqrt(2 ln 10); log p is linear in between."""
    x = np.array([-4.0, -2.0, 0.0, 1.0, 3.0, 4.0])
    p = np.exp(-(x**2) / 2)
    gaps, kept = np.array([0, 0, 1, 0, 1, 0], dtype=bool), [0, 1, 3, 5]
    found = intervals(x, np.where(gaps, np.nan, p), (0.90,))
    assert found == intervals(x[kept], p[kept], (0.90,))
    ((low, high),) = found["0.90"]
    # Between -4 and -2, and between 1 and 4: straight lines of -x^2/2.
    assert low == pytest.approx(-4 + 2 * (8 - np.log(10)) / 6)
    assert high == pytest.approx(1 + 3 * (np.log(10) - 0.5) / 7.5)


def test_a_point_without_q_of_the_data_takes_no_more_toys():
    point = GridPoint(np.linspace(0, 9, 1024), np.nan, (0.90,))
    assert point.clear(4.0)
    assert point.accepted() == [False]


def test_notes_on_failures():
    failed, converged = np.array([0, 3, 4]), np.array([True, False, True])
    points, toys = feldman_cousins_notes.notes_on_failures(failed, converged)
    assert "at 1 points" in points
    assert toys.startswith("7 failed fits")
    assert feldman_cousins_notes.notes_on_failures(0 * failed, np.ones(3, dtype=bool)) == []


def test_a_forecast_notes_profiles_that_failed(monkeypatch):
    from cevnsjax.inference.forecasts import forecast as module

    def unconverged(*args, **keywords):
        result = profile(*args, **keywords)
        return replace(result, status="not converged: as told", notes=("beware",))

    profile = module.profile
    monkeypatch.setattr(module, "profile", unconverged)
    result = cj.forecast(
        cj.Model(csi_2017()), "sin2_theta_w", over={"exposure": [1.0, 2.0]}, level=0.9
    )
    assert result["converged"].values.tolist() == [False, False]
    told = ["not converged: as told", "beware"]
    assert result.attrs["notes"] == [f"exposure = {x}: {t}" for x in (1, 2) for t in told]
