"""Expected intervals against exposure, or whatever else a design may change."""

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import (
    ArrayLike,
    Number,
    NumpyReals,
    finite,
    increasing,
    ordered_levels,
    reals,
)
from cevnsjax.plots.frame import Scale, dress, figure_of, legend_above, scale_axes, single_frame
from cevnsjax.plots.style import BLACK, CURVES, DASHES, level_label
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers

_MIN_HEIGHT = 2.0  # inch, however many lines the legend has
# Room above and below what is drawn, as a part of it.
_MARGIN = 0.06


def forecast(
    x: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    truth: Number,
    levels: Mapping[str, Number],
    label: str,
    x_label: str,
    sd: ArrayLike | None = None,
    title: str = "",
    x_scale: Scale = "linear",
    axes: Axes | None = None,
) -> Figure:
    """Expected intervals as bands about the truth; upper limits as curves where they begin at it.

    Args:
        x: What changes, increasing, e.g. exposure [unit of x].
        low: Lower ends, one column a level, -inf where there is no limit, nan where unknown
            [x, level] [unit of the parameter].
        high: Upper ends likewise, inf where there is no limit [unit of the parameter].
        truth: True value of the parameter [unit of the parameter].
        levels: Delta chi2 of each level, in the order of the columns [1].
        label: Axis label of the parameter, with its unit.
        x_label: Axis label of ``x``.
        sd: Expected standard deviation at ``x``, nan where unknown: draws the ends that a
            quadratic chi2 would have [unit of the parameter].
        title: Line over the figure.
        x_scale: "linear", or "log" for x above 0; upper limits then have a logarithmic axis too.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: At shapes that do not match, or no finite end.

    Examples:
        >>> years = np.array([1.0, 2.0, 3.0])
        >>> sd = (0.1 / np.sqrt(years))[:, None]
        >>> options = {"truth": 0.5, "levels": {"0.6827": 1.0}, "label": "y", "x_label": "years"}
        >>> figure = cj.plots.forecast(years, 0.5 - sd, 0.5 + sd, **options)
        >>> figure.axes[0].get_xlabel()
        'years'
    """
    xs = increasing("x", x)
    heights = ordered_levels(levels)
    columns = [list(levels).index(name) for name in heights]
    shape = (xs.size, len(columns))
    # The lowest level first.
    lows, highs = reals("low", low, shape)[:, columns], reals("high", high, shape)[:, columns]
    middle = float(finite("truth", [truth])[0])
    spread = None if sd is None else reals("sd", sd, xs.shape)
    if not np.isfinite(highs).any() and not np.isfinite(lows).any():
        raise InputError("no end of an interval is finite: there is nothing to draw")
    min_height = _MIN_HEIGHT if axes is None else 0.0
    with single_frame(axes, 3.6, 2.9) as axes:
        scale_axes(axes.set_xscale, x_scale, "x", xs)
        dress(axes)
        axes.set(xlim=(xs[0], xs[-1]), xlabel=drawable(x_label), ylabel=drawable(label))
        one_sided = bool(np.all(lows[np.isfinite(lows)] >= middle)) and np.isfinite(highs).any()
        if one_sided:
            handles = _draw_limits(axes, xs, highs, middle, heights)
        else:
            handles = _draw_bands(axes, xs, (lows, highs), middle, heights)
            if spread is not None and np.isfinite(spread).any():
                handles.append(_draw_quadratic(axes, xs, middle, spread, heights))
        tidy_numbers(axes)
        legend_above(axes, handles, title=title, min_height=min_height)
    return figure_of(axes)


def _draw_limits(
    axes: Axes, xs: NumpyReals, highs: NumpyReals, truth: float, heights: Mapping[str, float]
) -> list[Artist]:
    """Upper limits of intervals that begin at the truth, as curves."""
    known = highs[np.isfinite(highs)]
    if axes.get_xscale() == "log" and known.min() > 0 and truth <= 0:
        axes.set_yscale("log")
    handles: list[Artist] = []
    for k, name in enumerate(heights):
        colour, dash = CURVES[k % len(CURVES)], DASHES[k % len(DASHES)]
        curve = np.where(np.isfinite(highs[:, k]), highs[:, k], np.nan)
        handles += axes.plot(xs, curve, dash, color=colour, label=f"limit at {level_label(name)}")
    if axes.get_yscale() == "linear":
        axes.set_ylim(truth, known.max() + _MARGIN * (known.max() - truth))
    return handles


def _draw_bands(
    axes: Axes,
    xs: NumpyReals,
    ends: tuple[NumpyReals, NumpyReals],
    truth: float,
    heights: Mapping[str, float],
) -> list[Artist]:
    """Bands of the intervals, the widest first, and the truth."""
    lows, highs = ends
    drawn = np.concatenate([lows[np.isfinite(lows)], highs[np.isfinite(highs)], [truth]])
    room = _MARGIN * float(np.ptp(drawn))
    bottom, top = float(drawn.min()) - room, float(drawn.max()) + room
    axes.set_ylim(bottom, top)
    handles: list[Artist] = []
    for k, name in reversed(list(enumerate(heights))):
        # An open end runs out of the frame.
        a, b = np.clip(lows[:, k], bottom - room, None), np.clip(highs[:, k], None, top + room)
        shade = 0.18 + 0.22 * (len(heights) - 1 - k) / max(len(heights) - 1, 1)
        axes.fill_between(xs, a, b, color=CURVES[0], alpha=shade, linewidth=0, gid=name)
        axes.plot(xs, np.column_stack([a, b]), color=CURVES[0], linewidth=0.8)
        patch = Patch(facecolor=CURVES[0], alpha=shade, label=level_label(name))
        handles.insert(0, patch)
    handles.append(axes.axhline(truth, color=BLACK, linewidth=0.8, label="truth"))
    return handles


def _draw_quadratic(
    axes: Axes, xs: NumpyReals, truth: float, sd: NumpyReals, heights: Mapping[str, float]
) -> Artist:
    """Ends of the intervals of a quadratic chi2."""
    style = {"color": CURVES[1], "linestyle": "--", "linewidth": 1.0}
    for height in heights.values():
        reach = np.sqrt(height) * sd
        axes.plot(xs, np.column_stack([truth - reach, truth + reach]), **style)
    return Line2D([], [], label="Fisher information", **style)
