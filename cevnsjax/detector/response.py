"""The response matrix: recoil-energy nodes and what each contributes to each bin.

The same code serves NumPy, when an experiment is built in float64, and traced arrays, when shape
parameters move the nodes; derivatives with respect to quenching are exact.
"""

from types import ModuleType

import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Arrays, Values
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.panels import Panels, SmearedPanels
from cevnsjax.detector.quenching import dtype_of
from cevnsjax.detector.resolution import GammaSmearing
from cevnsjax.detector.start import starting_panels

Response = tuple[
    Float[np.ndarray, " node"] | Float[Array, " node"],
    Float[np.ndarray, "bin node"] | Float[Array, "bin node"],
]
"""Recoil energies [node] [MeV] and what each contributes to each bin, [bin, node] [MeV]."""
# Energy above 0 that no resolution tells from it [MeV].
_NOTHING = 1e-18


def response(
    detector: Detector,
    kinks: np.ndarray,
    shape: Values,
    xp: ModuleType = np,
    panels: Panels | None = None,
) -> Response:
    """Nodes in recoil energy and the matrix that turns dR/dT_nr there into counts.

    Args:
        detector: How recoils are seen.
        kinks: End-point recoils of every line and nucleus, increasing [MeV].
        shape: Shape parameters by short name; empty for the nominal response.
        xp: numpy, or jax.numpy inside a trace.
        panels: Panels of recoil energy, refined for a source; those to start from if None.

    Returns:
        T_nr [node] [MeV] and R [bin, node] [MeV].
    """
    panels = panels or starting_panels(detector, kinks)
    if isinstance(panels, SmearedPanels):
        T, weight = panels.all_nodes()
        T = xp.asarray(T, dtype=dtype_of(shape))
        return T, bin_weights(detector, T, shape, xp) * xp.asarray(weight, dtype=T.dtype)[None, :]
    low, high, member = panels.layout(detector, kinks, shape, xp)
    T, weight = panels.nodes(low, high, xp)
    accepted = weight * detector.efficiency(detector.observable(T, shape, xp), xp)
    return T, xp.where(xp.repeat(member, panels.order, axis=1), accepted[None, :], 0.0)


def bin_weights(detector: Detector, T_nr: Arrays, shape: Values, xp: ModuleType = np) -> Arrays:
    """Probability times efficiency of a detector with a resolution, [bin, node] [1]."""
    resolution = detector.resolution
    assert resolution is not None
    if isinstance(resolution, GammaSmearing):
        resolution = resolution.at_light_yield(detector.per_keV)
    # Recoils that a shifted curve leaves without energy are seen at 0.
    E_ee = xp.maximum(xp.asarray(detector.quenching.E_ee(T_nr, shape, xp)), _NOTHING)
    x = detector.per_keV * 1e3 * E_ee
    return resolution.bin_weights(x, E_ee, detector.edges, detector.efficiency, xp)
