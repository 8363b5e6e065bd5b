"""All nuisances of the Poisson experiments: gradients, and their profile against brute force.

Once for CsI 2017 in time, for LAr 2020 in cells with either signal, and for all three experiments
joined by the neutrino flux, Gaussian and Poisson cells in one problem.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.interactions import NSI, StandardModel
from cevnsjax.model.model import Model

EPS = ("eps_uV_ee", "eps_dV_mumu", "eps_dV_emu", "eps_uV_etau")
THEORY = ("sin2_theta_w", "eps_uV_ee")
SCALE = {"sin2_theta_w": 0.05, "eps_uV_ee": 0.1}
BUILT = {
    "csi": lambda: [csi_2017(statistic="time")],
    "lar": lambda: [lar_2020(statistic="cells")],
    "release": lambda: [lar_2020(statistic="cells", signal="release")],
    "joint": lambda: [
        csi_2017(split_flux=True),
        lar_2020(statistic="cells", split_flux=True),
        csi_2021(split_flux=True),
    ],
}
NUMBER = {"csi": 3, "lar": 9, "release": 9, "joint": 20}


def quick(*names):
    """All models; those that take long to compile are slow tests."""
    return [n if n in names else pytest.param(n, marks=pytest.mark.slow) for n in BUILT]


@cache
def model(name):
    return Model(BUILT[name](), [StandardModel("erler_su_printed"), NSI(*EPS)])


def nuisances(name):
    """Names and standard deviations."""
    table = model(name).parameters
    names = table.names(linear=True)
    return names, np.array([table[n].prior.sd for n in names])


def value_and_grad(name, theory, a):
    """nll and its gradient by theory parameters and nuisances, compiled once for all tests."""
    names, _ = nuisances(name)
    values = {**dict.fromkeys(THEORY, 0.0), **theory, **dict(zip(names, a, strict=True))}
    value, slopes = model(name).value_and_grad(values, names=(*THEORY, *names), profiled=False)
    return value, slopes


def interior(name):
    """A random point at which no cell is near empty."""
    names, sd = nuisances(name)
    rng = np.random.default_rng(11)
    theory = {"sin2_theta_w": 0.25, "eps_uV_ee": 0.05, "eps_dV_emu": 0.03}
    return theory, np.clip(0.5 * rng.normal(size=len(names)), -0.9, 0.9) * sd


def by_hand(m, values):
    """nll by NumPy from the expected counts, the data and the widths that experiments state."""
    chi2, sd = 0.0, {}
    for e in m.experiments.values():
        mu, n = np.asarray(m.expected(values)[e.name]), e.observed
        sd |= {p.name: p.sd for p in (*e.pulls, *e.morphs)}
        if e.statistic == "poisson":
            chi2 += 2 * np.sum(mu - n + np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0))
        else:
            chi2 += np.sum((n - mu) ** 2 / e.variance)
    return (chi2 + sum((values[name] / width) ** 2 for name, width in sd.items())) / 2


STEP = 0.003
"""Standard deviations. Argon's F90 shape makes cells 17 times as full at +1 sigma: within 0.01
sigma of 0 at -0.15 such a cell bends to stay positive, and wider steps reach across."""


def extrapolated(f, x, h):
    """Derivative of f at x: central differences over h to h/4, extrapolated."""
    table = [(f(x + s) - f(x - s)) / (2 * s) for s in h / 2.0 ** np.arange(3)]
    for power in (4, 16):
        table = [(power * b - a) / (power - 1) for a, b in pairwise(table)]
    return table[0]


def test_problems():
    """Experiments with shared nuisances form one group; the joint likelihood mixes statistics."""
    for name, number in NUMBER.items():
        names, _ = nuisances(name)
        assert len(names) == number
        assert len(model(name).state.structure.groups) == 1
    statistics = [e.statistic for e in model("joint").experiments.values()]
    assert statistics == ["gaussian", "poisson", "poisson"]
    assert "alpha_flux_sns" in nuisances("joint")[0]


@pytest.mark.parametrize("name", quick("csi", "lar", "release"))
def test_gradient(name):
    """Gradient by every nuisance, the weak mixing angle and an NSI, in standard deviations."""
    m, (theory, a), (names, sd) = model(name), interior(name), nuisances(name)
    values = {**theory, **dict(zip(names, a, strict=True))}
    value, slopes = value_and_grad(name, theory, a)
    assert value == pytest.approx(by_hand(m, values), rel=1e-12)
    scale = {**SCALE, **dict(zip(names, sd, strict=True))}
    got = np.array([slopes[k] * scale[k] for k in scale])
    expected = []
    for k, s in scale.items():
        f = lambda t, k=k, s=s: float(m.nll({**values, k: values[k] + t * s}))  # noqa: E731
        expected.append(extrapolated(f, 0.0, STEP))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)
    assert np.min(np.abs(got)) > 1e-3


def polished(name, theory, start):
    """Least nll from one start in standard deviations: BFGS, then exact curvature."""
    m, (names, sd) = model(name), nuisances(name)

    def function(z):
        value, slopes = value_and_grad(name, theory, z * sd)
        return value, np.array([slopes[n] for n in names]) * sd

    def hessian(z):
        values = {**theory, **dict(zip(names, z * sd, strict=True))}
        return m.hessian(values, names=names, profiled=False) * np.outer(sd, sd)

    options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 3000, "maxfun": 6000}
    fit = minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    polish = {"gtol": 1e-8, "maxiter": 50}
    better = minimize(function, fit.x, jac=True, hess=hessian, method="trust-exact", options=polish)
    return min(fit.fun, better.fun)


def check(name, i, starts=3, more=12):
    """The profile equals the lowest of several minima by scipy."""
    number = len(nuisances(name)[0])
    rng = np.random.default_rng(1000 + i)
    eps = rng.uniform(-1, 1, 4) * (0.1, 0.3, 1.0, 3.0)[i % 4]
    theory = {"sin2_theta_w": 0.23857, **dict(zip(EPS, eps.tolist(), strict=True))}
    ours = float(model(name).profiled_nll(theory))
    theirs = [polished(name, theory, np.zeros(number))]
    while len(theirs) < starts or (min(theirs) > ours + 1e-6 and len(theirs) < starts + more):
        theirs.append(polished(name, theory, rng.normal(size=number)))
    assert ours == pytest.approx(min(theirs), rel=0, abs=1e-6), (theory, ours, theirs)


@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("name", quick("csi", "lar"))
def test_profile_is_the_minimum(name, i):
    check(name, i, starts=2)


@pytest.mark.slow
@pytest.mark.parametrize("i", range(4, 20))
@pytest.mark.parametrize("name", BUILT)
def test_profile_is_the_minimum_at_more_points(name, i):
    """|eps| up to 0.1, 0.3, 1 and 3: signals up to hundreds of times the observed one."""
    check(name, i)


POINTS = [(0.23857, 0.0), (0.29, 0.2)]


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("name", quick("csi"))
def test_derivatives_of_the_profile(name, point):
    """Gradient and Hessian of the profile against differences of its values and gradients."""
    m, scale = model(name), np.array([SCALE[n] for n in THEORY])

    def at(t):
        return dict(zip(THEORY, (np.array(point) + t * scale).tolist(), strict=True))

    def gradient_at(t):
        slopes = m.value_and_grad(at(t))[1]
        return np.array([slopes[n] for n in THEORY]) * scale

    gradient = gradient_at(np.zeros(2))
    hessian = m.hessian(at(np.zeros(2))) * np.outer(scale, scale)
    for k, along in enumerate(np.eye(2)):
        value = lambda t, along=along: float(m.profiled_nll(at(t * along)))  # noqa: E731
        slope = lambda t, along=along: gradient_at(t * along)  # noqa: E731
        assert gradient[k] == pytest.approx(extrapolated(value, 0.0, 0.05), rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(hessian[k], extrapolated(slope, 0.0, 0.05), rtol=1e-6, atol=1e-6)
