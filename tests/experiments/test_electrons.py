"""Electrons in experiments: counts against slow integrals written from the formulas alone."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import gamma, norm

import cevnsjax as cj
from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2021, lar_2020
from cevnsjax.inference.forecasts.traced_design import redesigned
from cevnsjax.tables import read_csv

S2 = 0.23857
MU = {"mu_nu": 30.0}


def gauss(edges, order=24):
    """Nodes and weights of a slow integral between all edges."""
    x, w = np.polynomial.legendre.leggauss(order)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    return ((high + low + (high - low) * x) / 2).ravel(), ((high - low) / 2 * w).ravel()


def sigma(T, E, source, mu=0.0):
    """Per free electron, from g_L and g_R and the moment in 1e-10 mu_B [cm^2/MeV]."""
    left, right = S2 + (0.5 if source == "nu_e" else -0.5), S2
    if source.endswith("_bar"):
        left, right = right, left
    weak = left**2 + right**2 * (1 - T / E) ** 2 - left * right * c.m_e * T / E**2
    moment = np.pi * c.alpha**2 / c.m_e**2 * (mu * 1e-10) ** 2 * (1 / T - 1 / E)
    inside = 2 * E**2 / (c.m_e + 2 * E) > T
    unit = 2 * c.G_F**2 * c.m_e / np.pi
    return np.where(inside, unit * weak + moment, 0.0) * c.hbar_c_squared_cm2


def folded(T, mu, arrives=np.ones_like):
    """Averages over decay at rest by source, [T] [cm^2/MeV]."""
    E_line, m = (c.m_pi**2 - c.m_mu**2) / (2 * c.m_pi), c.m_mu
    E, w = gauss(np.geomspace(0.05, m / 2, 60))
    spectra = {
        "nu_mu_bar": 48 * E**2 / m**3 - 64 * E**3 / m**4,
        "nu_e": 96 * E**2 / m**3 - 192 * E**3 / m**4,
    }
    T = T[:, None]
    out = {s: sigma(T, E, s, mu) @ (w * f * arrives(E)) for s, f in spectra.items()}
    return {**out, "nu_mu": sigma(T, E_line, "nu_mu", mu)[:, 0] * arrives(E_line)}


def shells(*elements):
    """(binding energy [MeV], electrons) of some atoms."""
    table = read_csv("electrons", "shells.csv")
    mine = np.isin(table["element"], elements)
    return table["binding_ev"][mine] * 1e-6, table["electrons"][mine]


def counts(e, atoms, levels, mu, in_bins, T_max, arrives=np.ones_like):
    """Counts by source and bin; ``in_bins`` is the probability [bin, T] to be seen in each."""
    B, n = levels
    edges = np.unique([1e-9, *np.geomspace(1e-6, T_max, 60), *B[(B > 0) & (T_max > B)]])
    T, w = gauss(edges)
    freed = np.sum(n[:, None] * (B[:, None] <= T), axis=0)
    exposed = atoms * e.flux.fluence * freed * w
    return {s: in_bins(T) @ (exposed * x) for s, x in folded(T, mu, arrives).items()}


def in_csi_bins(T):
    """Gamma of shape 1 + 9.56 E and mean E/0.0749 PE, times the efficiency, by dense quadrature."""
    E = T * 1e3
    shape, mean = 1 + 9.56 * E, E / 0.0749
    out = []
    edges = [0, 8, 12, 16, 20, 24, 32, 40, 50, 60]
    for low, high in pairwise(edges):
        # The efficiency is clipped at 0 where it would be negative.
        start = max(low, 10.8646 - np.log(1.32045 / 0.333322 - 1) / 0.285979)
        if start >= high:
            out.append(np.zeros_like(T))
            continue
        x, w = gauss(np.linspace(start, high, 5), 16)
        accepted = 1.32045 / (1 + np.exp(-0.285979 * (x - 10.8646))) - 0.333322
        density = gamma.pdf(x[:, None], shape, scale=mean / shape)
        out.append((w * accepted) @ density)
    return np.array(out)


def added(model, values):
    """What electrons add to the cells of the one experiment of ``model``, nuisances at 0."""
    (name, e), *_ = model.experiments.items()
    without = cj.Model(replace(e, electrons=None), model.interactions)
    return np.asarray(model.expected(values)[name]) - np.asarray(without.expected(values)[name])


@pytest.fixture(scope="module")
def csi():
    return csi_2021(electrons=True)


CSI_ATOMS = 14.6 / 0.259809924961 * c.N_A


# --- csi-2021 ---
def test_counts_of_csi_2021(csi):
    """Standard Model and moment, by source."""
    model = cj.Model(csi, [cj.MagneticMoment()])
    expected = counts(csi, CSI_ATOMS, shells("Cs", "I"), 30.0, in_csi_bins, 0.03)
    cells = sum(csi.spread[s] * expected[s][:, None] for s in expected).ravel()
    found = added(model, MU)
    # Differences of cells with up to 20 nuclear recoils keep 14 digits less those.
    assert found == pytest.approx(cells, rel=1e-6, abs=1e-9 * cells.max())
    assert found.sum() > 10


def test_the_standard_model_adds_little(csi):
    found = added(cj.Model(csi), {}).sum()
    expected = counts(csi, CSI_ATOMS, shells("Cs", "I"), 0.0, in_csi_bins, 0.03)
    total = sum(float(np.sum(csi.spread[s] * n[:, None])) for s, n in expected.items())
    assert found == pytest.approx(total, rel=1e-6)
    assert 0 < found < 1e-3


def test_electrons_are_off_by_default(csi):
    assert csi_2021().electrons is None
    assert lar_2020().electrons is None
    assert csi.electrons == replace(csi.detector, quenching=csi.electrons.quenching)
    assert float(csi.electrons.quenching.E_ee(0.003, {}, np)) == 0.003


def test_the_efficiency_shifts_electrons_and_quenching_does_not(csi):
    model = cj.Model(csi, [cj.MagneticMoment()])
    (eff,) = (m for m in csi.morphs if m.name.startswith("alpha_eff"))
    plus, _ = eff.detectors
    shifted = replace(csi, morphs=(), electrons=plus.of_electrons)
    expected = added(cj.Model(shifted, [cj.MagneticMoment()]), MU)
    found = added(model, {**MU, eff.name: 1.0})
    assert found == pytest.approx(expected, abs=1e-9 * expected.max())
    nominal = added(model, MU)
    assert np.abs(expected - nominal).max() > 0.01 * nominal.max()
    quenched = added(model, {**MU, "alpha_qf_1_csi2021": 1.0})
    assert quenched == pytest.approx(nominal, abs=1e-9 * nominal.max())


def test_oscillations_act_on_electrons(csi):
    model = cj.Model(csi, [cj.MagneticMoment(), cj.Sterile("sin2_2theta")])
    values = {**MU, "sin2_2theta": 0.8, "dm2_41": 1.2}

    def arrives(E):
        return 1 - 0.8 * np.sin(1.26693268 * 1.2 * 19.3 / E) ** 2

    expected = counts(csi, CSI_ATOMS, shells("Cs", "I"), 30.0, in_csi_bins, 0.03, arrives)
    cells = sum(csi.spread[s] * expected[s][:, None] for s in expected).ravel()
    assert added(model, values) == pytest.approx(cells, rel=1e-5, abs=1e-8 * cells.max())


# --- lar-2020 ---
def test_counts_of_lar_2020():
    """All electrons above 1.75 keVee, without smearing: sums over energies alone."""
    e = lar_2020(electrons=True, threshold_kevee=1.75)
    edges = np.arange(0.0, 121.0, 10.0)

    def in_bins(T):
        E = T * 1e3
        inside = (edges[:-1, None] <= E) & (edges[1:, None] > E)
        return inside & (E >= 1.75)

    B, n = shells("Ar")
    # Levels without electrons, so that sums break where the bins do.
    walls = np.array([1.75e-3, *edges[1:] * 1e-3])
    levels = np.append(B, walls), np.append(n, np.zeros(walls.size))
    expected = counts(e, 24 / 39.948e-3 * c.N_A, levels, 30.0, in_bins, 0.12)
    found = added(cj.Model(e, [cj.MagneticMoment()]), MU)
    assert found == pytest.approx(sum(expected.values()), rel=1e-6)
    assert "upper bound" in str(e)


def test_smearing_of_lar_2020():
    """sigma = 0.58 sqrt(E) at the true energy; the threshold is on the reconstructed one."""
    e = lar_2020(electrons=True, threshold_kevee=1.75, smearing=True)
    edges = np.arange(0.0, 121.0, 10.0)

    def in_bins(T):
        E = T * 1e3
        low = np.maximum(edges[:-1, None], 1.75)
        spread = 0.58 * np.sqrt(E)
        return norm.cdf((edges[1:, None] - E) / spread) - norm.cdf((low - E) / spread)

    expected = counts(e, 24 / 39.948e-3 * c.N_A, shells("Ar"), 30.0, in_bins, 0.25)
    found = added(cj.Model(e, [cj.MagneticMoment()]), MU)
    assert found == pytest.approx(sum(expected.values()), rel=1e-6)


def test_cells_of_lar_2020_refuse_electrons():
    with pytest.raises(InputError, match='electrons need statistic="spectrum"'):
        lar_2020(statistic="cells", electrons=True)


STEEP = [("0.05", cj.MagneticMoment()), ("0.4", cj.LightVector("B-L")), ("0.4", cj.Millicharge())]


@pytest.mark.parametrize(("share", "interaction"), STEEP)
def test_steep_spectra_need_a_threshold(csi, share, interaction):
    """Argon's outermost electrons are bound by 16 to 29 eV, roughly."""
    cj.Model(lar_2020(electrons=True))
    cj.Model(csi, [interaction])
    with pytest.raises(InputError, match=rf"lar-2020: up to {share} of .* below 30 eV"):
        cj.Model(lar_2020(electrons=True), [interaction])


