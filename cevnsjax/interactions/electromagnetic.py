"""Magnetic moments and electric charges of neutrinos.

Giunti and Studenikin, Rev. Mod. Phys. 87, 531; Cadeddu et al., PRD 102, 015030.
"""

import math
from typing import Literal

from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.core.types import AtNodes, RealLike, Values
from cevnsjax.couplings import FLAVOURS
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import (
    LATEX,
    PAIRS,
    is_diagonal,
    latex_of,
    require_names,
    spread,
)
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter

MOMENT_NAMES = ("mu_nu", *(f"mu_nu_{flavour}" for flavour in FLAVOURS))
CHARGE_NAMES = tuple(f"q_nu_{pair}" for pair in PAIRS)

MILLICHARGE = 2 * math.sqrt(2) * math.pi * c.alpha * 1e-8 / c.G_F
"""2 sqrt2 pi alpha q/G_F for 1e-8 e, to be divided by q^2 [MeV^2]."""
# pi alpha^2/m_e^2 in units of G_F^2 M/pi, times (1e-10)^2 for moments in 1e-10 mu_B; over M.
_MOMENT = math.pi**2 * c.alpha**2 / (c.m_e**2 * c.G_F**2) * 1e-20


class Moments(Interaction):
    """Magnetic moments, whose squares add to the rate: base of effective and of named ones.

    Attributes:
        names: Parameters that are switched on.
        form_factor_power: 2, or 1 for Table I of PRD 102, 113004, which has F instead of F^2.
    """

    structures = ("magnetic",)
    on_electrons = True
    steepness = 1
    massless = True
    names: tuple[str, ...]
    form_factor_power: int

    def __init__(self, names: tuple[str, ...], form_factor_power: int, **options: float) -> None:
        """Switch moments on.

        Args:
            names: Parameters.
            form_factor_power: 2 or 1.
            **options: Further options.

        Raises:
            InputError: At another power.
        """
        if form_factor_power not in (1, 2):
            raise InputError(f"form_factor_power must be 1 or 2, got {form_factor_power}")
        super().__init__(names=names, form_factor_power=form_factor_power, **options)

    def squared(self, values: Values, flavour: str) -> RealLike | None:
        """Square of a flavour's effective moment [1e-20 mu_B^2], None if it has none.

        Args:
            values: All parameters of the model.
            flavour: Flavour of the source.
        """
        raise NotImplementedError

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Magnetic strengths by source."""
        F_p = nucleus.F_p**2 if self.form_factor_power == 2 else abs(nucleus.F_p)
        unit = _MOMENT / nucleus.nucleus.mass * nucleus.nucleus.Z**2 * F_p
        squares = {s: self.squared(values, SOURCE_FLAVOUR[s]) for s in nucleus.sources}
        return Charges(magnetic={s: mu2 * unit for s, mu2 in squares.items() if mu2 is not None})


def moment_parameter(
    name: str, meaning: str, latex: str, owner: str, *, signed: bool = False
) -> Parameter:
    """A moment of 0 unless it is fitted.

    Args:
        name: Name.
        meaning: One line for tables.
        latex: Axis label.
        owner: Class that owns it.
        signed: Whether it may be negative.
    """
    return Parameter(
        name=name,
        meaning=meaning,
        default=0.0,
        bounds=(-1e4 if signed else 0.0, 1e4),
        physical=(not signed, False),
        unit="1e-10 mu_B",
        latex=latex,
        scale=10.0,
        even=True,
        owner=owner,
    )


class MagneticMoment(Moments):
    """Magnetic moments: pi alpha^2/m_e^2 (mu/mu_B)^2 Z^2 F_p^2 (1/T - 1/E), added to the rate.

    Vogel and Engel, PRD 39, 3378.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.MagneticMoment("mu_nu_mu"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"mu_nu_mu": 43.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        2.52
    """

    key = "magnetic_moment"
    owns = MOMENT_NAMES

    def __init__(self, *names: str, form_factor_power: Literal[1, 2] = 2) -> None:
        """Switch moments on.

        Args:
            *names: "mu_nu" for one effective moment of all flavours, or mu_nu_e, mu_nu_mu,
                mu_nu_tau; "mu_nu" if none is given.
            form_factor_power: 2, or 1 for Table I of PRD 102, 113004, which has F instead of F^2.

        Raises:
            UnknownNameError: At an unknown name.
            InputError: If the effective moment is mixed with flavour moments.
        """
        listed = require_names("MagneticMoment", names or ("mu_nu",), MOMENT_NAMES, "mu_nu")
        super().__init__(listed, form_factor_power)

    def own_parameters(self) -> list[Parameter]:
        """The moments that are switched on."""
        return [
            moment_parameter(
                name,
                "effective neutrino magnetic moment of all flavours"
                if name == "mu_nu"
                else f"neutrino magnetic moment, {name.removeprefix('mu_nu_')}",
                rf"\mu_{{\nu{('_' + LATEX[name[6:]]) if name != 'mu_nu' else ''}}}",
                "MagneticMoment",
            )
            for name in self.names
        ]

    def squared(self, values: Values, flavour: str) -> RealLike | None:
        """The flavour's own moment squared, or that of all."""
        name = "mu_nu" if "mu_nu" in self.names else f"mu_nu_{flavour}"
        return values[name] ** 2 if name in self.names else None


class Millicharge(Interaction):
    """Electric charges: Q_ab -= 2 sqrt2 pi alpha q_ab/(G_F q^2) Z F_p with q^2 = -2 M T.

    The sign is that of Cadeddu et al., PRD 102, 015030.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_e")
        >>> beyond = (cj.StandardModel(), cj.Millicharge("q_nu_ee"))
        >>> sigma = cj.differential_cross_section(*at, beyond, {"q_nu_ee": 10.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        0.41
    """

    key = "millicharge"
    owns = CHARGE_NAMES
    on_electrons = True
    steepness = 2
    massless = True
    names: tuple[str, ...]
    sign: int

    def __init__(self, *names: str, sign: Literal[-1, 1] = -1) -> None:
        """Switch charges on.

        Args:
            *names: q_nu_ee, q_nu_emu, ...; all six if none is given.
            sign: Sign of q^2 = sign x 2 M T; +1 mirrors every interval [1].

        Raises:
            UnknownNameError: At an unknown flavour pair.
            InputError: If the sign is not +-1.
        """
        if sign not in (-1, 1):
            raise InputError(f"Millicharge sign must be -1 or 1, got {sign}")
        listed = require_names("Millicharge", names or CHARGE_NAMES, CHARGE_NAMES)
        super().__init__(names=listed, sign=sign)

    def own_parameters(self) -> list[Parameter]:
        """The charges that are switched on."""
        return [
            Parameter(
                name=name,
                meaning=f"neutrino electric charge {name.removeprefix('q_nu_')}",
                default=0.0,
                bounds=(-1e4, 1e4),
                unit="1e-8 e",
                latex=rf"q_{{{latex_of(name.removeprefix('q_nu_'))}}}",
                scale=10.0,
                even=not is_diagonal(name.removeprefix("q_nu_")),
                owner="Millicharge",
            )
            for name in self.names
        ]

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Vector amplitudes by source and outgoing flavour."""
        unit: AtNodes = -MILLICHARGE / (self.sign * nucleus.q2) * nucleus.ZF_p
        amplitudes = {name.removeprefix("q_nu_"): values[name] * unit for name in self.names}
        return Charges(vector=spread(amplitudes, nucleus.sources))
