"""What figures of several papers share: panels, profiles, regions, excluded areas, histograms.

Each function draws into given axes in the one style of ``cevnsjax.plots``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.plots import ContourSet
from cevnsjax.plots import profile as draw_profile
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, finite, increasing
from cevnsjax.plots.frame import (
    Scale,
    dress,
    legend_above,
    new_figure,
    scale_axes,
    tidy_numbers,
)
from cevnsjax.plots.likelihoods.contours import DASHES, outline
from cevnsjax.plots.style import BLACK, CURVES, STYLE, level_label

_GAP = 0.08  # between the slots of two panels, in parts of their width


def panels(
    columns: int, rows: int = 1, *, width: float = 2.9, height: float = 2.5
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels; axes row by row, each row from the left.

    Args:
        columns: Panels side by side.
        rows: Panels above each other.
        width: Of one panel with what is written around it [inch].
        height: The same [inch].
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(width * columns, height * rows)
        figure.set_layout_engine("constrained", wspace=_GAP, hspace=_GAP)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def shared_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """The legend of the last panel over the whole figure, in one row; panels lose theirs.

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
        x_range: Limits of the abscissa; where the curves are in view if None [unit of label].
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
        # Names of levels stand at parts of the frame's height.
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
    """A scan of two parameters as a plot takes it, in the paper's variables.

    Args:
        scan: Dataset of ``cevnsjax.scan`` with ``chi2``; Delta chi2 counts from its lowest.
        level: Confidence level or levels [1].
        label: Name in the legend.
        x: From the first parameter to what is drawn, e.g. ``numpy.square``, increasing.
        y: The same for the second.
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
        axes: Axes to draw into; the frame spans all grids.
        curves: What to draw.
        x_label: Axis label of the first parameter, with its unit.
        y_label: Axis label of the second parameter, with its unit.
        x_scale: "log" or "linear".
        y_scale: The same for the second parameter.
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


def histograms(
    axes: Axes,
    edges: ArrayLike,
    expected: Mapping[str, ArrayLike],
    *,
    data: tuple[ArrayLike, ArrayLike] | None = None,
    x_label: str,
    y_label: str,
    data_label: str = "data",
    title: str = "",
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Expected events as steps, data as points with errors.

    Args:
        axes: Axes to draw into.
        edges: Bin edges, increasing [unit of x_label].
        expected: Events by bin and name in the legend, {name: [bin]}.
        data: Observed events and their errors, [bin] each.
        x_label: Axis label with unit.
        y_label: Axis label with unit.
        data_label: Name of the data in the legend.
        title: Line over the panel.
        looks: Colour and line style by name, where they are to be others than the order gives.
    """
    x = increasing("edges", edges)
    size = (x.size - 1,)
    with mpl.rc_context(STYLE):
        dress(axes)
        handles: list[Any] = []
        for i, (name, counts) in enumerate(expected.items()):
            usual = CURVES[i % len(CURVES)], DASHES[i % len(DASHES)]
            colour, dash = (looks or {}).get(name, usual)
            look: dict[str, Any] = {"color": colour, "linestyle": dash}
            axes.stairs(finite(name, counts, size), x, baseline=None, label=name, **look)
            handles.append(Line2D([], [], label=name, **look))
        if data is not None:
            seen, error = (finite("data", a, size) for a in data)
            style: Any = {"fmt": "o", "color": BLACK, "elinewidth": 0.9, "zorder": 3}
            handles.append(
                axes.errorbar((x[1:] + x[:-1]) / 2, seen, yerr=error, label=data_label, **style)
            )
        axes.axhline(0.0, color=BLACK, linewidth=0.5)
        axes.set(xlim=(x[0], x[-1]), xlabel=x_label, ylabel=y_label)
        legend_above(axes, handles, title=title)
