"""Bad input to models: every message names the value and the remedy."""

import subprocess
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model


@pytest.fixture(scope="module")
def model():
    return Model(csi_2017())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sin2_theta": 0.2}, r"unknown parameter 'sin2_theta'; did you mean sin2_theta_w"),
        ({"R_n_cs": 5.0}, r"did you mean R_n_Cs"),
        ({"zzz": 5.0}, r"unknown parameter 'zzz'; known: R_n_Cs, R_n_I, R_p_Cs"),
    ],
)
def test_unknown_parameter(model, values, message):
    for call in (model.nll, model.profiled_nll, model.expected, model.value_and_grad):
        with pytest.raises(UnknownNameError, match=message):
            call(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"R_n_Cs": float("nan")}, "R_n_Cs is nan; give a number in"),
        ({"R_n_Cs": -0.1}, r"R_n_Cs=-0\.1 is outside its bounds \[0, 1\d\] fm"),
        ({"R_n_Cs": np.inf}, "R_n_Cs=inf is outside its bounds"),
        ({"sin2_theta_w": 5}, "sin2_theta_w=5 is outside its bounds"),
        ({"R_n_Cs": [5.0, 5.1]}, r"R_n_Cs has shape \(2,\); give one number, or use jax.vmap"),
        ({"R_n_Cs": np.ones((1,))}, r"R_n_Cs has shape \(1,\)"),
    ],
)
def test_bad_value(model, values, message):
    for call in (model.nll, model.best_pulls, model.value_and_grad, model.hessian):
        with pytest.raises(InputError, match=message):
            call(values)


def test_bad_points(model):
    for points, message in (
        ({"R_n_Cs": [5.0, np.nan]}, "R_n_Cs is nan"),
        ({"R_n_Cs": [5.0, 13.0]}, "outside its bounds"),
        ({"R_n_Cs": []}, "points need shape"),
        ({"R_n_Cs": [5.0, 6.0], "R_n_I": [5.0]}, "points need one length"),
    ):
        with pytest.raises(InputError, match=message):
            model.map({}, points)
    with pytest.raises(UnknownNameError, match="did you mean R_n_Cs"):
        model.map({}, {"R_n_cs": [5.0]})


@pytest.mark.parametrize("data", [np.ones(11), np.ones((1, 12)), 3.0])
def test_wrong_data_shape(model, data):
    with pytest.raises(InputError, match=r"data for csi-2017 has shape .*, expected \(12,\)"):
        model.nll(data=data)


def test_data_for_unknown_experiment(model):
    with pytest.raises(UnknownNameError, match="experiment 'csi_2017'; did you mean csi-2017"):
        model.nll(data={"csi_2017": np.ones(12)})


def test_data_for_two_experiments_need_names():
    two = Model([csi_2017(), replace(csi_2017(), name="twin")])
    with pytest.raises(InputError, match=r"give data as \{experiment: counts\} for each of"):
        two.nll(data=np.ones(12))


def test_nan_data_do_not_pass_for_a_likelihood(model):
    """A count that is not a number must not turn into a finite nll."""
    data = np.where(np.arange(12) == 3, np.nan, 1.0)
    with pytest.raises(InputError, match=r"data for csi-2017 are not finite, first at index \[3\]"):
        model.nll(data=data)
    traced = jax.jit(lambda d: model.nll(data=d))(data)
    assert np.isnan(float(traced))


def test_more_counts_than_numbers_tell_apart(model):
    """From 2^53 on n + 1 is n: 2^53 + 1 is no number of 64 bits."""
    for largest in (1.0e16, 1e300):
        data = np.where(np.arange(12) == 3, largest, 1.0)
        with pytest.raises(InputError, match=r"9.007e\+15 counts \(2\^53\) at most, got 1e"):
            model.nll(data=data)
        with pytest.raises(InputError, match="csi-2017: observed must be"):
            csi_2017().with_data(data)
    assert np.isfinite(float(model.nll(data=np.full(12, 2.0**53))))


def test_clashes():
    with pytest.raises(InputError, match="a Model has one StandardModel, got 2"):
        Model(csi_2017(), [StandardModel(), StandardModel("tree")])
    with pytest.raises(
        InputError, match=r"must have different names, got \['csi-2017', 'csi-2017'\]"
    ):
        Model([csi_2017(), csi_2017()])
    with pytest.raises(InputError, match="needs at least one experiment"):
        Model([])


def test_bad_defaults():
    with pytest.raises(UnknownNameError, match="did you mean sin2_theta_w"):
        Model(csi_2017(), defaults={"sin2_theta": 0.2})
    with pytest.raises(InputError, match="R_n_Cs=20 is outside its bounds"):
        Model(csi_2017(), defaults={"R_n_Cs": 20.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observed": np.ones(3)}, r"csi-2017: observed has shape \(3,\), expected \(12,\)"),
        ({"observed": np.full(12, np.nan)}, "observed is not finite everywhere"),
        ({"variance": np.zeros(12)}, r"bins \[0, 1, .* have no variance"),
        ({"mass_kg": -1.0}, r"mass_kg must be > 0, got -1\.0"),
    ],
)
def test_bad_experiment(change, message):
    with pytest.raises(InputError, match=message):
        replace(csi_2017(), **change)


# Options typed as Literal run in another process: the type checker of the tests would refuse them
# before the package does.
OPTIONS = """
import cevnsjax as cj
cj.enable_x64()
csi = cj.experiments.csi_2017
for make in (
    lambda: cj.StandardModel(radii="per_nuclei"),
    lambda: cj.StandardModel(kinematics="exakt"),
    lambda: cj.StandardModel(form_factor="helmm"),
    lambda: csi(statistic="spectra"),
    lambda: csi(variance="C"),
):
    try:
        make()
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("accepted")
print(cj.StandardModel(form_factor="klein_nystrand").form_factor)
"""


def _lines(script):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def option_lines():
    return _lines(OPTIONS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (0, "UnknownNameError unknown radii option 'per_nuclei'; did you mean per_nucleus"),
        (1, "UnknownNameError unknown kinematics 'exakt'; did you mean exact"),
        (2, "UnknownNameError unknown form factor 'helmm'; did you mean helm"),
        (3, "UnknownNameError unknown csi-2017 statistic 'spectra'; did you mean spectrum"),
        (4, "UnknownNameError unknown csi-2017 variance 'C'; known: C+AC, C+AC+BRN"),
        (5, "KleinNystrand(a_k=0.7, r_A=1.23)"),
    ],
)
def test_unknown_options(option_lines, line, message):
    assert option_lines[line].startswith(message)


def test_public_names_are_offered():
    assert set(cj.__all__) <= set(dir(cj))
    with pytest.raises(AttributeError, match="No cevnsjax attribute Modell"):
        _ = cj.Modell
