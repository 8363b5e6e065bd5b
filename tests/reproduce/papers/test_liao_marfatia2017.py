"""Liao and Marfatia, PLB 775, 54: eq. 12 by constrained minimisation, and by scans."""

import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.couplings import coupling_scheme
from cevnsjax.nuclei import target
from cevnsjax.reproduce.papers.liao_marfatia2017 import rows as liao_marfatia2017
from cevnsjax.reproduce.papers.liao_marfatia2017.rows import (
    COUPLINGS,
    PAIRS,
    BoxFit,
    coupled_model,
)
from cevnsjax.reproduce.rows import compare, published

PAPER = "liao_marfatia2017"
BOX = 0.75
ONE, TWO = (delta_chi2_at(0.90, dof) for dof in (1, 2))


@pytest.fixture(scope="module")
def model():
    return coupled_model()


@pytest.fixture(scope="module")
def fitted(model):
    """The minimisation in the box of the primary rows, from a coarser grid of starts."""
    return BoxFit(model, BOX, points=13)


def other_of(pair):
    return next(p for p in PAIRS if p != pair)


def charges(eps_u, eps_d):
    """Vector charges of Cs and I without form factor."""
    scheme = coupling_scheme("tree")
    g_Vp, g_Vn = scheme.couplings(scheme.sin2_theta_w)
    return [
        float(g_Vp[0] + 2 * eps_u + eps_d) * n.Z + float(g_Vn + eps_u + 2 * eps_d) * n.N
        for n in target("CsI").nuclei
    ]


def test_primary_rows(fitted):
    """An independent reference gives [-0.88, 1.93] and [-0.57, 1.62]."""
    expected = {"ee": [(-0.88, 1.93)], "mumu": [(-0.57, 1.62)]}
    for pair, ends in expected.items():
        intervals = fitted.intervals(pair, ONE)
        np.testing.assert_allclose(intervals, ends, atol=0.005)
        row = published(PAPER)[f"{PAPER}/eq12_eps_{pair}_box_0.75_1dof"]
        assert row.primary
        assert compare(row, intervals).status == "close"


@pytest.mark.parametrize("pair", PAIRS)
def test_ends_by_hand(model, fitted, pair):
    """At an end the charges of the other flavour vanish and one coupling is at the box's edge."""
    base = np.array(charges(0.0, 0.0))
    slopes = np.array([charges(1.0, 0.0), charges(0.0, 1.0)]) - base
    cancelled = np.linalg.solve(slopes.T, -base)
    assert np.abs(cancelled).max() < BOX

    names = (*COUPLINGS[pair], *COUPLINGS[other_of(pair)])
    ((low, high),) = fitted.intervals(pair, ONE)
    for eps, edge in ((low, -BOX), (high, BOX)):
        couplings = (edge, eps / 3 - edge, *cancelled.tolist())
        chi2 = 2 * float(model.profiled_nll(dict(zip(names, couplings, strict=True))))
        assert chi2 == pytest.approx(fitted.chi2_min + ONE, abs=1e-6)


@pytest.mark.parametrize("pair", PAIRS)
def test_grid_lies_above_the_minimum(fitted, pair):
    grid = fitted.projected(pair)
    assert fitted.chi2.min() >= fitted.chi2_min - 1e-9
    for k in range(8, 17, 2):
        assert fitted.chi2_min - 1e-9 <= fitted.at(pair, fitted.eps[k]) <= grid[k] + 1e-9


@pytest.mark.parametrize(("pair", "eps"), [("ee", -0.8), ("ee", 1.0), ("mumu", 0.3)])
def test_scans_come_down_to_the_minimum(model, fitted, pair, eps):
    """Four-dimensional scans zooming in from the whole box, read off where u + d is eps/3."""
    names = (*COUPLINGS[pair], *COUPLINGS[other_of(pair)])
    centre, half, total = np.array([eps / 6, eps / 6, 0.0, 0.0]), BOX - abs(eps) / 6, eps / 3
    for _ in range(8):
        # u and d have equal steps, so that u + d is constant along a diagonal.
        grids = [np.linspace(x - half, x + half, 21).clip(-BOX, BOX) for x in centre]
        axes = dict(zip(names, map(np.unique, grids), strict=True))
        chi2 = cj.scan(model, engine="template", **axes)["chi2"].transpose(*names).to_numpy()
        along = np.arange(21)
        slab = chi2[along, along[::-1]]
        i, j, k = np.unravel_index(int(slab.argmin()), slab.shape)
        half /= 2
        u = float(np.clip(grids[0][i], total - BOX + half, BOX - half))
        u = float(np.clip(u, half - BOX, total + BOX - half))
        centre = np.array([u, total - u, axes[names[2]][j], axes[names[3]][k]])
    assert slab.min() >= fitted.at(pair, eps) - 1e-9
    assert slab.min() == pytest.approx(fitted.at(pair, eps), abs=1e-3)


def test_couplings_of_the_minimum_stay_in_the_box(model, fitted):
    for pair, eps in (("ee", -0.8), ("mumu", 1.6), ("ee", 6 * BOX)):
        chi2, values = fitted.best(pair, eps)
        assert max(abs(x) for x in values.values()) <= BOX
        assert cj.matter_nsi(values, pair) == pytest.approx(eps, abs=1e-12)
        assert 2 * float(model.profiled_nll(values)) == pytest.approx(chi2, rel=1e-12)


@pytest.fixture(scope="module")
def rows():
    return {r.published.id: r for r in liao_marfatia2017.rows()}


def test_every_row_is_there_none_differs_and_says_why(rows):
    assert set(rows) == set(published(PAPER))
    # The independent reference is as far from the rows of the largest box.
    wide = {i for i in rows if "_box_2.0_" in i}
    assert {i for i, r in rows.items() if r.status == "known differs"} == wide
    wrong = {i: (r.published.value, r.computed) for i, r in rows.items() if r.status == "differs"}
    assert wrong == {}
    assert all(r.reason for r in rows.values())


def test_what_the_reason_says(rows):
    """The same centre for every box and height, and ends further out in a larger box."""
    for dof in (1, 2):
        for pair in PAIRS:
            intervals = [
                rows[f"{PAPER}/eq12_eps_{pair}_box_{box}_{dof}dof"].computed
                for box in liao_marfatia2017.BOXES
            ]
            low, high = np.array(intervals)[:, 0].T
            np.testing.assert_allclose((low + high) / 2, 0.524, atol=5e-4)
            assert np.all(np.diff(high - low) > 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("box", [0.5, 2.0])
def test_finer_grid_of_starts_changes_nothing(model, rows, box):
    finer = BoxFit(model, box, points=33)
    for pair in PAIRS:
        for dof, height in ((1, ONE), (2, TWO)):
            computed = rows[f"{PAPER}/eq12_eps_{pair}_box_{box}_{dof}dof"].computed
            np.testing.assert_allclose(finer.intervals(pair, height), computed, atol=1e-6)


@pytest.mark.slow
def test_allowed_regions_have_neither_holes_nor_islands(fitted):
    for pair in PAIRS:
        ((low, high),) = fitted.intervals(pair, ONE)
        outside = [fitted.at(pair, x) for x in fitted.eps.tolist() if not low < x < high]
        assert min(outside) > fitted.chi2_min + ONE
        inside = [fitted.at(pair, x) for x in np.linspace(low, high, 41)[1:-1]]
        assert max(inside) < fitted.chi2_min + ONE
