"""CsI 2021 with solved nuisances: brute force, derivatives, and the likelihood written by hand."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.experiments import csi_2021
from cevnsjax.interactions import NSI, StandardModel
from cevnsjax.model.model import Model

NAME = "csi-2021"
EPS = ("eps_uV_ee", "eps_dV_mumu", "eps_dV_emu", "eps_uV_etau")
SD = (0.12, 0.25, 0.35, 0.021, 1.0, 1.0, 1.0, 1.0)
SHORT = ("sig", "brn", "nin", "ss", "qf_1", "qf_2", "eff", "time")
NUISANCES = tuple(f"alpha_{n}_csi2021" for n in SHORT)
COMPONENTS = ("signal", "brn", "nin", "steady_state")


INTERACTIONS = [StandardModel("erler_su_printed"), NSI(*EPS)]


@cache
def model():
    return Model(csi_2021(), INTERACTIONS)


@cache
def compiled(model):
    """chi2 of (nuisances in standard deviations, theory, data), its gradient and Hessian."""
    names = model.parameters.names(linear=True)
    sd = [p.prior.sd if p.prior else 1.0 for p in (model.parameters[n] for n in names)]

    def chi2(z, theory, data):
        nuisances = {n: z[i] * sd[i] for i, n in enumerate(names)}
        return 2 * model.nll({**theory, **nuisances}, data=data)

    return names, np.array(sd), jax.jit(jax.value_and_grad(chi2)), jax.jit(jax.hessian(chi2))


def brute_force(model, theory, data):
    """Least chi2 over the nuisances from many starts: (chi2, {nuisance: value}).

    Asymmetric morphs can give it more than one minimum, so each of them and the signal's size are
    also started far on either side. Steps are short ones with the exact Hessian: nearly flat
    directions are followed to their end, and none leaps over the nearest minimum.
    """
    names, sd, value_and_grad, hessian = compiled(model)
    theory_values = {n: jnp.float64(v) for n, v in theory.items()}

    def function(z):
        value, gradient = value_and_grad(z, theory_values, data)
        return float(value), np.asarray(gradient)

    far = [1.0 if n in NUISANCES[4:] else 5.0 for n in names if n not in NUISANCES[1:4]]
    axes = np.eye(len(names))[[n not in NUISANCES[1:4] for n in names]] * np.array(far)[:, None]
    rng, best = np.random.default_rng(0), None
    for start in (np.zeros(len(names)), *axes, *-axes, *rng.normal(size=(4, len(names)))):
        fit = minimize(
            function,
            start,
            jac=True,
            hess=lambda z: np.asarray(hessian(z, theory_values, data)),
            method="trust-exact",
            options={"gtol": 1e-9, "initial_trust_radius": 0.3, "max_trust_radius": 2.0},
        )
        if best is None or fit.fun < best.fun:
            best = fit
    return best.fun, dict(zip(names, best.x * sd, strict=True))


def check(model, theory, data=None, chi2_tolerance=1e-6):
    data = model.observed[0] if data is None else jnp.asarray(data)
    expected, nuisances = brute_force(model, theory, data)
    assert 2 * float(model.profiled_nll(theory, data=data)) == pytest.approx(
        expected, rel=0, abs=chi2_tolerance
    )
    best = model.best_pulls(theory, data=data)
    for name, value in nuisances.items():
        assert float(best[name]) == pytest.approx(value, abs=1e-4)
    assert abs(float(model.solver_distance(theory, data=data))) < 1e-10


@pytest.mark.parametrize("i", range(20))
def test_random_points(i):
    """|eps| up to 0.1, 0.3, 1 and 3: signals up to hundreds of times the observed one."""
    rng = np.random.default_rng(100 + i)
    check(model(), dict(zip(EPS, rng.uniform(-1, 1, 4) * (0.1, 0.3, 1.0, 3.0)[i % 4], strict=True)))


@pytest.mark.parametrize("i", range(4))
def test_thrown_data(i):
    """Data drawn from the prediction, with the signal scaled by 0 to 3."""
    rng = np.random.default_rng(i)
    prediction = np.asarray(model().expected({NUISANCES[0]: i - 1.0})[NAME])
    theory = {"eps_uV_ee": 0.1, "sin2_theta_w": 0.3}
    check(model(), theory, rng.poisson(prediction).astype(float))


def test_unconstrained_signal():
    """sd = inf for the signal: it has no prior, and chi2 does not depend on its overall size."""
    unbound = {"sig": float("inf")}
    free = Model(csi_2021(pulls=unbound), INTERACTIONS)
    assert free.parameters[NUISANCES[0]].prior is None
    check(free, {})
    check(free, {"eps_dV_mumu": 0.2})
    # Half the mass doubles 1 + alpha_sig and changes nothing else.
    half = Model(csi_2021(pulls=unbound, mass_kg=7.3), INTERACTIONS)
    assert float(half.profiled_nll()) == pytest.approx(float(free.profiled_nll()), rel=1e-12)
    whole, other = (1 + float(m.best_pulls()[NUISANCES[0]]) for m in (free, half))
    assert other == pytest.approx(2 * whole, rel=1e-9)


def test_no_nuisances():
    bare = Model(csi_2021(pulls=dict.fromkeys(SHORT[:4], 0.0), morphs=()))
    assert bare.parameters.names(linear=True) == ()
    mu = np.asarray(bare.expected()[NAME])
    n = np.asarray(bare.observed[0])
    expected = 2 * sum(m - k + (k * np.log(k / m) if k else 0) for m, k in zip(mu, n, strict=True))
    assert 2 * float(bare.nll()) == pytest.approx(expected, rel=1e-12)
    assert float(bare.profiled_nll()) == float(bare.nll())
    assert bare.best_pulls() == {}
    assert float(bare.solver_distance()) == 0.0
    slope = bare.value_and_grad({"sin2_theta_w": 0.3})[1]["sin2_theta_w"]
    h = 1e-5
    up, down = (float(bare.profiled_nll({"sin2_theta_w": 0.3 + d})) for d in (h, -h))
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6)


@cache
def rebuilt(name, side):
    """The model without morphs, with one morph's input moved by a standard deviation.

    It is the nominal one if ``name`` is "".
    """
    e = csi_2021()
    moved = {m.name: m for m in e.morphs}.get(name)
    if moved is not None and moved.detectors:
        e = replace(e, detector=moved.detectors[side])
    elif moved is not None:
        e = replace(e, spread=moved.spread[side])
    return Model(replace(e, morphs=()), INTERACTIONS)


def signal(theory, name="", side=0):
    """Signal before nuisances, {source: NumPy array [cell]}."""
    parts = rebuilt(name, side).by_component(theory)[NAME]["signal"]
    return {source: np.asarray(c) for source, c in parts.items()}


def interpolated(nominal, up, down, a):
    """Change of the counts by a morph at value a: HistFactory's code 4p in NumPy."""
    if abs(a) > 1:
        return a * (up - nominal) if a > 0 else a * (nominal - down)
    S, A = (up - down) / 2, (up + down - 2 * nominal) / 16
    return a * S + (15 * a**2 - 10 * a**4 + 3 * a**6) * A


