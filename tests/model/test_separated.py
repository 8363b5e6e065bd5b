"""Expansions of every interaction against jax's own gradient and Hessian, and against differences.

Contact interactions are expanded apart from the nodes; what has a range, or a form of its own, is
not, and says so. All comparisons are in units of each parameter's scale.
"""

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax import (
    NSI,
    ChargeRadius,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    Millicharge,
    Model,
    Parameter,
    StandardModel,
    Sterile,
    TensorNSI,
    analyses,
)
from cevnsjax.core.types import Values
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.interactions.charges import Charges, NucleusAtNodes
from cevnsjax.model.expansion import separated
from cevnsjax.model.expansion.dependence import arguments_used, degrees
from cevnsjax.model.expansion.separable import SeparableSignal


def shaped(values: Values, nucleus: NucleusAtNodes) -> Charges:
    """A form factor of its own."""
    charge = values["eps_shaped"] * nucleus.NF_n * jnp.exp(-nucleus.q2 / 5e3)
    return Charges(vector={(s, "mu"): charge for s in nucleus.sources})


def contact(values: Values, nucleus: NucleusAtNodes) -> Charges:
    """A coupling that is not linear, in a function of a user."""
    charge = (
        jnp.sin(values["eps_contact"]) * nucleus.NF_n / 2 - values["eps_contact"] * nucleus.ZF_p
    )
    return Charges(vector={("nu_e", "e"): charge})


shaped.parameters = [Parameter("eps_shaped", "with a range", 0.0, scale=0.1)]
contact.parameters = [Parameter("eps_contact", "without", 0.0, scale=0.1)]


@dataclass(frozen=True)
class _OtherRadii(StandardModel):
    """Neutron radii that are not linear in their parameter."""

    def radii_of(self, values, nucleus):
        R_p, R_n = super().radii_of(values, nucleus)
        return R_p, R_n + 0.1 * (R_n - 4.0) ** 2


@dataclass(frozen=True)
class _OtherFormFactors(StandardModel):
    """Form factors that are not those of radii alone."""

    def form_factors(self, values, nucleus, q2, q2_max=np.inf):
        F_p, F_n = super().form_factors(values, nucleus, q2, q2_max)
        return F_p, F_n * (1 - values["sin2_theta_w"] * q2 / 1e5)


