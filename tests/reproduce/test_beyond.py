"""Results beyond the papers against printed numbers, closed forms and other methods."""

import subprocess
import sys
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
from support.toy import Toy

from cevnsjax.analyses import papoulias2020
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.form_factors import Helm
from cevnsjax.inference.fits.profile import profile
from cevnsjax.interactions import NSI, NucleusAtNodes
from cevnsjax.nuclei import isotope
from cevnsjax.parameters import Parameter
from cevnsjax.reproduce.beyond import (
    SECTIONS,
    ResultTable,
    auxiliary,
    conventions,
    conventions_argon,
    conventions_csi,
    coverage,
    joint,
    plane,
    posteriors,
)
from cevnsjax.reproduce.beyond.limits import limits, spans_of
from cevnsjax.reproduce.beyond.section import text_of

SLOW = pytest.mark.slow
NINETY = np.sqrt(delta_chi2_at(0.90))


def ends(text):
    """Numbers of "[a, b], [c, d]", those of open ends left out."""
    words = text.replace("[", "").replace("]", "").split(", ")
    return [float(w) for w in words if w != "..."]


@dataclass
class Known(Toy):
    """A toy without nuisances, so that its nll and its profile are equal."""

    def profiled_nll(self, values):
        return self._nll(values, None)


def known(chi2, **options):
    return Known([Parameter("x", "abscissa", 0.0, **options)], chi2)


def test_sections_cost_nothing_until_they_are_computed():
    code = "import sys, cevnsjax.reproduce.beyond; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    names = [s.name for s in SECTIONS]
    assert len(set(names)) == len(names) == 6
    assert all(s.text.endswith("\n") and s.title for s in SECTIONS)


def test_tables_are_written():
    table = ResultTable("t", ("a", "b"), (("x", [(1.0, 2.5)]), ("y", -0.0)), "a note")
    assert table.markdown() == "| a | b |\n|---|---|\n| x | [1, 2.5] |\n| y | 0 |\n\na note\n"
    assert [text_of(c) for c in (131.4949, float("inf"), [])] == ["131.49", "inf", "none"]
    with pytest.raises(ValueError, match="needs 2 cells"):
        ResultTable("t", ("a", "b"), (("x",),))


def test_limits_of_a_parabola_and_of_two_valleys():
    result = limits(known(lambda x: ((x - 0.3) / 0.2) ** 2 + 5), "x", (-1.0, 2.0))
    assert (result.best_fit, result.chi2_min) == pytest.approx((0.3, 5.0), abs=1e-7)
    np.testing.assert_allclose(result.intervals["0.6827"], [(0.1, 0.5)], rtol=1e-7)
    np.testing.assert_allclose(result.intervals["0.90"], [(0.3 - 0.2 * NINETY, 0.3 + 0.2 * NINETY)])
    two = limits(
        known(lambda x: ((x**2 - 4) / 2) ** 2 + 0.1 * x), "x", (-5.0, 5.0), levels=(0.6827,)
    )
    roots = np.roots([0.25, 0, -2, 0.1, 4 - two.chi2_min - 1])
    np.testing.assert_allclose(np.ravel(two.intervals["0.6827"]), np.sort(roots.real), rtol=1e-7)


def test_limits_at_the_ends_of_a_range():
    """A function even about 0 has intervals that end at 0; an end of the range is not a limit."""
    even = limits(known(lambda x: x**2, even=True), "x", (0.0, 5.0))
    assert spans_of(even, "0.6827") == "[0, 1]"
    cut = limits(known(lambda x: x**2), "x", (-0.5, 5.0))
    assert spans_of(cut, "0.6827") == "[..., 1]"
    assert spans_of(limits(known(lambda x: x**2 / 100), "x", (-1.0, 1.0)), "0.90") == "[..., ...]"


