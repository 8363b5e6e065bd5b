"""Magnetic moments by the entries of their matrices, of Majorana and of Dirac neutrinos.

Giunti and Studenikin, Rev. Mod. Phys. 87, 531; the square of a flavour's effective moment enters
its rate as that of ``MagneticMoment`` does.
"""

import math
from typing import Literal

import numpy as np

from cevnsjax.core import checks
from cevnsjax.core.types import RealLike, Values
from cevnsjax.couplings import FLAVOURS
from cevnsjax.interactions.electromagnetic import Moments, moment_parameter
from cevnsjax.interactions.flavour import LATEX, require_names
from cevnsjax.mixing import NUFIT, mixing_matrix
from cevnsjax.numerics import total
from cevnsjax.parameters import Parameter

LAMBDAS = tuple(f"Lambda_{flavour}" for flavour in FLAVOURS)
PHASES = tuple(f"arg_{name}" for name in LAMBDAS)
DIRAC = tuple(f"mu_nu_{j}{k}" for j in "123" for k in "123")


class MajoranaMoment(Moments):
    """Transition moments of Majorana neutrinos: lambda_emu = Lambda_tau and cyclic, antisymmetric.

    A pure flavour sees the moduli of the other two: ``|Lambda_mu|^2 + |Lambda_tau|^2`` for nu_e.
    Phases are seen by mixtures of flavours alone: the rates of all present sources do not depend on
    them.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.MajoranaMoment())
        >>> sigma = cj.differential_cross_section(*at, beyond, {"Lambda_tau": 43.0})
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        2.52
    """

    key = "majorana_moment"
    owns = (*LAMBDAS, *PHASES)
    names: tuple[str, ...]

    def __init__(self, *names: str, form_factor_power: Literal[1, 2] = 2) -> None:
        """Switch moments on.

        Args:
            *names: Lambda_e, Lambda_mu, Lambda_tau, the three if none is given; arg_Lambda_e, ...
                bring their moduli with them.
            form_factor_power: 2, or 1 for F in place of F^2.

        Raises:
            UnknownNameError: At an unknown name.
            InputError: At a name that comes twice, or another power.
        """
        chosen = require_names("MajoranaMoment", names or LAMBDAS, self.owns)
        listed = [n for n in self.owns if n in chosen or f"arg_{n}" in chosen]
        super().__init__(tuple(listed), form_factor_power)

    def own_parameters(self) -> list[Parameter]:
        """The moduli and phases that are switched on."""
        moduli = [
            moment_parameter(
                name,
                f"transition moment {name} of Majorana neutrinos",
                rf"|\Lambda_{LATEX[name.removeprefix('Lambda_')]}|",
                "MajoranaMoment",
            )
            for name in self.names
            if name in LAMBDAS
        ]
        return moduli + [self._phase(name) for name in self.names if name in PHASES]

    def _phase(self, name: str) -> Parameter:
        flavour = LATEX[name.removeprefix("arg_Lambda_")]
        return Parameter(
            name=name,
            meaning=f"phase of {name.removeprefix('arg_')}, seen by mixtures of flavours alone",
            default=0.0,
            bounds=(-math.pi, math.pi),
            unit="rad",
            latex=rf"\arg\Lambda_{flavour}",
            owner="MajoranaMoment",
        )

    def squared(self, values: Values, flavour: str) -> RealLike | None:
        """Sum of the squared moduli of the other two flavours."""
        others = [n for n in LAMBDAS if n in self.names and n != f"Lambda_{flavour}"]
        return total([values[name] ** 2 for name in others]) if others else None


class DiracMoment(Moments):
    """Moments mu_jk of Dirac neutrinos between mass states, real: ``sum_j |sum_k U_ak* mu_jk|^2``.

    The nine entries are parameters of their own: a symmetric matrix has mu_jk = mu_kj. Angles and
    phase of U are options.

    Examples:
        >>> at = (0.01, 30.0, cj.target("CsI").nuclei[1], "nu_mu")
        >>> beyond = (cj.StandardModel(), cj.DiracMoment("mu_nu_11", "mu_nu_22", "mu_nu_33"))
        >>> equal = {"mu_nu_11": 43.0, "mu_nu_22": 43.0, "mu_nu_33": 43.0}
        >>> sigma = cj.differential_cross_section(*at, beyond, equal)
        >>> round(float(sigma / cj.differential_cross_section(*at)), 2)
        2.52
    """

    key = "dirac_moment"
    owns = DIRAC
    names: tuple[str, ...]

    def __init__(
        self,
        *names: str,
        form_factor_power: Literal[1, 2] = 2,
        theta12_deg: float = NUFIT["theta12_deg"],
        theta13_deg: float = NUFIT["theta13_deg"],
        theta23_deg: float = NUFIT["theta23_deg"],
        delta_cp_deg: float = NUFIT["delta_cp_deg"],
    ) -> None:
        """Switch moments on.

        Args:
            *names: mu_nu_11, mu_nu_12, ..., mu_nu_33; all nine if none is given.
            form_factor_power: 2, or 1 for F in place of F^2.
            theta12_deg: Mixing angle, NuFIT 6.0 by default, as the next three [degree].
            theta13_deg: Mixing angle [degree].
            theta23_deg: Mixing angle [degree].
            delta_cp_deg: Phase of CP violation [degree].

        Raises:
            UnknownNameError: At an unknown name.
            InputError: At a name that comes twice, another power or an angle that is not a number.
        """
        angles = {
            "theta12_deg": theta12_deg,
            "theta13_deg": theta13_deg,
            "theta23_deg": theta23_deg,
            "delta_cp_deg": delta_cp_deg,
        }
        numbers = {n: checks.number(f"dirac_moment.{n}", x) for n, x in angles.items()}
        listed = require_names("DiracMoment", names or DIRAC, DIRAC)
        super().__init__(listed, form_factor_power, **numbers)

    def own_parameters(self) -> list[Parameter]:
        """The moments that are switched on."""
        return [
            moment_parameter(
                name,
                f"moment of Dirac neutrinos between mass states {name[-2]} and {name[-1]}",
                rf"\mu_{{{name[-2:]}}}",
                "DiracMoment",
                signed=True,
            )
            for name in self.names
        ]

    def squared(self, values: Values, flavour: str) -> RealLike | None:
        """Sum over outgoing mass states of squared sums over incoming ones."""
        U = mixing_matrix(**{name: getattr(self, name) for name in NUFIT})
        row = U[FLAVOURS.index(flavour)]
        parts = []
        for component in (np.real(row), np.imag(row)):
            # A moment that is named is a number; the others are 0 and cost nothing.
            for j in "123":
                named = [f"mu_nu_{j}{k}" for k in "123" if f"mu_nu_{j}{k}" in self.names]
                terms = [float(component[int(n[-1]) - 1]) * values[n] for n in named]
                parts += [total(terms) ** 2] if terms else []
        return total(parts)
