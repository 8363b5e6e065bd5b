"""Charge radii of neutrinos: Q_ab -= sqrt2 pi alpha <r^2_ab>/(3 G_F) Z F_p.

Giunti and Studenikin, Rev. Mod. Phys. 87, 531; Cadeddu et al., PRD 102, 015030.
"""

import math
from typing import Literal

from cevnsjax.core import checks
from cevnsjax.core import constants as c
from cevnsjax.core.types import Values
from cevnsjax.couplings import charge_radius_term, coupling_scheme
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import PAIRS, is_diagonal, latex_of, require_names, spread
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter

_READINGS, _WAYS = ("shift", "total"), ("charge", "sin2_theta_w")
_SOURCE_LATEX = {"nu_e": r"\nu_e", "nu_mu": r"\nu_\mu", "nu_mu_bar": r"\bar\nu_\mu"}

RADIUS_NAMES = tuple(f"r2_nu_{pair}" for pair in PAIRS)
SOURCE_RADIUS_NAMES = ("r2_nu_e", "r2_nu_mu", "r2_nu_mu_bar")
RADIUS_CHARGE = math.sqrt(2) * math.pi * c.alpha * 1e-32 / (3 * c.G_F * c.hbar_c_squared_cm2)
"""sqrt2 pi alpha <r^2>/(3 G_F) for 1e-32 cm^2: charge per unit of r2_nu [1]."""


class ChargeRadius(Interaction):
    """Charge radii: Q_ab -= sqrt2 pi alpha <r^2_ab>/(3 G_F) Z F_p.

    Neutrinos and antineutrinos share a radius, unless ``per_source`` lets nu_mu_bar have its own.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_e")
        >>> beyond = (cj.StandardModel(), cj.ChargeRadius("r2_nu_ee"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"r2_nu_ee": -10.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        0.41
    """

    key = "charge_radius"
    owns = (*RADIUS_NAMES, *SOURCE_RADIUS_NAMES)
    on_electrons = True
    names: tuple[str, ...]
    reading: str
    via: str
    couplings: str
    factor: float

    def __init__(
        self,
        *names: str,
        reading: Literal["shift", "total"] = "shift",
        per_source: bool = False,
        via: Literal["charge", "sin2_theta_w"] = "charge",
        couplings: str = "pdg2018",
        factor: float = 0.5,
    ) -> None:
        """Switch radii on.

        Args:
            *names: r2_nu_ee, r2_nu_emu, ...; per source r2_nu_e, r2_nu_mu, r2_nu_mu_bar; all
                those of the reading if none is given.
            reading: "shift" adds to the Standard Model, "total" contains its value (Cadeddu et
                al.; diagonal radii then default to the Standard Model's).
            per_source: Radii by source instead of by flavour pair.
            via: "charge", or "sin2_theta_w" for papers that shift s_W^2 by
                factor x sqrt2 pi alpha <r^2>/(3 G_F) with the slope of their coupling scheme.
            couplings: The scheme of that slope; only ``via="sin2_theta_w"`` uses it.
            factor: 1 as PRD 97, 033003 and eq. 17 of PRD 102, 113004 print it; 1/2 agrees with
                the table of the latter, and with "charge" at tree level [1].

        Raises:
            UnknownNameError: At an unknown name or option.
        """
        allowed = SOURCE_RADIUS_NAMES if per_source else RADIUS_NAMES
        checks.known("ChargeRadius", reading=(reading, _READINGS), via=(via, _WAYS))
        coupling_scheme(couplings)
        super().__init__(
            names=require_names("ChargeRadius", names or allowed, allowed),
            reading=reading,
            via=via,
            couplings=couplings,
            factor=checks.number("charge_radius.factor", factor),
        )

    @classmethod
    def from_names(cls, *names: str, **options: object) -> Interaction:
        """Radii by name; names by source select the reading by source."""
        per_source = any(name in SOURCE_RADIUS_NAMES for name in names)
        return super().from_names(*names, **{"per_source": per_source, **options})

    def own_parameters(self) -> list[Parameter]:
        """The radii that are switched on."""
        return [self._parameter(name) for name in self.names]

    def _parameter(self, name: str) -> Parameter:
        letters = name.removeprefix("r2_nu_")
        index = latex_of(letters) if letters in PAIRS else _SOURCE_LATEX[f"nu_{letters}"]
        off_diagonal = letters in PAIRS and not is_diagonal(letters)
        return Parameter(
            name=name,
            meaning=f"neutrino charge radius {letters} ({self.reading})",
            default=self._standard_part(name),
            bounds=(-1e4, 1e4),
            unit="1e-32 cm^2",
            latex=rf"\langle r^2_{{{index}}}\rangle",
            scale=10.0,
            even=off_diagonal,
            owner="ChargeRadius",
        )

    def _standard_part(self, name: str) -> float:
        """The Standard Model's part of this parameter [1e-32 cm^2]; 0 off the diagonal."""
        letters = name.removeprefix("r2_nu_")
        if self.reading == "shift" or (letters in PAIRS and not is_diagonal(letters)):
            return 0.0
        flavour = PAIRS[letters][0] if letters in PAIRS else SOURCE_FLAVOUR[f"nu_{letters}"]
        return charge_radius_term(flavour) / -RADIUS_CHARGE

    def _per_radius(self) -> float:
        """Charge per unit of radius and of Z F_p [1]."""
        if self.via == "charge":
            return -RADIUS_CHARGE
        return coupling_scheme(self.couplings).slope * self.factor * RADIUS_CHARGE

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source and outgoing flavour."""
        unit = self._per_radius()
        amplitudes = {}
        for name in self.names:
            beyond = values[name] - self._standard_part(name)
            amplitudes[name.removeprefix("r2_nu_")] = unit * beyond * nucleus.ZF_p
        if all(letters in PAIRS for letters in amplitudes):
            return Charges(vector=spread(amplitudes, nucleus.sources))
        vector = {}
        for source in nucleus.sources:
            # An antineutrino without a radius of its own takes that of its flavour.
            flavour, has_radius = SOURCE_FLAVOUR[source], f"r2_{source}" in SOURCE_RADIUS_NAMES
            radius = source.removeprefix("nu_") if has_radius else flavour
            if radius in amplitudes:
                vector[(source, flavour)] = amplitudes[radius]
        return Charges(vector=vector)
