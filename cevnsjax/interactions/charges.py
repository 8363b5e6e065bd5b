"""The algebra of interactions: charges add as amplitudes, source by source, flavour by flavour."""

from dataclasses import dataclass, field, fields
from typing import Any

from cevnsjax.nuclei import Nucleus
from cevnsjax.numerics import total

Key = tuple[str, str]
"""(source, outgoing flavour), e.g. ("nu_mu_bar", "mu")."""

SOURCE_FLAVOUR = {"nu_e": "e", "nu_mu": "mu", "nu_mu_bar": "mu", "nu_e_bar": "e"}
"""Flavour of each neutrino source."""


@dataclass(frozen=True)
class NucleusAtNodes:
    """What an interaction sees: one isotope at given momentum transfers.

    Form factors are made once per nucleus and shared by all interactions.

    Attributes:
        nucleus: The isotope.
        q2: Momentum transfer squared 2 M T_nr, [node] [MeV^2].
        F_p: Point-proton form factor, [node] [1].
        F_n: Point-neutron form factor, [node] [1].
        sources: Neutrino sources of the flux.
    """

    nucleus: Nucleus
    q2: Any
    F_p: Any
    F_n: Any
    sources: tuple[str, ...]

    @property
    def ZF_p(self) -> Any:
        """Z F_p, [node] [1]."""
        return self.nucleus.Z * self.F_p

    @property
    def NF_n(self) -> Any:
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


def _merge(a: dict[Any, Any], b: dict[Any, Any]) -> dict[Any, Any]:
    merged = dict(a)
    for key, value in b.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


@dataclass(frozen=True)
class Charges:
    """Sparse charges of one isotope: a missing key is zero, and costs nothing.

    Vector and axial charges are amplitudes: they add, then are squared. The others are strengths
    that multiply their structure's kernel (see ``cross_section``), by source; they add as rates.

    Attributes:
        vector: Weak charges Q_ab, {(source, outgoing flavour): array [node]} [1].
        axial: Axial charges, {(source, outgoing flavour): array [node]} [1].
        magnetic: Strengths of 1/T - 1/E, {source: array [node]} [MeV].
        scalar: Strengths of M T/(2 E^2), {source: array [node]} [1].
        tensor: Strengths of 1 - M T/(4 E^2) - T/E, {source: array [node]} [1].
        scalar_tensor: Strengths of -T/E for neutrinos, +T/E for antineutrinos, {source} [1].
    """

    vector: dict[Key, Any] = field(default_factory=dict)
    axial: dict[Key, Any] = field(default_factory=dict)
    magnetic: dict[str, Any] = field(default_factory=dict)
    scalar: dict[str, Any] = field(default_factory=dict)
    tensor: dict[str, Any] = field(default_factory=dict)
    scalar_tensor: dict[str, Any] = field(default_factory=dict)

    def __add__(self, other: "Charges") -> "Charges":
        return Charges(
            **{f.name: _merge(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        )

    def product(self, left: str, right: str, source: str) -> Any:
        """Sum over outgoing flavours of two amplitudes' product, None if there is none [1].

        Args:
            left: "vector" or "axial".
            right: "vector" or "axial"; the same as ``left`` gives the square.
            source: Neutrino source.
        """
        a, b = getattr(self, left), getattr(self, right)
        terms = [x * b[key] for key, x in a.items() if key[0] == source and key in b]
        return total(terms) if terms else None
