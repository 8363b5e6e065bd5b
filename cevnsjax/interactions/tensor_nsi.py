"""Tensor non-standard interactions, added to the rate.

Q_T = (2 eps_u + eps_d) Z F_p + (eps_u + 2 eps_d) N F_n and
dsigma/dT = (4 G_F^2 M/pi) Q_T^2 (1 - T/E - M T/4E^2): a documented choice, since Papoulias and
Kosmas, PRD 97, 033003, print neither formula nor number.
"""

from typing import Any

from cevnsjax.core.types import Values
from cevnsjax.interactions.charges import Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import PAIRS, require_names, spread
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.interactions.nsi import by_pair, quark_couplings
from cevnsjax.numerics import total
from cevnsjax.parameters import Parameter

NAMES = tuple(f"eps_{q}T_{pair}" for pair in PAIRS for q in "ud")


class TensorNSI(Interaction):
    """Tensor NSI of u and d quarks, real and symmetric in flavour."""

    @property
    def structures(self) -> tuple[str, ...]:
        """Parts of ``Charges`` it fills."""
        return ("tensor",)

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch couplings on.

        Args:
            *names: Names like eps_uT_ee; all twelve if none is given.

        Raises:
            UnknownNameError: At an unknown quark or flavour pair.
        """
        super().__init__(names=require_names("TensorNSI", names or NAMES, NAMES))

    def own_parameters(self) -> list[Parameter]:
        """The couplings that are switched on."""
        return quark_couplings(self.names, "T", "TensorNSI")

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Tensor strengths by source, summed over outgoing flavours."""
        amplitudes = spread(by_pair(self.names, values, nucleus), nucleus.sources)
        strengths: dict[str, Any] = {}
        for source in nucleus.sources:
            squares = [4 * a**2 for (s, _), a in amplitudes.items() if s == source]
            if squares:
                strengths[source] = total(squares)
        return Charges(tensor=strengths)
