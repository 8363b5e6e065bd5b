"""Figures of the slides of 2020 against their printed numbers and against closed forms."""

import numpy as np
import pytest
from support.contour_lines import crossings, curves, cuts, outlines

from cevnsjax import NSI
from cevnsjax.analyses import picciau2020
from cevnsjax.core.constants import G_F
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.papers.picciau2020 import mediators as mediators
from cevnsjax.reproduce.papers.picciau2020 import profiles as profiles
from cevnsjax.reproduce.papers.picciau2020 import rates as rates
from cevnsjax.reproduce.rows import published

FIGURES = {figure.name: figure for figure in PAPERS["picciau2020"].figures()}
SLOW = pytest.mark.slow


def test_neutron_radius_crosses_at_the_printed_limits():
    (curve,) = curves(FIGURES["R_n_Ar"].draw().axes[0]).values()
    ends = [crossings(curve, height) for height in (1, 4, 9)]
    np.testing.assert_allclose(np.concatenate(ends), [4.2, 6.2, 10.8], atol=0.1)
    assert curve[1][0] == 0
    assert curve[0][0] == pytest.approx(3.448)


@SLOW
def test_weak_mixing_angles_cross_at_the_printed_errors():
    drawn = curves(FIGURES["sin2_theta_w"].draw().axes[0])
    rows = {n.partition("/")[2]: row for n, row in published("picciau2020").items()}
    assert list(drawn) == ["Ar", "CsI", "CsI + Ar"]
    for name, xy in drawn.items():
        stem = f"sw2.{name.replace(' ', '')}"
        best = xy[0][np.argmin(xy[1])]
        assert best == pytest.approx(rows[f"{stem}.best"].value, abs=0.01)
        for k in (1, 2, 3):
            low, high = crossings(xy, k**2)
            for end, distance in (("plus", high - best), ("minus", best - low)):
                row = rows[f"{stem}.{k}s.{end}"]
                assert distance == pytest.approx(row.value, abs=max(row.attainable, 0.01))


@SLOW
def test_argons_electromagnetic_limits_are_the_printed_ones():
    """Outermost crossings of three curves, one a panel, at 3 sigma."""
    axes = FIGURES["electromagnetic_Ar"].draw().axes
    by_panel = [curves(a) for a in axes]
    assert [len(c) for c in by_panel] == [5, 5, 2]
    ends = [crossings(c[r"$\mu \mu$"] if r"$\mu \mu$" in c else c["$e$"], 9) for c in by_panel]
    np.testing.assert_allclose(ends[0][[0, -1]], [-80, 30], atol=2.2)
    np.testing.assert_allclose(ends[1][[0, -1]], [-15, 35], atol=1.0)
    assert ends[2][-1] == pytest.approx(85, abs=1.7)


def test_momentum_transfers_hold_the_expected_events():
    """131.49 and 134.01 events; a recoil of 12.8 keV, 15 photoelectrons, is 55.9 MeV on CsI."""
    means = {}
    for data, events in (("ar", 131.49), ("csi", 134.007)):
        q, n = profiles.momentum_transfers(picciau2020(data))
        assert n.sum() == pytest.approx(events, rel=1e-3)
        means[data] = np.average(q, weights=n)
    assert means["csi"] == pytest.approx(np.sqrt(2 * 121e3 * 15 / 1.17 * 1e-3), rel=0.03)
    assert means["ar"] < means["csi"]


def test_running_has_argon_where_the_slides_have_it():
    measured = profiles.measured("ar")
    ((low, high),) = measured.profiled.intervals["0.6827"]
    best = measured.profiled.best_fit
    np.testing.assert_allclose([best, best - low, high - best], [0.31, 0.06, 0.06], atol=0.005)
    assert 0 < measured.q_sd < measured.q < 120


def test_rates_rise_and_fall_as_the_slides_say():
    """Universal: more at low energies, a drop where the amplitude cancels; the others: more."""
    axes = FIGURES["rates"].draw().axes
    for frame, boson in zip(axes, rates.COUPLINGS, strict=True):
        (T, without), (_, shown) = curves(frame).values()
        ratio = shown / without
        assert ratio[0] > 1.5
        if boson == "universal":
            zero = T[np.argmin(ratio)] * 1e-3
            # 3 g^2 A/(sqrt2 G_F (2 M T + M_Z'^2)) = 0.509 N - 0.033 Z there, for about equal F.
            strength = (
                3
                * rates.COUPLINGS[boson] ** 2
                * 40
                / (np.sqrt(2) * G_F * (2 * 37215.5 * zero + 100))
            )
            assert strength == pytest.approx(0.5094 * 22 - 0.0346 * 18, rel=0.05)
            assert ratio.min() < 1e-2
        else:
            assert ratio.min() > 1