def kept_positive(nominal, changed):
    """Below a tenth of nominal: edge exp(-t - t^2/2) with t = (edge - changed)/edge."""
    edge = 0.1 * nominal
    t = np.maximum((edge - changed) / edge, 0)
    return np.where(t > 0, edge * np.exp(-t - t**2 / 2), changed)


def by_hand(theory, nuisances, n):
    """chi2 from the predictions at +1 and -1 sigma: morphs bend each source, then pulls multiply.

    Also how many cells of a source a morph would have brought below a tenth of nominal.
    """
    total, low = 0.0, 0
    nominal = signal(theory)
    shifted = {k: (signal(theory, k, 0), signal(theory, k, 1)) for k in NUISANCES[4:]}
    for source, counts in nominal.items():
        changed = counts.copy()
        for k, (up, down) in shifted.items():
            changed += interpolated(counts, up[source], down[source], nuisances[k])
        low += np.sum(changed < 0.1 * counts)
        total = total + kept_positive(counts, changed)
    mu = total * (1 + nuisances[NUISANCES[0]])
    backgrounds = csi_2021().backgrounds
    for name, component in zip(NUISANCES[1:4], COMPONENTS[1:], strict=True):
        mu = mu + (1 + nuisances[name]) * backgrounds[component]
    entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0)
    penalty = sum((nuisances[k] / sd) ** 2 for k, sd in zip(NUISANCES, SD, strict=True))
    return mu, 2 * np.sum(mu - n + entropy) + penalty, low


@pytest.mark.parametrize("far", [0.4, 3.0])
@pytest.mark.parametrize("i", range(4))
def test_nll_by_hand(i, far):
    """Expected counts and chi2 at given nuisances; far morphs would make some counts negative."""
    rng, n = np.random.default_rng(i), np.asarray(model().observed[0])
    theory = {"sin2_theta_w": 0.23 + 0.03 * i, "eps_dV_emu": 0.03 * i}
    z = 0.4 * rng.normal(size=8)
    z[4:] *= far / 0.4
    nuisances = dict(zip(NUISANCES, z * SD, strict=True))
    mu, chi2, low = by_hand(theory, nuisances, n)
    values = {**theory, **nuisances}
    np.testing.assert_allclose(model().expected(values)[NAME], mu, rtol=1e-11, atol=1e-12)
    assert 2 * float(model().nll(values)) == pytest.approx(chi2, rel=1e-11)
    assert low > 20 or far < 1


