"""Tensor non-standard interactions, added to the rate.

Q_T = (2 eps_u + eps_d) Z F_p + (eps_u + 2 eps_d) N F_n and
dsigma/dT = (4 G_F^2 M/pi) Q_T^2 (1 - T/E - M T/4E^2): a documented choice, since Papoulias and
Kosmas, PRD 97, 033003, print neither formula nor number.
"""

from cevnsjax.core.types import AtNodes, Values
from cevnsjax.interactions.charges import Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import PAIRS
from cevnsjax.interactions.nsi import QuarkCouplings
from cevnsjax.numerics import total

NAMES = tuple(f"eps_{q}T_{pair}" for pair in PAIRS for q in "ud")


class TensorNSI(QuarkCouplings):
    """Tensor NSI of u and d quarks, real and symmetric in flavour.

    The twelve couplings, named like eps_uT_ee, are switched on if none is named.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_e")
        >>> beyond = (cj.StandardModel(), cj.TensorNSI("eps_uT_ee"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"eps_uT_ee": 0.1})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        3.05
    """

    key = "tensor_nsi"
    owns = default_names = NAMES
    letter = "T"
    structures = ("tensor",)

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Tensor strengths by source, summed over outgoing flavours."""
        squares: dict[str, list[AtNodes]] = {}
        for (source, _), amplitude in self.amplitudes(values, nucleus).items():
            squares.setdefault(source, []).append(4 * amplitude**2)
        return Charges(tensor={source: total(terms) for source, terms in squares.items()})
