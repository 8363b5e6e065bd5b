"""Regions of two parameters in figures of papers: allowed and excluded ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.scans.scan import scan
from cevnsjax.model import Model
from cevnsjax.plots import ContourSet, contours
from cevnsjax.plots.frame import Scale, dress, legend_above, scale_axes
from cevnsjax.plots.likelihoods.contours import outline
from cevnsjax.plots.style import CURVES, DASHES, STYLE, level_label
from cevnsjax.plots.ticks import tidy_numbers
from cevnsjax.reproduce.figures.drawing import panels


def region(
    model: Model,
    axes: Mapping[str, Any],
    *levels: float,
    label: str = "",
    squared: bool = False,
    dof: int = 2,
    best_fit: bool = False,
) -> ContourSet:
    """Delta chi2 of two parameters above the lowest point of a grid, nuisances profiled.

    Args:
        model: The model; other parameters stay at their defaults.
        axes: The parameters and their axes, as ``cevnsjax.scan`` takes them; counts are
            polynomials in the second parameter.
        *levels: Confidence levels [1].
        label: Name in the legend.
        squared: Whether the ordinate is the square of the second parameter.
        dof: Degrees of freedom of the levels.
        best_fit: Whether to mark the lowest point of the grid.
    """
    scanned = scan(model, engine="template", **axes)
    x, y = (scanned[name].to_numpy() for name in axes)
    y = np.square(y) if squared else y
    chi2 = scanned["chi2"].transpose(*axes).to_numpy()
    i, j = np.unravel_index(int(np.nanargmin(chi2)), chi2.shape)
    return ContourSet(
        x,
        y,
        chi2 - chi2[i, j],
        levels={level_key(one): delta_chi2_at(one, dof) for one in levels},
        label=label,
        best_fit=(float(x[i]), float(y[j])) if best_fit else None,
    )


@dataclass(frozen=True)
class RegionPanel:
    """Allowed regions of two parameters.

    Attributes:
        labels: Axis labels, with units.
        curves: The first is filled, the others are lines.
        title: Line over the panel.
    """

    labels: tuple[str, str]
    curves: Sequence[ContourSet]
    title: str = ""

    def draw(self, axes: Axes) -> None:
        """Draw the regions, with the Standard Model at the origin."""
        across, up = self.labels
        origin = [("SM", 0.0, 0.0)]
        contours(
            self.curves, x_label=across, y_label=up, points=origin, title=self.title, axes=axes
        )


def region_figure(
    *shown: RegionPanel, columns: int, width: float = 2.9, height: float = 2.5
) -> Figure:
    """Panels of regions in rows of ``columns``; width and height of a panel in inch."""
    figure, frames = panels(columns, len(shown) // columns, width=width, height=height)
    for frame, panel in zip(frames, shown, strict=True):
        panel.draw(frame)
    return figure


def exclusions(
    axes: Axes,
    curves: Sequence[ContourSet],
    labels: tuple[str, str],
    *,
    x_scale: Scale = "log",
    title: str = "",
) -> None:
    """Excluded areas, above each set's lowest level, tinted one over the other.

    Args:
        axes: Axes to draw into; their frame spans all grids, and their ordinate is logarithmic.
        curves: Delta chi2 and the levels to draw.
        labels: Axis labels, with units.
        x_scale: "log" or "linear".
        title: Line over the panel.
    """
    x, y = (np.concatenate([np.asarray(getattr(c, k)) for c in curves]) for k in "xy")
    with mpl.rc_context(STYLE):
        scale_axes(axes.set_xscale, x_scale, "x", x)
        scale_axes(axes.set_yscale, "log", "y", y)
        dress(axes)
        axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
        axes.set(xlabel=labels[0], ylabel=labels[1])
        tidy_numbers(axes)
        handles: list[Any] = []
        for i, curve in enumerate(curves):
            colour, dash = CURVES[i % len(CURVES)], DASHES[i % len(DASHES)]
            name, height = next(iter(curve.levels.items()))
            delta = np.ma.masked_invalid(np.asarray(curve.delta_chi2).T)
            tint = (height, max(float(delta.max()), height) + 1)
            axes.contourf(curve.x, curve.y, delta, levels=tint, colors=[colour], alpha=0.15)
            outline(axes, curve, colour, dict.fromkeys(curve.levels, dash))
            text = f"{curve.label or 'excluded'}, {level_label(name)}"
            tinted = to_rgba(colour, 0.15)
            handles.append(Patch(facecolor=tinted, edgecolor=colour, linestyle=dash, label=text))
        legend_above(axes, handles, title=title)