def extrapolated(f, x, h):
    """Derivative of f at x: central differences over h to h/8, extrapolated."""
    table = [(f(x + s) - f(x - s)) / (2 * s) for s in h / 2.0 ** np.arange(4)]
    for power in (4, 16, 64):
        table = [(power * b - a) / (power - 1) for a, b in pairwise(table)]
    return table[0]


@pytest.mark.parametrize("name", NUISANCES)
def test_gradient_by_every_nuisance(name):
    # A draw with morphs on both sides of +-1, and none so near that the differences cross it: the
    # third derivative jumps there.
    rng, n = np.random.default_rng(14), np.asarray(model().observed[0])
    values = {"eps_uV_ee": 0.05, **dict(zip(NUISANCES, rng.normal(size=8) * SD, strict=True))}
    assert all(abs(abs(values[n]) - 1) > 0.1 for n in NUISANCES[4:])
    names = ("eps_uV_ee", *NUISANCES)
    slope = model().value_and_grad(values, names=names, profiled=False)[1][name]
    sd = SD[NUISANCES.index(name)]
    f = lambda x: float(model().nll({**values, name: x}, data=n))  # noqa: E731
    assert slope * sd == pytest.approx(sd * extrapolated(f, values[name], 0.1 * sd), rel=1e-8)


FREE = ("sin2_theta_w", "eps_uV_ee", "eps_dV_emu")
POINTS = [(0.23857, 0.0, 0.0), (0.3, 0.1, 0.2), (0.2, -0.8, 0.5), (0.25, 2.5, -1.5)]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_derivatives_of_the_profile(point):
    """Gradient and Hessian: finite differences of value and gradient, and the full Hessian's Schur.

    In units of 0.05 (sin2_theta_w) and 0.1 (eps).
    """
    analysis, scale = model(), np.array([0.05, 0.1, 0.1])
    values = dict(zip(FREE, point, strict=True))

    def gradient_at(x):
        slopes = analysis.value_and_grad(dict(zip(FREE, x, strict=True)))[1]
        return np.array([slopes[n] for n in FREE]) * scale

    value, slopes = analysis.value_and_grad(values)
    assert value == pytest.approx(float(analysis.profiled_nll(values)), rel=1e-13)
    gradient = np.array([slopes[n] for n in FREE]) * scale
    hessian = analysis.hessian(values) * np.outer(scale, scale)
    for i, name in enumerate(FREE):
        f = lambda x, name=name: float(analysis.profiled_nll({**values, name: x}))  # noqa: E731
        expected = extrapolated(f, point[i], 0.05 * scale[i]) * scale[i]
        assert gradient[i] == pytest.approx(expected, rel=1e-7, abs=1e-7)
        along = lambda t, i=i: gradient_at(np.array(point) + t * np.eye(3)[i])  # noqa: E731
        column = extrapolated(along, 0.0, 0.05 * scale[i]) * scale[i]
        np.testing.assert_allclose(hessian[i], column, rtol=1e-6, atol=1e-6)
    best = {n: float(a) for n, a in analysis.best_pulls(values).items()}
    full = analysis.hessian({**values, **best}, names=(*FREE, *NUISANCES), profiled=False)
    schur = full[:3, :3] - full[:3, 3:] @ np.linalg.solve(full[3:, 3:], full[3:, :3])
    np.testing.assert_allclose(hessian, schur * np.outer(scale, scale), rtol=1e-6, atol=1e-9)


def test_vmap_and_map():
    """Toys in vmap and points in map give the numbers of one at a time."""
    analysis, rng = model(), np.random.default_rng(5)
    toys = rng.poisson(np.asarray(analysis.expected()[NAME]), (6, 99)).astype(float)
    together = jax.jit(jax.vmap(lambda n: analysis.profiled_nll({}, data=n)))(jnp.asarray(toys))
    alone = [float(analysis.profiled_nll({}, data=n)) for n in toys]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    eps = np.linspace(-2, 2, 9)
    mapped = analysis.map({}, {"eps_uV_ee": eps})
    np.testing.assert_allclose(
        mapped, [float(analysis.profiled_nll({"eps_uV_ee": e})) for e in eps], rtol=1e-12
    )


def test_a_point_that_is_not_a_minimum_is_flagged():
    """Data without any event: the exact steps end on a saddle with negative counts."""
    empty = np.zeros(99)
    best = {n: float(a) for n, a in model().best_pulls(data=empty).items()}
    feasible = float(np.min(model().expected(best)[NAME])) > 0
    distance = float(model().solver_distance(data=empty))
    assert feasible or not abs(distance) < 1e-6
