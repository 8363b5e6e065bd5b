"""Vector non-standard interactions of neutrinos with u and d quarks.

Barranco, Miranda and Rashba, JHEP 12 (2005) 021; Papoulias, PRD 102, 113004, eq. 14, with the
off-diagonal terms summed as squares (the paper prints them linearly).
"""

from collections.abc import Mapping
from typing import Any

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.interactions.charges import Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import PAIRS, is_diagonal, latex_of, require_names, spread
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter

NAMES = tuple(f"eps_{q}V_{pair}" for pair in PAIRS for q in "ud")
COMMON = tuple(f"eps_qV_{pair}" for pair in PAIRS)
"""Couplings that u and d quarks share."""
# Valence quarks by the letter in a name; q is both kinds.
_PROTON = {"u": 2, "d": 1, "q": 3}
_NEUTRON = {"u": 1, "d": 2, "q": 3}
_WORDS = {"u": "u quarks", "d": "d quarks", "q": "u and d quarks alike"}


def quark_couplings(names: tuple[str, ...], kind: str, owner: str) -> list[Parameter]:
    """Parameters eps_<quark><kind>_ab, real and symmetric in flavour.

    Args:
        names: Names like eps_uV_emu.
        kind: Lorentz structure in the names: "V" or "T".
        owner: Interaction that owns them.
    """
    out = []
    for name in names:
        pair = name.rpartition("_")[2]
        quark = name[len("eps_")]
        out.append(
            Parameter(
                name=name,
                meaning=f"{kind} coupling of {_WORDS[quark]}, neutrinos {pair}, relative to G_F",
                default=0.0,
                bounds=(-10.0, 10.0),
                latex=rf"\varepsilon^{{{quark}{kind}}}_{{{latex_of(pair)}}}",
                scale=0.1,
                even=not is_diagonal(pair),
                owner=owner,
            )
        )
    return out


def by_pair(names: tuple[str, ...], values: Values, nucleus: NucleusAtNodes) -> dict[str, Any]:
    """(2 eps_u + eps_d) Z F_p + (eps_u + 2 eps_d) N F_n by flavour pair, [node] [1].

    Args:
        names: Couplings that are switched on.
        values: All parameters of the model.
        nucleus: The isotope.
    """
    out: dict[str, Any] = {}
    for name in names:
        pair, quark = name.rpartition("_")[2], name[len("eps_")]
        quarks = _PROTON[quark] * nucleus.ZF_p + _NEUTRON[quark] * nucleus.NF_n
        term = values[name] * quarks
        out[pair] = out[pair] + term if pair in out else term
    return out


class NSI(Interaction):
    """Vector NSI: Q_ab += (2 eps^u_ab + eps^d_ab) Z F_p + (eps^u_ab + 2 eps^d_ab) N F_n.

    ``eps_uV_emu`` is one real number for nu_e -> nu_mu and nu_mu -> nu_e, neutrinos and
    antineutrinos. ``eps_qV_ee`` is a coupling of u and d quarks alike, eps^u = eps^d, and adds to
    those of each.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch couplings on.

        Args:
            *names: Names like eps_uV_ee, eps_dV_emu, eps_qV_ee; the twelve of u and d quarks if
                none is given.

        Raises:
            UnknownNameError: At an unknown quark or flavour pair.
        """
        super().__init__(names=require_names("NSI", names or NAMES, (*NAMES, *COMMON)))

    def own_parameters(self) -> list[Parameter]:
        """The couplings that are switched on."""
        return quark_couplings(self.names, "V", "NSI")

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source and outgoing flavour."""
        return Charges(vector=spread(by_pair(self.names, values, nucleus), nucleus.sources))


def matter_nsi(values: Mapping[str, Any], pair: str) -> Any:
    """eps_ab that enters oscillations in matter, 3 (eps^u_ab + eps^d_ab) [1].

    Liao and Marfatia, PLB 775, 54, eq. 11 (equal numbers of u and d quarks and electrons up to a
    factor 3).

    Args:
        values: NSI couplings by name; absent ones are 0.
        pair: Flavour pair, e.g. "ee".

    Raises:
        UnknownNameError: At an unknown pair.
    """
    if pair not in PAIRS:
        raise UnknownNameError("flavour pair", pair, PAIRS)
    u, d, q = (values.get(f"eps_{quark}V_{pair}", 0.0) for quark in "udq")
    return 3 * (u + d + 2 * q)