def test_limits_of_a_paper():
    """The 90 % interval of eq. 11 and Table I is [0.140, 0.282]; ``cj.profile`` has the same."""
    model = papoulias2020("new")
    result = limits(model, "sin2_theta_w", (0.0, 0.6))
    np.testing.assert_allclose(result.intervals["0.90"], [(0.140, 0.282)], atol=0.003)
    other = profile(model, "sin2_theta_w", levels=(0.6827, 0.90), within=(0.0, 0.6))
    assert result.best_fit == pytest.approx(other.best_fit, abs=1e-7)
    for level, spans in other.intervals.items():
        np.testing.assert_allclose(result.intervals[level], spans, atol=1e-8)


def test_events_of_the_papers():
    """Printed numbers, or an independent integral: 174, 158, argon 131.49, 134.66, 129.96."""
    first, second = (r.values() for r in conventions_csi.papoulias()[:2])
    assert first == pytest.approx((174.1, 168.4), abs=0.1)
    assert second == pytest.approx((156.4, 151.4), abs=0.1)
    printed, exposure, smeared = (r.values() for r in conventions_argon.events())
    assert printed[0] == pytest.approx(131.49, abs=0.01)
    assert printed[1] / printed[0] - 1 == pytest.approx(2.6e-4, abs=1e-4)
    assert exposure[1] == pytest.approx(134.66, abs=0.01)
    assert smeared[1] == pytest.approx(129.96, abs=0.02)


def test_readings_of_two_papers():
    """An independent code has [-37.5, 9.5] and 5.16e-5; half the shift needs twice the radius."""
    (radius,) = conventions_csi.papoulias_kosmas()
    full, half = map(ends, radius.values())
    np.testing.assert_allclose(full, [-37.5, 9.5], atol=0.05)
    np.testing.assert_allclose(half, 2 * np.array(full), rtol=1e-3)
    (boson,) = conventions_csi.liao_marfatia()
    eq6, eqs9_10 = map(ends, boson.values())
    assert eq6[1] == pytest.approx(5.16e-5, rel=1e-3)
    assert eqs9_10[1] == pytest.approx(eq6[1] / np.sqrt(2), rel=1e-3)


def test_misprinted_formulas_are_those_of_the_papers():
    """exp(+q^2 s^2/2) in place of minus; off-diagonal terms of Q^2 to the first power."""
    q2 = jnp.linspace(0.0, 4000.0, 7)
    wrong, right = (family(s=0.9)(q2, 5.0) for family in (conventions_csi.GrowingHelm, Helm))
    np.testing.assert_allclose(wrong / right, np.exp(np.asarray(q2) * (0.9 / 197.3269804) ** 2))
    at = NucleusAtNodes(isotope("133Cs"), q2, jnp.full(7, 0.9), jnp.full(7, 0.8), ("nu_e",))
    values = {"eps_dV_etau": 0.02}
    amplitude = NSI(*values)(values, at).vector["nu_e", "tau"]
    linear = conventions_csi.LinearSum(*values)(values, at)
    np.testing.assert_allclose(linear.product("vector", "vector", "nu_e"), amplitude)
    np.testing.assert_allclose(amplitude, 0.02 * (55 * 0.9 + 2 * 78 * 0.8))


@SLOW
def test_all_readings_and_their_printed_numbers():
    table, quenching = conventions.result().tables
    assert {row[0] for row in table.rows} == {
        "papoulias2020",
        "papoulias_kosmas2019",
        "aristizabal2018",
        "liao_marfatia2017",
        "picciau2020",
    }
    rows = {row[1]: row for row in table.rows}
    charge = rows["sign of q^2 in the electric charge"]
    np.testing.assert_allclose(ends(charge[6]), [-x for x in ends(charge[4])[::-1]], rtol=1e-3)
    total, shift = (ends(rows["what a charge radius means"][k]) for k in (4, 6))
    np.testing.assert_allclose(np.subtract(total, shift), -0.82751, atol=0.01)
    fitted = rows["two numbers fitted to the tables"]
    np.testing.assert_allclose(ends(fitted[4]), np.ravel(fitted[7]), atol=0.006)
    moment = rows["form factor of the magnetic moment"]
    assert (ends(moment[4])[1], ends(moment[6])[1]) == pytest.approx((20.7, 24.8), abs=0.05)
    events = {row[0]: row[2] for row in quenching.rows}
    # The curve with the smaller light yield gives fewer events.
    assert events["constant"] > events["coherent2020"] > events["c20_proxy"]


