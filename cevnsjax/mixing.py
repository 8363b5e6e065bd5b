"""Mixing of neutrinos in vacuum, in the convention of the Particle Data Group.

A neutrino's mass state i is the sum of U_ai times flavour a; an antineutrino's has the complex
conjugate.
"""

import math

import numpy as np
from jaxtyping import Complex

NUFIT = {"theta12_deg": 33.68, "theta13_deg": 8.56, "theta23_deg": 43.3, "delta_cp_deg": 212.0}
"""Angles and phase of NuFIT 6.0, JHEP 12 (2024) 216, normal ordering [degree]."""


def mixing_matrix(
    theta12_deg: float = NUFIT["theta12_deg"],
    theta13_deg: float = NUFIT["theta13_deg"],
    theta23_deg: float = NUFIT["theta23_deg"],
    delta_cp_deg: float = NUFIT["delta_cp_deg"],
) -> Complex[np.ndarray, "flavour mass"]:
    """U, rows e, mu, tau and columns 1, 2, 3 [1].

    Args:
        theta12_deg: Solar angle [degree].
        theta13_deg: Reactor angle [degree].
        theta23_deg: Atmospheric angle [degree].
        delta_cp_deg: Phase of CP violation [degree].
    """
    angles = [math.radians(x) for x in (theta12_deg, theta13_deg, theta23_deg)]
    (s12, s13, s23), (c12, c13, c23) = map(math.sin, angles), map(math.cos, angles)
    phase = np.exp(1j * math.radians(delta_cp_deg))
    return np.array(
        [
            [c12 * c13, s12 * c13, s13 / phase],
            [-s12 * c23 - c12 * s23 * s13 * phase, c12 * c23 - s12 * s23 * s13 * phase, s23 * c13],
            [s12 * s23 - c12 * c23 * s13 * phase, -c12 * s23 - s12 * c23 * s13 * phase, c23 * c13],
        ]
    )
