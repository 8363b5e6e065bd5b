"""From a hundred random starts every method finds the same minima: those of a fine scan."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize

from cevnsjax import Model, StandardModel, fit, scan
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions.owners import owning

# Parameters with the grids on which their minima are searched, and parameters held at a value.
PROBLEMS = {
    "one coupling": ({"eps_dV_ee": (-10.0, 10.0, 200_001)}, {}),
    "charge radii": ({"r2_nu_ee": (-120, 80, 801), "r2_nu_mumu": (-150, 100, 1001)}, {}),
    "mediator": ({"g_Zp": (0.0, 2e-4, 20_001)}, {"m_Zp": 100.0}),
    "light mediator": ({"g_Zp": (0.0, 2e-4, 20_001)}, {"m_Zp": 1.0}),
    "radius": ({"R_n_Cs": (0.0, 12.0, 4001)}, {}),
    "common radius": ({"R_n": (0.0, 12.0, 4001)}, {}),
    "both radii": ({"R_n_Cs": (0.0, 12.0, 121), "R_n_I": (0.0, 12.0, 121)}, {}),
}
COUPLINGS = ("eps_uV_ee", "eps_dV_ee")
# Adam takes thousands of steps from each start.
STARTS = {"newton": 100, "lbfgs": 100, "minuit": 100}
QUICK = [("one coupling", "newton"), ("charge radii", "newton"), ("mediator", "newton")]
QUICK += [("one coupling", "lbfgs"), ("one coupling", "minuit"), ("mediator", "minuit")]
METHODS = pytest.mark.parametrize("method", STARTS)


@cache
def model(problem):
    if problem == "common radius":
        return Model(csi_2017(), [StandardModel(radii="common")])
    axes, held = PROBLEMS[problem]
    return Model(csi_2017(), owning([*axes, *held]))


@cache
def dips(problem):
    """Local minima of a fine scan, polished by values alone; lowest first: {name: value}, chi2."""
    axes, held = PROBLEMS[problem]
    m, result = model(problem), scan(model(problem), fixed=held, **axes)
    chi2, table = result.chi2.to_numpy(), m.parameters
    low, high, points = np.array(list(axes.values())).T
    is_dip = (minimum_filter(chi2, 3, mode="nearest") == chi2) & (chi2 < chi2.min() + 50)
    out = []
    for place in np.argwhere(is_dip):
        x = np.array([float(result[n][i]) for n, i in zip(axes, place, strict=True)])
        # An end of a grid that is not a bound is not a minimum.
        for n, value, *ends in zip(axes, x, low, high, strict=True):
            assert value not in ends or value in table[n].bounds
        step = (high - low) / (points - 1)
        polished = minimize(
            lambda z, x=x, step=step: (
                2 * float(m.profiled_nll({**held, **dict(zip(axes, x + z * step, strict=True))}))
            ),
            np.zeros(len(x)),
            method="Nelder-Mead",
            bounds=list(zip((low - x) / step, (high - x) / step, strict=True)),
            options={"xatol": 1e-4, "fatol": 1e-13},
        )
        assert np.max(np.abs(polished.x)) < 3
        out.append((dict(zip(axes, x + polished.x * step, strict=True)), polished.fun))
    return sorted(out, key=lambda one: one[1])


def require(method):
    if method == "minuit":
        pytest.importorskip("iminuit")


CASES = [
    (problem, method)
    if (problem, method) in QUICK
    else pytest.param(problem, method, marks=pytest.mark.slow)
    for problem in PROBLEMS
    for method in STARTS
]


@pytest.mark.parametrize(("problem", "method"), CASES)
def test_same_minima_as_a_fine_scan(problem, method):
    require(method)
    axes, held = PROBLEMS[problem]
    m, expected = model(problem), dips(problem)
    result = fit(m, list(axes), fixed=held, starts=STARTS[method], seed=11, method=method)
    assert result.converged, result.status
    assert result.chi2 == result.minima[0][0]
    assert len(result.minima) == len(expected)
    for (chi2, values), (dip, height) in zip(result.minima, expected, strict=True):
        assert chi2 == pytest.approx(height, abs=1e-8)
        for name, value in values.items():
            assert value == pytest.approx(dip[name], abs=1e-3 * m.parameters[name].scale)


def test_number_of_minima():
    """Couplings that turn the sign of the weak charge give the same counts again."""
    numbers = {p: len(dips(p)) for p in ("one coupling", "charge radii", "mediator")}
    assert numbers == {"one coupling": 2, "charge radii": 2, "mediator": 2}


@cache
def valleys(limit=10.0):
    """Valleys along eps_uV_ee: its values, the least chi2 over eps_dV_ee, and where it lies."""
    model = Model(csi_2017(), owning(COUPLINGS))
    result = scan(model, eps_uV_ee=(-limit, limit, 801), eps_dV_ee=(-limit, limit, 4001))
    chi2, x, y = (result[n].to_numpy() for n in ("chi2", *COUPLINGS))
    heights, places = [], []
    for row in chi2:
        inside = np.flatnonzero((row[1:-1] < row[:-2]) & (row[1:-1] <= row[2:])) + 1
        a, b, c = row[inside - 1], row[inside], row[inside + 1]
        t = (a - c) / (2 * (a - 2 * b + c))
        heights.append((b - (a - c) * t / 4).tolist())
        places.append((y[inside] + t * (y[1] - y[0])).tolist())
    return model, x, heights, places


@pytest.mark.parametrize(
    "method",
    ["newton", *(pytest.param(m, marks=pytest.mark.slow) for m in ("lbfgs", "minuit"))],
)
def test_two_couplings_that_nearly_compensate_each_other(method):
    """Two valleys across the box, flat to 0.7 over 200 scales; each is lowest at one bound."""
    require(method)
    model, x, heights, places = valleys()
    assert {len(h) for h in heights} == {2}
    chi2, y = np.array(heights), np.array(places)
    ends = np.argmin(chi2, axis=0)
    assert sorted(x[ends].tolist()) == [-10.0, 10.0]
    assert all(
        np.all(np.diff(c) * s > 0) for c, s in zip(chi2.T, np.sign(x[ends]) * -1, strict=True)
    )
    result = fit(model, COUPLINGS, starts=STARTS[method], seed=11, method=method)
    assert result.converged, result.status
    assert result.at_bound == ("eps_uV_ee",)
    assert len(result.minima) == 2
    for height, values in result.minima:
        k = int(np.argmin(np.abs(x[ends] - values["eps_uV_ee"])))
        assert values["eps_uV_ee"] == x[ends[k]]
        assert values["eps_dV_ee"] == pytest.approx(y[ends[k], k], abs=1e-3)
        assert height == pytest.approx(chi2[ends[k], k], abs=1e-3)


@METHODS
def test_a_parameter_that_starts_where_it_is_stationary_does_not_stay(method):
    """Counts are even in the coupling: at 0 chi2 has no slope, and its curvature is negative."""
    require(method)
    m = model("mediator")
    least, height = dips("mediator")[0]
    assert m.value_and_grad({"g_Zp": 0.0, "m_Zp": 100.0}, names=("g_Zp",))[1]["g_Zp"] == 0.0
    assert height < 2 * float(m.profiled_nll({"g_Zp": 0.0})) - 0.05
    result = fit(m, "g_Zp", fixed={"m_Zp": 100.0}, start={"g_Zp": 0.0}, method=method)
    assert result.converged
    assert result.values["g_Zp"] == pytest.approx(least["g_Zp"], abs=1e-8)


@METHODS
def test_a_coupling_that_is_not_seen_ends_on_its_bound(method):
    """Fewer events than the Standard Model predicts: a coupling that adds some is best at 0."""
    require(method)
    m = Model(csi_2017(), owning(["mu_nu_e"]))
    few = 0.5 * np.asarray(m.expected()["csi-2017"])
    result = fit(m, "mu_nu_e", data=few, method=method)
    assert result.values["mu_nu_e"] == 0.0
    assert result.at_bound == ("mu_nu_e",)
    assert result.errors["mu_nu_e"] is None
    assert result.status == "converged"
    curve = scan(m, data=few, mu_nu_e=(0.0, 100.0, 1001)).chi2.to_numpy()
    assert np.all(np.diff(curve) > 0)
    assert result.chi2 == pytest.approx(curve[0], rel=1e-12)


@METHODS
def test_a_radius_that_counts_push_to_a_bound_ends_on_it(method):
    """Data with more events than a point nucleus gives; narrower bounds are reached likewise."""
    require(method)
    m = model("radius")
    many = 3 * np.asarray(m.expected({"R_n_Cs": 0.0})["csi-2017"])
    result = fit(m, "R_n_Cs", data=many, method=method)
    assert (result.values["R_n_Cs"], result.at_bound) == (0.0, ("R_n_Cs",))
    inner = fit(m, "R_n_Cs", data=many, method=method, bounds={"R_n_Cs": (3.0, 7.0)})
    assert (inner.values["R_n_Cs"], inner.at_bound) == (3.0, ("R_n_Cs",))
    assert inner.chi2 == pytest.approx(2 * float(m.profiled_nll({"R_n_Cs": 3.0}, data=many)))
    upper = fit(m, "R_n_Cs", method=method, bounds={"R_n_Cs": (3.0, 5.0)})
    assert (upper.values["R_n_Cs"], upper.at_bound) == (5.0, ("R_n_Cs",))
    within = fit(m, "R_n_Cs", method=method, bounds={"R_n_Cs": (5.0, 7.0)})
    assert within.at_bound == ()
    assert within.chi2 == pytest.approx(fit(m, "R_n_Cs", method=method).chi2, abs=1e-8)
