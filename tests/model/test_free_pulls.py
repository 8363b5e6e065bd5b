"""Free pulls, and the signal pull split into the neutrino flux and the rest."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.experiments.nuisances import with_flux_apart
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model

NAME, SIG, BRN, SS = "csi-2017", *(f"alpha_{n}_csi2017" for n in ("sig", "brn", "ss"))
SD = {SIG: 0.128, BRN: 0.25, SS: 405**-0.5}
FLUX = "alpha_flux_sns"


@cache
def solved():
    return Model(csi_2017(statistic="time"))


@cache
def free_pulls(sd=0.128):
    return Model(csi_2017(statistic="time", pulls={"sig": sd}), free_pulls=[SIG])


@cache
def templates():
    """Signal and backgrounds before nuisances, [cell] [count]."""
    parts = solved().by_component()[NAME]
    signal = sum(np.asarray(c) for c in parts["signal"].values())
    background = {n: np.asarray(c) for n, c in parts["background"].items()}
    return signal, background["prompt_neutrons"], background["steady_state"]


def chi2(sig, brn, ss, *, sd=0.128):
    """Deviance and pulls with NumPy."""
    signal, neutrons, steady = templates()
    mu, n = (
        (1 + sig) * signal + (1 + brn) * neutrons + (1 + ss) * steady,
        solved().experiments[NAME].observed,
    )
    entropy = np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0)
    pulls = (sig / sd) ** 2 + (brn / SD[BRN]) ** 2 + (ss / SD[SS]) ** 2
    return 2 * np.sum(mu - n + entropy) + pulls


def best(sig, **options):
    """Least chi2 over the two other pulls, and where it lies."""
    fit = minimize(
        lambda z: chi2(sig, z[0] * SD[BRN], z[1] * SD[SS], **options),
        np.zeros(2),
        method="BFGS",
        options={"gtol": 1e-8},
    )
    return fit.fun, fit.x * (SD[BRN], SD[SS])


@pytest.mark.parametrize("value", [-1.0, -0.4, 0.0, 0.2, 2.5])
def test_profile_at_fixed_values(value):
    """One pull is free and the others are solved: against brute force, its constraint included."""
    expected, pulls = best(value)
    values = {SIG: value}
    assert 2 * float(free_pulls().profiled_nll(values)) == pytest.approx(expected, rel=0, abs=1e-7)
    got = free_pulls().best_pulls(values)
    assert set(got) == {BRN, SS}
    np.testing.assert_allclose([got[BRN], got[SS]], pulls, rtol=0, atol=1e-5)
    assert abs(float(free_pulls().solver_distance(values))) < 1e-12


def test_least_profile_is_the_solved_one():
    """Minimising over a free pull gives the solver's solution."""
    at = float(solved().best_pulls()[SIG])
    assert float(free_pulls().profiled_nll({SIG: at})) == pytest.approx(
        float(solved().profiled_nll()), rel=1e-13
    )
    slope = free_pulls().value_and_grad({SIG: at})[1][SIG]
    assert slope * SD[SIG] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("value", [-0.7, 0.0, 0.3])
def test_nll_at_given_pulls_does_not_depend_on_free_pulls(value):
    """With all pulls given, free and solved pulls give the same likelihood and counts."""
    values = {SIG: value, BRN: 0.2, SS: -0.03}
    got = float(free_pulls().nll(values))
    assert got == pytest.approx(float(solved().nll(values)), rel=1e-13)
    assert 2 * got == pytest.approx(chi2(value, 0.2, -0.03), rel=1e-11)
    mu = [np.asarray(m.expected(values)[NAME]) for m in (free_pulls(), solved())]
    np.testing.assert_allclose(*mu, rtol=1e-13)
    gradient = [
        m.value_and_grad(values, names=tuple(SD), profiled=False)[1]
        for m in (free_pulls(), solved())
    ]
    assert gradient[0] == pytest.approx(gradient[1], rel=1e-10)


