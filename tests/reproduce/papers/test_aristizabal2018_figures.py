"""Figures of PRD 98, 075018 against its tables, its text and hand arithmetic with eq. 19."""

from functools import cache

import numpy as np
import pytest
from support.contour_lines import crossings, curves, cuts, outlines, reach

from cevnsjax.analyses import aristizabal2018
from cevnsjax.interactions import GeneralizedInteractions
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.papers.aristizabal2018.planes import PSEUDOSCALAR, SCALAR_TENSOR, Plane
from cevnsjax.reproduce.papers.aristizabal2018.quarks import best_fits, exact_region
from cevnsjax.reproduce.rows import published

FIGURES = {figure.name: figure for figure in PAPERS["aristizabal2018"].figures()}
TABLES = {n.partition("/")[2]: row for n, row in published("aristizabal2018").items()}
LEVELS = (2.705543, 6.634897)
# Cs-133 by eq. 19, in units of its 78 neutrons, with PDG masses of quarks and nucleons.
_Z, _N = 55 / 78, 1.0
SCALAR_U = _Z * 938.272 / 2.16 * 0.019 + _N * 939.565 / 2.16 * 0.023
SCALAR_D = _Z * 938.272 / 4.67 * 0.041 + _N * 939.565 / 4.67 * 0.034
VECTOR_U, VECTOR_D = 2 * _Z + _N, _Z + 2 * _N
TENSOR_U, TENSOR_D = (8**0.5 * (_Z * p + _N * n) for p, n in ((0.54, -0.23), (-0.23, 0.54)))
# C_V^SM/N between the two minima of Table 1.
STANDARD = (0.113 + 1.764) / 2
# Half of the rate comes from I, whose couplings are smaller by up to 2 %; limits are 1.5 % off.
NEAR = 0.03


@cache
def axes_of(name):
    return FIGURES[name].draw().axes


def steps(axes):
    """Histograms drawn, {name: [bin]}."""
    return {patch.get_label(): patch.get_data().values for patch in axes.patches}


def data(axes):
    (container,) = axes.containers
    return container.lines[0].get_data()


def test_there_are_seven_figures_in_order():
    assert list(FIGURES) == [f"fig{n}" for n in range(1, 8)]
    for n, figure in enumerate(FIGURES.values(), 1):
        assert figure.title.startswith(f"Fig. {n}: ")
        assert figure.caption.endswith(".")


def test_events_by_flavour(golden):
    """Golden couplings are literal: x 1.07 and (0.939/0.9466)^2. The text orders the flavours."""
    (axes,) = axes_of("fig1")
    histograms = steps(axes)
    totals = {name: counts.sum() for name, counts in histograms.items()}
    assert totals["total"] == pytest.approx(177.8, abs=0.05)
    sources = sorted((s for s in totals if s != "total"), key=lambda s: totals[s])
    assert sources == [r"$\nu_\mu$", r"$\nu_e$", r"$\bar{\nu}_\mu$"]
    np.testing.assert_allclose(sum(histograms[s] for s in sources), histograms["total"])
    x, seen = data(axes)
    entries = golden("csi_2017_chi2")
    np.testing.assert_allclose(seen[:12], entries["data.C_minus_AC"]["value"])
    assert seen[12] == entries["data.C_minus_AC.bin_30_32"]["value"]
    np.testing.assert_allclose(x, np.arange(7, 32, 2))


def test_beam_on_background(golden):
    """COHERENT expected 6 +- 2 neutrons in 6-30 PE."""
    (counts,) = steps(axes_of("fig2")[0]).values()
    entries = golden("csi_2017_chi2")
    np.testing.assert_allclose(counts[:12], entries["data.prompt_neutrons"]["value"], rtol=1e-6)
    assert counts[12] == pytest.approx(entries["data.prompt_neutrons.bin_30_32"]["value"])
    assert counts[:12].sum() == pytest.approx(6, abs=2)


