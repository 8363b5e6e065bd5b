"""Corner of a posterior: the marginal of each parameter, the regions of each pair."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from cevnsjax.core.levels import DEFAULT_LEVELS, level_key, percent
from cevnsjax.plots.arrays import ArrayLike, Number
from cevnsjax.plots.frame import dress, figure_of, set_frames
from cevnsjax.plots.likelihoods.contours import mark
from cevnsjax.plots.posteriors.density import Ends, estimate
from cevnsjax.plots.posteriors.draws import Corner, Curve, checked_corner
from cevnsjax.plots.style import BLUE, DARK_GREY, DASHED, DASHES, STYLE, VERMILION
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers
from cevnsjax.plots.triangle import corner_legend, triangle

_SIZE_ALONE = 2.4, 0.8 * 2.4  # inch, of the frame of a single parameter
# Heights of the panels on the diagonal over their highest curve, with and without a note.
_HEIGHT_WITH_NOTE, _HEIGHT = 1.35, 1.1
# Panels leave out this part of the draws at either end, and add this margin.
_OUTER_PART, _MARGIN = 5e-4, 0.06
# Part of an axis beside its ends that has no ticks.
_TICKLESS = 0.08

_LOOKS: dict[str, dict[str, Any]] = {
    "prior": {"color": DARK_GREY, "linestyle": DASHED, "linewidth": 1.0},
    "exact": {"color": VERMILION, "linestyle": (0, (1.5, 1.2)), "linewidth": 1.4, "zorder": 3},
}


def corner(
    draws: Mapping[str, ArrayLike],
    *,
    labels: Mapping[str, str] | None = None,
    levels: Sequence[Number] = DEFAULT_LEVELS,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    priors: Mapping[str, Curve] | None = None,
    exact: Mapping[str, Curve] | None = None,
    best_fit: Mapping[str, Number] | None = None,
    points: Sequence[tuple[str, Mapping[str, Number]]] = (),
    notes: Mapping[str, str] | None = None,
    title: str = "",
    axes: Iterable[Iterable[Axes]] | None = None,
) -> Figure:
    """Marginal densities on the diagonal, most probable regions of each pair below it.

    Densities are kernel estimates whose widths come from the draws (see ``density``); each region
    holds its part of the draws. Regions are the smallest ones of their probability: several where
    the posterior has several modes.

    Args:
        draws: Draws by parameter, all of one shape, [chain, draw] [units of the parameters].
        labels: Axis label with unit by parameter; parameters without a label have their names.
        levels: Probabilities of the regions [1].
        bounds: Ends of the prior by parameter, where the density need not fall to 0
            [units of the parameters].
        priors: Prior by parameter as (x, density), drawn on the diagonal
            [units of the parameters; 1/units].
        exact: Marginal density by parameter from elsewhere, e.g. a grid, in the same form.
        best_fit: A point to mark as best fit, by parameter [units of the parameters].
        points: More points as (name, values by parameter) [units of the parameters].
        notes: Text for the panels on the diagonal, e.g. "0.23 ± 0.04", by parameter.
        title: Line over the legend.
        axes: Rows of axes to draw into, as many rows and columns as parameters; those above the
            diagonal are hidden. A new figure if None.

    Raises:
        InputError: At no parameters or more than ten, draws that are not finite, all equal or of
            different shapes, draws beyond bounds, or levels outside (0, 1).
        UnknownNameError: At a label, curve or point of a parameter that has no draws.

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> draws = {"a": rng.normal(size=(2, 100)), "b": rng.normal(size=(2, 100))}
        >>> figure = cj.plots.corner(draws)
        >>> sum(axes.get_visible() for axes in figure.axes)
        3
    """
    what = checked_corner(draws, labels, levels, bounds, priors, exact, best_fit, points, notes)
    with mpl.rc_context(STYLE):
        panels = triangle(axes, len(what.names), what="corner")
        spans = {name: _span(what, name) for name in what.names}
        for i, row in enumerate(what.names):
            _draw_one(panels[i][i], what, row, spans[row])
            for j, column in enumerate(what.names[:i]):
                _draw_pair(panels[i][j], what, (column, row), spans)
            for j in range(i + 1):
                _dress(panels[i][j], what, i, j)
        corner_legend(panels, _handles(what), title=title, own=axes is None)
        if axes is None and len(panels) == 1:
            set_frames(panels[0], *_SIZE_ALONE)
    return figure_of(panels[0][0])


def _span(what: Corner, name: str) -> Ends:
    """Range that the panels of a parameter show: nearly all draws, and the points."""
    low, high = np.quantile(what.draws[name], [_OUTER_PART, 1 - _OUTER_PART]).tolist()
    shown = [float(at[name]) for *_, at in what.points if name in at]
    low, high = min([low, *shown]), max([high, *shown])
    space = _MARGIN * (high - low)
    first, last = what.ends[name]
    # Points may lie beyond the prior; draws do not.
    return (
        low - space if low < first else max(low - space, first),
        high + space if high > last else min(high + space, last),
    )


def _draw_one(axes: Axes, what: Corner, name: str, span: Ends) -> None:
    """Marginal of one parameter, its most probable region filled."""
    marginal = estimate(what.draws[name][None], [what.ends[name]])
    x, density = marginal.axes[0], marginal.density
    axes.set_xlim(*span)
    for level, height in reversed(marginal.heights(what.levels).items()):
        look = {"color": what.paint[level], "linewidth": 0.0, "zorder": 1, "gid": f"{level:g}"}
        axes.fill_between(x, density, where=density >= height, interpolate=True, **look)
    axes.plot(x, density, color=BLUE, zorder=2, gid="density")
    top = float(density.max())
    for kind, curves in what.lines.items():
        if name in curves:
            at, height = curves[name]
            axes.plot(at, height, gid=kind, **_LOOKS[kind])
            inside = height[(at >= span[0]) & (at <= span[1])]
            top = max(top, float(inside.max(initial=0.0)))
    axes.set_ylim(0.0, (_HEIGHT_WITH_NOTE if name in what.notes else _HEIGHT) * top)
    for _, marker, colour, at in what.points:
        if name in at:
            mark(axes, (at[name], 0.0), marker, colour)
    if name in what.notes:
        axes.text(
            0.5, 0.93, what.notes[name], transform=axes.transAxes, ha="center", va="top",
            fontsize=mpl.rcParams["legend.fontsize"],
        )  # fmt: skip


def _draw_pair(axes: Axes, what: Corner, pair: tuple[str, str], spans: Mapping[str, Ends]) -> None:
    """Regions of two parameters, the first along x."""
    draws = np.stack([what.draws[name] for name in pair])
    joint = estimate(draws, [what.ends[name] for name in pair])
    axes.set(xlim=spans[pair[0]], ylim=spans[pair[1]])
    # From the outermost inwards, as matplotlib wants them.
    heights = dict(reversed(joint.heights(what.levels).items()))
    if heights:
        x, y, density = *joint.axes, joint.density.T
        rising, paint = list(heights.values()), [what.paint[level] for level in heights]
        bounds = [*rising, 1.01 * float(density.max())]
        axes.contourf(x, y, density, levels=bounds, colors=paint, zorder=1)
        dashes = [DASHES[what.levels.index(level) % len(DASHES)] for level in heights]
        look = {"colors": [BLUE], "linestyles": dashes, "linewidths": 1.0, "zorder": 2}
        axes.contour(x, y, density, levels=rising, **look)
    for _, marker, colour, at in what.points:
        if all(name in at for name in pair):
            mark(axes, (at[pair[0]], at[pair[1]]), marker, colour)


def _dress(axes: Axes, what: Corner, i: int, j: int) -> None:
    """Ticks and labels of the panel in row i and column j."""
    last, names = len(what.names) - 1, what.names
    dress(axes)
    _keep_apart(axes.xaxis, 3 if last else 6)
    _keep_apart(axes.yaxis, 4)
    tidy_numbers(axes)
    if i == last:
        axes.set_xlabel(drawable(what.labels[names[j]]))
    if i == j:
        axes.set_yticks([])
        axes.set_yticks([], minor=True)
        if not last:
            axes.set_ylabel("density")
    elif j == 0:
        axes.set_ylabel(drawable(what.labels[names[i]]))
    axes.tick_params(labelbottom=i == last, labelleft=j == 0 and i > 0)
    axes.xaxis.get_offset_text().set_visible(i == last)
    axes.yaxis.get_offset_text().set_visible(j == 0 and i > 0)


def _keep_apart(axis: Axis, most: int) -> None:
    """Two ticks or more, so far from the ends that labels of neighbouring panels do not touch."""
    low, high = axis.get_view_interval()
    space = _TICKLESS * (high - low)
    ticks = []
    for number in range(most, 2 * most + 1):
        every = MaxNLocator(number, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        ticks = [t for t in every if low + space <= t <= high - space]
        if len(ticks) > 1:
            break
    axis.set_ticks(ticks)
    formatter = axis.get_major_formatter()
    if isinstance(formatter, ScalarFormatter):
        formatter.set_powerlimits((-3, 4))


def _handles(what: Corner) -> list[Artist]:
    handles: list[Artist] = []
    for k, level in enumerate(what.levels):
        dash, name = DASHES[k % len(DASHES)], f"{percent(level_key(level))}% most probable"
        colour = what.paint[level]
        handles.append(Patch(facecolor=colour, edgecolor=BLUE, linestyle=dash, label=name))
    for kind, name in (("prior", "prior"), ("exact", "exact on a grid")):
        if what.lines[kind]:
            handles.append(Line2D([], [], label=name, **_LOOKS[kind]))
    for name, marker, colour, _ in what.points:
        handles.append(Line2D([], [], marker=marker, color=colour, linestyle="none", label=name))
    return handles
