"""What figures of several papers share: panels, profiles, regions, excluded areas.

Each function draws into axes that it is given, in the style of ``cevnsjax.plots``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.plots import ContourSet
from cevnsjax.plots import profile as draw_profile
from cevnsjax.plots.arrays import ArrayLike, NumpyReals
from cevnsjax.plots.frame import (
    Scale,
    dress,
    legend_above,
    new_figure,
    scale_axes,
)
from cevnsjax.plots.likelihoods.contours import outline
from cevnsjax.plots.style import CURVES, DASHES, STYLE, level_label
from cevnsjax.plots.ticks import tidy_numbers

# Distance between two panels, in units of their width.
_GAP = 0.08


def panels(
    columns: int, rows: int = 1, *, width: float = 2.9, height: float = 2.5
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels; axes row by row, each row from the left.

    Args:
        columns: Panels side by side.
        rows: Panels above each other.
        width: Width of one panel with its labels [inch].
        height: Height of one panel with its labels [inch].
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(width * columns, height * rows)
        figure.set_layout_engine("constrained", wspace=_GAP, hspace=_GAP)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def shared_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Replace the legends of all panels by that of the last one, in one row over the figure.

    Args:
        figure: The figure, laid out by ``panels``.
        axes: Its panels, each with a legend.
    """
    legends = [legend for one in axes if (legend := one.get_legend()) is not None]
    handles = list(legends[-1].legend_handles)
    for legend in legends:
        legend.remove()
    with mpl.rc_context(STYLE):
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))


def add_to_legend(axes: Axes, artist: Artist, *, title: str = "") -> None:
    """Put a further artist at the end of a panel's legend.

    Args:
        axes: The panel.
        artist: What to add, with its label.
        title: Line over the panel.
    """
    legend = axes.get_legend()
    handles = [] if legend is None else list(legend.legend_handles)
    with mpl.rc_context(STYLE):
        legend_above(axes, [*handles, artist], title=title)


def profiles(
    axes: Axes,
    curves: Mapping[str, ProfileResult | tuple[ArrayLike, ArrayLike]],
    *,
    label: str,
    levels: Sequence[float] = (),
    x_range: tuple[float, float] | None = None,
    top: float | None = None,
    title: str = "",
    name_levels: bool = True,
) -> None:
    """Delta chi2 of one parameter in several analyses, with lines at confidence levels.

    Args:
        axes: Axes to draw into.
        curves: By name in the legend, profiles or pairs of parameter and Delta chi2.
        label: Axis label of the parameter, with its unit.
        levels: Confidence levels for one parameter; those of the first profile if empty [1].
        x_range: Limits of the abscissa; where the curves are below ``top`` if None [unit of label].
        top: Upper end of the ordinate; 1.5 times the highest level if None [1].
        title: Line over the panel.
        name_levels: Whether to name the levels on the right.
    """
    heights = {level_key(one): delta_chi2_at(one) for one in levels}
    drawn: list[tuple[str, Any, Any]] = []
    for name, curve in curves.items():
        if isinstance(curve, ProfileResult):
            heights = heights or curve.levels
            drawn.append((name, curve.x, curve.delta_chi2))
        else:
            drawn.append((name, *curve))
    (name, x, delta), *others = drawn
    draw_profile(
        x,
        delta,
        label=label,
        best_fit=None,
        intervals={},
        levels=heights,
        others=others,
        name=name,
        title=title,
        axes=axes,
    )
    axes.locator_params(axis="x", nbins=6)
    if x_range is not None:
        axes.set_xlim(x_range)
    if top is not None:
        # Names of levels are placed relative to the frame's height, which changes here.
        for text in axes.texts:
            text.set_y(text.get_position()[1] * axes.get_ylim()[1] / top)
        axes.set_ylim(0.0, top)
    if not name_levels:
        for text in list(axes.texts):
            text.remove()


def region(
    scan: Any,
    level: float | Sequence[float],
    *,
    label: str = "",
    x: Callable[[NumpyReals], NumpyReals] | None = None,
    y: Callable[[NumpyReals], NumpyReals] | None = None,
    dof: int = 2,
    best_fit: bool = True,
) -> ContourSet:
    """Delta chi2 of a scan of two parameters, in the paper's variables.

    Args:
        scan: Dataset of ``cevnsjax.scan`` with ``chi2``; Delta chi2 counts from its lowest.
        level: Confidence level or levels [1].
        label: Name in the legend.
        x: Increasing function from the first parameter to the abscissa, e.g. ``numpy.square``.
        y: Increasing function from the second parameter to the ordinate.
        dof: Degrees of freedom of the levels.
        best_fit: Whether to mark the lowest point of the grid.
    """
    grids = [np.asarray(scan[n].values, dtype=float) for n in scan["chi2"].dims]
    shown = [g if f is None else f(g) for g, f in zip(grids, (x, y), strict=True)]
    chi2 = np.asarray(scan["chi2"].values, dtype=float)
    i, j = np.unravel_index(int(np.nanargmin(chi2)), chi2.shape)
    levels = [level] if isinstance(level, int | float) else level
    return ContourSet(
        shown[0],
        shown[1],
        chi2 - chi2[i, j],
        levels={level_key(one): delta_chi2_at(one, dof) for one in levels},
        label=label,
        best_fit=(float(shown[0][i]), float(shown[1][j])) if best_fit else None,
    )


def exclusions(
    axes: Axes,
    curves: Sequence[ContourSet],
    *,
    x_label: str,
    y_label: str,
    x_scale: Scale = "log",
    y_scale: Scale = "log",
    title: str = "",
) -> None:
    """Excluded areas, above each set's lowest level, tinted one over the other.

    Args:
        axes: Axes to draw into; their frame spans all grids.
        curves: Delta chi2 and the levels to draw.
        x_label: Axis label of the first parameter, with its unit.
        y_label: Axis label of the second parameter, with its unit.
        x_scale: "log" or "linear".
        y_scale: "log" or "linear".
        title: Line over the panel.
    """
    x, y = (np.concatenate([np.asarray(getattr(c, k)) for c in curves]) for k in "xy")
    with mpl.rc_context(STYLE):
        scale_axes(axes.set_xscale, x_scale, "x", x)
        scale_axes(axes.set_yscale, y_scale, "y", y)
        dress(axes)
        axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
        axes.set(xlabel=x_label, ylabel=y_label)
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
