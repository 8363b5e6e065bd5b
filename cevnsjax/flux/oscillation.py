"""Flux moments with a survival probability, reduced to its values at a few energies.

The probability is smooth in u = 1/E, where an oscillation has one frequency. Interpolating it on
Gauss-Legendre points in u makes every moment a fixed sum over those energies; the weights are
made once, and what is left in a trace is one product of matrices.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Moments, Numbers
from cevnsjax.numerics import legendre

POINTS = 72
"""Energies; sin^2(1.267 dm2 L/E) is resolved to 1e-10 for dm2 L up to 900 eV^2 m from 15 MeV."""
_QUADRATURE_NODES = 160


def energies(E_low: float, E_high: float) -> Float[np.ndarray, " energy"]:
    """Energies at which a survival probability is evaluated, [energy] [MeV].

    Args:
        E_low: Lowest energy needed [MeV].
        E_high: Highest energy [MeV].
    """
    x, _ = legendre(POINTS)
    low, high = 1 / E_high, 1 / E_low
    return 1 / ((high + low) / 2 + (high - low) / 2 * x)


def weights(
    density: Callable[[np.ndarray], Numbers],
    E_min: Float[np.ndarray, " node"],
    E_low: float,
    E_high: float,
) -> Moments:
    """Weights of the probabilities at ``energies`` in the moments k = 0, 1, 2.

    Args:
        density: Unit-normalised spectrum of E_nu [MeV] [1/MeV].
        E_min: Least energies of the moments, [node] [MeV].
        E_low: As for ``energies``, at most the least of ``E_min`` [MeV].
        E_high: As for ``energies`` [MeV].

    Returns:
        Three arrays [node, energy] [MeV^-k].
    """
    t, w = legendre(_QUADRATURE_NODES)
    half = (E_high - np.minimum(E_min, E_high)) / 2
    E = E_high - half[:, None] * (1 - t)[None, :]
    scale = half[:, None] * w[None, :] * np.asarray(density(E))
    basis = _interpolation(1 / E, E_low, E_high)
    moment = [np.einsum("ij,ijk->ik", scale / E**k, basis) for k in range(3)]
    return moment[0], moment[1], moment[2]


def _interpolation(u: np.ndarray, E_low: float, E_high: float) -> np.ndarray:
    """Lagrange basis on the points in u, [..., energy] [1], through Legendre polynomials."""
    x, w = legendre(POINTS)
    low, high = 1 / E_high, 1 / E_low
    z = (2 * u - high - low) / (high - low)
    values_at_points = np.polynomial.legendre.legvander(x, POINTS - 1)
    transform = (values_at_points * w[:, None]).T * (np.arange(POINTS) + 0.5)[:, None]
    return np.polynomial.legendre.legvander(z, POINTS - 1) @ transform
