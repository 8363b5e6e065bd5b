"""Narrow resolutions under a quenching nuisance: right at every value, not at its ends alone."""

import numpy as np
import pytest

import cevnsjax as cj

FOLDER = """name = "ge"
statistic = "poisson"
[target]
mass_kg = 10.0
material = "Ge"
[neutrinos]
kind = "reactor"
thermal_power_gw = 3.0
baseline_m = 20.0
exposure_days = 365.0
fission_fractions = {{ U235 = 0.56, U238 = 0.08, Pu239 = 0.3, Pu241 = 0.06 }}
[quenching]
kind = "constant"
factor = {factor!r}
{nuisance}
[resolution]
kind = "gaussian"
c = 0.003
[binning]
observable = "E_ee_keV"
observable_per_kevee = 1.0
edges = [0.1, 0.2, 0.21, 0.3]
[efficiency]
kind = "constant"
value = 1.0
[data]
kind = "planned"
"""


def counts(folder, factor, nuisance="", values=None):
    text = FOLDER.format(factor=factor, nuisance=nuisance)
    (folder / "experiment.toml").write_text(text)
    return np.asarray(cj.Model(cj.experiments.load(folder)).expected(values or {})["ge"])


@pytest.mark.parametrize("scale", [0.8, 0.9, 1.37, 1.6])
def test_values_within_the_range(tmp_path, scale):
    """An experiment with the scaled factor and no nuisance has panels of its own."""
    nuisance = 'nuisances = ["qf_scale"]\nscale_sd = 0.2'
    shifted = counts(tmp_path, 0.2, nuisance, {"qf_scale_ge": scale})
    right = counts(tmp_path, 0.2 * scale)
    np.testing.assert_allclose(shifted, right, rtol=0, atol=1e-6 * right.max())
