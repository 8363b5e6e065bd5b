"""Several experiments in one model: sums, shared theory, shared and clashing nuisances."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.systematics import Morph
from cevnsjax.model.model import Model

BUILT = {"csi-2017": csi_2017, "lar-2020": lar_2020, "csi-2021": csi_2021}
SHARED, OWN = "alpha_sig_csi2021", "alpha_sig_lar2020"


@cache
def joint():
    return Model([build() for build in BUILT.values()])


@cache
def alone(name):
    return Model(BUILT[name]())


POINTS = [{}, {"sin2_theta_w": 0.31}, {"sin2_theta_w": 0.1, "R_n_Cs": 5.5, "R_n_Ar": 4.0}]


@pytest.mark.parametrize("values", POINTS, ids=str)
def test_experiments_without_shared_nuisances_add(values):
    """Profiled and full nll and solved nuisances agree with those of each experiment alone."""
    total, full, pulls = 0.0, 0.0, {}
    for name in BUILT:
        model = alone(name)
        its_values = {k: v for k, v in values.items() if k in model.parameters}
        total += float(model.profiled_nll(its_values))
        full += float(model.nll(its_values))
        pulls |= {n: float(a) for n, a in model.best_pulls(its_values).items()}
    assert float(joint().profiled_nll(values)) == pytest.approx(total, rel=1e-13)
    assert float(joint().nll(values)) == pytest.approx(full, rel=1e-13)
    got = {n: float(a) for n, a in joint().best_pulls(values).items()}
    assert got == pytest.approx(pulls, rel=1e-9, abs=1e-12)


@pytest.mark.slow
def test_shared_theory():
    """All three experiments depend on one sin2_theta_w: their gradients add."""
    values = {"sin2_theta_w": 0.29}
    together = joint().value_and_grad(values)[1]["sin2_theta_w"]
    parts = [alone(n).value_and_grad(values)[1]["sin2_theta_w"] for n in BUILT]
    assert min(np.abs(parts)) > 1e-3
    assert together == pytest.approx(sum(parts), rel=1e-11)


@pytest.mark.slow
def test_hessians_of_shared_theory_add():
    values = {"sin2_theta_w": 0.29}
    hessians = [alone(n).hessian(values)[0, 0] for n in BUILT]
    assert joint().hessian(values)[0, 0] == pytest.approx(sum(hessians), rel=1e-10)


def test_groups_and_table():
    assert [sorted(g) for g in joint().state.structure.groups] == [[0], [1], [2]]
    names = joint().parameters.names(kind="nuisance")
    assert len(names) == 2 + 3 + 8
    assert {"R_n_Cs", "R_n_I", "R_n_Ar", "sin2_theta_w"} <= set(joint().parameters)


def renamed(experiment, old, new, **changes):
    """The experiment with one pull renamed."""
    pulls = tuple(replace(p, name=new, **changes) if p.name == old else p for p in experiment.pulls)
    assert pulls != experiment.pulls
    return replace(experiment, pulls=pulls)


@pytest.mark.parametrize(
    "theory",
    [
        {},
        pytest.param({"sin2_theta_w": 0.35}, marks=pytest.mark.slow),
        pytest.param({"R_n_Ar": 8.0}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_gaussian_and_poisson_share_a_nuisance(theory):
    """One problem with cells of both kinds: brute force, and derivatives of the profile."""
    model = Model([renamed(lar_2020(), OWN, SHARED, sd=0.12), csi_2021(morphs=("qf_1",))])
    assert [sorted(g) for g in model.state.structure.groups] == [[0, 1]]
    chi2, nuisances = brute_force(model, theory)
    assert 2 * float(model.profiled_nll(theory)) == pytest.approx(chi2, abs=1e-6)
    assert float(model.best_pulls(theory)[SHARED]) == pytest.approx(nuisances[SHARED], abs=1e-4)
    assert abs(float(model.solver_distance(theory))) < 1e-10
    s, h = theory.get("sin2_theta_w", 0.2386), 1e-5
    at = [{**theory, "sin2_theta_w": s + d} for d in (h, -h)]
    slope = model.value_and_grad({**theory, "sin2_theta_w": s})[1]["sin2_theta_w"]
    up, down = (float(model.profiled_nll(v)) for v in at)
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-5)
    up, down = (model.value_and_grad(v)[1]["sin2_theta_w"] for v in at)
    curvature = model.hessian({**theory, "sin2_theta_w": s}, names=["sin2_theta_w"])[0, 0]
    assert curvature == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_shared_nuisance_of_another_width():
    argon = renamed(lar_2020(), OWN, SHARED)
    with pytest.raises(InputError, match=r"alpha_sig_csi2021 has width .*0\.134.*0\.12"):
        Model([argon, csi_2021()])


def twin(shared=(SHARED,)):
    """A second CsI 2021 with another mass; only the named nuisances are shared."""
    other = csi_2021(mass_kg=40.0, quenching="coherent2020", morphs=("qf_1", "time"))
    pulls = tuple(p if p.name in shared else replace(p, name=f"{p.name}b") for p in other.pulls)
    morphs = tuple(m if m.name in shared else replace(m, name=f"{m.name}b") for m in other.morphs)
    rng = np.random.default_rng(3)
    data = rng.poisson(other.observed * 1.4 + 0.5).astype(float)
    return replace(other, name="twin", pulls=pulls, morphs=morphs, observed=data)


def brute_force(model, theory):
    """Least chi2 over all nuisances, from their values in standard deviations."""
    names = model.parameters.names(linear=True)
    sd = np.array([model.parameters[n].prior.sd for n in names])

    @jax.jit
    @jax.value_and_grad
    def chi2(z):
        return 2 * model.nll({**theory, **{n: z[i] * sd[i] for i, n in enumerate(names)}})

    def function(z):
        value, gradient = chi2(jnp.asarray(z))
        return float(value), np.asarray(gradient)

    options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 2000}
    rng = np.random.default_rng(0)
    starts = [np.zeros(len(names)), rng.normal(size=len(names))]
    fits = [minimize(function, s, jac=True, method="L-BFGS-B", options=options) for s in starts]
    best = min(fits, key=lambda f: f.fun)
    return best.fun, dict(zip(names, best.x * sd, strict=True))


@pytest.mark.parametrize(
    "shared",
    [
        (SHARED,),
        pytest.param((SHARED, "alpha_qf_1_csi2021"), marks=pytest.mark.slow),
    ],
    ids=len,
)
def test_poisson_experiments_share_nuisances(shared):
    """A joint minimum equals brute force and lies above the sum of separate minima.

    Apart, the constraint of a shared nuisance is paid twice.
    """
    first, second = csi_2021(), twin(shared)
    model = Model([first, second])
    assert [sorted(g) for g in model.state.structure.groups] == [[0, 1]]
    assert len(model.parameters.names(linear=True)) == 8 + 6 - len(shared)
    theory = {"sin2_theta_w": 0.27}
    chi2, nuisances = brute_force(model, theory)
    assert 2 * float(model.profiled_nll(theory)) == pytest.approx(chi2, abs=1e-6)
    best = model.best_pulls(theory)
    for name, value in nuisances.items():
        assert float(best[name]) == pytest.approx(value, abs=1e-4)
    assert abs(float(model.solver_distance(theory))) < 1e-10
    free = [float(Model(e).profiled_nll(theory)) for e in (first, second)]
    twice = sum((nuisances[n] / model.parameters[n].prior.sd) ** 2 for n in shared)
    assert (chi2 + twice) / 2 > sum(free) + 1e-6


def test_constraint_of_a_shared_nuisance_counts_once():
    model = Model([csi_2021(), twin()])
    apart = Model([csi_2021(), twin(())])
    value = {SHARED: 0.06}
    both = {**value, f"{SHARED}b": 0.06}
    difference = 2 * float(apart.nll(both)) - 2 * float(model.nll(value))
    assert difference == pytest.approx((0.06 / 0.12) ** 2, rel=1e-9)


def test_data_of_one_experiment():
    """Data passed for one experiment leave the observed counts of the others."""
    toy = np.asarray(joint().expected()["csi-2021"])
    moved = float(joint().profiled_nll({}, data={"csi-2021": toy}))
    alone_moved = float(alone("csi-2021").profiled_nll({}, data=toy))
    assert alone_moved == pytest.approx(0.0, abs=1e-9)
    rest = sum(float(alone(n).profiled_nll()) for n in ("csi-2017", "lar-2020"))
    assert moved == pytest.approx(rest, rel=1e-9)


def changed(**changes) -> Experiment:
    return replace(csi_2021(), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observed": np.zeros(98)}, r"observed has shape \(98,\), expected \(99,\)"),
        ({"observed": np.zeros((9, 11))}, r"observed has shape \(9, 11\), expected \(99,\)"),
        ({"variance": np.ones(9)}, r"variance has shape \(9,\), expected \(99,\)"),
        (
            {"backgrounds": csi_2021().backgrounds | {"brn": np.ones(11)}},
            r"brn has shape \(11,\), expected \(99,\)",
        ),
        ({"observed": np.full(99, np.nan)}, "observed is not finite"),
        ({"variance": np.zeros(99)}, "have no variance"),
        ({"extra": {}}, r"observed has shape \(99,\), expected \(9,\)"),
        ({"observed": np.full(99, -1.0)}, "observed"),
        ({"spread": {"nu_mu": np.ones((9, 11))}}, "spread"),
        ({"spread": {s: np.ones((11, 9)) for s in ("nu_mu", "nu_mu_bar", "nu_e")}}, "spread"),
        ({"spread": {}}, "spread"),
        (
            {"morphs": (Morph("alpha_x_c", "x", components={"brn": (np.ones(9),) * 2}),)},
            "alpha_x_c",
        ),
        (
            {"morphs": (Morph("alpha_x_c", "x", components={"bm": (np.ones(99),) * 2}),)},
            "alpha_x_c",
        ),
        ({"statistic": "gaussian"}, "morphs"),
    ],
    ids=lambda x: str(list(x)) if isinstance(x, dict) else "",
)
def test_experiment_of_wrong_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        Model(changed(**changes))
