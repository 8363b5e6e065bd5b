"""Vector non-standard interactions of neutrinos with u and d quarks.

Barranco, Miranda and Rashba, JHEP 12 (2005) 021; Papoulias, PRD 102, 113004, eq. 14, with the
off-diagonal terms summed as squares (the paper prints them linearly).
"""

from collections.abc import Mapping
from typing import ClassVar

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import AtNodes, RealLike, Values
from cevnsjax.interactions.charges import Charges, Key, NucleusAtNodes
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


class QuarkCouplings(Interaction):
    """Couplings eps_<quark><letter>_ab, real and symmetric in flavour.

    Attributes:
        letter: Letter of the Lorentz structure in the names: "V" or "T".
        default_names: Couplings switched on if none is named.
    """

    letter: ClassVar[str]
    default_names: ClassVar[tuple[str, ...]]
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch couplings on.

        Args:
            *names: Names like eps_uV_ee, eps_dV_emu; those of u and d quarks if none is given.

        Raises:
            UnknownNameError: At an unknown quark or flavour pair.
        """
        what = type(self).__name__
        super().__init__(names=require_names(what, names or self.default_names, self.owns))

    def own_parameters(self) -> list[Parameter]:
        """The couplings that are switched on."""
        return [self._parameter(name) for name in self.names]

    def _parameter(self, name: str) -> Parameter:
        pair, quark = name.rpartition("_")[2], name[len("eps_")]
        quarks = _WORDS[quark]
        return Parameter(
            name=name,
            meaning=f"{self.letter} coupling of {quarks}, neutrinos {pair}, relative to G_F",
            default=0.0,
            bounds=(-10.0, 10.0),
            latex=rf"\varepsilon^{{{quark}{self.letter}}}_{{{latex_of(pair)}}}",
            scale=0.1,
            even=not is_diagonal(pair),
            owner=type(self).__name__,
        )

    def amplitudes(self, values: Values, nucleus: NucleusAtNodes) -> dict[Key, AtNodes]:
        """(2 eps_u + eps_d) Z F_p + (eps_u + 2 eps_d) N F_n by source and outgoing flavour.

        Args:
            values: All parameters of the model.
            nucleus: The isotope.

        Returns:
            {(source, outgoing flavour): [node] [1]}.
        """
        by_pair: dict[str, AtNodes] = {}
        for name in self.names:
            pair, quark = name.rpartition("_")[2], name[len("eps_")]
            quarks = _PROTON[quark] * nucleus.ZF_p + _NEUTRON[quark] * nucleus.NF_n
            term = values[name] * quarks
            by_pair[pair] = by_pair[pair] + term if pair in by_pair else term
        return spread(by_pair, nucleus.sources)


class NSI(QuarkCouplings):
    """Vector NSI: Q_ab += (2 eps^u_ab + eps^d_ab) Z F_p + (eps^u_ab + 2 eps^d_ab) N F_n.

    ``eps_uV_emu`` is one real number for nu_e -> nu_mu and nu_mu -> nu_e, neutrinos and
    antineutrinos. ``eps_qV_ee`` is a coupling of u and d quarks alike, eps^u = eps^d, and adds to
    those of each. The twelve couplings of u and d quarks are switched on if none is named.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_e")
        >>> beyond = (cj.StandardModel(), cj.NSI("eps_uV_ee"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"eps_uV_ee": 0.1})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        0.24
    """

    key = "nsi"
    owns = (*NAMES, *COMMON)
    letter, default_names = "V", NAMES

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source and outgoing flavour."""
        return Charges(vector=self.amplitudes(values, nucleus))


def matter_nsi(values: Mapping[str, RealLike], pair: str) -> RealLike:
    """eps_ab that enters oscillations in matter, 3 (eps^u_ab + eps^d_ab) [1].

    Liao and Marfatia, PLB 775, 54, eq. 11 (equal numbers of u and d quarks and electrons up to a
    factor 3).

    Args:
        values: NSI couplings by name; those left out are 0 [1].
        pair: Flavour pair, e.g. "ee".

    Returns:
        The coupling, shaped like the values [1].

    Raises:
        UnknownNameError: At an unknown pair.

    Examples:
        >>> cj.matter_nsi({"eps_uV_ee": 0.25, "eps_dV_ee": -0.5}, "ee")
        -0.75
    """
    if pair not in PAIRS:
        raise UnknownNameError("flavour pair", pair, PAIRS)
    u, d, q = (values.get(f"eps_{quark}V_{pair}", 0.0) for quark in "udq")
    return 3 * (u + d + 2 * q)
