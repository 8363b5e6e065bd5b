"""Panels refined until every cell, a bin filled by one source, is right to a stated accuracy.

The content of a panel is compared with that of its two halves, and the panel is halved where they
differ by more than its share; the differences of the panels that are kept, summed in each cell,
are the estimate of the error. Sub-cells of the resolution are checked in the same way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError
from cevnsjax.detector.contents import PanelContents, Rates, refined_panels
from cevnsjax.detector.crossings import turning_points
from cevnsjax.detector.detector import DEFAULT_ACCURACY, Detector, Variant
from cevnsjax.detector.panels import Panels, RecoilPanels
from cevnsjax.detector.quenching import TabulatedQuenching
from cevnsjax.detector.resolution import RefinableResolution
from cevnsjax.detector.response import require_traceable, response
from cevnsjax.detector.start import starting_panels

_MAX_REFINEMENTS = 5
# Turning points of the observable that a shape parameter moves by less are at rest.
_AT_REST = 1e-6
# Values of shape parameters at which a response is tried at most.
_MAX_SHAPES = 1000

ShapeBox = tuple[tuple[str, float, float], ...]
"""Short names of shape parameters, with the ends of their ranges."""


class Checked(NamedTuple):
    """A response that has been checked.

    Attributes:
        detector: The detector; its resolution has as many sub-cells as it needs.
        panels: Panels of recoil energy.
        accuracy: Estimated error of a cell in parts of the largest cell [1].
    """

    detector: Detector
    panels: Panels
    accuracy: float


def refined(
    detector: Detector,
    kinks: Float[np.ndarray, " kink"],
    rates: Rates,
    others: Sequence[Variant] = (),
    box: ShapeBox = (),
) -> Checked:
    """A response that reaches the accuracy of its detector.

    Args:
        detector: How recoils are seen.
        kinks: End-point recoils of every line and nucleus, increasing [MeV].
        rates: Recoil spectrum of each source.
        others: Further detectors that share its panels.
        box: Shape parameters with the range that panels must serve.

    Raises:
        InputError: If the accuracy cannot be reached within bounds on nodes and memory.
    """
    use = _Use(detector, kinks, others, box)
    panels = starting_panels(detector, kinks, use.variants if box else ())
    if isinstance(panels, RecoilPanels):
        _require_turns_at_rest(use.variants, panels.turns)
    panels, accuracy = use.served(panels, rates, detector.accuracy)
    checked = _with_sub_cells(Checked(detector, panels, accuracy), kinks, rates)
    if box:
        require_traceable(checked.detector)
    if isinstance(detector.quenching, TabulatedQuenching):
        for shape in ({}, *use.corners):
            _require_covered(checked, detector.quenching, kinks, rates, shape)
    return checked


@dataclass(frozen=True)
class _Use:
    """What panels must serve besides a detector: others, and a box of its shape parameters."""

    detector: Detector
    kinks: Float[np.ndarray, " kink"]
    others: Sequence[Variant]
    box: ShapeBox

    @property
    def corners(self) -> list[dict[str, float]]:
        """Shape parameters at the corners of the box."""
        if not self.box:
            return []
        names, *ends = zip(*self.box, strict=True)
        corners = product(*zip(*ends, strict=True))
        return [dict(zip(names, corner, strict=True)) for corner in corners]

    @property
    def variants(self) -> list[Variant]:
        """The detector, the others, and the corners of the box."""
        corners = (Variant(self.detector, tuple(shape.items())) for shape in self.corners)
        return [Variant(self.detector), *self.others, *corners]

    def served(self, panels: Panels, rates: Rates, accuracy: float) -> tuple[Panels, float]:
        """Panels that serve all variants and the whole box, and the estimate of their error.

        Narrow resolutions need narrow panels wherever a parameter moves an edge to. Points that
        fill the box more and more densely are tried until as many as were tried before need
        nothing.

        Raises:
            InputError: If the last points still need other panels.
        """
        panels, error = self._tried(self.variants, panels, rates, accuracy)
        if not self.box:
            return panels, error
        from scipy.stats import qmc  # 0.5 s to import

        names, low, high = zip(*self.box, strict=True)
        points, tried = qmc.Sobol(len(names), scramble=False), 7
        points.fast_forward(1)
        while tried < _MAX_SHAPES:
            shapes = qmc.scale(points.random(tried + 1), low, high).tolist()
            inside = [Variant(self.detector, tuple(zip(names, x, strict=True))) for x in shapes]
            finer, estimate = self._tried(inside, panels, rates, accuracy)
            error = max(error, estimate)
            if finer is panels:
                return panels, error
            panels, tried = finer, 2 * tried + 1
        raise InputError(
            f"the resolution is too narrow for a response that {' and '.join(names)} may shift; "
            "leave that nuisance out, widen the resolution, or leave the resolution out"
        )

    def _tried(
        self, variants: Sequence[Variant], panels: Panels, rates: Rates, accuracy: float
    ) -> tuple[Panels, float]:
        error = 0.0
        for variant in variants:
            contents = PanelContents(variant, self.kinks, rates)
            panels, estimate = refined_panels(contents, panels, accuracy)
            error = max(error, estimate)
        return panels, error


def _require_covered(
    checked: Checked,
    table: TabulatedQuenching,
    kinks: Float[np.ndarray, " kink"],
    rates: Rates,
    shape: dict[str, float],
) -> None:
    """Reject a table that leaves out recoils that a cell needs for its accuracy."""
    if table.outside == "constant":
        return
    T, R = response(checked.detector, kinks, shape, np, checked.panels)
    spectra = rates(np.asarray(T))
    counts = R.fold(spectra)[:, 0]
    for outside, where in ((table.T_nr[0] > T, "below"), (table.T_nr[-1] < T, "above")):
        cells = R.fold(spectra * outside)[:, 0]
        if cells.max() <= max(checked.detector.accuracy, DEFAULT_ACCURACY) * counts.max():
            continue
        source, number = np.unravel_index(np.argmax(cells), cells.shape)
        share = cells[source, number] / counts[source, number]
        low, high = (1e3 * e for e in (table.T_nr[0], table.T_nr[-1]))
        raise InputError(
            f"quenching table covers recoils of {low:g} to {high:g} keV, but {share:.2g} of the "
            f"signal in bin {number} are {where} them; add points, or say outside = "
            '"constant" to go on with the last factor'
        )


def also_for(
    checked: Checked,
    kinks: Float[np.ndarray, " kink"],
    spectra: Callable[[Float[np.ndarray, " node"]], Float[np.ndarray, "kind source node"]],
    accuracy: float,
    others: Sequence[Variant] = (),
    box: ShapeBox = (),
) -> Checked:
    """A response whose panels serve further kinds of recoil spectra.

    Args:
        checked: A response that serves the standard spectra.
        kinks: End-point recoils, increasing [MeV].
        spectra: Recoil spectra of each source by kind, in any unit.
        accuracy: Largest error of a cell in parts of the largest cell of each kind [1].
        others: Further detectors that share its panels.
        box: Shape parameters with the range that panels must serve.

    Raises:
        InputError: If the accuracy cannot be reached within bounds on nodes and memory.
    """
    detector, panels = checked.detector, checked.panels
    T, R = response(detector, kinks, {}, np, panels)
    largest = np.array([np.abs(R.fold(kind)).max() for kind in spectra(np.asarray(T))])
    scale = 1 / np.where(largest > 0, largest, 1.0)

    def rates(T_nr: Float[np.ndarray, " node"]) -> Float[np.ndarray, "source node"]:
        return (spectra(T_nr) * scale[:, None, None]).reshape(-1, T_nr.size)

    panels, _ = _Use(detector, kinks, others, box).served(panels, rates, accuracy)
    return checked._replace(panels=panels)


def _require_turns_at_rest(others: Sequence[Variant], turns: tuple[float, ...]) -> None:
    """Reject shape parameters that move the turning points at which panels of recoil break."""
    for variant in others:
        shape = dict(variant.shape)
        moved = turning_points(variant.detector.quenching, turns[-1], shape)
        if len(moved) != len(turns) or np.any(np.abs(moved - turns) > _AT_REST * turns[-1]):
            at = ", ".join(f"{name} = {value:g}" for name, value in shape.items())
            raise InputError(
                f"quenching turns around at other recoil energies with {at or 'a morph'}; leave "
                "that nuisance out, or give the detector a resolution"
            )


def _with_sub_cells(checked: Checked, kinks: Float[np.ndarray, " kink"], rates: Rates) -> Checked:
    """The response with as many sub-cells of the resolution as it needs."""
    detector, panels, accuracy = checked
    error = 0.0
    for _ in range(_MAX_REFINEMENTS):
        if not isinstance(detector.resolution, RefinableResolution):
            return checked
        finer = replace(detector, resolution=detector.resolution.refined())
        T, R = response(detector, kinks, {}, np, panels)
        _, fine = response(finer, kinks, {}, np, panels)
        counts, better = (r.fold(rates(np.asarray(T))) for r in (R, fine))
        largest = float(np.abs(counts).max())
        error = float(np.abs(better - counts).max()) / largest if largest > 0 else 0.0
        if error <= detector.accuracy:
            return Checked(detector, panels, accuracy + error)
        detector = finer
    raise InputError(
        f"the efficiency is so abrupt inside the bins that they are right to {error:.1e} of the "
        f"largest cell, not to accuracy = {detector.accuracy:g}; give its steps, or a table of it"
    )