def test_without_signal():
    """At the bound -1 only backgrounds are left; lower values are rejected."""
    _, neutrons, steady = templates()
    mu = free_pulls().expected({SIG: -1.0})[NAME]
    np.testing.assert_allclose(mu, neutrons + steady, rtol=1e-14)
    parameter = free_pulls().parameters[SIG]
    assert (parameter.bounds, parameter.linear) == ((-1.0, 100.0), False)
    for call in (free_pulls().nll, free_pulls().profiled_nll, free_pulls().expected):
        with pytest.raises(InputError, match=r"alpha_sig_csi2017=-1\.01 is outside its bounds"):
            call({SIG: -1.01})
    # A pull that is solved has no such bound.
    assert solved().parameters[SIG].bounds == (-math.inf, math.inf)


def test_constraint():
    """A free pull keeps its prior; with infinite width it has no prior."""
    free, tight = free_pulls(math.inf), free_pulls()
    assert free.parameters[SIG].prior is None
    assert tight.parameters[SIG].prior.sd == 0.128
    for value in (-1.0, 0.0, 1.3):
        difference = 2 * float(tight.profiled_nll({SIG: value}))
        difference -= 2 * float(free.profiled_nll({SIG: value}))
        assert difference == pytest.approx((value / 0.128) ** 2, rel=1e-9, abs=1e-10)
    expected, _ = best(1.3, sd=math.inf)
    assert 2 * float(free.profiled_nll({SIG: 1.3})) == pytest.approx(expected, rel=0, abs=1e-7)


def test_auxiliary_measurement_of_a_free_pull():
    """The constraint is centred on the result of the auxiliary measurement."""
    moved = Pseudodata({}, {SIG: 0.2})
    got = float(free_pulls().profiled_nll({SIG: 0.5}, data=moved))
    plain = float(free_pulls().profiled_nll({SIG: 0.5}))
    assert 2 * (got - plain) == pytest.approx((0.3**2 - 0.5**2) / 0.128**2, rel=1e-10)


@pytest.mark.parametrize("names", [("alpha_sig_csi",), ("sin2_theta_w",), (SIG, "alpha_x_y")])
def test_unknown_names(names):
    with pytest.raises(UnknownNameError, match="unknown pull"):
        Model(csi_2017(statistic="time"), free_pulls=names)


def test_bad_names():
    with pytest.raises(InputError, match=r"free_pulls must be a list of pulls.*put it in \[ \]"):
        Model(csi_2017(), free_pulls=SIG)
    # A morph is not a pull, so it cannot be freed this way.
    with pytest.raises(UnknownNameError, match="unknown pull 'alpha_time_csi2021'"):
        Model(csi_2021(), free_pulls=["alpha_time_csi2021"])


@pytest.mark.parametrize("names", [(SIG, BRN, SS), (BRN,)], ids=str)
def test_any_pulls_in_any_statistic(names):
    """All pulls of Poisson cells may be free, or one background pull of a Gaussian chi2."""
    values = {SIG: 0.1, BRN: -0.2, SS: 0.02}
    if len(names) == 3:
        all_searched = Model(csi_2017(statistic="time"), free_pulls=names)
        assert all_searched.best_pulls() == {}
        got = 2 * float(all_searched.profiled_nll(values))
        assert got == pytest.approx(chi2(*values.values()), rel=1e-11)
        return
    e = csi_2017()
    m = Model(e, free_pulls=names)
    signal = sum(np.asarray(c) for c in m.by_component()[NAME]["signal"].values())
    rest = e.observed - 0.8 * e.backgrounds["prompt_neutrons"] - signal
    # One linear pull is left: the minimum of the parabola.
    w = 1 / e.variance
    alpha = np.sum(w * signal * rest) / (np.sum(w * signal**2) + 0.128**-2)
    expected = np.sum(w * (rest - alpha * signal) ** 2) + (alpha / 0.128) ** 2 + (0.2 / 0.25) ** 2
    assert 2 * float(m.profiled_nll({BRN: -0.2})) == pytest.approx(expected, rel=1e-11)
    assert float(m.best_pulls({BRN: -0.2})[SIG]) == pytest.approx(alpha, rel=1e-9)


