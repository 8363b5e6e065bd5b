"""From charges to the cross section: squares and sums in one place.

Every interaction is a polynomial in 1/E_nu: with coefficients c_k(T) in units of G_F^2 M/pi,
dsigma/dT_nr = sum_k c_k(T) E_nu^-k, and a rate is the same sum with E_nu^-k replaced by the flux
moments I_k(T_nr).
"""

import math
from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import Kinematics, T_nr_max
from cevnsjax.core.types import AtNodes, Moments, Numbers, RealLike, Reals
from cevnsjax.interactions.charges import Charges
from cevnsjax.nuclei import Nucleus
from cevnsjax.numerics import total

Coefficients = tuple[float | Numbers, float | Numbers, float | Numbers]
"""Coefficients of (1, 1/E_nu, 1/E_nu^2) in units of G_F^2 M/pi [1, MeV, MeV^2]."""
Kernels = dict[str, dict[str, Numbers]]
"""{structure: {source: [node]}}: what a unit charge squared gives."""


def fermi_scale(mass: float) -> float:
    """G_F^2 M/pi (hbar c)^2 [cm^2/MeV], the unit of every charge squared, for a mass M [MeV]."""
    return c.G_F**2 * mass / math.pi * c.hbar_c_squared_cm2


def vector_coefficients(
    T_nr: float | Numbers, nucleus: Nucleus, kinematics: Kinematics
) -> Coefficients:
    """Coefficients of (1, 1/E_nu, 1/E_nu^2) that multiply Q_V^2 in units of G_F^2 M/pi.

    Freedman, PRD 9, 1389; spin-0 and spin-1/2 terms as in Lindner, Rodejohann and Xu, JHEP 03
    (2017) 097.

    Args:
        T_nr: Recoil energy [MeV].
        nucleus: Target isotope; spin 1/2 adds T^2/(2 E^2) in exact kinematics.
        kinematics: Convention: "approximate", "exact" or "ngi".

    Returns:
        c_0 [1], c_1 [MeV], c_2 [MeV^2].
    """
    c2 = -nucleus.mass * T_nr / 2
    if kinematics == "approximate":
        return 1.0, 0.0 * T_nr, c2
    if kinematics == "exact" and nucleus.spin == 0.5:
        return 1.0, -T_nr, c2 + T_nr**2 / 2
    return 1.0, -T_nr, c2


def _coefficients(
    structure: str, T_nr: Numbers, nucleus: Nucleus, kinematics: Kinematics, source: str
) -> Coefficients:
    """Coefficients of (1, 1/E_nu, 1/E_nu^2) that multiply the product or strength of a structure.

    Vector and axial currents interfere on targets of spin 1/2 only. Terms of T^2/E^2 count for
    electrons, which recoil with up to the energy of the neutrino.
    """
    sign = -1 if is_antineutrino(source) else 1
    recoil = T_nr**2 / 2 if nucleus.is_electron else 0.0
    match structure:
        case "vector":
            return vector_coefficients(T_nr, nucleus, kinematics)
        case "axial":
            return 1.0, -T_nr, nucleus.mass * T_nr / 2 + recoil
        case "interference":
            twice = 2 * sign if nucleus.spin == 0.5 else 0.0
            return 0.0, twice * T_nr, -twice * recoil
        case "magnetic":
            return 1 / T_nr, -1.0, 0.0 * T_nr
        case "scalar":
            return 0.0, 0.0 * T_nr, nucleus.mass * T_nr / 2 + recoil / 2
        case "tensor":
            return 1.0, -T_nr, -nucleus.mass * T_nr / 4
        case "scalar_tensor":
            return 0.0, -sign * T_nr, 0.0 * T_nr
        case _:
            raise InputError(f"structure {structure!r} has no coefficients in cross_section")


_STRENGTHS = ("magnetic", "scalar", "tensor", "scalar_tensor")


def is_antineutrino(source: str) -> bool:
    """Whether a source's name says antineutrino."""
    return source.endswith("_bar")


def fold(coefficients: Coefficients, moments: Moments) -> Numbers:
    """Sum of coefficients times flux moments (or powers of 1/E_nu)."""
    return total([a * m for a, m in zip(coefficients, moments, strict=True)])


