"""The panels to start from: narrow enough that every scale that a detector has shows on them.

Refinement compares panels with their halves; it can only mend what one of them sees.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from cevnsjax.detector.crossings import crossings, turning_points
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.efficiency import ABOUT_TURN_ON, turn_on
from cevnsjax.detector.panels import Panels, RecoilPanels, SmearedPanels
from cevnsjax.detector.resolution import ResolutionWithWidth
from cevnsjax.detector.weights import spaced

# Smallest numbers of panels across the whole range; each panel has ``Detector.order`` nodes.
_UNSMEARED_PANELS, _SMEARED_PANELS = 30, 8
# A panel wider than so many widths of a turn-on or of a resolution gets breaks about it; those of
# a resolution lie at ``_ABOUT_EDGE`` of its widths, no closer than ``_APART`` of them.
_BROAD, _APART = 4.0, 1.5
_ABOUT_EDGE = np.array([-8.0, -3, 0, 3, 8])

Points = Float[np.ndarray, " _"]
"""Values of the observable."""


def starting_panels(detector: Detector, kinks: Float[np.ndarray, " kink"]) -> Panels:
    """The panels to start from.

    Args:
        detector: How recoils are seen.
        kinks: End-point recoils of every line and nucleus, increasing [MeV].
    """
    return _smeared(detector, kinks) if detector.resolution else _unsmeared(detector, kinks)


def has_narrow_turn_on(detector: Detector) -> bool:
    """Whether the efficiency turns on within a width that panels or sub-cells must follow."""
    edges, model = np.array(detector.edges), detector.resolution
    fine = (edges[-1] - edges[0]) / _UNSMEARED_PANELS
    for x, scale in turn_on(detector.efficiency):
        blur = min(float(np.min(np.diff(edges))), fine)
        if isinstance(model, ResolutionWithWidth):
            at = np.array([max(x, fine)])
            blur = float(np.asarray(model.width(at, at / (1e3 * detector.per_keV)))[0])
        if _BROAD * scale < blur:
            return True
    return False


def _smeared(detector: Detector, kinks: Float[np.ndarray, " kink"]) -> SmearedPanels:
    ends = np.sqrt(np.concatenate([[0.0], np.asarray(kinks)]))
    roots = _divided(ends, ends[-1] / _SMEARED_PANELS)
    panels = SmearedPanels(detector.order, roots.tobytes())
    about = _about_edges(detector, roots**2)
    if not about.size:
        return panels
    turns = turning_points(detector.quenching, float(kinks[-1]), {})
    T = [crossings(detector, about, piece, {}, np) for piece in pairwise(turns)]
    return panels.cut(detector, {}, np.concatenate(T))


def _about_edges(detector: Detector, ends: Float[np.ndarray, " break"]) -> Points:
    """Observables about edges and steps that a resolution blurs less than a panel is wide."""
    if not isinstance(detector.resolution, ResolutionWithWidth):
        return np.array([])
    rises = [x for x, _ in turn_on(detector.efficiency)]
    levels = np.unique([*detector.edges, *detector.efficiency.kinks, *rises])
    levels = levels[(levels >= detector.edges[0]) & (levels <= detector.edges[-1]) & (levels > 0)]
    E_ee = levels / (1e3 * detector.per_keV)
    width = np.asarray(detector.resolution.width(levels, E_ee), dtype=float)
    narrow = _panel_widths(detector, ends, levels) > _BROAD * width
    about = levels[narrow, None] + width[narrow, None] * _ABOUT_EDGE
    return spaced(about.reshape(-1), np.repeat(_APART * width[narrow], _ABOUT_EDGE.size))


def _panel_widths(detector: Detector, ends: Float[np.ndarray, " break"], levels: Points) -> Points:
    """Widest panel that holds each level, in the observable; 0 if none does."""
    x = np.asarray(detector.observable(ends, {}, np))
    low, high = np.minimum(x[1:], x[:-1]), np.maximum(x[1:], x[:-1])
    holds = (low <= levels[:, None]) & (levels[:, None] <= high)
    return np.where(holds, high - low, 0.0).max(axis=1, initial=0.0)


def _unsmeared(detector: Detector, kinks: Float[np.ndarray, " kink"]) -> RecoilPanels:
    edges, T_top = np.array(detector.edges), float(kinks[-1])
    turns = turning_points(detector.quenching, T_top, {})
    inside = [x for x in detector.efficiency.kinks if edges[0] < x < edges[-1]]
    levels = np.union1d(edges, inside)
    levels = np.union1d(levels, _about_turn_ons(detector, levels, turns))
    panels = RecoilPanels(
        order=detector.order,
        turns=tuple(turns.tolist()),
        levels=tuple(levels.tolist()),
        edges=tuple(np.searchsorted(levels, edges).tolist()),
        cuts=((),) * (len(turns) - 1),
    )
    cuts: list[np.ndarray] = []
    for piece in range(len(turns) - 1):
        T = np.unique(panels.anchors(detector, piece, {})[np.array(panels.edges)])
        cuts.append(np.setdiff1d(_divided(T, T_top / _UNSMEARED_PANELS), T))
    return panels.cut(detector, {}, np.concatenate(cuts))


def _about_turn_ons(detector: Detector, levels: Points, turns: np.ndarray) -> Points:
    """Observables about turn-ons that are narrower than a panel."""
    ends = np.linspace(0.0, turns[-1], _UNSMEARED_PANELS + 1)
    points: list[float] = []
    for x, scale in turn_on(detector.efficiency):
        near = np.array([np.clip(x, levels[0], levels[-1])])
        between = np.diff(levels)[np.clip(np.searchsorted(levels, near) - 1, 0, len(levels) - 2)]
        panel = np.minimum(between, _panel_widths(detector, ends, near))
        if panel[0] > _BROAD * scale:
            points.extend(x + scale * np.array(ABOUT_TURN_ON))
    return np.array([x for x in points if levels[0] < x < levels[-1]])


def _divided(breaks: Float[np.ndarray, " break"], widest: float) -> np.ndarray:
    """Breaks with every panel wider than ``widest`` cut into equal pieces."""
    pieces = [
        np.linspace(a, b, max(1, int(np.ceil((b - a) / widest - 1e-9))) + 1)[:-1]
        for a, b in pairwise(breaks)
    ]
    return np.concatenate([*pieces, breaks[-1:]])
