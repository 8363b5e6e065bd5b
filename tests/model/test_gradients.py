"""Derivatives of the profiled likelihood against Richardson-extrapolated finite differences.

Every error is in the parameter's own scale: |scale dnll/dx - finite difference| relative to
max(1, |finite difference|), so a derivative that vanishes is compared with one unit of nll.
"""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
    "lower bounds": {"sin2_theta_w": -1.0, "qf_1_csi2017": -3.0, "qf_2_csi2017": -3.0},
    "upper bounds": {"sin2_theta_w": 2.0, "R_n_Cs": 12.0, "qf_1_csi2017": 3.0},
    "empty bins": {"qf_scale_csi2017": 0.45, "qf_1_csi2017": -1.0},
    "widest quenching": {"qf_scale_csi2017": 3.0},
}
CONFIGURATIONS = {
    "unsmeared": (None, (6, 30)),
    "unsmeared to 50 PE": (None, (6, 50)),
    "poisson": ("poisson", (6, 30)),
    "gamma": ("gamma", (6, 30)),
    "gaussian": ("gaussian", (6, 30)),
}


def _model(configuration):
    smearing, bins = CONFIGURATIONS[configuration]
    return helpers.shape_model(smearing, bins)


def _point(model, point):
    """Scaled coordinates z = value/scale, and the function of them; tracers pass any bound."""
    scale = np.array([model.parameters[n].scale for n in NAMES])
    start = np.array([point.get(n, model.parameters[n].default) for n in NAMES]) / scale

    def function(z):
        return model.profiled_nll({n: z[i] * scale[i] for i, n in enumerate(NAMES)})

    return jnp.asarray(start), function


def richardson(function, z, h=0.02):
    """Jacobian by central differences, Richardson-extrapolated over h, h/2, h/4 and h/8."""
    eye = np.eye(len(z))
    offsets = np.concatenate([eye * h * s / 2**k for k in range(4) for s in (1, -1)])
    values = np.asarray(jax.jit(lambda p: jax.lax.map(function, p))(z[None, :] + offsets))
    values = values.reshape(4, 2, len(z), *values.shape[1:])
    table = [(values[k, 0] - values[k, 1]) / (2 * h / 2**k) for k in range(4)]
    for power in (4, 16, 64):
        table = [(power * b - a) / (power - 1) for a, b in zip(table, table[1:], strict=False)]
    return table[0]


def scaled_error(exact, approximate):
    return np.max(np.abs(exact - approximate) / np.maximum(1.0, np.abs(approximate)))


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_gradient(configuration):
    model = _model(configuration)
    worst = {}
    for name, point in POINTS.items():
        z, function = _point(model, point)
        expected = richardson(function, z)
        for mode in (jax.grad, jax.jacfwd):
            worst[name, mode.__name__] = scaled_error(jax.jit(mode(function))(z), expected)
    assert max(worst.values()) < 1e-6, worst


@pytest.mark.parametrize("configuration", ["unsmeared to 50 PE", "poisson"])
def test_hessian(configuration):
    """Exact Hessian, nuisances profiled, against finite differences of the exact gradient."""
    model = _model(configuration)
    worst = {}
    for name in ("default", "inside", "R = 0", "empty bins", "upper bounds"):
        z, function = _point(model, POINTS[name])
        exact = np.asarray(jax.jit(jax.hessian(function))(z))
        worst[name] = scaled_error(exact, richardson(jax.grad(function), z))
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
    """Radii from their least allowed value on, other families and kinematics; full nll too."""
    model = Model(csi_2017(), [theory])
    names = list(model.parameters)
    scale = np.array([p.scale for p in model.parameters.values()])
    for edge in (False, True):
        start = [
            p.bounds[0] if edge and p.name.startswith(("R_", "dR")) else p.default
            for p in model.parameters.values()
        ]
        z = jnp.asarray(np.array(start) / scale)
        for kind in (model.nll, model.profiled_nll):
            function = lambda z, f=kind: f(  # noqa: E731
                {n: z[i] * scale[i] for i, n in enumerate(names)}
            )
            assert scaled_error(jax.jit(jax.grad(function))(z), richardson(function, z)) < 1e-6


def test_compiled_doors_agree_with_finite_differences():
    """Model.value_and_grad and Model.hessian, in the parameters' units."""
    model = _model("unsmeared")
    z, function = _point(model, POINTS["inside"])
    scale = np.array([model.parameters[n].scale for n in NAMES])
    value, gradient = model.value_and_grad(POINTS["inside"])
    expected = dict(zip(NAMES, richardson(function, z) / scale, strict=True))
    assert float(value) == pytest.approx(float(function(z)), rel=1e-13)
    assert set(gradient) == set(POINTS["inside"])
    for name, slope in gradient.items():
        assert float(slope) == pytest.approx(expected[name], rel=1e-6, abs=1e-7)
    order = ["R_n_Cs", "sin2_theta_w"]
    hessian = model.hessian(POINTS["inside"], names=order)
    full = richardson(jax.grad(function), z) / np.outer(scale, scale)
    index = [NAMES.index(n) for n in order]
    np.testing.assert_allclose(hessian, full[np.ix_(index, index)], rtol=1e-6)