def test_events_at_the_best_fit():
    (axes,) = axes_of("fig3")
    (standard, fitted) = steps(axes).values()
    np.testing.assert_allclose(standard, steps(axes_of("fig1")[0])["total"])
    np.testing.assert_allclose(fitted / standard, (1 - 0.113 / STANDARD) ** 2, atol=0.006)
    low, high = (float(name.split("=")[-1].strip(" $")) for name in steps(axes))
    assert 0.3 < low - high < 0.6
    printed = TABLES["T1_xi_V_bestfits_scaled"]
    np.testing.assert_allclose(best_fits("V"), printed.value, atol=printed.attainable)
    assert best_fits("S") == best_fits("T") == [0.0]


def test_scalar_couplings():
    """Bands of Table 1, up to order one along the cancellation, ellipses without."""
    band, ellipse = (outlines(a) for a in axes_of("fig4")[:2])
    for i, level in enumerate(("90", "99")):
        limit = TABLES[f"T1_xi_S_{level}"].value
        expected = limit / SCALAR_U * np.array([-1, 1])
        np.testing.assert_allclose(cuts(band[0], i, y=0.0), expected, rtol=NEAR)
        (x, y) = reach(ellipse[0], i)
        np.testing.assert_allclose(x, expected, rtol=NEAR)
        np.testing.assert_allclose(y, limit / SCALAR_D * np.array([-1, 1]), rtol=NEAR)
        (_, ends) = reach(band[0], i)
        assert ends == (-1, 1)
    # The conclusions: below 0.05 at 90 % for pseudoscalar-scalar couplings.
    assert 0.045 < max(reach(ellipse[0], 0)[1]) < 0.05
    np.testing.assert_allclose(cuts(band[-1], 0, y=0.5), -0.5 * SCALAR_D / SCALAR_U, rtol=1e-3)


def test_vector_couplings():
    """Two stripes and a ring; the conclusions let couplings reach 0.85 at 90 %."""
    stripes, rings = (outlines(a) for a in axes_of("fig4")[2:4])
    for i, level in enumerate(("90", "99")):
        ends = np.ravel(TABLES[f"T1_xi_V_{level}"].value)
        ring = ends / VECTOR_U
        atol = 0.02 * np.ptp(ends) / VECTOR_U
        inside = np.abs(ring) < 1
        np.testing.assert_allclose(cuts(stripes[0], i, y=0.0), ring[inside], atol=atol)
        np.testing.assert_allclose(cuts(rings[0], i, y=0.0), ring, atol=atol)
        outer = (STANDARD + ends[-1]) / VECTOR_D
        np.testing.assert_allclose(reach(rings[0], i)[1], [-outer, outer], rtol=0.02)
    assert reach(rings[0], 0)[0][0] == pytest.approx(-0.85, abs=0.03)
    best = np.array(TABLES["T1_xi_V_bestfits"].value) / VECTOR_U
    for lines in (stripes[-1], rings[-1]):
        places = np.sort(np.concatenate([cuts(lines, i, y=0.0) for i in range(len(lines.levels))]))
        np.testing.assert_allclose(places, best, atol=0.002)


def test_the_shortcut_shrinks_what_table_1_allows_by_sqrt2():
    """xi^2 = 2 xi_Cs^2 of the text, at 90 %."""
    band, ellipse, stripes = (outlines(a)[1] for a in axes_of("fig4")[:3])
    limit = TABLES["T1_xi_S_90"].value / 2**0.5
    np.testing.assert_allclose(cuts(band, 0, y=0.0)[1], limit / SCALAR_U, rtol=5e-3)
    np.testing.assert_allclose(reach(ellipse, 0)[1][1], limit / SCALAR_D, rtol=5e-3)
    ends = np.ravel(TABLES["T1_xi_V_90"].value) / 2**0.5
    np.testing.assert_allclose(cuts(stripes, 0, y=0.0), ends / VECTOR_U, atol=0.002)


def test_tensor_couplings():
    (axes,) = axes_of("fig5")
    exact, shortcut, best = outlines(axes)
    for i, level in enumerate(("90", "99")):
        limit = TABLES[f"T1_xi_T_{level}"].value / TENSOR_D
        np.testing.assert_allclose(cuts(exact, i, x=0.0), [-limit, limit], rtol=NEAR)
    limit = TABLES["T1_xi_T_90"].value / 2**0.5
    np.testing.assert_allclose(cuts(shortcut, 0, x=0.0)[1], limit / TENSOR_D, rtol=5e-3)
    np.testing.assert_allclose(cuts(best, 0, x=1.0), -TENSOR_U / TENSOR_D, rtol=1e-3)


