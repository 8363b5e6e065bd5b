"""The algebra of interactions: charges add as amplitudes, source by source, flavour by flavour."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

from jaxtyping import Array

from cevnsjax.core.types import AtNodes
from cevnsjax.nuclei import Nucleus
from cevnsjax.numerics import total

K = TypeVar("K", str, tuple[str, str])
V = TypeVar("V", Array, AtNodes)
Key = tuple[str, str]
"""(source, outgoing flavour), e.g. ("nu_mu_bar", "mu")."""

SOURCE_FLAVOUR = {"nu_e": "e", "nu_mu": "mu", "nu_mu_bar": "mu", "nu_e_bar": "e"}
"""Flavour of each neutrino source."""


@dataclass(frozen=True)
class NucleusAtNodes:
    """What an interaction sees: one isotope, or an electron, at given momentum transfers.

    To electrons only interactions that declare ``on_electrons`` are called: ``nucleus.is_electron``
    is true, ``ZF_p`` is their charge -1, and ``NF_n`` is 0.

    Form factors are computed once per nucleus and shared by all interactions.

    Attributes:
        nucleus: The isotope.
        q2: Momentum transfer squared 2 M T_nr, [node] [MeV^2].
        F_p: Point-proton form factor, [node] [1].
        F_n: Point-neutron form factor, [node] [1].
        sources: Neutrino sources of the flux.

    Examples:
        >>> iodine, q2 = cj.target("CsI").nuclei[1], jnp.array([100.0, 400.0])
        >>> at = cj.NucleusAtNodes(iodine, q2, jnp.ones(2), jnp.ones(2), ("nu_mu", "nu_e"))
        >>> charges = cj.StandardModel("tree")({"sin2_theta_w": 0.23}, at)
        >>> charges.vector[("nu_e", "e")].round(2)
        Array([-34.88, -34.88], dtype=float64)
    """

    nucleus: Nucleus
    q2: AtNodes
    F_p: AtNodes
    F_n: AtNodes
    sources: tuple[str, ...]

    @property
    def ZF_p(self) -> AtNodes:
        """Z F_p, [node] [1]."""
        return self.nucleus.Z * self.F_p

    @property
    def NF_n(self) -> AtNodes:
        """N F_n, [node] [1]."""
        return self.nucleus.N * self.F_n


STRUCTURES = (
    "vector",
    "axial",
    "interference",
    "magnetic",
    "scalar",
    "tensor",
    "scalar_tensor",
)
"""Lorentz structures of the cross section; "interference" is that of vector and axial."""


def add_by_key(a: Mapping[K, V], b: Mapping[K, V]) -> dict[K, V]:
    """Sums of two mappings where both have a key, and the entries that only one of them has."""
    merged = dict(a)
    for key, value in b.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


@dataclass(frozen=True)
class Charges:
    """Sparse charges of one isotope: a missing key is zero and costs nothing.

    Vector and axial charges are amplitudes: they add, then are squared. The others are strengths,
    by source, that multiply the kernel of their structure (see ``cross_section``); they add as
    rates.

    Attributes:
        vector: Weak charges Q_ab, {(source, outgoing flavour): array [node]} [1].
        axial: Axial charges, {(source, outgoing flavour): array [node]} [1].
        magnetic: Strengths of 1/T - 1/E, {source: array [node]} [MeV].
        scalar: Strengths of M T/(2 E^2), {source: array [node]} [1].
        tensor: Strengths of 1 - M T/(4 E^2) - T/E, {source: array [node]} [1].
        scalar_tensor: Strengths of -T/E for neutrinos, +T/E for antineutrinos, {source} [1].

    Examples:
        >>> weak = cj.Charges(vector={("nu_e", "e"): jnp.array([1.0, 2.0])})
        >>> (weak + weak).vector[("nu_e", "e")]
        Array([2., 4.], dtype=float64)
    """

    vector: Mapping[Key, AtNodes] = field(default_factory=dict)
    axial: Mapping[Key, AtNodes] = field(default_factory=dict)
    magnetic: Mapping[str, AtNodes] = field(default_factory=dict)
    scalar: Mapping[str, AtNodes] = field(default_factory=dict)
    tensor: Mapping[str, AtNodes] = field(default_factory=dict)
    scalar_tensor: Mapping[str, AtNodes] = field(default_factory=dict)

    def __add__(self, other: "Charges") -> "Charges":
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Charges(**{name: add_by_key(*pair) for name, pair in pairs.items()})

    def product(self, left: str, right: str, source: str) -> AtNodes | None:
        """Product of two amplitudes, summed over outgoing flavours.

        Args:
            left: "vector" or "axial".
            right: "vector" or "axial"; the same as ``left`` gives the square.
            source: Neutrino source.

        Returns:
            [node] [1], None where no flavour has both amplitudes.
        """
        a, b = getattr(self, left), getattr(self, right)
        terms = [x * b[key] for key, x in a.items() if key[0] == source and key in b]
        return total(terms) if terms else None