SM = StandardModel()
CSI = csi_2017
MODELS = {
    "nsi": lambda: Model(CSI(), [SM, NSI("eps_uV_ee", "eps_dV_emu")]),
    "tensor": lambda: Model(CSI(), [SM, TensorNSI("eps_uT_ee", "eps_dT_emu")]),
    "charge radius": lambda: Model(CSI(), [SM, ChargeRadius("r2_nu_ee", "r2_nu_mutau")]),
    "moment": lambda: Model(CSI(), [SM, MagneticMoment("mu_nu_e", "mu_nu_mu")]),
    "effective": lambda: Model(CSI(), [SM, GeneralizedInteractions("xi_S", "xi_V", "R_ST")]),
    "quarks": lambda: Model(CSI(), [SM, GeneralizedInteractions("C_u_S", "C_u_T", "D_d_A")]),
    "axial": lambda: Model(lar_2020(), [StandardModel(axial=True), NSI("eps_dV_ee")]),
    "sterile": lambda: Model(CSI(), [SM, Sterile("sin2_2theta_ee"), NSI("eps_uV_ee")]),
    "contact of a user": lambda: Model(CSI(), [SM, contact]),
    "moving nodes": lambda: analyses.picciau2020(
        "csi", radius="skin", interactions=[ChargeRadius("r2_nu_ee", reading="total")]
    ),
    "time, one radius": lambda: Model(
        csi_2021(), [StandardModel(radii="common", form_factor="klein_nystrand"), NSI("eps_uV_ee")]
    ),
    "radii alike": lambda: Model(
        CSI(), [StandardModel(radii="nuclear", form_factor="symmetrized_fermi"), NSI("eps_uV_ee")]
    ),
    "no radii": lambda: Model(CSI(), [StandardModel(radii="formula"), NSI("eps_uV_ee")]),
    "other radii": lambda: Model(CSI(), [_OtherRadii(), NSI("eps_uV_ee")]),
    "millicharge": lambda: Model(CSI(), [SM, Millicharge("q_nu_ee")]),
    "vector": lambda: Model(CSI(), [SM, LightVector()]),
    "scalar": lambda: Model(CSI(), [SM, LightScalar()]),
    "form factor": lambda: Model(CSI(), [SM, MagneticMoment("mu_nu", form_factor_power=1)]),
    "shape of a user": lambda: Model(CSI(), [SM, shaped]),
    "other form factors": lambda: Model(CSI(), [_OtherFormFactors(), NSI("eps_uV_ee")]),
}
# Points in the units of the parameters: one inside, one on bounds or where a function is even.
POINTS = {
    "nsi": {
        "sin2_theta_w": (0.31, 0.0),
        "R_n_Cs": (5.3, 0.0),
        "R_p_I": (4.6, 12.0),
        "eps_uV_ee": (0.2, -10.0),
        "eps_dV_emu": (0.3, 0.0),
    },
    "tensor": {"R_n_I": (5.3, 0.0), "eps_uT_ee": (0.2, -10.0), "eps_dT_emu": (0.3, 0.0)},
    "charge radius": {"R_p_Cs": (4.6, 0.0), "r2_nu_ee": (-40.0, 1e4), "r2_nu_mutau": (12.0, 0.0)},
    "moment": {"R_p_Cs": (4.6, 0.0), "mu_nu_e": (30.0, 0.0), "mu_nu_mu": (20.0, 0.0)},
    "effective": {
        "R_n_Cs": (5.3, 0.0),
        "xi_S": (0.4, 0.0),
        "xi_V": (0.1, -20.0),
        "R_ST": (0.2, 20.0),
    },
    "quarks": {
        "R_n_Cs": (5.3, 0.0),
        "C_u_S": (0.02, 0.0),
        "C_u_T": (0.5, -20.0),
        "D_d_A": (0.4, 0.0),
    },
    "axial": {"R_n_Ar": (3.6, 0.0), "sin2_theta_w": (0.3, 1.0), "eps_dV_ee": (0.1, 10.0)},
    "sterile": {
        "R_n_Cs": (5.3, 0.0),
        "sin2_2theta_ee": (0.4, 0.0),
        "dm2_41": (1.7, 0.0),
        "eps_uV_ee": (0.2, -10.0),
    },
    "contact of a user": {"R_n_Cs": (5.3, 0.0), "eps_contact": (0.3, 0.0)},
    "moving nodes": {
        "dR_np": (0.3, -2.0),
        "qf_scale_csi2017": (1.02, 0.8),
        "R_p_Cs": (4.7, 12.0),
        "r2_nu_ee": (-30.0, 40.0),
    },
    "time, one radius": {"R_n": (5.3, 0.0), "R_p_I": (4.6, 12.0), "eps_uV_ee": (0.2, -1.0)},
    "radii alike": {"R_n": (5.3, 2.5), "eps_uV_ee": (0.2, -10.0)},
    "no radii": {"sin2_theta_w": (0.3, 1.0), "eps_uV_ee": (0.2, -10.0)},
    "other radii": {"R_n_Cs": (5.3, 0.0), "R_n_I": (4.4, 8.0), "eps_uV_ee": (0.2, -10.0)},
    "millicharge": {"R_p_Cs": (5.3, 0.0), "q_nu_ee": (20.0, -1e4)},
    "vector": {"R_n_Cs": (5.3, 0.0), "g_Zp": (5e-5, 0.0), "m_Zp": (20.0, 0.0)},
    "scalar": {"R_n_Cs": (5.3, 0.0), "g_phi": (2e-5, 0.0), "m_phi": (20.0, 0.0)},
    "form factor": {"R_p_Cs": (4.6, 0.0), "mu_nu": (30.0, 0.0)},
    "shape of a user": {"R_n_Cs": (5.3, 0.0), "eps_shaped": (0.3, 0.0)},
    "other form factors": {"R_n_Cs": (5.3, 0.0), "sin2_theta_w": (0.3, 1.0)},
}
# From here on an interaction has a range, or a form of its own.
RANGED = list(MODELS)[list(MODELS).index("millicharge") :]
QUICK = ("nsi", "vector", "other radii")
EVERY = [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in MODELS]


@cache
def model(case):
    return MODELS[case]()


@pytest.mark.parametrize("case", MODELS)
def test_what_is_expanded_apart_from_the_nodes(case):
    """Decided by the functions themselves: an interaction declares nothing."""
    state = model(case).state
    names = tuple(POINTS[case])
    values = {n: jnp.asarray(p.default) for n, p in state.parameters.items()}
    for e in state.arrays:
        signal = SeparableSignal(e, state.structure.interactions, values, names)
        assert signal.is_separable() == (case not in RANGED)


@pytest.mark.parametrize("case", EVERY)
def test_gradient_and_hessian_are_those_of_the_profile(case):
    m, columns = model(case), POINTS[case]
    names = tuple(columns)
    expansion = m.expand({}, {n: np.array(x) for n, x in columns.items()})
    scale = np.array([m.parameters[n].scale for n in names])
    for i in range(2):
        values = {n: x[i] for n, x in columns.items()}
        value, slopes = m.value_and_grad(values, names=names)
        hessian = m.hessian(values, names=names) * np.outer(scale, scale)
        gradient = np.array([slopes[n] for n in names]) * scale
        size = max(1.0, abs(value))
        assert abs(expansion.value[i] - value) <= 1e-12 * size
        worst = np.max(np.abs(expansion.gradient[i] * scale - gradient))
        assert worst <= 1e-11 * max(1.0, np.max(np.abs(gradient)))
        worst = np.max(np.abs(expansion.hessian[i] * np.outer(scale, scale) - hessian))
        assert worst <= 1e-11 * max(1.0, np.max(np.abs(hessian)))


