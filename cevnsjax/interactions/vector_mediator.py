"""A light vector boson with any charges: Q_a += g^2 Q'_a (quarks)/(sqrt2 G_F (q^2 + m^2)).

Cadeddu et al., JHEP 01 (2021) 116; Liao and Marfatia, PLB 775, 54; Papoulias, PRD 102, 113004.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from cevnsjax.core import checks
from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import AtNodes, Values
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.lepton_loops import kinetic_mixing, mixing_at_rest
from cevnsjax.parameters import Parameter


class GaugeCharges(NamedTuple):
    """Charges Q' under a new U(1).

    Without quark charges the boson couples to protons through the photon and a loop of the two
    leptons in ``loop``, the first of charge +1 and the second of charge -1.

    Examples:
        >>> cj.LightVector(cj.GaugeCharges(u=1, d=1, e=-3, mu=0, tau=0)).charges.e
        -3
    """

    u: float
    d: float
    e: float
    mu: float
    tau: float
    loop: tuple[str, str] | None = None


_QUARK = 1 / 3
MODELS = {
    "universal": GaugeCharges(1, 1, 1, 1, 1),
    "B-L": GaugeCharges(-_QUARK, -_QUARK, 1, 1, 1),
    "B-3L_e": GaugeCharges(_QUARK, _QUARK, -3, 0, 0),
    "B-3L_mu": GaugeCharges(_QUARK, _QUARK, 0, -3, 0),
    "B-2L_e-L_mu": GaugeCharges(_QUARK, _QUARK, -2, -1, 0),
    "L_mu-L_tau": GaugeCharges(0, 0, 0, 1, -1, ("mu", "tau")),
    "L_e-L_mu": GaugeCharges(0, 0, 1, -1, 0, ("e", "mu")),
    "L_e-L_tau": GaugeCharges(0, 0, 1, 0, -1, ("e", "tau")),
}
"""Ready-made models by name."""

_NORMALIZATION = {"standard": math.sqrt(2), "lm_eq6": 2 * math.sqrt(2)}
_LOOPS = ("running", "q0")


class Mediator(Interaction):
    """A light mediator: ``owns`` its coupling and its mass first, which come together.

    Attributes:
        symbol: LaTeX of the mediator.
    """

    symbol: ClassVar[str]
    on_electrons = True
    steepness = 2

    @classmethod
    def from_names(cls, *names: str, **options: object) -> Interaction:
        """The mediator, with both parameters whichever is named."""
        del names
        return super().from_names(**options)

    @property
    def masses(self) -> tuple[str, ...]:
        """Name of its mass."""
        return self.owns[1:2]

    def own_parameters(self) -> list[Parameter]:
        """Coupling and mass."""
        coupling, mass = self.owns[:2]
        owner = type(self).__name__
        return [
            Parameter(
                name=coupling,
                meaning=f"coupling of the mediator of {owner}",
                default=0.0,
                bounds=(0.0, 100.0),
                physical=(True, False),
                latex=rf"g_{{{self.symbol}}}",
                scale=1e-5,
                even=True,
                owner=owner,
            ),
            Parameter(
                name=mass,
                meaning=f"mass of the mediator of {owner}",
                default=10.0,
                bounds=(0.0, 1e7),
                physical=(True, False),
                unit="MeV",
                latex=rf"m_{{{self.symbol}}}",
                scale=10.0,
                owner=owner,
            ),
        ]

    def propagator(self, values: Values, nucleus: NucleusAtNodes) -> AtNodes:
        """g^2/(q^2 + m^2), [node] [MeV^-2]."""
        coupling, mass = self.owns[:2]
        return values[coupling] ** 2 / (nucleus.q2 + values[mass] ** 2)


class LightVector(Mediator):
    """A light vector mediator; massless and heavy limits are finite.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.LightVector("B-L"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"g_Zp": 5e-5, "m_Zp": 10.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        1.49
    """

    key = "light_vector"
    owns = ("g_Zp", "m_Zp")
    symbol = "Z'"
    charges: GaugeCharges
    loop: str
    loop_sign: int
    eps_0: float
    normalization: str

    def __init__(
        self,
        charges: str | Sequence[float | tuple[str, str] | None] = "universal",
        *,
        loop: Literal["running", "q0"] = "running",
        loop_sign: Literal[-1, 1] = 1,
        eps_0: float = 0.0,
        normalization: Literal["standard", "lm_eq6"] = "standard",
    ) -> None:
        """Choose the model.

        Args:
            charges: Name in ``MODELS``, or (u, d, e, mu, tau) charges.
            loop: One loop of L_a - L_b models at the momentum transfer ("running"), or at q^2 = 0
                ("q0", the logarithm of the mass ratio, as in Cadeddu et al.).
            loop_sign: Sign of the one-loop coupling of L_a - L_b models: +1 follows from the loop,
                -1 is what slides of Cadeddu et al. print.
            eps_0: Charge of protons that is added to that of the loop: mixing at high energies [1].
            normalization: "standard", or "lm_eq6" for 2 sqrt2 where eqs. 9-10 of the same paper
                (Liao and Marfatia) give sqrt2.

        Raises:
            UnknownNameError: At an unknown model or normalisation.
            InputError: At other than five charges, a sign that is not +-1, or mixing that is not a
                number or is given for a model without a loop.
        """
        if isinstance(charges, str):
            if charges not in MODELS:
                raise UnknownNameError("gauge model", charges, MODELS)
            gauge = MODELS[charges]
        elif isinstance(charges, GaugeCharges):
            gauge = charges
        else:
            example = "(1, 1, -3, 0, 0) for (u, d, e, mu, tau), or a model's name"
            what = "light_vector.charges"
            listed = list(charges) if isinstance(charges, tuple) else charges
            u, d, e, mu, tau = checks.numbers(what, listed, length=5, example=example)
            gauge = GaugeCharges(u, d, e, mu, tau)
        checks.known(
            "light_vector", loop=(loop, _LOOPS), normalization=(normalization, _NORMALIZATION)
        )
        if isinstance(loop_sign, bool) or loop_sign not in (-1, 1):
            raise InputError(f"loop_sign must be -1 or 1, got {loop_sign!r}")
        mixing = checks.number("light_vector.eps_0", eps_0)
        if mixing and gauge.loop is None:
            raise InputError(f"eps_0 = {mixing:g} acts on L_a - L_b models only; set it to 0")
        super().__init__(
            charges=gauge,
            loop=loop,
            loop_sign=loop_sign,
            eps_0=mixing,
            normalization=normalization,
        )

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source."""
        strength = 1 / (_NORMALIZATION[self.normalization] * c.G_F)
        amplitude = self.propagator(values, nucleus) * strength * self._target_charge(nucleus)
        vector = {}
        for source in nucleus.sources:
            lepton = getattr(self.charges, SOURCE_FLAVOUR[source])
            if lepton:
                vector[(source, SOURCE_FLAVOUR[source])] = lepton * amplitude
        return Charges(vector=vector)

    def _target_charge(self, nucleus: NucleusAtNodes) -> AtNodes:
        """Charge of the nucleus or electron under the boson, [node] [1].

        An electron without a charge has one from the loop, the opposite of the proton's.
        """
        q = self.charges
        if nucleus.nucleus.is_electron and (q.e or q.loop is None):
            return q.e * nucleus.F_p
        if q.loop is None:
            return (2 * q.u + q.d) * nucleus.ZF_p + (q.u + 2 * q.d) * nucleus.NF_n
        q0 = self.loop == "q0"
        loop = mixing_at_rest(*q.loop) if q0 else kinetic_mixing(nucleus.q2, *q.loop)
        return (self.loop_sign * loop + self.eps_0) * nucleus.ZF_p
