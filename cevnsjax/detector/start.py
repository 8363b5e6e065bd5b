"""The panels to start from: narrow enough that every scale that a detector has shows on them.

Refinement compares panels with their halves; it can only mend what one of them sees.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.detector.crossings import crossings, turning_points
from cevnsjax.detector.detector import Detector, Variant
from cevnsjax.detector.efficiency import ABOUT_TURN_ON, turn_on
from cevnsjax.detector.panels import MAX_NODES, Panels, RecoilPanels, SmearedPanels
from cevnsjax.detector.resolution import ResolutionWithWidth
from cevnsjax.detector.weights import spaced

# Smallest numbers of panels across the whole range; each panel has ``Detector.order`` nodes.
_UNSMEARED_PANELS, _SMEARED_PANELS = 30, 8
# A panel wider than so many widths of a turn-on or of a resolution gets breaks about it; those of
# a resolution lie at ``_ABOUT_EDGE`` of its widths, no closer than ``_APART`` of them.
# Where steps may lie anywhere, panels have so many widths of the resolution for each node: the
# quadratures of a normal distribution are then right to 1e-7 of a width.
_BROAD, _APART, _PER_NODE = 4.0, 1.5, 0.6
_ABOUT_EDGE = np.array([-8.0, -3, 0, 3, 8])

Points = Float[np.ndarray, " _"]
"""Values of the observable."""


def starting_panels(
    detector: Detector, kinks: Float[np.ndarray, " kink"], variants: Sequence[Variant] = ()
) -> Panels:
    """The panels to start from.

    Args:
        detector: How recoils are seen.
        kinks: End-point recoils of every line and nucleus, increasing [MeV].
        variants: The detector with all that shape parameters may move, if there are any.

    Raises:
        InputError: If the resolution is so narrow that too many panels are needed.
    """
    if not detector.resolution:
        return _unsmeared(detector, kinks)
    panels = _smeared(detector, kinks)
    moves = bool(variants) and isinstance(detector.resolution, ResolutionWithWidth)
    return _swept(detector, panels, variants) if moves else panels


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
    levels = _levels(detector)
    width = levels * _relative_width(detector, levels)
    narrow = _panel_widths(detector, ends, levels) > _BROAD * width
    about = levels[narrow, None] + width[narrow, None] * _ABOUT_EDGE
    return spaced(about.reshape(-1), np.repeat(_APART * width[narrow], _ABOUT_EDGE.size))


def _levels(detector: Detector) -> Points:
    """Observables above 0 about which weights change within the width of a resolution."""
    rises = [x for x, _ in turn_on(detector.efficiency)]
    levels = np.unique([*detector.edges, *detector.efficiency.kinks, *rises])
    return levels[(levels >= detector.edges[0]) & (levels <= detector.edges[-1]) & (levels > 0)]


def _relative_width(
    detector: Detector, x: Float[np.ndarray, "*point"]
) -> Float[np.ndarray, "*point"]:
    """Standard deviations of a resolution in parts of the observable [1]."""
    assert isinstance(detector.resolution, ResolutionWithWidth)
    E_ee = x / (1e3 * detector.per_keV)
    return np.asarray(detector.resolution.width(x, E_ee), dtype=float) / x


def _ranges(
    detector: Detector, T_top: float, variants: Sequence[Variant]
) -> list[tuple[float, float]]:
    """Recoil energies between which variants move edges and steps, as far as the resolution [MeV].

    Ranges that overlap are joined.
    """
    levels = _levels(detector)
    about = np.exp(-_ABOUT_EDGE[0] * _relative_width(detector, levels))
    ranges: list[tuple[float, float]] = []
    for piece in pairwise(turning_points(detector.quenching, T_top, {})):
        T = np.array([crossings(v.detector, levels, piece, dict(v.shape), np) for v in variants])
        moved = np.ptp(T, axis=0) > 0
        low = np.maximum(T.min(axis=0) / about, piece[0])[moved]
        high = np.minimum(T.max(axis=0) * about, piece[1])[moved]
        for k in np.argsort(low):
            if ranges and low[k] <= ranges[-1][1]:
                ranges[-1] = ranges[-1][0], max(ranges[-1][1], float(high[k]))
            else:
                ranges.append((float(low[k]), float(high[k])))
    return ranges


def _swept(detector: Detector, panels: SmearedPanels, variants: Sequence[Variant]) -> SmearedPanels:
    """Panels no broader than the resolution wherever edges and steps lie between variants.

    Where a panel is much broader, a step close to its end escapes all nodes, those of its halves
    too.
    """
    ranges = _ranges(detector, float(panels.roots[-1] ** 2), variants)
    panels = panels.cut(detector, {}, np.array(ranges).reshape(-1))
    walls = panels.roots**2
    low, high = walls[:-1], walls[1:]
    middle = (low + high) / 2
    inside = np.any([(a < middle) & (middle < b) for a, b in ranges], axis=0) & (low > 0)
    x = np.array([v.detector.observable(walls, dict(v.shape), np) for v in variants])
    levels = _levels(detector)[[0, -1]]
    finest = _relative_width(detector, np.clip(x, *levels)).min(axis=0)
    allowed = _PER_NODE * panels.order * np.minimum(finest[1:], finest[:-1])[inside]
    pieces = np.ceil(np.log(high[inside] / low[inside]) / allowed).astype(int)
    if pieces.sum() * panels.order > MAX_NODES:
        names = sorted({name for v in variants for name, _ in v.shape})
        raise InputError(
            f"the resolution is too narrow for a response that {' and '.join(names)} may shift; "
            "leave that nuisance out, widen the resolution, or leave the resolution out"
        )
    each = zip(low[inside], high[inside], pieces + 1, strict=True)
    cuts = [np.geomspace(*panel)[1:-1] for panel in each]
    return panels.cut(detector, {}, np.concatenate([[], *cuts]))


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
