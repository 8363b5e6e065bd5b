"""Kinematic limits of coherent scattering in the three conventions of the literature.

"approximate": E_min = sqrt(M T/2), T_max = 2 E^2/M, leading order in E/M (most papers).
"exact": the two-body limits, with the - T/E term in the cross section.
"ngi": the - T/E term with the approximate limits (Aristizabal Sierra et al., PRD 98, 075018).
"""

from types import ModuleType
from typing import Literal

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import Kind

Kinematics = Literal["approximate", "exact", "ngi"]
KINEMATICS: tuple[Kinematics, ...] = ("approximate", "exact", "ngi")


def require_kinematics(name: str) -> None:
    """Reject an unknown convention.

    Raises:
        UnknownNameError: Listing the three.
    """
    if name not in KINEMATICS:
        raise UnknownNameError("kinematics", name, KINEMATICS)


def E_nu_min(T_nr: Kind, mass: float, kinematics: Kinematics, xp: ModuleType) -> Kind:
    """Smallest neutrino energy that can give a recoil T_nr [MeV].

    Args:
        T_nr: Recoil energy [MeV].
        mass: Nuclear mass [MeV].
        kinematics: Convention: "approximate", "exact" or "ngi".
        xp: numpy or jax.numpy.

    Returns:
        Energy, shaped like ``T_nr`` [MeV].
    """
    if kinematics == "exact":
        return (T_nr + xp.sqrt(T_nr**2 + 2 * mass * T_nr)) / 2
    return xp.sqrt(mass * T_nr / 2)


def T_nr_max(E_nu: Kind, mass: float, kinematics: Kinematics) -> Kind:
    """Largest recoil energy a neutrino of energy E_nu can give [MeV].

    Args:
        E_nu: Neutrino energy [MeV].
        mass: Nuclear mass [MeV].
        kinematics: Convention: "approximate", "exact" or "ngi".

    Returns:
        Energy, shaped like ``E_nu`` [MeV].
    """
    if kinematics == "exact":
        return 2 * E_nu**2 / (mass + 2 * E_nu)
    return 2 * E_nu**2 / mass
