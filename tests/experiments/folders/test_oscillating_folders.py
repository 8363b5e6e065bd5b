"""Counts of neutrinos that oscillate, up to 100 eV^2 and 50 m, against dense foldings."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr
from support import dense, drawn
from support.experiment_folder import folder_of

import cevnsjax as cj
from cevnsjax.detector.response import bin_weights
from cevnsjax.experiments import csi_2021, load
from cevnsjax.model.signal import binned_signal

S = 0.9


def folder(source, baseline_m, atoms, factor, edges, c=None):
    """Sections of a detector with a quenching factor and sigma = c sqrt(E [keVee])."""
    return {
        "": {"name": "drawn", "statistic": "poisson"},
        "target": {"mass_kg": 10.0, "atoms": atoms},
        "neutrinos": drawn.SOURCES[source] | {"baseline_m": baseline_m},
        "quenching": {"kind": "constant", "factor": factor},
        "binning": {"observable": "E_ee_keV", "observable_per_kevee": 1.0, "edges": edges},
        "efficiency": {"kind": "constant", "value": 1.0},
        "resolution": {"kind": "gaussian", "c": c} if c else {"kind": "none"},
        "data": {"kind": "planned"},
    }


ARGON = ("reactor", 20.0, {"40Ar": 1}, 0.2, [0.2, 1.0])
CASES = {
    "argon smeared": (*ARGON, 0.1),
    "argon": ARGON,
    "germanium": ("reactor", 8.0, {"74Ge": 1}, 0.2, [0.05, 0.1, 0.3], 0.05),
    "germanium from 0": ("reactor", 50.0, {"74Ge": 1}, 0.2, [0.0, 0.1, 0.3], 0.05),
    "isotopes": ("reactor", 20.0, {"Ge": 1}, 0.2, [0.1, 0.15, 0.2, 0.3, 0.5], 0.02),
    "isotopes unsmeared": ("reactor", 20.0, {"Ge": 1}, 0.2, [0.1, 0.15, 0.2, 0.3, 0.5]),
    "pions": ("decay_at_rest", 50.0, {"74Ge": 1}, 1.0, [0.2, 1.0], 0.05),
    "pions unsmeared": ("decay_at_rest", 50.0, {"74Ge": 1}, 1.0, [0.2, 1.0]),
    "above the line": ("decay_at_rest", 20.0, {"74Ge": 1}, 1.0, [30.0, 60.0]),
    "compound": ("decay_at_rest", 20.0, {"Cs": 1, "I": 1}, 0.09, [0.5, 1.0, 2.0, 3.0], 0.3),
}
# Before panels followed the phase these were off by 4e-4, 2e-4, 2e-5 and 1e-6.
QUICK = [("argon smeared", 18.0), ("argon", 30.0), ("germanium", 30.0), ("pions unsmeared", 1.0)]
QUICK += [("above the line", 3.0)]
EVERY = [(case, dm2) for case in CASES for dm2 in (0.1, 1.0, 3.0, 7.0, 18.0, 30.0, 55.0, 100.0)]


@pytest.mark.parametrize(
    ("case", "dm2"),
    [pytest.param(*x, marks=() if x in QUICK else pytest.mark.slow) for x in EVERY],
)
def test_counts_of_fast_oscillations(tmp_path, case, dm2):
    values = folder(*CASES[case])
    model = cj.Model(load(folder_of(tmp_path / "drawn", values)), [cj.Sterile("sin2_2theta")])
    counts = model.expected({"sin2_2theta": S, "dm2_41": dm2})["drawn"]
    expected = dense.counts(values, {}, (S, dm2), within=1e-7)
    np.testing.assert_allclose(counts, expected, rtol=0, atol=1e-6 * expected.max())


def resolved_recoils(ends, panels):
    """Gauss-Legendre nodes and weights, even in the square root between recoil energies [MeV]."""
    x, w = np.polynomial.legendre.leggauss(8)
    ends = np.sqrt(ends)
    walls = np.concatenate([np.linspace(a, b, panels)[1:] for a, b in pairwise(ends)])
    walls = np.append(ends[0], walls)
    middle, half = (walls[1:] + walls[:-1])[:, None] / 2, np.diff(walls)[:, None] / 2
    root = (middle + half * x).ravel()
    return root**2, (half * w).ravel() * 2 * root


@pytest.mark.parametrize("dm2", [3.0, 18.0, 100.0])
def test_other_structures_oscillate(tmp_path, dm2):
    """Rates of scalars and magnetic moments do not vanish at the least energy: stronger waves."""
    *_, factor, edges, c = CASES["argon smeared"]
    experiment = load(folder_of(tmp_path / "drawn", folder(*CASES["argon smeared"])))
    theory = (cj.StandardModel(), cj.Sterile("sin2_2theta"), cj.LightScalar(), cj.MagneticMoment())
    values = {"sin2_2theta": S, "dm2_41": dm2, "g_phi": 1e-5, "m_phi": 0.01, "mu_nu": 10.0}
    counts = cj.Model(experiment, theory[1:]).expected(values)["drawn"]
    T, w = resolved_recoils([1e-5, 5.6e-3], 3000)
    rate = cj.dR_dT_nr(jnp.asarray(T), experiment.target, experiment.flux, theory, values)
    x = 1e3 * factor * T
    above = [ndtr((x - edge) / (c * np.sqrt(x))) for edge in edges]
    seen = np.array([low - high for low, high in pairwise(above)])
    expected = experiment.mass_kg * seen @ (w * np.asarray(rate["nu_e_bar"]))
    np.testing.assert_allclose(counts, expected, rtol=1e-6)


@pytest.mark.parametrize("dm2", [30.0, 100.0])
def test_a_release_keeps_its_accuracy(dm2):
    """Bins of energy by source, on panels in recoil energy that no wave crosses unseen."""
    experiment, theory = csi_2021(), (cj.StandardModel(), cj.Sterile("sin2_2theta"))
    values = {"sin2_2theta": S, "dm2_41": dm2}
    model = cj.Model(experiment, theory[1:])
    (arrays,), defaults = model.state.arrays, model.parameters.defaults()
    found = np.asarray(binned_signal(arrays, theory, defaults | values, merged=False))[:, 0]
    T, w = resolved_recoils([0.0, *arrays.signal.kinks], 200)
    rate = cj.dR_dT_nr(jnp.asarray(T), experiment.target, experiment.flux, theory, values)
    seen = experiment.mass_kg * w * np.asarray(bin_weights(arrays.signal.detector, T, {}))
    expected = np.stack([seen @ np.asarray(rate[s]) for s in experiment.flux.sources])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.max())
