"""Planes of two quark couplings in Figs. 4-6 of Aristizabal Sierra, De Romeri and Rojas."""

import math
from dataclasses import dataclass

import numpy as np

from cevnsjax.analyses.papers.aristizabal2018 import SCALED_CV
from cevnsjax.interactions.generalized import PER_NUCLEON
from cevnsjax.nuclei import isotope

POINTS = 301
"""Number of points of each axis."""
# Last letter of a quark coupling: letter of the nuclear coupling that it contributes to.
_STRUCTURE = {"S": "S", "P": "S", "V": "V", "A": "V", "T": "T"}


@dataclass(frozen=True)
class Plane:
    """Two quark couplings of a panel by name, e.g. "C_u_S", and the ranges of their axes [1]."""

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def structures(self) -> tuple[str, ...]:
        """Nuclear couplings that the two contribute to: one or two of S, V, T."""
        return tuple(dict.fromkeys(_STRUCTURE[n[-1]] for n in (self.x, self.y)))

    @property
    def dof(self) -> int:
        """Degrees of freedom as the paper counts them: the number of nuclear couplings."""
        return len(self.structures)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Values of each coupling, [point]; the middle of each range is one of them."""
        return np.linspace(*self.x_range, POINTS), np.linspace(*self.y_range, POINTS)

    def effective(self, factor: float = 1.0) -> dict[str, np.ndarray]:
        """Nuclear couplings xi_X of Cs by eqs. 19 and 21 over the plane, {name: [x, y]} [1].

        The factor multiplies every quark coupling; it is sqrt2 for the paper's xi^2 = 2 xi_Cs^2.
        """
        slopes = (factor * per_neutron(n) for n in (self.x, self.y))
        x, y = np.meshgrid(
            *(a * g for a, g in zip(slopes, self.grid(), strict=True)), indexing="ij"
        )
        if len(self.structures) == 2:
            return {f"xi_{s}": xi for s, xi in zip(self.structures, (x, y), strict=True)}
        (structure,) = self.structures
        if self.x[0] == self.y[0]:
            return {f"xi_{structure}": x + y}
        # D couplings add without interference; only C_V interferes with the Standard Model.
        standard = SCALED_CV if structure == "V" else 0.0
        return {f"xi_{structure}": np.hypot(standard + x, y) - standard}


SCALAR = Plane("C_u_S", "C_d_S", (-1.0, 1.0), (-1.0, 1.0))
PSEUDOSCALAR = Plane("C_u_S", "D_d_P", (-0.1, 0.1), (-0.12, 0.12))
VECTOR = Plane("C_u_V", "C_d_V", (-1.0, 1.0), (-1.0, 1.0))
AXIAL = Plane("C_u_V", "D_d_A", (-1.25, 0.5), (-0.8, 0.8))
TENSOR = Plane("C_u_T", "C_d_T", (-3.0, 3.0), (-3.0, 3.0))
SCALAR_VECTOR = Plane("C_u_S", "C_d_V", (-0.12, 0.12), (-1.3, 0.7))
SCALAR_TENSOR = Plane("C_u_S", "C_d_T", (-0.12, 0.12), (-2.0, 2.0))
VECTOR_TENSOR = Plane("C_u_V", "C_d_T", (-1.5, 0.7), (-2.0, 2.0))


def per_neutron(name: str) -> float:
    """Nuclear coupling of Cs over N per unit of a quark coupling, eqs. 19 and 21 [1]."""
    letter, quark, index = name.split("_")
    proton, neutron = (table[quark] for table in PER_NUCLEON[f"{letter}_{index}"])
    caesium = isotope("133Cs")
    per = (caesium.Z * proton + caesium.N * neutron) / caesium.N
    return per * math.sqrt(8.0) if index == "T" else per
