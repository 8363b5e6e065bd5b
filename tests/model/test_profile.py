"""Solved pulls against brute-force minimisation, for one experiment and for shared pulls."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from support import helpers

from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

SIG, BRN = "alpha_sig_csi2017", "alpha_brn_csi2017"


@cache
def _compiled(model):
    """nll as a function of (pull vector, other values), with its gradient; tracers: no bounds."""
    pulls = model.parameters.names(kind="nuisance", linear=True)

    def nll(a, rest):
        return model.nll({**rest, **{n: a[i] for i, n in enumerate(pulls)}})

    return pulls, jax.jit(nll), jax.jit(jax.grad(nll)), jax.jit(jax.hessian(nll))


def brute_force(model, values):
    """Least nll over the pulls by scipy's trust-region minimiser: (nll, {pull: value})."""
    pulls, nll, gradient, hessian = _compiled(model)
    rest = {n: jnp.float64(v) for n, v in values.items()}
    fit = minimize(
        lambda a: float(nll(a, rest)),
        np.zeros(len(pulls)),
        jac=lambda a: np.asarray(gradient(a, rest)),
        hess=lambda a: np.asarray(hessian(a, rest)),
        method="trust-exact",
        options={"gtol": 1e-10, "maxiter": 500},
    )
    return fit.fun, dict(zip(pulls, fit.x, strict=True))


def check(model, values):
    fun, pulls = brute_force(model, values)
    assert float(model.profiled_nll(values)) == pytest.approx(fun, rel=1e-10, abs=1e-10)
    best = model.best_pulls(values)
    assert set(best) == set(pulls)
    for name, value in pulls.items():
        assert float(best[name]) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("radii", ["per_nucleus", "skin"])
def test_random_points(radii):
    """From near the Standard Model to the corners of the domain."""
    model = Model(csi_2017(), [StandardModel(radii=radii)])
    rng = np.random.default_rng(11)
    theory = {n: model.parameters[n] for n in model.parameters.names(kind="theory")}
    for width in (0.01, 0.1, 1.0, 1.0, 1.0, 1.0):
        values = {}
        for n, p in theory.items():
            low, high = p.bounds
            values[n] = p.default + width * (rng.uniform(low, high) - p.default)
        check(model, values)


def test_quenching_nuisances_stay_out_of_the_profile():
    """Shape nuisances are not solved: their penalty is that of the values passed."""
    model = helpers.shape_model()
    check(model, {"qf_scale_csi2017": 1.1, "qf_1_csi2017": -2.0, "sin2_theta_w": 0.4})
    nominal, moved = Model(csi_2017()), model
    plain = float(nominal.profiled_nll())
    assert float(moved.profiled_nll()) == pytest.approx(plain, rel=1e-12)
    penalty = float(moved.nll({"qf_2_csi2017": 1e-9})) - float(moved.nll())
    assert abs(penalty) < 1e-8
    prior = moved.parameters["qf_scale_csi2017"].prior
    assert (prior.mean, prior.sd) == (1.0, 0.051)


def test_penalties_by_hand():
    """chi2 = 2 nll gains (a/sd)^2 from a pull that moves nothing and (x - 1)^2/sd^2 from the scale.

    Without a signal (a target of vanishing mass) no nuisance but the neutrons' moves the counts.
    """
    model = Model(csi_2017(mass_kg=1e-20, shape=helpers.SHAPE))
    chi2 = lambda **v: 2 * float(model.nll(v))  # noqa: E731
    assert chi2(**{SIG: 0.2}) - chi2() == pytest.approx((0.2 / 0.128) ** 2, rel=1e-10)
    assert chi2(qf_scale_csi2017=1.1) - chi2() == pytest.approx((0.1 / 0.051) ** 2, rel=1e-10)
    assert chi2(qf_1_csi2017=1.5) - chi2() == pytest.approx(1.5**2, rel=1e-10)