def test_joint_results_are_of_parameters_with_the_default_inside_the_range():
    """Only names and ranges are checked; nothing is computed."""
    table = joint.joint_model().parameters
    listed = [s for group in joint.GROUPS.values() for s in group()]
    assert len(listed) == 31
    for s in listed:
        low, high = s.within
        assert low <= table[s.parameter].default <= high
        assert low == 0.0 or not table[s.parameter].even
        assert set(s.fixed) <= set(table)


@SLOW
@pytest.mark.parametrize(
    ("parameter", "within"), [("sin2_theta_w", (0.0, 0.7)), ("eps_uV_ee", (-1.0, 1.0))]
)
def test_joint_intervals_against_the_profile(parameter, within):
    """``cj.profile``, which uses exact derivatives, finds the same ends."""
    model = joint.joint_model()
    result, other = limits(model, parameter, within), profile(model, parameter, within=within)
    for level, spans in result.intervals.items():
        np.testing.assert_allclose(spans, other.intervals[level], atol=1e-7)
    assert result.chi2_min == pytest.approx(other.chi2_min, abs=1e-8)


@SLOW
def test_joint_tables():
    """Heavy bosons are contact interactions; argon's radius is that of the slides within 0.3 fm."""
    tables = {t.title: {row[0]: row for row in t.rows} for t in joint.result().tables}
    assert sum(map(len, tables.values())) == 34
    bosons = tables["Light bosons"]
    heavy = ends(bosons["g_Zp, m_Zp = 1000 MeV"][4])
    eps = np.array(heavy) ** 2 / (np.sqrt(2) * 1.1663787e-11 * 1e6)
    # For both flavours together eps_u = eps_d turns the amplitude where 3 eps A = N - 0.08 Z.
    assert eps[2] < (78 - 0.08 * 55) / (3 * 133) < eps[3] * 1.05
    assert ends(tables["Standard Model"]["R_n_Ar"][3])[0] == pytest.approx(4.23, abs=0.3)
    one, two = (
        tables["Each experiment alone"][f"sin2_theta_w, {n}"] for n in ("csi_2021", "lar_2020")
    )
    both = tables["Standard Model"]["sin2_theta_w"]
    assert one[2] < both[2] < two[2]


@SLOW
def test_region_at_68_per_cent_contains_theory():
    region, point = plane.region(), plane.theory()
    x, y = np.asarray(region.x), np.asarray(region.y)
    near = np.asarray(region.delta_chi2)[np.argmin(abs(x - point[0])), np.argmin(abs(y - point[1]))]
    direct = 2 * float(plane.model_of_csi().profiled_nll({}))
    at_best = dict(zip(("sin2_theta_w", "R_n"), region.best_fit, strict=True))
    lowest = 2 * float(plane.model_of_csi().profiled_nll(at_best))
    assert near == pytest.approx(direct - lowest, abs=0.1)
    assert near < region.levels["0.6827"]
    # The region is a valley, because events fall with R_n and rise with the angle.
    i, j = np.nonzero(np.asarray(region.delta_chi2) < region.levels["0.6827"])
    assert np.corrcoef(x[i], y[j])[0, 1] > 0.9


def test_shortest_interval_of_draws():
    """Quantiles of a Gaussian, and a density that falls from its end."""
    from scipy import stats

    p = (np.arange(20000) + 0.5) / 20000
    np.testing.assert_allclose(
        posteriors.shortest(stats.norm.ppf(p), 0.90), (-1.645, 1.645), atol=0.01
    )
    np.testing.assert_allclose(posteriors.shortest(-np.log(p), 0.90), (0, np.log(10)), atol=0.01)


@SLOW
def test_posteriors_agree_where_the_likelihood_is_gaussian():
    table = posteriors.result().tables[0]
    rows = {(row[0], row[1], row[3]): row for row in table.rows}
    assert len(rows) == 2 * (len(posteriors.RANGES) + 1)
    for data in ("csi_2017 + lar_2020", "csi_2021 + lar_2020"):
        for level in ("68.27 %", "90 %"):
            row = rows[data, "sin2_theta_w", level]
            credible, profiled = ends(row[4]), ends(row[5])
            width = profiled[1] - profiled[0]
            np.testing.assert_allclose(credible, profiled, atol=0.15 * width)
            assert credible[1] - credible[0] == pytest.approx(width, rel=0.05)


