"""Correlation matrix as a heat map."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import Bbox

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, distinct, reals
from cevnsjax.plots.frame import figure_of, legend_and_frames, name_rows, row_height, single_frame
from cevnsjax.plots.style import BLACK, BLUE, STYLE, VERMILION
from cevnsjax.plots.text import drawable

DIVERGING = LinearSegmentedColormap.from_list("blue to red", (BLUE, "white", VERMILION))
# Matrices up to this size have numbers in their cells.
_MAX_NUMBERED = 12
_CELL, _SMALL_CELL = 0.32, 0.17  # inch
_MIN_SIDE = 1.0  # inch, however few the cells
_TOLERANCE = 1e-6


def correlations(
    names: Iterable[str], matrix: ArrayLike, *, title: str = "", axes: Axes | None = None
) -> Figure:
    """Correlations in colour, blue below 0 and red above; numbers in the cells of small ones.

    Args:
        names: What to print at rows and columns, mathtext allowed, [parameter].
        matrix: Correlation matrix, nan in rows and columns of parameters without an error, which
            are hatched, [parameter, parameter] [1].
        title: Line over the figure.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: At names that are not distinct, another shape, or numbers that are not
            correlations.

    Examples:
        >>> figure = cj.plots.correlations(["a", "b"], [[1.0, 0.5], [0.5, 1.0]])
        >>> len(figure.axes[0].texts)
        4
    """
    rows = distinct("names", names)
    values = _correlations(rows, matrix)
    numbered = len(rows) <= _MAX_NUMBERED
    own, room = axes is None, _CELL * len(rows) + 6.0
    with single_frame(axes, room, room) as axes:
        if not own:
            axes.set_aspect("equal")
        mesh = _draw_cells(axes, values)
        _name_cells(axes, rows, upright=not numbered)
        cell = row_height(axes, _CELL if numbered else _SMALL_CELL)
        side = max(len(rows) * cell, _MIN_SIDE)
        if numbered:
            _number_cells(axes, values)
        _scale(axes, mesh)
        unknown = _hatch_unknown(axes, values)
        legend_and_frames([axes], unknown[:1], side, side, title, own)
    return figure_of(axes)


def _correlations(names: Sequence[str], matrix: ArrayLike) -> NumpyReals:
    """The matrix, checked to be a correlation matrix."""
    values = reals("matrix", matrix, (len(names), len(names)))
    remedy = "divide a covariance by both standard deviations"
    wrong = np.argwhere(np.abs(values) > 1 + _TOLERANCE)
    if wrong.size:
        i, j = wrong[0]
        raise InputError(
            f"matrix has {values[i, j]:g} for {names[i]} and {names[j]}; a correlation lies "
            f"within [-1, 1]: {remedy}"
        )
    wrong = np.flatnonzero(np.abs(np.diag(values) - 1) > _TOLERANCE)
    if wrong.size:
        i = wrong[0]
        raise InputError(
            f"matrix has {values[i, i]:g} for {names[i]} with itself, which must be 1: {remedy}"
        )
    wrong = np.argwhere(np.abs(values - values.T) > _TOLERANCE)
    if wrong.size:
        i, j = wrong[0]
        raise InputError(
            f"matrix is not symmetric: {values[i, j]:g} for {names[i]} and {names[j]}, "
            f"{values[j, i]:g} the other way round"
        )
    return values


def _draw_cells(axes: Axes, values: NumpyReals) -> QuadMesh:
    edges = np.arange(values.shape[0] + 1) - 0.5
    look = {"cmap": DIVERGING, "vmin": -1.0, "vmax": 1.0, "edgecolor": "white", "linewidth": 0.4}
    return axes.pcolormesh(edges, edges, np.ma.masked_invalid(values), **look)


def _name_cells(axes: Axes, names: Sequence[str], *, upright: bool) -> None:
    """Names on the left and below, the first on top and on the left."""
    places, end = range(len(names)), len(names) - 0.5
    axes.set(xlim=(-0.5, end), ylim=(end, -0.5))
    name_rows(axes, names)
    angle, side, mode = (90, "center", "default") if upright else (45, "right", "anchor")
    axes.set_xticks(places, list(map(drawable, names)), rotation=angle, ha=side, rotation_mode=mode)
    axes.tick_params(which="both", length=0, pad=3, labelsize=STYLE["ytick.labelsize"])


def _number_cells(axes: Axes, values: NumpyReals) -> None:
    """The number in each known cell, in white where the cell is dark."""
    for (i, j), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        text = f"{value:.2f}" if abs(value) < 0.995 else f"{value:.0f}"
        text = text.replace("-0.00", "0.00").replace("-", "\u2212")
        look = {"color": "white" if abs(value) > 0.6 else BLACK, "fontsize": 6.5}
        axes.text(j, i, text, ha="center", va="center_baseline", **look)


def _hatch_unknown(axes: Axes, values: NumpyReals) -> list[Patch]:
    """Grey, hatched cells where there is no correlation."""
    look = {"facecolor": "#EDEDED", "edgecolor": "#A8A8A8", "hatch": "////", "linewidth": 0.0}
    look["label"] = "no error (on a bound)"
    cells = np.argwhere(np.isnan(values)) - 0.5
    return [axes.add_patch(Rectangle((j, i), 1.0, 1.0, **look)) for i, j in cells]


def _scale(axes: Axes, mesh: QuadMesh) -> None:
    """Colour bar as tall as the frame, whatever size the frame takes."""
    figure = figure_of(axes)

    def beside(_bar: object, _renderer: object) -> Bbox:
        frame, inch = axes.get_window_extent(), figure.dpi
        place = Bbox.from_bounds(frame.x1 + 0.1 * inch, frame.y0, 0.12 * inch, frame.height)
        return place.transformed(axes.figure.transSubfigure.inverted())

    room = axes.inset_axes((1.0, 0.0, 0.1, 1.0))
    bar = figure.colorbar(mesh, cax=room, ticks=[-1.0, -0.5, 0.0, 0.5, 1.0], label="correlation")
    room.set_axes_locator(beside)
    room.minorticks_off()
    room.tick_params(direction="in", width=0.7, length=2)
    bar.outline.set_linewidth(0.7)
