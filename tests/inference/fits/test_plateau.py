"""One Poisson cell with a null result and a signal that its pull can switch off: chi2 -> 1/sd^2."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import cevnsjax as cj
from cevnsjax.core.levels import delta_chi2_at

BACKGROUND = 1000.0
FOLDER = """
name = "null"
statistic = "poisson"
[target]
mass_kg = 0.2
material = "Ge"
[neutrinos]
kind = "reactor"
thermal_power_gw = 3.0
baseline_m = 20.0
exposure_days = 365.0
fission_fractions = {{ U235 = 0.56, U238 = 0.08, Pu239 = 0.3, Pu241 = 0.06 }}
[quenching]
kind = "constant"
factor = 0.2
[binning]
observable = "E_ee_keV"
observable_per_kevee = 1.0
edges = [0.2, 0.3]
[efficiency]
kind = "constant"
value = 1.0
[data]
kind = "counts"
file = "counts.csv"
[backgrounds]
file = "backgrounds.csv"
[[nuisances]]
name = "sig"
sd = {sd}
components = ["signal"]
"""
MASS = {"m_Zp": 1000.0}


def model_of(folder, sd):
    (folder / "experiment.toml").write_text(FOLDER.format(sd=sd))
    (folder / "counts.csv").write_text("observed\n1000\n")
    (folder / "backgrounds.csv").write_text("flat\n1000\n")
    return cj.Model(cj.experiments.load(folder), [cj.LightVector()])


def least_chi2(signal, sd):
    """By scipy over the signal that is kept: deviance of n = b = 1000, and the constraint."""

    def chi2(kept):
        r = kept / BACKGROUND
        return 2 * BACKGROUND * (r - np.log1p(r)) + ((kept / signal - 1) / sd) ** 2

    ends = (0.0, min(signal, BACKGROUND))
    return minimize_scalar(chi2, bounds=ends, method="bounded", options={"xatol": 1e-9}).fun


@pytest.mark.parametrize("sd", [0.7, 0.5, 0.1])
def test_an_upper_limit_where_the_pull_can_switch_the_signal_off(tmp_path, sd):
    model = model_of(tmp_path, sd)
    result = cj.profile(model, "g_Zp", fixed=MASS, side="upper", levels=(0.90, 0.95))
    assert result.status == "converged"
    assert result.failed == ()

    def height(g):
        signal = float(model.expected({"g_Zp": g, **MASS})["null"][0]) - BACKGROUND
        return least_chi2(signal, sd) - result.chi2_min

    checked = result.x[:: len(result.x) // 40]
    for g in checked[checked > 0.01].tolist():
        chi2 = float(result.chi2[np.flatnonzero(result.x == g)[0]])
        assert chi2 == pytest.approx(height(g) + result.chi2_min, abs=1e-6)
    assert result.chi2[-1] == pytest.approx(1 / sd**2, abs=1e-3)
    for level, key in ((0.90, "0.90"), (0.95, "0.95")):
        delta = delta_chi2_at(2 * level - 1)
        ((low, high),) = result.intervals[key]
        assert low == 0.0
        if delta > 1 / sd**2:
            assert high == 100.0
            assert 100.0 in result.open_at
            text = f"{key}: open at g_Zp = 100, no limit within the range: chi2 rises by "
            assert any(note.startswith(text) for note in result.notes)
        else:
            assert high == pytest.approx(
                brentq(lambda g, d=delta: height(g) - d, 1e-3, 1.0), rel=1e-6
            )
            assert not any(note.startswith(key) for note in result.notes)
