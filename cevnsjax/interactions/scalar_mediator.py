"""A light scalar boson: it flips helicity, so its rate adds without interference."""

from typing import Literal

from cevnsjax.core import constants as c
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import AtNodes, Values
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.generalized import SCALAR_PER_NEUTRON, SCALAR_PER_PROTON
from cevnsjax.interactions.vector_mediator import Mediator
from cevnsjax.parameters import Parameter

_NUCLEAR = ("papoulias2020", "quark")


class LightScalar(Mediator):
    """M^2 Q_phi^2 g^4 T F^2/(4 pi E^2 (2 M T + m^2)^2), g^2 = g_nu g_q.

    Papoulias, PRD 102, 113004, eqs. 20-21; Cerdeno et al., JHEP 05 (2016) 118. On electrons g_phi
    g_e takes the place of g^2 Q_phi, and 1 + T/2 m_e is kept.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.LightScalar())
        >>> sigma = cj.differential_cross_section(*at, beyond, {"g_phi": 2e-5, "m_phi": 10.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        1.49
    """

    key = "light_scalar"
    owns = ("g_phi", "m_phi", "g_e")
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

    def own_parameters(self) -> list[Parameter]:
        """Coupling, mass, and the coupling to electrons."""
        electrons = Parameter(
            name="g_e",
            meaning="coupling of electrons to the scalar; g_phi is that of neutrinos beside it",
            default=0.0,
            bounds=(0.0, 100.0),
            physical=(True, False),
            latex="g_e",
            scale=1e-5,
            even=True,
            owner="LightScalar",
        )
        return [*super().own_parameters(), electrons]

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Scalar strengths by source, in the units of M T/(2 E^2)."""
        if nucleus.nucleus.is_electron:
            product = values["g_phi"] * values["g_e"]
            amplitude = product / (nucleus.q2 + values["m_phi"] ** 2) * (1 / c.G_F)
        else:
            amplitude = self.propagator(values, nucleus) * (1 / c.G_F) * self._charge(nucleus)
        strength = amplitude**2 / 2
        return Charges(scalar={s: strength for s in nucleus.sources if s in SOURCE_FLAVOUR})

    def _charge(self, nucleus: NucleusAtNodes) -> AtNodes:
        """Q_phi of a nucleus, [node] [1]."""
        if self.nuclear == "quark":
            proton, neutron = sum(SCALAR_PER_PROTON.values()), sum(SCALAR_PER_NEUTRON.values())
        else:
            # 14 A + 1.1 Z, written per nucleon so that each has its own form factor.
            proton, neutron = 15.1, 14.0
        return proton * nucleus.ZF_p + neutron * nucleus.NF_n