SLOPES = {"S": SCALAR_U, "V": VECTOR_U, "T": TENSOR_D}


@pytest.mark.parametrize(("panel", "pair"), [(0, "S-V"), (1, "S-T"), (2, "V-T")])
def test_two_interactions(panel, pair):
    """Heights 4.61 and 9.21 lie beyond the projections at 2.71 and 6.63, which Table 2 prints."""
    slopes = SLOPES | ({"V": VECTOR_D} if pair == "S-V" else {})
    name = "T-V" if pair == "V-T" else pair
    exact = outlines(axes_of("fig6")[panel])[0]
    smaller, larger = reach(exact, 0), reach(exact, 1)
    for i, letter in enumerate(pair.split("-")):
        stem = f"T2_{name}_{letter}" if pair == "S-T" else f"T2_{name}_xi_{letter}_"
        low, high = (float(np.ravel(TABLES[f"{stem}{level}"].value)[-1]) for level in ("90", "99"))
        assert low < smaller[i][1] * slopes[letter] < high < larger[i][1] * slopes[letter]
        if letter != "V":
            assert smaller[i][0] == pytest.approx(-smaller[i][1], rel=1e-6)


def test_panels_share_one_legend():
    axes = axes_of("fig6")
    (legend,) = axes[0].figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[2:] == ["90% CL", "99% CL", "SM"]
    assert [a.get_legend() for a in axes] == [None] * 3


def test_vector_profiles_cross_at_the_tables():
    drawn = curves(axes_of("fig7")[0])
    rows = {
        r"$\xi_V$": "T1_xi_V_{}_scaled",
        r"$\xi_V$ and $\xi_T$": "T2_T-V_xi_V_{}_scaled",
        r"$\xi_V$ and $\xi_S$": "T2_S-V_xi_V_{}_scaled",
    }
    assert list(drawn) == [r"$\xi_V$", r"$\xi_V$ and $\xi_T$", r"$\xi_V$ and $\xi_S$"]
    for name, stem in rows.items():
        for key, height in zip(("90", "99"), LEVELS, strict=True):
            row = TABLES[stem.format(key)]
            ends = crossings(drawn[name], height)
            np.testing.assert_allclose(ends, np.ravel(row.value), atol=row.attainable + 0.001)
        middle = np.interp(-STANDARD, *drawn[name])
        assert (middle > 12) if name == r"$\xi_V$" else (middle < 1.2)


def test_literal_regions_are_a_little_wider():
    """Without the two fitted numbers regions are wider, as captions say."""
    x, y = PSEUDOSCALAR.grid()
    both = GeneralizedInteractions(PSEUDOSCALAR.x, PSEUDOSCALAR.y)
    model = aristizabal2018(interactions=[both])
    literal = 2 * np.asarray(model.map({}, {"C_u_S": x, "D_d_P": np.zeros_like(x)}))
    scaled = np.asarray(exact_region(PSEUDOSCALAR).delta_chi2)[:, y.size // 2]
    ends = [crossings((x, curve), LEVELS[0])[1] for curve in (literal - literal.min(), scaled)]
    assert 1.02 < ends[0] / ends[1] < 1.04


def test_planes_add_by_eq_21():
    """C_S and D_P add in quadrature; scalar and tensor are independent; R is not part of them."""
    plane = Plane("C_u_S", "D_d_P", (-0.1, 0.1), (-0.1, 0.1))
    xi = plane.effective()["xi_S"]
    assert xi[-1, -1] == pytest.approx(0.1 * np.hypot(SCALAR_U, SCALAR_D), rel=1e-5)
    assert plane.dof == 1
    assert set(SCALAR_TENSOR.effective()) == {"xi_S", "xi_T"}
    assert SCALAR_TENSOR.dof == 2
