"""Ranks of true values among draws of their posteriors, one histogram a parameter."""

import math
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, distinct, finite
from cevnsjax.plots.frame import dress, figure_of, legend_above, new_figure, set_frames
from cevnsjax.plots.style import BANDS, BLACK, BLUE, STYLE
from cevnsjax.plots.text import drawable

_WIDTH, _HEIGHT, _GAP = 2.2, 1.5, 0.75  # inch
_ACROSS = 3
_MIN_PER_BIN, _MAX_BINS = 10, 20
_BAND = 0.99


def ranks(values: Mapping[str, ArrayLike], draws: int, *, title: str = "") -> Figure:
    """Histograms of ranks over the band that holds 99 % of the bins of uniform ranks.

    A slope means that posteriors are shifted, a hollow that they are too narrow, a hump that they
    are too wide.

    Args:
        values: Number of draws below the true value, 0 to ``draws``, {parameter: [simulation]}.
            The names are printed below the frames; they may contain mathtext.
        draws: Number of draws among which each true value is ranked.
        title: Line over the figure.

    Raises:
        InputError: At no parameter, numbers that are not ranks, or fewer than 20 simulations.

    Examples:
        >>> ranks = np.random.default_rng(1).integers(0, 100, 200)
        >>> figure = cj.plots.ranks({"a": ranks}, draws=99)
        >>> figure.axes[0].get_xlabel()
        'rank of a'
    """
    names = distinct("values", values)
    checked = {n: _checked(n, values[n], draws) for n in names}
    across = min(len(names), _ACROSS)
    down = math.ceil(len(names) / across)
    with mpl.rc_context(STYLE):
        figure = new_figure((_WIDTH + _GAP) * across, (_HEIGHT + _GAP) * down)
        frames = figure.subplots(down, across, squeeze=False)
        for frame, (name, numbers) in zip(frames.flat, checked.items(), strict=False):
            _histogram(frame, numbers, draws)
            frame.set_xlabel(drawable(f"rank of {name}"))
        for frame in frames.flat[len(names) :]:
            frame.set_axis_off()
        for frame in frames[:, 0]:
            frame.set_ylabel("simulations")
        handles = [
            Patch(facecolor="none", edgecolor=BLUE, label="ranks"),
            Patch(color=BANDS[0][1], linewidth=0, label="99% of uniform ranks"),
        ]
        column = list(frames[:, 0])
        for _ in range(2):
            set_frames(list(frames[0]), _WIDTH * across, _HEIGHT * down, down=column)
            legend_above(column[0], handles, title=title)
    return figure_of(column[0])


def _checked(name: str, values: ArrayLike, draws: int) -> NumpyReals:
    ranks, least = finite(f"ranks of {name}", values), 2 * _MIN_PER_BIN
    if ranks.size < least:
        raise InputError(f"ranks of {name}: {ranks.size} simulations; give {least} or more")
    wrong = ranks[(ranks < 0) | (ranks > draws) | (ranks != np.round(ranks))]
    if wrong.size:
        raise InputError(
            f"ranks of {name} have {wrong[0]:g}; a rank is a whole number from 0 to {draws}"
        )
    return ranks


def _histogram(axes: Axes, values: NumpyReals, draws: int) -> None:
    """Bins of (nearly) equal numbers of ranks, and the band of uniform ranks."""
    from scipy import stats  # 0.5 s to import

    steps = draws + 1
    bins = min(_MAX_BINS, values.size // _MIN_PER_BIN, steps)
    edges = np.ceil(np.arange(bins + 1) * steps / bins)
    heights = np.histogram(values, edges - 0.5)[0]
    share = np.diff(edges) / steps
    tail = (1 - _BAND) / 2
    low, high = (stats.binom.ppf(p, values.size, share) for p in (tail, 1 - tail))
    dress(axes)
    axes.stairs(high, edges, baseline=low, fill=True, color=BANDS[0][1], linewidth=0)
    axes.stairs(values.size * share, edges, color=BLACK, linewidth=0.7, baseline=None)
    axes.stairs(heights, edges, color=BLUE, linewidth=1.3, baseline=None)
    axes.set_xlim(0, steps)
    axes.set_ylim(0, 1.15 * max(heights.max(), high.max()))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