def kernels(
    T_nr: Numbers,
    nucleus: Nucleus,
    moments: Mapping[str, Moments],
    kinematics: Kinematics,
    structures: Sequence[str] = ("vector",),
) -> Kernels:
    """Flux-folded kernels by structure and source, for ``rates``.

    Args:
        T_nr: Recoil energies, [node], or [node, 1] beside moments [node, energy] [MeV].
        nucleus: Target isotope.
        moments: Flux moments by source, each three arrays [node] [MeV^-k].
        kinematics: Convention: "approximate", "exact" or "ngi".
        structures: Structures of the cross section.

    Returns:
        {structure: {source: array [node]}} [1], magnetic in [1/MeV].
    """
    return {
        structure: {
            source: fold(_coefficients(structure, T_nr, nucleus, kinematics, source), m)
            for source, m in moments.items()
        }
        for structure in structures
    }


def strengths(
    charges: Charges, kernel: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, AtNodes]]:
    """What multiplies the kernel of each structure and source: charges squared, and strengths.

    Amplitudes, already added over interactions, are squared and summed over outgoing flavours.

    Args:
        charges: Charges of one nucleus.
        kernel: Structures and sources of the cross section, as ``kernels`` gives them.

    Returns:
        {structure: {source: array [node]}} [1], magnetic in [MeV]; those that are zero are absent.

    Raises:
        InputError: If the charges fill a structure that no interaction declared.
        UnknownNameError: If the charges name a source that the flux does not have.
    """
    out: dict[str, dict[str, AtNodes]] = {}

    def add(structure: str, source: str, strength: AtNodes) -> None:
        if structure not in kernel:
            raise InputError(
                f"an interaction fills {structure!r} charges; add it to its 'structures'"
            )
        if source not in kernel[structure]:
            raise UnknownNameError("neutrino source", source, kernel[structure])
        out.setdefault(structure, {})[source] = strength

    pairs = {"vector": ("vector", "vector"), "axial": ("axial", "axial")}
    if "interference" in kernel:
        pairs["interference"] = ("vector", "axial")
    for key in (*charges.vector, *charges.axial):
        if not (isinstance(key, tuple) and len(key) == 2):
            raise InputError(
                f"vector and axial charges need keys (source, outgoing flavour), got {key!r}"
            )
    for structure, (left, right) in pairs.items():
        for source in dict.fromkeys(key[0] for key in getattr(charges, left)):
            product = charges.product(left, right, source)
            if product is not None:
                add(structure, source, product)
    for structure in _STRENGTHS:
        for source, strength in getattr(charges, structure).items():
            add(structure, source, strength)
    return out


def rates(charges: Charges, kernel: Kernels) -> dict[str, AtNodes]:
    """Flux-averaged dsigma/dT_nr by source in units of G_F^2 M/pi.

    Args:
        charges: Charges of one nucleus.
        kernel: Output of ``kernels`` for the same nodes.

    Returns:
        {source: array [node]} [1].

    Raises:
        InputError: If the charges fill a structure that no interaction declared.
        UnknownNameError: If the charges name a source that the flux does not have.
    """
    parts: dict[str, list[AtNodes]] = {}
    for structure, by_source in strengths(charges, kernel).items():
        for source, strength in by_source.items():
            parts.setdefault(source, []).append(strength * kernel[structure][source])
    return {source: total(terms) for source, terms in parts.items()}


def dsigma_dT_nr(
    T_nr: RealLike,
    E_nu: RealLike,
    nucleus: Nucleus,
    charge_squared: RealLike,
    kinematics: Kinematics = "approximate",
) -> Reals:
    """CEvNS cross section, zero beyond the kinematic end point [cm^2/MeV].

    In "ngi" kinematics the - T/E term can make it negative; it is not clipped, as in the papers.

    Args:
        T_nr: Nuclear recoil kinetic energy, >= 1e-6 [MeV].
        E_nu: Neutrino energy, broadcastable against ``T_nr`` [MeV].
        nucleus: Target isotope.
        charge_squared: Q_V^2 with form factors in it, broadcastable against ``T_nr`` [1].
        kinematics: Convention: "approximate", "exact" or "ngi".

    Returns:
        Cross section, broadcast shape [cm^2/MeV].
    """
    T, E, Q2 = jnp.asarray(T_nr), jnp.asarray(E_nu), jnp.asarray(charge_squared)
    powers = (jnp.ones_like(E), 1 / E, 1 / E**2)
    shape = fold(vector_coefficients(T, nucleus, kinematics), powers)
    inside = T_nr_max(E, nucleus.mass, kinematics) > T
    return jnp.where(inside, fermi_scale(nucleus.mass) * Q2 * shape, 0.0)