# --- folders ---
def folder(path, section):
    cj.experiments.write_template(path)
    file = path / "experiment.toml"
    file.write_text(file.read_text() + section)
    return cj.experiments.load(path)


def test_folders_say_whether_they_see_electrons(tmp_path):
    plain = folder(tmp_path / "plain", "")
    same = folder(tmp_path / "same", '\n[electrons]\nkind = "same"\n')
    half = folder(tmp_path / "half", '\n[electrons]\nkind = "constant"\nvalue = 0.5\n')
    full = folder(tmp_path / "full", '\n[electrons]\nkind = "constant"\n')
    assert plain.electrons is None
    assert same.electrons == same.detector.of_electrons
    by_half, by_full = (added(cj.Model(e), {}) for e in (half, full))
    assert by_half == pytest.approx(by_full / 2, rel=1e-8)
    assert by_full[0] > added(cj.Model(same), {})[0] > 0


def test_electrons_have_the_bins_of_nuclei(csi):
    with pytest.raises(InputError, match="need the bin edges of the detector"):
        replace(csi, electrons=replace(csi.electrons, edges=(0.0, 10.0)))
    with pytest.raises(InputError, match="alpha_qf_1_csi2021 shifts the detector"):
        replace(csi, electrons=replace(csi.electrons, per_keV=10.0))


