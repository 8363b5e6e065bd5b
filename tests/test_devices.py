"""Maps over several devices equal those on one device to the bit, derivatives too."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax import devices

SIZES = (100, 2000, 2049)
MAPS = """
import sys
import jax
import jax.numpy as jnp
import numpy as np
import cevnsjax as cj
from cevnsjax import devices

cj.enable_x64()
model = cj.Model(cj.experiments.csi_2017())
arrays = {}
for size in map(int, sys.argv[2:]):
    points = {"sin2_theta_w": np.linspace(0.1, 0.4, size)}
    arrays[str(size)] = out = model.map({}, points)
    # The result can be combined with arrays on any device.
    assert (out + jax.device_put(jnp.ones(size), jax.devices()[1])).shape == (size,)
    arrays[f"jit {size}"] = jax.jit(lambda: model.map({}, points))()
total = lambda R: model.map({"R_n_Cs": R}, points).sum()
arrays["slope"], arrays["devices"] = jax.grad(total)(5.0), devices.device_count_for(2049, 64)
devices.limit_devices(2)
arrays["few"] = devices.device_count_for(2049, 64)
np.savez(sys.argv[1], **arrays)
"""


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    path = tmp_path_factory.mktemp("devices") / "arrays.npz"
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    words = [sys.executable, "-c", MAPS, str(path), *map(str, SIZES)]
    subprocess.run(words, env=environment, check=True)
    return dict(np.load(path))


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


@pytest.mark.parametrize("size", SIZES)
def test_values_equal_those_of_one_device_to_the_bit(spread, model, size):
    points = np.linspace(0.1, 0.4, size)
    nll = np.asarray(model.map({}, {"sin2_theta_w": points}))
    np.testing.assert_array_equal(spread[str(size)], nll)
    np.testing.assert_allclose(spread[f"jit {size}"], nll, rtol=1e-13)
    for i in (0, size // 2, size - 1):
        one = float(model.profiled_nll({"sin2_theta_w": float(points[i])}))
        assert nll[i] == pytest.approx(one, rel=1e-12)


def test_a_derivative_through_a_map(spread, model):
    points, h = np.linspace(0.1, 0.4, SIZES[-1]), 2.0**-13

    def total(R):
        return float(model.map({"R_n_Cs": R}, {"sin2_theta_w": points}).sum())

    difference = (total(5.0 + h) - total(5.0 - h)) / (2 * h)
    assert spread["slope"] == pytest.approx(difference, rel=1e-7)


def test_how_many_devices(spread):
    assert len(jax.local_devices()) == 1
    assert [devices.device_count_for(n, 64) for n in (1, 256, 100_000)] == [1, 1, 1]
    # 2049 points are 32 batches and one point: at least four batches for each of eight devices.
    assert (spread["devices"], spread["few"]) == (8, 2)
