"""Triangle of profile projections of a scan over two to four parameters."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import (
    ArrayLike,
    Number,
    NumpyReals,
    distinct,
    finite,
    increasing,
    ordered_levels,
    reals,
    scanned,
)
from cevnsjax.plots.frame import Scale, dress, figure_of, scale_axes
from cevnsjax.plots.likelihoods.contours import ContourSet, fill, mark, outline
from cevnsjax.plots.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    DASHES,
    LABELS,
    MARKERS,
    STYLE,
    level_label,
    shades,
)
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers
from cevnsjax.plots.triangle import corner_legend, triangle


@dataclass(frozen=True, eq=False)
class _Scan:
    """Checked arguments of ``projections``; points are (name, marker, colour, values)."""

    grids: list[NumpyReals]
    labels: tuple[str, ...]
    scales: tuple[Scale, ...]
    low: dict[str, float]
    high: dict[str, float]
    points: list[tuple[str, str, str, NumpyReals]]

    @property
    def paint(self) -> dict[str, str]:
        return dict(zip(self.low, shades(BLUE, len(self.low)), strict=True))

    @property
    def dashes(self) -> dict[str, Any]:
        return {name: DASHES[i % len(DASHES)] for i, name in enumerate(self.low)}


def projections(
    grids: Sequence[ArrayLike],
    delta_chi2: ArrayLike,
    *,
    labels: Iterable[str],
    levels_1d: Mapping[str, Number],
    levels_2d: Mapping[str, Number],
    best_fit: ArrayLike | None = None,
    points: Sequence[tuple[str, ArrayLike]] = (),
    scales: Sequence[Scale] = (),
    title: str = "",
    axes: Iterable[Iterable[Axes]] | None = None,
) -> Figure:
    """Profiles over all other parameters: of each one on the diagonal, of each pair below it.

    Each profile is the minimum over the points of the grid, so a grid that is coarse in one
    parameter makes the profiles of others rough.

    Args:
        grids: Values of each parameter, increasing, [parameter] of [point]
            [units of the parameters].
        delta_chi2: Delta chi2 on the grid, one index for each parameter, nan where unknown; a
            memory map of reals is read panel by panel and never copied [1].
        labels: Axis label of each parameter with its unit, [parameter].
        levels_1d: Delta chi2 of each level for one parameter, e.g. {"0.90": 2.7055} [1].
        levels_2d: The same levels for two parameters, e.g. {"0.90": 4.6052} [1].
        best_fit: Parameters at the minimum, None to mark none, [parameter]
            [units of the parameters].
        points: Points to mark as (name, values) [units of the parameters].
        scales: "linear" or "log" for each parameter; all linear if empty.
        title: Line over the figure.
        axes: Rows of axes to draw into, as many rows and columns as parameters; those above the
            diagonal are hidden. A new figure if None.

    Raises:
        InputError: At fewer than two or more than four parameters, shapes or levels that do not
            match, or a Delta chi2 above all levels.

    Examples:
        >>> x = np.linspace(-1.0, 1.0, 11)
        >>> levels = {"levels_1d": {"0.90": 2.7055}, "levels_2d": {"0.90": 4.6052}}
        >>> delta_chi2 = 8 * (x[:, None] ** 2 + x**2)
        >>> figure = cj.plots.projections([x, x], delta_chi2, labels=["a", "b"], **levels)
        >>> sum(axes.get_visible() for axes in figure.axes)
        3
    """
    scan = _checked(grids, labels, scales, levels_1d, levels_2d, best_fit, points)
    lowest = _profiles(delta_chi2, tuple(g.size for g in scan.grids))
    least = float(np.nanmin(lowest[0,]))
    if least > max(*scan.low.values(), *scan.high.values()):
        raise InputError(
            f"delta_chi2 is {least:g} or more, above all levels; give chi2 less its minimum"
        )
    with mpl.rc_context(STYLE):
        panels, marks = triangle(axes, len(scan.grids), what="projections"), []
        for i, j in itertools.combinations_with_replacement(range(len(scan.grids)), 2):
            _frame(panels[j][i], scan, j, i)
            if i == j:
                marks = _draw_one(panels[i][i], scan, i, lowest[i,])
            else:
                _draw_pair(panels[j][i], scan, i, j, lowest[i, j])
        panels[0][0].set_title(drawable(title), loc="left")
        levels = [
            Patch(facecolor=paint, edgecolor=BLUE, linestyle=scan.dashes[n], label=level_label(n))
            for n, paint in scan.paint.items()
        ]
        corner_legend(panels, [*levels, *marks], title="", own=axes is None)
    return figure_of(panels[0][0])


def _checked(
    grids: Sequence[ArrayLike],
    labels: Iterable[str],
    scales: Sequence[Scale],
    levels_1d: Mapping[str, Number],
    levels_2d: Mapping[str, Number],
    best_fit: ArrayLike | None,
    points: Sequence[tuple[str, ArrayLike]],
) -> _Scan:
    names, number = distinct("labels", labels), len(grids)
    if not 2 <= number <= 4:
        raise InputError(
            f"projections draws 2 to 4 parameters, got {number} grids; take the minimum over the "
            "others first, or use profile for one"
        )
    for what, entries in (("labels", names), ("scales", scales or names)):
        if len(entries) != number:
            raise InputError(f"{what} has {len(entries)} entries for {number} grids; give one each")
    low, high = ordered_levels(levels_1d), ordered_levels(levels_2d)
    if list(low) != list(high):
        raise InputError(
            f"levels_1d has {', '.join(low)} and levels_2d {', '.join(high)}; give the same levels "
            "for one and for two parameters"
        )
    marks = []
    if best_fit is not None:
        marks.append(("best fit", "o", BLUE, finite("best_fit", best_fit, (number,))))
    for i, (name, at) in enumerate(points):
        values = finite(f"point {name}", at, (number,))
        marks.append((name, MARKERS[i % len(MARKERS)], BLACK, values))
    return _Scan(
        [increasing(f"grid of {name}", grid) for name, grid in zip(names, grids, strict=True)],
        names,
        tuple(scales) or ("linear",) * number,
        low,
        high,
        marks,
    )


def _profiles(delta_chi2: ArrayLike, shape: tuple[int, ...]) -> dict[tuple[int, ...], NumpyReals]:
    """Minima over all axes but one or two, by the axes that are left; nan where unknown."""
    if isinstance(delta_chi2, np.ndarray) and delta_chi2.dtype.kind == "f":
        values = delta_chi2  # as it is: a copy of a large scan may not fit into memory
    else:
        values = reals("delta_chi2", delta_chi2, shape)
    if values.shape != shape:
        raise InputError(f"delta_chi2 has shape {values.shape}, expected {shape} from the grids")
    axes, profiles = range(len(shape)), {}
    for pair in itertools.combinations(axes, 2):
        others = tuple(a for a in axes if a not in pair)
        least = np.fmin.reduce(values, axis=others) if others else values
        profiles[pair] = scanned("delta_chi2", least, tuple(shape[a] for a in pair))
    for axis in axes:
        pair = next(p for p in profiles if axis in p)
        least = np.fmin.reduce(profiles[pair], axis=1 - pair.index(axis))
        profiles[axis,] = scanned("delta_chi2", least, shape[axis : axis + 1])
    return profiles


def _frame(axes: Axes, scan: _Scan, i: int, j: int) -> None:
    """Scales, limits, ticks and labels of the panel in row i and column j."""
    x, y, last = scan.grids[j], scan.grids[i], len(scan.grids) - 1
    scale_axes(axes.set_xscale, scan.scales[j], f"grid of {scan.labels[j]}", x)
    axes.set_xlim(x[0], x[-1])
    if i == j:
        axes.set_ylim(0.0, 1.5 * max(scan.low.values()))
    else:
        scale_axes(axes.set_yscale, scan.scales[i], f"grid of {scan.labels[i]}", y)
        axes.set_ylim(y[0], y[-1])
    dress(axes)
    for axis in (axes.xaxis, axes.yaxis):
        if isinstance(axis.get_major_locator(), MaxNLocator):
            # No label at an end, where it would meet one of the next panel.
            prune = "lower" if i == j and axis is axes.yaxis else "both"
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune=prune))
    tidy_numbers(axes)
    if i == last:
        axes.set_xlabel(drawable(scan.labels[j]))
    if j == 0:
        axes.set_ylabel(drawable(scan.labels[i]) if i else LABELS["delta_chi2"])
    axes.tick_params(labelbottom=i == last, labelleft=j == 0)
    axes.xaxis.get_offset_text().set_visible(i == last)
    axes.yaxis.get_offset_text().set_visible(j == 0)


def _draw_one(axes: Axes, scan: _Scan, i: int, least: NumpyReals) -> list[Line2D]:
    """Profile of one parameter, filled up to each level; the points on it."""
    x = scan.grids[i]
    for level, height in reversed(scan.low.items()):
        look = {"color": scan.paint[level], "linewidth": 0.0, "zorder": 1, "gid": level}
        axes.fill_between(x, least, height, where=least <= height, interpolate=True, **look)
        axes.axhline(height, color=DARK_GREY, linewidth=0.7, linestyle=scan.dashes[level])
    axes.plot(x, least, color=BLUE, zorder=2)
    return [mark(axes, (at[i], 0.0), kind, c, name) for name, kind, c, at in scan.points]


def _draw_pair(axes: Axes, scan: _Scan, j: int, i: int, least: NumpyReals) -> None:
    """Regions of two parameters, j along x and i along y."""
    curve = ContourSet(scan.grids[j], scan.grids[i], least, scan.high)
    fill(axes, curve, BLUE)
    outline(axes, curve, BLUE, scan.dashes)
    for _, marker, colour, at in scan.points:
        mark(axes, (at[j], at[i]), marker, colour)