def flux_only(experiment):
    """The experiment with only the flux pull on its signal."""
    pulls = tuple(p for p in experiment.pulls if p.name == FLUX or SIGNAL not in p.components)
    return replace(experiment, pulls=pulls, morphs=())


@cache
def pair():
    built = csi_2017(split_flux=True), lar_2020(split_flux=True)
    return tuple(flux_only(e) for e in built)


@pytest.mark.parametrize("value", [-0.5, 0.15])
def test_shared_pull(value):
    """A free pull shared by experiments counts its constraint once."""
    joint = Model(list(pair()), free_pulls=[FLUX])
    assert [sorted(g) for g in joint.state.structure.groups] == [[0], [1]]
    assert joint.parameters[FLUX].owner == "csi-2017, lar-2020"
    values, expected = {FLUX: value}, (value / 0.10) ** 2
    for e in pair():
        # By hand: the signal scaled, linear neutrons profiled by normal equations.
        m = Model(e)
        parts = m.by_component()[e.name]
        signal = sum(np.asarray(c) for c in parts["signal"].values())
        others = {p.components[0]: p.sd for p in e.pulls if p.name != FLUX}
        columns = np.stack([e.backgrounds[c] for c in others], axis=1)
        rest = e.observed - (1 + value) * signal - sum(e.backgrounds.values())
        w = 1 / e.variance
        A = columns.T @ (w[:, None] * columns) + np.diag([sd**-2 for sd in others.values()])
        a = np.linalg.solve(A, columns.T @ (w * rest))
        expected += np.sum(w * (rest - columns @ a) ** 2)
        expected += np.sum((a / np.array(list(others.values()))) ** 2)
    assert 2 * float(joint.profiled_nll(values)) == pytest.approx(expected, rel=1e-11)
    together = Model(list(pair()))
    assert [sorted(g) for g in together.state.structure.groups] == [[0, 1]]
    at = float(together.best_pulls()[FLUX])
    assert float(joint.profiled_nll({FLUX: at})) == pytest.approx(
        float(together.profiled_nll()), rel=1e-12
    )
    assert float(joint.profiled_nll(values)) > float(together.profiled_nll())


@pytest.mark.parametrize("names", [[FLUX], [SIG], [FLUX, SIG]], ids=str)
def test_free_and_solved_pulls_on_one_component(names):
    """Pulls of one component add, 1 + flux + signal, whichever of them are free."""
    e = csi_2017(split_flux=True)
    plain, other = Model(e), Model(e, free_pulls=names)
    values = {FLUX: 0.2, SIG: -0.15, BRN: 0.1}
    signal = sum(np.asarray(c) for c in plain.by_component()[NAME]["signal"].values())
    expected = 1.05 * signal + 1.1 * e.backgrounds["prompt_neutrons"]
    for m in (plain, other):
        np.testing.assert_allclose(m.expected(values)[NAME], expected, rtol=1e-12)
    assert float(other.nll(values)) == pytest.approx(float(plain.nll(values)), rel=1e-12)


LUMPED = {
    "csi-2017": (csi_2017, 0.128),
    "csi-2017 in time": (lambda **o: csi_2017(statistic="time", **o), 0.128),
    "lar-2020": (lar_2020, 0.134),
    "lar-2020 cells": (lambda **o: lar_2020(statistic="cells", **o), 0.134),
    "csi-2021": (csi_2021, 0.12),
}


