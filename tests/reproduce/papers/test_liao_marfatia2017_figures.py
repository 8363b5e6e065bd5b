"""Figures of PLB 775, 54 against eqs. 6, 8 and 12, the text, and golden counts."""

from functools import cache

import numpy as np
import pytest
from scipy import integrate
from support.contour_lines import curves, cuts, outlines, reach

from cevnsjax.core.constants import G_F, m_mu
from cevnsjax.nuclei import target
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.papers.liao_marfatia2017.figures import density, mediator_model
from cevnsjax.reproduce.papers.liao_marfatia2017.muon import anomaly_per_coupling, coupling_band
from cevnsjax.reproduce.rows import published

FIGURES = {figure.name: figure for figure in PAPERS["liao_marfatia2017"].figures()}
EDGES = np.arange(6, 33, 2)
SUMS = (("nu_mu",), ("nu_mu", "nu_mu_bar"), ("nu_mu", "nu_mu_bar", "nu_e"))
# Tree couplings with s_W^2 = 0.2312.
G_P, G_N = 0.5 - 2 * 0.2312, -0.5
CESIUM = next(n for n in target("CsI").nuclei if n.Z == 55)
STANDARD = CESIUM.Z * G_P + CESIUM.N * G_N


@cache
def axes_of(name):
    return FIGURES[name].draw().axes


def drawn_events():
    """Curves of Fig. 1, {dash: [(n_PE, events per 2 PE)] from the fewest sources to all}."""
    lines = [line for line in axes_of("fig1")[0].get_lines() if len(line.get_xdata()) > 2]
    return {d: [x.get_data() for x in lines if x.get_linestyle() == d] for d in ("--", "-")}


def test_there_are_four_figures_in_order():
    assert list(FIGURES) == [f"fig{n}" for n in range(1, 5)]
    for n, figure in enumerate(FIGURES.values(), 1):
        assert figure.title.startswith(f"Fig. {n}: ")
        assert figure.caption.endswith(".")


def test_integrals_of_the_standard_model_are_the_golden_counts(golden):
    entries = golden("csi_2017_counts")
    for sources, (n_pe, per_bin) in zip(SUMS, drawn_events()["--"], strict=True):
        expected = sum(np.array(entries[f"counts.lm.{s}"]["value"]) for s in sources)
        whole = integrate.cumulative_trapezoid(per_bin / 2, n_pe, initial=0)
        events = np.diff(np.interp(EDGES, n_pe, whole))
        # Points of the curve do not lie on the end points of the prompt line or the step at 6 PE.
        np.testing.assert_allclose(events, expected, rtol=2e-3, atol=0.12)
        assert events.sum() == pytest.approx(expected.sum(), rel=1e-3)


def test_prompt_neutrinos_end_where_kinematics_says():
    """30 MeV give recoils up to 2 E^2/M, 14.4 and 15.0 keV on Cs and I: 17.6 PE."""
    for dash in ("--", "-"):
        n_pe, events = drawn_events()[dash][0]
        assert n_pe[events > 0].max() == pytest.approx(17.57, abs=0.05)


def test_a_light_mediator_changes_the_shape_by_eq_6():
    """The ratio to the Standard Model is that of the squared charges of Cs and I, in between."""
    n_pe = np.array([6.5, 9.0, 12.0, 20.0, 30.0])
    model = mediator_model()
    with_mediator, without = (density(model, n_pe, **v) for v in ({"g_Zp": 1e-4, "m_Zp": 10.0}, {}))
    ratios = []
    for nucleus in target("CsI").nuclei:
        q2 = 2 * nucleus.mass * n_pe / 1.17 * 1e-3
        boson = 3 * 1e-8 / (2 * 2**0.5 * G_F * (q2 + 100.0))
        standard = nucleus.Z * G_P + nucleus.N * G_N
        ratios.append(((standard + nucleus.A * boson) / standard) ** 2)
    for source in ("nu_mu_bar", "nu_e"):
        ratio = with_mediator[source] / without[source]
        assert np.all(ratio > np.min(ratios, axis=0) - 1e-12)
        assert np.all(ratio < np.max(ratios, axis=0) + 1e-12)


def test_mediators_are_limited_by_g_if_light_and_by_g_over_M_if_heavy():
    (lines,) = outlines(axes_of("fig2")[0])
    light = [cuts(lines, 0, x=m).item() for m in (1.01, 3.0)]
    assert light[1] == pytest.approx(light[0], rel=0.01)
    heavy = [cuts(lines, 0, x=m) / m for m in (1000.0, 5000.0)]
    np.testing.assert_allclose(heavy[0], heavy[1], rtol=0.01)


def test_the_degenerate_band_is_that_of_eq_8():
    """Allowed around g^2/M^2 = -4 sqrt2 G_F (Z g_p + N g_n)/(3 A), and closed for light masses."""
    (lines,) = outlines(axes_of("fig2")[0])
    centre = (-4 * 2**0.5 * STANDARD * G_F / (3 * CESIUM.A)) ** 0.5
    for mass in (300.0, 1000.0, 5000.0):
        limit, low, high = cuts(lines, 0, x=mass) / mass
        assert limit < low < centre < high
    # Charges Q and -Q give the same events: the limit mirrors the lower edge of the band.
    charge = 1 - 2 * np.array([limit, low]) ** 2 / centre**2
    assert charge[1] == pytest.approx(-charge[0], abs=0.02)
    assert [cuts(lines, 0, x=m).size for m in (1.5, 10.0, 50.0)] == [1, 1, 1]