# --- what models do with them ---
def test_slopes_of_the_likelihood(csi):
    model = cj.Model(csi, [cj.MagneticMoment()])
    values = {"mu_nu": 20.0, "sin2_theta_w": 0.25}
    slopes = jax.grad(model.profiled_nll)(values)
    for name, slope in slopes.items():
        h = 1e-3 * values[name]
        up, down = (float(model.profiled_nll({**values, name: values[name] + s})) for s in (h, -h))
        assert float(slope) == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_expansions_see_electrons(csi):
    """Fits expand signals by another way than the likelihood itself: value, slope, curvature."""
    model = cj.Model(csi, [cj.MagneticMoment()])
    point = {"mu_nu": 20.0, "sin2_theta_w": 0.23}
    expansion = model.expand({}, {n: [x] for n, x in point.items()})
    assert expansion.value[0] == pytest.approx(float(model.profiled_nll(point)), rel=1e-10)
    slopes = jax.grad(model.profiled_nll)(point)
    assert expansion.gradient[0] == pytest.approx([float(slopes[n]) for n in point], rel=1e-7)


def test_templates_see_electrons(csi):
    """A scan of polynomials agrees with the likelihood at its points."""
    model = cj.Model(csi, [cj.MagneticMoment()])
    scan = cj.scan(model, mu_nu=(0.0, 40.0, 5), sin2_theta_w=(0.2, 0.25, 3))
    for mu in scan["mu_nu"].values[1::2]:
        for s2 in scan["sin2_theta_w"].values[::2]:
            chi2 = float(scan["chi2"].sel(mu_nu=mu, sin2_theta_w=s2))
            at = {"mu_nu": float(mu), "sin2_theta_w": float(s2)}
            assert chi2 == pytest.approx(2 * float(model.profiled_nll(at)), abs=1e-7)


