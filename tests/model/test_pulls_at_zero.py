"""Pulls of nearly empty and of huge components, by closed forms and by 150 digits."""

import math
from dataclasses import replace
from functools import cache

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize
from support.experiment_folder import folder_of

from cevnsjax import LightVector, Model, Pull, fit, profile
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020, load
from cevnsjax.inference.fits.nuisance_notes import Place, notes_on_nuisances

SIG = "alpha_sig_csi2017"
MASS = {"m_Zp": 10.0}


def reactor(path, observed, background, nuisances, edges=(0.2, 0.3), mass_kg=0.02):
    """A germanium detector at a reactor with one flat background."""
    values = {
        "": {"name": "cell", "statistic": "poisson"},
        "target": {"mass_kg": mass_kg, "material": "Ge"},
        "neutrinos": {
            "kind": "reactor",
            "thermal_power_gw": 3.0,
            "baseline_m": 20.0,
            "exposure_days": 365.0,
            "fission_fractions": {"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
        },
        "quenching": {"kind": "constant", "factor": 0.2},
        "binning": {
            "observable": "E_ee_keV",
            "observable_per_kevee": 1.0,
            "edges": list(edges),
        },
        "efficiency": {"kind": "constant", "value": 1.0},
        "data": {"kind": "counts", "file": "data.csv"},
        "backgrounds": {"file": "flat.csv"},
        "nuisances": [
            {"name": name, "sd": sd, "components": [component], **more}
            for name, sd, component, more in nuisances
        ],
    }
    return load(folder_of(path, values, data={"observed": observed}, flat={"flat": background}))


def signal(experiment, **values):
    parts = Model(experiment, [*values.pop("interactions", [])]).by_component(values)["cell"]
    return np.asarray(sum(parts["signal"].values()))


def test_no_counts_over_an_uncertain_background(tmp_path):
    """n = 0, b = 10 +- 100 %: chi2 = 2 s (1 + x) + 1 with b = 0, so the limit is 2.71/(2 s)."""
    nuisances = [("mu", math.inf, "signal", {}), ("b", 1.0, "flat", {})]
    e = reactor(tmp_path / "e", [0], [10.0], nuisances)
    m, s = Model(e, free_pulls=["alpha_mu_cell"]), float(signal(e)[0])
    for x in (-1.0, 0.0, 3.0, 9.0):
        values = {"alpha_mu_cell": x}
        assert 2 * float(m.profiled_nll(values)) == pytest.approx(2 * s * (1 + x) + 1, rel=1e-13)
        assert m.value_and_grad(values)[1]["alpha_mu_cell"] == pytest.approx(s, rel=1e-13)
        assert float(m.best_pulls(values)["alpha_b_cell"]) == -1.0
        assert float(m.solver_distance(values)) == 0.0
    result = profile(m, "alpha_mu_cell", side="upper", levels=[0.95])
    ((low, high),) = result.intervals["0.95"]
    assert low == -1.0
    assert s * (1 + high) == pytest.approx(delta_chi2_at(0.90) / 2, rel=1e-6)
    best = fit(m, "alpha_mu_cell")
    assert best.at_bound == ("alpha_mu_cell", "alpha_b_cell")
    assert any("alpha_b_cell: counts cannot be lower" in note for note in best.notes)


def test_no_counts_over_a_background_known_to_half(tmp_path):
    """n = 0, b = 5 +- 50 %: chi2 falls to a = -1.25 and stops at -1, where it is 2 s + 4."""
    e = reactor(tmp_path / "e", [0], [5.0], [("b", 0.5, "flat", {})])
    m = Model(e)
    assert float(m.best_pulls()["alpha_b_cell"]) == -1.0
    assert 2 * float(m.profiled_nll()) == pytest.approx(2 * signal(e)[0] + 4, rel=1e-13)


def test_empty_bins_under_a_free_background(tmp_path):
    """No event and nothing that constrains the background: it vanishes, chi2 is 2 s."""
    edges = (0.5, 0.6, 0.7)
    e = reactor(tmp_path / "e", [0, 0], [5, 5], [("b", math.inf, "flat", {})], edges, 10.0)
    result = fit(Model(e), free=[])
    assert result.values == {"alpha_b_cell": -1.0}
    assert result.chi2 == pytest.approx(2 * signal(e).sum(), rel=1e-12)
    assert (result.status, result.at_bound) == ("converged", ("alpha_b_cell",))
    assert 0 <= result.p_value <= 1


@pytest.mark.parametrize("sd", [0.1, 0.5, 0.7])
def test_a_pull_switches_a_huge_signal_off(tmp_path, sd):
    """Observed = background: chi2 -> 1/sd^2 at any coupling; a lognormal pull cannot do that."""
    nuisances = [("sig", sd, "signal", {})]
    e = reactor(tmp_path / "e", [1000], [1000.0], nuisances, mass_kg=0.2)
    m = Model(e, [LightVector()])
    for g in (1.0, 24.69, 100.0):
        values = {"g_Zp": g, "m_Zp": 1000.0}
        assert 2 * float(m.profiled_nll(values)) == pytest.approx(1 / sd**2, rel=1e-4)
        assert abs(float(m.solver_distance(values))) < 1e-12
    lognormal = [("sig", sd, "signal", {"kind": "lognormal"})]
    e = reactor(tmp_path / "log", [1000], [1000.0], lognormal, mass_kg=0.2)
    m, values = Model(e, [LightVector()]), {"g_Zp": 0.01, "m_Zp": 1000.0}
    s = float(np.asarray(m.expected(values)["cell"])[0]) - 1000

    def chi2(a):
        y = s * math.exp(a[0] * math.log1p(sd))
        return 2 * (y - 1000 * math.log1p(y / 1000)) + a[0] ** 2

    expected = min(minimize(chi2, a, method="Nelder-Mead", tol=1e-13).fun for a in (0, -5, -60))
    assert 2 * float(m.profiled_nll(values)) == pytest.approx(expected, rel=1e-9)


def test_a_huge_signal_in_poisson_cells_is_scaled_down():
    """csi-2021: the shape of a huge signal with a free normalisation, and 1/sd^2 for that of 0."""
    m = Model(csi_2021(), [LightVector()])
    free = Model(csi_2021(pulls={"sig": math.inf}), [LightVector()])
    expected = float(free.profiled_nll({"g_Zp": 0.1, **MASS})) + 0.5 / 0.12**2
    for g in (1.0, 10.0, 100.0):
        values = {"g_Zp": g, **MASS}
        assert float(m.profiled_nll(values)) == pytest.approx(expected, abs=1e-5)
        assert abs(float(m.solver_distance(values))) < 1e-9


# --- two pulls on one Gaussian signal ---


@cache
def split():
    return Model([csi_2017(split_flux=True), lar_2020(split_flux=True)], [LightVector()])


def exact_chi2(model, values):
    """Least chi2 over all pulls by normal equations with 150 digits."""
    parts, columns, rests, weights = model.by_component(values), {}, [], []
    sizes = [e.observed.size for e in model.experiments.values()]
    first = 0
    with mpmath.workdps(150):
        for (name, e), size in zip(model.experiments.items(), sizes, strict=True):
            counts = {
                "signal": np.asarray(sum(parts[name]["signal"].values())),
                **{n: np.asarray(b) for n, b in parts[name]["background"].items()},
            }
            rests += [mpmath.mpf(float(n)) for n in e.observed]
            weights += [1 / mpmath.mpf(float(v)) for v in e.variance]
            for c in counts.values():
                for i, x in enumerate(c):
                    rests[first + i] -= mpmath.mpf(float(x))
            for p in e.pulls:
                column = columns.setdefault(p.name, (p.sd, [mpmath.mpf(0)] * sum(sizes)))[1]
                for c in p.components:
                    for i, x in enumerate(counts[c]):
                        column[first + i] += mpmath.mpf(float(x))
            first += size
        K, cs = len(columns), [c for _, c in columns.values()]
        A = mpmath.matrix(K)
        b = mpmath.matrix(K, 1)
        for i, (sd, _) in enumerate(columns.values()):
            for j in range(K):
                A[i, j] = sum(w * x * y for w, x, y in zip(weights, cs[i], cs[j], strict=True))
            A[i, i] += 1 / mpmath.mpf(sd) ** 2
            b[i] = sum(w * x * r for w, x, r in zip(weights, cs[i], rests, strict=True))
        a = mpmath.lu_solve(A, b)
        chi2 = sum(w * r * r for w, r in zip(weights, rests, strict=True))
        return float(chi2 - sum(a[k] * b[k] for k in range(K)))


@pytest.mark.parametrize("g", [0.0, 2e-5, 1e-3, 1.0, 100.0])
def test_two_pulls_on_a_signal_of_any_size(g):
    """chi2 of csi-2017 and lar-2020 that share the flux, in every path, to 1e-9."""
    values = {"g_Zp": g, **MASS}
    expected = exact_chi2(split(), values)
    assert 2 * float(split().profiled_nll(values)) == pytest.approx(expected, rel=1e-9)
    near = split().expand(MASS, {"g_Zp": [g]})
    assert 2 * near.value[0] == pytest.approx(expected, rel=1e-9)


def test_limit_on_a_coupling_with_two_pulls_on_the_signal():
    """One interval, to where 150-digit chi2 crosses the level."""
    result = profile(split(), "g_Zp", fixed=MASS, side="upper", levels=[0.9])
    ((low, high),) = result.intervals["0.90"]
    assert (low, result.status) == (0.0, "converged")
    rise = exact_chi2(split(), {"g_Zp": high, **MASS}) - result.chi2_min
    assert rise == pytest.approx(delta_chi2_at(0.8), rel=1e-5)


def test_marginal_of_split_pulls():
    """Two normal pulls on one component are one of their widths in quadrature, but for norms."""
    whole, apart = Model(csi_2017()), Model(csi_2017(split_flux=True))
    first, second = (p.sd for p in apart.experiments["csi-2017"].pulls[:2])
    norms = math.log(math.sqrt(2 * math.pi) * first * second / math.hypot(first, second))
    for values in ({}, {"sin2_theta_w": 0.3}):
        assert float(apart.marginal_nll(values)) + norms == pytest.approx(
            float(whole.marginal_nll(values)), rel=1e-10
        )


def test_a_gaussian_component_below_zero_is_noted():
    """Its pulls are unbounded, as in the papers."""
    e = csi_2017(pulls={"sig": 5.0})
    low = e.with_data(np.asarray(e.backgrounds["prompt_neutrons"]) - 30.0)
    result = fit(Model(low), free=[])
    assert result.values[SIG] < -1
    assert result.notes == (f"{SIG} below -1: signal of csi-2017 is negative there",)

    # 1 + a + b below 0; a pull that is not listed is at 0.
    further = replace(low.pulls[0], name="alpha_further")
    two = Model(replace(low, pulls=(*low.pulls, further)))
    for values, noted in (((-1.5,), 1), ((-0.5,), 0), ((-1.5, 0.6), 0), ((-0.5, -0.6), 1)):
        at = dict(zip((SIG, "alpha_further"), values, strict=False))
        assert len(notes_on_nuisances(two, [Place("there", 1.0, at)])) == noted


# --- kinds of pulls ---


def test_a_lognormal_pull_in_gaussian_cells():
    """csi-2017 with a lognormal signal against scipy; its parameter is in standard deviations."""
    e = csi_2017(pulls={"sig": Pull(0.28, kind="lognormal")})
    m = Model(e)
    assert m.parameters[SIG].prior.sd == 1.0
    parts = m.by_component()["csi-2017"]
    s = np.asarray(sum(parts["signal"].values()))
    b = np.asarray(parts["background"]["prompt_neutrons"])

    def chi2(z):
        mu = s * np.exp(z[0] * np.log(1.28)) + b * (1 + z[1])
        return np.sum((e.observed - mu) ** 2 / e.variance) + z[0] ** 2 + (z[1] / 0.25) ** 2

    found = minimize(chi2, [0, 0], method="BFGS", options={"gtol": 1e-9})
    assert 2 * float(m.profiled_nll()) == pytest.approx(found.fun, abs=1e-9)
    assert float(m.best_pulls()[SIG]) == pytest.approx(found.x[0], abs=1e-5)
    assert 2 * float(m.nll({SIG: 0.4, "alpha_brn_csi2017": -0.1})) == pytest.approx(
        chi2([0.4, -0.1]), rel=1e-11
    )
    with pytest.raises(InputError, match="not Gaussian in lognormal pulls"):
        m.marginal_nll()


@pytest.mark.parametrize(
    "options",
    [
        {"sig": Pull(0.28, kind="lognormal")},
        {"sig": {"sd": 0.28, "kind": "lognormal"}},
        {"sig": 0.28, "sig.kind": "lognormal"},
        {"sig.sd": 0.28, "sig.kind": "lognormal"},
    ],
)
def test_ways_to_say_what_a_pull_is(options):
    pull = csi_2021(pulls=options).pulls[0]
    assert (pull.sd, pull.kind, pull.is_lognormal) == (0.28, "lognormal", True)


def test_an_unconstrained_pull_of_either_kind():
    pull = csi_2021(pulls={"sig": Pull(math.inf, kind="lognormal")}).pulls[0]
    assert (pull.is_lognormal, pull.parameter_sd) == (False, math.inf)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"sig.kind": "log"}, UnknownNameError, "kind"),
        ({"sig.width": 0.1}, UnknownNameError, "option of pull sig"),
        ({"sig": 0.1, "sig.sd": 0.2}, InputError, "sd is given twice"),
        ({"sig.sd": -0.1}, InputError, "pull sig needs a standard deviation >= 0, got -0.1"),
    ],
)
def test_bad_pulls(options, error, match):
    with pytest.raises(error, match=match):
        csi_2021(pulls=options)


def test_a_free_lognormal_pull_is_alone_on_its_components():
    """As sd grows, beside another pull, chi2 does not approach that of the free normal pull."""
    e = csi_2017()
    free = replace(e.pulls[0], name="alpha_free_csi2017", sd=math.inf, kind="lognormal")
    with pytest.raises(InputError, match=r"alpha_free_csi2017 .* with alpha_sig_csi2017; give it"):
        replace(e, pulls=(*e.pulls, free))
    assert replace(e, pulls=(free, *e.pulls[1:])).pulls[0].sd == math.inf


def test_shared_pulls_have_one_kind():
    first, second = csi_2017(split_flux=True), lar_2020(split_flux=True)
    flux, *rest = second.pulls
    mixed = replace(second, pulls=(replace(flux, kind="lognormal"), *rest))
    with pytest.raises(InputError, match="give them one kind and width"):
        Model([first, mixed])
