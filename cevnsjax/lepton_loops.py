"""Vacuum polarisation by a charged lepton at one loop, as a function of the momentum transfer.

The loop of a lepton of mass m is 6 int_0^1 x (1 - x) ln[m^2 + x (1 - x) q^2] dx, which is ln m^2 +
F(q^2/m^2), for space-like momenta; see e.g. Peskin and Schroeder, An Introduction to Quantum Field
Theory, eqs. 7.90 and 7.91. A closed form of F loses all digits at small q^2, where a series in
q^2/(q^2 + 4 m^2) takes over.
"""

import math

import jax.numpy as jnp

from cevnsjax.core import constants as c
from cevnsjax.core.types import RealLike, Reals
from cevnsjax.numerics import even_series

_SERIES_TERMS = 32
# 4 (n + 2)/((2n + 1)(2n + 3)) for n = 1, 2, ...
_SERIES = tuple(4 * (n + 2) / ((2 * n + 1) * (2 * n + 3)) for n in range(1, _SERIES_TERMS + 1))
_U_SERIES_MAX = 0.2


def polarisation(t: RealLike) -> Reals:
    """F(t) = 6 int_0^1 x (1 - x) ln(1 + x (1 - x) t) dx, to rounding [1].

    F is t/5 at small t and ln t - 5/3 at large t.

    Args:
        t: Momentum transfer squared over mass squared, >= 0 [1].

    Returns:
        F, shaped like ``t`` [1].
    """
    t = jnp.asarray(t)
    u = t / (t + 4)
    near = u < _U_SERIES_MAX
    small = jnp.where(near, u, 0.0)
    series = small * even_series(_SERIES, small)
    # Where the series serves, the closed form must be finite, derivatives included: any t will do.
    far_t, far_u = jnp.where(near, 4.0, t), jnp.where(near, 0.5, u)
    closed = (3 - 1 / far_u) * jnp.arcsinh(jnp.sqrt(far_t) / 2) / jnp.sqrt(far_u)
    return jnp.where(near, series, closed - 8 / 3 + 1 / far_u)


def flavour_polarisation(q2: RealLike, flavour: str) -> Reals:
    """F(q^2/m^2) of a charged lepton.

    Args:
        q2: Momentum transfer squared, >= 0 [MeV^2].
        flavour: "e", "mu" or "tau".

    Returns:
        F, shaped like ``q2`` [1].
    """
    return polarisation(jnp.asarray(q2) / c.lepton_mass[flavour] ** 2)


def mixing_at_rest(plus: str, minus: str) -> float:
    """``kinetic_mixing`` at q^2 = 0, (alpha/3 pi) ln(m_minus^2/m_plus^2) [1].

    Args:
        plus: Flavour of charge +1.
        minus: Flavour of charge -1.
    """
    return c.alpha / (3 * math.pi) * 2 * math.log(c.lepton_mass[minus] / c.lepton_mass[plus])


def kinetic_mixing(q2: RealLike, plus: str, minus: str) -> Reals:
    """Charge of the proton under the boson of L_plus - L_minus, from one loop of the two leptons.

    eps(q^2) = (2 alpha/pi) int_0^1 x (1 - x) ln[(m_minus^2 + y)/(m_plus^2 + y)] dx with y = x (1 -
    x) q^2. It tends to 0 beyond the heavier lepton's mass, so that nothing mixes at high energies.

    Args:
        q2: Momentum transfer squared, >= 0 [MeV^2].
        plus: Flavour of charge +1.
        minus: Flavour of charge -1.

    Returns:
        eps, shaped like ``q2`` [1].
    """
    runs = flavour_polarisation(q2, minus) - flavour_polarisation(q2, plus)
    return mixing_at_rest(plus, minus) + c.alpha / (3 * math.pi) * runs
