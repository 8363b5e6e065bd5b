"""Finite values and gradients over the whole allowed domain of every interaction's parameters.

Points mix corners, zero couplings, massless and heavy mediators, and values of every magnitude
between the bounds of the Parameter table; a thousand and more for each interaction, twenty thousand
for each of ``NEW`` in the slow run.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cevnsjax import (
    ELECTRON,
    NSI,
    ChargeRadius,
    DiracMoment,
    ElectronNSI,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    MajoranaMoment,
    Millicharge,
    Model,
    StandardModel,
    Sterile,
    TensorNSI,
)
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.experiments import csi_2017, csi_2021
from cevnsjax.interactions.generalized import QUARK
from cevnsjax.nuclei import isotope
from cevnsjax.rate import differential_cross_section

INTERACTIONS = {
    "NSI": NSI(),
    "ChargeRadius": ChargeRadius(),
    "ChargeRadius-source": ChargeRadius(per_source=True, reading="total", via="sin2_theta_w"),
    "Millicharge": Millicharge(),
    "MagneticMoment": MagneticMoment("mu_nu_e", "mu_nu_mu", "mu_nu_tau"),
    "MagneticMoment-F1": MagneticMoment(form_factor_power=1),
    "MajoranaMoment": MajoranaMoment(*MajoranaMoment.owns),
    "DiracMoment": DiracMoment(),
    "LightVector": LightVector(),
    "LightVector-loop": LightVector("L_mu-L_tau", loop="q0"),
    "LightVector-running": LightVector("L_e-L_mu"),
    "LightScalar": LightScalar(),
    "Generalized": GeneralizedInteractions("xi_S", "xi_V", "xi_T", "R_ST"),
    "Generalized-quark": GeneralizedInteractions(*QUARK),
    "TensorNSI": TensorNSI(),
    "ElectronNSI": ElectronNSI(),
    "Sterile": Sterile(),
}
QUICK = (
    "LightVector-running",
    "Millicharge",
    "MagneticMoment",
    "LightVector",
    "LightScalar",
    "Generalized",
    "Sterile",
)
NEW = ("LightVector-running", "MajoranaMoment", "DiracMoment")
ON_ELECTRONS = [name for name, own in INTERACTIONS.items() if own.on_electrons]
ON_NUCLEI = [name for name, own in INTERACTIONS.items() if own.on_nuclei]
EACH = [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in ON_NUCLEI]
POINTS = 256
WIDTH = 20
SPECIAL = (0.0, 1e-300, 1e-12, 1.0, 1e5)


@cache
def _evaluator(name, experiment=csi_2017):
    """(names, bounds, compiled function of points [point, parameter])."""
    own = INTERACTIONS[name]
    model = Model(experiment(), [StandardModel(), own])
    names = ["sin2_theta_w", *(p.name for p in own.own_parameters())]
    bounds = np.array([model.parameters[n].bounds for n in names])

    def both(x):
        values = dict(zip(names, x, strict=True))
        return [jax.value_and_grad(kind)(values) for kind in (model.nll, model.profiled_nll)]

    return names, bounds, jax.jit(jax.vmap(both))


def _points(bounds, cube, seed):
    """Corners, special values, log-uniform magnitudes and uniform ones, within the bounds."""
    low, high = bounds.T
    rng = np.random.default_rng(seed)
    u = rng.uniform(size=(POINTS, len(bounds)))
    u[: len(cube)] = cube[:, : len(bounds)]
    uniform = low + u * (high - low)
    sign = np.where(low < 0, rng.choice([-1.0, 1.0], u.shape), 1.0)
    magnitudes = sign * high * 10.0 ** (-20 * u)
    special = sign * rng.choice(SPECIAL, u.shape)
    corners = np.where(u < 0.5, low, high)
    kind = rng.integers(0, 4, u.shape)
    # Whole rows of one kind, then mixed ones: all corners, all zeros, all tiny, anything.
    kind[: POINTS // 4] = np.arange(POINTS // 4)[:, None] % 4
    chosen = np.choose(kind, [uniform, magnitudes, special, corners])
    chosen[-1] = np.clip(0.0, low, high)
    return np.clip(chosen, low, high)


CUBE = hnp.arrays(float, (8, WIDTH), elements=st.floats(0, 1))


@pytest.mark.parametrize("name", EACH)
@settings(max_examples=6)
@given(cube=CUBE, seed=st.integers(0, 2**32 - 1))
def test_likelihood_is_finite(name, cube, seed):
    names, bounds, function = _evaluator(name)
    points = _points(bounds, cube, seed)
    found = function(points)
    for value, gradient in found:
        slopes = np.stack([gradient[n] for n in names], axis=1)
        bad = ~(np.isfinite(value) & np.all(np.isfinite(slopes), axis=1))
        assert not bad.any(), dict(zip(names, points[np.argmax(bad)], strict=True))
        assert np.min(value) >= 0
    (full, _), (profiled, _) = found
    assert np.all(profiled <= full * (1 + 1e-9) + 1e-9)


MANY = [
    pytest.param(name, points, marks=pytest.mark.slow if points > 2000 else ())
    for name in NEW
    for points in (2000, 20_000)
]


@pytest.mark.parametrize(("name", "points"), MANY)
def test_many_points_are_finite(name, points):
    names, bounds, function = _evaluator(name)
    for seed in range(-(-points // POINTS)):
        some = _points(bounds, np.zeros((0, WIDTH)), 1000 + seed)
        for value, gradient in function(some):
            slopes = np.stack([gradient[n] for n in names], axis=1)
            bad = ~(np.isfinite(value) & np.all(np.isfinite(slopes), axis=1))
            assert not bad.any(), dict(zip(names, some[np.argmax(bad)], strict=True))


def _csi_2021_with_electrons():
    return csi_2021(electrons=True, morphs=())


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "Millicharge" else pytest.mark.slow) for n in ON_ELECTRONS],
)
def test_likelihood_with_electrons_is_finite(name):
    names, bounds, function = _evaluator(name, _csi_2021_with_electrons)
    for seed in range(4):
        points = _points(bounds, np.zeros((0, WIDTH)), 3000 + seed)
        for value, gradient in function(points):
            slopes = np.stack([gradient[n] for n in names], axis=1)
            bad = ~(np.isfinite(value) & np.all(np.isfinite(slopes), axis=1))
            assert not bad.any(), dict(zip(names, points[np.argmax(bad)], strict=True))


@cache
def _sigma(name, source, kinematics, nucleus):
    """Bounds, and compiled cross section with slopes of points [point, T_nr and parameters]."""
    own = INTERACTIONS[name]
    theory = (StandardModel(kinematics=kinematics), own)
    names = [p.name for p in own.own_parameters()]

    def sigma(x):
        values = dict(zip(names, x[1:], strict=True))
        return differential_cross_section(x[0], 30.0, nucleus, source, theory, values)

    return np.array([p.bounds for p in own.own_parameters()]), jax.jit(
        jax.vmap(jax.value_and_grad(sigma))
    )


@pytest.mark.parametrize("kinematics", ["approximate", "exact", "ngi"])
@pytest.mark.parametrize("name", EACH)
def test_cross_section_is_finite(name, kinematics):
    """At 1 eV, a hair below, at and beyond the end point, for any couplings; zero from there."""
    bounds, function = _sigma(name, "nu_mu_bar", kinematics, isotope("127I"))
    top = float(T_nr_max(30.0, isotope("127I").mass, kinematics))
    values = _points(bounds, np.zeros((1, WIDTH)), 7)
    energies = np.array([1e-6, 0.9, 1 - 1e-12, 1.0, 1 + 1e-12, 2.0])
    energies[1:] *= top
    T = np.resize(energies, len(values))
    value, slopes = function(np.column_stack([T, values]))
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(slopes))
    assert np.all(value[top <= T] == 0)
    assert np.any(value[top > T] > 0)


def test_recoils_of_one_electronvolt():
    """1/T and 1/q^2 stay finite and dominate at 1 eV."""
    cs = isotope("133Cs")
    for own, values in (
        (MagneticMoment(), {"mu_nu": 10.0}),
        (Millicharge(), {"q_nu_mumu": 1.0}),
        (LightVector(), {"g_Zp": 1e-4, "m_Zp": 0.0}),
    ):
        theory = (StandardModel(), own)
        T = jnp.array([1e-6, 1e-3])
        low, high = differential_cross_section(T, 30.0, cs, "nu_mu", theory, values)
        plain = differential_cross_section(T, 30.0, cs, "nu_mu", theory[:1])
        assert np.isfinite(float(low))
        assert float(low) > 10 * float(high)
        assert float(low) > 10 * float(plain[0])


@pytest.mark.parametrize("points", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ON_ELECTRONS)
def test_cross_section_on_electrons_is_finite(name, points):
    """From 1 eV to beyond the end point, for any couplings; zero from there."""
    bounds, function = _sigma(name, "nu_mu_bar", "approximate", ELECTRON)
    top = T_nr_max(30.0, ELECTRON.mass, "exact")
    for seed in range(-(-points // POINTS)):
        values = _points(bounds, np.zeros((0, WIDTH)), 2000 + seed)
        fraction = np.random.default_rng(seed).uniform(size=len(values))
        T = 1e-6 * (2 * top / 1e-6) ** fraction
        value, slopes = function(np.column_stack([T, values]))
        assert np.all(np.isfinite(value))
        assert np.all(np.isfinite(slopes))
        assert np.all(value[top <= T] == 0)
        assert np.all(value[top > T] > 0)
