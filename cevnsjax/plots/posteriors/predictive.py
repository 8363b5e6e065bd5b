"""Counts that a posterior predicts in each bin, beside the data."""

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, level_key, percent
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals, finite, increasing, probabilities
from cevnsjax.plots.frame import figure_of, legend_above, stacked_frames
from cevnsjax.plots.style import BLACK, BLUE, STYLE, label, shades

_MIN_DRAWS = 20
_MIN_HEIGHT = 1.8  # inch, of the upper frame
_DATA: dict[str, Any] = {"marker": "o", "color": BLACK, "linestyle": "none"}


def predictive(
    edges: ArrayLike,
    observed: ArrayLike,
    draws: ArrayLike,
    *,
    levels: Sequence[Number] = DEFAULT_LEVELS,
    observable: str = "n_pe",
    title: str = "",
    axes: Iterable[Axes] | None = None,
) -> Figure:
    """Data over bands of counts replicated from a posterior; deviations in the lower panel.

    Bands are central quantiles of each bin. They include the uncertainty of the parameters and the
    statistical spread of counts, so the data have no error bars. Bins are correlated, as they share
    the parameters.

    Args:
        edges: Bin edges [unit of the observable].
        observed: Observed counts, [bin].
        draws: Counts replicated from the posterior, [..., bin], e.g. [chain, draw, bin].
        levels: Probabilities of the bands [1].
        observable: Name of what is binned: "n_pe", "E_ee_keV", "T_nr_keV", "t_us", "f90".
        title: Line over the figure.
        axes: Upper and lower axes to draw into; a new figure if None.

    Raises:
        InputError: At shapes that do not match, fewer than 20 draws, or levels outside (0, 1).

    Examples:
        >>> draws = np.random.default_rng(1).poisson([5, 6, 7], (2, 50, 3))
        >>> figure = cj.plots.predictive([0, 1, 2, 3], [5, 6, 7], draws)
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['counts per bin', 'deviation [sd]']
    """
    x = increasing("edges", edges)
    data = finite("observed", observed, (x.size - 1,))
    replicated = _checked(draws, data.shape)
    widest_first = reversed(probabilities(levels))
    bands = {p: np.quantile(replicated, [(1 - p) / 2, (1 + p) / 2], axis=0) for p in widest_first}
    middle, spread = np.median(replicated, axis=0), np.std(replicated, axis=0)
    # The spread of a bin that is empty in all draws is 0.
    unit = np.where(spread > 0, spread, 1.0)
    with mpl.rc_context(STYLE):
        upper, lower = stacked_frames(axes, 3.7, 2.6, what="predictive")
        _draw(upper, x, data, bands, middle)
        deviations = {level: (ends - middle) / unit for level, ends in bands.items()}
        _draw(lower, x, (data - middle) / unit, deviations, np.zeros_like(middle))
        floor = min(0.0, *(float(b.min()) for b in bands.values()), float(data.min()))
        upper.set_ylim(1.1 * floor, None)
        if floor < 0:
            upper.axhline(0.0, color=BLACK, linewidth=0.5, zorder=2.4)
        limit = max(2.9, *(1.12 * float(np.abs(line.get_ydata()).max()) for line in lower.lines))
        lower.set_ylim(-limit, limit)
        upper.set_ylabel("counts per bin")
        lower.set(xlabel=label(observable), ylabel="deviation [sd]")
        min_height = _MIN_HEIGHT if axes is None else 0.0
        legend_above(upper, _handles(bands), title=title, min_height=min_height)
    return figure_of(upper)


def _checked(draws: ArrayLike, bins: tuple[int, ...]) -> NumpyReals:
    """Draws as [draw, bin]."""
    shape = np.shape(np.asarray(draws))
    if len(shape) < 2 or shape[-1:] != bins:
        raise InputError(f"draws have shape {shape}, expected (..., {bins[0]}) from the edges")
    flat = finite("draws", draws, shape).reshape(-1, *bins)
    if len(flat) < _MIN_DRAWS:
        raise InputError(f"bands need {_MIN_DRAWS} draws or more, got {len(flat)}")
    return flat


def _paint(bands: dict[float, NumpyReals]) -> dict[float, str]:
    return dict(zip(bands, reversed(shades(BLUE, len(bands))), strict=True))


def _draw(
    axes: Axes, x: NumpyReals, data: NumpyReals, bands: dict[float, NumpyReals], middle: NumpyReals
) -> None:
    for level, colour in _paint(bands).items():
        low, high = bands[level]
        look = {"fill": True, "facecolor": colour, "linewidth": 0, "gid": f"{level:g}"}
        axes.stairs(high, x, baseline=low, zorder=1, **look)
    axes.stairs(middle, x, baseline=None, color=BLUE, linewidth=1.1, gid="median", zorder=2)
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.4}
    axes.plot((x[:-1] + x[1:]) / 2, data, zorder=3, gid="data", **_DATA, **edge)
    axes.set_xlim(x[0], x[-1])


def _handles(bands: dict[float, NumpyReals]) -> list[Artist]:
    paint = _paint(bands)
    handles: list[Artist] = [Line2D([], [], label="data", **_DATA)]
    handles.append(Line2D([], [], color=BLUE, linewidth=1.1, label="median"))
    for level in reversed(bands):
        text = f"{percent(level_key(level))}% predicted"
        handles.append(Patch(facecolor=paint[level], label=text))
    return handles