@SLOW
def test_exact_posterior_is_the_integral_over_pulls():
    """The integral over argon's three pulls by brute force on a grid, at two angles."""
    model = coverage.model_of("lar_2020", "sin2_theta_w")
    posterior = posteriors.exact(model, "sin2_theta_w")["density"]
    pulls = [n for n, p in model.parameters.items() if p.kind == "nuisance"]
    assert len(pulls) == 3
    axes = [np.linspace(-6, 6, 41) * model.parameters[n].scale for n in pulls]
    mesh = dict(zip(pulls, (a.ravel() for a in np.meshgrid(*axes, indexing="ij")), strict=True))
    angles, masses = (0.25, 0.35), []
    for angle in angles:
        nll = np.asarray(model.map({"sin2_theta_w": angle}, mesh, kind="nll"))
        masses.append(np.sum(np.exp(-nll)))
    densities = [float(posterior.sel(sin2_theta_w=a, method="nearest")) for a in angles]
    assert densities[0] / densities[1] == pytest.approx(masses[0] / masses[1], rel=1e-3)


@SLOW
def test_feldman_cousins_far_from_boundaries_is_wilks():
    """Far from the second valley the critical value is that of chi2; between both it is lower."""
    construction = coverage.construction("lar_2020", "sin2_theta_w", toys=4096)
    critical = construction["critical"].sel(sin2_theta_w=slice(0.3, 0.6)).isel(level=1)
    assert float(critical.mean()) == pytest.approx(delta_chi2_at(0.90), rel=0.06)
    valleys = coverage.construction("csi_2017", "eps_dV_ee", toys=1024)["critical"].isel(level=1)
    assert float(valleys.sel(eps_dV_ee=0.18, method="nearest")) < 0.7 * delta_chi2_at(0.90)
    assert float(valleys.sel(eps_dV_ee=-0.4, method="nearest")) == pytest.approx(2.71, rel=0.1)


@SLOW
def test_measurements_that_are_not_thrown():
    """Pulls whose measurements are not thrown do not add their part of sigma^2 to q.

    One Gaussian parameter with two linear pulls: without thrown measurements q is chi2 times the
    share of its variance that counts alone have.
    """
    name = "sin2_theta_w"
    model = coverage.model_of("csi_2017", name)
    best = profile(model, name, levels=(0.6827,)).best_fit
    constructions = {
        thrown: auxiliary.construction(model, name, auxiliary=thrown, toys=4096)
        for thrown in (True, False)
    }
    near = {k: f.sel({name: best}, method="nearest") for k, f in constructions.items()}
    exact, x = delta_chi2_at(0.6827), float(near[True][name])
    assert abs(near[True]["critical"][0] - exact) < 4.5 * near[True]["critical_error"][0]
    # Weighted least squares with the pulls' constraints as further rows.
    (e,) = model.experiments.values()
    pulls = {p.name: p.sd for p in e.pulls}
    at = {**model.best_pulls({name: x}), name: x}

    def slope(parameter, step):
        ends = [model.expected({**at, parameter: at[parameter] + d})[e.name] for d in (step, -step)]
        return (np.asarray(ends[0]) - np.asarray(ends[1])) / (2 * step)

    design = np.stack([slope(name, 1e-4), *(slope(n, 1e-3) for n in pulls)], axis=1)
    counts = design.T @ (design / np.asarray(e.variance)[:, None])
    whole = np.linalg.inv(counts + np.diag([0.0, *(1 / sd**2 for sd in pulls.values())]))
    share = (whole @ counts @ whole)[0, 0] / whole[0, 0]
    assert 0.6 < share < 0.8
    got = float(near[False]["critical"][0]) / exact
    assert got == pytest.approx(share, abs=0.02 + 4.5 * float(near[False]["critical_error"][0]))
