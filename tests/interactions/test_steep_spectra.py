"""Spectra that rise towards T = 0 are as accurate as the standard model's, or refused."""

import numpy as np
import pytest
from scipy.special import ndtr
from support import dense, dense_sections, drawn, oracle
from support.experiment_folder import folder_of

import cevnsjax as cj
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import load

VALUES = {
    "": {"name": "ge", "statistic": "poisson"},
    "target": {"mass_kg": 10.0, "atoms": {"74Ge": 1}},
    "neutrinos": drawn.SOURCES["reactor"],
    "quenching": {"kind": "constant", "factor": 0.2},
    "binning": {"observable": "E_ee_keV", "observable_per_kevee": 1.0, "edges": [0.002, 0.3, 0.6]},
    "efficiency": {"kind": "constant", "value": 0.9},
    "data": {"kind": "planned"},
}
FROM_ZERO = {"binning": VALUES["binning"] | {"edges": [0, 0.3, 0.6]}}
SCALED = {"quenching": VALUES["quenching"] | {"nuisances": ["qf_scale"], "scale_sd": 0.05}}
G = 3e-6


@pytest.mark.parametrize("spread", [{"kind": "none"}, {"kind": "gaussian", "c": 0.05}])
@pytest.mark.parametrize(("mass", "changes"), [(0.01, {}), (1.0, FROM_ZERO), (10.0, FROM_ZERO)])
@pytest.mark.parametrize("shift", [0.0, -4.9, -3.0, 3.0, 4.6])
def test_light_vectors_against_the_dense_folding(
    tmp_path, monkeypatch, spread, mass, changes, shift
):
    """Charge of PLB 775, 54 in the dense folding; panels for the standard model alone give 1e-3.

    The scale of the quenching factor is shifted by some of its standard deviations.
    """

    def charge_squared(T, nucleus, flavour):
        g_p, g_n = oracle.couplings("erler_su", 0.23857, flavour)
        q2 = 2 * nucleus.mass * T
        F_p, F_n = (oracle.helm(np.sqrt(q2) / oracle.HBARC, R) for R in (nucleus.R_p, nucleus.R_n))
        charge = 3 * G**2 / (np.sqrt(2) * oracle.G_F * (q2 + mass**2))
        return ((g_p + charge) * nucleus.Z * F_p + (g_n + charge) * nucleus.N * F_n) ** 2

    monkeypatch.setattr(dense_sections, "charge_squared", charge_squared)
    scale = 1 + 0.05 * shift
    values = VALUES | changes | {"resolution": spread}
    expected = dense.counts(
        values | {"quenching": VALUES["quenching"] | {"factor": 0.2 * scale}}, {}
    )
    experiment = load(folder_of(tmp_path / "ge", values | SCALED))
    model = cj.Model(experiment, [cj.StandardModel(), cj.LightVector()])
    counts = model.expected({"g_Zp": G, "m_Zp": mass, "qf_scale_ge": scale})["ge"]
    np.testing.assert_allclose(counts, expected, rtol=0, atol=1e-5 * expected.max())