@pytest.mark.parametrize("name", LUMPED)
def test_split_flux(name):
    """The flux has 10 % in all experiments, the rest what remains of each width in quadrature."""
    build, lumped = LUMPED[name]
    together, apart = build(), build(split_flux=True)
    flux, own, *rest = apart.pulls
    assert (flux.name, flux.sd, flux.components) == (FLUX, 0.10, (SIGNAL,))
    assert own.name == together.pulls[0].name
    assert own.components == (SIGNAL,)
    assert flux.sd**2 + own.sd**2 == pytest.approx(lumped**2, rel=1e-13)
    assert rest == list(together.pulls[1:])
    wide = build(split_flux=True, pulls={"sig": 0.28}).pulls
    assert math.hypot(wide[0].sd, wide[1].sd) == pytest.approx(0.28, rel=1e-13)
    for narrow in (0.09, 0.0):
        with pytest.raises(InputError, match=rf"at least 0\.1, .*got {narrow or 0}; leave it"):
            build(split_flux=True, pulls={"sig": narrow})
    exact = build(split_flux=True, pulls={"sig": 0.10}).pulls
    assert [p.name for p in exact if SIGNAL in p.components] == [FLUX]


def test_split_flux_is_equivalent_for_one_experiment():
    """In one experiment two pulls are equivalent to one whose width is their quadratic sum."""
    whole, split = Model(csi_2017()), Model(csi_2017(split_flux=True))
    for values in ({}, {"sin2_theta_w": 0.3}):
        assert float(split.profiled_nll(values)) == pytest.approx(
            float(whole.profiled_nll(values)), rel=1e-12
        )
    pulls, lumped = split.best_pulls(), float(whole.best_pulls()[SIG])
    assert float(pulls[FLUX]) + float(pulls[SIG]) == pytest.approx(lumped, rel=1e-10)
    # Each pull takes a share in proportion to its variance.
    assert float(pulls[FLUX]) == pytest.approx(lumped * (0.10 / 0.128) ** 2, rel=1e-10)


def test_flux_of_free_and_missing_signals():
    free = csi_2021(pulls={"sig": math.inf}, split_flux=True)
    assert [p.sd for p in free.pulls[:2]] == [0.10, math.inf]
    with pytest.raises(InputError, match="got 0; leave it lumped"):
        with_flux_apart([])
    # With two pulls on the signal it is unknown which one holds the flux.
    with pytest.raises(InputError, match="split_flux needs a signal pull"):
        with_flux_apart(free.pulls)


@pytest.mark.slow
def test_argon_without_signal():
    """At -1 the signal vanishes, and two of 9 nuisances, its shapes, have no effect.

    The profile is compared with brute force over the others, its slope with differences.
    """
    e = lar_2020(statistic="cells")
    name, *rest = (n.name for n in (*e.pulls, *e.morphs))
    m = Model(e, free_pulls=[name])
    np.testing.assert_allclose(
        m.expected({name: -1.0})[e.name], sum(e.backgrounds.values()), rtol=1e-14
    )
    pulls = {k: float(a) for k, a in m.best_pulls({name: -1.0}).items()}
    assert set(pulls) == set(rest)
    assert pulls["alpha_f90_lar2020"] == pulls["alpha_time_lar2020"] == 0.0
    sd = {n.name: n.sd for n in (*e.pulls, *e.morphs)}
    free = [n for n in rest if pulls[n] != 0.0]

    def function(z):
        values = {name: -1.0, **{n: float(x) * sd[n] for n, x in zip(free, z, strict=True)}}
        value, slopes = m.value_and_grad(values, names=free, profiled=False)
        return value, np.array([slopes[n] * sd[n] for n in free])

    best = minimize(function, np.zeros(len(free)), jac=True, method="BFGS", options={"gtol": 1e-7})
    ours = float(m.profiled_nll({name: -1.0}))
    assert ours == pytest.approx(best.fun, rel=0, abs=1e-7)
    h = 1e-3
    f = [float(m.profiled_nll({name: -1.0 + k * h})) for k in range(5)]
    slope = (-25 * f[0] + 48 * f[1] - 36 * f[2] + 16 * f[3] - 3 * f[4]) / (12 * h)
    assert m.value_and_grad({name: -1.0})[1][name] == pytest.approx(slope, rel=1e-6)
