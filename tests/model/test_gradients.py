"""Derivatives of the profiled likelihood against Richardson-extrapolated finite differences.

Every error is in the parameter's own scale: |scale dnll/dx - finite difference| relative to
max(1, |finite difference|), so a derivative that vanishes is compared with one unit of nll.
"""

from functools import cache
from itertools import pairwise

import jax
import numpy as np
import pytest
from support import helpers

from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import KleinNystrand, SymmetrizedFermi
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

NAMES = ["sin2_theta_w", "R_n_Cs", "R_n_I", "R_p_Cs"]
NAMES += [f"{short}_csi2017" for short in helpers.SHAPE]
INSIDE = {"sin2_theta_w": 0.27, "R_n_Cs": 5.3, "R_n_I": 4.6, "R_p_Cs": 4.7}
QUENCHED = {"qf_scale_csi2017": 0.93, "qf_1_csi2017": 0.6, "qf_2_csi2017": -1.1}
POINTS = {
    "default": {},
    "inside": {**INSIDE, **QUENCHED},
    "far": {"sin2_theta_w": -0.4, "R_n_Cs": 8.0, "R_n_I": 2.0, "qf_scale_csi2017": 1.6},
    "R below sqrt(3) s": {"R_n_Cs": 1.2, "R_n_I": 3**0.5 * 0.9, "R_p_Cs": 0.4},
    "R = 0": {"R_n_Cs": 0.0, "R_n_I": 0.0, "R_p_Cs": 0.0},
    "lower bounds": {"sin2_theta_w": 0.0, "qf_1_csi2017": -3.0, "qf_2_csi2017": -3.0},
    "upper bounds": {"sin2_theta_w": 1.0, "R_n_Cs": 12.0, "qf_1_csi2017": 3.0},
    "empty bins": {"qf_scale_csi2017": 0.45, "qf_1_csi2017": -1.0},
    "widest quenching": {"qf_scale_csi2017": 3.0},
}
CONFIGURATIONS = {
    "unsmeared": (None, (6, 50)),
    "poisson": ("poisson", (6, 30)),
    "gamma": ("gamma", (6, 30)),
    "gaussian": ("gaussian", (6, 30)),
}


class Scaled:
    """The profiled likelihood of z = value/scale and its derivatives, each compiled once.

    Tracers pass any bound, so finite differences may step over an edge of the domain.
    """

    def __init__(self, model, names=NAMES, kind="profiled_nll"):
        self.model, self.names = model, names
        self.scale = np.array([model.parameters[n].scale for n in names])

        def function(z):
            values = {n: z[i] * self.scale[i] for i, n in enumerate(names)}
            return getattr(model, kind)(values)

        batched = lambda f: jax.jit(lambda points: jax.lax.map(f, points))  # noqa: E731
        self.values = batched(function)
        self.gradients = batched(jax.grad(function))
        self.forward = jax.jit(jax.jacfwd(function))
        self.hessian = jax.jit(jax.hessian(function))

    def start(self, point):
        point_values = [point.get(n, self.model.parameters[n].default) for n in self.names]
        return np.array(point_values) / self.scale

    def gradient(self, z):
        return np.asarray(self.gradients(np.repeat(z[None], POINTS_AT_ONCE * len(z), axis=0)))[0]


POINTS_AT_ONCE = 8  # four steps, two sides


def richardson(batched, z, h=0.02):
    """Jacobian by central differences, Richardson-extrapolated over h, h/2, h/4 and h/8."""
    eye = np.eye(len(z))
    offsets = np.concatenate([eye * h * s / 2**k for k in range(4) for s in (1, -1)])
    values = np.asarray(batched(z[None, :] + offsets))
    values = values.reshape(4, 2, len(z), *values.shape[1:])
    table = [(values[k, 0] - values[k, 1]) / (2 * h / 2**k) for k in range(4)]
    for power in (4, 16, 64):
        table = [(power * b - a) / (power - 1) for a, b in pairwise(table)]
    return table[0]


def scaled_error(exact, approximate):
    return np.max(np.abs(exact - approximate) / np.maximum(1.0, np.abs(approximate)))


@cache
def scaled(configuration):
    smearing, bins = CONFIGURATIONS[configuration]
    return Scaled(helpers.shape_model(smearing, bins))


@pytest.mark.parametrize(
    "configuration",
    [
        "unsmeared",
        "poisson",
        pytest.param("gamma", marks=pytest.mark.slow),
        pytest.param("gaussian", marks=pytest.mark.slow),
    ],
)
def test_gradient(configuration):
    """Reverse and forward mode at every point."""
    f, worst = scaled(configuration), {}
    for name, point in POINTS.items():
        z = f.start(point)
        expected = richardson(f.values, z)
        worst[name, "reverse"] = scaled_error(f.gradient(z), expected)
        worst[name, "forward"] = scaled_error(np.asarray(f.forward(z)), expected)
    assert max(worst.values()) < 1e-6, worst


@pytest.mark.parametrize(
    "configuration", [pytest.param("unsmeared", marks=pytest.mark.slow), "poisson"]
)
def test_hessian(configuration):
    """Exact Hessian, nuisances profiled, against finite differences of the exact gradient."""
    f, worst = scaled(configuration), {}
    for name, point in POINTS.items():
        z = f.start(point)
        exact = np.asarray(f.hessian(z))
        worst[name] = scaled_error(exact, richardson(f.gradients, z))
        np.testing.assert_allclose(exact, exact.T, rtol=1e-8, atol=1e-8)
    assert max(worst.values()) < 1e-6, worst


@pytest.mark.parametrize(
    "theory",
    [
        StandardModel("tree", KleinNystrand(), "common", "exact"),
        StandardModel("pdg2018", SymmetrizedFermi(), "skin", "ngi"),
        StandardModel("erler_su_printed", KleinNystrand(), "nuclear"),
    ],
    ids=["common", "skin", "nuclear"],
)
def test_gradient_of_other_theories(theory):
    """Radii at their lower bounds, other families and kinematics; also the full nll."""
    model = Model(csi_2017(), [theory])
    lowest = {n: p.bounds[0] for n, p in model.parameters.items() if n.startswith(("R_", "dR"))}
    for kind in ("nll", "profiled_nll"):
        f = Scaled(model, list(model.parameters), kind)
        for point in ({}, lowest):
            z = f.start(point)
            assert scaled_error(f.gradient(z), richardson(f.values, z)) < 1e-6


def test_value_and_grad_and_hessian_agree_with_finite_differences():
    """Model.value_and_grad and Model.hessian, in the parameters' units."""
    f = scaled("poisson")
    z, scale = f.start(POINTS["inside"]), f.scale
    value, gradient = f.model.value_and_grad(POINTS["inside"])
    expected = dict(zip(NAMES, richardson(f.values, z) / scale, strict=True))
    assert float(value) == pytest.approx(float(f.values(z[None])[0]), rel=1e-13)
    assert set(gradient) == set(POINTS["inside"])
    for name, slope in gradient.items():
        assert float(slope) == pytest.approx(expected[name], rel=1e-6, abs=1e-7)
    order = ["R_n_Cs", "sin2_theta_w"]
    hessian = f.model.hessian(POINTS["inside"], names=order)
    full = richardson(f.gradients, z) / np.outer(scale, scale)
    index = [NAMES.index(n) for n in order]
    np.testing.assert_allclose(hessian, full[np.ix_(index, index)], rtol=1e-6)
