"""Precision: float64 is required by default; float32 is opt-in and accurate to 1e-3 in chi2."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import helpers

from cevnsjax.core.errors import InputError
from cevnsjax.core.precision import numpy_dtype, require_x64, x64_enabled
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

WITHOUT_X64 = """
import cevnsjax as cj
import jax
assert not jax.config.jax_enable_x64, "importing the package changed jax's configuration"
experiment = cj.experiments.csi_2017()
try:
    cj.Model(experiment)
except cj.errors.PrecisionError as error:
    print(error)
model = cj.Model(experiment, dtype="float32")
print(model.nll().dtype, float(model.nll()))
cj.enable_x64()
print(cj.Model(experiment).nll().dtype)
"""


def test_float64_without_x64_is_refused_with_the_remedy():
    script = WITHOUT_X64.replace("import jax\n", "import jax, cevnsjax.core.precision\n")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    message, single, double = done.stdout.splitlines()
    assert "call cevnsjax.enable_x64() first (or pass dtype='float32'" in message
    dtype, value = single.split()
    assert (dtype, double) == ("float32", "float64")
    assert float(value) == pytest.approx(float(Model(csi_2017()).nll()), abs=5e-4)


def test_numpy_dtype():
    assert x64_enabled()
    require_x64()
    assert [numpy_dtype(d) for d in ("float64", "float32")] == [np.float64, np.float32]
    with pytest.raises(InputError, match="dtype 'float16' is not supported; use 'float64'"):
        numpy_dtype("float16")
    with pytest.raises(InputError, match="use 'float64' or 'float32'"):
        Model(csi_2017(), dtype="double")


CASES = {
    "default": ({}, {}),
    "exact": ({}, {"kinematics": "exact", "couplings": "pdg2018"}),
    "poisson": ({"smearing": "poisson"}, {}),
    "shape": ({"shape": helpers.SHAPE}, {}),
    "shape gamma": ({"shape": helpers.SHAPE, "smearing": "gamma"}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_float32(case):
    """chi2 within 1e-3 of float64 at several points; every output is float32."""
    options, theory = CASES[case]
    single, double = (
        Model(csi_2017(**options), [StandardModel(**theory)], dtype=d)
        for d in ("float32", "float64")
    )
    for values in ({}, {"sin2_theta_w": 0.35, "R_n_Cs": 5.8}, {"R_n_I": 0.0, "R_n_Cs": 1.0}):
        for kind in ("nll", "profiled_nll"):
            low, high = (getattr(m, kind)(values) for m in (single, double))
            assert (low.dtype, high.dtype) == (jnp.float32, jnp.float64)
            assert 2 * float(low) == pytest.approx(2 * float(high), abs=1e-3)
    for model, name in ((single, "float32"), (double, "float64")):
        outputs = (model.by_component(), model.expected(), model.best_pulls(), model.state.leaves)
        # Bins and nodes of responses are numbered in whole numbers.
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(outputs)} - {"int32"} == {name}
        assert {str(x.dtype) for x in model.observed} == {name}


def test_float32_derivatives():
    single, double = (Model(csi_2017(), dtype=d) for d in ("float32", "float64"))
    values = {"sin2_theta_w": 0.3, "R_n_Cs": 5.5}
    (low, slopes), (high, exact) = (m.value_and_grad(values) for m in (single, double))
    assert low == pytest.approx(high, abs=5e-4)
    for name, slope in slopes.items():
        assert slope == pytest.approx(exact[name], rel=1e-3, abs=1e-3)
    traced = {n: jnp.float32(v) for n, v in values.items()}
    for f in (jax.grad, jax.jacfwd):
        assert {str(g.dtype) for g in f(single.profiled_nll)(traced).values()} == {"float32"}
    toys = np.random.default_rng(2).normal(csi_2017().observed, 3.0, (5, 12))
    batch = jax.vmap(lambda d: single.profiled_nll(values, data=d))(toys)
    assert batch.dtype == jnp.float32
    one_by_one = [float(double.profiled_nll(values, data=d)) for d in toys]
    np.testing.assert_allclose(2 * batch, 2 * np.array(one_by_one), atol=2e-3, rtol=1e-4)
