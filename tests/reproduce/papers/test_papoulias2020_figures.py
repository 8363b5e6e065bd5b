"""Figures of PRD 102, 113004 against Table I, its text, and where the weak charge vanishes."""

from functools import cache

import numpy as np
import pytest
from support.contour_lines import crossings, curves, cuts, outlines, reach

from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.rows import compare, published

FIGURES = {figure.name: figure for figure in PAPERS["papoulias2020"].figures()}
ROWS = {n.partition("/")[2]: row for n, row in published("papoulias2020").items()}
QUENCHINGS = ("old", "new")
LEVEL, LEVEL_99 = 2.705543, 6.634897
GOOD = ("reproduced", "close")
# Weak charges of Cs and I at s2w = 0.2382, their protons and neutrons.
NUCLEI = ((-39.036204, 55, 78), (-37.020799, 53, 74))


@cache
def axes_of(name):
    return FIGURES[name].draw().axes


def crosses_at_the_printed_interval(row, xy):
    ends = crossings(xy, LEVEL)
    spans = [(float(a), float(b)) for a, b in ends.reshape(-1, 2)]
    result = compare(ROWS[row], spans)
    assert result.status in GOOD, (row, ROWS[row].value, spans)


def mirror(per_unit):
    """The coupling at which the weak charge vanishes, the mean of both nuclei."""
    return np.mean([-charge / per_unit(Z, N) for charge, Z, N in NUCLEI])


def test_there_are_eight_figures_in_order():
    assert list(FIGURES) == [f"fig{n}" for n in range(1, 9)]
    for n, figure in enumerate(FIGURES.values(), 1):
        assert figure.title.startswith(f"Fig. {n}: ")
        assert figure.caption.endswith(".")


def test_events(golden):
    """Histograms and data are the golden ones; the printed totals are 174 and 158."""
    (axes,) = axes_of("fig1")
    drawn = {p.get_label()[:3]: p.get_data().values for p in axes.patches}
    counts, release = golden("csi_2017_counts"), golden("csi_2017_chi2")
    for quenching in QUENCHINGS:
        total = sum(
            np.array(counts[f"counts.p20_{quenching}.{source}"]["value"])
            for source in ("nu_mu", "nu_mu_bar", "nu_e")
        )
        np.testing.assert_allclose(drawn[quenching], total[:12], rtol=1e-9)
        row = ROWS[f"N_SM.{quenching}"]
        assert compare(row, float(drawn[quenching].sum())).status in GOOD
    (points,) = axes.containers
    data, _, (bars,) = points.lines
    np.testing.assert_array_equal(data.get_ydata(), release["data.C_minus_AC"]["value"])
    errors = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
    names = ("coincidence", "anticoincidence", "prompt_neutrons")
    variance = sum(np.array(release[f"data.{name}"]["value"])[:12] for name in names)
    np.testing.assert_allclose(errors, np.sqrt(variance), rtol=1e-9)


@pytest.mark.parametrize(
    ("panel", "rows"),
    [
        (0, ("eq11_sin2thetaW_90.{}", "s2w_bestfit.{}", "s2w_1sigma_halfwidth.{}")),
        (1, ("eq13_R_n_90.{}", "R_n_best_fit.{}.noFF", "R_n_1sigma_halfwidth.{}.noFF")),
    ],
)
def test_standard_model(panel, rows):
    drawn = curves(axes_of("fig2")[panel])
    for quenching in QUENCHINGS:
        interval, best, half = (row.format(quenching) for row in rows)
        x, y = xy = drawn[f"{quenching} QF"]
        crosses_at_the_printed_interval(interval, xy)
        assert compare(ROWS[best], float(x[np.argmin(y)])).status in GOOD
        (width,) = np.diff(crossings(xy, 1.0)).tolist()
        assert compare(ROWS[half], width / 2).status in GOOD


@pytest.mark.parametrize(("panel", "flavour"), [(0, "ee"), (1, "mumu")])
def test_couplings(panel, flavour):
    drawn = curves(axes_of("fig3")[panel])
    assert len(drawn) == 4
    for quark in "ud":
        for quenching in QUENCHINGS:
            name = f"$q = {quark}$, {quenching} QF"
            crosses_at_the_printed_interval(f"eps_{quark}V_{flavour}.{quenching}", drawn[name])


