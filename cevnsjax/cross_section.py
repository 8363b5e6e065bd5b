"""From charges to the cross section: squares and sums in one place.

Every interaction is a polynomial in 1/E_nu.

With c_k(T) the coefficients of E_nu^-k in units of G_F^2 M/pi, dsigma/dT_nr is their sum at one
energy, and a rate is the same sum with E_nu^-k replaced by the flux moments I_k(T_nr).
"""

import math
from typing import Any

import jax.numpy as jnp

from cevnsjax import constants as c
from cevnsjax.interactions.charges import Charges
from cevnsjax.kinematics import Kinematics, T_nr_max
from cevnsjax.nuclei import Nucleus
from cevnsjax.types import RealLike, Reals


def fermi_scale(mass: float) -> float:
    """G_F^2 M/pi (hbar c)^2 [cm^2/MeV], the unit of every charge squared.

    Args:
        mass: Nuclear mass [MeV].
    """
    return c.G_F**2 * mass / math.pi * c.hbar_c_squared_cm2


def vector_coefficients(
    T_nr: Any, nucleus: Nucleus, kinematics: Kinematics
) -> tuple[float, Any, Any]:
    """Coefficients of (1, 1/E_nu, 1/E_nu^2) that multiply Q_V^2 in units of G_F^2 M/pi.

    Freedman, PRD 9, 1389; spin-0 and spin-1/2 terms as in Lindner, Rodejohann and Xu, JHEP 03
    (2017) 097.

    Args:
        T_nr: Recoil energy [MeV].
        nucleus: Target isotope; spin 1/2 adds T^2/(2 E^2) in exact kinematics.
        kinematics: Convention.

    Returns:
        c_0 [1], c_1 [MeV], c_2 [MeV^2].
    """
    c2 = -nucleus.mass * T_nr / 2
    if kinematics == "approximate":
        return 1.0, 0.0 * T_nr, c2
    if kinematics == "exact" and nucleus.spin == 0.5:
        return 1.0, -T_nr, c2 + T_nr**2 / 2
    return 1.0, -T_nr, c2


def fold(coefficients: tuple[Any, Any, Any], moments: tuple[Any, Any, Any]) -> Any:
    """Sum of coefficients times flux moments (or powers of 1/E_nu)."""
    return sum(a * m for a, m in zip(coefficients, moments, strict=True))


def kernels(
    T_nr: Any,
    nucleus: Nucleus,
    moments: dict[str, tuple[Any, Any, Any]],
    kinematics: Kinematics,
) -> dict[str, dict[str, Any]]:
    """Flux-folded kernels by structure and source, for ``rates``.

    Args:
        T_nr: Recoil energies, [node] [MeV].
        nucleus: Target isotope.
        moments: Flux moments by source, each three arrays [node] [MeV^-k].
        kinematics: Convention.

    Returns:
        {"vector": {source: array [node]}} [1].
    """
    vector = vector_coefficients(T_nr, nucleus, kinematics)
    return {"vector": {source: fold(vector, m) for source, m in moments.items()}}


def rates(charges: Charges, kernel: dict[str, dict[str, Any]]) -> dict[str, Reals]:
    """Flux-averaged dsigma/dT_nr by source in units of G_F^2 M/pi.

    Amplitudes were added before; here they are squared and summed over outgoing flavours.

    Args:
        charges: Charges of one nucleus.
        kernel: Output of ``kernels`` for the same nodes.

    Returns:
        {source: array [node]} [1].
    """
    out: dict[str, Reals] = {}
    for source, k in kernel["vector"].items():
        squared = charges.vector_squared(source)
        if squared is not None:
            out[source] = squared * k
    return out


def dsigma_dT_nr(
    T_nr: RealLike,
    E_nu: RealLike,
    nucleus: Nucleus,
    charge_squared: RealLike,
    kinematics: Kinematics = "approximate",
) -> Reals:
    """CEvNS cross section, zero beyond the kinematic end point [cm^2/MeV].

    In "ngi" kinematics the papers do not clip where the - T/E term makes it negative.

    Args:
        T_nr: Nuclear recoil kinetic energy, >= 1e-6 [MeV].
        E_nu: Neutrino energy, broadcastable against ``T_nr`` [MeV].
        nucleus: Target isotope.
        charge_squared: Q_V^2 with form factors in it, broadcastable against ``T_nr`` [1].
        kinematics: Convention.

    Returns:
        Cross section, broadcast shape [cm^2/MeV].
    """
    T, E, Q2 = jnp.asarray(T_nr), jnp.asarray(E_nu), jnp.asarray(charge_squared)
    powers = (jnp.ones_like(E), 1 / E, 1 / E**2)
    shape = fold(vector_coefficients(T, nucleus, kinematics), powers)
    inside = T_nr_max(E, nucleus.mass, kinematics) > T
    return jnp.where(inside, fermi_scale(nucleus.mass) * Q2 * shape, 0.0)
