"""A light scalar boson: it flips helicity, so its rate adds without interference."""

from typing import Literal

from cevnsjax.core import constants as c
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.generalized import SCALAR_PER_NEUTRON, SCALAR_PER_PROTON
from cevnsjax.interactions.vector_mediator import Mediator

_NUCLEAR = ("papoulias2020", "quark")


class LightScalar(Mediator):
    """M^2 Q_phi^2 g^4 T F^2/(4 pi E^2 (2 M T + m^2)^2), g^2 = g_nu g_q.

    Papoulias, PRD 102, 113004, eqs. 20-21; Cerdeno et al., JHEP 05 (2016) 118.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.LightScalar())
        >>> sigma = cj.differential_cross_section(*at, beyond, {"g_phi": 2e-5, "m_phi": 10.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        1.49
    """

    key = "light_scalar"
    owns = ("g_phi", "m_phi")
    symbol = r"\phi"
    structures = ("scalar",)
    nuclear: str

    def __init__(self, nuclear: Literal["papoulias2020", "quark"] = "papoulias2020") -> None:
        """Choose the nuclear charge.

        Args:
            nuclear: "papoulias2020" for Q_phi = 14 A + 1.1 Z, or "quark" for equal couplings to u
                and d through the nucleon matrix elements of PRD 98, 075018, eqs. 15-16.

        Raises:
            UnknownNameError: At another word.
        """
        if nuclear not in _NUCLEAR:
            raise UnknownNameError("nuclear charge", nuclear, _NUCLEAR)
        super().__init__(nuclear=nuclear)

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Scalar strengths by source, in the units of M T/(2 E^2)."""
        if self.nuclear == "quark":
            proton, neutron = sum(SCALAR_PER_PROTON.values()), sum(SCALAR_PER_NEUTRON.values())
        else:
            # 14 A + 1.1 Z, written per nucleon so that each has its own form factor.
            proton, neutron = 15.1, 14.0
        charge = proton * nucleus.ZF_p + neutron * nucleus.NF_n
        strength = (self.propagator(values, nucleus) * (1 / c.G_F) * charge) ** 2 / 2
        return Charges(scalar={s: strength for s in nucleus.sources if s in SOURCE_FLAVOUR})