@pytest.mark.parametrize(("panel", "bands"), [(0, 1), (1, 2)])
def test_bands_of_couplings(panel, bands):
    """Bands are symmetric about vanishing weak charge and run along constant weak charge."""
    axes = axes_of("fig4")[panel]
    flavour = ("ee", "mumu")[panel]
    slope = np.mean([(Z + 2 * N) / (2 * Z + N) for _, Z, N in NUCLEI])
    for quenching, lines in zip(QUENCHINGS, outlines(axes), strict=True):
        at_0, further = (cuts(lines, 0, x=x) for x in (0.0, 0.2))
        assert at_0.size == 2 * bands
        assert at_0.mean() == pytest.approx(mirror(lambda Z, N: 2 * Z + N), abs=2e-3)
        np.testing.assert_allclose(further, at_0 - 0.2 * slope, atol=2e-3)
        # Two parameters: a little wider than the printed interval of one.
        printed = ROWS[f"eps_uV_{flavour}.{quenching}"].value
        assert at_0[0] < printed[0][0] < 0 < printed[-1][-1] < at_0[-1]
        assert at_0[-1] - at_0[0] < 1.5 * (printed[-1][-1] - printed[0][0])


@pytest.mark.slow
def test_magnetic_moment():
    """Limits of an independent reference; at 99 % quenching factors differ more, as the text says.

    Table I and eq. 16 print 30 and 21, 31 and 26.
    """
    (axes,) = axes_of("fig5")
    drawn, at_99 = curves(axes), {}
    expected = {"$F^2$": (36.6, 24.8), "$F$": (31.5, 20.7)}
    for power, limits in expected.items():
        for quenching, limit in zip(QUENCHINGS, limits, strict=True):
            xy = drawn[f"{power}, {quenching} QF"]
            assert crossings(xy, LEVEL)[-1] == pytest.approx(limit, abs=0.051)
            at_99[quenching] = crossings(xy, LEVEL_99)[-1]
        assert at_99["old"] - at_99["new"] > 2 * (limits[0] - limits[1])


@pytest.mark.slow
@pytest.mark.parametrize(("panel", "quenching"), [(0, "old"), (1, "new")])
def test_charge_radii(panel, quenching):
    """The text: two regions at 90 % only of the antineutrino with the new quenching factor."""
    drawn = curves(axes_of("fig6")[panel])
    rows = {r"$\nu_e$": "r2_nue", r"$\nu_\mu$": "r2_numu", r"$\bar{\nu}_\mu$": "r2_numubar"}
    assert set(drawn) == set(rows)
    for name, row in rows.items():
        crosses_at_the_printed_interval(f"{row}.{quenching}", drawn[name])
        apart = row == "r2_numubar" and quenching == "new"
        assert crossings(drawn[name], LEVEL).size == (4 if apart else 2)


def test_planes_of_charge_radii():
    """Symmetric about where the weak charge vanishes; printed intervals of one radius lie inside.

    There neither delayed beam would scatter: excluded with both quenching factors.
    """
    # sqrt2 pi alpha/(3 G_F) per 1e-32 cm^2, half of it, times 2 rho kappa of PRD 102, eq. 5.
    centre = -mirror(lambda Z, _: 0.0237956 / 2 * 2.01075 * Z)
    rows = ("r2_nue", "r2_numu", "r2_numubar")
    for axes, pair in zip(axes_of("fig7"), ((0, 1), (0, 2), (1, 2)), strict=True):
        for quenching, lines in zip(QUENCHINGS, outlines(axes), strict=True):
            for along, low_high in zip(pair, reach(lines, 0), strict=True):
                assert np.mean(low_high) == pytest.approx(centre, abs=0.5)
                printed = ROWS[f"{rows[along]}.{quenching}"].value
                assert low_high[0] < printed[0][0] < printed[-1][-1] < low_high[1]
    for lines in outlines(axes_of("fig7")[1]):
        hole = cuts(lines, 0, x=centre)
        assert hole.size == 4
        assert hole[1] < centre < hole[2]


@pytest.mark.slow
def test_mediators():
    """An independent reference's ends of allowed couplings squared, three digits, by mass."""
    left, right = axes_of("fig8")
    expected = {
        left: ((1.70e-9, (8.50e-9, 3.36e-8, 4.72e-8)), (1.39e-9, (6.88e-9, 3.45e-8, 4.53e-8))),
        right: ((8.55e-10, (4.03e-9,)), (5.41e-10, (2.29e-9,))),
    }
    for axes, by_quenching in expected.items():
        for lines, (light, heavy) in zip(outlines(axes), by_quenching, strict=True):
            np.testing.assert_allclose(cuts(lines, 0, x=1.0), light, rtol=0.01)
            np.testing.assert_allclose(cuts(lines, 0, x=100.0), heavy, rtol=0.01)
            # A contact interaction depends on the coupling over the mass alone.
            far, farther = (cuts(lines, 0, x=x) for x in (2e3, 8e3))
            np.testing.assert_allclose(farther, 16 * far, rtol=0.03)