LIGHT = [
    (cj.LightVector(), "g_Zp", "m_Zp"),
    pytest.param(cj.LightScalar(), "g_phi", "m_phi", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("spread", [{"kind": "none"}, {"kind": "gaussian", "c": 0.05}])
@pytest.mark.parametrize(("interaction", "coupling", "mass"), LIGHT)
def test_the_lightest_mediators(tmp_path, spread, interaction, coupling, mass):
    """Bins from 0 hold recoils of T ~ m^2/2M, to which the witness has nodes in log T.

    Panels lost 2 % at 0.1 keV and all counts at 0; with a threshold any mass will do.
    """
    interactions = [cj.StandardModel(), interaction]

    def model(edges):
        values = VALUES | {"binning": VALUES["binning"] | {"edges": edges}, "resolution": spread}
        return cj.Model(load(folder_of(tmp_path / "ge", values)), interactions)

    def expected(values, edges):
        experiment = model(edges).experiments["ge"]
        marks = np.log([x / 200 for x in edges if x > 0])
        walls = np.union1d(np.linspace(np.log(1e-22), np.log(2.9e-3), 1500), marks)
        log_T, w = dense_sections.nodes(walls[:-1], walls[1:], 8)
        T, w = np.exp(log_T).ravel(), (w * np.exp(log_T)).ravel()
        flux, target = experiment.flux, experiment.target
        rate = cj.dR_dT_nr(T, target, flux, interactions, values)["nu_e_bar"]
        E = 200 * T
        above = [ndtr((E - x) / (spread.get("c", 1e-9) * np.sqrt(E))) for x in edges]
        return 9.0 * (above[0] - above[1]) @ (w * np.asarray(rate))

    zero, threshold = [0.0, 0.3, 0.6], [0.002, 0.3, 0.6]
    values = {coupling: 1e-5, mass: 1e-3}
    counts = model(zero).expected(values)["ge"][0]
    assert counts == pytest.approx(expected(values, zero), rel=1e-5)
    with pytest.raises(
        InputError, match=rf"^{mass}=0.0005 is outside its bounds \[0.001, 1e\+07\]"
    ):
        model(zero).expected({mass: 5e-4})
    with pytest.raises(
        InputError, match=rf"^{mass}=0 is too light: .* 1 keV, as ge accepts recoil"
    ):
        cj.Model(model(zero).experiments["ge"], interactions, defaults={mass: 0.0})
    values[mass] = 0.0
    counts = model(threshold).expected(values)["ge"][0]
    assert counts == pytest.approx(expected(values, threshold), rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, -3.0, 3.0, 4.9])
def test_magnetic_moment_over_three_decades(tmp_path, shift):
    """One bin from 0.01 to 10 keV; nodes in log T and panels in E as the witness.

    The scale of the quenching factor is shifted by some of its standard deviations.
    """
    scale = 1 + 0.05 * shift
    spectrum = {"energy_mev": [1.0, 12.0, 20.0], "density_per_mev": [0.0, 1.0, 0.0]}
    values = (
        VALUES
        | SCALED
        | {
            "neutrinos": drawn.SOURCES["table"],
            "binning": VALUES["binning"] | {"edges": [0.002, 2.0]},
            "efficiency": {"kind": "constant", "value": 1.0},
        }
    )
    experiment = load(folder_of(tmp_path / "ge", values, spectrum=spectrum))
    interactions = [cj.StandardModel(), cj.MagneticMoment("mu_nu")]
    at = {"qf_scale_ge": scale}
    signal = [
        float(cj.Model(experiment, interactions).expected(at | {"mu_nu": mu})["ge"][0])
        for mu in (0, 1e3)
    ]
    ((nucleus, per_kg),) = dense_sections.nuclei(values["target"]).items()
    log_T, w_T = dense_sections.nodes(*_panels(*np.log([1e-5 / scale, 1e-2 / scale]), 40), 8)
    T, w_T = np.exp(log_T).ravel(), (w_T * np.exp(log_T)).ravel()
    F_p = oracle.helm(np.sqrt(2 * nucleus.mass * T) / oracle.HBARC, nucleus.R_p)
    total = 0.0
    for low, high in ((1.0, 12.0), (12.0, 20.0)):
        least = np.clip(oracle.E_min(T, nucleus.mass), low, high)
        E, w_E = dense_sections.nodes(least, np.full_like(T, high), 40)
        density = np.interp(E, [1, 12, 20], [0, 1, 0]) / 9.5
        total += np.sum(
            w_E
            * density
            * oracle.magnetic(1e-7, T[:, None], E, nucleus, F_p[:, None])
            * w_T[:, None]
        )
    expected = 10.0 * per_kg * 1e14 * total
    assert signal[1] - signal[0] == pytest.approx(expected, rel=1e-6)


def _panels(low, high, number):
    walls = np.linspace(low, high, number + 1)
    return walls[:-1], walls[1:]


@pytest.mark.parametrize("interaction", [cj.MagneticMoment("mu_nu"), cj.Millicharge("q_nu_ee")])
def test_photons_need_a_threshold(tmp_path, interaction):
    """Counts grow without end where bins and efficiency reach down to recoils of 0."""
    interactions = [cj.StandardModel(), interaction]
    for spread in ({"kind": "none"}, {"kind": "gaussian", "c": 0.05}):
        values = VALUES | FROM_ZERO | {"resolution": spread}
        experiment = load(folder_of(tmp_path / "ge", values))
        with pytest.raises(
            InputError, match="ge: counts of magnetic moments and electric charges gr"
        ):
            cj.Model(experiment, interactions)
        turn_on = {"kind": "logistic", "a": 0.9, "k": 100.0, "x_0": 0.2}
        accepted = load(folder_of(tmp_path / "ge", values | {"efficiency": turn_on}))
        assert np.all(np.isfinite(cj.Model(accepted, interactions).expected()["ge"]))