@pytest.mark.parametrize("case", EVERY)
def test_derivatives_of_values_by_differences(case):
    """Inside, by central differences extrapolated once, from values of the profile alone."""
    m, columns = model(case), POINTS[case]
    names = tuple(columns)
    scale = np.array([m.parameters[n].scale for n in names])
    z, unit, h = np.array([x[0] for x in columns.values()]) / scale, np.eye(len(names)), 0.02

    def values(steps):
        points = (z + np.array(steps)) * scale
        return np.asarray(m.map({}, dict(zip(names, points.T, strict=True))))

    def differences(h):
        forth, back = values(h * unit), values(-h * unit)
        pairs = [
            a * h * unit[i] + b * h * unit[j]
            for i in range(len(names))
            for j in range(len(names))
            for a in (1, -1)
            for b in (1, -1)
        ]
        corners = values(pairs).reshape(len(names), len(names), 2, 2)
        signs = np.array([[1, -1], [-1, 1]])
        return (forth - back) / (2 * h), np.sum(corners * signs, axis=(2, 3)) / (4 * h**2)

    fine, coarse = differences(h), differences(2 * h)
    gradient, hessian = ((4 * a - b) / 3 for a, b in zip(fine, coarse, strict=True))
    expansion = m.expand({}, {n: np.array(x[:1]) for n, x in columns.items()})
    np.testing.assert_allclose(expansion.gradient[0] * scale, gradient, rtol=1e-5, atol=1e-5)
    expected = expansion.hessian[0] * np.outer(scale, scale)
    np.testing.assert_allclose(expected, hessian, rtol=1e-4, atol=1e-4)


def test_degrees_of_forms():
    """Degrees in x and y, and what is not a form with numbers that are the same everywhere."""
    q = x = y = jax.ShapeDtypeStruct((3,), float)
    weights = jnp.array([1.0, 2.0, 3.0])
    uneven = [jnp.sin(2.0), jnp.sin(3.0), 1.0]

    def degree(function):
        return degrees(function, [None, 1, 1], q, x, y)

    assert degree(lambda _, x, y: (2 * x - y) * x / 3) == {2}
    assert degree(lambda _, x, y: [x**2, -y, jnp.float64(1.0)]) == {2, 1, 0}
    assert degree(jax.jit(lambda _, x, y: jnp.square(x) + 0.5 * x * y)) == {2}
    for function in (
        lambda q, x, _: q * x,
        lambda q, x, y: jnp.where(q > 1, x, y),
        lambda q, x, _: jax.jit(lambda q, x: q * x)(q, x),
        lambda _, x, __: x + 1.0,
        lambda _, x, y: x + x * y,
        lambda _, x, y: x / y,
        lambda _, x, __: jnp.exp(x),
        lambda _, x, y: abs(x) * y,
        lambda _, x, __: x**-1,
        lambda _, x, __: x * weights,
        lambda _, x, __: x * jnp.arange(3.0),
        lambda _, x, __: x * jnp.stack(uneven),
        lambda _, x, __: x * jnp.cumsum(jnp.full(3, jnp.sin(2.0))),
        lambda _, x, __: jax.lax.scan(lambda c, _: (c * x, None), x, jnp.arange(2))[0],
        lambda _, x, y: x * jnp.sum(y),
        lambda _, x, __: x[::-1],
        lambda _, x, __: jnp.cumsum(x),
    ):
        assert degree(function) == {None}


def test_arguments_that_are_used():
    def function(a, _, c):
        return jnp.where(a > 0, 1.0, 2.0) + 0 * c, jnp.sin(c)

    assert arguments_used(function, 1.0, 2.0, 3.0) == (True, False, True)
    assert arguments_used(lambda _: 3.0, 1.0) == (False,)


@pytest.mark.parametrize("after", [0, 1])
def test_rows_of_sources_that_are_told_apart_or_not(after):
    """Of three sources each has a row of its own, or all are in one."""
    x = np.random.default_rng(3).normal(size=(2, 3, 4, 5, *[6] * after))
    apart, together = (separated._rows(x, sources, after) for sources in (3, 1))
    assert apart.shape[:3] == (2, 3, 20)
    assert together.shape[:3] == (2, 1, 60)
    np.testing.assert_allclose(apart.sum(2), x.sum((2, 3)), rtol=1e-12)
    np.testing.assert_allclose(together.sum(2)[:, 0], x.sum((1, 2, 3)), rtol=1e-12)
