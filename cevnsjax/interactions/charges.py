"""The algebra of interactions: charges add as amplitudes, source by source, flavour by flavour."""

from dataclasses import dataclass, field, fields
from typing import Any

from cevnsjax.nuclei import Nucleus
from cevnsjax.numerics import total
from cevnsjax.types import Reals

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


def _merge(a: dict[Key, Any], b: dict[Key, Any]) -> dict[Key, Any]:
    merged = dict(a)
    for key, value in b.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


@dataclass(frozen=True)
class Charges:
    """Sparse amplitudes: a missing key is zero, and costs nothing.

    Attributes:
        vector: Weak charges Q_ab, {(source, outgoing flavour): array [node]} [1].
    """

    vector: dict[Key, Any] = field(default_factory=dict)

    def __add__(self, other: "Charges") -> "Charges":
        return Charges(
            **{f.name: _merge(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        )

    def vector_squared(self, source: str) -> Reals | None:
        """Sum over outgoing flavours of |Q_ab|^2 for one source, None if there is none [1]."""
        squares = [amplitude**2 for (s, _), amplitude in self.vector.items() if s == source]
        return total(squares) if squares else None
