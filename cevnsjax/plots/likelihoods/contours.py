"""Allowed regions in the plane of two parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, Number, finite, increasing, ordered_levels, scanned
from cevnsjax.plots.frame import Scale, dress, figure_of, legend_above, scale_axes, single_frame
from cevnsjax.plots.style import BLACK, CURVES, DASHES, MARKERS, level_label, shades
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers

_SIZES = {"*": 8.0, "o": 5.5, "D": 5.0}
_MIN_HEIGHT = 2.45  # inch, however many lines the legend has


@dataclass(frozen=True, eq=False)
class ContourSet:
    """Delta chi2 over a grid of two parameters, and the levels to draw.

    Attributes:
        x: First parameter, increasing [unit of the parameter].
        y: Second parameter, increasing [unit of the parameter].
        delta_chi2: Delta chi2 on the grid, first index along x, nan where unknown, [x, y] [1].
        levels: Delta chi2 by level, e.g. {"0.90": 4.6052} for two parameters [1].
        label: Name in the legend.
        best_fit: Both parameters at the minimum, None to mark none [units of the parameters].

    Examples:
        >>> grid = np.linspace(-3, 3, 7)
        >>> chi2 = grid[:, None] ** 2 + grid[None] ** 2
        >>> cj.plots.ContourSet(grid, grid, chi2, {"0.90": 4.6052}, label="two measurements").label
        'two measurements'
    """

    x: ArrayLike
    y: ArrayLike
    delta_chi2: ArrayLike
    levels: Mapping[str, Number]
    label: str = ""
    best_fit: tuple[Number, Number] | None = None

    def __post_init__(self) -> None:
        what = f" of {self.label}" if self.label else ""
        x, y = increasing(f"x{what}", self.x), increasing(f"y{what}", self.y)
        delta_chi2 = scanned(f"delta_chi2{what} [x, y]", self.delta_chi2, (x.size, y.size))
        if self.best_fit is not None:
            finite(f"best_fit{what}", self.best_fit, (2,))
        for name, value in (("x", x), ("y", y), ("delta_chi2", delta_chi2)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "levels", ordered_levels(self.levels))


def contours(
    curves: Sequence[ContourSet],
    *,
    x_label: str,
    y_label: str,
    points: Sequence[tuple[str, Number, Number]] = (),
    title: str = "",
    x_scale: Scale = "linear",
    y_scale: Scale = "linear",
    axes: Axes | None = None,
) -> Figure:
    """Allowed regions: the first set filled, the others as lines over it.

    Args:
        curves: Regions to draw; the frame spans all their grids.
        x_label: Axis label of the first parameter, with its unit.
        y_label: Axis label of the second parameter, with its unit.
        points: Points to mark as (name, x, y), e.g. the standard model [units of the axes].
        title: Line over the figure; the label of a single set if empty.
        x_scale: "linear", or "log" for a first parameter above 0.
        y_scale: The same for the second parameter.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: If there is nothing to draw.

    Examples:
        >>> x = np.linspace(-1.0, 1.0, 11)
        >>> delta_chi2 = 8 * (x[:, None] ** 2 + x**2)
        >>> region = cj.plots.ContourSet(x, x, delta_chi2, {"0.90": 4.6052}, label="CsI")
        >>> figure = cj.plots.contours([region], x_label="x", y_label="y")
        >>> [float(end) for end in figure.axes[0].get_xlim()]
        [-1.0, 1.0]
    """
    if not curves:
        raise InputError("curves is empty; give at least one ContourSet")
    dashes = _dashes(curves)
    min_height = _MIN_HEIGHT if axes is None else 0.0
    with single_frame(axes, 3.6, 3.4) as axes:
        _frame(axes, curves, x_scale, y_scale)
        for i, curve in enumerate(curves):
            colour = CURVES[i % len(CURVES)]
            if i == 0:
                fill(axes, curve, colour)
            outline(axes, curve, colour, dashes)
            if curve.best_fit is not None:
                mark(axes, curve.best_fit, "o", colour)
        marks = [
            mark(axes, (x, y), MARKERS[i % len(MARKERS)], BLACK, name)
            for i, (name, x, y) in enumerate(points)
        ]
        axes.set(xlabel=drawable(x_label), ylabel=drawable(y_label))
        tidy_numbers(axes)
        handles = [*_handles(curves, dashes), *marks]
        heading = title or (curves[0].label if len(curves) == 1 else "")
        legend_above(axes, handles, title=heading, min_height=min_height)
    return figure_of(axes)


def _dashes(curves: Sequence[ContourSet]) -> dict[str, Any]:
    """A line style for each level; all levels by order of height."""
    heights = {name: height for c in curves for name, height in c.levels.items()}
    names = sorted(heights, key=lambda name: heights[name])
    return {name: DASHES[i % len(DASHES)] for i, name in enumerate(names)}


def fill(axes: Axes, curve: ContourSet, colour: str) -> None:
    """Regions below each level, in shades of the colour."""
    delta_chi2 = np.ma.masked_invalid(np.asarray(curve.delta_chi2).T)
    floor = min(0.0, float(delta_chi2.min())) - 1.0
    bounds = [floor, *curve.levels.values()]
    paint = shades(colour, len(curve.levels))
    axes.contourf(curve.x, curve.y, delta_chi2, levels=bounds, colors=paint, zorder=1)


def outline(axes: Axes, curve: ContourSet, colour: str, dashes: Mapping[str, Any]) -> None:
    """Lines at the levels that lie within the grid, with a line style for each level."""
    delta_chi2 = np.ma.masked_invalid(np.asarray(curve.delta_chi2).T)
    low, high = float(delta_chi2.min()), float(delta_chi2.max())
    inside = {name: h for name, h in curve.levels.items() if low < h < high}
    if inside:
        styles = [dashes[name] for name in inside]
        look = {"colors": [colour], "linestyles": styles, "linewidths": 1.1, "zorder": 2}
        axes.contour(curve.x, curve.y, delta_chi2, levels=list(inside.values()), **look)


def mark(
    axes: Axes, at: tuple[Number, Number], marker: str, colour: str, name: str = "_best fit"
) -> Line2D:
    """A point [units of the axes], whole also on the edge of the frame and hidden beyond it.

    Limits of the axes have to be set before.
    """
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    whole = left <= at[0] <= right and low <= at[1] <= high
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6}
    look = {"color": colour, "markersize": _SIZES.get(marker, 6.5), "zorder": 4, "label": name}
    (point,) = axes.plot([at[0]], [at[1]], marker, clip_on=not whole, **look, **edge)
    # Otherwise a point on the edge would move the frame.
    point.set_in_layout(False)
    return point


def _frame(axes: Axes, curves: Sequence[ContourSet], x_scale: Scale, y_scale: Scale) -> None:
    """Scales, ticks and limits; autoscaling is off from here on."""
    x = np.concatenate([np.asarray(c.x) for c in curves])
    y = np.concatenate([np.asarray(c.y) for c in curves])
    scale_axes(axes.set_xscale, x_scale, "x", x)
    scale_axes(axes.set_yscale, y_scale, "y", y)
    dress(axes)
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))


def _handles(curves: Sequence[ContourSet], dashes: Mapping[str, Any]) -> list[Artist]:
    """Legend entries: shades for one set; for several, colours name sets and dashes levels."""
    first, several = curves[0], len(curves) > 1
    handles: list[Artist] = []
    if several:
        for i, curve in enumerate(curves):
            colour, name = CURVES[i % len(CURVES)], curve.label or f"set {i + 1}"
            fill = shades(colour, 1)[0] if i == 0 else "none"
            patch = Patch(facecolor=fill, edgecolor=colour, label=name)
            handles.append(patch if i == 0 else Line2D([], [], color=colour, label=name))
    paint = shades(CURVES[0], len(first.levels))
    for i, (level, dash) in enumerate(dashes.items()):
        text = level_label(level)
        look = {"linestyle": dash, "label": text}
        if several:
            handles.append(Line2D([], [], color=BLACK, linewidth=1.1, **look))
        else:
            handles.append(Patch(facecolor=paint[i], edgecolor=CURVES[0], **look))
    if any(c.best_fit is not None for c in curves):
        colour = BLACK if several else CURVES[0]
        handles.append(Line2D([], [], color=colour, marker="o", linestyle="none", label="best fit"))
    return handles