def test_designs_scale_electrons():
    """Twice the exposure is twice the counts."""
    e = replace(csi_2021(electrons=True, morphs=()), name="mine", pulls=())
    model = cj.Model(e, [cj.MagneticMoment()])
    designed = redesigned(model, {"exposure.mine": 2.0}).expected(MU)["mine"]
    twice = 2 * np.asarray(model.expected(MU)["mine"])
    assert np.asarray(designed) == pytest.approx(twice, rel=1e-12)


def test_designs_move_the_efficiency_of_electrons(tmp_path):
    """As in an experiment that is built with it; electrons alone, with a moment of 1e-7 mu_B."""
    e = folder(tmp_path / "same", '\n[electrons]\nkind = "same"\n')
    theory, values = [cj.MagneticMoment()], {"mu_nu": 1000.0}
    moved = redesigned(cj.Model(e, theory), {"efficiency.my-ge.x_0": 0.2}).expected(values)
    efficiency = replace(e.detector.efficiency, x_0=0.2)
    detectors = {
        "detector": replace(e.detector, efficiency=efficiency),
        "electrons": replace(e.electrons, efficiency=efficiency),
    }
    built = cj.Model(replace(e, **detectors), theory)
    expected = np.asarray(built.expected(values)["my-ge"])
    assert np.asarray(moved["my-ge"]) == pytest.approx(expected, rel=1e-5)
    assert added(built, values)[0] > 0.3 * expected[0]
    constant = folder(tmp_path / "constant", '\n[electrons]\nkind = "constant"\n')
    with pytest.raises(InputError, match="an efficiency of their own, where x_0 does not"):
        redesigned(cj.Model(constant), {"efficiency.my-ge.x_0": 0.2})


def test_a_model_without_electrons_has_no_trace_of_them():
    arrays = cj.Model(csi_2021()).state.arrays[0]
    assert arrays.electrons is None
    assert jnp.ndim(arrays.norms["133Cs"]) == 0


def test_limits_with_and_without_electrons(csi):
    """Upper limits at 90 % as docs/physics/electrons.md and the changelog state them."""
    with_electrons, without = (
        cj.profile(cj.Model(e, [cj.MagneticMoment()]), "mu_nu").intervals["0.90"][-1][1]
        for e in (csi, csi_2021())
    )
    assert without == pytest.approx(18.67, abs=0.005)
    assert with_electrons == pytest.approx(16.97, abs=0.005)
