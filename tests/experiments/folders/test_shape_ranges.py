"""Responses under a nuisance of the quenching: right at every value that its bounds allow."""

from dataclasses import replace

import numpy as np
import pytest
from support import dense, drawn
from support.experiment_folder import folder_of

import cevnsjax as cj
from cevnsjax.core.errors import InputError

VALUES = {
    "": {"name": "ge", "statistic": "poisson"},
    "target": {"mass_kg": 10.0, "atoms": {"74Ge": 1}},
    "neutrinos": drawn.SOURCES["reactor"],
    "quenching": {"kind": "constant", "factor": 0.2},
    "binning": {
        "observable": "E_ee_keV",
        "observable_per_kevee": 1.0,
        "edges": [0.1, 0.2, 0.21, 0.3],
    },
    "efficiency": {"kind": "constant", "value": 1.0},
    "data": {"kind": "planned"},
}
NARROW = {"binning": VALUES["binning"] | {"edges": [0.1, 0.1001, 0.1003]}}
STEEP = {"efficiency": {"kind": "logistic", "a": 0.9, "k": 2e5, "x_0": 0.10003}}
ABRUPT = {"efficiency": {"kind": "logistic", "a": 0.9, "k": 100.0, "x_0": 0.15}}


def gaussian(relative):
    """Standard deviation at 0.1 keV in parts of it."""
    return {"resolution": {"kind": "gaussian", "c": relative * 0.1**0.5}}


def gamma(relative):
    return {"resolution": {"kind": "gamma", "shape_per_kevee": 10 * relative**-2}}


def model(folder, values, sd):
    """A model of an experiment whose quenching factor has a scale with this standard deviation."""
    nuisance = {"nuisances": ["qf_scale"], "scale_sd": sd}
    values = values | {"quenching": values["quenching"] | nuisance}
    return cj.Model(cj.experiments.load(folder_of(folder / "ge", values)))


def compare(folder, values, sd, shifts):
    """Counts at shifts in standard deviations against those of a folder with the scaled factor."""
    moved = model(folder, values, sd)
    for scale in 1 + sd * np.array(shifts):
        factor = {"kind": "constant", "factor": float(0.2 * scale)}
        right = dense.counts(values | {"quenching": factor}, {})
        got = np.asarray(moved.expected({"qf_scale_ge": scale})["ge"])
        np.testing.assert_allclose(got, right, rtol=0, atol=1e-6 * right.max())


@pytest.mark.parametrize("sd", [0.05, 0.15])
@pytest.mark.parametrize(
    "changes",
    [{}, ABRUPT, gaussian(0.01), gaussian(0.3), gamma(0.05), gaussian(0.3) | ABRUPT],
    ids=["none", "abrupt", "gaussian", "broad", "gamma", "broad abrupt"],
)
def test_values_up_to_the_bounds(tmp_path, changes, sd):
    """Fixed panels, and those that follow the edges; 7 % were lost at four standard deviations."""
    compare(tmp_path, VALUES | changes, sd, [-5.0, -3.7, -2.1, 0.63, 3.0, 4.4, 5.0])


@pytest.mark.parametrize(
    ("changes", "sd"),
    [
        (gamma(1e-4), 1e-2),
        (gamma(1e-5), 1e-4),
        (gaussian(1e-4) | STEEP, 1e-4),
        pytest.param(gaussian(1e-5) | STEEP, 1e-4, marks=pytest.mark.slow),
    ],
)
def test_narrow_resolutions(tmp_path, changes, sd):
    """A step near the end of a panel a thousand times as broad escaped: 11 % at 2.9 sd."""
    compare(tmp_path, VALUES | NARROW | changes, sd, [-4.4, -1.13, 2.9])


@pytest.mark.parametrize("changes", [gamma(1e-6), gaussian(1e-6) | STEEP])
def test_a_resolution_that_is_too_narrow_is_refused_at_once(tmp_path, changes):
    with pytest.raises(InputError, match=r"ge: the resolution is too narrow .* qf_scale may shift"):
        model(tmp_path, VALUES | NARROW | changes, 1e-2)


def test_values_beyond_the_bounds_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"^qf_scale_ge=1.3 is outside its bounds \[0.75, 1.25\]$"):
        model(tmp_path, VALUES, 0.05).expected({"qf_scale_ge": 1.3})


def test_shape_parameters_need_finite_bounds(tmp_path):
    experiment = model(tmp_path, VALUES, 0.05).experiments["ge"]
    free = replace(experiment.shape["qf_scale"], bounds=(0.0, np.inf))
    with pytest.raises(InputError, match=r"ge: qf_scale_ge moves the response.* finite ones for"):
        replace(experiment, shape={"qf_scale": free})


def test_a_table_covers_the_recoils_of_shifted_curves(tmp_path):
    """At +5 sd bins from 0.1 keV see recoils from 0.4 keV, at 1 from 0.5 keV."""
    curve = {"recoil_energy_kev": [0.45, 1.0, 2.0, 3.1], "quenching_factor": [0.2] * 4}
    values = VALUES | {"quenching": {"kind": "table", "file": "quenching.csv"}}
    cj.experiments.load(folder_of(tmp_path / "ge", values, quenching=curve))
    shifted = {"nuisances": ["qf_scale"], "scale_sd": 0.05}
    values = values | {"quenching": values["quenching"] | shifted}
    with pytest.raises(InputError, match=r"covers recoils of 0\.45 to 3\.1 keV, but 0\.\d+ of the"):
        cj.experiments.load(folder_of(tmp_path / "ge", values, quenching=curve))
