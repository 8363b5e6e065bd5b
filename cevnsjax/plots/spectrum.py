"""Data and prediction by bin, with residuals below."""

from collections.abc import Iterable, Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Annotation

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, finite, increasing
from cevnsjax.plots.frame import figure_of, stacked_frames
from cevnsjax.plots.style import BANDS, BLACK, STYLE, UNITS, colours, label
from cevnsjax.plots.text import drawable

_SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")


def spectrum(
    edges: ArrayLike,
    observed: ArrayLike,
    variance: ArrayLike,
    signal: Mapping[str, ArrayLike],
    background: Mapping[str, ArrayLike],
    *,
    observable: str = "n_pe",
    title: str = "",
    note: str = "",
    axes: Iterable[Axes] | None = None,
) -> Figure:
    """Data over a stack of backgrounds and neutrino sources; residuals in the lower panel.

    Args:
        edges: Bin edges [unit of the observable].
        observed: Observed counts, [bin].
        variance: Variance of ``observed``, [bin].
        signal: Expected counts by neutrino source, pulls applied, {source: [bin]}.
        background: Expected counts by background, pulls applied, {component: [bin]}.
        observable: Name of what is binned: "n_pe", "E_ee_keV", "T_nr_keV", "t_us", "f90".
        title: Line over the figure.
        note: Lines beside the spectrum, e.g. the result of a fit.
        axes: Upper and lower axes to draw into; a new figure if None.

    Raises:
        InputError: At shapes that do not match, or a variance that is not above 0.

    Examples:
        >>> signal, background = {"nu_e": [2.0, 6.0]}, {"prompt_neutrons": [0.5, 1.0]}
        >>> figure = cj.plots.spectrum([6, 8, 10], [3, 8], [4, 9], signal, background)
        >>> figure.axes[0].get_ylabel()
        'counts / 2 PE'
    """
    x = increasing("edges", edges)
    bins = (x.size - 1,)
    data, spread = finite("observed", observed, bins), finite("variance", variance, bins)
    if not np.all(spread > 0):
        empty = np.flatnonzero(spread <= 0).tolist()
        raise InputError(f"variance is not above 0 in bins {empty}; merge them with others")
    parts = _stack(signal, background, bins)
    sigma, total = np.sqrt(spread), np.sum(list(parts.values()), axis=0)
    with mpl.rc_context(STYLE):
        upper, lower = stacked_frames(axes, 3.5, 3.2, what="spectrum")
        _counts(upper, x, data, sigma, parts)
        _residuals(lower, x, (data - total) / sigma)
        upper.set_title(drawable(title), loc="left")
        upper.set_ylabel(_counts_label(x, observable))
        lower.set_xlabel(label(observable))
        tops = np.maximum(data + sigma, np.max(np.cumsum(list(parts.values()), axis=0), axis=0))
        floor = 1.1 * min(0.0, float(np.min(data - sigma)), float(np.min(total)))
        _legend_in_free_space(upper, x, tops, floor, drawable(note))
    return figure_of(upper)


def _stack(
    signal: Mapping[str, ArrayLike], background: Mapping[str, ArrayLike], bins: tuple[int, ...]
) -> dict[str, NumpyReals]:
    """Components from the bottom of the stack to its top: backgrounds, then sources."""
    repeated = sorted(set(signal) & set(background))
    if repeated:
        raise InputError(f"{', '.join(repeated)} given as signal and as background; rename one")
    if not (signal or background):
        raise InputError("nothing is predicted; give at least one signal or background")
    sources = [s for s in _SOURCES if s in signal] + [s for s in signal if s not in _SOURCES]
    drawn = {name: finite(f"background {name}", background[name], bins) for name in background}
    return drawn | {name: finite(f"signal {name}", signal[name], bins) for name in sources}


def _counts(
    axes: Axes, x: NumpyReals, data: NumpyReals, sigma: NumpyReals, parts: dict[str, NumpyReals]
) -> None:
    base = np.zeros_like(data)
    paint = colours(parts)
    for name, counts in parts.items():
        look = {"facecolor": paint[name], "edgecolor": "white", "linewidth": 0.3}
        axes.stairs(base + counts, x, baseline=base, fill=True, label=label(name), **look)
        base = base + counts
    axes.stairs(base, x, color=BLACK, linewidth=1.1, label="total", zorder=2.5)
    axes.axhline(0.0, color=BLACK, linewidth=0.5, zorder=2.4)
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.4, "elinewidth": 0.9}
    look = {"fmt": "o", "color": BLACK, "label": "data", "zorder": 3}
    axes.errorbar((x[:-1] + x[1:]) / 2, data, yerr=sigma, **look, **edge)
    axes.set_xlim(x[0], x[-1])


def _residuals(axes: Axes, x: NumpyReals, residual: NumpyReals) -> None:
    for height, shade in BANDS:
        axes.axhspan(-height, height, color=shade, linewidth=0, zorder=0)
    axes.axhline(0.0, color=BLACK, linewidth=0.7, zorder=1)
    axes.plot((x[:-1] + x[1:]) / 2, residual, "o", color=BLACK, label="residual")
    limit = max(2.9, 1.15 * float(np.max(np.abs(residual))))
    axes.set(xlim=(x[0], x[-1]), ylim=(-limit, limit), ylabel=r"residual [$\sigma$]")
    if limit < 4:
        axes.set_yticks([-2, 0, 2])
        axes.set_yticks([-1, 1], minor=True)


def _counts_label(x: NumpyReals, observable: str) -> str:
    """Label of the ordinate with the width of a bin, or the range of widths."""
    width, unit = np.diff(x), UNITS.get(observable, "")
    if np.allclose(width, width[0], rtol=1e-6):
        return f"counts / {width[0]:.4g} {unit}".rstrip()
    return f"counts / bin ({width.min():.4g} to {width.max():.4g} {unit}".rstrip() + ")"


def _legend_in_free_space(
    axes: Axes, x: NumpyReals, tops: NumpyReals, floor: float, note: str
) -> None:
    """Legend and note on the emptier side, and y limits that keep the data below them."""
    half = tops.size // 2
    left = half > 0 and tops[:half].max() < tops[tops.size - half :].max()
    handles, names = axes.get_legend_handles_labels()
    legend = axes.legend(
        # The data, the total, and the components from the top of the stack to its bottom.
        handles[::-1],
        names[::-1],
        loc="upper left" if left else "upper right",
        ncols=2 if len(names) > 4 else 1,
    )
    blocks: list[Annotation | Legend] = [legend]
    if note:
        side, corner, away = ("left", 0.0, 4) if left else ("right", 1.0, -4)
        look = {"fontsize": mpl.rcParams["legend.fontsize"], "linespacing": 1.35}
        place = {"xycoords": legend, "textcoords": "offset points", "ha": side, "va": "top"}
        blocks.append(axes.annotate(note, (corner, 0.0), xytext=(away, -2), **place, **look))
    axes.set_ylim(floor, float(tops.max()) / 0.95)
    figure_of(axes).draw_without_rendering()
    ceiling = np.full(tops.shape, 0.95)
    for block in blocks:
        box = block.get_window_extent().transformed(axes.transData.inverted())
        under = (x[1:] > box.x0) & (x[:-1] < box.x1)
        bottom = axes.transAxes.inverted().transform(block.get_window_extent())[0, 1]
        ceiling[under] = np.minimum(ceiling[under], max(0.2, bottom - 0.03))
    axes.set_ylim(floor, floor + float(np.max((tops - floor) / ceiling)))
