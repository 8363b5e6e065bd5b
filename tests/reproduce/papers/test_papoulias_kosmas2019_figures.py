"""Figures of Papoulias and Kosmas (2019) against adaptive quadrature and a bin's closed chi2.

The paper prints no numbers; three digits of limits are an independent reference's.
"""

from functools import cache

import numpy as np
import pytest
from support import oracle, oracle_bsm
from support.contour_lines import crossings, curves, cuts, outlines

from cevnsjax.reproduce.catalogue import PAPERS

FIGURES = {figure.name: figure for figure in PAPERS["papoulias_kosmas2019"].figures()}
LEVEL, LEVEL_2 = 2.705543, 4.605170
TREE, FORM = ("tree", 0.2312), oracle.form_factor("helm_box", variant="pk")
# Q of Cs and of I and what a coupling to u quarks adds to each.
MIRROR = np.mean([(N / 2 - 0.0376 * Z) / (2 * Z + N) for Z, N in ((55, 78), (53, 74))])


@cache
def axes_of(name):
    return FIGURES[name].draw().axes


def events_of(edges=(6, 30), **options):
    """Events by bin from the oracle, with an amplitude or a cross section to add."""
    dsigma = oracle_bsm.interfering(sm=TREE, form=FORM, **options)
    flux, targets = oracle.fluence(0.08, 1.76e23, 19.3), oracle.csi_targets(14.57)
    return sum(oracle.counts(edges, dsigma, targets, flux, "pe117").values())


def chi2(events):
    """chi2 (142 - N - 6)^2/variance, where the variance includes the errors of both pulls."""
    return (142 - events - 6) ** 2 / (142 + 6 + 2 * 405 + (0.28 * events) ** 2 + (0.25 * 6) ** 2)


standard_events = cache(events_of)


def chi2_with(amplitude=None, plus=None):
    (events,) = events_of(amplitude=amplitude, plus=plus)
    return float(chi2(events))


def standard():
    return float(chi2(standard_events()[0]))


def height(xy, x):
    return float(np.interp(x, *xy))


def test_there_are_six_figures_in_order():
    assert list(FIGURES) == [f"fig{n}" for n in range(1, 7)]
    for n, figure in enumerate(FIGURES.values(), 1):
        assert figure.title.startswith(f"Fig. {n}: ")
        assert figure.caption.endswith(".")


def test_events(golden):
    """The paper: 142 events were measured."""
    (axes,) = axes_of("fig1")
    (patch,) = axes.patches
    expected = events_of(np.arange(6, 31, 2))
    np.testing.assert_allclose(patch.get_data().values, expected, rtol=1e-8)
    assert patch.get_label() == "estimated, 168 events"
    (points,) = axes.containers
    seen = points.lines[0].get_ydata()
    assert seen.sum() == 142
    np.testing.assert_array_equal(seen, golden("csi_2017_chi2")["data.C_minus_AC"]["value"])


def test_weak_mixing_angle():
    (xy,) = curves(axes_of("fig2")[0]).values()
    assert xy[0][np.argmin(xy[1])] == pytest.approx(0.198, abs=1e-3)
    np.testing.assert_allclose(crossings(xy, LEVEL), (0.120, 0.321), atol=6e-4)
    assert height(xy, 0.2312) == pytest.approx(standard(), abs=1e-3)


def test_profiles_of_couplings():
    """Vector: a bin can be met exactly, so chi2 itself is drawn; tensor: it only adds events."""
    vector, tensor = (curves(axes) for axes in axes_of("fig3"))
    expected = chi2_with(oracle_bsm.nsi(eps_dV_mumu=0.5))
    xy = vector[r"$\varepsilon^{dV}_{\mu\mu}$"]
    assert height(xy, 0.5) == pytest.approx(expected, abs=2e-3)
    for name, xy in vector.items():
        ends = crossings(xy, LEVEL)
        assert ends.size == (2 if "ee" in name else 4)
        if "uV" in name:
            assert ends.mean() == pytest.approx(MIRROR, abs=1e-3)
    expected = chi2_with(plus=oracle_bsm.tensor_nsi(eps_uT_ee=0.1)) - standard()
    assert height(tensor[r"$\varepsilon^{uT}_{ee}$"], 0.1) == pytest.approx(expected, abs=1e-4)
    for xy in tensor.values():
        np.testing.assert_allclose(crossings(xy, 4.0)[0], -crossings(xy, 4.0)[1], rtol=1e-6)


def test_regions_of_couplings():
    """Where the oracle's events, quadratic in a coupling, meet the level of two parameters."""
    vector, tensor = axes_of("fig4")
    at = np.array([-0.3, 0.0, 0.7])
    further = [events_of(amplitude=oracle_bsm.nsi(eps_uV_mumu=x)) for x in at[[0, 2]]]
    events = np.concatenate([further[0], standard_events(), further[1]])
    fine = np.linspace(-0.3, 0.7, 100_001)
    expected = crossings((fine, chi2(np.polyval(np.polyfit(at, events, 2), fine))), LEVEL_2)
    electron, muon = outlines(vector)
    np.testing.assert_allclose(cuts(muon, 0, x=0.0), expected, atol=1e-3)
    assert cuts(electron, 0, x=0.0).size == 2
    assert cuts(electron, 0, x=0.0).mean() == pytest.approx(MIRROR, abs=1e-3)
    for lines in outlines(tensor):
        low, high = cuts(lines, 0, x=0.0)
        assert low == pytest.approx(-high, rel=1e-6)


@pytest.mark.slow
def test_electromagnetic():
    moments, radii = (curves(axes) for axes in axes_of("fig5"))
    muon = r"$\nu_\mu + \bar\nu_\mu$"
    for beam, limit in ((r"$\nu_e$", 62.0), (muon, 41.8), ("universal", 34.7)):
        assert crossings(moments[beam], LEVEL)[-1] == pytest.approx(limit, abs=0.06)
    moment = oracle_bsm.magnetic(dict.fromkeys(oracle.SOURCES, 50.0))
    expected = chi2_with(plus=moment) - standard()
    assert height(moments["universal"], 50.0) == pytest.approx(expected, abs=1e-3)
    by_curve = {r"$\nu_e$": (-37.5, 9.5), muon: (-33.4, -19.6, -8.4, 5.4)}
    for beam, ends in by_curve.items():
        np.testing.assert_allclose(crossings(radii[beam], LEVEL), ends, atol=0.06)
    # The shift of sin2_theta_w counts twice in the charge, Qt once.
    radius = dict.fromkeys(oracle_bsm.FLAVOUR.items(), 5.0)
    expected = chi2_with(oracle_bsm.charge_radius(radius, factor=-2.0))
    assert height(radii["universal"], 5.0) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_sterile_neutrinos():
    """Nothing below 0.76 at 2 eV^2 for two parameters; nu_e not even for one."""
    (axes,) = axes_of("fig6")
    everything, everything_1, muon_1 = outlines(axes)
    assert cuts(everything, 0, y=2.0)[0] == pytest.approx(0.76, abs=0.005)
    assert cuts(everything_1, 0, y=2.0)[0] < 0.7
    assert cuts(muon_1, 0, y=2.4)[0] > 0.9
    assert cuts(everything, 0, y=1.0).size == 0
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert ["none" in text for text in texts] == [False, True, True]
    # The disappearance of nu_e improves the fit, and never makes it worse.
    assert r"$\Delta\chi^2 \leq 0.33$" in texts[2]
    assert standard() == pytest.approx(0.33, abs=0.005)