def test_the_muons_moment_is_disfavoured():
    """The statement of the text holds at every mass drawn."""
    axes = axes_of("fig2")[0]
    (lines,) = outlines(axes)
    (band,) = [c for c in axes.collections if (c.get_label() or "").startswith("$(g-2)")]
    edge = band.get_paths()[0].vertices
    for mass in (1.5, 10.0, 100.0, 1000.0, 9000.0):
        low, high = coupling_band(np.array([mass]))
        near = np.abs(np.log(edge[:, 0] / mass)) < 0.04
        assert edge[near, 1].min() == pytest.approx(low.item(), rel=0.05)
        assert edge[near, 1].max() == pytest.approx(high.item(), rel=0.05)
        assert low.item() > cuts(lines, 0, x=mass).max()


def test_moment_of_light_and_heavy_bosons():
    """1/(8 pi^2) and m_mu^2/(12 pi^2 M^2), and quadrature by another rule in between."""
    light, heavy = anomaly_per_coupling(np.array([1e-4, 1e7]))
    assert light == pytest.approx(1 / (8 * np.pi**2), rel=1e-5)
    assert heavy == pytest.approx(m_mu**2 / (12 * np.pi**2 * 1e14), rel=1e-6)
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = (x + 1) / 2, w / 2
    for mass in (30.0, 105.0, 400.0):
        ratio = (mass / m_mu) ** 2
        expected = np.sum(w * x**2 * (1 - x) / (x**2 + ratio * (1 - x))) / (4 * np.pi**2)
        assert anomaly_per_coupling(np.array([mass])).item() == pytest.approx(expected, rel=1e-8)


def test_band_is_the_anomaly():
    mass = np.array([1e-4, 1e7])
    low, high = coupling_band(mass)
    per = np.array([1 / (8 * np.pi**2), m_mu**2 / (12 * np.pi**2 * 1e14)])
    np.testing.assert_allclose(low**2 * per, 11e-10, rtol=1e-5)
    np.testing.assert_allclose(high**2 * per, 47e-10, rtol=1e-5)
    np.testing.assert_array_equal(coupling_band(mass, 4.0)[0], 0.0)


def mirror(u, d):
    """Coupling along (u, d) that turns the charge of Cs into its negative."""
    per = u * (2 * CESIUM.Z + CESIUM.N) + d * (CESIUM.Z + 2 * CESIUM.N)
    return -2 * STANDARD / per


def test_couplings_to_electron_neutrinos_merge_and_to_muon_neutrinos_do_not():
    """Text on (a) and (b): one band, and two around the SM and its mirror."""
    electron, muon = (outlines(a)[0] for a in axes_of("fig3")[:2])
    flipped = mirror(0, 1)
    low, high = cuts(electron, 0, y=0.0)
    assert low < 0 < flipped < high
    ends = cuts(muon, 0, y=0.0)
    assert ends[0] < 0 < ends[1] < flipped / 2 < ends[2] < flipped < ends[3]
    np.testing.assert_allclose(ends + ends[::-1], flipped, atol=0.003)
    assert low + high == pytest.approx(flipped, abs=0.003)
    low, high = cuts(electron, 0, x=0.0)
    assert low + high == pytest.approx(mirror(1, 0), abs=0.003)


def test_panels_agree_on_their_common_axes():
    """Text on (c) and (d): consistent with (a) and (b); an ellipse without a hole."""
    a, b, c, d = (outlines(one)[0] for one in axes_of("fig3"))
    np.testing.assert_allclose(cuts(c, 0, y=0.0), cuts(a, 0, y=0.0), atol=0.01)
    np.testing.assert_allclose(cuts(d, 0, y=0.0), cuts(a, 0, y=0.0), atol=0.003)
    np.testing.assert_allclose(cuts(c, 0, x=0.0), cuts(b, 0, y=0.0), atol=0.01)
    assert len(d.allsegs[0]) == 1
    assert len(c.allsegs[0]) == 2
    (x, y) = reach(d, 0)
    assert (x[0] + x[1]) / 2 == pytest.approx(mirror(0, 1) / 2, abs=0.002)
    # Q^2 = Q_ee^2 + Q_etau^2: a circle about the coupling that cancels the charge.
    assert y[1] == pytest.approx((x[1] - x[0]) / 2, abs=0.002)


def test_matter_couplings_end_at_eq_12():
    """Tolerances of the rows, and 0.01 to an independent reference's ends."""
    axes = axes_of("fig4")[0]
    (lines,) = outlines(axes)
    rows = published("liao_marfatia2017")
    reference = {"ee": (-0.88, 1.93), "mumu": (-0.57, 1.62)}
    for (pair, ends), drawn in zip(reference.items(), reach(lines, 0), strict=True):
        row = rows[f"liao_marfatia2017/eq12_eps_{pair}_box_0.75_1dof"]
        ((low, high),) = row.value
        assert drawn == pytest.approx((low, high), abs=row.attainable)
        assert drawn == pytest.approx(ends, abs=0.01)
    for smaller, larger in zip(reach(lines, 0), reach(lines, 1), strict=True):
        assert larger[0] < smaller[0] < smaller[1] < larger[1]
    assert set(curves(axes)) == set()
