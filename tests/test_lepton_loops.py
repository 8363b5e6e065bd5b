"""Loops of charged leptons: values of mpmath (40 digits), limits, slopes, adaptive quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support.oracle_bsm as o
from scipy.integrate import quad

from cevnsjax import LightVector, NucleusAtNodes
from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.lepton_loops import kinetic_mixing, mixing_at_rest, polarisation
from cevnsjax.nuclei import isotope

# 6 int_0^1 x (1 - x) ln(1 + x (1 - x) t) dx, mpmath at 40 digits.
F_OF_T = {
    1e-8: 1.999999997857143e-09,
    1e-3: 0.0001999785746026336,
    4.0: 0.5797838136137944,
    1e8: 16.75401413728569,
}
# (2 alpha/pi) int x (1 - x) ln[(m_b^2 + x (1 - x) q^2)/(m_a^2 + x (1 - x) q^2)] dx, mpmath.
EPS = {
    ("e", "mu"): {30.0: 0.003251129286199826, 1000.0: 4.900147058238967e-05},
    ("e", "tau"): {
        1.0: 0.01219239847320938,
        30.0: 0.007609400600385373,
        1000.0: 0.002228089681106534,
    },
    ("mu", "tau"): {
        0.001: 0.004370604755192621,
        1.0: 0.004370590933113518,
        10.0: 0.004369223862107751,
        30.0: 0.004358271314185546,
        50.0: 0.004336854641525888,
        100.0: 0.004244160235884513,
        1000.0: 0.002179088210524144,
    },
}
SLOPES = {
    ("e", "mu", 0.0): -0.0005930263952782683,
    ("e", "mu", 10.0): -7.611331815199444e-06,
    ("e", "tau", 0.0): -0.0005930402175043193,
    ("e", "tau", 1.0): -0.0003286500542453781,
    ("e", "tau", 50.0): -3.09466503396402e-07,
    ("mu", "tau", 10.0): -1.37956535359862e-08,
}
PAIRS = list(EPS)


@pytest.mark.parametrize("t", F_OF_T)
def test_polarisation(t):
    assert float(polarisation(t)) == pytest.approx(F_OF_T[t], rel=3e-15)


@pytest.mark.parametrize("t", [0.3, 0.99, 1.0, 1.01, 30.0, 1e4])
def test_polarisation_is_the_integral(t):
    """Both sides of u = 0.2 (t = 1) against adaptive quadrature."""
    value, _ = quad(lambda x: 6 * x * (1 - x) * np.log1p(x * (1 - x) * t), 0, 1, epsabs=0)
    assert float(polarisation(t)) == pytest.approx(value, rel=1e-9)


def test_polarisation_of_no_momentum_and_of_much():
    """t/5 and ln t - 5/3, with slopes; nothing jumps where the series ends."""
    value, slope = jax.value_and_grad(polarisation)(0.0)
    assert (float(value), float(slope)) == (0.0, pytest.approx(0.2, rel=1e-15))
    value, slope = jax.value_and_grad(polarisation)(1e10)
    assert float(value) == pytest.approx(np.log(1e10) - 5 / 3, abs=1e-8)
    assert float(slope) == pytest.approx(1e-10, rel=1e-8)
    for both in jax.vmap(jax.value_and_grad(polarisation))(jnp.array([1 - 1e-12, 1 + 1e-12])):
        assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-11)
    t = np.array([1e-4, 0.5, 1.5, 1e3])
    slopes = jax.vmap(jax.grad(polarisation))(t)
    by_difference = np.diff(polarisation(np.multiply.outer([1 - 1e-5, 1 + 1e-5], t)), axis=0)[0]
    np.testing.assert_allclose(slopes, by_difference / (2e-5 * t), rtol=1e-8)


@pytest.mark.parametrize("pair", PAIRS)
def test_mixing(pair):
    q, expected = np.array([*EPS[pair].items()]).T
    np.testing.assert_allclose(kinetic_mixing(q**2, *pair), expected, rtol=1e-12)


@pytest.mark.parametrize(("plus", "minus", "q"), SLOPES)
def test_slope_of_the_mixing(plus, minus, q):
    slope = jax.grad(lambda q2: kinetic_mixing(q2, plus, minus))(q**2)
    assert float(slope) == pytest.approx(SLOPES[plus, minus, q], rel=1e-10)


def test_mixing_at_rest():
    """8.25623e-3, 1.262683e-2, 4.370605e-3; the Ward identity: q^2 eps vanishes at q^2 = 0."""
    found = [mixing_at_rest(*pair) for pair in PAIRS]
    np.testing.assert_allclose(found, [8.25623e-3, 1.262683e-2, 4.370605e-3], rtol=6e-7)
    for pair, at_rest in zip(PAIRS, found, strict=True):
        assert float(kinetic_mixing(0.0, *pair)) == at_rest
        assert float(jax.grad(lambda q2, p=pair: q2 * kinetic_mixing(q2, *p))(0.0)) == at_rest


def test_mixings_add_up_and_vanish_at_high_energies():
    q2 = np.geomspace(1e-6, 1e16, 50)
    e_mu, e_tau, mu_tau = (np.asarray(kinetic_mixing(q2, *pair)) for pair in PAIRS)
    np.testing.assert_allclose(e_mu + mu_tau, e_tau, rtol=1e-12, atol=1e-16)
    assert np.all(np.diff(e_tau) < 0)
    assert abs(e_tau[-1]) < 1e-8


@pytest.mark.parametrize("pair", PAIRS)
def test_charge_of_a_nucleus(pair):
    """g^2 Q'_a eps(q^2) Z F_p/(sqrt2 G_F (q^2 + m^2)), also of a heavy boson; eps_0 adds."""
    q, eps = np.array([*EPS[pair].items()]).T
    F_p = np.linspace(0.5, 1.0, len(q))
    at = NucleusAtNodes(isotope("133Cs"), q**2, F_p, np.ones_like(F_p), ("nu_e", "nu_mu_bar"))
    model = f"L_{pair[0]}-L_{pair[1]}"
    for g, m in ((1e-3, 10.0), (1.0, 1e5)):
        unit = g**2 * 55 * F_p / (np.sqrt(2) * c.G_F * (q**2 + m**2))
        values = {"g_Zp": g, "m_Zp": m}
        for sign, eps_0 in ((1, 0.0), (-1, 0.0), (1, 2e-3)):
            vector = LightVector(model, loop_sign=sign, eps_0=eps_0)(values, at).vector
            for (_, flavour), charge in vector.items():
                lepton = {pair[0]: 1, pair[1]: -1}[flavour]
                np.testing.assert_allclose(charge, lepton * unit * (sign * eps + eps_0), rtol=1e-12)


def test_oracle_of_loops():
    """The fixed nodes of ``oracle_bsm`` keep 1e-9 at the momenta of these tests."""
    for pair, table in EPS.items():
        q, eps = np.array([*table.items()]).T
        found = o.ALPHA / (3 * np.pi) * o.loop_log(q**2, *pair)
        within = q < 200
        np.testing.assert_allclose(found[within], eps[within], rtol=1e-9)


def test_wrong_mixing_is_refused():
    with pytest.raises(InputError, match=r"eps_0 = 0\.001 acts on L_a - L_b models only"):
        LightVector("B-L", eps_0=1e-3)
    with pytest.raises(InputError, match="eps_0 must be a finite number"):
        LightVector("L_e-L_mu", eps_0=np.nan)
