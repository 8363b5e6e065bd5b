"""The response matrix: recoil-energy nodes and what each contributes to each bin.

The same code serves NumPy, when an experiment is built in float64, and traced arrays, when shape
parameters move the nodes; derivatives with respect to quenching are exact.
"""

from types import ModuleType

import numpy as np

from cevnsjax.core.types import Arrays, AtNodes, Values
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.matrices import ResponseMatrix, bands, one_block, segments
from cevnsjax.detector.panels import Panels, SmearedPanels
from cevnsjax.detector.quenching import dtype_of
from cevnsjax.detector.resolution import GammaSmearing, Resolution
from cevnsjax.detector.start import starting_panels
from cevnsjax.detector.weights import Tabulable, table_for_traces

Response = tuple[AtNodes, ResponseMatrix]
"""Recoil energies [node] [MeV] and what they count in bins [MeV]."""
MAX_WEIGHTS = 4_000_000
"""So many weights [bin, node] are computed at a time."""
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
        T_nr [node] [MeV] and R [MeV], whose ``fold`` takes rates at the nodes.
    """
    panels, bins = panels or starting_panels(detector, kinks), len(detector.edges) - 1
    if isinstance(panels, SmearedPanels):
        return _smeared(detector, panels, shape, xp)
    low, high, owners = panels.layout(detector, kinks, shape, xp)
    T, weight = panels.nodes(low, high, xp)
    accepted = weight * detector.efficiency(detector.observable(T, shape, xp), xp)
    return T, segments(accepted, xp.repeat(owners, panels.order), bins, xp)


def _smeared(detector: Detector, panels: SmearedPanels, shape: Values, xp: ModuleType) -> Response:
    T, weight = (xp.asarray(x, dtype=dtype_of(shape)) for x in panels.all_nodes())
    if xp is not np:
        return T, one_block(bin_weights(detector, T, shape, xp) * weight[None, :])
    bins = len(detector.edges) - 1
    parts = np.array_split(np.arange(T.size), -(-bins * T.size // MAX_WEIGHTS))
    columns = (np.asarray(bin_weights(detector, T[n], shape)) * weight[n] for n in parts)
    return T, bands(columns, bins, T.size)


def bin_weights(detector: Detector, T_nr: Arrays, shape: Values, xp: ModuleType = np) -> Arrays:
    """Probability times efficiency of a detector with a resolution, [bin, node] [1]."""
    resolution = _resolution(detector)
    assert resolution is not None
    # Recoils that a shifted curve leaves without energy are seen at 0.
    E_ee = xp.maximum(xp.asarray(detector.quenching.E_ee(T_nr, shape, xp)), _NOTHING)
    x = detector.per_keV * 1e3 * E_ee
    return resolution.bin_weights(x, E_ee, detector.edges, detector.efficiency, xp)


def require_traceable(detector: Detector) -> None:
    """Make what traces of shape parameters take weights from, or say that it cannot be made.

    Raises:
        InputError: If the resolution is too narrow.
    """
    resolution = _resolution(detector)
    if isinstance(resolution, Tabulable):
        table_for_traces(resolution, detector.edges, detector.efficiency)


def _resolution(detector: Detector) -> Resolution | None:
    """The resolution of a detector, which knows its light yield."""
    resolution = detector.resolution
    if isinstance(resolution, GammaSmearing):
        return resolution.at_light_yield(detector.per_keV)
    return resolution
