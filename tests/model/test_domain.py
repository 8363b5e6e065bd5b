"""Finite value and gradient over the whole allowed domain of every parameter.

Points mix corners, values hypothesis likes (0, 1, tiny, halves) and uniform ones, in the unit
cube between the bounds of the Parameter table. Each configuration compiles once.
"""

from functools import cache
from itertools import product

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import helpers

from cevnsjax.core.kinematics import KINEMATICS
from cevnsjax.couplings import SCHEMES
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import Helm, KleinNystrand, SymmetrizedFermi
from cevnsjax.interactions import StandardModel
from cevnsjax.interactions.standard_model import RADII
from cevnsjax.model.model import Model

FAMILIES = (Helm(), KleinNystrand(), SymmetrizedFermi())
POINTS = 256
PULL_RANGE = (-1.0, 10.0)


def _covering():
    """Every pair of coupling scheme and radii option; families and kinematics vary along."""
    for (i, radii), (j, scheme) in product(enumerate(RADII), enumerate(SCHEMES)):
        yield StandardModel(scheme, FAMILIES[(i + j) % 3], radii, KINEMATICS[(i + 2 * j) % 3])


def _name(theory):
    parts = theory.couplings, type(theory.form_factor).__name__, theory.radii, theory.kinematics
    return "-".join(parts)


@cache
def _evaluator(model):
    """(bounds, function from unit-cube points to values and gradients); compiled once."""
    names = list(model.parameters)
    bounds = np.array([p.bounds for p in model.parameters.values()])
    bounds = np.where(np.isfinite(bounds), bounds, np.array(PULL_RANGE)[None, :])

    def both(x):
        def function(kind):
            return lambda x: kind({n: x[i] for i, n in enumerate(names)})

        return [jax.value_and_grad(function(kind))(x) for kind in (model.nll, model.profiled_nll)]

    return bounds, jax.jit(jax.vmap(both))


def check_finite(model, cube, seed):
    """Evaluate at the given unit-cube points, uniform ones and corners; all must be finite."""
    bounds, function = _evaluator(model)
    rng = np.random.default_rng(seed)
    P = len(bounds)
    rest = rng.uniform(size=(POINTS - len(cube), P))
    rest[::4] = np.round(rest[::4])
    u = np.concatenate([cube[:, :P], rest])
    points = bounds[:, 0] + u * (bounds[:, 1] - bounds[:, 0])
    names = list(model.parameters)
    for (value, gradient), kind in zip(function(points), ("nll", "profiled_nll"), strict=True):
        bad = ~(np.isfinite(value) & np.all(np.isfinite(gradient), axis=1))
        assert not bad.any(), (kind, dict(zip(names, points[np.argmax(bad)], strict=True)))
        assert np.min(value) >= 0
    assert np.all(function(points)[1][0] <= function(points)[0][0] * (1 + 1e-9) + 1e-9)


CUBE = hnp.arrays(float, (8, 10), elements=st.floats(0, 1))
SEEDS = st.integers(0, 2**32 - 1)
THEORIES = list(_covering())


def test_covering_is_complete():
    assert len(THEORIES) == len(SCHEMES) * len(RADII)
    for attribute, options in (("form_factor", FAMILIES), ("kinematics", KINEMATICS)):
        for other in ("couplings", "radii"):
            pairs = {(getattr(t, attribute), getattr(t, other)) for t in THEORIES}
            assert len(pairs) == len(options) * len({getattr(t, other) for t in THEORIES})


@cache
def _model(theory):
    return Model(csi_2017(), [theory])


@pytest.mark.parametrize(
    "theory",
    [
        pytest.param(t, id=_name(t), marks=[pytest.mark.slow] if i % 2 else [])
        for i, t in enumerate(THEORIES)
    ],
)
@settings(max_examples=6)
@given(cube=CUBE, seed=SEEDS)
def test_theory(theory, cube, seed):
    """The profiled nll is never above the full one; both and their gradients are finite."""
    check_finite(_model(theory), cube, seed)


@pytest.mark.parametrize("points", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_running_couplings(points):
    for seed in range(-(-points // POINTS)):
        check_finite(_model(StandardModel(running=True)), np.zeros((0, 10)), seed)


@cache
def _shape_model(quenching, smearing):
    shape = helpers.SHAPE if quenching == "coherent2020" else helpers.SHAPE[:1]
    return Model(csi_2017(quenching, smearing=smearing, shape=shape, bins=(4, 50)))


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("quenching", "smearing"),
    [
        ("coherent2020", None),
        ("coherent2020", "gamma"),
        ("constant", "poisson"),
        pytest.param("pe117", "gaussian", marks=SLOW),
        pytest.param("c20_proxy", None, marks=SLOW),
        pytest.param("c20_proxy", "gaussian", marks=SLOW),
        pytest.param("coherent2020", "poisson", marks=SLOW),
        pytest.param("coherent2020", "gaussian", marks=SLOW),
    ],
)
@settings(max_examples=4)
@given(cube=CUBE, seed=SEEDS)
def test_quenching(quenching, smearing, cube, seed):
    check_finite(_shape_model(quenching, smearing), cube, seed)


@pytest.mark.parametrize("F", FAMILIES, ids=repr)
@settings(max_examples=30)
@given(cube=hnp.arrays(float, (8, 2), elements=st.floats(0, 1)), seed=SEEDS)
def test_form_factor(F, cube, seed):
    """Amplitude within [-1, 1], finite slopes: q from 0 to 106 MeV, radii from R_min to 12 fm.

    Above |F| = 1 only Helm and Klein-Nystrand with R_0^2 < 0 could go, and stay within e.
    """
    u = np.concatenate([cube, np.random.default_rng(seed).uniform(size=(POINTS - 8, 2))])
    q2 = (106.0 * u[:, 0]) ** 2
    R = F.R_min + u[:, 1] * (12.0 - F.R_min)
    value, slopes = _amplitudes(F)(q2, R)
    assert np.all(np.abs(value) <= np.where(R < 6**0.5 * 0.9, np.e, 1 + 1e-12))
    assert all(np.all(np.isfinite(s)) for s in slopes)


@cache
def _amplitudes(F):
    return jax.jit(jax.vmap(jax.value_and_grad(F, argnums=(0, 1))))
