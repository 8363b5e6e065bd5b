"""Feldman-Cousins construction of one parameter: critical values, and p-values."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals, increasing, ordered_levels, reals
from cevnsjax.plots.frame import Scale, dress, legend_above, new_figure, scale_axes, set_frames
from cevnsjax.plots.style import BLACK, CURVES, DARK_GREY, DASHED, STYLE, level_label
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers

Intervals = Mapping[str, Sequence[Sequence[Number]]]
Critical = Mapping[str, tuple[ArrayLike, ArrayLike]]

_WIDTH, _HEIGHTS = 2.6, (1.7, 1.1)  # inch
_MIN_P = 1e-3


def feldman_cousins(
    x: ArrayLike,
    q_data: ArrayLike,
    p_value: ArrayLike,
    *,
    label: str,
    critical: Critical,
    wilks: Mapping[str, Number],
    intervals: Intervals,
    p_error: ArrayLike | None = None,
    best_fit: Number | None = None,
    title: str = "",
    x_scale: Scale = "linear",
) -> Figure:
    """Critical values of the test statistic over Wilks' constants, and p-values below.

    Args:
        x: Parameter, increasing [unit of the parameter].
        q_data: Test statistic of the data at ``x`` [1].
        p_value: Part of the pseudo-experiments with a larger test statistic [1].
        label: Axis label of the parameter, with its unit.
        critical: Critical values at ``x`` and their errors, by level [1].
        wilks: Critical value by Wilks' theorem, by level [1].
        intervals: Ends of the intervals at each level [unit of the parameter].
        p_error: Errors of the p-values [1].
        best_fit: Parameter at the best fit, None to mark none [unit of the parameter].
        title: Line over the figure.
        x_scale: "linear", or "log" for a parameter above 0.

    Raises:
        InputError: At shapes that do not match, or critical values at other levels.

    Examples:
        >>> x = np.linspace(-1.0, 1.0, 11)
        >>> critical = {"0.90": (np.full(11, 2.7), np.full(11, 0.1))}
        >>> levels = {"wilks": {"0.90": 2.7055}, "intervals": {"0.90": [(-0.8, 0.8)]}}
        >>> p_value = np.exp(-(x**2))
        >>> figure = cj.plots.feldman_cousins(
        ...     x, 4 * x**2, p_value, label="x", critical=critical, **levels
        ... )
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['$q$', '$p$']
    """
    xs = increasing("x", x)
    q, p = reals("q_data", q_data, xs.shape), reals("p_value", p_value, xs.shape)
    spread = None if p_error is None else reals("p_error", p_error, xs.shape)
    heights = ordered_levels(wilks)
    curves = _curves(critical, heights, xs.shape)
    for level in intervals:
        if level not in heights:
            raise InputError(f"intervals at {level} have no level; levels are {', '.join(heights)}")
    with mpl.rc_context(STYLE):
        figure = new_figure(3.6, 3.8)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=_HEIGHTS)
        scale_axes(lower.set_xscale, x_scale, "x", xs)
        for axes in (upper, lower):
            dress(axes)
        lower.set(xlim=(xs[0], xs[-1]), xlabel=drawable(label), ylabel=r"$p$")
        highest = max(*heights.values(), *(np.nanmax(values) for values, _ in curves.values()))
        upper.set(ylim=(0.0, 1.35 * float(highest)), ylabel=r"$q$")
        lower.set_yscale("log")
        lower.set_ylim(_MIN_P, 1.5)
        handles = _draw_critical(upper, xs, curves, heights)
        handles += upper.plot(xs, q, color=BLACK, label="data", zorder=4)
        _draw_p(lower, xs, p, spread, heights)
        _draw_intervals((upper, lower), intervals, list(heights))
        if best_fit is not None:
            for axes in (upper, lower):
                axes.axvline(best_fit, color=DARK_GREY, linewidth=0.7, linestyle=":", zorder=1)
        tidy_numbers(lower)
        set_frames([lower], _WIDTH, sum(_HEIGHTS), down=[upper, lower])
        legend_above(upper, handles, title=title)
    return figure


def _curves(
    critical: Critical, heights: Mapping[str, float], shape: tuple[int, ...]
) -> dict[str, tuple[NumpyReals, NumpyReals]]:
    if set(critical) != set(heights):
        raise InputError(f"critical values at {list(critical)}, but levels are {list(heights)}")
    curves = {}
    for level in heights:
        values, errors = critical[level]
        errors = reals(f"errors of critical values at {level}", errors, shape)
        curves[level] = reals(f"critical values at {level}", values, shape), errors
    return curves


def _draw_critical(
    axes: Axes,
    x: NumpyReals,
    curves: Mapping[str, tuple[NumpyReals, NumpyReals]],
    heights: Mapping[str, float],
) -> list[Artist]:
    """Critical values with their errors as bands, Wilks' constants dashed."""
    handles: list[Artist] = []
    for k, (level, (values, errors)) in enumerate(curves.items()):
        colour = CURVES[k % len(CURVES)]
        band = (values - errors, values + errors)
        axes.fill_between(x, *band, color=colour, alpha=0.25, linewidth=0, gid=level)
        handles += axes.plot(x, values, color=colour, linewidth=1.0, label=level_label(level))
        axes.axhline(heights[level], color=colour, linewidth=0.8, linestyle=DASHED)
    return handles


