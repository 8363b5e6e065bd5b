"""Profile likelihood of one parameter, with its intervals."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals, increasing, ordered_levels, scanned
from cevnsjax.plots.frame import Scale, dress, figure_of, legend_above, scale_axes, single_frame
from cevnsjax.plots.style import BLACK, CURVES, DARK_GREY, DASHED, DASHES, LABELS, level_label
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers

Intervals = Mapping[str, Sequence[tuple[Number, Number]]]
Curve = tuple[str, NumpyReals, NumpyReals]

_LABEL_GAP = 0.065
_MIN_HEIGHT = 2.0  # inch, however many lines the legend has


def profile(
    x: ArrayLike,
    delta_chi2: ArrayLike,
    *,
    label: str,
    best_fit: Number | None,
    intervals: Intervals,
    levels: Mapping[str, Number],
    others: Sequence[tuple[str, ArrayLike, ArrayLike]] = (),
    name: str = "",
    title: str = "",
    x_scale: Scale = "linear",
    axes: Axes | None = None,
) -> Figure:
    """Delta chi2 against a parameter; each interval is shaded up to its level.

    Args:
        x: Parameter, increasing [unit of the parameter].
        delta_chi2: Delta chi2 at ``x``, nan where unknown [1].
        label: Axis label of the parameter, with its unit.
        best_fit: Parameter at the minimum, None to mark none [unit of the parameter].
        intervals: Ends of the intervals at each level, several if they are disjoint; an infinite
            end runs out of the frame [unit of the parameter].
        levels: Delta chi2 of each level, e.g. {"0.6827": 1.0, "0.90": 2.7055} [1].
        others: More curves as (name, x, Delta chi2) [unit of the parameter; 1].
        name: Name of the main curve in the legend.
        title: Line over the figure.
        x_scale: "linear", or "log" for a parameter above 0.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: At shapes that do not match, or an interval of an unknown level.

    Examples:
        >>> x = np.linspace(-1.0, 1.0, 21)
        >>> intervals = {"0.6827": [(-0.5, 0.5)]}
        >>> options = {"intervals": intervals, "levels": {"0.6827": 1.0}}
        >>> figure = cj.plots.profile(x, 4 * x**2, label="x", best_fit=0.0, **options)
        >>> float(figure.axes[0].get_ylim()[1])
        1.5
    """
    heights = ordered_levels(levels)
    curves = [_curve(name or "profile", x, delta_chi2), *(_curve(*other) for other in others)]
    spans = _checked(intervals, heights)
    min_height = _MIN_HEIGHT if axes is None else 0.0
    with single_frame(axes, 3.6, 2.9) as axes:
        ends = np.array([xs[[0, -1]] for _, xs, _ in curves])
        scale_axes(axes.set_xscale, x_scale, f"x of {name or 'profile'}", ends)
        dress(axes)
        top = 1.5 * max(heights.values())
        axes.set(xlim=_in_view(curves, top, x_scale), ylim=(0.0, top))
        axes.set(xlabel=drawable(label), ylabel=LABELS["delta_chi2"])
        tidy_numbers(axes)
        _draw_intervals(axes, spans, heights)
        _draw_levels(axes, heights)
        handles = _draw_curves(axes, curves, best_fit)
        shown = handles if others or name else handles[1:]
        legend_above(axes, shown, title=title, min_height=min_height)
    return figure_of(axes)


def _in_view(curves: Sequence[Curve], top: float, scale: Scale) -> tuple[float, float]:
    """Range of x in which some curve lies below the frame's top, with a margin."""
    inside = np.concatenate([xs[ys <= top] for _, xs, ys in curves])
    everything = np.concatenate([xs for _, xs, _ in curves])
    ends = np.array([everything.min(), everything.max()])
    if inside.size < 2:
        return float(ends[0]), float(ends[1])
    span = np.array([inside.min(), inside.max()])
    out = np.array([-0.15, 0.15])
    span = span * (span[1] / span[0]) ** out if scale == "log" else span + np.ptp(span) * out
    return float(max(ends[0], span[0])), float(min(ends[1], span[1]))


def _curve(name: str, x: ArrayLike, delta_chi2: ArrayLike) -> Curve:
    xs = increasing(f"x of {name}", x)
    return name, xs, scanned(f"delta_chi2 of {name}", delta_chi2, xs.shape)


def _checked(intervals: Intervals, heights: Mapping[str, float]) -> Intervals:
    for level, spans in intervals.items():
        if level not in heights:
            raise InputError(f"intervals at {level} have no level; levels are {', '.join(heights)}")
        for low, high in spans:
            if not low < high:
                raise InputError(f"interval [{low}, {high}] at {level} needs low < high")
    return intervals


def _draw_intervals(axes: Axes, intervals: Intervals, heights: Mapping[str, float]) -> None:
    """Shade each interval up to its level, the highest first, and mark its ends."""
    left, right = axes.get_xlim()
    for level in reversed(list(heights)):
        height = heights[level]
        for low, high in intervals.get(level, ()):
            a, b = max(low, left), min(high, right)
            if a >= b:
                continue
            look = {"color": CURVES[0], "alpha": 0.14, "linewidth": 0, "gid": level}
            axes.add_patch(Rectangle((a, 0.0), b - a, height, **look))
            ends = [end for end in (low, high) if left < end < right]
            axes.vlines(ends, 0.0, height, color=CURVES[0], linewidth=0.7, linestyle=":")


def _draw_levels(axes: Axes, heights: Mapping[str, float]) -> None:
    """Lines at the levels, named beside the frame; names do not overlap."""
    top, below = axes.get_ylim()[1], -np.inf
    for level, height in heights.items():
        axes.axhline(height, color=DARK_GREY, linewidth=0.7, linestyle=DASHED, zorder=1.5)
        below = max(height / top, below + _LABEL_GAP)
        look = {"va": "center", "fontsize": mpl.rcParams["legend.fontsize"]}
        axes.text(1.02, below, level_label(level), transform=axes.transAxes, **look)


def _draw_curves(axes: Axes, curves: Sequence[Curve], best_fit: Number | None) -> list[Artist]:
    handles: list[Artist] = []
    left, right = axes.get_xlim()
    for i, (name, x, delta_chi2) in enumerate(curves):
        colour, dash = CURVES[i % len(CURVES)], DASHES[i % len(DASHES)]
        handles += axes.plot(x, delta_chi2, dash, color=colour, label=name, zorder=3 - 0.01 * i)
    if best_fit is not None:
        look = {"color": BLACK, "markersize": 5.5, "zorder": 5, "label": "best fit"}
        edge = {"markeredgecolor": "white", "markeredgewidth": 0.5}
        outside = not left <= best_fit <= right
        handles += axes.plot([best_fit], [0.0], "o", clip_on=outside, **look, **edge)
    return handles