def test_minimum_between_steps_is_that_of_the_parabola():
    steps = np.linspace(-1, 1, 9)
    inner, edge, flat = (steps - 0.3) ** 2 + 2, (steps - 5) ** 2, np.full(9, 7.0)
    lowest = mediators.lowest_of(np.stack([inner, edge, flat], axis=1))
    np.testing.assert_allclose(lowest, [2.0, 16.0, 7.0], atol=1e-12)


def test_heavy_boson_is_a_contact_interaction():
    """Universal charges: eps_u = eps_d = g^2/(sqrt2 G_F M^2) for both flavours."""
    mass, couplings = 1e5, np.linspace(0.02, 0.3, 5)
    surface = mediators.mediator_chi2("ar", "universal", np.array([mass]), couplings)
    names = [f"eps_{q}V_{pair}" for q in "ud" for pair in ("ee", "mumu")]
    model = picciau2020("ar", interactions=[NSI(*names)])
    for chi2, g in zip(surface[0], couplings, strict=True):
        eps = g**2 / (np.sqrt(2) * G_F * mass**2)
        assert chi2 == pytest.approx(2 * float(model.profiled_nll(dict.fromkeys(names, eps))))


@SLOW
def test_lowest_chi2_of_the_universal_boson():
    """10.64 at 1000 MeV against 11.73 in the Standard Model; the quenching scale interpolated."""
    masses, couplings = np.array([1000.0]), np.geomspace(1.5e-3, 2e-3, 201)
    chi2 = sum(mediators.mediator_chi2(d, "universal", masses, couplings) for d in ("csi", "ar"))
    assert chi2.min() == pytest.approx(10.638, abs=0.005)
    none = sum(
        mediators.mediator_chi2(d, "universal", masses, np.array([0, 1e-9])) for d in ("csi", "ar")
    )
    assert none.min() == pytest.approx(11.734, abs=0.005)


# {boson: {mass: edges of what both data sets allow}}, three digits, from an independent code.
CROSSINGS = {
    "universal": {1.0: [2.68e-5], 100.0: [6.25e-5, 1.88e-4, 2.06e-4]},
    "B-L": {1.0: [5.36e-5], 100.0: [1.43e-4]},
    "L_mu-L_tau": {1.0: [1.41e-3], 100.0: [3.88e-3]},
}


@SLOW
@pytest.mark.parametrize("boson", CROSSINGS)
def test_regions_of_bosons(boson):
    """Edges at given masses; a limit grows like the mass above the momentum transfer."""
    regions = mediators.mediator_regions(boson)
    height = delta_chi2_at(0.9545, 2)
    both = regions["csi+ar"]
    x, y = np.asarray(both.x), np.asarray(both.y)
    for mass, edges in CROSSINGS[boson].items():
        row = np.asarray(both.delta_chi2)[np.argmin(np.abs(np.log(x / mass)))]
        np.testing.assert_allclose(crossings(np.stack([y, row]), height), edges, rtol=0.005)
    for region in regions.values():
        limit = y[np.argmin(np.asarray(region.delta_chi2) < height, axis=1)]
        assert limit[-1] / limit[np.searchsorted(x, 500)] == pytest.approx(2, rel=0.03)
        assert limit[x <= 2].max() < 1.05 * limit[0]


@SLOW
def test_line_of_cancellation():
    """3 g^2 A/(sqrt2 G_F M^2) = N - 0.08 Z doubles and turns the amplitude: allowed again."""
    (axes,) = FIGURES["universal"].draw().axes
    mass = 900.0
    for outline, (N, Z) in zip(outlines(axes), ((152, 108), (22, 18)), strict=False):
        turned = np.sqrt(np.sqrt(2) * G_F * mass**2 * (N - 0.08 * Z) / (3 * (N + Z)))
        limit, low, high = cuts(outline, 0, x=mass)
        assert limit < low < turned < high
        assert (high - low) / turned < 0.35


@SLOW
def test_every_figure_draws():
    for name in ("BL", "LmuLtau", "running"):
        figure = FIGURES[name].draw()
        figure.draw_without_rendering()
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_legend() is not None