def _draw_p(
    axes: Axes,
    x: NumpyReals,
    p: NumpyReals,
    spread: NumpyReals | None,
    heights: Mapping[str, float],
) -> None:
    if spread is not None:
        low, high = np.maximum(p - spread, _MIN_P / 10), p + spread
        axes.fill_between(x, low, high, color=BLACK, alpha=0.2, linewidth=0)
    axes.plot(x, np.maximum(p, _MIN_P / 10), color=BLACK)
    for k, level in enumerate(heights):
        colour = CURVES[k % len(CURVES)]
        axes.axhline(1 - float(level), color=colour, linewidth=0.8, linestyle=DASHED)


def _draw_intervals(frames: Sequence[Axes], intervals: Intervals, order: list[str]) -> None:
    """Intervals shaded in both frames, the widest first."""
    for level in sorted(intervals, key=order.index, reverse=True):
        for low, high in intervals[level]:
            for axes in frames:
                colour = CURVES[order.index(level) % len(CURVES)]
                axes.axvspan(low, high, color=colour, alpha=0.09, linewidth=0, zorder=0)


def statistic_distribution(
    q: ArrayLike, *, q_data: Number | None, dof: int, bins: int = 60, title: str = ""
) -> Figure:
    """Part of the pseudo-experiments above each value of the test statistic, beside Wilks' theorem.

    Args:
        q: Test statistic of pseudo-experiments, nan where a fit failed [1].
        q_data: Test statistic of the data, None to mark none [1].
        dof: Degrees of freedom of Wilks' theorem.
        bins: Number of points of Wilks' curve.
        title: Line over the figure.

    Raises:
        InputError: If fewer than two values are finite.

    Examples:
        >>> q = np.random.default_rng(1).chisquare(1, 100)
        >>> figure = cj.plots.statistic_distribution(q, q_data=2.0, dof=1)
        >>> len(figure.axes[0].get_legend().get_texts())
        3
    """
    from scipy import special  # 0.2 s to import

    values = np.sort(reals("q", q))
    values = values[np.isfinite(values)]
    if values.size < 2:
        raise InputError(f"q has {values.size} finite values; at least 2 are needed")
    above = 1 - np.arange(values.size) / values.size
    right = 1.05 * float(max(values[-1], 1.0, -np.inf if q_data is None else q_data))
    grid = np.linspace(0.0, right, bins)
    with mpl.rc_context(STYLE):
        figure = new_figure(3.6, 2.9)
        axes = figure.subplots()
        dress(axes)
        axes.set_yscale("log")
        axes.set(xlim=(0.0, right), ylim=(0.5 / values.size, 1.5), xlabel=r"$q$")
        axes.set_ylabel(r"part above $q$")
        handles = axes.plot(values, above, color=CURVES[0], drawstyle="steps-post", label="toys")
        wilks = special.chdtrc(dof, grid)
        name = rf"$\chi^2_{{{dof}}}$"
        handles += axes.plot(grid, wilks, color=DARK_GREY, linestyle=DASHED, label=name)
        if q_data is not None:
            handles.append(axes.axvline(float(q_data), color=BLACK, linewidth=0.9, label="data"))
        tidy_numbers(axes)
        legend_above(axes, handles, title=title)
    return figure
