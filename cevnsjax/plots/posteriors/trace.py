"""Draws of every chain in their order, and the distribution of their ranks."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals
from cevnsjax.plots.frame import dress, figure_of, new_figure
from cevnsjax.plots.posteriors.draws import checked_draws, require_draws
from cevnsjax.plots.style import BLACK, CURVES, DASHED, STYLE
from cevnsjax.plots.text import drawable
from cevnsjax.plots.ticks import tidy_numbers

_WIDTH, _ROW, _TITLES = 6.4, 1.25, 0.5  # inch
_RANK_BINS, _MAX_ROWS = 20, 40


def trace(
    draws: Mapping[str, ArrayLike],
    *,
    labels: Mapping[str, str] | None = None,
    r_hat: Mapping[str, Number] | None = None,
    ess: Mapping[str, tuple[Number, Number]] | None = None,
    diverging: ArrayLike | None = None,
    title: str = "",
) -> Figure:
    """Each parameter in a row: its draws in their order on the left, ranks by chain on the right.

    Chains that sample the same distribution lie over each other, and their ranks among the draws of
    all chains are uniform (Vehtari et al., Bayesian Analysis 16 (2021) 667): those of a chain that
    stays low pile up on the left, those of a chain that moves too little in the middle.

    Args:
        draws: Draws by parameter, all of one shape, [chain, draw] [units of the parameters].
        labels: Axis label with unit by parameter; parameters without a label have their names.
        r_hat: Spread between chains over that within, by parameter [1].
        ess: Number of effective draws for the mean and for the tails, by parameter.
        diverging: Whether each draw ended a divergent transition, [chain, draw]; such draws are
            marked at the bottom.
        title: Line over the figure.

    Raises:
        InputError: At no parameters or more than 40, draws that are not finite or of different
            shapes.
        UnknownNameError: At a label or number of a parameter that has no draws.

    Examples:
        >>> draws = np.random.default_rng(1).normal(size=(4, 100))
        >>> figure = cj.plots.trace({"a": draws}, r_hat={"a": 1.0})
        >>> figure.axes[1].get_title(loc="left")
        'ranks by chain'
    """
    arrays = checked_draws(draws)
    if len(arrays) > _MAX_ROWS:
        raise InputError(f"trace shows up to {_MAX_ROWS} parameters, got {len(arrays)}")
    for table in (labels, r_hat, ess):
        require_draws(table or {}, arrays)
    shape = next(iter(arrays.values())).shape
    stray = np.zeros(shape, dtype=bool) if diverging is None else np.asarray(diverging, dtype=bool)
    if stray.shape != shape:
        raise InputError(f"diverging has shape {stray.shape}, expected {shape} as the draws")
    named = {n: n for n in arrays} | dict(labels or {})
    with mpl.rc_context(STYLE):
        figure = new_figure(_WIDTH, _TITLES + _ROW * len(arrays))
        rows = figure.subplots(len(arrays), 2, squeeze=False, width_ratios=(2.2, 1))
        for (left, right), (name, values) in zip(rows, arrays.items(), strict=True):
            _draw_trace(left, values, stray)
            _draw_ranks(right, values)
            left.set_ylabel(drawable(named[name]))
            left.set_title(_numbers(name, r_hat or {}, ess or {}), loc="left", fontsize=8)
            last = left is rows[-1, 0]
            for axes in (left, right):
                axes.tick_params(labelbottom=last)
        rows[-1, 0].set_xlabel("draw  (▲ divergent)" if stray.any() else "draw")
        rows[-1, 1].set_xlabel("rank among all draws")
        rows[0, 1].set_title("ranks by chain", loc="left", fontsize=8)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=STYLE["axes.titlesize"])
        figure.align_ylabels(rows[:, 0])
    return figure_of(rows[0, 0])


def _numbers(
    name: str, r_hat: Mapping[str, Number], ess: Mapping[str, tuple[Number, Number]]
) -> str:
    parts = []
    if name in r_hat:
        parts.append(rf"$\hat{{R}}$ = {r_hat[name]:.3f}")
    if name in ess:
        bulk, tail = ess[name]
        parts.append(f"effective draws: {bulk:.0f} (mean), {tail:.0f} (tails)")
    return ",  ".join(parts)


def _draw_trace(axes: Axes, values: NumpyReals, stray: np.ndarray) -> None:
    """Draws in their order, chain over chain; triangles at divergent ones."""
    steps = np.arange(values.shape[1])
    for chain, row in enumerate(values):
        look = {"color": _colour(chain), "linewidth": 0.45, "alpha": 0.75, "rasterized": True}
        axes.plot(steps, row, **look)
    axes.set_xlim(0, max(1, steps[-1]))
    at = np.flatnonzero(np.any(stray, axis=0))
    if at.size:
        look = {"color": BLACK, "markersize": 3.5, "gid": "divergent", "clip_on": False}
        axes.plot(at, np.full(at.size, 0.03), "^", transform=axes.get_xaxis_transform(), **look)
    dress(axes)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    tidy_numbers(axes)


def _draw_ranks(axes: Axes, values: NumpyReals) -> None:
    """Histogram of ranks, a strip for each chain, over the line at which it would be even."""
    chains, length = values.shape
    ranks = np.argsort(np.argsort(values, axis=None, kind="stable")).reshape(values.shape)
    bins = min(_RANK_BINS, max(2, length // 5))
    edges = np.linspace(0, values.size, bins + 1)
    counts = np.stack([np.histogram(row + 0.5, edges)[0] for row in ranks])
    # The tallest bar of all fills nine tenths of its strip.
    heights = 0.9 * counts / counts.max()
    even = 0.9 * length / bins / counts.max()
    for chain, row in enumerate(heights):
        # The first chain on top.
        base = float(chains - 1 - chain)
        look = {"facecolor": _colour(chain), "edgecolor": "white", "linewidth": 0.3}
        axes.stairs(base + row, edges, baseline=base, fill=True, gid=f"chain {chain}", **look)
        axes.axhline(base + even, color=BLACK, linewidth=0.6, linestyle=DASHED)
    dress(axes)
    axes.set(xlim=(0, values.size), ylim=(0, chains))
    axes.set_yticks(np.arange(chains) + 0.45, [f"{k}" for k in range(chains, 0, -1)])
    axes.set_yticks([], minor=True)
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("chain")
    axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))


def _colour(chain: int) -> str:
    return CURVES[chain % len(CURVES)]