def test_profile_ignores_pulls_in_values():
    model = Model(csi_2017())
    assert model.profiled_nll({SIG: 0.5}) == model.profiled_nll()


def test_nll_at_the_best_pulls_is_the_profile():
    model = Model(csi_2017())
    values = {"sin2_theta_w": 0.6, "R_n_I": 3.0}
    best = {n: float(a) for n, a in model.best_pulls(values).items()}
    got = float(model.nll({**values, **best}))
    assert got == pytest.approx(float(model.profiled_nll(values)), rel=1e-13)


def _twin(*, shared=(SIG, BRN), mass_kg=25.0):
    """A second CsI experiment of other mass and window that shares the named pulls."""
    other = csi_2017(mass_kg=mass_kg, bins=(8, 26), window_us=(0.0, 8.0))
    pulls = tuple(p if p.name in shared else replace(p, name=f"{p.name}b") for p in other.pulls)
    return replace(other, name="twin", pulls=pulls)


@pytest.mark.parametrize("shared", [(SIG, BRN), (SIG,), (BRN,), ()], ids=len)
def test_pull_shared_by_two_experiments(shared):
    """The joint minimum: brute force over all pulls, and one least-squares problem in NumPy."""
    experiments = [csi_2017(), _twin(shared=shared)]
    model = Model(experiments)
    assert len(model.parameters.names(linear=True)) == 4 - len(shared)
    values = {"sin2_theta_w": 0.31, "R_n_Cs": 5.6}
    check(model, values)
    parts = model.by_component(values)
    names = list(dict.fromkeys(p.name for e in experiments for p in e.pulls))
    blocks, target = [], []
    for e in experiments:
        signal = sum(np.asarray(c) for c in parts[e.name]["signal"].values())
        columns = {"signal": signal, **parts[e.name]["background"]}
        rows = np.zeros((len(e.observed), len(names)))
        for p in e.pulls:
            rows[:, names.index(p.name)] = np.asarray(columns[p.components[0]])
        blocks.append(rows / np.sqrt(e.variance)[:, None])
        target.append(e.observed / np.sqrt(e.variance))
    sd = np.array([model.parameters[n].prior.sd for n in names])
    design = np.vstack([*blocks, np.diag(1 / sd)])
    _, chi2, *_ = np.linalg.lstsq(design, np.concatenate([*target, 1 / sd]))
    assert 2 * float(model.profiled_nll(values)) == pytest.approx(chi2[0], rel=1e-12)


def test_without_shared_pulls_experiments_add():
    first, second = csi_2017(), _twin(shared=())
    joint = float(Model([first, second]).profiled_nll())
    alone = [float(Model(e).profiled_nll()) for e in (first, second)]
    assert joint == pytest.approx(sum(alone), rel=1e-13)


def test_shared_pull_of_another_width_is_refused():
    other = replace(csi_2017(pulls={"sig": 0.2}), name="twin")
    with pytest.raises(InputError, match=r"alpha_sig_csi2017 has width .*0\.128.*0\.2"):
        Model([csi_2017(), other])


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e5, 1e7])
def test_any_signal_size(scale):
    """chi2 stays accurate and non-negative when the signal is scaled by 1e-6 to 1e7."""
    experiment = csi_2017(mass_kg=14.57 * scale)
    model = Model(experiment)
    signal = sum(helpers.signal(model).values())
    neutrons = experiment.backgrounds["prompt_neutrons"]
    sd = np.array([0.128, 0.25])
    root = np.sqrt(experiment.variance)
    rows = np.vstack([np.column_stack([signal, neutrons]) / root[:, None], np.diag(1 / sd)])
    norm = np.linalg.norm(rows, axis=0)
    target = np.concatenate([experiment.observed / root, 1 / sd])
    _, expected, *_ = np.linalg.lstsq(rows / norm, target)
    assert 2 * float(model.profiled_nll()) == pytest.approx(expected[0], rel=1e-10)
